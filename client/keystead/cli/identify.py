# SPDX-License-Identifier: Apache-2.0
"""`keystead identify`: attestation evidence to device identity, verified."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from keystead.cli.evidence_files import collect_files
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.inputs import read_claimed_key
from keystead.cli.options import anchors_option, certificate_option, existing_path, json_option
from keystead.cli.output import Output
from keystead.cli.terminal import print_error, print_note
from keystead.client.anchors_file import own_anchors
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import Piece, identify
from keystead.devices.result import Attestation
from keystead.devices.verify import require_key
from keystead.errors import EvidenceError

__all__ = ["command"]


@click.command()
@click.argument("evidence", nargs=-1, required=True, type=existing_path)
@certificate_option
@anchors_option
@json_option
def command(
    evidence: tuple[Path, ...], certificate_file: Path | None, anchors_file: Path | None, as_json: bool
) -> int:
    """Verify attestation EVIDENCE and say which device it is about.

    EVIDENCE is the files of one piece in any order (PEM or DER certificates, PKCS#7, a certification request
    that carries it, Keystead's own form), or a folder of pieces. Exit code 1 where a piece does not verify, 2
    where there is none.
    """
    output = Output(as_json)
    anchors = own_anchors(anchors_file)
    claimed = None if certificate_file is None else read_claimed_key(certificate_file)
    collection = collect_files(evidence, anchors)
    folder = any(path.is_dir() for path in evidence)
    for unused in collection.unused:
        if unused.broken or not folder:  # a folder holds all kinds of files
            print_note(f"{unused.file}: not used: {unused.reason}")
    refused = 0
    with output.progress("verifying", len(collection.pieces)) as progress:
        for piece in collection.pieces:
            refused += not _show(output, piece, anchors, claimed)
            progress.advance()
    if len(collection.pieces) > 1:
        output.text(f"{len(collection.pieces)} pieces, {refused} refused")
    return BAD_ANSWER if refused else FINE


def _show(output: Output, piece: Piece, anchors: AnchorSet, claimed: bytes | None) -> bool:
    """Verify and show one piece; whether it verified."""
    about: dict[str, Any] = {"files": list(piece.files), "evidence_sha256": piece.evidence.digest.hex()}
    try:
        attestation = identify(piece, anchors)
        if claimed is not None:
            require_key(attestation, claimed)
    except EvidenceError as error:
        output.document(
            {
                "format": piece.evidence.format,
                "error": {"check": error.check, "message": str(error)},
                **about,
            }
        )
        print_error(f"{', '.join(piece.files)}: refused: {error} ({error.check})")
        return False
    output.document({**attestation.to_json(), **about})
    _describe(output, attestation, piece.files, claimed)
    return True


def _describe(output: Output, attestation: Attestation, files: Sequence[str], claimed: bytes | None) -> None:
    output.heading(", ".join(files))
    devices = [f"{one.scheme}:{one.value} (class {one.class_})" for one in attestation.identities]
    stated = (
        ("vendor", attestation.vendor),
        ("model", attestation.model),
        ("serial", attestation.serial),
        ("firmware", attestation.firmware),
        ("form", attestation.form_factor),
        ("certification", attestation.certification),
    )
    output.pairs(
        *(
            ("device", device)
            for device in devices or ["hardware is proven, no device is named (class none)"]
        ),
        *(("device id", one.device_id.hex()) for one in attestation.identities),
        *((name, value or "unknown: the evidence does not state it") for name, value in stated),
        ("assurance", "attested: anyone can verify it again"),
        ("key SHA-256", attestation.key_hash.hex()),
        *((("key", "the given one"),) if claimed is not None else ()),
        *((name.replace("_", " "), _worded(value)) for name, value in attestation.properties.items()),
    )
    output.table(
        ["chain", "name", "key SHA-256"],
        [[one.role, one.name, one.key_hash.hex()] for one in attestation.chain],
    )
    output.text("What this cannot prove:", *(f"  - {sentence}" for sentence in attestation.unproven), "")


def _worded(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
