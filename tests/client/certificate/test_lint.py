# SPDX-License-Identifier: Apache-2.0
"""Lint: every code is shown by a certificate that has the problem, with where it lies."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given

from keystead.certificate.device_identifier import SCHEME_ARC, DeviceIdentifier
from keystead.certificate.extension import EXTENSION_OID, Method, SignatureCreationDevice
from keystead.certificate.lint import CODES, Problem, Severity, lint
from keystead.certificate.precertificate import PRECERT_SIGNING_EKU, SCT_LIST_OID
from keystead.certificate.subscriber import LEI_OID
from keystead.certificate.x509 import ANY_EXTENDED_KEY_USAGE, certificates_from_pem, parse_certificate
from keystead.ct.extensions import encode_extensions
from keystead.ct.sct import SignedCertificateTimestamp, sct_list_extension_value
from keystead.encoding.der import encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from support.certificates import (
    CA,
    CODE_SIGNING,
    POISON,
    RawExtension,
    ec_key,
    mint,
    purposes,
    rewrapped,
    subject,
)
from support.fuzzing import FUZZ, damaged

EKU = purposes(CODE_SIGNING)
ATTESTED = SignatureCreationDevice(
    (DeviceIdentifier(f"{SCHEME_ARC}.1", b"\x01" * 32),), Method.KEY_ATTESTATION, bytes(32)
)


def carrying(value: SignatureCreationDevice | bytes = ATTESTED, *, critical: bool = False) -> RawExtension:
    """The device extension with this value."""
    der = value if isinstance(value, bytes) else value.encode()
    return (EXTENSION_OID, critical, der)


def naming(scheme: str) -> RawExtension:
    """The device extension with one device of this scheme."""
    return carrying(
        SignatureCreationDevice((DeviceIdentifier(scheme, bytes(32)),), Method.KEY_ATTESTATION, bytes(32))
    )


def sct(extensions: bytes = encode_extensions(7), log_id: bytes = bytes(32)) -> bytes:
    """An SCT whose signature nobody looks at."""
    return SignedCertificateTimestamp(log_id, 1, extensions, b"\x30\x00").encode()


def promises(*scts: bytes, critical: bool = False) -> RawExtension:
    """The SCT list extension."""
    return (SCT_LIST_OID, critical, sct_list_extension_value(scts))


def certificate(*extensions: RawExtension, **attributes: str) -> bytes:
    """A self-signed certificate of a company."""
    return mint(subject(**(attributes or {"C": "SE", "O": "Exempel AB"})), ec_key(1), None, extensions).der


def _with_field(der: bytes, index: int, field: bytes) -> bytes:
    return rewrapped(der, lambda fields: fields.__setitem__(index, field))


def _twice() -> bytes:
    one = encode(0x30, encode_oid(EXTENSION_OID), encode(0x04, ATTESTED.encode()))
    eku = encode(0x30, encode_oid("2.5.29.37"), encode(0x04, EKU[2]))
    return _with_field(certificate(EKU), -1, encode(0xA3, encode(0x30, eku, one, one)))


def _reversed_validity() -> bytes:
    times = encode(0x17, b"270101000000Z"), encode(0x17, b"260101000000Z")
    return _with_field(certificate(EKU, carrying()), 4, encode(0x30, *times))


DECLARED, ATTESTATION, SERVICE = Method.DECLARED, Method.KEY_ATTESTATION, Method.SIGNING_SERVICE
DEVICES = ATTESTED.devices

CASES: dict[str, bytes] = {
    "not-a-certificate": b"\x30\x03\x02\x01\x01",
    "not-strict-der": _with_field(certificate(EKU, carrying()), 1, b"\x02\x01\xff"),
    "certificate-unloadable": _with_field(certificate(EKU, carrying()), 6, b"\x30\x00"),
    "device-extension-missing": certificate(EKU),
    "device-extension-twice": _twice(),
    "device-extension-critical": certificate(EKU, carrying(critical=True)),
    "device-extension-malformed": certificate(EKU, carrying(ATTESTED.encode()[:-1])),
    "device-extension-in-ca": certificate(EKU, carrying(), CA),
    "devices-missing": certificate(EKU, carrying(SignatureCreationDevice((), ATTESTATION, bytes(32)))),
    "scheme-reserved": certificate(EKU, naming(f"{SCHEME_ARC}.4")),
    "scheme-unassigned": certificate(EKU, naming(f"{SCHEME_ARC}.99")),
    "scheme-experimental": certificate(EKU, naming(f"{SCHEME_ARC}.13")),
    "scheme-unknown": certificate(EKU, naming("1.2.3.4")),
    "method-declared": certificate(EKU, carrying(SignatureCreationDevice(DEVICES, DECLARED))),
    "digest-without-attestation": certificate(
        EKU, carrying(SignatureCreationDevice(DEVICES, DECLARED, bytes(32)))
    ),
    "attestation-without-digest": certificate(EKU, carrying(SignatureCreationDevice(DEVICES, ATTESTATION))),
    "service-missing": certificate(EKU, carrying(SignatureCreationDevice(DEVICES, SERVICE))),
    "code-signing-missing": certificate(purposes(ANY_EXTENDED_KEY_USAGE), carrying()),
    "key-purposes-malformed": certificate(("2.5.29.37", False, b"\x30\x00"), carrying()),
    "precertificate-signing-certificate": certificate(
        purposes(CODE_SIGNING, PRECERT_SIGNING_EKU), carrying()
    ),
    "poison-malformed": certificate(EKU, carrying(), (POISON[0], False, POISON[2])),
    "poison-and-scts": certificate(EKU, carrying(), POISON, promises(sct())),
    "sct-list-malformed": certificate(EKU, carrying(), (SCT_LIST_OID, False, b"\x00\x00")),
    "sct-list-critical": certificate(EKU, carrying(), promises(sct(), critical=True)),
    "sct-unreadable": certificate(EKU, carrying(), promises(b"\x01")),
    "sct-extensions-base64": certificate(
        EKU, carrying(), promises(sct(encode_base64(encode_extensions(7)).encode()))
    ),
    "sct-extensions-malformed": certificate(EKU, carrying(), promises(sct(b"\x09\x00\x00"))),
    "sct-twice": certificate(EKU, carrying(), promises(sct(), sct(encode_extensions(8)))),
    "subject-undecodable": certificate(EKU, carrying(), (LEI_OID, False, b"\x04\x00")),
    "subscriber-unnamed": certificate(EKU, carrying(), C="SE"),
    "validity-reversed": _reversed_validity(),
}


ALSO = {"device-extension-twice": {"not-strict-der"}}
"""What a problem is never without."""


def codes(problems: Sequence[Problem]) -> set[str]:
    """What was found."""
    return {problem.code for problem in problems}


def test_every_code_has_a_case() -> None:
    """The table of codes and the cases of this test are the same."""
    assert set(CASES) == set(CODES)


@pytest.mark.parametrize("code", CASES)
def test_each_problem_is_found_alone(code: str) -> None:
    """The certificate of each case has its problem and no other, with a whole sentence about it."""
    problems = lint(CASES[code])
    assert codes(problems) - ALSO.get(code, set()) == {code}
    for problem in problems:
        assert problem.severity is CODES[problem.code]
        assert problem.message[0].isupper()
        assert problem.message.endswith(".")
        assert "  " not in problem.message


def test_a_good_certificate_has_no_problem() -> None:
    """An attested device, code signing, a promise: nothing to say. Nor of the precertificate."""
    assert lint(certificate(EKU, carrying(), promises(sct()))) == []
    assert lint(certificate(EKU, carrying(), promises(sct(b""), sct(log_id=b"\x01" * 32)))) == []
    assert lint(certificate(EKU, carrying(), POISON)) == []


@pytest.mark.parametrize(
    ("code", "octets"),
    [
        ("device-extension-malformed", encode(0x30, b"\x06\x00")[:1]),
        ("scheme-unknown", encode_oid("1.2.3.4")),
        ("scheme-reserved", encode_oid(f"{SCHEME_ARC}.4")),
        ("poison-malformed", b"\x05\x00"),
        ("sct-extensions-base64", sct(encode_base64(encode_extensions(7)).encode())),
        ("sct-unreadable", b"\x01"),
    ],
)
def test_offsets_point_at_the_octets(code: str, octets: bytes) -> None:
    """Where a problem has a place, its offset is in the certificate."""
    (problem,) = lint(CASES[code])
    assert problem.offset is not None
    assert CASES[code][problem.offset :].startswith(octets)


def test_problems_come_in_the_order_of_the_table() -> None:
    """Worse first within a topic, whatever order they were found in."""
    problems = lint(certificate(purposes(ANY_EXTENDED_KEY_USAGE), promises(b"\x01"), C="SE"))
    assert [problem.code for problem in problems] == [
        "device-extension-missing",
        "code-signing-missing",
        "sct-unreadable",
        "subscriber-unnamed",
    ]


@pytest.mark.samples
def test_published_certificates_have_notes_and_no_errors(samples: Path) -> None:
    """No published code-signing certificate has the extension, and none is refused for anything else."""
    for path in sorted((samples / "certificates").rglob("*.pem")):
        if path.name.endswith(".chain.pem"):
            continue
        (der,) = certificates_from_pem(path.read_bytes())
        problems = lint(der)
        errors = {problem.code for problem in problems if problem.severity is Severity.ERROR}
        # Apple's installer certificates have a purpose of Apple's own.
        expected = {"code-signing-missing"} if "Installer" in path.name else set()
        assert errors == expected, path.name
        assert "device-extension-missing" in codes(problems)
        parse_certificate(der)


@given(der=damaged(*CASES.values()))
@FUZZ
def test_lint_never_fails(der: bytes) -> None:
    """Whatever the bytes, lint answers with problems of its table."""
    assert codes(lint(der)) <= set(CODES)
