# SPDX-License-Identifier: Apache-2.0
"""nShield bundles that must be refused, each for one reason, signed again where it is signed."""

from typing import Any

from keystead.devices.evidence import Evidence
from keystead.devices.nshield import FORMAT
from keystead.devices.nshield.acl import WELL_KNOWN_MODULE_KEYS
from keystead.devices.nshield.warrant import ROOT_NAME, Symbol
from keystead.testvendor.dsa import derive_dsa_key
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key
from keystead.testvendor.nshield import Changes, TestNShield, TestNShieldMaker, warrant_key
from keystead.testvendor.nshield_key_refusals import changed_bundle, key_refusals
from keystead.testvendor.nshield_messages import (
    ddds,
    dsa_key_data,
    key_data,
    key_hash,
    key_hash_ex,
    text,
    word,
)
from keystead.testvendor.refusals import Refusal, flip, stray_certificate

__all__ = ["all_nshield_refusals"]


def all_nshield_refusals(maker: TestNShieldMaker) -> list[Refusal]:
    """Of a module of this maker."""
    device, public_key = maker.make("8938-1075-88BB"), derive_key(maker.seed, "nshield/attested").spki
    return [
        *_bundle_refusals(device, public_key),
        *_warrant_refusals(device, public_key),
        *_state_refusals(device, public_key),
        *_world_refusals(device, public_key),
        *key_refusals(device, public_key),
    ]


def _bundle_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    good = device.attest(public_key).data

    def of(name: str, data: bytes, names: str, check: str = "malformed-attestation") -> Refusal:
        return Refusal(name, Evidence(FORMAT, data), check, names)

    def members(name: str, names: str, **changed: bytes | str | None) -> Refusal:
        return changed_bundle(device, public_key, name, "malformed-attestation", names, members=changed)

    return [
        Refusal("the format is unknown", Evidence("no-such-format", good), "unknown-format", "no-such"),
        Refusal(
            "a stray certificate is in the chain",
            Evidence(FORMAT, good, (stray_certificate(),)),
            "stray-certificate",
            "empty",
        ),
        of("the bundle is cut short", good[:-4], "JSON"),
        of("the bundle is a list", b"[" + good + b"]", "object"),
        of("a member is there twice", good.replace(b"{", b'{"root":"KWARN-1",', 1), "twice"),
        of("a member is a number", good.replace(b'"KWARN-1"', b"1"), "no text"),
        members("a member is missing", "kcsig", kcsig=None),
        members("a member does not belong there", "stowaway", stowaway=b"x" * 2000),
        members("the world has no certificate", "neither", CertKMaKMCbKNSO=None),
        members("the world is of two kinds", "neither", hkfips=key_hash_ex(bytes(20))),
        members("the root has another name", "KWARN-1", root="KWARN-2"),
        members("the cipher suite is no name", "cipher suite", ciphersuite="a b"),
        members("a member is not base64url", "base64url", hkm="LAAA+AAA"),
        members("a member is not base64", "base64", hkm="!"),
        members("a hash is of another kind", "hkm", hkm=word(45) + bytes(20)),
        members("a hash is too long", "hkm", hkm=word(44) + bytes(21)),
        members("a signature has trailing bytes", "trailing", kcsig=word(170) + word(0) + word(0) + word(0)),
        members("a signature has an endless integer", "integer", kcsig=word(170) + word(2**32 - 4)),
    ]


def _warrant_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    maker = device.maker
    delegation, module = device.warrant_certificates()
    delegate, own = maker.key("delegate"), derive_key(maker.seed, "nshield/the user's own", "ec-p521")
    information = device.module_information()

    def of(name: str, check: str, names: str, *certificates: Any, root: str = ROOT_NAME) -> Refusal:
        warrant = ddds([Symbol(root), *certificates])
        return changed_bundle(device, public_key, name, check, names, warrant=warrant)

    def stating(signer: SigningKey, **changed: Any) -> dict[str, bytes]:
        stated = {name: value for name, value in (information | changed).items() if value is not None}
        return maker.certificate(signer, stated)

    other_mechanism = [Symbol("ECDSA"), [Symbol("EMSA1"), Symbol("SHA256")]]
    weak = {"DelegateKey": warrant_key(delegate), "SigMech": other_mechanism}
    weak_delegation = maker.certificate(
        maker.key("root"), weak | {"WarrantCertificateType": Symbol("Delegation")}
    )
    altered = module | {"Payload": module["Payload"].replace(b"FIPS140\x02\x03", b"FIPS140\x03\x03")}
    good = ddds([Symbol(ROOT_NAME), delegation, module])
    malformed = "malformed-attestation"
    user = maker.delegation(own, own)
    return [
        of("the user made the warrant", "unknown-anchor", "no pinned key", user, stating(own)),
        of("a delegate is the user's", "wrong-signature", "certificate 2", delegation, user, stating(own)),
        of(
            "the module's certificate is the user's",
            "wrong-signature",
            "certificate 2",
            delegation,
            stating(own),
        ),
        of("a certificate was altered", "wrong-signature", "certificate 2", delegation, altered),
        of("the delegation is missing", "unknown-anchor", "no pinned key", module),
        of("the warrant ends with a delegation", "not-a-device-certificate", "module", delegation),
        of(
            "a module certifies a module",
            "not-an-issuing-certificate",
            "delegation",
            delegation,
            module,
            stating(device.klf2, ElectronicSerialNumber="AAAA-AAAA-AAAA"),
        ),
        of("a delegate signs with SHA-256", "signature-algorithm", "SHA-512", weak_delegation, module),
        of(
            "the module signs with SHA-256",
            "signature-algorithm",
            "SHA-512",
            delegation,
            stating(delegate, KLF2mech=other_mechanism),
        ),
        of("the warrant has another root", malformed, "KWARN-1", delegation, module, root="KWARN-2"),
        of("the warrant has no certificate", malformed, "list"),
        of("a certificate has a third member", malformed, "payload", module | {"Note": "x"}, module),
        of(
            "a signature is of 131 octets",
            malformed,
            "132",
            delegation,
            module | {"Signature": module["Signature"][1:]},
        ),
        of(
            "a serial number is no text",
            malformed,
            "serial",
            delegation,
            stating(delegate, ElectronicSerialNumber=7),
        ),
        of("a key is missing", malformed, "P-521", delegation, stating(delegate, KLF2pub=None)),
        of(
            "an approval has no level",
            malformed,
            "approval",
            delegation,
            stating(delegate, Approvals=[[Symbol("FIPS140"), Symbol("two"), 3]]),
        ),
        of("approvals are no list", malformed, "approvals", delegation, stating(delegate, Approvals="FIPS")),
        changed_bundle(device, public_key, "the warrant is cut short", malformed, "early", warrant=good[:-1]),
        changed_bundle(
            device, public_key, "the warrant has trailing bytes", malformed, "trailing", warrant=good + b"\0"
        ),
        changed_bundle(
            device, public_key, "the warrant nests deeply", malformed, "deeply", warrant=b"\x91" * 40 + b"\0"
        ),
        changed_bundle(
            device, public_key, "the warrant has an octet of no value", malformed, "0xff", warrant=b"\xff"
        ),
        changed_bundle(
            device, public_key, "a map has a key twice", malformed, "map", warrant=b"\xb2\x31A\x01\x31A\x02"
        ),
        changed_bundle(
            device, public_key, "a number is no octets", malformed, "integer", warrant=b"\xf4\x01"
        ),
    ]


def _state_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    maker = device.maker
    other = maker.make("AAAA-BBBB-CCCC", device.world.name)
    warrant = ddds([Symbol(ROOT_NAME), *other.warrant_certificates()])
    state = device.state()

    def of(name: str, check: str, names: str, **changes: Any) -> Refusal:
        return changed_bundle(device, public_key, name, check, names, **changes)

    kml = dsa_key_data(device.kml)
    hashed = key_hash(kml)
    malformed = "malformed-attestation"
    return [
        of("the warrant is another module's", "wrong-signature", "module state", warrant=warrant),
        of("the user signed the module state", "wrong-signature", "module state", state_key=other.klf2),
        of(
            "the module state was altered",
            "wrong-signature",
            "module state",
            members={"modstatemsg": flip(state, 20)},
        ),
        of(
            "the module state names another module",
            "device-mismatch",
            "AAAA-BBBB-CCCC",
            state=device.state(esn="AAAA-BBBB-CCCC"),
        ),
        of(
            "the module state has another key of the module",
            "binding-mismatch",
            "different keys",
            state=device.state(klf2=other.klf2),
        ),
        of(
            "a key generation certificate stands for the module state",
            "not-an-attestation",
            "type 2",
            state=word(2) + state[4:],
        ),
        of("the module state has flags", malformed, "flags", state=state[:4] + word(1) + state[8:]),
        of(
            "the module state has an attribute that is not known",
            malformed,
            "attribute 19",
            state=device.state(extra=word(19) + word(0)),
        ),
        of(
            "the module state has an attribute twice",
            malformed,
            "twice",
            state=device.state(extra=word(2) + text("8938-1075-88BB")),
        ),
        of("the module state lacks HKNSO", malformed, "lacks", state=word(4) + word(0) + word(0)),
        of("the module state has trailing bytes", malformed, "trailing", state=state + word(0)),
        of("the module state is cut short", malformed, "announces", state=state[:-4]),
        of(
            "the module state announces too much",
            malformed,
            "announces",
            state=word(4) + word(0) + word(2**31),
        ),
        of(
            "a key stands beside another's hash",
            malformed,
            "hash of another",
            state=state.replace(hashed, flip(hashed, 0)),
        ),
        of(
            "the serial number holds a NUL",
            malformed,
            "ASCII",
            state=state.replace(b"8938-1075-88BB", b"8938-1075-88\0B"),
        ),
        of(
            "the signature is of another mechanism",
            "signature-algorithm",
            "170",
            members={"modstatesig": word(170) + word(4) + word(1) + word(4) + word(1)},
        ),
    ]


def _world_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    world, maker = device.world, device.maker
    other = maker.make(device.esn, "another").world
    officer = derive_dsa_key(maker.seed, "nshield/the user's own officers")

    def of(name: str, check: str, names: str, **changes: Any) -> Refusal:
        return changed_bundle(device, public_key, name, check, names, **changes)

    known = max(WELL_KNOWN_MODULE_KEYS)
    hkm = world.hash_of("hkm")
    well_known = Changes(
        hkm=known,
        state=device.state().replace(hkm, known),
        acl=device.acl().replace(hkm, known),
    )
    return [
        of(
            "the officers' key is of another world",
            "binding-mismatch",
            "knsopub",
            members={"knsopub": dsa_key_data(other.officer_key)},
        ),
        of("the module key is not the module's", "binding-mismatch", "hkm", hkm=bytes(20)),
        Refusal(
            "the module key is known to everybody",
            device.attest(public_key, changes=well_known),
            "extractable-key",
            "everybody knows",
        ),
        of("the user signed for the module key", "wrong-signature", "CertKMaKMCbKNSO", officer_key=officer),
        of(
            "another module key is put in",
            "wrong-signature",
            "CertKMaKMCbKNSO",
            members={"hkm": key_hash_ex(derive_bytes(maker.seed, "nshield/module key 0", 20))},
        ),
        of(
            "another cipher suite is put in",
            "wrong-signature",
            "CertKMaKMCbKNSO",
            members={"ciphersuite": "DLf3072s256mRijndael"},
        ),
        of(
            "the cipher suite is too old",
            "signature-algorithm",
            "too old",
            members={"ciphersuite": "DLf1024s160mDES3"},
        ),
        of(
            "another recovery key is put in",
            "wrong-signature",
            "CertKREaKRAbKNSO",
            members={"hkre": key_hash_ex(bytes(20))},
        ),
        of(
            "the officers' key is of a kind that signs nothing",
            "binding-mismatch",
            "knsopub",
            members={"knsopub": key_data(public_key)},
        ),
        of(
            "the officers' key is too long",
            "malformed-attestation",
            "bits",
            members={"knsopub": word(3) + (word(1024) + b"\xff" * 1024) * 4},
        ),
    ]
