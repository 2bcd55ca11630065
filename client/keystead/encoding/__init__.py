# SPDX-License-Identifier: Apache-2.0
"""Strict codecs for the notations that Keystead's formats are written in.

One module a notation: RFC 4648 text, decimal integers, TLS presentation language, DER, JSON and RFC 3339
times. Each accepts exactly one spelling of a value and raises `ParseError` for any other.
"""
