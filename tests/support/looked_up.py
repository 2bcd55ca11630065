# SPDX-License-Identifier: Apache-2.0
"""Looking something up in a history that was told: an index over all of it, and a reader on its last day."""

from keystead.lookup.gathered import Gathered
from keystead.lookup.gathering import gather
from keystead.lookup.log_index import LogIndex
from keystead.lookup.look_up import look_up as look_up_in_logs
from keystead.lookup.questions import Question
from keystead.lookup.report import LookupReport
from keystead.lookup.snapshot import Snapshot
from support.history import History
from support.indexed_log import IndexedLog

__all__ = ["answer", "index_of", "look_up"]


def index_of(history: History) -> tuple[IndexedLog, LogIndex]:
    """An index over all that was told so far, with a head, and its reader."""
    indexed = IndexedLog(history.log)
    indexed.list_all()
    indexed.add_head()
    return indexed, LogIndex(history.log.trust, indexed, clock=lambda: history.log.now_ms)


async def answer(history: History, question: Question, *, newest: int | None = None) -> LookupReport:
    """What is shown of a history's log."""
    _, index = index_of(history)
    return await look_up_in_logs(question, [index], history.anchors, newest=newest)


async def look_up(
    history: History, question: Question, *, newest: int | None = None
) -> tuple[Snapshot, Gathered]:
    """Everything that a history's log has about a question."""
    _, index = index_of(history)
    return await gather(index, question, newest=newest)
