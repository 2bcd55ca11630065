# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface: thin handlers over the log engine. They translate, and decide nothing."""
