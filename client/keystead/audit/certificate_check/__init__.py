# SPDX-License-Identifier: Apache-2.0
"""One certificate, verified in the logs that promised it (`specs/audit.md`, section 8).

Pure: `promise` (what was promised, and signed), `dossier` (what a statement log says about the certificate, and
whether its signers may), `report`. `sayings` fetches evidence and says what each word is worth; `check` has the order
of it all.
"""
