# SPDX-License-Identifier: Apache-2.0
"""What people ask for, and the histories that answer it (`specs/device-index.md`, section 1).

Pure.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from keystead.index.kinds import IndexKind, Subject

__all__ = ["Question", "QuestionKind"]


class QuestionKind(StrEnum):
    """What something is asked about, by the word that people type."""

    DEVICE = "device"
    KEY = "key"
    SUBSCRIBER = "subscriber"
    SERVICE = "service"
    CERTIFICATE = "certificate"


_CERTIFICATES = {
    QuestionKind.DEVICE: IndexKind.DEVICE_CERTIFICATES,
    QuestionKind.KEY: IndexKind.KEY_CERTIFICATES,
    QuestionKind.SUBSCRIBER: IndexKind.SUBSCRIBER_CERTIFICATES,
    QuestionKind.SERVICE: IndexKind.SERVICE_CERTIFICATES,
    QuestionKind.CERTIFICATE: IndexKind.CERTIFICATE_ENTRIES,
}
_STATEMENTS = {
    QuestionKind.DEVICE: IndexKind.DEVICE_STATEMENTS,
    QuestionKind.SUBSCRIBER: IndexKind.SUBSCRIBER_STATEMENTS,
    QuestionKind.SERVICE: IndexKind.SERVICE_STATEMENTS,
    QuestionKind.CERTIFICATE: IndexKind.CERTIFICATE_STATEMENTS,
}


@dataclass(frozen=True, slots=True)
class Question:
    """Everything about this.

    Attributes:
        kind: what it is.
        value: its id, 32 bytes.
        called: what the asker calls it, where that is not the id.
    """

    kind: QuestionKind
    value: bytes
    called: str = field(default="", compare=False)

    @property
    def certificates(self) -> Subject:
        """The history of issuance entries."""
        return Subject(_CERTIFICATES[self.kind], self.value)

    @property
    def statements(self) -> Subject | None:
        """The history of statements; None for a key, which statements do not name."""
        kind = _STATEMENTS.get(self.kind)
        return None if kind is None else Subject(kind, self.value)
