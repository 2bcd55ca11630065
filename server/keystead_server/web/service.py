# SPDX-License-Identifier: Apache-2.0
"""What every handler shares: what is published, where submissions go, and the rules of the policy in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.devices.anchors import AnchorSet
from keystead.encoding.json import decode_json
from keystead.statements.policy import Policy
from keystead.tlog.checkpoint import RFC6962NoteSignature
from keystead_server.admission.certificate import IssuerChains
from keystead_server.intake.interface import Intake
from keystead_server.log.records import Records
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads
from keystead_server.storage.named import named_object
from keystead_server.web.answered import AnsweredSubmissions
from keystead_server.web.objects import ObjectReader
from keystead_server.web.tiles import TileReader

__all__ = ["SERVICE", "LogService", "PublishedLog", "Rules"]


class PublishedLog(Protocol):
    """What is published of a log: the process of the sequencer has it in memory, a front end follows it."""

    @property
    def heads(self) -> Heads:
        """Both checkpoints, and the time of the last batch."""

    @property
    def issuance(self) -> Tree:
        """The issuance tree at its checkpoint."""

    @property
    def statements(self) -> Tree:
        """The statement tree at its checkpoint."""

    @property
    def tree_head(self) -> RFC6962NoteSignature:
        """The tree head signature of the issuance log."""

    @property
    def blobs(self) -> BlobStore:
        """The stored objects."""

    @property
    def records(self) -> Records:
        """What the lock database says of entries."""

    @property
    def statements_size(self) -> int:
        """The size of the statement tree at its checkpoint, as of the last look."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""

    @property
    def policy_index(self) -> int:
        """The leaf index of its `log-policy` statement."""

    def prove_issuance(self, index: int, statement_index: int) -> tuple[tuple[bytes, ...], bytes]:
        """The audit path of an issuance entry, and the checkpoint that it is under, in a view of the log that
        has `statement_index` published too, if it is."""

    @property
    def successor(self) -> str | None:
        """The statement log that continues this one, where it has ended."""

    def refresh(self) -> None:
        """Look again at what is published now."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy in force, in the forms that admission asks for.

    Attributes:
        policy: the policy; `index` the leaf index of its `log-policy` statement.
        roots: the accepted roots, by SHA-256 of their DER.
        anchors: the vendor anchors.
        issuers: the memory of issuer chains that lead to these roots.
        distrusted: SHA-256 of every key that the policy distrusts.
    """

    policy: Policy
    index: int
    roots: Mapping[bytes, Certificate]
    anchors: AnchorSet
    issuers: IssuerChains
    distrusted: frozenset[bytes]


def rules_of(policy: Policy, index: int, blobs: BlobStore) -> Rules:
    """The rules that a policy makes.

    Raises:
        StoreError: the DER of a root is not in the store, or was altered there.
    """
    # A root from the store is believed only if it is the one that the policy names.
    roots = {
        digest: parse_certificate(named_object(blobs, "issuance/issuer", digest)) for digest in policy.roots
    }
    return Rules(policy, index, roots, policy.anchors, IssuerChains(roots), frozenset(policy.distrusted))


class LogService:
    """One log, as handlers see it.

    Attributes:
        log: what is published.
        intake: where submissions go.
        objects: cached reads of stored objects; `tiles` those of tiles and bundles.
        answered: the last submissions that this process answered.
        sct_key: signs SCTs; `log_id` is the SHA-256 of its SubjectPublicKeyInfo.
        trust: the bytes of `trust.json`; `trust_document` what they say.
    """

    def __init__(
        self,
        log: PublishedLog,
        intake: Intake,
        *,
        sct_key: EllipticCurvePrivateKey,
        log_id: bytes,
        trust: bytes,
    ) -> None:
        self.log = log
        self.intake = intake
        self.objects = ObjectReader(log.blobs)
        self.tiles = TileReader(self.objects)
        self.answered = AnsweredSubmissions()
        self.sct_key = sct_key
        self.log_id = log_id
        self.trust = trust
        self.trust_document: dict[str, Any] = decode_json(trust, "trust.json")
        self._rules = rules_of(log.policy, log.policy_index, log.blobs)

    @property
    def rules(self) -> Rules:
        """The rules of the policy in force; made anew when that changes."""
        if self._rules.index != self.log.policy_index:
            self._rules = rules_of(self.log.policy, self.log.policy_index, self.log.blobs)
        return self._rules


SERVICE: web.AppKey[LogService] = web.AppKey("service", LogService)
