# SPDX-License-Identifier: Apache-2.0
"""A log in memory, written as the folder that a server leaves: what an audit reads, and a test alters."""

from pathlib import Path

from keystead.tlog.tiles import bundle_path, tile_path, tiles_between
from support.memory_log import MemoryLog

__all__ = ["ServedFiles", "files_of", "write_folder"]


def files_of(log: MemoryLog) -> dict[str, bytes]:
    """Every file that the log's checkpoints promise, and the objects beside them, by path."""
    files = {"trust.json": log.trust_json(), **log.objects}
    for prefix, kind, tree in (
        ("issuance", "data", log.issuance),
        ("statements", "entries", log.statements),
    ):
        paths = ["checkpoint"]
        for level, index, width in tiles_between(0, tree.size):
            paths.append(tile_path(level, index, width))
            if not level:
                paths.append(bundle_path("data" if kind == "data" else "entries", index, width))
        for path in paths:
            data = tree.serve(path)
            assert data is not None, path
            files[f"{prefix}/{path}"] = data
    return files


def write_folder(files: dict[str, bytes], folder: Path) -> Path:
    """Write them below `folder`."""
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


class ServedFiles:
    """A `Fetcher` of files in memory.

    Args:
        files: by path.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        """As `Fetcher.get`."""
        return self.files.get(path)
