# SPDX-License-Identifier: Apache-2.0
"""A served log with witnesses: what readers and submitters see while they are there, missing, and back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from keystead.client.http import HTTPFetcher
from keystead.client.log_reader import LogReader
from keystead.client.submission import submit_chain
from keystead.client.trust import parse_trust
from keystead.errors import SignatureError, UsageError
from keystead.tlog.checkpoint import verify_checkpoint
from keystead.tlog.note import parse_note
from keystead.tlog.policy import parse_policy
from keystead_server.log.publication import QuorumMissingError
from keystead_server.main import EmbeddedLog
from support.running_log import Answer, RunningLog, running_log
from support.whole_log import read_whole_log
from support.witness import Witness, policy_of
from support.world import Leaf, World

PATIENT_SECONDS = 30


class Harbour:
    """A folder for a log, its world, and its witnesses."""

    def __init__(self, folder: Path, witnesses: list[Witness]) -> None:
        self.folder = folder
        self.world = World(folder / "world")
        self.witnesses = witnesses

    def write_policy(self, quorum: int | str, timeout: float = 5, **options: str) -> Path:
        """The policy file, with these witnesses."""
        path = self.world.write_policy(
            extra=f'[witness]\npolicy = "witnesses.txt"\ntimeout = {timeout}', **options
        )
        (path.parent / "witnesses.txt").write_text(policy_of(*self.witnesses, quorum=quorum))
        return path

    @asynccontextmanager
    async def log(self, quorum: int | str = "all", **options: object) -> AsyncIterator[RunningLog]:
        """The log, running on the same address each time, so that its name and URL stay."""
        policy = self.write_policy(quorum)
        async with running_log(self.folder, self.world, policy=policy, name="log.example", **options) as log:
            for witness in self.witnesses:
                for key in (log.trust.issuance.key, log.trust.statements.key):
                    assert key.vkey is not None
                    witness.know(key.vkey.encode())
            yield log


@asynccontextmanager
async def harbour(folder: Path, count: int = 2) -> AsyncIterator[Harbour]:
    """Witnesses that are alive, and learn of the log when it is started first."""
    async with AsyncExitStack() as stack:
        yield Harbour(
            folder,
            [
                await stack.enter_async_context(Witness(f"w{number}.example", folder / f"w{number}.json"))
                for number in range(count)
            ],
        )


async def until_well(log: RunningLog) -> None:
    """Until the log can write."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while (await log.get("/healthz")).status != 200:
            pass


async def until_waiting(log: RunningLog) -> Answer:
    """Until the log waits for witnesses; what `/healthz` says then."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while (answer := await log.get("/healthz")).status == 200:
            pass
    return answer


def new_leaf(log: RunningLog, number: int) -> tuple[Leaf, bytes]:
    """A certificate on device `number`, and the body that submits its precertificate with evidence."""
    leaf = log.world.leaf(f"Org {number}", serial=number)
    return leaf, leaf.body(leaf.precertificate, log.world.evidence(leaf, number))


async def cosigners(log: RunningLog) -> list[list[str]]:
    """Who cosigned each of the two published checkpoints."""
    assert log.trust.witness_policy is not None
    notes = [(await log.get(f"/{name}/checkpoint")).body for name in ("issuance", "statements")]
    return [sorted(log.trust.witness_policy.cosigners(parse_note(note))) for note in notes]


@pytest.mark.parametrize("front_ends", [0, 2])
async def test_what_is_published_is_cosigned_and_what_is_answered_is_under_it(
    tmp_path: Path, front_ends: int
) -> None:
    """Clients that ask for the quorum of trust.json read, submit and prove; others read the same log."""
    async with harbour(tmp_path) as place, place.log(front_ends=front_ends) as log:
        await until_well(log)
        assert await cosigners(log) == [["w0", "w1"]] * 2
        leaf, _ = new_leaf(log, 1)
        evidence = log.world.evidence(leaf, 1)
        async with HTTPFetcher(log.server.url) as fetcher:
            logged = await submit_chain(
                fetcher, log.trust, [leaf.precertificate, *leaf.authority.chain], [evidence]
            )
            assert await cosigners(log) == [["w0", "w1"]] * 2
            checkpoint = await LogReader(fetcher, "statements", log.trust.statements.key).checkpoint()
        assert log.trust.issuance.key.quorum is not None
        log.trust.issuance.key.quorum.check(logged.checkpoint.note)
        assert logged.statement_index is not None
        assert checkpoint.checkpoint.size > logged.statement_index
        await read_whole_log(log)
        metrics = (await log.get("/metrics")).body.decode()
        assert 'keystead_witness_cosigning{log="issuance",witness="w0"} 1.0' in metrics
        assert "keystead_quorum_missing 0.0" in metrics
        reports = (await log.get("/healthz")).json["witnesses"]
        assert {"name": "w1", "log": "statements", "failing": None} in reports


async def test_two_of_three_are_enough_and_the_dead_one_is_named(tmp_path: Path) -> None:
    """The log goes on; the metric and `/healthz` tell which witness does not cosign, and why."""
    async with harbour(tmp_path, 3) as place:
        await place.witnesses[1].__aexit__()
        async with place.log(quorum=2) as log:
            await until_well(log)
            _, body = new_leaf(log, 1)
            assert (await log.add_pre_chain(body)).status == 200
            assert await cosigners(log) == [["w0", "w2"]] * 2
            failing = {
                report["name"]
                for report in (await log.get("/healthz")).json["witnesses"]
                if report["failing"] is not None
            }
            assert failing == {"w1"}
            metrics = (await log.get("/metrics")).body.decode()
            assert 'keystead_witness_cosigning{log="statements",witness="w1"} 0.0' in metrics
            assert (
                'keystead_witness_failures_total{log="statements",reason="unreachable",witness="w1"}'
                in metrics
            )


@pytest.mark.parametrize("front_ends", [0, 1])
async def test_without_the_quorum_submitters_come_back_and_readers_see_what_they_saw(
    tmp_path: Path, front_ends: int
) -> None:
    """503 and Retry-After, for what waits and what comes; nothing new is published; then duplicates are answered."""
    async with harbour(tmp_path) as place, place.log(front_ends=front_ends) as log:
        await until_well(log)
        _, first = new_leaf(log, 1)
        before = (await log.add_pre_chain(first)).json
        seen = [(await log.get(f"/{name}/checkpoint")).body for name in ("issuance", "statements")]
        await place.witnesses[0].__aexit__()

        _, body = new_leaf(log, 2)
        waited = await log.add_pre_chain(body)
        again = await log.add_pre_chain(body)
        statement = await log.post("/statements/add", b"{}")
        for answer in (waited, again, await until_waiting(log)):
            assert (answer.status, answer.code) == (503, "quorum-missing")
            assert "missing: w0" in answer.json["detail"]
            assert int(answer.headers["Retry-After"]) > 0
        assert statement.status in {400, 503}
        assert [(await log.get(f"/{name}/checkpoint")).body for name in ("issuance", "statements")] == seen
        assert (await log.get("/issuance/ct/v1/get-sth")).json["tree_size"] == 1
        assert (await log.get("/issuance/ct/v1/get-entries?start=0&end=5")).json["entries"]
        assert "keystead_quorum_missing 1.0" in (await log.get("/metrics")).body.decode()

        async with place.witnesses[0]:
            await until_well(log)
            answers = [await log.add_pre_chain(body) for _ in range(2)]
            assert {answer.status for answer in answers} == {200}
            assert len({answer.json["serialized_sct"] for answer in answers}) == 1
            assert answers[0].json["leaf_index"] == before["leaf_index"] + 1
            assert (await log.add_pre_chain(first)).json["serialized_sct"] == before["serialized_sct"]
            assert await cosigners(log) == [["w0", "w1"]] * 2
            whole = await read_whole_log(log)
            assert (len(whole.entries), len(whole.evidence)) == (2, 2)


@pytest.mark.parametrize("front_ends", [0, 1])
async def test_what_was_answered_is_answered_again_from_what_is_published(
    tmp_path: Path, front_ends: int
) -> None:
    """Without the quorum, too; evidence that is committed and not published is spoken of when it is."""
    async with harbour(tmp_path, 1) as place, place.log(front_ends=front_ends) as log:
        await until_well(log)
        leaf, with_evidence = new_leaf(log, 1)
        body = leaf.body(leaf.precertificate)
        first = await log.add_pre_chain(body)
        assert (first.status, "statement_index" in first.json) == (200, False)
        await place.witnesses[0].__aexit__()
        assert (await log.add_pre_chain(with_evidence)).code == "quorum-missing"
        again = await log.add_pre_chain(body)
        assert (again.status, again.json) == (200, first.json)
        async with place.witnesses[0]:
            await until_well(log)
            assert (await log.add_pre_chain(body)).json["statement_index"] == 1
            answer = await log.add_pre_chain(with_evidence)
            assert (answer.status, answer.json["statement_index"]) == (200, 1)


async def test_a_log_that_is_restarted_while_it_waits_serves_and_recovers_by_itself(tmp_path: Path) -> None:
    """It opens at what readers saw, says that it waits, and publishes once the witness is back, from a conflict."""
    async with harbour(tmp_path) as place:
        async with place.log() as log:
            await until_well(log)
            _, first = new_leaf(log, 1)
            assert (await log.add_pre_chain(first)).status == 200
            await place.witnesses[0].__aexit__()
            _, body = new_leaf(log, 2)
            assert (await log.add_pre_chain(body)).status == 503
            seen = (await log.get("/issuance/checkpoint")).body
        # The other witness has cosigned what nobody has seen.
        assert place.witnesses[1].sizes()["log.example/issuance"] == 2
        place.witnesses[1].requests.clear()
        for _ in range(2):
            async with place.log() as log:
                answer = await log.get("/healthz")
                assert (answer.status, answer.code) == (503, "quorum-missing")
                assert (await log.get("/issuance/checkpoint")).body == seen
                assert (await log.get("/issuance/ct/v1/get-sth")).json["tree_size"] == 1
                assert (await log.get("/")).status == 200
                for each in (first, body):
                    assert (await log.add_pre_chain(each)).code == "quorum-missing"
        async with place.log() as log, place.witnesses[0]:
            await until_well(log)
            answer = await log.add_pre_chain(body)
            assert (answer.status, answer.json["leaf_index"]) == (200, 1)
            assert await cosigners(log) == [["w0", "w1"]] * 2
            _, third = new_leaf(log, 3)
            assert (await log.add_pre_chain(third)).json["leaf_index"] == 2
            whole = await read_whole_log(log)
            assert (len(whole.entries), len(whole.evidence)) == (3, 3)
        assert ("log.example/issuance", 1, 2, 409) in place.witnesses[1].requests
        assert ("log.example/issuance", 2, 2, 200) in place.witnesses[1].requests
        assert not any(witness.overlapping for witness in place.witnesses)


async def test_a_new_log_waits_for_witnesses_that_do_not_know_it_yet(tmp_path: Path) -> None:
    """Its keys are made at the first start: it serves trust.json, and goes on when the witnesses were told."""
    async with harbour(tmp_path) as place:
        policy = place.write_policy("all")
        async with running_log(tmp_path, place.world, policy=policy) as log:
            _, body = new_leaf(log, 1)
            assert (await log.add_pre_chain(body)).code == "quorum-missing"
            trust = parse_trust((await log.get("/trust.json")).body)
            assert trust.witness_policy is not None
            assert {status for *_, status in place.witnesses[0].requests} == {404}
            for key in (trust.issuance.key, trust.statements.key):
                assert key.vkey is not None
                for witness in place.witnesses:
                    witness.know(key.vkey.encode())
            await until_well(log)
            assert (await log.add_pre_chain(body)).status == 200


async def test_a_fork_of_the_log_is_not_published(tmp_path: Path) -> None:
    """A copy of the folder that goes another way gets no cosignature, so that no reader ever sees it."""
    async with harbour(tmp_path) as place:
        async with place.log() as log:
            await until_well(log)
            _, body = new_leaf(log, 1)
            assert (await log.add_pre_chain(body)).status == 200
        shutil.copytree(tmp_path / "log", tmp_path / "copy" / "log")
        async with place.log() as log:
            _, body = new_leaf(log, 2)
            assert (await log.add_pre_chain(body)).status == 200
        fork = Harbour(tmp_path / "copy", place.witnesses)
        async with fork.log() as log:
            await until_well(log)  # what both histories have in common is cosigned already
            _, body = new_leaf(log, 3)
            assert (await log.add_pre_chain(body)).code == "quorum-missing"
            assert await log.sizes() == (1, 2)
        assert len(place.witnesses[0].evidence) >= 1


async def test_a_reader_with_a_policy_of_its_own_refuses_what_lacks_its_witness(tmp_path: Path) -> None:
    """The log's policy is the log's; who asks for another witness gets an error that names it."""
    async with harbour(tmp_path, 2) as place, place.log(quorum="any") as log:
        await until_well(log)
        await place.witnesses[0].__aexit__()
        _, body = new_leaf(log, 1)
        answer = await log.add_pre_chain(body)
        assert answer.status == 200
        own = log.trust.asking_for(parse_policy(policy_of(place.witnesses[0])))
        raw = (await log.get("/issuance/checkpoint")).body
        verify_checkpoint(raw, log.trust.issuance.key)
        with pytest.raises(SignatureError, match="missing: w0"):
            verify_checkpoint(raw, own.issuance.key)
        leaf, _ = new_leaf(log, 1)
        async with HTTPFetcher(log.server.url) as fetcher:
            with pytest.raises(SignatureError, match="missing: w0"):
                await submit_chain(fetcher, own, [leaf.precertificate, *leaf.authority.chain])


async def test_a_policy_that_changed_comes_into_force_when_the_witnesses_are_back(tmp_path: Path) -> None:
    """At a start without the quorum the log serves all the same, and the change is an entry once it can be."""
    async with harbour(tmp_path) as place:
        async with place.log() as log:
            await until_well(log)
        await place.witnesses[0].__aexit__()
        policy = place.write_policy("all", backfill="none")
        async with running_log(tmp_path, place.world, policy=policy, name="log.example") as log:
            # The start could not be cosigned by w0, but what is published is; the change is what waits.
            await until_waiting(log)
            assert (await log.get("/policy")).json["backfill"] == "evidence"
            async with place.witnesses[0]:
                async with asyncio.timeout(PATIENT_SECONDS):
                    while (await log.get("/policy")).json["backfill"] != "none":
                        pass
                assert await log.kinds() == ["log-policy", "log-policy"]


async def test_witnesses_stay_without_a_policy_file_and_go_with_one_that_names_none(tmp_path: Path) -> None:
    """As the policy in force does: a start without --policy must not publish without the quorum."""
    async with harbour(tmp_path, 1) as place:
        async with place.log() as log:
            await until_well(log)
        async with EmbeddedLog(tmp_path / "log") as server:
            assert parse_trust(server.trust).witness_policy is not None
            assert (
                json.loads((tmp_path / "log" / "settings.json").read_bytes())["witnesses"]["timeout_ms"]
                == 5000
            )
        await place.witnesses[0].__aexit__()
        async with EmbeddedLog(tmp_path / "log", policy=place.world.write_policy()) as server:
            assert parse_trust(server.trust).witness_policy is None
            assert server.log.unpublished is None
        assert "witnesses" not in json.loads((tmp_path / "log" / "settings.json").read_bytes())


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("quorum", "", "line 1 of the witness policy"),
        ("witness w {vkey}\nquorum w\n", "", "needs witnesses without a URL.*: w"),
        ("witness w {vkey} ftp://w.example\nquorum none\n", "", "neither https nor http"),
        ("quorum none\n", "timeout = 0", "timeout in .witness. is not a number of seconds"),
        ("quorum none\n", "timeout = true", "not a number of seconds"),
        ("quorum none\n", "retries = 3", "'retries', which means nothing there"),
        ("log stranger.example+{stranger}\nquorum none\n", "", "is none of them"),
        ("quorum none\n" + "#" * 65_000, "", "larger than 65536 bytes"),
    ],
)
async def test_a_policy_that_the_log_cannot_keep_stops_it_at_the_start(
    tmp_path: Path, text: str, settings: str, message: str
) -> None:
    """With the file and what is wrong in it."""
    world = World(tmp_path / "world")
    policy = world.write_policy(extra=f'[witness]\npolicy = "witnesses.txt"\n{settings}')
    vkey = Witness("w.example", tmp_path / "w").vkey
    stranger = "d65a1c6d+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    (policy.parent / "witnesses.txt").write_text(text.format(vkey=vkey, stranger=stranger))
    with pytest.raises(UsageError, match=message):
        async with EmbeddedLog(tmp_path / "log", policy=policy):
            pass


async def test_a_log_whose_checkpoint_was_taken_away_does_not_start_without_its_quorum(
    tmp_path: Path,
) -> None:
    """There is nothing to serve until it may be published again."""
    async with harbour(tmp_path, 1) as place:
        async with place.log() as log:
            await until_well(log)
        (tmp_path / "log" / "issuance" / "checkpoint").unlink()
        await place.witnesses[0].__aexit__()
        with pytest.raises(QuorumMissingError, match="missing: w0"):
            async with place.log():
                pass
        async with place.witnesses[0], place.log() as log:
            await until_well(log)
            assert await cosigners(log) == [["w0"]] * 2
