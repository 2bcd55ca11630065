# SPDX-License-Identifier: Apache-2.0
"""Real servers are audited while they run, between restarts, over HTTP and from their folder."""

import asyncio
from pathlib import Path

import pytest

from keystead.audit.run import AuditOptions, audit_log
from keystead.certificate.extension import Method
from keystead.client.fetcher import FolderFetcher
from keystead.client.http import HTTPFetcher, Patience
from keystead.errors import FetchError
from keystead.statements.payloads import CertificateRevoked, DeviceBinding, RevocationReason
from support.audited_history import AuditedHistory, small_history
from support.log_folder import ServedFiles, files_of
from support.running_log import RunningLog, running_log
from support.world import World


async def fill(log: RunningLog, start: int, count: int) -> None:
    """Log precertificates with evidence, and their certificates."""
    for number in range(start, start + count):
        leaf = log.world.leaf(f"Organization {number}", serial=number)
        piece = log.world.evidence(leaf, number)
        for answer in (
            await log.add_pre_chain(leaf.body(leaf.precertificate, piece)),
            await log.add_chain(leaf.body(leaf.certificate())),
        ):
            assert answer.status == 200, answer.body


async def test_a_server_and_its_folder(tmp_path: Path) -> None:
    """A log is audited over HTTP and from its folder, through restarts and changes of policy, from one state."""
    world = World(tmp_path / "world")
    options = AuditOptions(world.vendor.anchors(), state=tmp_path / "state", folder=tmp_path / "log")
    async with running_log(tmp_path, world) as log:
        await fill(log, 1, 3)
        async with HTTPFetcher(log.server.url) as fetcher:
            over_http = await audit_log(fetcher, log.trust, AuditOptions(world.vendor.anchors()))
        assert over_http.problems == ()
        assert over_http.issuance_size == 6
        assert over_http.statements_size >= 4  # heads of the device index come on their own
        assert over_http.evidence_under_own_anchors == over_http.evidence_checked == 3
        trust = log.trust
        assert (await audit_log(FolderFetcher(tmp_path / "log"), trust, options)).kept
    policy = world.write_policy(backfill="any")
    async with running_log(tmp_path, world, policy=policy) as log:
        leaf = log.world.leaf("Without AB")
        answer = await log.add_chain(leaf.body(leaf.certificate()))
        assert answer.status == 200
        await fill(log, 4, 2)
    report = await audit_log(FolderFetcher(tmp_path / "log"), trust, options)
    assert report.problems == ()
    assert report.continued_from["issuance"] == 6
    assert (report.issuance_size, report.evidence_checked) == (11, 2)
    assert report.kept


async def test_statements_of_parties(tmp_path: Path) -> None:
    """What a server admits from CAs, an audit finds in order."""
    async with running_log(tmp_path) as log:
        await fill(log, 1, 1)
        leaf = log.world.leaf("Organization 1", serial=1)
        answer = (await log.add_chain(leaf.body(leaf.certificate()))).json
        origin, now = log.trust.statements.key.origin, answer["timestamp"] // 1000
        named = {
            "certificate": bytes.fromhex(answer["certificate_id"]),
            "issuance_index": answer["leaf_index"],
        }
        for statement in (
            DeviceBinding(origin, now, **named, devices=(), method=Method.SIGNING_SERVICE, service=bytes(32)),
            CertificateRevoked(origin, now, **named, on=now, reason=RevocationReason.KEY_COMPROMISE),
        ):
            assert (await log.say(log.world.say("North CA", statement))).status == 200
        async with HTTPFetcher(log.server.url) as fetcher:
            report = await audit_log(fetcher, log.trust, AuditOptions(log.world.vendor.anchors()))
        assert report.problems == ()
        assert report.statements_size >= 4


async def test_a_server_that_is_written_to(tmp_path: Path) -> None:
    """While entries stream in, audit after audit continues and finds nothing; the last one has it all."""
    async with running_log(tmp_path) as log:
        writing = asyncio.gather(*(fill(log, 1 + 100 * lane, 6) for lane in range(4)))
        options = AuditOptions(log.world.vendor.anchors(), state=tmp_path / "state")
        async with HTTPFetcher(log.server.url) as fetcher:
            while not writing.done():
                report = await audit_log(fetcher, log.trust, options)
                assert report.problems == ()
                assert report.kept
            await writing
            report = await audit_log(fetcher, log.trust, options)
            anew = await audit_log(fetcher, log.trust, AuditOptions(log.world.vendor.anchors()))
    assert report.problems == anew.problems == ()
    assert report.issuance_size == anew.issuance_size == 48
    assert anew.evidence_checked == 24
    assert (report.waiting, anew.waiting) == (0, 0)


async def test_a_log_that_cannot_be_reached() -> None:
    """Where nothing answers, and where there is no log, it is an error and not a verdict."""
    history = small_history()
    options = AuditOptions(history.vendor.anchors())
    async with HTTPFetcher("http://127.0.0.1:9", patience=Patience(attempts=1)) as fetcher:
        with pytest.raises(FetchError, match="cannot be reached"):
            await audit_log(fetcher, history.log.trust, options)
    with pytest.raises(FetchError, match="is not there"):
        await audit_log(ServedFiles({}), history.log.trust, options)


async def test_files_that_fail() -> None:
    """A file that fails while the log can be reached is withheld; a log that goes away in between is an error."""
    history = small_history()
    files = files_of(history.log)

    class Failing(ServedFiles):
        gone = False

        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            if path == "issuance/tile/data/000.p/5":
                if self.gone:
                    self.files = {}
                raise FetchError("the disk of the log is broken", status=500)
            if self.gone and not self.files:
                raise FetchError("the log cannot be reached")
            return await super().get(path, limit)

    report = await history.audit_now(Failing(files))
    assert [(one.code, one.path) for one in report.problems] == [
        ("bundle-withheld", "issuance/tile/data/000.p/5")
    ]
    assert "the disk of the log is broken" in report.problems[0].sentence
    failing = Failing(files)
    failing.gone = True
    with pytest.raises(FetchError, match="cannot be reached"):
        await history.audit_now(failing)


async def test_an_empty_log() -> None:
    """A log without entries is in order, if it has its policy."""
    history = AuditedHistory()
    report = await history.audit_now()
    assert report.ok
    assert (report.issuance_size, report.statements_size) == (0, 1)


async def test_no_more_than_a_partial_file_was_replaced(tmp_path: Path) -> None:
    """Where a partial file is gone because the full one is there, that one is read."""
    history = AuditedHistory()
    with history.one_batch():
        for number in range(1, 4):
            history.certificate(f"Organization {number}", serial=number)
    checkpoints = {path: data for path, data in files_of(history.log).items() if path.endswith("checkpoint")}
    with history.one_batch():
        for number in range(4, 257):
            history.certificate(f"Organization {number}", serial=number, evidence=False)
    grown = {path: data for path, data in files_of(history.log).items() if path.startswith("issuance/")}
    statements = {**history.log.objects, **files_of(history.log)}
    report = await history.audit_now(ServedFiles({**statements, **grown, **checkpoints}))
    assert report.problems == ()
    assert (report.issuance_size, report.evidence_checked) == (3, 3)


async def test_whose_anchors_show_the_evidence() -> None:
    """Evidence under anchors that only the log's policy names is counted apart from what one's own anchors show."""
    history = small_history()
    report = await audit_log(
        history.log,
        history.log.trust,
        AuditOptions(history.vendor.anchors().without([history.vendor.anchor().key_hash])),
    )
    assert report.ok
    assert (report.evidence_checked, report.evidence_under_own_anchors) == (3, 0)
