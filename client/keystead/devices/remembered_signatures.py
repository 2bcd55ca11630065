# SPDX-License-Identifier: Apache-2.0
"""Signatures that are asked about again and again.

All evidence of one device has one chain, and all chains of a vendor the same end, so verifying the same few links
would take most of the time. What belongs together among people's files is found by signatures, too, and those are
asked about once more when the piece is verified. What is remembered is the answer to exactly these bytes under
exactly this key.

Invariant: a pure function with a bounded memory; the answer is the same with and without it.
"""

from collections.abc import Callable
from functools import lru_cache

from keystead.errors import SignatureError

__all__ = ["Verify", "verifies", "verifies_again"]

Verify = Callable[[bytes, bytes, bytes, bytes], None]
"""Verifies a signature: SubjectPublicKeyInfo, AlgorithmIdentifier, signature, message; raises `SignatureError`."""


def verifies(verify: Verify, spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `verify` accepts the signature."""
    try:
        verify(spki, algorithm, signature, message)
    except SignatureError:
        return False
    return True


@lru_cache(maxsize=256)
def verifies_again(verify: Verify, spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> bool:
    """The same, remembered."""
    return verifies(verify, spki, algorithm, signature, message)
