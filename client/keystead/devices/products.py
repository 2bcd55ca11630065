# SPDX-License-Identifier: Apache-2.0
"""Products that a CA may name by `manufacturer-serial` (`specs/identifiers.md`, section "Devices").

Two CAs that spell one token's maker differently would name two devices. So manufacturer and product line come
from one table, and products whose devices have a scheme of their own are refused with its name: a serial number
in two schemes would be two devices as well.
"""

from collections.abc import Mapping
from types import MappingProxyType

from keystead.errors import UsageError

__all__ = ["PRODUCTS", "require_product"]

PRODUCTS: Mapping[str, str | None] = MappingProxyType(
    {
        "bit4id/minilector": None,
        "certum/cryptocertum": None,
        "feitian/epass": None,
        "gemalto/idprime": None,
        "longmai/mtoken": None,
        "thales/idprime": None,
        "thales/safenetetoken": None,
        "utimaco/cryptoserver": None,
        "cardcontact/smartcardhsm": "smartcard-hsm-id",
        "crypto4a/qxhsm": "crypto4a-serial",
        "entrust/nshield": "nshield-esn",
        "marvell/liquidsecurity": "marvell-adapter",
        "nitrokey/nitrokeyhsm": "smartcard-hsm-id",
        "securosys/primus": "primus-serial",
        "thales/luna": "luna-serial",
        "yubico/yubihsm": "yubihsm-serial",
        "yubico/yubikey": "yubico-piv-serial",
    }
)
"""By manufacturer and product line, each reduced to a-z and 0-9: the scheme of its own, or None."""


def require_product(value: str) -> None:
    """Require that a `manufacturer-serial` value names a product of the table without a scheme of its own.

    Args:
        value: manufacturer `/` product line `/` serial number, in the canonical form.

    Raises:
        UsageError: the product is not in the table, or has a scheme of its own.
    """
    product = value.rpartition("/")[0]
    if product not in PRODUCTS:
        known = ", ".join(sorted(name for name, scheme in PRODUCTS.items() if scheme is None))
        raise UsageError(f"{product!r} is no product of the table of manufacturer-serial; it has {known}")
    scheme = PRODUCTS[product]
    if scheme is not None:
        raise UsageError(f"devices of {product} are named by {scheme}, not by manufacturer-serial")
