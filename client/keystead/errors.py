# SPDX-License-Identifier: Apache-2.0
"""Every error that Keystead raises on purpose.

::

    KeysteadError                    one sentence that a person understands
    ├── ParseError                   bytes or text are not what their format says (with the offset)
    ├── VerificationError            a check failed; `check` names it, `evidence` keeps what was checked
    │   ├── SignatureError           a signature is missing, unknown or wrong
    │   ├── ProofError               an inclusion or consistency proof does not lead to the root
    │   ├── ChainError               a certificate chain does not reach an accepted trust anchor
    │   ├── EvidenceError            attestation evidence is refused
    │   ├── StatementError           a statement's signer had no right to say it, or it says what it may not
    │   └── LogMisbehaviourError     a log contradicted itself or its promise; `evidence` is the signed proof
    ├── RefusedError                 the log refuses a submission (`code`, `status`, perhaps `retry_after`)
    ├── FetchError                   a log could not be reached or answered nonsense
    ├── StoreError                   a folder or database is foreign, incomplete, in use or failing
    └── UsageError                   the caller asked for something that cannot be done as asked

Parsers let nothing else escape, whatever they are fed. Verification raises; it never answers with a truth
value that a caller could forget to look at.
"""

from collections.abc import Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class KeysteadError(Exception):
    """The root of the tree. `str(error)` is one clear sentence."""


class ParseError(KeysteadError):
    """Input that is not in its format.

    Attributes:
        offset: the byte at which reading failed, where it is known.
    """

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at byte {offset})")
        self.offset = offset


class VerificationError(KeysteadError):
    """A check failed.

    Attributes:
        check: a stable name of the check, in kebab-case (`unknown-anchor`).
        evidence: raw bytes by name, enough to run the check again.
    """

    def __init__(self, message: str, *, check: str = "", evidence: Mapping[str, bytes] = _NOTHING) -> None:
        super().__init__(message)
        self.check = check
        self.evidence = dict(evidence)


class SignatureError(VerificationError):
    """A signature is missing, by an unknown key, or wrong."""


class ProofError(VerificationError):
    """An inclusion or consistency proof does not verify."""


class ChainError(VerificationError):
    """A certificate chain does not lead to an accepted trust anchor."""


class EvidenceError(VerificationError):
    """Attestation evidence is refused; `check` says by which rule."""


class StatementError(VerificationError):
    """A statement that its signer had no right to make, or that says what may not be said."""


class LogMisbehaviourError(VerificationError):
    """A log contradicted itself. `evidence` holds what it signed."""


class RefusedError(KeysteadError):
    """A log refuses a submission.

    Attributes:
        code: stable, as listed in `specs/errors.md`.
        status: the HTTP status that it travels with.
        retry_after: seconds after which the same submission may be tried again.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after


class FetchError(KeysteadError):
    """A log could not be reached, or its answer is no answer.

    Attributes:
        url: what was asked for.
        status: the HTTP status, where there was one.
    """

    def __init__(self, message: str, *, url: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


class StoreError(KeysteadError):
    """A folder, file or database cannot be used as it is."""


class UsageError(KeysteadError):
    """What was asked cannot be done as asked; the sentence says what to do instead."""
