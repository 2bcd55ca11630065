# SPDX-License-Identifier: Apache-2.0
"""The stage: one object that holds all that a batch publishes, so that a commit cut short can be finished.

It is durable before the lock database commits, and is dropped once both checkpoints are published. Losing it in
between, and only then, loses the batch's tiles; altering it is noticed by its digest. Recovery alone reads it.

It names the heads that the batch leads to by their digest and does not hold them: a store of objects may be
readable by anyone, and a checkpoint that is signed and never committed would prove a fork that never was.

Its bytes, in the TLS presentation language (RFC 8446 section 3)::

    magic[18] = "keystead/stage/v1\n"
    sha256[32]               of all that follows
    heads[32]                `Heads.digest` of what the log stands at after the batch
    uint64 issuance_size     leaves in each tree then
    uint64 statements_size
    uint32 count
    { opaque path<1..255>; uint32 length; opaque data[length] } objects[count]   by path, ascending
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from keystead.encoding.tls import Reader, opaque8, uint32, uint64
from keystead.errors import ParseError, StoreError
from keystead_server.storage.interface import Heads
from keystead_server.storage.paths import check_object

__all__ = ["STAGES", "Stage", "parse_stage", "stage_path"]

STAGES = "stage/"
"""What the paths of stages begin with."""

_MAGIC = b"keystead/stage/v1\n"


@dataclass(frozen=True, slots=True)
class Stage:
    """A batch about to be committed, or committed and not yet published.

    Attributes:
        heads: the digest of what the log stands at after the batch.
        issuance_size: leaves in the issuance tree then.
        statements_size: leaves in the statement tree then.
        objects: tiles and bundles of both logs, by path.
    """

    heads: bytes
    issuance_size: int
    statements_size: int
    objects: Mapping[str, bytes]

    def encode(self) -> bytes:
        """The object's bytes."""
        pieces = [
            self.heads,
            uint64(self.issuance_size),
            uint64(self.statements_size),
            uint32(len(self.objects)),
        ]
        for path, data in sorted(self.objects.items()):
            pieces += (opaque8(path.encode("ascii")), uint32(len(data)), data)
        body = b"".join(pieces)
        return _MAGIC + sha256(body).digest() + body


def stage_path(heads: Heads) -> str:
    """Where the stage of the batch that leads to `heads` lies: no two batches share a path."""
    return STAGES + heads.digest.hex()


def parse_stage(data: bytes) -> Stage:
    """Read a stage.

    Raises:
        ParseError: it is none, was cut short or altered, or holds an object that cannot be.
    """
    reader = Reader(data, "a stage")
    if reader.fixed(len(_MAGIC)) != _MAGIC:
        raise ParseError("this is no stage of this version")
    if reader.fixed(32) != sha256(memoryview(data)[reader.offset :]).digest():
        raise ParseError("a stage was altered or cut short: its digest is wrong")
    heads = reader.fixed(32)
    issuance_size = reader.uint64()
    statements_size = reader.uint64()
    objects: dict[str, bytes] = {}
    last = ""
    for _ in range(reader.uint32()):
        # A byte that is not ASCII becomes a character that no path has.
        path = reader.opaque8().decode("ascii", "replace")
        content = reader.fixed(reader.uint32())
        if path <= last:
            raise ParseError("a stage's objects are not in the order of their paths", offset=reader.offset)
        try:
            check_object(path, content)
        except StoreError as error:
            raise ParseError(f"a stage holds what no store can: {error}", offset=reader.offset) from error
        objects[path] = content
        last = path
    reader.finish()
    return Stage(heads, issuance_size, statements_size, objects)
