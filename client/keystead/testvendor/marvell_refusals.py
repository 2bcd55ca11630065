# SPDX-License-Identifier: Apache-2.0
"""LiquidSecurity statements that must be refused, each for one reason."""

from collections.abc import Mapping

from keystead.devices.evidence import Evidence
from keystead.devices.marvell import FORMAT
from keystead.encoding.der import SEQUENCE, encode, encode_oid, parse
from keystead.testvendor.certificates import basic_constraints, extension, key_usage
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.marvell import TestMarvell, TestMarvellMaker
from keystead.testvendor.marvell_statement import key_attributes, key_object, statement_2
from keystead.testvendor.refusals import Refusal, chain_refusals, flip

__all__ = ["all_marvell_refusals", "marvell_refusals"]


def all_marvell_refusals(maker: TestMarvellMaker) -> list[Refusal]:
    """Refusals for a card of a cloud provider's, and for a customer's own with older firmware."""
    cloud = maker.make("5.2G1804-ICM000001")
    own = maker.make("5.2G1804-ICM000002", owned=False, version=1)
    key = cloud.generate().spki
    return [
        *marvell_refusals(own, key),
        *(one for one in chain_refusals(own.attest(key), maker.root_der())),
        *marvell_refusals(cloud, key),
        *_layout_refusals(cloud, key),
        *_older_refusals(own, key),
        *_owner_refusals(cloud, key),
    ]


def marvell_refusals(module: TestMarvell, public_key: bytes) -> list[Refusal]:
    """What can be wrong with a statement about `public_key` by `module`, whatever its version and owner."""
    good = module.attest(public_key)
    other = module.maker.make(module.adapter, partition=module.partition + 1, owned=False).generate().spki
    signed = good.data[:-256]

    def refusal(name: str, data: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, module.chain), check, names)

    def stated(name: str, check: str, names: str, **changed: Mapping[int, bytes | None]) -> Refusal:
        return refusal(name, module.statement(public_key, **changed), check, names)  # type: ignore[arg-type]

    leaves = "extractable-key"
    number = key_attributes(other, False)
    return [
        refusal("the statement is cut short", good.data[:-1], "malformed-attestation", "statement"),
        refusal("it has trailing bytes", good.data + b"\0", "malformed-attestation", "statement"),
        refusal("there is next to nothing", b"\0" * 200, "malformed-attestation", "shorter"),
        refusal("its signature is wrong", flip(good.data, -1), "wrong-signature", "did not sign"),
        refusal(
            "its label was altered", good.data.replace(b"app", b"App"), "wrong-signature", "did not sign"
        ),
        refusal(
            "another partition's key signed it",
            module.sign(signed, module.maker.key("partition/other/1")),
            "wrong-signature",
            "did not sign",
        ),
        stated("the key was imported", "not-generated", "not local", private={0x163: b"\0"}),
        stated("it is not said where it was generated", "not-generated", "not local", private={0x163: None}),
        stated("the key is extractable", leaves, "is extractable", private={0x162: b"\1"}),
        stated("it is not said whether it is", leaves, "is extractable", private={0x162: None}),
        stated("whether it is says two bytes", leaves, "is extractable", private={0x162: b"\0\0"}),
        stated("it was extractable", leaves, "always unextractable", private={0x164: b"\0"}),
        stated("it is not said whether it was", leaves, "always unextractable", private={0x164: None}),
        stated("the key is not sensitive", leaves, "not sensitive", private={0x103: b"\0"}),
        stated("it was not sensitive", leaves, "always sensitive", private={0x165: b"\0"}),
        stated("its being so is neither yes nor no", leaves, "sensitive", private={0x165: b"\2"}),
        stated("the private half is a public one", "not-a-key-pair", "objects", private={0x0: b"\2"}),
        stated("the public half is a secret key", "not-a-key-pair", "objects", public={0x0: b"\4"}),
        stated("the public half has no class", "not-a-key-pair", "objects", public={0x0: None}),
        stated("the halves are of two keys", "not-a-key-pair", "0x120", private={0x120: number[0x120]}),
        stated("their check values differ", "not-a-key-pair", "0x173", private={0x173: b"\0\0\0"}),
        stated("their digests differ", "not-a-key-pair", "0x1003", private={0x1003: bytes(32)}),
        stated("the public digest is another's", "not-a-key-pair", "0x1003", public={0x1003: bytes(32)}),
        stated("the halves are of two kinds", "not-a-key-pair", "0x100", private={0x100: b"\0"}),
        stated(
            "nothing ties the private half to the public one",
            "not-a-key-pair",
            "belongs",
            private={0x120: None, 0x1003: None},
        ),
        stated("the key is of no known kind", "malformed-key", "neither RSA", public={0x100: b"\x1f"}),
        stated("the key has no numbers", "malformed-key", "EC point", public={0x120: None}),
        stated("the curve is unknown", "malformed-key", "EC point", public={0x121: b"\0\0\0\1"}),
        stated("the point is cut short", "malformed-key", "EC point", public={0x120: b"\4" + bytes(63)}),
        stated("the point is hybrid", "malformed-key", "EC point", public={0x120: b"\6" + public_key[-64:]}),
        stated("an RSA key has no exponent", "malformed-key", "RSA", public={0x100: b"\0"}),
        stated(
            "an RSA key has other bits than it states",
            "malformed-key",
            "bits",
            public={0x100: b"\0", 0x122: b"\1\0\1", 0x121: b"\0\0\0\1"},
        ),
        _off_curve(module, public_key),
        *_chain_refusals(module, public_key),
    ]


def _off_curve(module: TestMarvell, public_key: bytes) -> Refusal:
    nowhere: dict[int, bytes | None] = {0x120: b"\4" + b"\1" * 64, 0x173: None, 0x1003: None}
    data = module.statement(public_key, public=nowhere, private=nowhere)
    return Refusal("the point is on no curve", Evidence(FORMAT, data, module.chain), "malformed-key", "used")


def _chain_refusals(module: TestMarvell, public_key: bytes) -> list[Refusal]:
    """Who certified the partition, and as what."""
    maker, data = module.maker, module.statement(public_key)
    partition, card, *owner = module.chain
    own_key = derive_key(maker.seed, "the user's own partition", "rsa-2048")
    own_root = derive_key(maker.seed, "the user's own root")

    def refusal(name: str, chain: tuple[bytes, ...], check: str, names: str, data: bytes = data) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    def carded(subject: bytes, spki: bytes, key: SigningKey, issuer: bytes) -> bytes:
        return maker.certify(subject, spki, issuer, key)

    other = maker.make("5.2G1804-ICM999999")
    foreign_card = maker.certify(
        other.card_name, module.card_key.spki, _issuer(card), maker.key("root"), serial=b"\x02"
    )
    renamed = maker.certify(module.name, module.key.spki, other.card_name, module.card_key, version=3)
    nameless = module.partition_der(subject=b"\x30\x00")
    own_data = module.sign(data[:-256], own_key)
    constrained = module.card_der(extensions=(basic_constraints(authority=False),))
    restricted = module.card_der(extensions=(basic_constraints(), key_usage(0)))
    critical = module.card_der(extensions=(extension("1.2.3", b"", critical=True),))
    direct = maker.certify(module.name, module.key.spki, _issuer(card), maker.key("root"))
    bare = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    return [
        refusal(
            "the user made the partition's certificate",
            (carded(module.name, own_key.spki, own_root, b"\x30\x00"),),
            "unknown-anchor",
            "neither in the chain",
            own_data,
        ),
        refusal(
            "the user's certificate names the card",
            (carded(module.name, own_key.spki, own_root, module.card_name), card),
            "wrong-signature",
            "did not sign",
            own_data,
        ),
        refusal("the partition is of another card", (renamed, foreign_card), "device-mismatch", "different"),
        refusal("the partition has no name", (nameless, card), "not-a-device-certificate", "no partition"),
        refusal(
            "the partition is named like a card",
            (module.partition_der(subject=module.card_name), card),
            "not-a-device-certificate",
            "no partition",
        ),
        refusal(
            "the card is named like a partition",
            (
                maker.certify(module.name, module.key.spki, module.name, module.card_key, version=3),
                module.card_der(subject=module.name),
            ),
            "not-an-issuing-certificate",
            "no card",
        ),
        refusal(
            "the root certified the partition itself", (direct,), "not-an-issuing-certificate", "maker's path"
        ),
        refusal(
            "the card is no authority", (partition, constrained), "not-an-issuing-certificate", "basicConst"
        ),
        refusal("the card may not sign", (partition, restricted), "not-an-issuing-certificate", "keyUsage"),
        refusal("an extension is unknown", (partition, critical), "unknown-critical-extension", "1.2.3"),
        refusal(
            "a certificate states how older firmware signs statements",
            (_restated(partition, bare), card),
            "signature-algorithm",
            "algorithm",
        ),
        *(
            [refusal("the owner alone certified the partition", tuple(owner), "unknown-anchor", "neither in")]
            if owner
            else []
        ),
    ]


def _layout_refusals(module: TestMarvell, public_key: bytes) -> list[Refusal]:
    """Statements of version 2 whose structure is not the module's."""
    public, private = key_attributes(public_key, False), key_attributes(public_key, True)
    good = statement_2([(0xA1C, public), (0xA1D, private)])
    size = len(good) + 256

    def refusal(name: str, signed: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, module.sign(signed), module.chain), check, names)

    def put(place: int, value: bytes) -> bytes:
        return good[:place] + value + good[place + len(value) :]

    def resized(signed: bytes, more: int) -> bytes:
        return signed[:8] + (size + more).to_bytes(4) + signed[12:]

    malformed = "malformed-attestation"
    secret = {0x0: b"\4", 0x100: b"\x1f", 0x162: b"\0", 0x163: b"\1", 0x164: b"\1"}
    twice = key_object(0xA1D, private)[12:] + (0x162).to_bytes(4) + (1).to_bytes(4) + b"\0"
    doubled = good[: -len(key_object(0xA1D, private))]
    doubled += (0xA1D).to_bytes(4) + (len(private) + 1).to_bytes(4) + len(twice).to_bytes(4) + twice
    longer = doubled[:12] + (len(doubled) - 32).to_bytes(4) + doubled[16:]
    return [
        refusal("it is about a symmetric key", statement_2([(0xA1C, secret)]), "not-a-key-pair", "symmetric"),
        refusal(
            "its halves are exchanged", statement_2([(1, private), (2, public)]), "not-a-key-pair", "ord"
        ),
        refusal("its response code is not 0", put(0, b"\0\0\0\1"), malformed, "header"),
        refusal("its flags are others", put(4, b"\0\0\0\1"), malformed, "header"),
        refusal("its buffer begins elsewhere", put(12, b"\0\0\0\1"), malformed, "header"),
        refusal("its buffer has another version", put(32, b"\0\2"), malformed, "form"),
        refusal("its first object is elsewhere", put(36, b"\0\x09"), malformed, "form"),
        refusal("its second object is elsewhere", put(38, b"\0\x09"), malformed, "second object"),
        refusal("it denies its second object", put(38, b"\0\0"), malformed, "form"),
        refusal("an object has too many attributes", put(44, b"\0\0\2\0"), malformed, "attributes"),
        refusal("an object has one attribute more", put(44, b"\0\0\0\x24"), malformed, "ends early"),
        refusal("an object has one attribute less", put(44, b"\0\0\0\x22"), malformed, "trailing"),
        refusal("an object is longer than the statement", put(48, b"\x7f\xff\xff\xff"), malformed, "early"),
        refusal("an attribute is longer than its object", put(56, b"\xff\xff\xff\xff"), malformed, "early"),
        refusal("something follows the objects", resized(good + b"\0" * 4, 4), malformed, "header"),
        refusal("an attribute is there twice", resized(longer, 9), malformed, "twice"),
    ]


def _older_refusals(module: TestMarvell, public_key: bytes) -> list[Refusal]:
    """Statements of version 1 whose structure is not the module's."""
    halves = [key_attributes(public_key, private) for private in (False, True)]
    encoded = b"".join(key_object(1 + place, half) for place, half in enumerate(halves))

    def refusal(name: str, signed: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, module.sign(signed), module.chain), check, names)

    secret = key_object(1, {0x0: b"\4", 0x3: encoded})
    hidden = bytes(24) + key_object(1, {0x0: b"\4", 0x3: bytes(940 - 4), 0x102: encoded})
    return [
        refusal("it is about a symmetric key", bytes(24) + secret, "not-a-key-pair", "symmetric"),
        refusal("a symmetric key's label holds a pair", hidden, "not-a-key-pair", "symmetric"),
        refusal(
            "there is no second object", bytes(984) + key_object(1, halves[0]), "malformed-attestation", ""
        ),
        refusal("something follows the objects", bytes(984) + encoded + b"\0", "malformed-attestation", "tr"),
    ]


def _owner_refusals(module: TestMarvell, public_key: bytes) -> list[Refusal]:
    """The owner's path is not his, or not of this partition."""
    maker, data = module.maker, module.statement(public_key)
    partition, card, owner = module.chain
    other = maker.make("5.2G1804-ICM999999")
    own_owner = derive_key(maker.seed, "another owner")

    def refusal(name: str, chain: tuple[bytes, ...], check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    return [
        refusal(
            "the owner's root is in the chain",
            (*module.chain, maker.root_der("owner")),
            "chain-includes-anchor",
            "pinned key",
        ),
        refusal(
            "the owner's certificate is of another key",
            (partition, card, maker.owned(module.name, other.key.spki)),
            "stray-certificate",
            "no part of the path",
        ),
        refusal(
            "the owner's certificate is of another card",
            (partition, card, maker.owned(other.name, module.key.spki)),
            "device-mismatch",
            "different",
        ),
        refusal(
            "the owner's certificate is of another partition",
            (partition, card, maker.owned(_second_name(module), module.key.spki)),
            "device-mismatch",
            "different",
        ),
        refusal(
            "the owner is nobody's",
            (partition, card, maker.owned(module.name, module.key.spki, own_owner, b"\x30\x00")),
            "unknown-anchor",
            "neither in",
        ),
        refusal(
            "somebody signed in the owner's name",
            (partition, card, maker.owned(module.name, module.key.spki, own_owner)),
            "wrong-signature",
            "did not sign",
        ),
        refusal(
            "the owner certified the card too",
            (partition, card, owner, maker.owned(module.card_name, module.card_key.spki)),
            "stray-certificate",
            "no part of the path",
        ),
        refusal("the owner comes first", (owner, partition, card), "unknown-anchor", "neither in"),
        refusal("the owner's is there twice", (*module.chain, owner), "chain-repeats", "twice"),
        refusal("there are nine", tuple(owner + bytes((n,)) for n in range(9)), "chain-too-long", "9"),
    ]


def _second_name(module: TestMarvell) -> bytes:
    return module.maker.make(module.adapter, partition=module.partition + 1).name


def _issuer(der: bytes) -> bytes:
    """DER of the issuer of a certificate of version 1."""
    return parse(parse(der).children()[0].encoded).children()[2].encoded


def _restated(der: bytes, algorithm: bytes) -> bytes:
    """The certificate with another AlgorithmIdentifier inside and outside; its signature is no longer right."""
    tbs, stated, signature = parse(der).children()
    changed = encode(SEQUENCE, tbs.content.replace(stated.encoded, algorithm, 1))
    return encode(SEQUENCE, changed, algorithm, signature.encoded)
