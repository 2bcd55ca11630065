# SPDX-License-Identifier: Apache-2.0
"""Keys to pin out of files: of a vendor's certificate, or bare where its root has none."""

import pytest

from keystead.devices.vendor_anchor import anchor_key
from keystead.errors import ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key

VENDOR = TestVendor("test anchor files", "ec-p256")
ROOT = VENDOR.root_pem().encode()
KEY = derive_key(b"test anchor files", "root").spki
BARE = to_pem(KEY, "PUBLIC KEY").encode()


def test_a_certificate_gives_its_key() -> None:
    """Dates and names of the certificate are no part of what is pinned."""
    assert anchor_key(ROOT) == VENDOR.anchor().key


def test_a_bare_key_is_taken_as_it_is() -> None:
    """nShield's root is a point, and SmartCard-HSMs' a card-verifiable certificate."""
    assert anchor_key(b"from the vendor's page\n" + BARE) == KEY
    for anchor in VENDOR.anchors("nshield", "smartcard-hsm"):
        assert anchor_key(to_pem(anchor.key, "PUBLIC KEY").encode()) == anchor.key


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"text",
        ROOT + ROOT,
        ROOT + BARE,
        BARE + BARE,
        BARE[:-10],
        to_pem(KEY[:-1], "PUBLIC KEY").encode(),
        to_pem(KEY, "PRIVATE KEY").encode(),
    ],
)
def test_anything_else_is_refused(pem: bytes) -> None:
    """Two keys, none, or one that cannot be used: whoever pins must mean one."""
    with pytest.raises(ParseError):
        anchor_key(pem)
