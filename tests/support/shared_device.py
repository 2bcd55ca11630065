# SPDX-License-Identifier: Apache-2.0
"""A served log with a device that several subscribers share, and what was said about it: something to look up."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import Method
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.payloads import (
    DeviceBinding,
    DeviceReference,
    ServiceAudit,
    ServiceDevices,
    Statement,
    service_id_of,
)
from keystead.statements.statement_key import spki_of
from keystead.testvendor.certificates import to_pem
from support.command_line import CommandLine, Ended
from support.served_log import ServedLog
from support.world import Leaf, World, party_key

__all__ = ["DEVICE", "SERIAL", "SharedDevice", "shared_device"]

SERIAL = 28557046
DEVICE = device_id("yubico-piv-serial", str(SERIAL))
DAY = 86_400


@dataclass
class SharedDevice:
    """A running log with a shared device in it, its world, and files.

    Attributes:
        answers: to submissions, by name.
        leaves: what was submitted, by name.
        service: id of the signing service.
        bindings: leaf indices of a binding and of the one that supersedes it.
    """

    log: ServedLog
    world: World
    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    service: bytes = b""
    bindings: tuple[int, int] = (0, 0)

    @property
    def trust(self) -> tuple[object, ...]:
        """Whose keys and whose vendor to believe."""
        return ("--trust", self.log.trust, "--anchors", self.folder / "anchors.toml")

    def lookup(self, keystead: CommandLine, *arguments: object, url: str | None = None) -> Ended:
        """Look something up."""
        return keystead("lookup", *arguments, "--log", url or self.log.url, *self.trust)

    def write(self, name: str, *ders: bytes) -> Path:
        """Certificates as one PEM file."""
        path = self.folder / f"{name}.pem"
        path.write_text("".join(map(to_pem, ders)))
        return path

    def submit(self, keystead: CommandLine, name: str, leaf: Leaf, der: bytes, serial: int | None) -> None:
        """Log a chain, with evidence."""
        chain = self.write(name, der, *leaf.authority.chain)
        evidence: tuple[object, ...] = ()
        if serial is not None:
            piece = self.folder / "piece.evidence"
            piece.write_bytes(self.world.evidence(leaf, serial).encode())
            evidence = ("--evidence", piece)
        ended = keystead("submit", chain, *evidence, "--log", self.log.url, *self.trust[:2], "--json")
        assert ended.code == 0, ended.err
        self.answers[name], self.leaves[name] = ended.document, leaf

    def say(self, keystead: CommandLine, envelope: Envelope) -> int:
        """Log a statement; its index."""
        path = self.folder / "statement.json"
        path.write_bytes(envelope.encode())
        ended = keystead("statement", "submit", path, "--log", self.log.url, *self.trust[:2], "--json")
        assert ended.code == 0, ended.err
        return int(ended.document["leaf_index"])

    def tell(self, keystead: CommandLine) -> "SharedDevice":
        """Log everything, once, and wait until the index covers it."""
        if self.answers:
            return self
        world = self.world
        origin = json.loads(self.log.trust.read_text())["statements"]["origin"]
        now = int(time.time())
        key = spki_of(party_key("Operator"))
        self.service = service_id_of(key, "Signing Service")
        audit = ServiceAudit(
            origin,
            now,
            service=self.service,
            service_name="Signing Service",
            founding_key=key,
            operator_name="Operator",
            operator_key=key,
            scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
            auditor="Careful Audits",
            not_before=now - 10 * DAY,
            not_after=now + 300 * DAY,
            period_start=now - 300 * DAY,
            period_end=now - 20 * DAY,
        )
        self.say(keystead, world.say("Careful Audits", audit))
        reference = DeviceReference("yubico-piv-serial", DEVICE)
        first = world.leaf("First AB", serial=SERIAL, service=self.service)
        self.submit(keystead, "first-pre", first, first.precertificate, SERIAL)
        self.submit(keystead, "first", first, first.certificate(), None)
        enrolment = ServiceDevices(
            origin, now, service=self.service, from_=now, join=(reference,), leave=(), next_key=None
        )
        self.say(keystead, _operator(enrolment))
        second = world.leaf("Second GmbH", serial=SERIAL, authority=world.south)
        self.submit(keystead, "second", second, second.precertificate, SERIAL)
        third = world.leaf("Third Ltd")
        self.submit(keystead, "third", third, third.certificate(), None)

        def binding(device: DeviceReference, supersedes: int | None) -> Envelope:
            statement = DeviceBinding(
                origin,
                now,
                certificate=bytes.fromhex(self.answers["third"]["certificate_id"]),
                issuance_index=self.answers["third"]["leaf_index"],
                devices=(device,),
                method=Method.SHIPPED_BY_CA,
                service=None,
                supersedes=supersedes,
                supersedes_extension=False,
            )
            return world.say("North CA", statement)

        bound = self.say(keystead, binding(reference, None))
        other = DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", "1"))
        last = self.say(keystead, binding(other, bound))
        self.bindings = (bound, last)
        deadline = time.monotonic() + 60
        while True:
            ended = self.lookup(keystead, "device", DEVICE.hex(), "--json")
            (proven,) = ended.document["proven_at"] if ended.code == 0 else ({"statements_size": -1},)
            if proven["statements_size"] > last:
                return self
            assert time.monotonic() < deadline, ended.err


def _operator(statement: Statement) -> Envelope:
    return sign_envelope(party_key("Operator"), statement.payload_type, statement.encode())


@contextmanager
def shared_device(folder: Path) -> Iterator[SharedDevice]:
    """A device that two subscribers of two CAs use, a service, and a certificate that is bound to the device."""
    world = World(folder / "world")
    policy = world.write_policy(backfill="any")
    (folder / "anchors.toml").write_text(
        '[[vendor_anchor]]\nname = "Test"\ncertificate = "world/vendor.pem"\nformats = ["yubikey-piv"]\n'
    )
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        yield SharedDevice(log, world, folder)
