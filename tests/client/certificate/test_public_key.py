# SPDX-License-Identifier: Apache-2.0
"""Public keys: one key in several encodings, and which signatures are accepted."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.public_key import key_hash, load_public_key, normalize_spki, verify_signature
from keystead.encoding.der import encode, encode_integer, encode_oid
from keystead.errors import ParseError, SignatureError
from support.certificates import ec_key, mint, rsa_key, spki, subject
from support.fuzzing import FUZZ, damaged, only_our_errors

CURVES = [
    ec.SECP224R1,
    ec.SECP256R1,
    ec.SECP384R1,
    ec.SECP521R1,
    ec.SECP256K1,
    ec.BrainpoolP256R1,
    ec.BrainpoolP384R1,
    ec.BrainpoolP512R1,
]
P256 = encode_oid("1.2.840.10045.3.1.7")
NULL = b"\x05\x00"


def ec_spki(point: bytes, curve: bytes = P256) -> bytes:
    """A SubjectPublicKeyInfo around any octets."""
    return encode(0x30, encode(0x30, encode_oid("1.2.840.10045.2.1"), curve), encode(0x03, b"\x00" + point))


def rsa_spki(parameters: bytes) -> bytes:
    """The test RSA key with these algorithm parameters."""
    numbers = rsa_key().public_key().public_numbers()
    key = encode(0x30, encode_integer(numbers.n), encode_integer(numbers.e))
    algorithm = encode(0x30, encode_oid("1.2.840.113549.1.1.1"), parameters)
    return encode(0x30, algorithm, encode(0x03, b"\x00" + key))


@pytest.mark.parametrize("curve", CURVES)
def test_every_form_of_an_ec_point_is_one_key(curve: type[ec.EllipticCurve]) -> None:
    """Compressed and hybrid points normalize to the uncompressed one, on both signs of y."""
    for number in (3, 4, 5, 6):
        public = ec_key(number, curve).public_key()
        whole = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        identifier = encode_oid(_oid(whole))
        assert normalize_spki(whole) == whole
        assert normalize_spki(ec_spki(compressed, identifier)) == whole
        hybrid = bytes([6 + (point[-1] & 1)]) + point[1:]
        assert normalize_spki(ec_spki(hybrid, identifier)) == whole
        assert key_hash(ec_spki(compressed, identifier)) == sha256(whole).digest()


def _oid(whole: bytes) -> str:
    from asn1crypto.keys import PublicKeyInfo

    return str(PublicKeyInfo.load(whole)["algorithm"]["parameters"].chosen.dotted)


def test_rsa_parameters_become_null() -> None:
    """An RSA key without parameters is the key with NULL, as everybody else writes it."""
    assert rsa_spki(NULL) == spki(rsa_key())
    assert normalize_spki(rsa_spki(NULL)) == rsa_spki(NULL)
    assert normalize_spki(rsa_spki(b"")) == rsa_spki(NULL)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\x30\x00",
        b"no DER",
        rsa_spki(NULL) + b"\x00",
        rsa_spki(b"\x02\x01\x00"),
        ec_spki(b""),
        ec_spki(b"\x02" + bytes(31)),
        ec_spki(b"\x02" + b"\xff" * 32),
        ec_spki(b"\x02" + bytes(31) + b"\x05", encode_oid("1.2.3")),
        ec_spki(b"\x05" + bytes(32)),
        ec_spki(b"\x06" + bytes(63) + b"\x01"),
        ec_spki(b"\x06" + bytes(65)),
        ec_spki(b"\x03" + bytes(31) + b"\x05", NULL),
        spki(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))),
    ],
)
def test_what_cannot_be_normalized_is_taken_as_it_is(key: bytes) -> None:
    """Other algorithms, other curves, points that are none, and bytes that are no key at all."""
    assert normalize_spki(key) == key
    assert key_hash(key) == sha256(key).digest()


def test_keys_load_or_raise_parse_error() -> None:
    """A key that the library does not know is a ParseError."""
    assert isinstance(load_public_key(spki(ec_key(1))), ec.EllipticCurvePublicKey)
    diffie_hellman = encode(
        0x30, encode_oid("1.2.840.113549.1.3.1"), encode(0x30, encode_integer(2**512 + 75), b"\x02\x01\x02")
    )
    dh_key = encode(0x30, diffie_hellman, encode(0x03, b"\x00", encode_integer(5)))
    for key in (b"", b"\x30\x00", ec_spki(b"\x02" + b"\xff" * 32), ec_spki(b"\x04" + bytes(64)), dh_key):
        with pytest.raises(ParseError):
            load_public_key(key)


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_signatures_of_certificates_are_verified(digest: hashes.HashAlgorithm) -> None:
    """RSA PKCS#1, RSASSA-PSS and ECDSA, with SHA-1 and SHA-2; one changed bit and none verifies."""
    signed = []
    if not isinstance(digest, hashes.SHA1):  # the library signs no certificate with SHA-1 any more
        pss = padding.PSS(padding.MGF1(digest), 20)
        for key, options in ((rsa_key(), {}), (rsa_key(), {"rsa_padding": pss}), (ec_key(9), {})):
            made = mint(subject(CN="x"), key, digest=digest, **options).certificate
            signed.append((spki(key), made.signature_algorithm, made.signature, made.tbs))
    message = b"message"
    pkcs1 = {"sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}[digest.name]
    identifier = encode_oid(f"1.2.840.113549.1.1.{pkcs1}")
    for parameters in (NULL, b""):  # RFC 4055 section 5: both are accepted
        algorithm = encode(0x30, identifier, parameters)
        signature = rsa_key().sign(message, padding.PKCS1v15(), digest)
        signed.append((spki(rsa_key()), algorithm, signature, message))
    ecdsa = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}[digest.name]
    algorithm = encode(0x30, encode_oid(f"1.2.840.10045.4.{ecdsa}"))
    signed.append((spki(ec_key(9)), algorithm, ec_key(9).sign(message, ec.ECDSA(digest)), message))
    for key_der, algorithm, signature, text in signed:
        verify_signature(key_der, algorithm, signature, text)
        with pytest.raises(SignatureError) as caught:
            verify_signature(key_der, algorithm, signature, text + b"!")
        assert caught.value.check == "signature-invalid"
        assert caught.value.evidence["signature"] == signature
        with pytest.raises(SignatureError):
            verify_signature(spki(ec_key(10)), algorithm, signature, text)
        for damaged_signature in (b"", signature[:-1], signature + b"\x00", bytes(len(signature))):
            with pytest.raises(SignatureError):
                verify_signature(key_der, algorithm, damaged_signature, text)


def test_ed25519_signatures_are_verified() -> None:
    """Ed25519, whose algorithm has no parameters."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    made = mint(subject(CN="x"), key).certificate
    verify_signature(spki(key), made.signature_algorithm, made.signature, made.tbs)
    with pytest.raises(SignatureError):
        verify_signature(spki(key), made.signature_algorithm, made.signature, b"")


def _pss(*fields: bytes) -> bytes:
    return encode(0x30, encode_oid("1.2.840.113549.1.1.10"), encode(0x30, *fields))


_SHA256 = encode(0x30, encode_oid("2.16.840.1.101.3.4.2.1"))
_MGF1_SHA256 = encode(0x30, encode_oid("1.2.840.113549.1.1.8"), _SHA256)


def test_pss_parameters_have_defaults() -> None:
    """Without fields PSS means SHA-1, MGF1 with SHA-1 and a salt of 20 (RFC 4055 section 3.1)."""
    sha1 = padding.PSS(padding.MGF1(hashes.SHA1()), 20)
    signature = rsa_key().sign(b"m", sha1, hashes.SHA1())
    verify_signature(spki(rsa_key()), _pss(), signature, b"m")
    verify_signature(spki(rsa_key()), _pss(encode(0xA3, encode_integer(1))), signature, b"m")
    mixed = padding.PSS(padding.MGF1(hashes.SHA1()), 32)
    signature = rsa_key().sign(b"m", mixed, hashes.SHA256())
    salt = encode(0xA2, encode_integer(32))
    verify_signature(spki(rsa_key()), _pss(encode(0xA0, _SHA256), salt), signature, b"m")


@pytest.mark.parametrize(
    ("algorithm", "check"),
    [
        (encode(0x30, encode_oid("1.2.840.113549.1.1.4"), NULL), "signature-algorithm"),  # MD5
        (encode(0x30, encode_oid("1.2.840.113549.1.1.2"), NULL), "signature-algorithm"),  # MD2
        (encode(0x30, encode_oid("1.2.3")), "signature-algorithm"),
        (encode(0x30, encode_oid("1.2.840.113549.1.1.11"), b"\x02\x01\x00"), "signature-algorithm"),
        (encode(0x30, encode_oid("1.2.840.113549.1.1.11"), NULL, NULL), "signature-algorithm"),
        (encode(0x30, encode_oid("1.2.840.10045.4.3.2"), NULL), "signature-algorithm"),
        (encode(0x30, encode_oid("1.3.101.112"), NULL), "signature-algorithm"),
        (encode(0x30, encode_oid("1.2.840.113549.1.1.10")), "signature-algorithm"),
        (_pss(encode(0xA1, encode(0x30, encode_oid("1.2.3"), _SHA256))), "signature-algorithm"),
        (_pss(encode(0xA0, encode(0x30, encode_oid("1.2.3")))), "signature-algorithm"),
        (
            _pss(encode(0xA0, encode(0x30, encode_oid("1.3.14.3.2.26"), b"\x02\x01\x00"))),
            "signature-algorithm",
        ),
        (_pss(encode(0xA2, encode_integer(-1))), "signature-algorithm"),
        (_pss(encode(0xA2, encode_integer(2**40))), "signature-algorithm"),
        (_pss(encode(0xA3, encode_integer(2))), "signature-algorithm"),
        (_pss(encode(0xA1, _MGF1_SHA256), encode(0xA0, _SHA256)), "signature-algorithm"),
        (_pss(encode(0xA4, encode_integer(1))), "signature-algorithm"),
        (_pss(encode(0xA0)), "signature-algorithm"),
        (b"", "signature-algorithm"),
        (b"\x30\x00", "signature-algorithm"),
        (encode(0x30, encode_oid("1.2.840.10045.4.3.2")), "signature-key"),
        (encode(0x30, encode_oid("1.3.101.112")), "signature-key"),
    ],
)
def test_other_algorithms_are_refused_by_name(algorithm: bytes, check: str) -> None:
    """Broken hashes, unknown algorithms, stray parameters and a key of another kind each have their check."""
    with pytest.raises(SignatureError) as caught:
        verify_signature(spki(rsa_key()), algorithm, bytes(256), b"m")
    assert caught.value.check == check


def test_a_key_that_cannot_be_loaded_verifies_nothing() -> None:
    """The check says that it is the key."""
    with pytest.raises(SignatureError) as caught:
        verify_signature(b"\x30\x00", encode(0x30, encode_oid("1.2.840.10045.4.3.2")), b"", b"m")
    assert caught.value.check == "signature-key"


@given(
    key=damaged(spki(ec_key(1)), ec_spki(b"\x02" + bytes(31) + b"\x05"), rsa_spki(b"")),
    algorithm=damaged(
        _pss(encode(0xA0, _SHA256), encode(0xA1, _MGF1_SHA256)), mint(subject(), ec_key(1)).der
    ),
    signature=st.binary(max_size=80),
)
@FUZZ
def test_damaged_keys_and_algorithms_raise_only_our_errors(
    key: bytes, algorithm: bytes, signature: bytes
) -> None:
    """Normalizing never fails, and is stable; loading and verifying raise only our errors."""
    assert normalize_spki(normalize_spki(key)) == normalize_spki(key)
    only_our_errors(load_public_key, key)
    only_our_errors(lambda text: verify_signature(key, algorithm, signature, text), b"m")
    only_our_errors(lambda text: verify_signature(spki(rsa_key()), algorithm, signature, text), b"m")
