# SPDX-License-Identifier: Apache-2.0
"""Primus statements that must be refused, each for one reason."""

from typing import Any

from keystead.devices.evidence import Evidence
from keystead.devices.primus import FORMAT, join_statement
from keystead.testvendor.certificates import basic_constraints, extension, key_usage
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.primus import FLAGS, TestPrimus, TestPrimusMaker
from keystead.testvendor.refusals import Refusal, chain_refusals, flip

__all__ = ["all_primus_refusals"]

_MALFORMED = "malformed-attestation"


def all_primus_refusals(maker: TestPrimusMaker) -> list[Refusal]:
    """Of a device of this maker."""
    device, public_key = maker.make(18_386_101), derive_key(maker.seed, "primus/attested").spki
    good = device.attest(public_key)
    return [
        *chain_refusals(good, maker.root_der()),
        *_signature_refusals(device, public_key, good),
        *_statement_refusals(device, public_key),
        *_xml_refusals(device, public_key),
        *_chain_refusals(device, public_key),
    ]


def _signature_refusals(device: TestPrimus, public_key: bytes, good: Evidence) -> list[Refusal]:
    xml = device.statement(public_key)
    other = derive_key(device.maker.seed, "primus/another").spki
    own = derive_key(device.maker.seed, "primus/the user's own", "rsa-2048")
    signature = device.attestation_key.sign(xml)

    def of(name: str, check: str, names: str, data: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    return [
        of("the data is cut short", _MALFORMED, "early", good.data[:3]),
        of("the statement is missing", _MALFORMED, "empty", join_statement(b"", signature)),
        of("the signature is missing", _MALFORMED, "empty", join_statement(xml, b"")),
        of("the signature is wrong", "wrong-signature", "did not sign", flip(good.data, -1)),
        of("the signature is cut short", "wrong-signature", "did not sign", good.data[:-1]),
        of(
            "the statement was altered",
            "wrong-signature",
            "did not sign",
            good.data.replace(b"copyable>false", b"copyable>true "),
        ),
        of(
            "another key's statement is replayed",
            "wrong-signature",
            "did not sign",
            join_statement(device.statement(other), signature),
        ),
        of("the user signed it", "wrong-signature", "did not sign", device.sign(xml, own).data),
        of(
            "white space was added", "wrong-signature", "did not sign", join_statement(xml + b"\n", signature)
        ),
    ]


def _statement_refusals(device: TestPrimus, public_key: bytes) -> list[Refusal]:
    def of(name: str, check: str, names: str, **changed: Any) -> Refusal:
        return Refusal(name, device.sign(device.statement(public_key, **changed)), check, names)

    flags = [
        ("extractable", "true"),
        ("never_extractable", "false"),
        ("sensitive", "false"),
        ("always_sensitive", "false"),
    ]
    missing = {flag: value for flag, value in FLAGS.items() if flag != "never_extractable"}
    return [
        *(
            of(f"{flag} is {value}", "extractable-key", flag, flags=FLAGS | {flag: value})
            for flag, value in flags
        ),
        of("never_extractable is missing", "extractable-key", "never_extractable", flags=missing),
        of("a flag is no truth value", _MALFORMED, "neither", flags=FLAGS | {"sign": "TRUE"}),
        of("a flag is empty", _MALFORMED, "neither", flags=FLAGS | {"extractable": ""}),
        of("the key was imported", "not-generated", "imported", creation="imported"),
        of("the key was unwrapped", "not-generated", "unwrapped", creation="unwrapped"),
        of("the statement is about a symmetric key", "not-a-key-pair", "symmetric", element="secret_key"),
        of("the statement is about a public key", "not-an-attestation", "public_key", element="public_key"),
    ]


def _xml_refusals(device: TestPrimus, public_key: bytes) -> list[Refusal]:
    xml = device.statement(public_key)
    document_type = b'<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "true">]>'

    def of(name: str, names: str, changed: bytes, check: str = _MALFORMED) -> Refusal:
        return Refusal(name, device.sign(changed), check, names)

    def replaced(name: str, names: str, old: bytes, new: bytes, check: str = _MALFORMED) -> Refusal:
        return of(name, names, xml.replace(old, new, 1), check)

    label = b"<label>signing</label>"
    start = xml.index(b"<public_key>") + 12
    off_curve = flip(xml, start + 80, 0x01)
    return [
        of("the statement is no XML", "beside elements", b"statement"),
        of("the statement is not UTF-8", "UTF-8", xml.replace(b"signing", b"sign\xff\xff\xff")),
        replaced("a document type declares entities", "markup", b"?>\n", b"?>\n" + document_type),
        replaced("an entity is used", "entity", label, b"<label>&a;</label>"),
        replaced("an element is in a comment", "markup", label, b"<!-- " + label + b" -->"),
        replaced("a text is in a CDATA section", "markup", label, b"<label><![CDATA[x]]></label>"),
        replaced("there is a processing instruction", "markup", label, b"<?x y?>"),
        replaced("an element is there twice", "twice", label, label * 2),
        replaced(
            "a flag is there twice", "twice", b"\t\t<sign>", b"\t\t<extractable>false</extractable><sign>"
        ),
        replaced("an attribute is there twice", "twice", b'creation="', b'creation="imported" creation="'),
        replaced("an element has another attribute", "says more", b'creation="', b'other="x" creation="'),
        replaced("a text stands beside elements", "text beside", label, label + b"stray"),
        replaced("an element is not closed", "beside elements", b"</label>", b""),
        replaced("an element closes another", "closes", b"</label>", b"</lable>"),
        of("the root is not closed", "does not close", xml.replace(b"</private_key>\n\n", b"")),
        of("something follows the root", "after", xml + b"<more></more>"),
        replaced("elements nest deeply", "deep", label, b"<a><a><a><a><a>x</a></a></a></a></a>"),
        of("there is a NUL", "control", xml.replace(b"signing", b"sign\0ng")),
        of("the key is missing", "public_key", xml.replace(b"public_key>", b"other_key>")),
        of("the flags are missing", "attributes", xml.replace(b"attributes>", b"properties>")),
        replaced("the key is not base64", "base64", b"<public_key>M", b"<public_key> M"),
        replaced("a time does not exist", "time", b"2025-10-01T20", b"2025-10-32T20"),
        replaced("a count is negative", "decimal", b">10<", b">-1<"),
        replaced("the label says more of itself", "not a text", b"<label>", b'<label of="x">'),
        replaced("a flag says more of itself", "neither", b"<extractable>", b'<extractable when="now">'),
        replaced("the label has an element", "not a text", label, b"<label><a>x</a></label>"),
        of("the attested point is on no curve", "key", off_curve, "malformed-key"),
    ]


def _chain_refusals(device: TestPrimus, public_key: bytes) -> list[Refusal]:
    maker, xml = device.maker, device.statement(public_key)
    data = device.sign(xml).data
    root, issuer = maker.root_key(), "Keystead Test PRIMUS_HSM_ROOTKEY"
    own = derive_key(maker.seed, "primus/the user's own", "rsa-2048")
    own_attestation = maker.issue(
        "attestation-key", own.spki, device.name, own, key_usage(0, 1), basic_constraints(authority=False)
    )
    twin = maker.make(device.serial + 1)

    def of(name: str, check: str, names: str, *chain: bytes, key: SigningKey | None = None) -> Refusal:
        made = data if key is None else device.sign(xml, key).data
        return Refusal(name, Evidence(FORMAT, made, chain), check, names)

    def attestation(subject: str = "attestation-key", *extensions: bytes) -> bytes:
        return maker.issue(subject, device.attestation_key.spki, device.name, device.key, *extensions)

    def device_of(subject: str, *extensions: bytes) -> tuple[bytes, bytes]:
        issued = maker.issue(subject, device.key.spki, issuer, root, *extensions)
        leaf = maker.issue(
            "attestation-key",
            device.attestation_key.spki,
            subject,
            device.key,
            key_usage(0, 1),
            basic_constraints(authority=False),
        )
        return leaf, issued

    leaf, authority = (
        (key_usage(0, 1), basic_constraints(authority=False)),
        (key_usage(5), basic_constraints(0)),
    )
    no_key = no_device = "not-a-device-certificate"
    attests = "attestation-key"
    above = device.device_der
    return [
        of(
            "the attestation key is the user's",
            "wrong-signature",
            "did not sign",
            own_attestation,
            above,
            key=own,
        ),
        of("the device is another", "wrong-signature", "did not sign", twin.attestation_der, twin.device_der),
        of(
            "a timestamp key signed it",
            no_key,
            "timestamp-key",
            attestation("timestamp-key", *leaf),
            above,
        ),
        of(
            "the attestation key may issue",
            no_key,
            "attestation key's",
            attestation(attests, *authority),
            above,
        ),
        of(
            "the attestation key may sign and issue",
            no_key,
            "attestation key's",
            attestation(attests, leaf[0], authority[1]),
            above,
        ),
        of(
            "the attestation key may not sign",
            no_key,
            "attestation key's",
            attestation(attests, key_usage(2), leaf[1]),
            above,
        ),
        of(
            "the attestation key says nothing about itself",
            no_key,
            "attestation key's",
            attestation(attests, extension("1.2.3", b"")),
            above,
        ),
        of(
            "the attestation key's certificate is malformed",
            no_key,
            "malformed",
            attestation(attests, extension("2.5.29.19", b"\x30")),
            above,
        ),
        of(
            "the attestation key has an unknown critical extension",
            "unknown-critical-extension",
            "1.2.3",
            attestation(attests, *leaf, extension("1.2.3", b"", critical=True)),
            above,
        ),
        of("the device key itself signed it", no_key, "PRIMUS HSM KEY", above, key=device.key),
        of(
            "the device has no serial number",
            no_device,
            "PRIMUS HSM KEY",
            *device_of("PRIMUS HSM KEY", *authority),
        ),
        of(
            "the device's serial number is padded",
            no_device,
            "SN: 01",
            *device_of("PRIMUS HSM KEY (SN: 01)", *authority),
        ),
        of(
            "the device is no authority",
            no_device,
            "basicConstraints",
            *device_of(device.name, key_usage(5), leaf[1]),
        ),
        of(
            "the device may not certify",
            no_device,
            "keyUsage",
            *device_of(device.name, key_usage(1), authority[1]),
        ),
    ]
