# SPDX-License-Identifier: Apache-2.0
"""A name that is a hash is believed only for the bytes that it names."""

from hashlib import sha256

import pytest

from keystead.errors import StoreError
from keystead_server.storage.memory import MemoryBlobStore
from keystead_server.storage.named import named_object


def test_an_object_is_what_its_name_says() -> None:
    """The bytes come back if they hash to the name; missing and other bytes are told apart."""
    digest = sha256(b"a policy").digest()
    path = f"policy/{digest.hex()}"
    blobs = MemoryBlobStore()
    with pytest.raises(StoreError, match="missing"):
        named_object(blobs, "policy", digest)
    blobs.put({path: b"a policy"})
    assert named_object(blobs, "policy", digest) == b"a policy"
    blobs.objects[path] = b"another policy"
    with pytest.raises(StoreError, match="altered"):
        named_object(blobs, "policy", digest)
