# SPDX-License-Identifier: Apache-2.0
"""One question to several logs: each answers for itself."""

from dataclasses import replace

import pytest

from keystead.errors import FetchError
from keystead.lookup.look_up import look_up
from keystead.lookup.questions import Question, QuestionKind
from support.audited_history import AuditedHistory
from support.history import yubikey
from support.looked_up import index_of

DEVICE = Question(QuestionKind.DEVICE, yubikey(1))


def _two() -> tuple[AuditedHistory, AuditedHistory]:
    one, other = AuditedHistory(), AuditedHistory("other.example")
    one.certificate("Alpha AB", serial=1)
    other.certificate("Beta GmbH", serial=1, ca=other.south)
    return one, other


async def test_logs_add_up() -> None:
    """Counts are added, certificates stand in the order of time, and each log says where it is proven."""
    one, other = _two()
    report = await look_up(DEVICE, [index_of(one)[1], index_of(other)[1]], one.anchors)
    assert report.good
    found = report.to_json()
    assert found["count"] == 2
    assert [entry["origin"] for entry in found["entries"]] == [
        *("log.example/issuance", "other.example/issuance")
    ]
    assert [proven["origin"] for proven in found["proven_at"]] == [
        *("log.example/issuance", "other.example/issuance")
    ]
    assert found["device"] == {"scheme": "yubico-piv-serial", "value": "1", "class": "unit"}


async def test_a_log_that_lies_says_nothing() -> None:
    """The others still do; what is wrong is named, with the answer, and the whole is not good."""
    one, other = _two()
    (indexed, lying), (_, honest) = index_of(one), index_of(other)
    indexed.lies.append(
        lambda answer: (
            replace(answer, map_proof=answer.map_proof[:-1] + b"\x00") if answer.page.count else answer
        )
    )
    report = await look_up(DEVICE, [lying, honest], one.anchors)
    assert not report.good
    assert [log.proven_at.origin for log in report.logs] == ["other.example/issuance"]
    (problem,) = report.problems
    assert (problem.log, problem.code) == ("log.example/issuance", "map-proof")
    assert problem.evidence["answer"]
    assert not report.absent


async def test_a_log_that_is_behind_says_how_far() -> None:
    """An old head is good for nothing here, and the sentence says what it covers."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    _, index = index_of(history)
    history.log.advance(3_600_000)
    report = await look_up(DEVICE, [index], history.anchors)
    (problem,) = report.problems
    assert problem.code == "head-too-old"
    assert "covers 1 of 1 entries" in problem.sentence
    assert report.to_json()["count"] is None


async def test_a_log_that_cannot_be_asked_ends_it() -> None:
    """What it would have said is not known."""
    one, other = _two()
    indexed, index = index_of(one)
    indexed.heads.clear()
    with pytest.raises(FetchError):
        await look_up(DEVICE, [index_of(other)[1], index], one.anchors)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("issuance/tile/data/", "bundle-withheld"),
        ("statements/tile/entries/", "bundle-withheld"),
        ("issuance/tile/0/", "tile-withheld"),
        ("issuance/issuer/", "issuer-withheld"),
        ("policy/", "policy-withheld"),
    ],
)
async def test_what_a_log_withholds_is_named(part: str, code: str) -> None:
    """It is there and does not serve what it promised: its answer is not good, which is not that it is not there."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    _, index = index_of(history)
    history.log.hooks.append(lambda path, found: None if path.startswith(part) else found)
    report = await look_up(DEVICE, [index], history.anchors)
    assert [problem.code for problem in report.problems] == [code]
    assert not report.logs


async def test_progress_is_told() -> None:
    """Questions and entries are counted as they are known, and all of them are done in the end."""
    history = AuditedHistory()
    for number in range(3):
        history.certificate(f"Company {number}", serial=1)

    class Watching:
        done = total = 0

        def advance(self, steps: int = 1) -> None:
            self.done += steps

        def aim(self, total: int) -> None:
            self.total = total

    watching = Watching()
    await look_up(DEVICE, [index_of(history)[1]], history.anchors, progress=watching)
    assert watching.done == watching.total > 9
