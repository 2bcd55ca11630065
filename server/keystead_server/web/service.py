# SPDX-License-Identifier: Apache-2.0
"""What every handler shares: the log, its sequencer, and the rules of the policy in force."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.devices.anchors import AnchorSet
from keystead.errors import RefusedError, StoreError
from keystead.statements.policy import Policy
from keystead_server.admission.certificate import IssuerChains
from keystead_server.admission.quota import QuotaBook
from keystead_server.log.clock import Clock
from keystead_server.log.open_log import OpenLog
from keystead_server.log.records import Placed
from keystead_server.log.sequencer import Outcome, Sequencer
from keystead_server.storage.interface import BlobStore
from keystead_server.web.objects import ObjectReader

__all__ = ["SERVICE", "LogService", "Rules", "placed_or_refused"]


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
        StoreError: the DER of a root is not in the store.
    """
    roots = {}
    for digest in policy.roots:
        der = blobs.get(f"issuance/issuer/{digest.hex()}")
        if der is None:
            raise StoreError(
                f"issuance/issuer/{digest.hex()} is missing: restore it from a backup or a mirror"
            )
        roots[digest] = parse_certificate(der)
    return Rules(
        policy=policy,
        index=index,
        roots=roots,
        anchors=policy.anchors,
        issuers=IssuerChains(roots),
        distrusted=frozenset(policy.distrusted),
    )


class LogService:
    """One running log.

    Attributes:
        log: the open log; changed by the sequencer only.
        sequencer: where admitted operations go.
        clock: wall and monotonic time.
        objects: cached reads of stored objects.
        quotas: what was admitted in the last minute.
        turns: for each service that a statement is being logged about, whose turn it is.
        trust: the bytes of `trust.json`.
    """

    def __init__(self, log: OpenLog, sequencer: Sequencer, clock: Clock, trust: bytes) -> None:
        self.log = log
        self.sequencer = sequencer
        self.clock = clock
        self.objects = ObjectReader(log.blobs)
        self.quotas = QuotaBook()
        self.turns: dict[bytes, asyncio.Lock] = {}
        self.trust = trust
        self._rules = rules_of(log.policy, log.policy_index, log.blobs)

    @property
    def rules(self) -> Rules:
        """The rules of the policy in force; made anew when that changes."""
        if self._rules.index != self.log.policy_index:
            self._rules = rules_of(self.log.policy, self.log.policy_index, self.log.blobs)
        return self._rules


def placed_or_refused(outcome: Outcome) -> Placed:
    """Where an operation's entry stands.

    Raises:
        RefusedError: it was not sequenced; the submitter is to try again.
    """
    if isinstance(outcome, RefusedError):
        raise outcome
    return outcome


SERVICE: web.AppKey[LogService] = web.AppKey("service", LogService)
