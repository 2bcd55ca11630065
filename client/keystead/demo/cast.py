# SPDX-License-Identifier: Apache-2.0
"""The people of the demonstration: two CAs, a maker of devices, four subscribers, a signing service, an auditor.

Everything is minted anew for each demonstration, from a random seed: nothing here is trusted anywhere else.
"""

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.demo.folder import DemoFolder
from keystead.devices.evidence import Evidence
from keystead.devices.result import DeviceIdentity
from keystead.devices.yubikey_piv import SCHEME
from keystead.statements.payloads import service_id_of
from keystead.statements.statement_key import spki_of
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import SigningKey
from keystead.testvendor.subjects import ev_subject, ov_subject
from keystead.testvendor.vendor import TestVendor
from keystead.testvendor.yubikey import TestYubiKey

__all__ = ["AUDITOR", "Authority", "Cast", "Subscriber", "make_cast", "write_cast"]

AUDITOR = "Quill Auditors"
VENDOR_ROOT = "Keystead Test PIV Root CA Serial 1"


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA.

    Attributes:
        name: in its certificates and in the log's policy.
        short: of its files.
        ca: issues.
        key: signs its statements.
    """

    name: str
    short: str
    ca: TestCertificateAuthority
    key: Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Somebody with a code-signing certificate, whose key lives in a device.

    Attributes:
        name: the organization.
        short: of its files.
        subject: DER of the Name.
        authority: the CA that it goes to.
        device: where its key is.
        slot: in the device.
    """

    name: str
    short: str
    subject: bytes
    authority: Authority
    device: TestYubiKey
    slot: str

    @property
    def key(self) -> SigningKey:
        """Its key; that the demonstration can see it is what makes this vendor a test vendor."""
        return self.device.generate(self.slot)

    @property
    def evidence(self) -> Evidence:
        """The device's attestation of the key."""
        return self.device.attest(self.key.spki, self.slot)

    @property
    def identity(self) -> DeviceIdentity:
        """The device as evidence proves it."""
        return DeviceIdentity.of(SCHEME, str(self.device.serial))

    def extension(self, service: bytes | None = None) -> bytes:
        """The DER that the CA embeds: the device, how it was verified, the evidence, and perhaps the service."""
        device = DeviceIdentifier(SCHEMES[SCHEME].oid, self.identity.device_id)
        digest = self.evidence.digest
        return SignatureCreationDevice((device,), Method.KEY_ATTESTATION, digest, service).encode()

    def certificate(
        self,
        valid: tuple[int, int],
        *,
        device_extension: bytes | None = None,
        precertificate: bool = False,
        sct_list: bytes | None = None,
    ) -> tuple[bytes, ...]:
        """The chain of a certificate, or of its precertificate, root included."""
        ca = self.authority.ca
        issued = ca.issue(
            self.subject,
            self.key.spki,
            not_before=valid[0],
            not_after=valid[1],
            device_extension=device_extension,
            precertificate=precertificate,
            sct_list=sct_list,
        )
        return (issued, *ca.chain)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody.

    Attributes:
        vendor: makes the devices.
        north, south: the CAs.
        alder, birch: subscribers on one device, that of the signing service.
        cedar, dogwood: subscribers on another.
        auditor_key: signs audits.
        operator: name of who runs the service.
        operator_key: the service's founding key, and its statement key.
        service_name: as the auditor has it.
        service: the service's id.
    """

    vendor: TestVendor
    north: Authority
    south: Authority
    alder: Subscriber
    birch: Subscriber
    cedar: Subscriber
    dogwood: Subscriber
    auditor_key: Ed25519PrivateKey
    operator: str
    operator_key: Ed25519PrivateKey
    service_name: str
    service: bytes

    def spare_device(self, serial: int) -> TestYubiKey:
        """One more device of the vendor's."""
        return self.vendor.yubikey(serial)


def make_cast() -> Cast:
    """New people with new keys."""
    seed = os.urandom(32)
    vendor = TestVendor(seed)
    north = _authority("North CA", "SE", "north", seed)
    south = _authority("South CA", "DE", "south", seed)
    shared, other = vendor.yubikey(70_000_001), vendor.yubikey(70_000_002)
    operator_key = Ed25519PrivateKey.generate()
    service_name = "Signhouse Code Signing"
    return Cast(
        vendor=vendor,
        north=north,
        south=south,
        alder=_company("Alder Software AB", "SE", "556000-0001", north, shared, "9a"),
        birch=_company("Birch Games GmbH", "DE", "HRB 100001", south, shared, "9c"),
        cedar=_company("Cedar Tools Ltd", "GB", "09000001", north, other, "9a"),
        dogwood=Subscriber(
            "Dogwood Media SARL", "dogwood", ov_subject("Dogwood Media SARL", "FR"), south, other, "9c"
        ),
        auditor_key=Ed25519PrivateKey.generate(),
        operator="Signhouse BV",
        operator_key=operator_key,
        service_name=service_name,
        service=service_id_of(spki_of(operator_key), service_name),
    )


def _authority(name: str, country: str, short: str, seed: bytes) -> Authority:
    ca = TestCertificateAuthority(name, country, seed=seed)
    return Authority(name, short, ca, Ed25519PrivateKey.generate())


def _company(
    name: str, country: str, registration: str, authority: Authority, device: TestYubiKey, slot: str
) -> Subscriber:
    short = name.split(maxsplit=1)[0].lower()
    return Subscriber(name, short, ev_subject(name, country, registration), authority, device, slot)


def write_cast(cast: Cast, folder: DemoFolder) -> None:
    """Keys, CA certificates, the log's policy and the monitor's anchors, into the folder."""
    for authority in (cast.north, cast.south):
        folder.write_chain(f"{authority.short}-root", [authority.ca.root_der])
        folder.write_chain(f"{authority.short}-issuing", [authority.ca.intermediate_der])
        folder.write_key(f"{authority.short}-issuing", authority.ca.issuer_key.private_key)
        folder.write_key(f"{authority.short}-statements", authority.key)
    folder.write_key("auditor", cast.auditor_key)
    folder.write_key("operator", cast.operator_key)
    (folder.path / "evidence" / "vendor-root.pem").write_text(cast.vendor.root_pem(), encoding="ascii")
    folder.policy.write_text(_policy(cast), encoding="utf-8")
    folder.anchors.write_text(_ANCHOR, encoding="utf-8")


_ANCHOR = f"""\
[[vendor_anchor]]
name = "{VENDOR_ROOT}"
certificate = "evidence/vendor-root.pem"
formats = ["yubikey-piv"]
"""


def _policy(cast: Cast) -> str:
    parties = "\n".join(
        f"""\
[[party]]
name = "{authority.name}"
kinds = ["device-binding", "certificate-revoked"]
key = "keys/{authority.short}-statements.pub.pem"
issuers = ["certificates/{authority.short}-issuing.pem"]
"""
        for authority in (cast.north, cast.south)
    )
    return f"""\
# Whom this log admits. Change it, then send the server SIGHUP: the change is logged.
[issuance]
roots = ["certificates/{cast.north.short}-root.pem", "certificates/{cast.south.short}-root.pem"]
backfill = "evidence"

{parties}
[[party]]
name = "{AUDITOR}"
kinds = ["service-audit", "audit-withdrawal"]
key = "keys/auditor.pub.pem"

{_ANCHOR}"""
