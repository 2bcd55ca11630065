# SPDX-License-Identifier: Apache-2.0
"""What a log can do with its device index to those who rely on it, and which of them finds it.

Each test is a lie; it names by whom it is caught, and says so where somebody alone cannot see it.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from keystead.check.decision import Verdict
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import LogMisbehaviourError
from keystead.index.answer import IndexAnswer
from keystead.tlog.checkpoint import verify_checkpoint
from support.lying_index import DEVICE, LyingIndex


async def test_the_truth(tmp_path: Path) -> None:
    """An honest log: everybody sees both subscribers, and nobody finds anything."""
    honest = LyingIndex()
    honest.head()
    assert await honest.lookup() == 2
    assert await honest.check() is Verdict.SHARED
    assert await honest.misbehaviour(tmp_path / "monitor", check_index=True) == set()
    assert await honest.audit() == set()
    assert await honest.copy(tmp_path / "copy") == {}


async def test_an_entry_dropped_from_an_answer() -> None:
    """Caught by lookup and by check: what is left does not lead to the head's map."""
    lying = LyingIndex()

    def drop(answer: IndexAnswer) -> IndexAnswer:
        if answer.subject != DEVICE:
            return answer
        return replace(answer, page=replace(answer.page, count=1, entries=answer.page.entries[:1]))

    lying.index.lies.append(drop)
    assert await lying.lookup() == {"map-proof"}
    assert await lying.check() == {"map-proof"}


async def test_an_entry_dropped_from_a_history(tmp_path: Path) -> None:
    """The map itself is wrong: lookup and check cannot see it, so CAs are deceived. Caught by audit, by a monitor that
    computes the map, and by whoever copies the index, each naming the head that the log signed."""
    lying = LyingIndex()
    lying.hide()
    wrong = lying.head()
    assert await lying.lookup() == 1
    assert await lying.check() is Verdict.SAME_SUBSCRIBER

    report = await lying.history.audit_now()
    assert [(one.code, one.index, one.signed) for one in report.problems] == [
        ("index-head-wrong", wrong.index, True)
    ]
    assert list(await lying.copy(tmp_path / "copy")) == [wrong.index]
    assert await lying.misbehaviour(tmp_path / "monitor") == set(), "it was not asked to compute the map"
    assert await lying.misbehaviour(tmp_path / "monitor", check_index=True) == {"wrong-index-head"}


async def test_an_entry_dropped_for_a_while(tmp_path: Path) -> None:
    """A head between two right ones: caught by audit that compares all heads, and it stays caught when it continues."""
    lying = LyingIndex()
    assert await lying.audit(tmp_path / "state") == set()
    kept = lying.index.histories[DEVICE][:]
    lying.hide()
    lying.head()
    assert await lying.audit(tmp_path / "state") == {"index-head-wrong"}
    lying.index.histories[DEVICE] = kept
    lying.head()
    assert await lying.lookup() == 2
    assert await lying.audit(tmp_path / "state") == {"index-head-wrong"}
    assert await lying.audit() == {"index-head-wrong"}
    assert await lying.misbehaviour(tmp_path / "monitor", check_index=True) == {"wrong-index-head"}


async def test_a_forked_map(tmp_path: Path) -> None:
    """Two maps at one place of the log, each for some readers: caught by lookup that meets both, and by the monitor and
    the audit of whoever saw one and is shown the other, with both signed checkpoints."""
    lying = LyingIndex()
    other = lying.fork()
    lying.head()
    other.hide()
    other.head()
    assert await lying.misbehaviour(tmp_path / "monitor") == set()
    assert await lying.audit(tmp_path / "state") == set()

    assert await other.misbehaviour(tmp_path / "monitor") == {"fork"}
    assert await other.audit(tmp_path / "state") == {"fork", "index-head-wrong"}
    reader = lying.reader()
    snapshot = await reader.open(DEVICE)
    lying.index.lies.append(lambda answer: other.index.answer(answer.subject))
    with pytest.raises(LogMisbehaviourError) as caught:
        await snapshot.page(DEVICE, 0)
    assert caught.value.check == "fork"


async def test_an_old_head() -> None:
    """A head of an hour ago, over a log that went on: caught by lookup and by check, which say how old it is."""
    lying = LyingIndex()
    old = lying.index.heads[-1]
    lying.pass_minutes(60)
    lying.head()
    lying.index.lies.append(lambda answer: lying.index.answer(answer.subject, answer.page.first, 100, old))
    assert await lying.lookup() == {"head-too-old"}
    assert await lying.check() == {"head-too-old"}


async def test_an_old_head_that_is_not_old_enough() -> None:
    """A head of ten minutes ago hides what was logged since: check reads what lies behind it from the log itself."""
    lying = LyingIndex(("Alpha AB",))
    old = lying.index.heads[-1]
    lying.pass_minutes(10)
    lying.history.certificate("Gamma Ltd", serial=1, ca=lying.history.east, evidence=False)
    lying.index.lies.append(lambda answer: lying.index.answer(answer.subject, answer.page.first, 100, old))
    assert await lying.check() is Verdict.SHARED


async def test_heads_withheld() -> None:
    """A log that goes on and has no head logged any more: caught by lookup and by check, as soon as the last one is too
    old, or too far behind; the audit says how many heads there were."""
    lying = LyingIndex()
    lying.pass_minutes(16)
    lying.history.certificate("Gamma Ltd", serial=2, evidence=False)
    assert await lying.lookup() == {"head-too-old"}
    assert await lying.check() == {"head-too-old"}
    report = await lying.history.audit_now()
    assert (report.ok, report.heads_checked) == (True, 1)


async def test_different_heads_for_one_decision() -> None:
    """A second answer under another head than the first: caught by lookup and by check."""
    lying = LyingIndex()
    first = lying.index.heads[-1]
    lying.hide()
    lying.head()
    # The first question is answered under the newest head, those after it under an older one.
    asked: list[IndexAnswer] = []

    def other_head(answer: IndexAnswer) -> IndexAnswer:
        asked.append(answer)
        return answer if len(asked) == 1 else lying.index.answer(answer.subject, head=first)

    lying.index.lies.append(other_head)
    assert await lying.lookup() == {"other-head"}
    asked.clear()
    assert await lying.check() == {"other-head"}


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("index-head-other-tree", {"issuance_root": bytes(32)}),
        ("index-head-other-tree", {"issuance_origin": "other.example/issuance"}),
        ("index-head-beyond", {"issuance_size": 9}),
        ("index-head-beyond", {"statements_size": 9}),
        ("index-head-falls", {"statements_size": 0}),
        ("index-head-falls", {"issuance_size": 0, "issuance_root": None}),
    ],
)
async def test_heads_that_contradict_the_log(code: str, changed: dict[str, object], tmp_path: Path) -> None:
    """Heads that fall, that cover what was not there, or name another tree: caught by every monitor, with the signed
    entry, and by audit."""
    lying = LyingIndex()
    if "issuance_root" in changed and changed["issuance_root"] is None:
        changed = {**changed, "issuance_root": lying.history.log.issuance.root(0)}
    wrong = lying.head(**changed)
    assert await lying.audit() == {code}
    report = await lying.monitor(tmp_path / "monitor")
    (finding,) = (one for one in report.findings if one.rule == "log-misbehaviour")
    assert finding.reason == "wrong-index-head"
    assert f"statement {wrong.index}" in finding.summary
    (proof,) = finding.proofs
    assert set(proof["evidence"]) == {"entry", "checkpoint", "issuance_checkpoint"}
    # Again, and after more was logged, it is that one.
    lying.head()
    assert await lying.misbehaviour(tmp_path / "monitor", check_index=True) == {"wrong-index-head"}


async def test_a_proof_that_others_can_check(tmp_path: Path) -> None:
    """What a monitor keeps of a wrong head is what the log signed: the entry, under a checkpoint that verifies."""
    lying = LyingIndex()
    lying.hide()
    wrong = lying.head()
    report = await lying.monitor(tmp_path / "monitor", check_index=True)
    assert report.logs[0].heads_checked == 2
    (finding,) = (one for one in report.findings if one.rule == "log-misbehaviour")
    case = finding.proofs[0]
    assert case["subject"] == str(wrong.index)
    trust = lying.history.log.trust
    entry = decode_base64(case["evidence"]["entry"])
    assert entry == lying.history.log.statements.entries[wrong.index]
    verify_checkpoint(decode_base64(case["evidence"]["checkpoint"]), trust.statements.key)
    verify_checkpoint(decode_base64(case["evidence"]["issuance_checkpoint"]), trust.issuance.key)
