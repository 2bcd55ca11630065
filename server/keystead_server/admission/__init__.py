# SPDX-License-Identifier: Apache-2.0
"""Who may write: every rule that admits or refuses a submission, as functions that decide and do nothing else."""
