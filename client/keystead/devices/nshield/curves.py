# SPDX-License-Identifier: Apache-2.0
"""The curves of keys in nShield modules, with the parameters that a key's hash is made over.

NIST P-256, P-384 and P-521 of FIPS 186-4, appendix D.1.2, under the numbers of nCore's M_ECName.
"""

from dataclasses import dataclass

__all__ = ["CURVES", "Curve"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A prime curve of FIPS 186-4, appendix D.1.2, with a = -3 and cofactor 1."""

    oid: str
    bits: int
    prime: int
    b: int
    generator: tuple[int, int]
    order: int


CURVES = {
    4: Curve(
        "1.2.840.10045.3.1.7",
        256,
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        (
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        ),
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    5: Curve(
        "1.3.132.0.34",
        384,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        int(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
            16,
        ),
        (
            int(
                "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
                16,
            ),
            int(
                "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
                16,
            ),
        ),
        int(
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            16,
        ),
    ),
    6: Curve(
        "1.3.132.0.35",
        521,
        2**521 - 1,
        int(
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf"
            "073573df883d2c34f1ef451fd46b503f00",
            16,
        ),
        (
            int(
                "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8"
                "de3348b3c1856a429bf97e7e31c2e5bd66",
                16,
            ),
            int(
                "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0"
                "761353c7086a272c24088be94769fd16650",
                16,
            ),
        ),
        2**521 - 657877501894328237357444332315020117536923257219387276263472201219398408051703,
    ),
}
"""By M_ECName."""
