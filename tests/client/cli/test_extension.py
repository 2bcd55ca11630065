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
