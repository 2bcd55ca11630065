# SPDX-License-Identifier: Apache-2.0
"""Asking witnesses for cosignatures, between the commit and the publication of a batch (`specs/witnesses.md`).

* `report`     what became of asking: for metrics and `/healthz`
* `courier`    one witness, one log: one request at a time
* `collector`  all witnesses of the policy, both logs: the `Cosigner` of a served log
"""
