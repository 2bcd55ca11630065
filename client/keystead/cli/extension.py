# SPDX-License-Identifier: Apache-2.0
"""`keystead extension`: the device extension to embed, in the forms that CA software takes."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import EXTENSION_OID, Method, SignatureCreationDevice
from keystead.cli.evidence_files import collect_files
from keystead.cli.inputs import read_claimed_key
from keystead.cli.options import DIGEST, anchors_option, certificate_option, existing_path, json_option
from keystead.cli.output import Output
from keystead.client.anchors_file import own_anchors
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import identify
from keystead.devices.evidence import Evidence
from keystead.devices.products import require_product
from keystead.devices.result import Attestation
from keystead.devices.verify import ADMITTED_BY_LOGS, require_key
from keystead.encoding.der import OCTET_STRING, SEQUENCE, encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError, UsageError

__all__ = ["command"]

_PEM_LABEL = "SIGNATURE CREATION DEVICE"


@click.command()
@click.argument("evidence", nargs=-1, type=existing_path)
@click.option(
    "--method",
    type=click.Choice([method.text for method in Method]),
    help="How the CA verified the device (CSBR 6.2.7.4.2). Default: keyAttestation, for evidence that verifies.",
)
@click.option("--service", type=DIGEST, help="Id of the signing service that holds the key.")
@click.option(
    "--device",
    "named_devices",
    multiple=True,
    metavar="SCHEME:VALUE",
    help="A device that the CA knows without evidence, such as luna-serial:521174; repeat for several.",
)
@click.option("--no-digest", is_flag=True, help="Do not name the evidence in the certificate.")
@certificate_option
@anchors_option
@json_option
def command(
    evidence: tuple[Path, ...],
    method: str | None,
    service: bytes | None,
    named_devices: tuple[str, ...],
    no_digest: bool,
    certificate_file: Path | None,
    anchors_file: Path | None,
    as_json: bool,
) -> None:
    """Print the extension that says in which device a key lives, made from verified EVIDENCE.

    EVIDENCE is as for `keystead identify`. Several pieces are about one key that several devices hold: the
    certificate names the devices of all, and the digest of the first that logs admit. Embed the extension as it is,
    non-critical, and submit the evidence with the chain.
    """
    output = Output(as_json)
    if method is None and not evidence:
        raise UsageError("without evidence, say with --method how the device was verified")
    proven = _verified(evidence, certificate_file, own_anchors(anchors_file)) if evidence else {}
    devices: dict[bytes, DeviceIdentifier] = {}
    for attestation in proven.values():
        for identity in attestation.identities:
            scheme = SCHEMES[identity.scheme]
            devices.setdefault(identity.device_id, DeviceIdentifier(scheme.oid, identity.device_id))
    admitted = [piece for piece in proven if piece.format in ADMITTED_BY_LOGS]
    if method is None and len(admitted) < len(proven):
        formats = ", ".join(sorted({piece.format for piece in proven} - ADMITTED_BY_LOGS))
        raise UsageError(
            f"logs admit no evidence of the format {formats}, so the device is the CA's word: say with --method how "
            "it was verified"
        )
    for named in named_devices:
        device = _named_device(named)
        devices.setdefault(device.device_id, device)
    value = SignatureCreationDevice(
        devices=tuple(devices.values()),
        method=Method.KEY_ATTESTATION if method is None else Method.from_text(method),
        evidence_digest=admitted[0].digest if admitted and not no_digest else None,
        service=service,
    )
    forms = _forms(value.encode())
    output.document(
        {
            "oid": EXTENSION_OID,
            "critical": False,
            **forms,
            "devices": [device.device_id.hex() for device in value.devices],
            "method": value.method.text,
            "evidence_digest": None if value.evidence_digest is None else value.evidence_digest.hex(),
            "service": None if value.service is None else value.service.hex(),
        }
    )
    _describe(output, value, forms)


def _verified(
    paths: Sequence[Path], certificate_file: Path | None, anchors: AnchorSet
) -> dict[Evidence, Attestation]:
    """What each piece of evidence proves, all about one key: that of the certificate, where one is given."""
    claimed = None if certificate_file is None else read_claimed_key(certificate_file)
    proven: dict[Evidence, Attestation] = {}
    for piece in collect_files(paths, anchors).pieces:
        attestation = proven[piece.evidence] = identify(piece, anchors)
        if claimed is not None:
            require_key(attestation, claimed)
    keys = len({attestation.key_hash for attestation in proven.values()})
    if keys > 1:
        raise UsageError(
            f"the evidence is about {keys} keys, and a certificate has one: give what is about its key alone"
        )
    return proven


def _named_device(text: str) -> DeviceIdentifier:
    name, _, value = text.partition(":")
    try:
        identifier = device_id(name, value)
        if name == "manufacturer-serial":
            require_product(value)
    except ParseError as error:
        raise UsageError(f"--device {text}: {error}") from error
    return DeviceIdentifier(SCHEMES[name].oid, identifier)


def _forms(der: bytes) -> dict[str, Any]:
    """One value in every form; all of them are the same bytes.

    `value` forms are what stands inside extnValue, `extension` is the whole Extension of RFC 5280.
    """
    extension = encode(SEQUENCE, encode_oid(EXTENSION_OID), encode(OCTET_STRING, der))
    body = "\n".join(textwrap.wrap(encode_base64(der), 64))
    return {
        "hex": der.hex(),
        "base64": encode_base64(der),
        "pem": f"-----BEGIN {_PEM_LABEL}-----\n{body}\n-----END {_PEM_LABEL}-----\n",
        "extension": encode_base64(extension),
        "openssl": f"{EXTENSION_OID}=DER:{der.hex(':')}",
        "ejbca": {
            "oid": EXTENSION_OID,
            "class": "org.cesecore.certificates.certificate.certextensions.BasicCertificateExtension",
            "critical": False,
            "properties": {"encoding": "RAW", "dynamic": "true"},
            "extension_data": {EXTENSION_OID: der.hex()},
        },
    }


def _describe(output: Output, value: SignatureCreationDevice, forms: dict[str, Any]) -> None:
    output.heading("SignatureCreationDevice")
    output.pairs(
        ("OID", EXTENSION_OID),
        ("critical", "no"),
        *(("device", device.device_id.hex()) for device in value.devices),
        ("method", f"{value.method.text} ({value.method.value})"),
        ("evidence digest", value.evidence_digest.hex() if value.evidence_digest else "none"),
        ("service", value.service.hex() if value.service else "none"),
    )
    output.text("", "The value, as DER in hex (what stands inside extnValue):", forms["hex"])
    output.text("", "in base64:", forms["base64"])
    output.text("", "in PEM:", *forms["pem"].splitlines())
    output.text("", "The whole Extension of RFC 5280, DER in base64:", forms["extension"])
    output.text("", "OpenSSL, a line for the x509v3 section of its configuration:", forms["openssl"])
    ejbca = forms["ejbca"]
    output.text(
        "",
        "EJBCA, System Configuration, Custom Certificate Extensions, once:",
        f"  Object Identifier {ejbca['oid']}",
        f"  class {ejbca['class']}, Critical off, Required off",
        "  properties encoding = RAW, dynamic = true; then turn the extension on in the certificate profile",
        "and for each end entity, as certificate extension data:",
        f"  {EXTENSION_OID}={forms['hex']}",
    )
