# SPDX-License-Identifier: Apache-2.0
"""A record's verdict decided again, offline (`specs/check.md`, section 6).

Everything runs as it ran when the question was asked, with the record in the place of the logs: what it shows is
verified, the same is read, the same code decides. Then the answer must be the one that was recorded.

Invariant: a record that passes shows what the logs had committed to, and what followed from it; an altered one is
refused by the name of what fails first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from keystead.audit.progress import SILENT, Progress
from keystead.check.answer import CheckAnswer, LogAnswer, ask_log
from keystead.check.record import CheckRecord, LogRecord, check_spelling
from keystead.check.recorded_log import RecordedLog
from keystead.client.trust import Trust
from keystead.devices.anchors import AnchorSet
from keystead.errors import EvidenceError, FetchError, ParseError, UsageError, VerificationError

__all__ = ["replay"]

_COMPARED = (
    "verdict",
    "reasons",
    "entries",
    "devices",
    "tree_size",
    "lag",
    "age",
    "head",
    "at",
    "undecodable",
)
"""Sentences may be worded anew by a later program."""


async def replay(
    data: bytes,
    record: CheckRecord,
    trusts: Sequence[Trust],
    anchors: AnchorSet,
    progress: Progress = SILENT,
) -> CheckAnswer:
    """Decide again what a record says was decided.

    Args:
        data: the record as it is kept.
        record: the same, parsed.
        trusts: of all logs in it.
        anchors: the reader's own vendor anchors.
        progress: is told how far it is.

    Raises:
        UsageError: the trust.json of a log in the record is not given.
        VerificationError: something in the record is not proven, or not what followed.
    """
    by_origin = {trust.issuance.key.origin: trust for trust in trusts}
    answers = []
    for log in record.logs:
        trust = by_origin.get(log.origin)
        if trust is None:
            raise UsageError(f"the record is of the log {log.origin}: give its trust.json with --trust")
        try:
            answer = await _again(log, trust, record, anchors, progress)
            _compare(log.answer, answer, record, anchors)
        except EvidenceError as error:
            hint = _missing_anchors(record, anchors)
            raise EvidenceError(f"{error}{hint}", check=error.check, evidence=error.evidence) from error
        except (ParseError, FetchError, UsageError) as error:
            raise VerificationError(
                f"the record of {log.origin} cannot be read again: {error}", check="record-malformed"
            ) from error
        answers.append(answer)
    check_spelling(data, record)
    return CheckAnswer(tuple(answers))


async def _again(
    log: LogRecord, trust: Trust, record: CheckRecord, anchors: AnchorSet, progress: Progress
) -> LogAnswer:
    recorded = await RecordedLog.open(log, trust)
    answer, _ = await ask_log(recorded, record.question, anchors, progress)
    recorded.check_used()
    return answer


def _compare(recorded: Mapping[str, Any], answer: LogAnswer, record: CheckRecord, anchors: AnchorSet) -> None:
    found = answer.to_json()
    differing = [name for name in _COMPARED if recorded.get(name) != found[name]]
    if not differing:
        return
    name = differing[0]
    raise VerificationError(
        f"what {answer.origin} showed leads to another answer than was recorded: {name} is {found[name]!r} and not "
        f"{recorded.get(name)!r}{_missing_anchors(record, anchors)}",
        check="record-verdict",
    )


def _missing_anchors(record: CheckRecord, anchors: AnchorSet) -> str:
    """The end of a sentence that says which anchors the reader lacks; empty where it has all."""
    missing = [anchor.hex() for anchor in record.anchors if anchors.by_key_hash(anchor) is None]
    if not missing:
        return ""
    return f"; whoever asked added vendor anchors that you lack, give them with --anchors: {', '.join(missing[:3])}"
