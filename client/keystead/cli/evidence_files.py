# SPDX-License-Identifier: Apache-2.0
"""Attestation evidence out of the files and folders that a verb was given."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from keystead.cli.inputs import read_file
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import Collection, collect
from keystead.devices.evidence import Evidence
from keystead.errors import UsageError

__all__ = ["MAX_FILES", "collect_files", "read_one_piece"]

MAX_FILES = 10_000
"""More files than a folder of evidence has: a home folder given by mistake should not be read whole."""


def collect_files(paths: Sequence[Path], anchors: AnchorSet) -> Collection:
    """The pieces of evidence in files, and in folders with everything below them.

    Raises:
        ParseError: there is no evidence in them.
        UsageError: there are more than `MAX_FILES`.
        OSError: a file cannot be read.
    """
    files: dict[str, bytes] = {}
    for path in _files_below(paths):
        if len(files) == MAX_FILES:
            raise UsageError(f"more than {MAX_FILES} files: give the folder of the evidence alone")
        files[str(path)] = read_file(path)
    if not files:
        raise UsageError(f"there is no file in {', '.join(str(path) for path in paths)}")
    return collect(files, anchors)


def read_one_piece(paths: Sequence[Path], anchors: AnchorSet) -> Evidence:
    """The one piece of evidence that some files make together.

    Raises:
        UsageError: they hold more than one.
        ParseError, OSError: as `collect_files`.
    """
    pieces = collect_files(paths, anchors).pieces
    if len(pieces) != 1:
        found = "; ".join(", ".join(piece.files) for piece in pieces)
        raise UsageError(f"these files hold {len(pieces)} pieces of evidence, name the files of one: {found}")
    return pieces[0].evidence


def _files_below(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder) / name
                if file.is_file():
                    yield file
