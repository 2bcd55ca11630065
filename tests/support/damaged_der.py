# SPDX-License-Identifier: Apache-2.0
"""DER damaged at every level: each element of a structure cut, dropped, doubled, renamed, or nested without end.

An element is damaged inside its containers, whose lengths are made anew, so that a parser meets the damage only
where it is; a few kinds break the length octets themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from keystead.encoding.der import BIT_STRING, OCTET_STRING, encode, read_header
from keystead.errors import ParseError

__all__ = ["damaged_everywhere"]


@dataclass(frozen=True)
class _Node:
    """One element: its identifier octet, octets before its parts (of a BIT STRING), and parts or content."""

    tag: int
    before: bytes
    parts: "tuple[_Node, ...] | None"
    content: bytes

    def encode(self) -> bytes:
        """As DER."""
        parts = self.parts
        inner = self.content if parts is None else b"".join(part.encode() for part in parts)
        return encode(self.tag, self.before, inner)


def _read(data: bytes) -> tuple[_Node, ...]:
    nodes = []
    position = 0
    while position < len(data):
        tag, start, end = read_header(data, position, len(data))
        content = data[start:end]
        before, inner = (
            (content[:1], content[1:]) if tag == BIT_STRING and content[:1] == b"\0" else (b"", content)
        )
        parts = None
        if tag & 0x20 or tag in {BIT_STRING, OCTET_STRING}:
            try:
                parts = _read(inner) or None
            except ParseError:
                parts = None
        nodes.append(_Node(tag, before if parts else b"", parts, content))
        position = end
    return tuple(nodes)


class _Raw(_Node):
    """Octets in the place of an element."""

    def encode(self) -> bytes:
        """As they are."""
        return self.content


def _raw(content: bytes) -> _Raw:
    return _Raw(0, b"", None, content)


def _nested(tag: int, depth: int) -> bytes:
    nested = b"\x05\x00"
    for _ in range(depth):
        nested = encode(tag, nested)
    return nested


def _variants(node: _Node) -> Iterator[tuple[_Node, ...]]:
    """What may stand in the place of one element."""
    der = node.encode()
    yield ()
    yield (node, node)
    yield (replace(node, parts=None, content=b""),)
    content = der[read_header(der, 0, len(der))[1] :]
    yield (replace(node, before=b"", parts=None, content=content[:-1]),)
    yield (replace(node, before=b"", parts=None, content=content + b"\0"),)
    yield (replace(node, before=b"", parts=None, content=b"\xff" * max(1, len(content))),)
    yield (replace(node, tag=node.tag ^ 0x20),)
    yield (replace(node, tag=0x80 | node.tag & 0x1E),)
    yield (replace(node, tag=0x0C),)
    yield (_raw(_nested(0x30, 300)),)
    yield (_raw(bytes((node.tag, 0x80)) + content + b"\0\0"),)  # an indefinite length
    yield (_raw(bytes((node.tag, 0x84)) + len(content).to_bytes(4) + content),)  # one in too many octets
    yield (_raw(bytes((node.tag, 0x84, 0xFF, 0xFF, 0xFF, 0xFF)) + content),)  # one past every end
    yield (_raw(der[: max(1, len(der) // 2)]),)


def _damaged(nodes: tuple[_Node, ...]) -> Iterator[tuple[_Node, ...]]:
    for place, node in enumerate(nodes):
        for variant in _variants(node):
            yield (*nodes[:place], *variant, *nodes[place + 1 :])
        if place:
            yield (*nodes[: place - 1], node, nodes[place - 1], *nodes[place + 1 :])
        if node.parts is not None:
            for parts in _damaged(node.parts):
                yield (*nodes[:place], replace(node, parts=parts), *nodes[place + 1 :])


def damaged_everywhere(der: bytes) -> Iterator[bytes]:
    """Every variant of `der` that one damage makes; also those of DER inside its strings."""
    for nodes in _damaged(_read(der)):
        damaged = b"".join(node.encode() for node in nodes)
        if damaged != der:
            yield damaged
