# SPDX-License-Identifier: Apache-2.0
"""What an audit finds wrong, and where (`specs/audit.md`, section 4).

A problem has a stable code, the log that it is in, and the place: an entry's index, a file's path, or both. Beside
the codes of this module an entry, a statement or a piece of evidence that should not have been admitted has the code
of `specs/errors.md` by which the log should have refused it.

Problems are of two sorts. Of the first, the log's own signature is the proof: the bytes are in the tree, and
nothing takes them back. The others are of bytes that are served beside the tree, or that are not those of the tree:
the operator can put the right ones in their place, and the next audit finds nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from keystead.encoding.rfc4648 import encode_base64

__all__ = ["CODES", "Problem", "in_order"]

CODES: Mapping[str, str] = MappingProxyType(
    {
        # Files
        "checkpoint-withheld": "a log serves no checkpoint",
        "checkpoint-invalid": "a checkpoint is malformed, or a signature on it is missing or wrong",
        "root-mismatch": "entries and tiles do not lead to the signed root",
        "tile-withheld": "a hash tile that the checkpoint promises is not served",
        "tile-altered": "a hash tile does not hold the hashes of the tree",
        "bundle-withheld": "a bundle or data tile that the checkpoint promises is not served",
        "bundle-altered": "a bundle or data tile does not hold the entries of the tree",
        "entry-altered": "an entry is not the one that is in the tree at its place",
        "issuer-withheld": "the certificate of an issuer or root is not served",
        "issuer-altered": "what is served as an issuer or root has another hash, or is no certificate",
        "policy-withheld": "a policy that was in force is not served",
        "policy-altered": "what is served as a policy has another hash",
        "evidence-withheld": "recorded evidence is not served",
        "evidence-altered": "what is served as evidence has another hash",
        "leftover-altered": "an older partial tile, or an object that nothing names, is not what its name says",
        # Signed trees
        "rollback": "the log shows fewer entries than it signed before",
        "fork": "the log signed two trees that contradict each other",
        "time-goes-back": "an entry is dated before the one before it",
        "batch-not-later": "an entry is not dated later than the checkpoint that was signed before it",
        "tree-head-too-early": "the tree head is dated before an entry under it",
        # Issuance entries
        "wrong-leaf-index": "an entry says that it is at another place than it is",
        "wrong-issuer-key-hash": "a precertificate's entry names another issuing key than its chain",
        "wrong-tbs": "a precertificate's entry is not its TBSCertificate without poison",
        "no-policy-in-force": "an entry was logged before any policy was in force",
        "duplicate-entry": "a precertificate or certificate is logged twice",
        # Statements
        "statement-malformed": "a statement entry, or the payload in it, is not in its form",
        "duplicate-statement": "a statement is logged twice",
        "policy-malformed": "a log-policy names bytes that are no policy",
        "after-the-end": "something was logged after the last policy named the log's successor",
        # Heads of the device index
        "index-head-beyond": "a head of the index covers entries that were not there before it",
        "index-head-falls": "a head of the index covers less than one before it",
        "index-head-other-tree": "a head of the index names a root that the issuance log never had",
        "index-head-wrong": "a head of the index commits to another map than the entries that it covers lead to",
        # Evidence
        "duplicate-evidence": "one piece of evidence is recorded twice for a certificate, or one that says the same",
        "evidence-other-devices": "a device-evidence statement names other devices than its evidence proves",
        "evidence-other-anchors": "a device-evidence statement names other anchors than its evidence leads to",
        "evidence-other-format": "a device-evidence statement names another format than its evidence has",
        # One certificate
        "no-promise": "the certificate has no promise of any log that was given",
        "promise-malformed": "a promise has no index",
        "promise-not-kept": "the log promised an entry, and its tree has none there, or another one",
        "issuer-unknown": "the log's entry does not lead to the certificate's issuer, so the promise cannot be checked",
        "statements-unreadable": "the statement log cannot be read whole, so what it says is not known",
    }
)
"""Every code that an audit has of its own, and what it means."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: stable; of `CODES` or of `specs/errors.md`.
        log: origin of the log that it is in.
        sentence: for people.
        index: the entry, where it is one.
        path: the file, as in the log's URLs, where it is one.
        signed: the log's own signature proves it, so no repair of files takes it back.
        evidence: raw bytes by name that prove it to others, where they are not simply what the log serves.
    """

    code: str
    log: str
    sentence: str
    index: int | None = None
    path: str | None = None
    signed: bool = False
    evidence: Mapping[str, bytes] = field(default_factory=dict, hash=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it; `evidence` in base64, where there is some."""
        value: dict[str, Any] = {
            "code": self.code,
            "log": self.log,
            "index": self.index,
            "path": self.path,
            "signed": self.signed,
            "sentence": self.sentence,
        }
        if self.evidence:
            value["evidence"] = {name: encode_base64(data) for name, data in self.evidence.items()}
        return value


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once: by log, then what is of the whole log, then by entry, then by file."""
    unique = dict.fromkeys(problems)
    return tuple(
        sorted(
            unique,
            key=lambda one: (one.log, -1 if one.index is None else one.index, one.path or "", one.code),
        )
    )
