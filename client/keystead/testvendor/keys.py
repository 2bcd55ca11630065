# SPDX-License-Identifier: Apache-2.0
"""Private keys of test authorities and test devices, reproducible from a seed.

They protect nothing. A key that is derived from a seed can be derived by anybody who knows the seed.

Invariants:

* the same seed and label give the same key on every machine and version of Python;
* signatures are deterministic: RSA PKCS#1 v1.5, Ed25519, and ECDSA with RFC 6979 nonces.
"""

import hashlib
from functools import lru_cache
from math import gcd

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.encoding.der import SEQUENCE, encode, encode_oid

__all__ = ["SigningKey", "derive_bytes", "derive_key", "generate_rsa_key"]

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_RSA_SHA256 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.11"), b"\x05\x00")
_ECDSA_SHA256 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.2"))
_ECDSA_SHA384 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.3"))
_ECDSA_SHA512 = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.4"))
_ED25519 = encode(SEQUENCE, encode_oid("1.3.101.112"))

_CURVES: dict[str, ec.EllipticCurve] = {
    "ec-p256": ec.SECP256R1(),
    "ec-p384": ec.SECP384R1(),
    "ec-p521": ec.SECP521R1(),
    "ec-bp256": ec.BrainpoolP256R1(),
}
_ORDERS = {
    "ec-p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ec-p384": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
    ),
    "ec-bp256": 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    "ec-p521": 2**521 - 657877501894328237357444332315020117536923257219387276263472201219398408051703,
}
_EXPONENT = 65537


class SigningKey:
    """A private key, its SubjectPublicKeyInfo, and the algorithm that it signs certificates with.

    Attributes:
        private_key: the `cryptography` object.
        spki: DER of the public key.
        algorithm: DER of the AlgorithmIdentifier of `sign`'s signatures.
    """

    __slots__ = ("_ecdsa", "algorithm", "private_key", "spki")

    def __init__(self, private_key: PrivateKey) -> None:
        self.private_key = private_key
        self.spki = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._ecdsa = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        if isinstance(private_key, rsa.RSAPrivateKey):
            self.algorithm = _RSA_SHA256
        elif isinstance(private_key, ed25519.Ed25519PrivateKey):
            self.algorithm = _ED25519
        elif private_key.curve.key_size > 384:
            self.algorithm = _ECDSA_SHA512
            self._ecdsa = ec.ECDSA(hashes.SHA512(), deterministic_signing=True)
        elif private_key.curve.key_size > 256:
            self.algorithm = _ECDSA_SHA384
            self._ecdsa = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
        else:
            self.algorithm = _ECDSA_SHA256

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, as the octets of a certificate's BIT STRING."""
        key = self.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(message)
        return key.sign(message, self._ecdsa)


def derive_bytes(seed: bytes, label: str, size: int = 32) -> bytes:
    """`size` bytes that depend on the seed and the label alone."""
    return hashlib.shake_256(b"keystead/test\n" + hashlib.sha256(seed).digest() + label.encode()).digest(size)


@lru_cache(maxsize=512)
def derive_key(seed: bytes, label: str, kind: str = "ec-p256") -> SigningKey:
    """The key that belongs to a seed and a label.

    Args:
        seed: any bytes.
        label: what the key is for.
        kind: `ec-p256`, `ec-p384`, `ec-p521`, `ec-bp256` (brainpoolP256r1), `ed25519`, `rsa-2048`, `rsa-3072` or
            `rsa-4096`. RSA takes from a quarter of a second (2048) to several seconds (4096): `generate_rsa_key` is
            quicker where chance will do.
    """
    if kind in _CURVES:
        order = _ORDERS[kind]
        # 64 bits more than the order: the remainder's bias does not matter even outside of tests.
        number = int.from_bytes(derive_bytes(seed, f"{kind}/{label}", order.bit_length() // 8 + 8))
        return SigningKey(ec.derive_private_key(number % (order - 1) + 1, _CURVES[kind]))
    if kind == "ed25519":
        return SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(derive_bytes(seed, f"{kind}/{label}")))
    bits = int(kind.removeprefix("rsa-"))
    return SigningKey(_derive_rsa(seed, label, bits))


def generate_rsa_key(bits: int) -> SigningKey:
    """A fresh RSA key of `bits` bits, by chance."""
    return SigningKey(rsa.generate_private_key(_EXPONENT, bits))


def _derive_rsa(seed: bytes, label: str, bits: int) -> rsa.RSAPrivateKey:
    p = _derive_prime(seed, f"rsa-{bits}/{label}/p", bits // 2)
    q = _derive_prime(seed, f"rsa-{bits}/{label}/q", bits // 2)
    p, q = max(p, q), min(p, q)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@lru_cache(maxsize=1)
def _small_primes() -> tuple[int, ...]:
    limit = 20_000
    composite = bytearray(limit)
    for number in range(2, 142):
        composite[number * number :: number] = b"\x01" * len(range(number * number, limit, number))
    return tuple(number for number in range(3, limit) if not composite[number])


def _derive_prime(seed: bytes, label: str, bits: int) -> int:
    """The first prime above a derived number whose two highest bits are set."""
    start = int.from_bytes(derive_bytes(seed, label, bits // 8)) | 3 << (bits - 2) | 1
    window = 1 << 14
    sieve = bytearray(window)  # sieve[i] stands for start + 2i
    for prime in _small_primes():
        first = (-start * pow(2, -1, prime)) % prime
        sieve[first::prime] = b"\x01" * len(range(first, window, prime))
    for place, composite in enumerate(sieve):
        candidate = start + 2 * place
        if not composite and _is_prime(candidate) and gcd(candidate - 1, _EXPONENT) == 1:
            return candidate
    raise ArithmeticError(f"no prime within {2 * window} of the number for {label}")


def _is_prime(number: int) -> bool:
    """Miller-Rabin to eight bases: no candidate of 1,024 bits that chance chose passes by mistake."""
    odd = number - 1
    shift = (odd & -odd).bit_length() - 1
    odd >>= shift
    for base in (2, 3, 5, 7, 11, 13, 17, 19):
        power = pow(base, odd, number)
        if power in {1, number - 1}:
            continue
        for _ in range(shift - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True
