# SPDX-License-Identifier: Apache-2.0
"""A log made by the real server passes `verify_from_raw_bytes.py`, and no altered copy of it does."""

import ast
import asyncio
import json
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.extension import Method
from keystead.demo.folder import DemoFolder
from keystead.demo.real_certificate import tell_real_certificate
from keystead.demo.shared_device import tell_shared_device
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import sign_envelope
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceBinding,
    DeviceReference,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    service_id_of,
)
from support.running_log import Answer, RunningLog, running_log
from support.world import party_key, spki

_SCRIPT = Path(__file__).with_name("verify_from_raw_bytes.py")
_PLAIN = 260
"""Precertificates without evidence: more than one full tile."""

_OPERATOR, _NEXT = "Signing Service", "Signing Service, next key"
_SERVICE = service_id_of(spki(party_key(_OPERATOR)), "Example Signing")


def _device(scheme: str, number: int) -> DeviceReference:
    return DeviceReference(scheme, bytes((number,)) * 32)


async def _write(log: RunningLog) -> None:
    """Entries and statements of every kind that a log takes today."""
    world = log.world

    def good(answer: Answer) -> Any:
        assert answer.status == 200, answer.body
        return answer.json

    def answers(*pending: Any) -> Any:
        return asyncio.gather(*pending)

    leaves = [world.leaf(f"Company {number}", serial=5_000_000 + number) for number in range(_PLAIN)]
    for answer in await answers(*(log.add_pre_chain(leaf.body(leaf.precertificate)) for leaf in leaves)):
        good(answer)
    # A precertificate whose extension names its evidence, then its certificate with the promise inside.
    attested = world.leaf("Attested AB", serial=7_000_001)
    evidence = world.evidence(attested, 7_000_001)
    attested = world.leaf("Attested AB", serial=7_000_001, digest=evidence.digest)
    first = good(await log.add_pre_chain(attested.body(attested.precertificate, evidence)))
    final = attested.certificate(sct_list=b64decode(first["sct_list"]))
    good(await log.add_chain(attested.body(final)))
    # A certificate of a CA that knows nothing of the log, with its evidence beside it.
    backfilled = world.leaf(
        "Older GmbH", key=world.vendor.yubikey(7_000_002).generate(), authority=world.south
    )
    backfill = good(
        await log.add_chain(
            backfilled.body(
                backfilled.certificate(), world.vendor.yubikey(7_000_002).attest(backfilled.key.spki)
            )
        )
    )

    now = int(time.time())
    head = {"log": log.trust.statements.key.origin, "issued": now}
    certificate, index = bytes.fromhex(backfill["certificate_id"]), backfill["leaf_index"]
    bound = DeviceBinding(
        **head,
        certificate=certificate,
        issuance_index=index,
        devices=(_device("luna-serial", 1),),
        method=Method.SHIPPED_BY_CA,
    )
    audit = ServiceAudit(
        **head,
        service=_SERVICE,
        service_name="Example Signing",
        founding_key=spki(party_key(_OPERATOR)),
        operator_name="Example Signing AB",
        operator_key=spki(party_key(_OPERATOR)),
        scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
        auditor="Careful Audits",
        not_before=now - 86_400,
        not_after=now + 300 * 86_400,
    )
    key_change = ServiceDevices(
        **head, service=_SERVICE, from_=now, join=(), leave=(), next_key=spki(party_key(_NEXT))
    )
    enrolment = ServiceDevices(
        **head, service=_SERVICE, from_=now, join=(_device("luna-serial", 1),), leave=()
    )
    revoked = CertificateRevoked(
        **head, certificate=certificate, issuance_index=index, on=now, reason=RevocationReason.SUPERSEDED
    )
    for speaker, statement in (
        ("South CA", bound),
        ("Careful Audits", audit),
        (_OPERATOR, key_change),
        (_NEXT, enrolment),
        ("South CA", revoked),
    ):
        good(await log.say(world.say(speaker, statement)))
    # The policy changes while the log runs, and what comes after is judged by the new one.
    world.write_policy(limits="per_party = 1000")
    assert await log.server.reload_policy()
    later = world.leaf("Later AB", key=world.vendor.yubikey(7_000_003).generate())
    piece = world.vendor.yubikey(7_000_003).attest(later.key.spki)
    good(await log.add_pre_chain(later.body(later.precertificate, piece)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a log that ran and stopped."""
    place = tmp_path_factory.mktemp("raw")

    async def make() -> None:
        async with running_log(place) as log:
            await _write(log)

    asyncio.run(make())
    return place / "log"


def _verify(place: Path | str) -> dict[str, Any]:
    """Run the script as a stranger would."""
    ended = subprocess.run(
        [sys.executable, str(_SCRIPT), str(place)], capture_output=True, text=True, check=False
    )
    assert not ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == (0 if report["ok"] else 1)
    return report


def test_a_stored_log_is_good(folder: Path) -> None:
    """Everything in the folder of a stopped log verifies from its raw bytes."""
    report = _verify(folder)
    assert report == {
        "ok": True,
        "issuance_size": _PLAIN + 4,
        "statements_size": 10,
        "policies": 2,
        "evidence": 3,
    }


async def test_a_served_log_is_good(folder: Path, tmp_path: Path) -> None:
    """The same log, served, verifies over HTTP, its entry bundles of both logs among the rest."""
    shutil.copytree(folder, tmp_path / "log")
    shutil.copytree(folder.parent / "world", tmp_path / "world")
    async with running_log(tmp_path) as log:
        report = await asyncio.to_thread(_verify, log.server.url)
    assert report["ok"], report
    assert report["issuance_size"] == _PLAIN + 4


def _flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))


def _edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.chmod(0o644)
    path.write_bytes(data.replace(old, new, 1))


def _only(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


_ALTERATIONS: dict[str, tuple[str, Callable[[Path, str], None]]] = {
    "an entry's bytes": ("issuance/tile/data/000", lambda folder, path: _flip(folder / path, 300)),
    "an entry's index": (
        "issuance/tile/data/000",
        lambda folder, path: _edit(
            folder / path, bytes.fromhex("0000050000000007"), bytes.fromhex("0000050000000008")
        ),
    ),
    "a full hash tile": ("issuance/tile/0/000", lambda folder, path: _flip(folder / path, 4000)),
    "the hash tile above": ("issuance/tile/1/000.p/1", lambda folder, path: _flip(folder / path, 0)),
    "a statement": ("statements/tile/entries/000.p/10", lambda folder, path: _flip(folder / path, 200)),
    "the statements' hash tile": ("statements/tile/0/000.p/10", lambda folder, path: _flip(folder / path, 9)),
    "a root in a checkpoint": ("issuance/checkpoint", lambda folder, path: _flip(folder / path, 45)),
    "a size in a checkpoint": (
        "statements/checkpoint",
        lambda folder, path: _edit(folder / path, b"\n10\n", b"\n11\n"),
    ),
    "an issuer": ("issuance/issuer/*", lambda folder, path: _flip(_only(folder, path), 50)),
    "evidence": ("evidence/*", lambda folder, path: _flip(_only(folder, path), 100)),
    "a policy": ("policy/*", lambda folder, path: _edit(_only(folder, path), b"evidence", b"evidencf")),
    "missing evidence": ("evidence/*", lambda folder, path: _only(folder, path).unlink()),
    "a missing tile": ("issuance/tile/0/000", lambda folder, path: (folder / path).unlink()),
    "another key in trust.json": (
        "trust.json",
        lambda folder, path: _edit(folder / path, b'"sct_key":"MFkw', b'"sct_key":"MFkx'),
    ),
}


@pytest.mark.parametrize("what", _ALTERATIONS)
def test_an_altered_log_is_found_out(folder: Path, tmp_path: Path, what: str) -> None:
    """Whichever file is altered or missing, the script says that something is wrong."""
    copy = tmp_path / "log"
    shutil.copytree(folder, copy)
    path, alter = _ALTERATIONS[what]
    alter(copy, path)
    report = _verify(copy)
    assert not report["ok"]
    assert report["problem"]


def test_a_dropped_checkpoint_signature_is_found_out(folder: Path, tmp_path: Path) -> None:
    """A checkpoint of the issuance log with one of its two signatures is not enough."""
    for dropped in (-1, -2):
        copy = tmp_path / f"log{dropped}"
        shutil.copytree(folder, copy)
        path = copy / "issuance" / "checkpoint"
        lines = path.read_bytes().splitlines(keepends=True)
        del lines[dropped]
        path.write_bytes(b"".join(lines))
        assert "signature" in _verify(copy)["problem"]


async def test_what_the_log_must_not_take_is_not_there(tmp_path: Path) -> None:
    """A statement by a key that the policy does not know is refused, and the log stays as it was."""
    async with running_log(tmp_path) as log:
        now = int(time.time())
        forged = ServiceDevices(
            log.trust.statements.key.origin,
            now,
            service=_SERVICE,
            from_=now,
            join=(_device("x", 1),),
            leave=(),
        )
        envelope = sign_envelope(party_key("Nobody"), forged.payload_type, forged.encode())
        assert (await log.say(envelope)).status == 400
    report = _verify(tmp_path / "log")
    assert (report["issuance_size"], report["statements_size"]) == (0, 1)


async def test_the_log_of_the_demonstration_is_good(tmp_path: Path) -> None:
    """Both logs that `keystead demo` leaves behind verify from their raw bytes, the refused forgeries left no trace."""
    folder = DemoFolder(tmp_path / "demo")
    await tell_shared_device(folder, lambda chapter: None)
    report = _verify(folder.path / "log")
    assert report["ok"], report
    assert (report["issuance_size"], report["evidence"]) == (10, 5)


@pytest.mark.samples
async def test_a_log_of_the_real_world_is_good(samples: Path, tmp_path: Path) -> None:
    """So does a log with a published certificate of a CA that knows nothing of it, and its key's true attestation."""
    folder = DemoFolder(tmp_path / "demo")
    await tell_real_certificate(folder, samples, lambda chapter: None)
    report = _verify(folder.path / "log")
    assert report["ok"], report
    assert (report["issuance_size"], report["evidence"]) == (1, 1)


def test_the_script_shares_no_code_with_the_project() -> None:
    """It imports the standard library, `cryptography` and its own formats, and nothing else."""
    imported = set()
    for path in (_SCRIPT, _SCRIPT.with_name("raw_formats.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names == {"cryptography", "raw_formats"}
