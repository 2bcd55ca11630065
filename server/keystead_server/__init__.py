# SPDX-License-Identifier: Apache-2.0
"""The Keystead log: two transparency logs under one sequencer, and what admits entries to them."""
