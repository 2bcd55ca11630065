# SPDX-License-Identifier: Apache-2.0
"""The proof of a finding as files that verify by themselves."""

from pathlib import Path

import pytest

from keystead.ct.leaf import parse_merkle_tree_leaf
from keystead.devices.evidence import parse_evidence
from keystead.errors import FetchError, ProofError, UsageError
from keystead.monitor.issuance_entries import MonitoredLog
from keystead.monitor.proof_files import save_proofs
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof
from support.history import History


async def _finding(history: History, folder: Path):  # type: ignore[no-untyped-def]
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    history.certificate("Gamma SA")
    (finding,) = (await history.monitor(folder, 10)).findings
    return finding


async def test_entries_statements_and_evidence_verify_with_the_logs_keys_alone(tmp_path: Path) -> None:
    """Each entry beside its tlog-proof; evidence under its digest."""
    history = History()
    finding = await _finding(history, tmp_path / "state")

    written = await save_proofs(finding, [MonitoredLog(history.log.trust, history.log)], tmp_path / "proofs")

    names = sorted(path.name for path in written)
    assert len(names) == 2 * 4 + 2
    trust = history.log.trust
    for path in written:
        if path.suffix != ".entry":
            continue
        proof = parse_tlog_proof(path.with_suffix(".tlog-proof").read_text())
        key = trust.issuance.key if "-issuance-" in path.name else trust.statements.key
        verify_tlog_proof(proof, hash_leaf(path.read_bytes()), key)
        if "-issuance-" in path.name:
            assert parse_merkle_tree_leaf(path.read_bytes()).leaf_index == proof.index
    evidence = [path for path in written if path.name.startswith("evidence-")]
    assert {parse_evidence(path.read_bytes()).digest.hex() for path in evidence} == {
        path.name.removeprefix("evidence-") for path in evidence
    }


async def test_a_log_that_does_not_serve_what_it_promised_is_not_believed(tmp_path: Path) -> None:
    """Neither an altered bundle nor missing evidence ends up in a proof; nor is a log left out in silence."""
    history = History()
    finding = await _finding(history, tmp_path / "state")
    log = MonitoredLog(history.log.trust, history.log)
    with pytest.raises(UsageError, match=r"log\.example"):
        await save_proofs(finding, [], tmp_path / "none")
    history.log.hooks.append(lambda path, data: None if path.startswith("evidence/") else data)
    with pytest.raises(FetchError, match="evidence"):
        await save_proofs(finding, [log], tmp_path / "withheld")
    # The first octets of a tile are a time, which the leaf's hash covers.
    history.log.hooks[:] = [lambda path, data: b"\0" * 8 + data[8:] if data and "tile/data" in path else data]
    with pytest.raises(ProofError):
        await save_proofs(finding, [log], tmp_path / "altered")
