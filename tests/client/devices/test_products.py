# SPDX-License-Identifier: Apache-2.0
"""Products that a CA may name by `manufacturer-serial`."""

import re
from pathlib import Path

import pytest

from keystead.certificate.device_identifier import SCHEMES, device_id
from keystead.devices.products import PRODUCTS, require_product
from keystead.errors import UsageError


def test_tokens_without_attestation_are_named() -> None:
    """A SafeNet eToken is; its value has an identifier."""
    require_product("thales/safenetetoken/02a1b2c3")
    assert device_id("manufacturer-serial", "thales/safenetetoken/02a1b2c3")


@pytest.mark.parametrize("product", [name for name, scheme in PRODUCTS.items() if scheme])
def test_products_with_a_scheme_of_their_own_are_refused(product: str) -> None:
    """The refusal names the scheme, which exists."""
    scheme = PRODUCTS[product]
    assert scheme in SCHEMES
    with pytest.raises(UsageError, match=f"named by {scheme}"):
        require_product(f"{product}/123")


@pytest.mark.parametrize("value", ["acme/token/1", "thales/etoken/1", "thales", ""])
def test_other_spellings_are_refused(value: str) -> None:
    """Two spellings of one token would be two devices."""
    with pytest.raises(UsageError, match="no product of the table"):
        require_product(value)


def test_the_specification_has_the_same_table() -> None:
    """Every product, with its scheme."""
    text = (Path(__file__).parents[3] / "specs" / "identifiers.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9]+/[a-z0-9]+)` \| (?:`([a-z0-9-]+)`|) *\|$", text, re.MULTILINE)
    assert {name: scheme or None for name, scheme in rows} == dict(PRODUCTS)
