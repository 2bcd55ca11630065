# SPDX-License-Identifier: Apache-2.0
"""The kinds of statements, one module each: what it says, who may say it, and the rules of its own.

A new kind is one module that ends in a `Kind`, its line in `keystead.statements.payloads`, and its schema.
"""
