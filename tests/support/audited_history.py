# SPDX-License-Identifier: Apache-2.0
"""Histories that a log may have: its policy lists the roots of the CAs, and every issuer is served.

`History` tells stories to a monitor, which does not ask who was admitted; an audit does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256

from keystead.audit.report import AuditReport
from keystead.audit.run import AuditOptions, audit_log
from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.ct.sct import sct_list_extension_value, sign_sct
from keystead.ct.tile_leaf import TileLeaf
from keystead.devices.evidence import Evidence
from keystead.statements.policy import Backfill
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from keystead.tlog.merkle import hash_leaf
from support.history import YEAR, History, Issued, seconds, yubikey

__all__ = ["AuditedHistory", "small_history"]


class AuditedHistory(History):
    """A history that an audit finds nothing wrong with, until it is told to lie.

    Args:
        name: of the log.
        authorities: whose roots the policy lists.
        begin: the day of its first batch.
    """

    def __init__(
        self,
        name: str = "log.example",
        authorities: Sequence[TestCertificateAuthority] = (History.north, History.south, History.east),
        begin: float = 0,
    ) -> None:
        self.authorities = authorities
        super().__init__(name, begin)

    def policy(self, **changed: object) -> int:
        """As `History.policy`, with the roots."""
        for ca in self.authorities:
            for above in (*ca.chain, ca.root_der):
                self.log.objects[f"issuance/issuer/{sha256(above).hexdigest()}"] = above
        roots = tuple(sha256(ca.root_der).digest() for ca in self.authorities)
        return super().policy(**{"roots": roots, **changed})

    @contextmanager
    def one_batch(self) -> Iterator[None]:
        """All that is told in the body is one batch, published behind it."""
        publish = self.log.publish
        self.log.publish = lambda: None
        try:
            yield
        finally:
            del self.log.publish
            publish()

    def naming(
        self,
        subscriber: str,
        serial: int,
        *,
        digest: bytes | None = None,
        record: bool = True,
        precertificate: bool = False,
        der: dict[str, object] | None = None,
    ) -> tuple[Issued, Evidence]:
        """A certificate whose extension names its evidence, recorded beside it; in the running batch.

        Args:
            subscriber: name of the organization.
            serial: of the YubiKey.
            digest: what the extension names instead.
            record: record the evidence.
            precertificate: log the precertificate.
            der: more arguments to the CA.
        """
        key = derive_key(b"naming", f"{subscriber} {serial}")
        evidence = self.vendor.yubikey(serial).attest(key.spki)
        device = DeviceIdentifier(SCHEMES["yubico-piv-serial"].oid, yubikey(serial))
        extension = SignatureCreationDevice((device,), Method.KEY_ATTESTATION, digest or evidence.digest)
        reissue: dict[str, object] = {
            "subject": ov_subject(subscriber, "SE"),
            "public_key": key.spki,
            "not_before": seconds(0),
            "not_after": seconds(YEAR),
            "device_extension": extension.encode(),
            **(der or {}),
        }
        issued = self._issue(self.north, key, reissue, precertificate=precertificate)
        if record:
            self.record_evidence(issued, evidence)
        return issued, evidence

    def rewrite(self, index: int, leaf: TileLeaf) -> None:
        """Put another leaf at a place of the issuance log, before it is signed."""
        tree = self.log.issuance
        tree.leaves[index] = leaf
        tree.entries[index] = leaf.entry.merkle_tree_leaf()
        tree.hashes[index] = hash_leaf(tree.entries[index])
        tree._rows.clear()

    def relabel(self, index: int, **changed: object) -> None:
        """Change what an entry says of itself, before it is signed."""
        leaf = self.log.issuance.leaves[index]
        self.rewrite(index, replace(leaf, entry=replace(leaf.entry, **changed)))  # type: ignore[arg-type]

    def promise(self, index: int, **changed: object) -> bytes:
        """The log's SCT for an entry, or for what it says after a change."""
        entry = replace(self.log.issuance.leaves[index].entry, **changed)  # type: ignore[arg-type]
        return sign_sct(entry, self.log.trust.issuance.log_id, self.log.sct_key).encode()

    def finish_with(self, issued: Issued, *promises: bytes) -> Certificate:
        """The certificate of a precertificate, with promises in it; it is not logged."""
        reissue = {**issued.reissue, "sct_list": sct_list_extension_value(promises)}
        return parse_certificate(issued.ca.issue(**reissue))  # type: ignore[arg-type]

    async def audit_now(self, fetcher: Fetcher | None = None, **options: object) -> AuditReport:
        """Audit the log as it is published, or as a fetcher shows it."""
        options.setdefault("sleep", no_sleep)
        chosen = AuditOptions(self.vendor.anchors(), **options)  # type: ignore[arg-type]
        return await audit_log(fetcher or self.log, self.log.trust, chosen)


async def no_sleep(seconds: float) -> None:
    """Wait for nothing."""


def small_history() -> AuditedHistory:
    """A log with something of everything, five entries of certificates, nine statements, two policies among them."""
    history = AuditedHistory()
    alpha = history.certificate("Alpha AB", serial=1)
    beta = history.certificate("Beta GmbH", serial=2, ca=history.south, precertificate=True)
    history.day(1)
    history.finish(beta)
    with history.one_batch():
        history.naming("Gamma Ltd", 3)
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.bind(alpha, serials=[7])
    history.revoke(alpha)
    history.day(2)
    history.policy(backfill=Backfill.ANY)
    history.day(3)
    history.certificate("Delta SA", ca=history.east)
    return history
