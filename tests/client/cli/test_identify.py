# SPDX-License-Identifier: Apache-2.0
"""`keystead identify`: what evidence proves, and what it does not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from keystead.devices.result import DeviceIdentity
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.vendor import TestVendor
from support.command_line import CommandLine

IDENTITY = DeviceIdentity.of("yubico-piv-serial", "4711")


def certificate_for(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A self-signed certificate, DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=9))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def test_the_files_of_one_piece_name_the_device(keystead: CommandLine, attested: Any) -> None:
    """Leaf and intermediate in separate files, in any order, give the device and every promised member."""
    ended = keystead("identify", attested.f9, attested.leaf, "--anchors", attested.anchors, "--json")

    answer = ended.document
    assert ended.code == 0
    assert answer["format"] == "yubikey-piv"
    assert answer["identities"] == [
        {
            "scheme": "yubico-piv-serial",
            "value": "4711",
            "class": "unit",
            "device_id": IDENTITY.device_id.hex(),
        }
    ]
    assert answer["assurance"] == "attested"
    assert answer["serial"] == "4711"
    assert answer["evidence_sha256"] == attested.evidence.digest.hex()
    promised = {"vendor", "model", "firmware", "key_sha256", "properties", "chain"}
    assert promised <= answer.keys()


def test_people_read_the_same(keystead: CommandLine, attested: Any) -> None:
    """The table for people has the device, its id, and what is not proven."""
    ended = keystead("identify", attested.piece, "--anchors", attested.anchors)

    assert ended.code == 0
    assert "yubico-piv-serial:4711 (class unit)" in ended.out
    assert IDENTITY.device_id.hex() in ended.out
    assert "cannot prove" in ended.out


def test_without_the_anchor_it_is_refused(keystead: CommandLine, attested: Any) -> None:
    """A test vendor proves nothing to those who do not add its root: exit code 1, and the check by name."""
    ended = keystead("identify", attested.piece, "--json")

    assert ended.code == 1
    assert ended.document["error"]["check"] == "unknown-anchor"
    assert "refused" in ended.err


def test_the_certificate_must_have_the_attested_key(
    keystead: CommandLine, attested: Any, tmp_path: Path
) -> None:
    """`--cert` compares keys: the attested one passes, in PEM or DER, any other is exit code 1."""
    right = tmp_path / "right.pem"
    right.write_text(to_pem(certificate_for(attested.key.private_key)))
    right_der = tmp_path / "right.crt"
    right_der.write_bytes(certificate_for(attested.key.private_key))
    wrong = tmp_path / "wrong.pem"
    wrong.write_text(to_pem(certificate_for(ec.derive_private_key(7, ec.SECP256R1()))))
    command = ("identify", attested.piece, "--anchors", attested.anchors, "--json", "--cert")

    assert keystead(*command, right).code == 0
    assert keystead(*command, right_der).code == 0
    ended = keystead(*command, wrong)
    assert ended.code == 1
    assert ended.document["error"]["check"] == "key-mismatch"


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_request_is_compared_as_well(
    keystead: CommandLine, attested: Any, tmp_path: Path, encoding: Encoding
) -> None:
    """Before there is a certificate, `--cert` takes the PKCS#10 request."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(attested.key.private_key, hashes.SHA256())
    )
    file = tmp_path / "request"
    file.write_bytes(request.public_bytes(encoding))

    assert keystead("identify", attested.piece, "--anchors", attested.anchors, "--cert", file).code == 0


def test_a_bare_key_is_compared_as_well(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """Some people have the public key alone, in PEM."""
    right, wrong = tmp_path / "right.pem", tmp_path / "wrong.pem"
    right.write_text(to_pem(attested.key.spki, "PUBLIC KEY"))
    wrong.write_text(to_pem(derive_key(b"identify", "wrong").spki, "PUBLIC KEY"))
    command = ("identify", attested.piece, "--anchors", attested.anchors, "--cert")

    assert keystead(*command, right).code == 0
    assert keystead(*command, wrong).code == 1
    wrong.write_text("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n")
    assert keystead(*command, wrong).code == 2


def test_a_folder_gives_a_line_a_piece(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """Each piece in a folder, and in the folders below, is a JSON document; one refused makes exit code 1."""
    folder = tmp_path / "pieces"
    (folder / "below").mkdir(parents=True)
    (folder / "one.evidence").write_bytes(attested.piece.read_bytes())
    stranger = TestVendor("another", "ec-p256").yubikey(42)
    (folder / "below" / "two.evidence").write_bytes(stranger.attest(attested.key.spki).encode())
    (folder / "notes.txt").write_text("nothing to see")

    ended = keystead("identify", folder, "--anchors", attested.anchors, "--json")

    assert ended.code == 1
    assert len(ended.documents) == 2
    by_file = {Path(one["files"][0]).name: one for one in ended.documents}
    assert by_file["one.evidence"]["serial"] == "4711"
    assert by_file["two.evidence"]["error"]["check"] == "unknown-anchor"


def test_a_broken_file_in_a_folder_is_named(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """What may have been meant as evidence is not passed over in silence; other files are."""
    folder = tmp_path / "holder"
    (folder / "cut.pem").write_text(attested.leaf.read_text()[:200])
    (folder / "notes.txt").write_text("nothing to see")

    ended = keystead("identify", folder, "--anchors", attested.anchors)

    assert ended.code == 0
    assert "cut.pem: not used" in ended.err
    assert "notes.txt" not in ended.err


def test_two_serial_numbers_two_devices(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """Devices of one batch share the f9 certificate and are told apart."""
    other = TestVendor("command line", "ec-p256").yubikey(4712, fips=True)
    file = tmp_path / "holder" / "other.pem"
    file.write_text(to_pem(other.attest(other.generate("9a").spki).data))

    ended = keystead("identify", tmp_path / "holder", "--anchors", attested.anchors, "--json")

    assert ended.code == 0
    assert {one["serial"] for one in ended.documents} == {"4711", "4712"}


def test_what_is_no_evidence_is_an_input_error(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """A text file, an empty folder, a missing file and a public key are exit code 2, each with one sentence."""
    text = tmp_path / "text"
    text.write_text("hello")
    empty = tmp_path / "empty"
    empty.mkdir()
    key = tmp_path / "key.pem"
    public = attested.key.private_key.public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    for wrong in (text, empty, tmp_path / "missing", key):
        ended = keystead("identify", wrong)
        assert ended.code == 2
        assert ended.out == ""
        assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no [[vendor_anchor]]"),
        ("nonsense", "not TOML"),
        (f"vendor_anchor = {'[' * 5_000}", "not TOML"),
        (f"vendor_anchor = [{'1' * 5_000}]", "not TOML"),
        ("[[vendor_anchor]]\nname = 'x'\nformats = ['yubikey-piv']", "needs certificate"),
        ("[[vendor_anchor]]\nname = 'x'\ncertificate = 'root.pem'\nformats = ['no-such']", "formats"),
        ("[[vendor_anchor]]\nname = 'x'\ncertificat = 'root.pem'\nformats = ['yubikey-piv']", "certificat"),
        ("[[vendor_anchor]]\ncertificate = 'root.pem'\nformats = ['yubikey-piv']", "needs a name"),
        (
            "[[vendor_anchor]]\nname = 'x'\ncertificate = 'gone.pem'\nformats = ['yubikey-piv']",
            "cannot be read",
        ),
        (
            "[[vendor_anchor]]\nname = 'x'\ncertificate = 'bad.toml'\nformats = ['yubikey-piv']",
            "not one PEM certificate",
        ),
        ("[[vendor_anchor]]\nname='x'\ncloud=1\ncertificate='root.pem'\nformats=['yubikey-piv']", "cloud"),
        ("vendor_anchor = [3]", "not a table"),
    ],
)
def test_an_anchors_file_is_read_strictly(
    keystead: CommandLine, attested: Any, tmp_path: Path, text: str, complaint: str
) -> None:
    """A wrong anchors file is an input error that says what is wrong, never fewer anchors."""
    file = tmp_path / "bad.toml"
    file.write_text(text)

    ended = keystead("identify", attested.piece, "--anchors", file)

    assert ended.code == 2
    assert complaint in ended.err


def test_a_hostile_file_name_is_shown_as_text(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """Escape sequences in a file's name do not reach the terminal."""
    file = tmp_path / "\x1b[31mred\u202e.evidence"
    file.write_bytes(attested.piece.read_bytes())

    ended = keystead("identify", file, "--anchors", attested.anchors)

    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\u202e" not in ended.out


@pytest.mark.samples
def test_a_real_certificate_and_the_attestation_of_its_key(keystead: CommandLine, samples: Path) -> None:
    """The published EV certificate's key is in slot 9a of YubiKey 28557046; slot 9c is another key."""
    folder = samples / "attestation" / "yubikey-piv" / "ipxe-28557046"
    files = (folder / "attestation-intermediate.crt", "--cert", folder / "evcs.crt", "--json")

    right = keystead("identify", folder / "attestation-9a.crt", *files)
    wrong = keystead("identify", folder / "attestation-9c.crt", *files)

    assert right.code == 0
    assert right.document["identities"][0]["value"] == "28557046"
    assert wrong.code == 1
    assert wrong.document["error"]["check"] == "key-mismatch"


@pytest.mark.samples
def test_a_folder_of_real_pieces(keystead: CommandLine, samples: Path) -> None:
    """Everything that the maker's published samples expect is found in one walk over their folder."""
    expected = json.loads((samples / "attestation" / "expected-yubico.json").read_text())
    ended = keystead("identify", samples / "attestation" / "yubikey-piv", "--json")

    found = {file: one for one in ended.documents for file in one["files"] if "error" not in one}
    stated = [one for one in expected if one["file"].startswith("yubikey-piv") and one["chain_ok"]]
    assert stated
    for one in stated:
        serial = None if one.get("serial") is None else str(one["serial"])
        assert found[str(samples / "attestation" / one["file"])]["serial"] == serial
