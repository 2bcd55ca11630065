# SPDX-License-Identifier: Apache-2.0
"""The command line: one module a verb, and one place for errors and exit codes (`main`).

The verbs read files, call the packages below and show what comes back; they decide nothing. Each module has a
click command named `command`; its function returns the exit code, or nothing for 0.
"""
