# SPDX-License-Identifier: Apache-2.0
"""DSA keys of test modules (FIPS 186-4 section 4), reproducible like those of `keystead.testvendor.keys`.

All share one group, found by chance once: 3,072 and 256 bits, as in the Security Worlds that are made today.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from keystead.testvendor.keys import derive_bytes

__all__ = ["DsaKey", "P", "Q", "derive_dsa_key"]

P = int(
    "9a692af754551f515127601432cb9f84864a8b44042e15428f602e37f020f636134bf0727311f4b753261bf20c863f31"
    "b5f4610bb1e7bf821c974a6f261664283720dac6672a1393f16527f781ecf19e4fcd726ef3c673bd28e6a22471d52f8b"
    "024512e7d682a1330d16b66fb3655d03400e7ef908db32b5d7c3ea765d38104c0451dce0bd68f2b271f42c6e0b3c2c73"
    "c3bcfae88d7c7196c57ce6c564e430539a4f19d4c26aae05fbadd652fbdc123c978a4c98e69bd9f71054224015470af7"
    "a8f9d2fbeb4c7ec9d0e61e45ffa0cc5724b39cefb58fabc08fea3f3b879e52ae9b9273739d07152bccf39a3d54c4ac50"
    "ec1bdc6d30c13b823c4846ae61caa8703bca7e503ae8474d87f4322fd277ac9d87612b745a096995be60177a279ba8f3"
    "6df4cd3fda57e74e3761b263de562c95cf0cec1f9487546a701a26d7a90f8ecd5e8ce5c93c9ae00a2e14a3726e8afa43"
    "efc44c079e0e2c3b5c6d23f45738c588df7a2786fdf906869db763d74e6da5ee6ec707466ee08958e4904175997bd3a9",
    16,
)
Q = 0xAEB5A843CA94B9C439B74AE4CB7D9E9B4302581AB12AD2F522454058FF1756E9
_G = int(
    "7daba4e0c43cfb104a46a185bb29886278d323cf462cfabd897165cda2ab60c36a389f7255d2be8f8f51bd1f9b42305b"
    "2db63934a5404ea25387155bf47faffcd3d287e74c44dd4f5aa7b271eb96b0dd0e53e14d2c645b910d86fe00c6df5794"
    "903d43b59dc3044c2d4c5b7f552561a5f17a127f9b2ffc5463aa72c0fcf5e48999289165f58de58cc4de4a2132918889"
    "531ebd52e19335b6a0fdb78854f117ed2e093ace521e0b168b2c714531c07d624da8303788ec6f950243ec08e5a21db8"
    "630803cc1586d4ff7ec543f69cb13d73f77921d50708cf3f1231cadaf7d5fd17965aecdb2d8b44c7e3152a63e8f218b2"
    "9ac027fde84d3e789bf337838e693af4ac2165b42e8785c290a9bb5ce9eab9ea44e5dbfca3301650343c318877a851b8"
    "dac572d9e818a9b519e5dace0cb0ed3fcacb6209f4fc3f757fdf058c25b531fd917f617cf57a1efee10dbce4a3de24ec"
    "e5dd5bf36b9e36577b40460ddaf5ed6f764ce86334f1fa96a26bdc2cee0353fe7a7de9b7a526a5707a8f2a0aee6d6276",
    16,
)


@dataclass(frozen=True)
class DsaKey:
    """A private key.

    Attributes:
        secret: the exponent, 1 to `Q` - 1.
        group: p, q and g.
        public: g to the power of `secret`.
    """

    secret: int
    group: tuple[int, int, int] = (P, Q, _G)

    @cached_property
    def public(self) -> int:
        return pow(self.group[2], self.secret, self.group[0])

    def sign(self, message: bytes) -> tuple[int, int]:
        """r and s over the SHA-256 of `message`; the nonce follows from both, so a message has one signature."""
        p, q, g = self.group
        digest = hashlib.sha256(message).digest()
        nonce = (
            int.from_bytes(derive_bytes(self.secret.to_bytes(32), "nonce/" + digest.hex(), 40)) % (q - 1) + 1
        )
        r = pow(g, nonce, p) % q
        return r, pow(nonce, -1, q) * (int.from_bytes(digest) + self.secret * r) % q


def derive_dsa_key(seed: bytes, label: str) -> DsaKey:
    """The key that belongs to a seed and a label."""
    return DsaKey(int.from_bytes(derive_bytes(seed, f"dsa/{label}", 40)) % (Q - 1) + 1)
