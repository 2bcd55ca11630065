# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface: thin handlers over the log engine. They translate, and decide nothing.

A connection begins as a `direct` one, which answers plain requests for promises, checkpoints and tiles by itself
(`plain_http`, `direct_answers`) and hands everything else to aiohttp (`connections`, `application`).
"""
