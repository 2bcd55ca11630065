# SPDX-License-Identifier: Apache-2.0
"""`keystead lint`: what is wrong with a certificate's extension, and where."""

from pathlib import Path

import pytest

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from support.command_line import CommandLine

CA = TestCertificateAuthority("Lint CA")
DEVICE = DeviceIdentifier(SCHEMES["luna-serial"].oid, device_id("luna-serial", "521174"))
GOOD = SignatureCreationDevice((DEVICE,), Method.KEY_ATTESTATION, b"\x11" * 32)


def certificate(extension: bytes | None, organization: str = "Somebody AB") -> bytes:
    """A certificate of the test CA, DER."""
    key = derive_key(b"lint", "subscriber")
    return CA.issue(ov_subject(organization, "SE"), key.spki, device_extension=extension)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the certificate goes."""
    return tmp_path / "certificate"


def test_a_good_certificate_has_nothing_to_mend(keystead: CommandLine, file: Path) -> None:
    """Exit code 0, no problems, and what the extension says."""
    file.write_text(to_pem(certificate(GOOD.encode())))

    ended = keystead("lint", file, "--json")

    assert ended.code == 0
    assert ended.document == {
        "ok": True,
        "problems": [],
        "extension": {
            "devices": [{"scheme": "luna-serial", "device_id": DEVICE.device_id.hex()}],
            "method": "keyAttestation",
            "evidence_digest": "11" * 32,
            "service": None,
        },
    }
    assert "Nothing to mend" in keystead("lint", file).out


def test_a_malformed_extension_is_shown_with_its_place(keystead: CommandLine, file: Path) -> None:
    """A wrong version is an error, exit code 1, with the offset of the byte in the certificate."""
    broken = GOOD.encode().replace(b"\x02\x01\x01", b"\x02\x01\x02", 1)
    der = certificate(broken)
    file.write_bytes(der)

    ended = keystead("lint", file, "--json")

    assert ended.code == 1
    (problem,) = [one for one in ended.document["problems"] if one["severity"] == "error"]
    assert problem["code"] == "device-extension-malformed"
    assert problem["offset"] == der.index(broken) + broken.index(b"\x02\x01\x02")
    assert ended.document["extension"] is None
    assert str(problem["offset"]) in keystead("lint", file).out


def test_a_note_is_no_failure(keystead: CommandLine, file: Path) -> None:
    """A certificate without the extension is worth a note and exit code 0."""
    file.write_bytes(certificate(None))

    ended = keystead("lint", file, "--json")

    assert ended.code == 0
    assert [one["severity"] for one in ended.document["problems"]] == ["note"]


def test_bytes_that_begin_like_a_certificate_are_explained(keystead: CommandLine, file: Path) -> None:
    """What is no certificate inside a certificate file is a problem like any other."""
    file.write_bytes(certificate(None)[:-3])

    ended = keystead("lint", file, "--json")

    assert ended.code == 1
    assert ended.document["problems"][0]["code"] == "not-a-certificate"
    assert keystead("lint", file).code == 1


def test_a_file_that_is_no_certificate_is_an_input_error(keystead: CommandLine, file: Path) -> None:
    """Neither PEM nor DER: exit code 2."""
    file.write_text("hello")

    assert keystead("lint", file).code == 2


def test_a_hostile_subject_is_shown_as_text(keystead: CommandLine, file: Path) -> None:
    """Escape sequences and markup in the subject are shown, not obeyed."""
    file.write_bytes(certificate(GOOD.encode(), "[bold]Evil[/] \x1b[2J\u202e"))

    out = keystead("lint", file).out

    assert "[bold]Evil[/]" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
