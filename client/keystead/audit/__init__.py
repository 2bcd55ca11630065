# SPDX-License-Identifier: Apache-2.0
"""Everything again from raw bytes (`specs/audit.md`): a whole log, or one certificate in it.

Pure, from the bytes up: `problem` (what is wrong, and where), `edge` and `tree` (entries against hash tiles and
roots), `data_tile`, `chains` and `issuance` (entries of certificates), `read_statement` and `evidence_claim` (what
statements say, and what they say of evidence). Over `state`, a database of facts: `judge` with its `view` (may the
signer say this), `rules` (what must hold between the two logs). Talking to the log: `files`, `heads`, `issuers`,
`tree_reader`, `leftovers`; `issuance_audit` and `statements_audit` read a log each, and `run` has the order
of it all.

`certificate_check` is about one certificate alone.
"""
