# SPDX-License-Identifier: Apache-2.0
"""Objects that are named by their SHA-256: policies, issuers and evidence.

The store of objects is not trusted. A policy decides who may write, and a root whose certificates are taken; so
whatever a log judges by is hashed when it is read back, and a name is believed only for the bytes that it names.
"""

from hashlib import sha256

from keystead.errors import StoreError
from keystead_server.storage.interface import BlobStore

__all__ = ["named_object"]


def named_object(blobs: BlobStore, folder: str, digest: bytes) -> bytes:
    """The object in `folder` whose SHA-256 is `digest`.

    Raises:
        StoreError: it is missing, or other bytes are there.
    """
    path = f"{folder}/{digest.hex()}"
    data = blobs.get(path)
    if data is None:
        raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
    if sha256(data).digest() != digest:
        raise StoreError(
            f"{path} was altered, it does not hash to its name: restore it from a backup or a mirror"
        )
    return data
