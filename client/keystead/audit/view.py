# SPDX-License-Identifier: Apache-2.0
"""What stands before one statement, as the rules of `keystead.statements.rights` ask about it."""

import sqlite3
from collections.abc import Callable, Collection, Iterable

from keystead.audit.read_statement import ReadStatement
from keystead.statements.services import Service, ServiceRegistry
from keystead.statements.view import LoggedCertificate, LoggedStatement

__all__ = ["AuditView"]


class AuditView:
    """What stands before one statement: `StatementView`.

    Entries of both logs that were sequenced together have one time; a statement may speak of a certificate in its
    own batch. Whether a final certificate was there first cannot be told within a batch, so it counts only if it is
    earlier: an honest log is never accused.

    Args:
        origin: of the statement log.
        read: the statement; what was taken before it is in view.
        db: the facts.
        services: as known before the statement.
        statement_at: the statement at a leaf index, of those that another can refer to.
    """

    def __init__(
        self,
        origin: str,
        read: ReadStatement,
        db: sqlite3.Connection,
        services: ServiceRegistry,
        statement_at: Callable[[int], LoggedStatement | None],
    ) -> None:
        self._origin = origin
        self._read = read
        self._db = db
        self._services = services
        self._statement_at = statement_at

    @property
    def origin(self) -> str:
        return self._origin

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        row = self._db.execute(
            "SELECT certificate_id, issuer_key_hash FROM entry JOIN chain ON chain.id = chain "
            "WHERE idx = ? AND time <= ? AND certificate_id IS NOT NULL AND issuer_key_hash IS NOT NULL",
            (issuance_index, self._read.entry.timestamp),
        ).fetchone()
        return None if row is None else LoggedCertificate(*row)

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        row = self._db.execute(
            "SELECT 1 FROM entry WHERE certificate_id = ? AND final AND time < ?",
            (certificate_id, self._read.entry.timestamp),
        ).fetchone()
        return row is not None

    def statement_at(self, index: int) -> LoggedStatement | None:
        return self._statement_at(index) if index < self._read.index else None

    def service(self, service_id: bytes) -> Service | None:
        return self._services.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[Service]:
        return self._services.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        rows = self._db.execute(
            "SELECT issuer_key_hash FROM on_device WHERE device = ? AND time <= ?",
            (device_id, self._read.entry.timestamp),
        )
        return any(issuer in issuers for (issuer,) in rows)
