# SPDX-License-Identifier: Apache-2.0
"""`keystead extension`: what a CA embeds, in every form the same bytes."""

import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import EXTENSION_OID, Method, parse_extension
from keystead.certificate.x509 import certificates_from_pem
from keystead.testvendor.certificates import common_name, to_pem
from keystead.testvendor.containers import certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.vendor import TestVendor
from support.command_line import CommandLine

SERVICE = "5a" * 32


def test_verified_evidence_becomes_the_extension(keystead: CommandLine, attested: Any) -> None:
    """The device of the evidence, method key attestation, and the digest of the evidence."""
    ended = keystead("extension", attested.leaf, attested.f9, "--anchors", attested.anchors, "--json")

    answer = ended.document
    value = parse_extension(bytes.fromhex(answer["hex"]))
    assert ended.code == 0
    assert [device.device_id for device in value.devices] == [device_id("yubico-piv-serial", "4711")]
    assert value.method is Method.KEY_ATTESTATION
    assert value.evidence_digest == attested.evidence.digest
    assert value.service is None
    assert answer["oid"] == EXTENSION_OID
    assert answer["critical"] is False


def test_all_forms_are_the_same_bytes(keystead: CommandLine, attested: Any) -> None:
    """Hex, base64, PEM, OpenSSL and EJBCA forms decode to one value; `extension` wraps it as RFC 5280 does."""
    answer = keystead("extension", attested.piece, "--anchors", attested.anchors, "--json").document

    der = bytes.fromhex(answer["hex"])
    assert b64decode(answer["base64"]) == der
    assert b64decode("".join(answer["pem"].splitlines()[1:-1])) == der
    assert answer["openssl"] == f"{EXTENSION_OID}=DER:{der.hex(':')}"
    assert answer["ejbca"]["extension_data"] == {EXTENSION_OID: der.hex()}
    wrapped = b64decode(answer["extension"])
    assert wrapped.endswith(bytes((0x04, len(der))) + der)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program here")
def test_openssl_embeds_its_form(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """A certificate that OpenSSL makes with the printed line carries exactly the printed value."""
    answer = keystead("extension", attested.piece, "--anchors", attested.anchors, "--json").document
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text(
        f"[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\nO=Somebody\n[ext]\n{answer['openssl']}\n"
    )
    made = tmp_path / "certificate.pem"
    options = f"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -keyout {tmp_path}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", *options.split(), "-out", made, "-config", configuration],
        check=True,
        capture_output=True,
    )

    extension = x509.load_pem_x509_certificate(made.read_bytes()).extensions.get_extension_for_oid(
        x509.ObjectIdentifier(EXTENSION_OID)
    )
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value.hex() == answer["hex"]
    assert not extension.critical
    assert certificates_from_pem(made.read_bytes())


def test_all_evidence_is_about_one_key(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """A folder with the attestations of two slots names no extension, and says why."""
    other = TestVendor("command line", "ec-p256").yubikey(4712)
    (tmp_path / "pieces").mkdir()
    (tmp_path / "pieces" / "one").write_bytes(attested.piece.read_bytes())
    (tmp_path / "pieces" / "other").write_bytes(other.attest(other.generate("9a").spki).encode())

    ended = keystead("extension", tmp_path / "pieces", "--anchors", attested.anchors)
    assert ended.code == 2
    assert ended.out == ""
    assert "2 keys" in ended.err


def test_a_key_in_two_devices_names_both(keystead: CommandLine, attested: Any, tmp_path: Path) -> None:
    """What a cluster shares is attested by each device; the digest is that of the first piece."""
    other = TestVendor("command line", "ec-p256").yubikey(4712).attest(attested.key.spki)
    file = tmp_path / "other"
    file.write_bytes(other.encode())

    answer = keystead("extension", attested.piece, file, "--anchors", attested.anchors, "--json").document
    assert answer["devices"] == [device_id("yubico-piv-serial", serial).hex() for serial in ("4711", "4712")]
    assert answer["evidence_digest"] == attested.evidence.digest.hex()


def test_the_certificate_must_have_the_attested_key(
    keystead: CommandLine, attested: Any, tmp_path: Path
) -> None:
    """With the request or certificate at hand, evidence about another key gives no extension."""
    requests = {}
    for name, key in (("right", attested.key), ("wrong", derive_key(b"extension", "wrong"))):
        requests[name] = tmp_path / name
        requests[name].write_bytes(certification_request(common_name("x"), key))
    command = ("extension", attested.piece, "--anchors", attested.anchors, "--cert")

    assert keystead(*command, requests["right"]).code == 0
    ended = keystead(*command, requests["wrong"])
    assert ended.code == 1
    assert ended.out == ""


def test_what_logs_do_not_admit_is_the_cas_word(keystead: CommandLine, tmp_path: Path) -> None:
    """A SmartCard-HSM's request names the device; which method the CA goes by it has to say, and no digest is named."""
    vendor = TestVendor("command line", "ec-p256")
    card = vendor.smartcard_hsm("XTTS0100001")
    file = tmp_path / "ce01"
    file.write_bytes(card.attest(card.generate("9a")).encode())
    (root,) = vendor.anchors("smartcard-hsm")
    (tmp_path / "root.pem").write_text(to_pem(root.key, "PUBLIC KEY"))  # it has no X.509 certificate
    anchors = tmp_path / "cards.toml"
    anchors.write_text(
        '[[vendor_anchor]]\nname = "cards"\ncertificate = "root.pem"\nformats = ["smartcard-hsm"]\n'
    )
    silent = keystead("extension", file, "--anchors", anchors)
    answer = keystead("extension", file, "--anchors", anchors, "--method", "shippedByCA", "--json").document

    assert silent.code == 2
    assert "smartcard-hsm" in silent.err
    value = parse_extension(bytes.fromhex(answer["hex"]))
    assert [one.device_id for one in value.devices] == [device_id("smartcard-hsm-id", "XTTS0100001")]
    assert value.method is Method.SHIPPED_BY_CA
    assert value.evidence_digest is None


def test_people_get_every_form(keystead: CommandLine, attested: Any) -> None:
    """The text names the forms and has the OpenSSL line as it is to be pasted."""
    answer = keystead("extension", attested.piece, "--anchors", attested.anchors, "--json").document
    ended = keystead("extension", attested.piece, "--anchors", attested.anchors)

    assert ended.code == 0
    lines = ended.out.splitlines()
    assert answer["openssl"] in lines
    assert answer["hex"] in lines
    assert answer["base64"] in lines
    assert any("EJBCA" in line for line in lines)


def test_a_service_and_no_digest(keystead: CommandLine, attested: Any) -> None:
    """The CA may name the signing service, and leave the evidence unnamed."""
    answer = keystead(
        "extension",
        attested.piece,
        "--anchors",
        attested.anchors,
        "--service",
        SERVICE,
        "--no-digest",
        "--json",
    ).document

    value = parse_extension(bytes.fromhex(answer["hex"]))
    assert value.service == bytes.fromhex(SERVICE)
    assert value.evidence_digest is None


def test_a_device_that_the_ca_knows_without_evidence(keystead: CommandLine) -> None:
    """Without evidence, device and method are the CA's word."""
    answer = keystead(
        "extension", "--device", "luna-serial:521174", "--method", "witnessedCreation", "--json"
    ).document

    value = parse_extension(bytes.fromhex(answer["hex"]))
    assert [device.device_id for device in value.devices] == [device_id("luna-serial", "521174")]
    assert value.method is Method.WITNESSED_CREATION
    assert value.evidence_digest is None


def test_what_cannot_be_said_is_a_usage_error(keystead: CommandLine) -> None:
    """No method without evidence, a device spelled otherwise, an unknown scheme, nothing at all: exit code 2."""
    for arguments in (
        (),
        ("--device", "luna-serial:521174"),
        ("--device", "luna-serial:0521174", "--method", "itAudit"),
        ("--device", "no-such-scheme:1", "--method", "itAudit"),
        ("--device", "luna-serial", "--method", "itAudit"),
        ("--method", "itAudit"),
        ("--method", "nonsense"),
        ("--service", "5A" * 32, "--method", "signingService"),
    ):
        ended = keystead("extension", *arguments)
        assert ended.code == 2
        assert ended.err.count("\n") == 1


def test_evidence_that_does_not_verify_gives_no_extension(keystead: CommandLine, attested: Any) -> None:
    """Nothing is printed that a CA could embed by mistake: exit code 1."""
    ended = keystead("extension", attested.piece)

    assert ended.code == 1
    assert ended.out == ""
