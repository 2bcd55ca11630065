# SPDX-License-Identifier: Apache-2.0
"""The formats that `verify_from_raw_bytes.py` reads, written from the specifications and not from Keystead's code.

C2SP signed notes and checkpoints with both kinds of signature, tlog-tiles, RFC 6962 hashes, and DER as far as a
certificate must be taken apart. Good enough for input whose hash is about to be checked; no example of how to
read a stranger's bytes.
"""

import base64
import hashlib
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key


class WrongError(Exception):
    """Something is not as the specifications say; the message says what and where."""


def require(condition: object, sentence: str) -> None:
    if not condition:
        raise WrongError(sentence)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def unbase64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    require(base64.b64encode(data).decode() == text, f"{text[:40]} is not canonical base64")
    return data


class Source:
    """Reads a path below a folder or a URL."""

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")
        self.remote = place.startswith(("http://", "https://"))

    def get(self, path: str) -> bytes:
        try:
            if not self.remote:
                return (Path(self.place) / path).read_bytes()
            with urllib.request.urlopen(f"{self.place}/{path}", timeout=30) as answer:
                return bytes(answer.read())
        except (OSError, urllib.error.URLError) as error:
            raise WrongError(f"{path} cannot be read: {error}") from error

    def named(self, folder: str, digest: bytes) -> bytes:
        """An object that is named by its SHA-256."""
        path = f"{folder}/{digest.hex()}"
        data = self.get(path)
        require(sha256(data) == digest, f"{path} does not hash to its name")
        return data


class Bytes:
    """Takes TLS-encoded values off the front of a byte string."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data, self.what, self.at = data, what, 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        require(len(piece) == count, f"{self.what} ends early")
        self.at += count
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))

    @property
    def more(self) -> bool:
        return self.at < len(self.data)


# Signed notes and checkpoints.


def open_note(note: str) -> tuple[str, dict[tuple[str, bytes], bytes]]:
    text, _, lines = note.rpartition("\n\n")
    signatures = {}
    for line in lines.splitlines():
        dash, name, encoded = line.split(" ")
        require(dash == "—", "a signature line does not begin with a dash")
        body = unbase64(encoded)
        signatures[name, body[:4]] = body[4:]
    return text + "\n", signatures


def key_id(name: str, kind: int, key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes((kind,)) + key)[:4]


def verify_signature(spki: bytes, signature: bytes, message: bytes, what: str) -> None:
    """A signature by an Ed25519, P-256 (SHA-256) or P-384 (SHA-384) key."""
    key = load_der_public_key(spki)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            digest = hashes.SHA256() if key.curve.name == "secp256r1" else hashes.SHA384()
            key.verify(signature, message, ec.ECDSA(digest))
    except Exception as error:
        raise WrongError(f"{what} has a wrong signature") from error


def open_checkpoint(raw: bytes, log: dict[str, Any]) -> tuple[int, bytes, int]:
    """Size, root and, for a log with an SCT key, the tree head's time."""
    origin = log["origin"]
    text, signatures = open_note(raw.decode())
    first, size_text, root_text = text.splitlines()
    require(first == origin, f"the checkpoint of {origin} is of {first}")
    size, root = int(size_text), unbase64(root_text)
    require(str(size) == size_text and len(root) == 32, f"the checkpoint of {origin} is malformed")
    name, _, encoded = log["vkey"].split("+", 2)
    kind, public = unbase64(encoded)[0], unbase64(encoded)[1:]
    require(name == origin and kind == 1, f"the vkey of {origin} is not its Ed25519 key")
    signature = signatures.get((origin, key_id(origin, 1, public)))
    require(signature, f"the checkpoint of {origin} lacks its Ed25519 signature")
    ed25519_spki = ed25519.Ed25519PublicKey.from_public_bytes(public).public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    verify_signature(ed25519_spki, signature or b"", text.encode(), f"the checkpoint of {origin}")
    if "sct_key" not in log:
        return size, root, 0
    spki = unbase64(log["sct_key"])
    require(unbase64(log["log_id"]) == sha256(spki), "log_id is not the hash of sct_key")
    body = signatures.get((origin, key_id(origin, 5, sha256(spki))))
    require(body, f"the checkpoint of {origin} lacks its tree head signature")
    time, algorithms, length = struct.unpack_from(">QHH", body or b"")
    require(algorithms == 0x0403 and length == len(body or b"") - 12, "the tree head signature is malformed")
    head = b"\x00\x01" + struct.pack(">QQ", time, size) + root
    verify_signature(spki, (body or b"")[12:], head, f"the tree head of {origin}")
    return size, root, time


# Trees and tiles.


def tile_name(index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return "/".join(groups) + ("" if width == 256 else f".p/{width}")


def strips(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, 256):
        yield start // 256, min(256, count - start)


def top(row: list[bytes]) -> bytes:
    """The root over hashes: RFC 6962 section 2.1."""
    if len(row) < 2:
        return row[0] if row else sha256(b"")
    middle = 1 << (len(row) - 1).bit_length() - 1
    return sha256(b"\x01" + top(row[:middle]) + top(row[middle:]))


def verify_tree(source: Source, log: str, leaf_hashes: list[bytes], root: bytes) -> None:
    """Every hash tile of the tree, level by level, and the root."""
    require(top(leaf_hashes) == root, f"the entries of {log} do not hash to the signed root")
    row, level = leaf_hashes, 0
    while row:
        for index, width in strips(len(row)):
            path = f"{log}/tile/{level}/{tile_name(index, width)}"
            expected = b"".join(row[256 * index : 256 * index + width])
            require(source.get(path) == expected, f"{path} does not hold the hashes of its entries")
        row = [top(row[start : start + 256]) for start in range(0, len(row) - 255, 256)]
        level += 1


# Certificates: DER only as far as it has to be taken apart.


def elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(tag, content, whole element) of each DER element in `data`."""
    at = 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[at + 2 : start], "big")
        yield data[at], data[start : start + length], data[at : start + length]
        at = start + length


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def oid_text(content: bytes) -> str:
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


class Certificate:
    """A certificate, loaded by the library, with the pieces of its DER that are hashed."""

    def __init__(self, der: bytes) -> None:
        self.loaded = x509.load_der_x509_certificate(der)
        self.fields = list(elements(next(elements(self.loaded.tbs_certificate_bytes))[1]))
        self.spki = self.fields[6 if self.fields[0][0] == 0xA0 else 5][2]
        self.extensions: list[tuple[str, bytes, bytes]] = []
        for tag, content, _ in self.fields:
            if tag == 0xA3:
                for _, body, whole in elements(next(elements(content))[1]):
                    parts = list(elements(body))
                    self.extensions.append((oid_text(parts[0][1]), parts[-1][1], whole))

    def extension(self, oid: str) -> bytes | None:
        return next((value for name, value, _ in self.extensions if name == oid), None)

    def tbs_without(self, oid: str) -> bytes:
        """The TBSCertificate without an extension: RFC 6962 section 3.2."""
        kept = b"".join(whole for name, _, whole in self.extensions if name != oid)
        fields = [whole for tag, _, whole in self.fields if tag != 0xA3]
        if kept:
            fields.append(element(0xA3, element(0x30, kept)))
        return element(0x30, b"".join(fields))

    def same_key(self, other: "Certificate") -> bool:
        return self.loaded.public_key() == other.loaded.public_key()

    def verify_signed_by(self, spki: bytes, what: str) -> None:
        key: Any = load_der_public_key(spki)
        signed = self.loaded
        parameters = [signed.signature_algorithm_parameters, signed.signature_hash_algorithm]
        count = (
            2 if isinstance(key, rsa.RSAPublicKey) else 1 if isinstance(key, ec.EllipticCurvePublicKey) else 0
        )
        try:
            key.verify(signed.signature, signed.tbs_certificate_bytes, *parameters[:count])
        except Exception as error:
            raise WrongError(f"{what} is not signed by the key above it") from error
