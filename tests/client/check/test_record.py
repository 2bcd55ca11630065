# SPDX-License-Identifier: Apache-2.0
"""A verdict decided again from its record, offline; what was altered is named."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keystead.check.answer import CheckAnswer, ask_log
from keystead.check.decision import Verdict
from keystead.check.question import AskedSubscriber, SubscriberForm
from keystead.check.record import CheckRecord, parse_record
from keystead.check.recording import record_log
from keystead.check.replay import replay
from keystead.check.whole_log import LiveLog
from keystead.encoding.json import encode_json
from keystead.errors import KeysteadError, ParseError, UsageError, VerificationError
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import Limits, LogIndex
from keystead.testvendor.subjects import ov_subject
from support.check_material import Asked
from support.history import History
from support.looked_up import index_of
from support.random_history import RandomHistory

SCHEMAS = Path(__file__).parents[3] / "specs" / "schemas"


@pytest.fixture(scope="module")
def history() -> History:
    """Two services, certificates by extension, evidence and binding, and a device of its own."""
    history = History()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Beta GmbH", serial=1, ca=history.south, service=service)
    history.bind(history.certificate("Gamma SA", serial=2), serials=[1])
    history.certificate("Delta", serial=3)
    return history


@pytest.fixture(scope="module")
def data(history: History) -> bytes:
    """The record of a check, with entries and statements that the head did not cover."""
    return asyncio.run(_record(history))


async def _record(history: History) -> bytes:
    _, index = index_of(history)
    history.certificate("Epsilon", serial=1, ca=history.south)
    history.log.publish()
    log = await LiveLog.read(await index.open(POLICIES))
    assert log.entry_tail
    question = Asked("Alpha AB", service=history.services[0]).question(history)
    answer, found = await ask_log(log, question, history.anchors)
    assert answer.decision.verdict is Verdict.SHARED
    recorded = await record_log(log, found, answer, sha256(history.log.trust.raw).digest())
    anchors = tuple(anchor.key_hash for anchor in history.anchors)
    return CheckRecord(question, anchors, (recorded,)).encode()


async def _replay(history: History, data: bytes) -> CheckAnswer:
    return await replay(data, parse_record(data), [history.log.trust], history.anchors)


def _altered(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A record that somebody changed and gave a new digest."""
    document = json.loads(data)
    del document["digest"]
    change(document)
    digest = sha256(encode_json(document)).hexdigest()
    return encode_json({**document, "digest": digest}) + b"\n"


async def test_the_same_answer(history: History, data: bytes) -> None:
    """What was recorded leads to what was answered."""
    record = parse_record(data)
    assert record.encode() == data
    answer = await _replay(history, data)
    assert answer.logs[0].to_json() == record.logs[0].answer
    assert not answer.good


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_a_log_holds(seed: int) -> None:
    """Histories by chance, with a part of them behind the head, are decided again alike."""
    picks = Random(seed)
    told = RandomHistory(seed)
    *_, history = told.steps(20)
    _, index = index_of(history)
    # Days pass behind the head.
    patient = Limits(max_age_ms=1 << 40)
    index = LogIndex(index.trust, index.fetcher, patient, clock=lambda: history.log.now_ms)
    head = (await index.open(POLICIES)).head.index
    for _ in told.steps(picks.randint(0, 8)):
        pass
    for number in range(3):
        asked = Asked(
            picks.choice(("Alpha AB", "Beta GmbH")),
            picks.choice((1, 2, 3)),
            service=picks.choice((None, *history.services)),
            evidence=number > 0,
            label=f"{seed}/{number}",
        )
        log = await LiveLog.read(await index.open(POLICIES, head=head))
        question = asked.question(history)
        answer, found = await ask_log(log, question, history.anchors)
        recorded = await record_log(log, found, answer, sha256(history.log.trust.raw).digest())
        again = await _replay(history, CheckRecord(question, (), (recorded,)).encode())
        assert again.logs == (answer,)


def _drop_certificate(document: dict[str, Any]) -> None:
    document["logs"][0]["entries"].pop(0)


def _drop_tail(document: dict[str, Any]) -> None:
    document["logs"][0]["entry_tail"].pop()


def _drop_statement_tail(document: dict[str, Any]) -> None:
    document["logs"][0]["statement_tail"].pop()


def _drop_answer(document: dict[str, Any]) -> None:
    document["logs"][0]["answers"].pop()


def _drop_from_history(document: dict[str, Any]) -> None:
    answer = next(one for one in document["logs"][0]["answers"] if one["kind"] == "device-certificates")
    answer["entries"].pop()
    answer["count"] -= 1


def _withhold_evidence(document: dict[str, Any]) -> None:
    evidence = document["logs"][0]["evidence"]
    evidence[next(iter(evidence))] = None


def _say_clear(document: dict[str, Any]) -> None:
    document["logs"][0]["answer"]["verdict"] = "clear"


def _ask_for_another(document: dict[str, Any]) -> None:
    other = AskedSubscriber(SubscriberForm.NAME, ov_subject("Zeta", "DE"))
    document["question"]["subscriber"]["data"] = json.loads(
        encode_json(replace(Asked("x").question(History()), subscriber=other).to_json())
    )["subscriber"]["data"]


def _ask_later(document: dict[str, Any]) -> None:
    document["logs"][0]["asked"] += 24 * 3600 * 1000


def _add_an_issuer(document: dict[str, Any]) -> None:
    document["logs"][0]["policies"][sha256(b"{}").hexdigest()] = "e30="


def _move_an_entry(document: dict[str, Any]) -> None:
    document["logs"][0]["entries"][-1]["index"] += 1


def _cut_the_logs(document: dict[str, Any]) -> None:
    document["logs"] = []


def _show_a_log_twice(document: dict[str, Any]) -> None:
    document["logs"] *= 2


def _show_an_entry_twice(document: dict[str, Any]) -> None:
    document["logs"][0]["entries"].insert(0, document["logs"][0]["entries"][0])


def _turn_statements_round(document: dict[str, Any]) -> None:
    document["logs"][0]["said"].reverse()


def _ask_at_no_time(document: dict[str, Any]) -> None:
    document["logs"][0].update(asked=(1 << 63) - 1, max_age=(1 << 63) - 1)


def _sign_otherwise(document: dict[str, Any]) -> None:
    checkpoint = document["logs"][0]["issuance"]
    checkpoint["checkpoint"] = checkpoint["checkpoint"].replace("issuance\n", "issuances\n", 1)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (_drop_certificate, "record-incomplete"),
        (_drop_tail, "record-tail"),
        (_drop_statement_tail, "record-tail"),
        (_drop_answer, "record-incomplete"),
        (_drop_from_history, "map-proof"),
        (_withhold_evidence, "record-verdict"),
        (_say_clear, "record-verdict"),
        (_ask_for_another, "record-incomplete"),
        (_ask_later, "head-too-old"),
        (_add_an_issuer, "record-unused"),
        (_move_an_entry, "record-incomplete"),
        (_cut_the_logs, "record-malformed"),
        (_show_a_log_twice, "record-malformed"),
        (_show_an_entry_twice, "record-malformed"),
        (_turn_statements_round, "record-malformed"),
        (_ask_at_no_time, "record-malformed"),
        (_sign_otherwise, "origin"),
    ],
)
async def test_what_was_altered_is_named(
    history: History, data: bytes, change: Callable[[dict[str, Any]], object], check: str
) -> None:
    """Even if somebody gives the altered record a new digest."""
    with pytest.raises(VerificationError) as caught:
        await _replay(history, _altered(data, change))
    assert caught.value.check == check


def test_the_schema(data: bytes) -> None:
    """The record is what its JSON Schema says, and no member is left out there."""
    schema = json.loads((SCHEMAS / "check-record.v1.json").read_text("ascii"))
    validator = Draft202012Validator(schema)
    validator.validate(json.loads(data))
    for name in json.loads(data):
        assert not validator.is_valid({key: value for key, value in json.loads(data).items() if key != name})


async def test_no_byte_can_be_altered(history: History, data: bytes) -> None:
    """Whichever it is, the record is refused, and nothing but our errors is raised."""
    picks = Random(7)
    for _ in range(60):
        place = picks.randrange(len(data))
        altered = bytearray(data)
        altered[place] ^= 1 << picks.randrange(8)
        with pytest.raises(KeysteadError):
            await _replay(history, bytes(altered))


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in a document."""
    if path:
        yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        yield from _places(member, (*path, name))


async def test_no_member_can_be_altered(history: History, data: bytes) -> None:
    """Whatever stands in the place of a member, with a new digest: it is refused, or says nothing that counts."""
    picks = Random(11)
    places = [place for place in _places(json.loads(data)) if place != ("digest",)]
    strange = (None, True, -1, 0, 1 << 62, "", "AAAA", "0" * 64, [], {}, [1], {"x": 1})
    worded = 0
    for place in picks.sample(places, 150):

        def change(document: dict[str, Any], place: tuple[Any, ...] = place) -> None:
            inside: Any = document
            for name in place[:-1]:
                inside = inside[name]
            inside[place[-1]] = picks.choice([one for one in strange if one != inside[place[-1]]])

        try:
            await _replay(history, _altered(data, change))
        except KeysteadError:
            continue
        # Sentences, and what they are about, may be worded anew; the anchors are told to whoever lacks them.
        assert place[0] == "anchors" or place[2:4] == ("answer", "details"), place
        worded += 1
    assert worded < 75


async def test_another_trust(history: History, data: bytes) -> None:
    """A record says nothing without the keys of its log."""
    with pytest.raises(UsageError, match="give its"):
        await replay(data, parse_record(data), [History("other.example").log.trust], history.anchors)


async def test_with_fewer_anchors(history: History, data: bytes) -> None:
    """Who lacks the asker's anchors is told so."""
    other = type(history.anchors)(())
    with pytest.raises(VerificationError) as caught:
        await replay(data, parse_record(data), [history.log.trust], other)
    assert "give them with --anchors" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version":2,"question":{},"logs":[]}', b"\xff"])
def test_no_record(data: bytes) -> None:
    """Other files are no records."""
    with pytest.raises(ParseError):
        parse_record(data)
