# SPDX-License-Identifier: Apache-2.0
"""The index of a log on another machine: the same answers, under the log's own heads; lies of the log are found."""

import random
from pathlib import Path

import aiohttp
import pytest

from keystead.audit.run import AuditOptions, audit_log
from keystead.client.fetcher import MAX_BYTES, FolderFetcher
from keystead.client.http import HTTPFetcher
from keystead.client.trust import parse_trust
from keystead.errors import FetchError, LogMisbehaviourError, ProofError, StoreError, UsageError
from keystead.index.answer import parse_answer
from keystead.index.kinds import IndexKind, Subject
from keystead.index.verification import IndexTrust, VerifiedAnswer, verify_answer
from keystead_server.mirror.run import IndexMirror
from keystead_server.storage.directory import DirectoryBlobStore
from support.audited_history import AuditedHistory, small_history
from support.history import yubikey
from support.indexed_log import IndexedLog
from support.memory_log import MemoryLog
from support.running_log import running_log

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))


def indexed() -> tuple[AuditedHistory, IndexedLog]:
    """A log with something of everything, and two heads."""
    history = small_history()
    index = IndexedLog(history.log)
    grow(history, index, 4)
    grow(history, index, 5)
    return history, index


def grow(history: AuditedHistory, index: IndexedLog, day: int) -> None:
    """A day with a certificate and a head."""
    history.day(day)
    history.certificate(f"Company {day}", serial=day % 3 + 1, precertificate=bool(day % 2))
    index.commit()


async def ask(url: str, subject: Subject, trust: IndexTrust, head: int | None = None) -> VerifiedAnswer:
    """An answer, verified as a record."""
    query = "" if head is None else f"?head={head}"
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/index/v1/{subject.kind.text}/{subject.value.hex()}{query}") as response,
    ):
        body = await response.read()
        assert response.status == 200, body
    return verify_answer(parse_answer(body), subject, trust, None, head_index=head)


async def test_answers_under_the_logs_own_heads(tmp_path: Path) -> None:
    """Built from nothing, and followed: every history as the log has it, under every head that is kept."""
    history, index = indexed()
    async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
        await mirror.copy()
        done = await mirror.follow()
        # From nothing, the index begins at the heads of the last ten minutes.
        assert (done.issuance_size, done.heads, done.wrong) == (7, 1, {})
        await mirror.serve("127.0.0.1:0")
        for day in (6, 8):
            grow(history, index, day)
            grow(history, index, day + 1)
            await mirror.copy()
            assert (await mirror.follow()).heads == 2
        head = index.heads[-1]
        for subject, entries in head.histories.items():
            found = await ask(mirror.url, subject, index.trust)
            assert (list(found.answer.page.entries), found.head.index) == (entries, head.index)
        absent = Subject(IndexKind.DEVICE_CERTIFICATES, bytes(32))
        assert (await ask(mirror.url, absent, index.trust)).answer.page.count == 0


async def test_what_it_serves_beside_answers(tmp_path: Path) -> None:
    """The copy can be read like the log; its trust.json has the log's keys, and sends questions here."""
    history, _ = indexed()
    async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
        await mirror.copy()
        await mirror.follow()
        await mirror.serve("127.0.0.1:0", "https://index.example")
        host = next(iter(mirror._runner.addresses))  # type: ignore[union-attr]
        async with HTTPFetcher(f"http://{host[0]}:{host[1]}") as fetcher:
            trust = parse_trust(await fetcher.get("trust.json") or b"")
            assert trust.identity == history.log.trust.identity
            assert trust.index_url == "https://index.example/index/v1"
            for path in ("issuance/checkpoint", "issuance/tile/data/000.p/7", "issuance/tile/0/000.p/7"):
                assert await fetcher.get(path) == await history.log.get(path)
            assert b'"status": "ok"' in (await fetcher.get("healthz") or b"")
            metrics = (await fetcher.get("metrics") or b"").decode()
            assert 'keystead_index_size{log="issuance"} 7.0' in metrics
            assert await fetcher.get("issuance/tile/0/001") is None
            report = await audit_log(fetcher, trust, AuditOptions(history.vendor.anchors(), hashes_only=True))
            assert report.ok


async def test_a_running_log(tmp_path: Path) -> None:
    """A real log is followed while it grows; what is answered here is what the log answers under the same head."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        for number in range(6):
            leaf = log.world.leaf(f"Company {number}", serial=5_000_001)
            await log.add_chain(leaf.body(leaf.certificate(), log.world.evidence(leaf, 5_000_001)))
        trust = log.trust
        keys = IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)
        async with (
            HTTPFetcher(log.server.url) as fetcher,
            IndexMirror(tmp_path / "mirror", fetcher, trust) as mirror,
        ):
            done = None
            while done is None or done.head is None:
                await mirror.copy()
                done = await mirror.follow()
            assert not done.wrong
            await mirror.serve("127.0.0.1:0")
            subject = Subject(IndexKind.POLICIES, b"")
            ours = await ask(mirror.url, subject, keys, done.head)
            theirs = await ask(log.server.url, subject, keys, done.head)
            assert ours.answer.page == theirs.answer.page
            assert ours.answer.map_proof == theirs.answer.map_proof


@pytest.mark.parametrize("lie", ["map", "tree", "sizes"])
async def test_a_wrong_head(tmp_path: Path, lie: str) -> None:
    """A head that the log's entries do not lead to is named, never answered under; the next right one is."""
    history, index = indexed()
    changed = {
        "map": {"map_root": bytes(32)},
        "tree": {"issuance_root": bytes(32)},
        "sizes": {"statements_size": 1000},
    }
    history.day(6)
    wrong = index.add_head(**changed[lie])
    async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
        await mirror.copy()
        done = await mirror.follow()
        assert list(done.wrong) == [wrong.index]
        await mirror.serve("127.0.0.1:0")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{mirror.url}/index/v1/policies/?head={wrong.index}") as response,
        ):
            assert response.status == (404 if lie == "sizes" else 503)
        grow(history, index, 7)
        await mirror.copy()
        assert not (await mirror.follow()).wrong
        found = await ask(mirror.url, DEVICE, index.trust)
        assert found.head.index == index.heads[-1].index


async def test_a_fork(tmp_path: Path) -> None:
    """A log that shows another history than before is not followed; what it signed is kept."""
    history, _ = indexed()
    other = history.log.fork()
    async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
        await mirror.copy()
        await mirror.follow()
    history.log = other
    other.statements.entries.pop(), other.statements.hashes.pop()
    other.statements._rows.clear()
    grow(history, IndexedLog(other), 6)
    seen = (tmp_path / "mirror/statements/checkpoint").read_bytes()
    async with IndexMirror(tmp_path / "mirror", other, other.trust) as mirror:
        with pytest.raises(LogMisbehaviourError, match="forked"):
            await mirror.copy()
    assert (tmp_path / "mirror/proof/fork-old_checkpoint").read_bytes() == seen
    assert (tmp_path / "mirror/statements/checkpoint").read_bytes() == seen


async def test_altered_files(tmp_path: Path) -> None:
    """Bytes that do not hash to what the log signed, or to their name, are not written; right ones are taken after."""
    history, _ = indexed()
    issuer = next(path for path in history.log.objects if path.startswith("issuance/issuer/"))
    altered = {"issuance/tile/data/000.p/7": ProofError, issuer: FetchError}
    for path, error in altered.items():

        def alter(asked: str, data: bytes | None, path: str = path) -> bytes | None:
            return bytes([data[0] ^ 1]) + data[1:] if asked == path and data is not None else data

        history.log.hooks = [alter]
        async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
            with pytest.raises(error):
                await mirror.copy()
        assert not (tmp_path / "mirror/issuance/checkpoint").exists()
    history.log.hooks = []
    async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
        await mirror.copy()
        assert (await mirror.follow()).head is not None


class _KilledError(Exception):
    """The process is gone."""


@pytest.mark.parametrize("seed", range(6))
async def test_a_kill_at_any_instant(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between any two writes, again and again, while the log grows: the end is what it is without kills."""
    chance = random.Random(seed)
    history, index = indexed()
    for name in ("put", "publish"):
        real = getattr(DirectoryBlobStore, name)

        def fragile(*arguments: object, real: object = real) -> None:
            moment = chance.random()
            if moment < 0.2:
                raise _KilledError
            real(*arguments)  # type: ignore[operator]
            if moment < 0.4:
                raise _KilledError

        monkeypatch.setattr(DirectoryBlobStore, name, fragile)
    with history.one_batch():
        leaf = history.log.issuance.leaves[1]
        for _ in range(chance.choice([10, 300, 700])):
            history.log.add_leaf(
                leaf.entry.signed,
                leaf.fingerprints,
                precertificate=leaf.precertificate,
                issuer_key_hash=leaf.entry.issuer_key_hash,
            )
    kills = 0
    for day in range(6, 12):
        grow(history, index, day)
        while True:
            try:
                async with IndexMirror(tmp_path / "mirror", history.log, history.log.trust) as mirror:
                    await mirror.copy()
                    done = await mirror.follow()
                    break
            except _KilledError:
                kills += 1
        assert not done.wrong
        assert done.head == index.heads[-1].index
    assert kills
    monkeypatch.undo()
    folder = FolderFetcher(tmp_path / "mirror")
    report = await audit_log(
        folder, history.log.trust, AuditOptions(history.vendor.anchors(), hashes_only=True)
    )
    assert report.ok, report.problems


class _Counting:
    """A fetcher that remembers what it was asked for."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.asked: list[str] = []

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`."""
        self.asked.append(path)
        return await self.log.get(path, limit)


async def test_nothing_is_fetched_twice(tmp_path: Path) -> None:
    """What is in the folder, and can never change, is not asked for again."""
    history, index = indexed()
    with history.one_batch():
        leaf = history.log.issuance.leaves[1]
        for _ in range(600):
            history.log.add_leaf(
                leaf.entry.signed,
                leaf.fingerprints,
                precertificate=leaf.precertificate,
                issuer_key_hash=leaf.entry.issuer_key_hash,
            )
    fetcher = _Counting(history.log)
    for day in (6, 7):
        grow(history, index, day)
        async with IndexMirror(tmp_path / "mirror", fetcher, history.log.trust) as mirror:
            await mirror.copy()
            await mirror.follow()
    full = [path for path in fetcher.asked if "/tile/" in path and ".p/" not in path]
    assert len(full) == len(set(full)) == 2
    issuers = [path for path in fetcher.asked if "/issuer/" in path]
    assert len(issuers) == len(set(issuers))


async def test_folders_that_are_not_its_own(tmp_path: Path) -> None:
    """Another log's copy, a log's own folder, and a folder in use are refused."""
    history, _ = indexed()
    trust = history.log.trust
    async with IndexMirror(tmp_path / "mirror", history.log, trust):
        with pytest.raises(StoreError, match="in use"):
            await IndexMirror(tmp_path / "mirror", history.log, trust).__aenter__()
    other = MemoryLog("other.example")
    with pytest.raises(UsageError, match="other keys"):
        await IndexMirror(tmp_path / "mirror", other, other.trust).__aenter__()
    (tmp_path / "log/keys").mkdir(parents=True)
    with pytest.raises(UsageError, match="the folder of a log"):
        await IndexMirror(tmp_path / "log", history.log, trust).__aenter__()
