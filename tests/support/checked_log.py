# SPDX-License-Identifier: Apache-2.0
"""A running log and the files of CAs that check and submit at it, with the command line."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from keystead.certificate.device_identifier import device_id
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.payloads import DeviceReference, ServiceAudit, ServiceDevices, service_id_of
from keystead.statements.statement_key import spki_of
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from support.command_line import CommandLine, Ended
from support.served_log import ServedLog
from support.world import Leaf, World, party_key

__all__ = ["DAY", "CheckedLog", "reference"]

DAY = 86_400


def reference(serial: int) -> DeviceReference:
    """A YubiKey, as statements name it."""
    return DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", str(serial)))


@dataclass
class CheckedLog:
    """A running log, its world, and a folder for files."""

    log: ServedLog
    world: World
    folder: Path

    @classmethod
    def policy(cls, folder: Path) -> tuple[World, Path]:
        """A world, and its policy, under which anything may be bound; its vendor's anchor in `anchors.toml`."""
        world = World(folder / "world")
        policy = world.write_policy(backfill="any")
        (folder / "anchors.toml").write_text(
            '[[vendor_anchor]]\nname = "Test"\ncertificate = "world/vendor.pem"\nformats = ["yubikey-piv"]\n'
        )
        return world, policy

    def wait_for_index(self) -> None:
        """Until the index of a log that has just begun answers."""
        for _ in range(600):
            try:
                with urlopen(f"{self.log.url}/index/v1/policies/", timeout=60):
                    return
            except HTTPError as error:
                error.close()
            time.sleep(0.1)
        raise AssertionError("the index does not answer")

    @property
    def trust(self) -> tuple[object, ...]:
        """Which log, whose keys and whose vendor to believe."""
        return (
            *("--log", self.log.url, "--trust", self.log.trust),
            *("--anchors", self.folder / "anchors.toml"),
        )

    @property
    def origin(self) -> str:
        """Of the statement log."""
        return str(json.loads(self.log.trust.read_text())["statements"]["origin"])

    def write(self, name: str, *ders: bytes) -> Path:
        """Certificates as one PEM file."""
        path = self.folder / f"{name}.pem"
        path.write_text("".join(map(to_pem, ders)))
        return path

    def leaf(self, name: str, serial: int, **options: Any) -> Leaf:
        """A certificate to be, of a key that nobody else has, in a YubiKey."""
        return self.world.leaf(name, serial=serial, key=derive_key(b"checked", f"{name} {serial}"), **options)

    def chain(self, leaf: Leaf, *, precertificate: bool = True) -> Path:
        """A leaf's chain as a file."""
        der = leaf.precertificate if precertificate else leaf.certificate()
        return self.write(leaf.key.spki[-8:].hex(), der, *leaf.authority.chain)

    def evidence(self, leaf: Leaf, serial: int) -> Path:
        """A piece of evidence as a file."""
        path = self.folder / f"{leaf.key.spki[-8:].hex()}.evidence"
        path.write_bytes(self.world.evidence(leaf, serial).encode())
        return path

    def submit(
        self,
        keystead: CommandLine,
        leaf: Leaf,
        *options: object,
        serial: int | None = None,
        precertificate: bool = True,
    ) -> Ended:
        """Log a chain, with evidence if a serial number is given."""
        evidence = () if serial is None else ("--evidence", self.evidence(leaf, serial))
        chain = self.chain(leaf, precertificate=precertificate)
        return keystead("submit", chain, *evidence, *options, *self.trust, "--json")

    def check(self, keystead: CommandLine, *options: object) -> Ended:
        """Ask."""
        return keystead("check", *options, *self.trust, "--json")

    def say(self, keystead: CommandLine, envelope: Envelope) -> int:
        """Log a statement; its index."""
        path = self.folder / "statement.json"
        path.write_bytes(envelope.encode())
        ended = keystead("statement", "submit", path, *self.trust[:4], "--json")
        assert ended.code == 0, ended.err
        return int(ended.document["leaf_index"])

    def found_service(self, keystead: CommandLine, serials: Sequence[int], name: str = "Signing") -> bytes:
        """An audited service to which devices belong; its id."""
        now, key = int(time.time()), spki_of(party_key("Operator"))
        service = service_id_of(key, name)
        audit = ServiceAudit(
            self.origin,
            now,
            service=service,
            service_name=name,
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
        self.say(keystead, self.world.say("Careful Audits", audit))
        enrolment = ServiceDevices(
            self.origin,
            now,
            service=service,
            from_=now,
            join=tuple(map(reference, serials)),
            leave=(),
            next_key=None,
        )
        self.say(keystead, sign_envelope(party_key("Operator"), enrolment.payload_type, enrolment.encode()))
        return service
