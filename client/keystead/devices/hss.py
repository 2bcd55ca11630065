# SPDX-License-Identifier: Apache-2.0
"""HSS/LMS hash-based signatures (RFC 8554), with SHA-256 and 32 octets, as certificates name them (RFC 8708).

A public key is the number of levels and the root of the top tree. A signature walks down: at each level but the
last, a tree's root is signed by the tree above; the last signs the message. All that is computed is SHA-256.

Invariants:

* a signature is exactly as long as its parameters say;
* nothing but `SignatureError` is raised, after at most `MAX_LEVELS` one-time signatures and paths: some 70,000
  hashes.
"""

from dataclasses import dataclass
from hashlib import sha256

from keystead.encoding.der import BIT_STRING, OCTET_STRING, SEQUENCE, encode, encode_oid, parse
from keystead.encoding.tls import Reader, uint16, uint32
from keystead.errors import ParseError, SignatureError

__all__ = ["HSS_ALGORITHM", "MAX_LEVELS", "HssKey", "parse_hss_key", "verify_hss"]

HSS_ALGORITHM = encode(SEQUENCE, encode_oid("1.2.840.113549.1.9.16.3.17"))
"""DER of the AlgorithmIdentifier of keys and signatures: no parameters."""

MAX_LEVELS = 8  # section 6

_SIZE = 32
_TREE_HEIGHTS = {5: 5, 6: 10, 7: 15, 8: 20, 9: 25}  # section 5.1, table 2


@dataclass(frozen=True, slots=True)
class _OneTime:
    """LM-OTS parameters (section 4.1, table 1): width in bits, chains, left shift of the checksum."""

    width: int
    chains: int
    shift: int


_ONE_TIME = {1: _OneTime(1, 265, 7), 2: _OneTime(2, 133, 6), 3: _OneTime(4, 67, 4), 4: _OneTime(8, 34, 0)}

_PUBLIC_KEY, _MESSAGE, _LEAF, _INNER = (value.to_bytes(2) for value in (0x8080, 0x8181, 0x8282, 0x8383))


@dataclass(frozen=True, slots=True)
class HssKey:
    """A public key.

    Attributes:
        levels: how many trees a signature goes through.
        root: the LMS public key of the top tree: typecodes, identifier, root.
    """

    levels: int
    root: bytes


def parse_hss_key(spki: bytes) -> HssKey:
    """Read the SubjectPublicKeyInfo of an HSS key: an OCTET STRING inside the BIT STRING (RFC 8708 section 4).

    Raises:
        ParseError: a key of another kind or form.
    """
    fields = parse(spki, "a public key").expect(SEQUENCE, "a public key").children()
    if len(fields) != 2 or fields[0].encoded != HSS_ALGORITHM:
        raise ParseError("the public key is no HSS key")
    bits = fields[1].expect(BIT_STRING, "a public key's bits").content
    key = parse(bits[1:], "an HSS key").expect(OCTET_STRING, "an HSS key").content
    reader = Reader(key, "an HSS key")
    levels, root = reader.uint32(), reader.fixed(reader.remaining)
    if bits[0] or not 1 <= levels <= MAX_LEVELS:
        raise ParseError(f"an HSS key has {levels} levels")
    return HssKey(levels, root)


def verify_hss(spki: bytes, signature: bytes, message: bytes) -> None:
    """Verify a signature (section 6.3).

    Args:
        spki: DER of the SubjectPublicKeyInfo.
        signature: as it stands in a BIT STRING.
        message: what was signed.

    Raises:
        SignatureError: it does not verify, is malformed, or the key is of another kind.
    """
    try:
        key = parse_hss_key(spki)
        reader = Reader(signature, "an HSS signature")
        if reader.uint32() != key.levels - 1:
            raise ParseError("an HSS signature has another number of levels than its key")
        root = key.root
        for _ in range(key.levels - 1):
            tree, below = _read_lms(reader, root)
            signed = reader.fixed(len(root))
            _verify_lms(root, tree, below, signed)
            root = signed
        tree, below = _read_lms(reader, root)
        reader.finish()
        _verify_lms(root, tree, below, message)
    except ParseError as error:
        raise SignatureError(str(error), check="wrong-signature") from error


@dataclass(frozen=True, slots=True)
class _LmsSignature:
    """A signature by one tree: which leaf, the one-time signature's randomizer and chains, the path."""

    leaf: int
    randomizer: bytes
    chains: list[bytes]
    path: list[bytes]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree: height, one-time parameters, identifier and root."""

    height: int
    one_time: _OneTime
    identifier: bytes
    root: bytes


def _read_lms(reader: Reader, public_key: bytes) -> tuple[_Tree, _LmsSignature]:
    """The tree that `public_key` describes, and the signature by it that comes next (section 5.4)."""
    described = Reader(public_key, "an LMS key")
    kind, one_time_kind = described.uint32(), described.uint32()
    if kind not in _TREE_HEIGHTS or one_time_kind not in _ONE_TIME:
        raise ParseError("an LMS key has parameters that are not known")
    tree = _Tree(_TREE_HEIGHTS[kind], _ONE_TIME[one_time_kind], described.fixed(16), described.fixed(_SIZE))
    described.finish()
    leaf = reader.uint32()
    if reader.uint32() != one_time_kind or leaf >> tree.height:
        raise ParseError("an LMS signature does not fit its key")
    randomizer = reader.fixed(_SIZE)
    chains = [reader.fixed(_SIZE) for _ in range(tree.one_time.chains)]
    if reader.uint32() != kind:
        raise ParseError("an LMS signature does not fit its key")
    return tree, _LmsSignature(leaf, randomizer, chains, [reader.fixed(_SIZE) for _ in range(tree.height)])


def _verify_lms(public_key: bytes, tree: _Tree, signature: _LmsSignature, message: bytes) -> None:
    """Compute the root that the signature leads to (sections 4.6 and 5.4.2), and compare."""
    place = tree.identifier + uint32(signature.leaf)
    node = (1 << tree.height) + signature.leaf
    value = _hash(tree.identifier + uint32(node) + _LEAF + _one_time_key(tree, place, signature, message))
    for sibling in signature.path:
        pair = sibling + value if node & 1 else value + sibling
        node >>= 1
        value = _hash(tree.identifier + uint32(node) + _INNER + pair)
    if value != tree.root:
        raise SignatureError(
            "the HSS signature does not lead to its key's root",
            check="wrong-signature",
            evidence={"key": public_key, "message": message},
        )


def _one_time_key(tree: _Tree, place: bytes, signature: _LmsSignature, message: bytes) -> bytes:
    """The one-time public key that the signature leads to (section 4.6, algorithm 4b)."""
    parameters = tree.one_time
    width, most = parameters.width, (1 << parameters.width) - 1
    digest = _hash(place + _MESSAGE + signature.randomizer + message)
    digits = _digits(digest, width)
    checksum = sum(most - digit for digit in digits) << parameters.shift
    digits += _digits(uint16(checksum), width)[: parameters.chains - len(digits)]
    ends = []
    for number, (digit, value) in enumerate(zip(digits, signature.chains, strict=True)):
        prefix = place + uint16(number)
        end = value
        for step in range(digit, most):
            end = sha256(b"%b%c%b" % (prefix, step, end)).digest()
        ends.append(end)
    return _hash(place + _PUBLIC_KEY + b"".join(ends))


def _digits(octets: bytes, width: int) -> list[int]:
    """`octets` in digits of `width` bits, the highest first (section 3.1.3)."""
    shifts = range(8 - width, -1, -width)
    return [octet >> shift & (1 << width) - 1 for octet in octets for shift in shifts]


def _hash(data: bytes) -> bytes:
    return sha256(data).digest()
