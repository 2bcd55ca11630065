# SPDX-License-Identifier: Apache-2.0
"""Luna confirmations that must be refused, each for one reason."""

from keystead.devices.evidence import Evidence
from keystead.devices.luna import FORMAT
from keystead.encoding.der import BIT_STRING, INTEGER, SEQUENCE, encode, encode_oid, parse
from keystead.testvendor.certificates import basic_constraints, extension, key_usage
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.luna import LUNA_ARC, PATHS, TestLuna, TestLunaMaker, purposes, stated_false
from keystead.testvendor.refusals import Refusal, chain_refusals, flip

__all__ = ["all_luna_refusals", "luna_refusals"]


def all_luna_refusals(maker: TestLunaMaker) -> list[Refusal]:
    """Refusals for all three paths."""
    modules = [maker.make(600_001, path=path) for path in PATHS]
    return [one for module in modules for one in luna_refusals(module, module.generate().spki)]


def luna_refusals(module: TestLuna, public_key: bytes) -> list[Refusal]:
    """Everything that can be wrong with a confirmation of `public_key` by `module`."""
    good = module.attest(public_key)
    return [
        *chain_refusals(good, module.maker.root_der(module.path)),
        *_confirmation_refusals(module, public_key, good),
        *_module_refusals(module, public_key),
        *(_signature_refusals(good) if module.ecc else _place_refusals(module, public_key)),
        *(_name_refusals(module, public_key) if module.path == "chrysalis-its" else []),
    ]


def _confirmation_refusals(module: TestLuna, public_key: bytes, good: Evidence) -> list[Refusal]:
    def refusal(name: str, data: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    def stated(name: str, arc: int, value: bytes | None, names: str) -> Refusal:
        return refusal(
            name, module.confirmation(public_key, changed={arc: value}), "malformed-extension", names
        )

    sha1 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), b"\x05\x00")
    tbs, _, signature = parse(good.data).children()
    restated = encode(SEQUENCE, tbs.encoded, sha1, signature.encoded)
    serial = module.serial.to_bytes(4, "little")
    altered = good.data.replace(b"\x04\x04" + serial, b"\x04\x04" + flip(serial, 0))
    point = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    bad_key = encode(SEQUENCE, point, encode(BIT_STRING, b"\0\x04" + b"\x01" * 64))

    def with_extension(extra: bytes) -> bytes:
        return module.confirmation(public_key, extra_extensions=(extra,))

    return [
        refusal("the confirmation is cut short", good.data[:-1], "malformed-attestation", "confirmation"),
        refusal("it has trailing bytes", good.data + b"\0", "malformed-attestation", "confirmation"),
        refusal("its signature is wrong", flip(good.data, -1), "wrong-signature", "did not sign"),
        refusal("its serial number was altered", altered, "wrong-signature", "did not sign"),
        refusal("another algorithm is stated", restated, "signature-algorithm", "algorithm"),
        refusal(
            "it has no purpose", module.confirmation(public_key, purpose=()), "not-an-attestation", "purpose"
        ),
        refusal(
            "it has another purpose",
            module.confirmation(public_key, purpose=(12,)),
            "not-an-attestation",
            "purpose",
        ),
        refusal(
            "it has two purposes",
            module.confirmation(public_key, purpose=(13, 12)),
            "not-an-attestation",
            "purpose",
        ),
        refusal(
            "a critical extension is unknown",
            with_extension(extension("1.2.3", b"", critical=True)),
            "unknown-critical-extension",
            "1.2.3",
        ),
        refusal("it is an authority", with_extension(basic_constraints()), "not-an-attestation", "basicC"),
        refusal(
            "its basicConstraints are malformed",
            with_extension(extension("2.5.29.19", b"\x30")),
            "malformed-extension",
            "malformed",
        ),
        refusal(
            "its serial number is there twice",
            with_extension(stated_false(f"{LUNA_ARC}.2.1", serial)),
            "malformed-attestation",
            "twice",
        ),
        refusal("the attested point is on no curve", module.confirmation(bad_key), "malformed-key", "key"),
        stated("the serial number is missing", 1, None, "serial number"),
        stated("the serial number is zero", 1, bytes(4), "serial number 0"),
        stated("the serial number has three bytes", 1, bytes(3), f"{LUNA_ARC}.2.1"),
        stated("the serial number is wrapped in DER", 1, encode(INTEGER, b"\x09"), f"{LUNA_ARC}.2.1"),
        stated("the firmware has five bytes", 3, bytes(5), f"{LUNA_ARC}.2.3"),
    ]


def _module_refusals(module: TestLuna, public_key: bytes) -> list[Refusal]:
    """The module's own certificate is missing, another's, or its user's."""
    maker = module.maker
    name, key = module.signer
    leaf = module.confirmation(public_key)
    other = maker.make(module.serial + 1, path=module.path)
    own_key = derive_key(maker.seed, "the user's own module")
    own_root = derive_key(maker.seed, "the user's own root")
    confirmed = module.generate(2)
    forged = module.confirmation(
        public_key, key=confirmed, issuer=_subject(module.confirmation(confirmed.spki))
    )
    top = "ecc-root" if module.ecc else "root"
    by_root = module.confirmation(
        public_key, key=maker.key(top), issuer=_subject(maker.root_der(module.path))
    )

    def refusal(name: str, data: bytes, chain: tuple[bytes, ...], check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    def made(key: SigningKey, issuer: bytes, spki: bytes) -> bytes:
        purpose = purposes(15 if module.ecc else 12 if module.path == "chrysalis-its" else 8)
        extensions = (purpose, key_usage(5, 6), basic_constraints())
        return maker.certify(top, name, spki, extensions, issuer=issuer, key=key)

    above = _subject(module.chain[1]) if len(module.chain) > 1 else _subject(maker.root_der(module.path))
    swapped = (other.chain[0], *module.chain[1:])
    foreign = (
        ("missing-link", "follows") if module.path == "chrysalis-its" else ("wrong-signature", "did not")
    )
    return [
        refusal("the module is another", leaf, swapped, *foreign),
        refusal(
            "the user made the module's certificate",
            module.confirmation(public_key, key=own_key),
            (made(own_root, b"\x30\x00", own_key.spki),),
            "unknown-anchor",
            "neither in the chain",
        ),
        refusal(
            "the user's certificate names the vendor's",
            module.confirmation(public_key, key=own_key),
            (made(own_root, above, own_key.spki), *module.chain[1:]),
            "wrong-signature",
            "did not sign",
        ),
        refusal(
            "a confirmed key confirms another",
            forged,
            (module.confirmation(confirmed.spki), *module.chain),
            "not-a-device-certificate",
            "Proof of Origin",
        ),
        refusal(
            "the pinned key confirms a key itself", by_root, (), "not-a-device-certificate", "pinned key"
        ),
        _unlike(module, leaf, key),
    ]


def _unlike(module: TestLuna, leaf: bytes, key: SigningKey) -> Refusal:
    """What signed the confirmation is certified for another purpose."""
    maker = module.maker
    name = module.signer[0]
    extensions = (purposes(2), key_usage(5, 6), basic_constraints())
    chain: tuple[bytes, ...]
    if module.ecc:
        chain = (maker.certify("ecc-root", name, key.spki, extensions),)
    elif module.path == "tc-trustcenter":
        chain = (maker.certify("manufacturing", name, key.spki, extensions), *module.chain[1:])
    else:
        signed = maker.certify("hardware-origin", name, key.spki, extensions, key=module.origin_key)
        chain = (signed, *module.chain[1:])
    return Refusal(
        "the signer has another purpose",
        Evidence(FORMAT, leaf, chain),
        "not-a-device-certificate",
        "is not what stands at place 1",
    )


def _signature_refusals(good: Evidence) -> list[Refusal]:
    """The encoder's liberty with ECDSA signatures is no licence for others."""
    tbs, algorithm, bits = parse(good.data).children()
    numbers = [one.content for one in parse(bits.content[1:]).children()]

    def signed(name: str, *contents: bytes) -> Refusal:
        signature = encode(SEQUENCE, *(encode(INTEGER, content) for content in contents))
        data = encode(SEQUENCE, tbs.encoded, algorithm.encoded, encode(BIT_STRING, b"\0", signature))
        return Refusal(name, Evidence(FORMAT, data, good.chain), "wrong-signature", "did not sign")

    return [
        signed("a number of the signature is padded twice", b"\0\0" + numbers[0], numbers[1]),
        signed("the signature has three numbers", *numbers, b"\x01"),
        signed("a number of the signature is empty", b"", numbers[1]),
        signed("its numbers are exchanged", numbers[1], numbers[0]),
    ]


def _place_refusals(module: TestLuna, public_key: bytes) -> list[Refusal]:
    """What stands above the module is not what belongs there."""
    maker, leaf = module.maker, module.confirmation(public_key)
    origin, manufacturing = module.chain[-2:]
    below = module.chain[:-2]
    spki = maker.key("manufacturing").spki

    def refusal(name: str, chain: tuple[bytes, ...], names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, leaf, (*below, *chain)), "not-an-issuing-certificate", names)

    def manufactured(*extensions: bytes) -> bytes:
        return maker.certify("root", "manufacturing", spki, extensions)

    ca = basic_constraints()
    return [
        refusal(
            "the manufacturer's certificate has another purpose",
            (origin, manufactured(purposes(2), key_usage(5, 6), ca)),
            "is not what stands at place",
        ),
        refusal(
            "it has two purposes",
            (origin, manufactured(purposes(7, 8), key_usage(5, 6), ca)),
            "is not what stands at place",
        ),
        refusal("it lacks basicConstraints", (origin, manufactured(purposes(7))), "has no basicConstraints"),
        refusal(
            "it is no authority",
            (origin, manufactured(purposes(7), basic_constraints(authority=False))),
            "is no authority",
        ),
        refusal("it may not sign", (origin, manufactured(purposes(7), key_usage(0), ca)), "keyUsage"),
        Refusal(
            "it has an unknown critical extension",
            Evidence(
                FORMAT,
                leaf,
                (*below, origin, manufactured(purposes(7), ca, extension("1.2.3", b"", critical=True))),
            ),
            "unknown-critical-extension",
            "1.2.3",
        ),
        refusal(
            "there is one authority more",
            (
                origin,
                maker.certify("manufacturing", "manufacturing", spki, (purposes(7), ca), serial=b"\x01"),
                manufacturing,
            ),
            "is not what stands at place",
        ),
    ]


def _name_refusals(module: TestLuna, public_key: bytes) -> list[Refusal]:
    """The module's certificate is about another module than the confirmation."""
    leaf = module.confirmation(public_key)
    contradicting = module.device_der(stated=module.serial + 1)
    other = (module.serial + 2).to_bytes(4, "little")
    return [
        Refusal(
            "the module's certificate states another serial number",
            Evidence(FORMAT, leaf, (contradicting, *module.chain[1:])),
            "device-mismatch",
            str(module.serial),
        ),
        Refusal(
            "the confirmation states another serial number",
            Evidence(FORMAT, module.confirmation(public_key, changed={1: other}), module.chain),
            "device-mismatch",
            str(module.serial + 2),
        ),
        Refusal(
            "the module's name is another's",
            _renamed(module, public_key),
            "device-mismatch",
            str(module.serial + 1),
        ),
    ]


def _renamed(module: TestLuna, public_key: bytes) -> Evidence:
    """Evidence in which the module's certificate has the name of another module."""
    name = module.maker.make(module.serial + 1).device_name
    leaf = module.confirmation(public_key, issuer=name)
    return Evidence(FORMAT, leaf, (module.device_der(subject=name), *module.chain[1:]))


def _subject(der: bytes) -> bytes:
    """DER of the subject of a certificate of version 3."""
    return parse(parse(der).children()[0].encoded).children()[5].encoded
