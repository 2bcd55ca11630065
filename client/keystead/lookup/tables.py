# SPDX-License-Identifier: Apache-2.0
"""What was gathered from one log, read and judged by the monitor's own code, in the monitor's tables, in memory.

Whoever looks something up knows less of a log than a monitor does, and must not judge what it knows otherwise. So
entries and statements are kept, statements judged again, and evidence verified again, by the code that a monitor does
it with; the same views come out.

Invariants:

* nothing is written outside of the process's memory;
* statements that cannot be judged by what is here (`Gathered.judgeable`) count for nothing.
"""

import sqlite3
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from keystead.client.trust import Trust
from keystead.devices.anchors import AnchorSet
from keystead.lookup.gathered import Gathered
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.misbehaviour import Misbehaviour, recorded_misbehaviour
from keystead.monitor.recording import Recorder
from keystead.monitor.replay import StatementReplay, load_knowledge
from keystead.monitor.store import create_tables
from keystead.monitor.views import CertificateViews, Views, load_certificates, load_views

__all__ = ["LOG", "LookupTables"]

LOG = 1
"""The row of the one log."""
_REFUSED = frozenset({"malformed-statement", "statement-without-right"})


class LookupTables:
    """One log, as far as it was gathered. Use it as a context manager.

    Args:
        trust: what is known of the log beforehand.
        found: what was gathered.
        anchors: the reader's own vendor anchors.

    Attributes:
        db: the tables.

    Raises:
        ParseError: a policy is none.
    """

    def __init__(self, trust: Trust, found: Gathered, anchors: AnchorSet) -> None:
        self._anchors = anchors
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        create_tables(self.db)
        self.db.execute(
            "INSERT INTO log (id, name, issuance_origin, statements_origin, trust) VALUES (?, ?, ?, ?, ?)",
            (LOG, trust.name, trust.issuance.key.origin, trust.statements.key.origin, trust.raw),
        )
        recorder = Recorder(self.db)
        for index, entry in sorted(found.entries.items()):
            recorder.entries(LOG, index, [entry.facts])
        statements = trust.statements
        replay = StatementReplay(self.db, LOG, statements.key.origin, statements.statement_key, anchors)
        for said in found.judgeable():
            replay.apply(said.index, said.raw, found.objects, range(found.issuance_size))
        self.knowledge: Knowledge = load_knowledge(self.db, anchors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()

    def certificates(self, ids: Iterable[bytes]) -> CertificateViews:
        """What is known about certificates."""
        return load_certificates(self.db, self.knowledge, self._rows("certificate", "certificate_id", ids))

    def devices(self, ids: Iterable[bytes]) -> Views:
        """All that bears on each of some devices, and who is whom on them."""
        return load_views(self.db, self.knowledge, self._rows("device", "device_id", ids))

    def misbehaviour(self) -> list[Misbehaviour]:
        """What the log did that it must not: statements without right, evidence withheld or wrong."""
        return recorded_misbehaviour(self.db)

    def waiting(self) -> set[int]:
        """Statements about issuance entries that are not there yet."""
        return {index for (index,) in self.db.execute("SELECT idx FROM pending")}

    def refused(self) -> set[int]:
        """Statements that their signers had no right to make."""
        return {int(one.subject) for one in self.misbehaviour() if one.kind in _REFUSED}

    def _rows(self, table: str, column: str, ids: Iterable[bytes]) -> list[int]:
        query = f"SELECT id FROM {table} WHERE {column} = ?"  # noqa: S608 -- names of this module's own
        found = (self.db.execute(query, (one,)).fetchone() for one in ids)
        return [row[0] for row in found if row is not None]
