# SPDX-License-Identifier: Apache-2.0
"""Test nShield modules: bundles shaped like those of `nfkmattest`, under a root of our own.

Members, their order, the messages in them, kinds and sizes of keys are those of the bundles that Entrust
publishes; a test compares them. Modules of one Security World share its officers' key and module key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keystead.certificate.public_key import load_public_key
from keystead.devices.evidence import Evidence
from keystead.devices.nshield import FORMAT
from keystead.devices.nshield.warrant import ROOT_NAME, Symbol
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.testvendor.dsa import DsaKey, derive_dsa_key
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key
from keystead.testvendor.nshield_messages import (
    DSA_SHA256,
    ECDSA_SHA512,
    acl,
    archive_blob,
    base64url,
    blob,
    ddds,
    dsa_key_data,
    group,
    key_data,
    key_hash,
    operations,
    sign_dsa,
    sign_ecdsa,
    text,
    word,
)
from keystead.testvendor.nshield_world import TestSecurityWorld

__all__ = ["Changes", "TestNShield", "TestNShieldMaker", "warrant_key"]

_MECHANISM = [Symbol("ECDSA"), [Symbol("EMSA1"), Symbol("SHA512")]]
_APPROVAL = [Symbol("FIPS140"), 2, 3, Symbol("MultiChipEmbedded")]
_SOFTCARD, _CARDSET = 7, 1  # flags of a token
_ORDINARY = ("duplicate-handle", "use-as-certificate", "get-app-data", "reduce-acl", "sign", "get-acl")
_OFFICERS = (
    "duplicate-handle",
    "export-as-plain",
    "get-app-data",
    "set-app-data",
    "reduce-acl",
    "expand-acl",
    "get-acl",
)


class TestNShieldMaker:
    """The vendor: the warrants' root and the delegate that names modules.

    Args:
        seed: every key follows from it.
    """

    __test__ = False

    def __init__(self, seed: bytes) -> None:
        self.seed = seed

    def key(self, label: str) -> SigningKey:
        """The vendor's key with this label, on P-521."""
        return derive_key(self.seed, f"nshield/{label}", "ec-p521")

    def anchor(self) -> VendorAnchor:
        """The pinned key."""
        return VendorAnchor(
            "Keystead Test KWARN-1",
            self.key("root").spki,
            frozenset({FORMAT}),
            source="keystead.testvendor",
            note="proves nothing",
        )

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """All pinned keys."""
        return (self.anchor(),)

    def make(
        self, esn: str, world: str = "1", *, fips: bool = False, upgraded: bool = False
    ) -> "TestNShield":
        """A module; see `TestNShield`."""
        return TestNShield(self, esn, TestSecurityWorld(self.seed, world, fips), upgraded)

    def certificate(self, key: SigningKey, members: Mapping[str, Any]) -> dict[str, bytes]:
        """A certificate of a warrant: the encoded members and the signature over them."""
        payload = ddds(members)
        r, s = decode_dss_signature(key.sign(payload))
        return {"Payload": payload, "Signature": r.to_bytes(66) + s.to_bytes(66)}

    def delegation(self, delegate: SigningKey, signer: SigningKey | None = None) -> dict[str, bytes]:
        """A certificate that lets a key name modules."""
        return self.certificate(
            signer or self.key("root"),
            {
                "DelegateKey": warrant_key(delegate),
                "SigMech": _MECHANISM,
                "WarrantCertificateType": Symbol("Delegation"),
            },
        )


def warrant_key(key: SigningKey) -> list[Any]:
    """A public key on P-521 as warrants hold it."""
    public = load_public_key(key.spki)
    assert isinstance(public, EllipticCurvePublicKey)  # noqa: S101 - the caller is this package
    point = public.public_numbers()
    return [Symbol("ECDSA"), Symbol("Public"), Symbol("NISTP521"), [point.x, point.y]]


@dataclass(frozen=True)
class Changes:
    """What makes a bundle another than the module would have made; None: nothing.

    Attributes:
        acl: the access control list.
        generation: what comes before it in the key generation certificate.
        key_hash: what comes after it.
        signing_key: what signs the certificate in KML's place.
        state: the module state's message.
        state_key: what signs it in KLF2's place.
        warrant: its encoding.
        hkm: the module key that the officers' key signs.
        officer_key: what signs that in KNSO's place.
        members: by name, other values of members of the bundle; None: the member is left out.
    """

    acl: bytes | None = None
    generation: bytes | None = None
    key_hash: bytes | None = None
    signing_key: DsaKey | None = None
    state: bytes | None = None
    state_key: SigningKey | None = None
    warrant: bytes | None = None
    hkm: bytes | None = None
    officer_key: DsaKey | None = None
    members: Mapping[str, bytes | str | None] | None = None


@dataclass(frozen=True)
class TestNShield:
    """One test module.

    Attributes:
        maker: its vendor.
        esn: its electronic serial number.
        world: the Security World that it is in.
        upgraded: its warrant came with a field upgrade.
    """

    __test__ = False

    maker: TestNShieldMaker
    esn: str
    world: TestSecurityWorld
    upgraded: bool = False

    @property
    def klf2(self) -> SigningKey:
        """The module's own key."""
        return self.maker.key(f"klf2/{self.esn}")

    @cached_property
    def kml(self) -> DsaKey:
        """The key that vouches for generated keys."""
        return derive_dsa_key(self.maker.seed, f"nshield/kml/{self.esn}/{self.world.name}")

    def generate(self, name: str = "1", kind: str = "rsa-2048") -> SigningKey:
        """The key that this module generated under a name (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"nshield/{self.esn}/{self.world.name}/{name}", kind)

    def warrant_certificates(self) -> list[dict[str, bytes]]:
        """The delegation and the module's certificate."""
        delegate = self.maker.key("delegate")
        return [self.maker.delegation(delegate), self.maker.certificate(delegate, self.module_information())]

    def module_information(self) -> dict[str, Any]:
        """What the vendor certifies of this module."""
        kind = "FieldUpgradeModuleInformation" if self.upgraded else "ModuleInformation"
        return {
            "ElectronicSerialNumber": self.esn,
            "PhysicalSerialNumber": f"36-T{derive_bytes(self.maker.seed, self.esn, 2).hex().upper()[:4]}0",
            "Approvals": [_APPROVAL],
            "WarrantCertificateType": Symbol(kind),
            "KLF2pub": warrant_key(self.klf2),
            "KLF2mech": _MECHANISM,
        }

    def state(self, *, esn: str | None = None, klf2: SigningKey | None = None, extra: bytes = b"") -> bytes:
        """The module state's message; `extra` is one more attribute."""
        hkm = self.world.hash_of("hkm")
        others = [derive_bytes(self.maker.seed, f"nshield/module key {number}", 20) for number in (0, 1)]
        kml, klf2_data = dsa_key_data(self.kml), key_data((klf2 or self.klf2).spki)
        attributes = [
            word(2) + text(esn or self.esn),
            word(3) + key_hash(kml) + kml + word(DSA_SHA256),
            word(13) + key_hash(klf2_data) + klf2_data + word(ECDSA_SHA512),
            word(5) + self.world.hknso + word(0x4E4F),
            word(6) + word(3) + b"".join(one + word(137) + word(73) for one in (*others, hkm)),
            *((extra,) if extra else ()),
        ]
        return word(4) + word(0) + word(len(attributes)) + b"".join(attributes)

    def acl(self, protection: str = "module", *, recoverable: bool = False) -> bytes:
        """The access control list that the vendor's tools give a signing key."""
        hkm = self.world.hash_of("hkm")
        token = derive_bytes(self.maker.seed, f"nshield/token/{self.esn}", 20)
        kept = {
            "module": blob(hkm),
            "softcard": blob(hkm, flags=0x1E, token=(token, _SOFTCARD)),
            "cardset": blob(hkm, flags=0x1E, token=(token, _CARDSET)),
        }[protection]
        used = operations(*_ORDINARY, *(("decrypt", "use-as-blob-key") if protection == "module" else ()))
        used_once = [derive_bytes(self.maker.seed, f"nshield/counter {number}", 20) for number in (0, 1)]
        groups = [
            group(operations("sign-module-certificate", bits=int.from_bytes(used[4:], "little"))),
            group(kept, counter=used_once[0]),
        ]
        if recoverable:
            groups += [
                group(
                    operations(*_OFFICERS),
                    blob(None, flags=0x23),
                    archive_blob(None),
                    certifier=self.world.hknso,
                ),
                group(archive_blob(self.world.hash_of("hkre")), counter=used_once[1]),
            ]
        return acl(*groups)

    def attest(
        self,
        public_key: bytes,
        *,
        protection: str = "module",
        recoverable: bool = False,
        changes: Changes | None = None,
    ) -> Evidence:
        """Evidence that this module generated `public_key` (SubjectPublicKeyInfo, DER).

        Args:
            public_key: the attested key, RSA or on P-256, P-384 or P-521.
            protection: `module`, `softcard` or `cardset`.
            recoverable: whether the world's officers can recover it.
            changes: what no module would do.
        """
        change = changes or Changes()
        list_ = change.acl or self.acl(protection, recoverable=recoverable)
        return Evidence(FORMAT, self._bundle(public_key, replace(change, acl=list_)))

    def _bundle(self, public_key: bytes, change: Changes) -> bytes:
        key = key_data(public_key)
        curve = key[4:8]
        generation = word(2) + word(4) + word(2048) if key[:4] == word(1) else word(47) + curve
        message = word(2) + word(0) + (change.generation or generation) + (change.acl or b"")
        message += change.key_hash or key_hash(key)
        state = change.state or self.state()
        parts: dict[str, bytes | str | None] = {
            "pubkeydata": key,
            "kcmsg": message,
            "kcsig": sign_dsa(change.signing_key or self.kml, message),
            "modstatemsg": state,
            "modstatesig": sign_ecdsa(change.state_key or self.klf2, state),
            **self.world.members(change.hkm or self.world.hash_of("hkm"), change.officer_key),
            "ciphersuite": self.world.suite,
            "warrant": change.warrant or ddds([Symbol(ROOT_NAME), *self.warrant_certificates()]),
            "root": ROOT_NAME,
            **(change.members or {}),
        }
        lines = (
            f'  "{name}": "{value if isinstance(value, str) else base64url(value)}"'
            for name, value in parts.items()
            if value is not None
        )
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
