# SPDX-License-Identifier: Apache-2.0
"""Evidence out of the files that people have: the client makes the one canonical form.

Files of one piece may be one bundle or several, in any order and with the vendor's root or other certificates
among them; a folder may hold many pieces. What belongs together is found by signatures, never by names.

Invariants:

* pure: named bytes in, pieces out; nothing is verified except which certificate signed which;
* a piece is as complete as the files allow, so that verification can say what is missing;
* evidence that is in its final form already is passed on as it is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.devices.containers import sort_files
from keystead.devices.evidence import Evidence
from keystead.devices.material import Material
from keystead.devices.piece import Piece
from keystead.devices.request import verify_request
from keystead.devices.result import Attestation
from keystead.devices.verify import FORMATS, require_key, verify_evidence
from keystead.errors import ParseError

__all__ = ["Collection", "Collector", "Piece", "Unused", "collect", "identify"]

Collector = Callable[[Material, AnchorSet], Iterable[Piece]]
"""Finds the pieces of one format in what the files hold; raises nothing but `ParseError`."""

_TOLD = 3


@dataclass(frozen=True, slots=True)
class Unused:
    """A file that is part of no piece.

    Attributes:
        file: its name.
        reason: why, in words.
        broken: whether it may have been meant as evidence: it cannot be read, or lacks what belongs to it.
    """

    file: str
    reason: str
    broken: bool


@dataclass(frozen=True, slots=True)
class Collection:
    """What the files hold.

    Attributes:
        pieces: in the order of the files, each piece once.
        unused: the files that are part of none.
    """

    pieces: tuple[Piece, ...]
    unused: tuple[Unused, ...]


def collect(files: Mapping[str, bytes], anchors: AnchorSet = BUILTIN_ANCHORS) -> Collection:
    """Find the evidence in `files`.

    Args:
        files: contents by name; a `/` in a name separates folders.
        anchors: the pinned keys, below which a chain ends.

    Raises:
        ParseError: there is no evidence at all, or too much to match; the sentence says what to do.
    """
    material = sort_files(files)
    found = [Piece(evidence, (name,)) for name, evidence in material.evidence]
    for module in FORMATS.values():
        collector: Collector = import_module(f"keystead.devices.{module}").collect
        found += collector(material, anchors)
    pieces = _merged(found, list(files))
    used = {name for piece in pieces for name in piece.files}
    unused = tuple(
        Unused(name, material.problems.get(name) or _described(material, name), name in material.problems)
        for name in files
        if name not in used
    )
    if not pieces:
        raise ParseError(_nothing_found(unused) if unused else "no files were given")
    return Collection(pieces, unused)


def _described(material: Material, name: str) -> str:
    what = material.contents.get(name)
    return "holds no attestation evidence" if what is None else f"holds {what}, but no attestation evidence"


def _nothing_found(unused: Sequence[Unused]) -> str:
    """What is wrong with the first files, those first of which more can be said; and what to do."""
    told = sorted(unused, key=lambda one: not one.broken)[:_TOLD]
    reasons = "; ".join(f"{one.file}: {one.reason}" for one in told)
    more = f"; and {len(unused) - _TOLD} files more" if len(unused) > _TOLD else ""
    return (
        f"no attestation evidence found ({reasons}{more}): give what the device or its tool wrote about the key,"
        " with the certificates above it"
    )


def _merged(found: Iterable[Piece], names: list[str]) -> tuple[Piece, ...]:
    """Each piece once, with the files of all its copies, in the order of the first file."""
    merged: dict[tuple[Evidence, bytes | None], Piece] = {}
    for piece in found:
        key = (piece.evidence, None if piece.request is None else piece.request.der)
        known = merged.get(key)
        files = piece.files if known is None else known.files + piece.files
        merged[key] = replace(piece, files=tuple(sorted(set(files), key=names.index)))
    return tuple(sorted(merged.values(), key=lambda piece: names.index(piece.files[0])))


def identify(piece: Piece, anchors: AnchorSet = BUILTIN_ANCHORS) -> Attestation:
    """Verify a piece and, where a request carried it, that the request is for the attested key and by it.

    Raises:
        EvidenceError: `check` says which rule failed.
    """
    attestation = verify_evidence(piece.evidence, anchors)
    if piece.request is not None:
        require_key(attestation, piece.request.spki)
        verify_request(piece.request)
    return attestation
