# SPDX-License-Identifier: Apache-2.0
"""Talking to a log: fetching, trusting, reading with proof, submitting.

This is the shell around the pure formats. `fetcher` brings bytes, `trust` says whose signatures count,
`log_reader` turns bytes into verified checkpoints and entries, `submission` writes. Nothing here decides
what an entry means.
"""
