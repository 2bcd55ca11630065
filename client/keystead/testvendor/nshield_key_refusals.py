# SPDX-License-Identifier: Apache-2.0
"""nShield bundles that must be refused for what the module says of the key: how it was made, who may do what."""

from typing import Any

from keystead.testvendor.dsa import derive_dsa_key
from keystead.testvendor.keys import derive_bytes, derive_key
from keystead.testvendor.nshield import Changes, TestNShield
from keystead.testvendor.nshield_messages import (
    acl,
    archive_blob,
    blob,
    group,
    key_data,
    key_hash,
    operations,
    sign_dsa,
    word,
)
from keystead.testvendor.refusals import Refusal

__all__ = ["changed_bundle", "key_refusals"]


def key_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    """What can be wrong with the key generation certificate and the key beside it."""
    return [*_statement_refusals(device, public_key), *_acl_refusals(device, public_key)]


def changed_bundle(
    device: TestNShield, public_key: bytes, name: str, check: str, names: str, **changes: Any
) -> Refusal:
    """A bundle about `public_key` with `Changes`."""
    return Refusal(name, device.attest(public_key, changes=Changes(**changes)), check, names)


def _statement_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    own = derive_dsa_key(device.maker.seed, "nshield/the user's own KML")
    another = derive_key(device.maker.seed, "nshield/another").spki
    curve = word(4)
    off_curve = word(46) + curve + word(0) + (word(32) + b"\x01" * 32) * 2

    def of(name: str, check: str, names: str, **changes: Any) -> Refusal:
        return changed_bundle(device, public_key, name, check, names, **changes)

    malformed = "malformed-attestation"
    return [
        of("the user signed for the key", "wrong-signature", "key generation", signing_key=own),
        of(
            "nothing certifies that the key was generated",
            "not-an-attestation",
            "type 4",
            members={"kcmsg": device.state(), "kcsig": sign_dsa(device.kml, device.state())},
        ),
        of(
            "another key's certificate is replayed",
            "binding-mismatch",
            "pubkeydata",
            members={"pubkeydata": key_data(another)},
        ),
        of("the hash of another key is certified", "binding-mismatch", "pubkeydata", key_hash=bytes(20)),
        of(
            "the key was generated on another curve",
            "binding-mismatch",
            "pubkeydata",
            generation=word(47) + word(5),
        ),
        of(
            "the key was generated for another use",
            "binding-mismatch",
            "pubkeydata",
            generation=word(45) + curve,
        ),
        of("a symmetric key was generated", "not-a-key-pair", "type 27", generation=word(27) + word(32)),
        of("a DSA key was generated", "not-a-key-pair", "DSA", generation=word(19) + word(0) + word(3072)),
        of(
            "the generation of an RSA key has flags",
            malformed,
            "flags",
            generation=word(2) + word(8) + word(2048),
        ),
        of("the certificate has trailing bytes", malformed, "trailing", key_hash=bytes(24)),
        of("the certificate is cut short", malformed, "early", key_hash=bytes(16)),
        of(
            "the attested point is on no curve",
            "malformed-key",
            "key",
            members={"pubkeydata": off_curve},
            key_hash=key_hash(off_curve),
        ),
        of("the attested key is a private one", malformed, "type 47", members={"pubkeydata": word(47)}),
        of(
            "the attested key's curve is unknown",
            malformed,
            "curve 99",
            members={"pubkeydata": word(46) + word(99)},
        ),
        of(
            "the attested point is outside of its field",
            malformed,
            "field",
            members={"pubkeydata": word(46) + curve + word(0) + (word(32) + b"\xff" * 32) * 2},
        ),
        of(
            "the attested key has a long exponent",
            malformed,
            "exponent",
            members={"pubkeydata": word(1) + word(8) + b"\1" * 8 + word(4) + b"\1" * 4},
        ),
    ]


def _acl_refusals(device: TestNShield, public_key: bytes) -> list[Refusal]:
    hkm, hkre = device.world.hash_of("hkm"), device.world.hash_of("hkre")
    stranger = derive_bytes(device.maker.seed, "nshield/stranger", 20)
    token = (bytes(20), 1)

    def of(
        name: str, names: str, *actions: bytes, certifier: bytes | None = None, check: str = ""
    ) -> Refusal:
        list_ = acl(group(operations("sign"), blob(hkm)), group(*actions, certifier=certifier))
        return changed_bundle(device, public_key, name, check or "extractable-key", names, acl=list_)

    malformed = "malformed-attestation"
    refusals = [
        of(f"everybody may {name}", name, operations("sign", name))
        for name in (
            "export-as-plain",
            "expand-acl",
            "set-app-data",
            "use-as-module-key",
            "use-as-loader-key",
        )
    ]
    return [
        *refusals,
        of(
            "a stranger may export-as-plain",
            "export-as-plain",
            operations("export-as-plain"),
            certifier=stranger,
        ),
        of("a permission is not known", "0x10000", operations(bits=0x10000)),
        of("the key may be derived from", "type 5", word(5) + word(0) * 4),
        of("an action is not known, for officers", "type 9", word(9), certifier=device.world.hknso),
        of("a blob is under any module key", "module key", blob(None, flags=0x3)),
        of("a blob is under another module key", "module key", blob(stranger)),
        of("a blob's token may be well known", "token", blob(hkm, flags=0x3E, token=token)),
        of("a blob has no protection", "token", blob(hkm, flags=0x6)),
        of("a blob's token has no parameters", "token", blob(hkm, flags=0xE) + bytes(20)),
        of(
            "a blob's token is any with its parameters",
            "token",
            blob(hkm, flags=0x16) + word(1) * 3 + word(0),
        ),
        of("an archive is under another key", "archive", archive_blob(stranger)),
        of("an archive is under no key", "archive", archive_blob(None)),
        Refusal(
            "an archive's key is not certified",
            device.attest(
                public_key,
                changes=Changes(
                    acl=acl(group(archive_blob(hkre))),
                    members={"hkre": None, "hkra": None, "CertKREaKRAbKNSO": None},
                ),
            ),
            "extractable-key",
            "archive",
        ),
        Refusal(
            "an archive is under no key, and there is no recovery key",
            device.attest(
                public_key,
                changes=Changes(
                    acl=acl(group(archive_blob(None))),
                    members={"hkre": None, "hkra": None, "CertKREaKRAbKNSO": None},
                ),
            ),
            "extractable-key",
            "archive",
        ),
        changed_bundle(
            device,
            public_key,
            "a certifier is named by another hash",
            malformed,
            "certifier",
            acl=word(1) + word(0x40) + word(0) * 2 + word(99) + device.world.hknso + word(0),
        ),
        of("a blob has flags that are not known", "flags", word(2) + word(0x80), check=malformed),
        of("an archive has flags that are not known", "flags", word(3) + word(4), check=malformed),
        changed_bundle(
            device,
            public_key,
            "a group has flags that are not known",
            malformed,
            "flags",
            acl=word(1) + word(0x10) + word(0) * 2,
        ),
        changed_bundle(
            device,
            public_key,
            "a use limit is not known",
            malformed,
            "limit",
            acl=word(1) + word(0) + word(1) + word(2) * 2 + word(0) * 6,
        ),
        changed_bundle(
            device,
            public_key,
            "a group announces too much",
            malformed,
            "announces",
            acl=word(2**28) + word(0),
        ),
    ]
