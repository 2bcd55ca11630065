# SPDX-License-Identifier: Apache-2.0
"""Marvell's roots for LiquidSecurity modules, one a generation."""

import base64

from keystead.devices.vendor_anchor import VendorAnchor

__all__ = ["MARVELL"]

_ARCHIVE = (
    "https://www.marvell.com/content/dam/marvell/en/public-collateral/security-solutions/"
    "liquid_security_certificate.zip"
)

MARVELL = (
    VendorAnchor(
        name="localca.liquidsecurity.cavium.com",
        # SHA-256 78adcba1f38bee304bc44d6a086503f2940037d4b3d58a1bf66a3282ef58cd41
        key=base64.b64decode(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3JL6kDOHL2Y3cqjixjE4yicL38SToVasOqaI4FDM9dFV"
            "O89wrSa8B3BEsBA1MVJDMc6H+eZBaK1ES2lVQo3nWGrhIrJ2cMElpAHpqfRkRJvIl+gV7aGfFQ1qDth9ACYhwjOt"
            "qiXmVV4ZvAP81htD8i6wiDR9Ms/WoegXMHbGRi70L5KVDSYcFTK2/ZyPQZUZk1oaKLdWEk3+434mxJHP6TftBM99"
            "ERWi9zIciGjSUttvtdLZ8uLDlE7DxLVymoeZj5R6Z6xnAdfM+WMYK9LwzWMfhQjxqPeVxq6vTWHzTJcLEnhUq/A9"
            "VUOx2ZoqXkwdYUE1EMPyv0ZrcOTYpY5GEwIDAQAB"
        ),
        formats=frozenset({"marvell"}),
        source=_ARCHIVE,
        note="LiquidSecurity 1; certificates of 2015-11-19 to 2025-11-16 and of 2024-07-25 to 2034-07-23, one key",
    ),
    VendorAnchor(
        name="cavium-liquidsecurity-ls2",
        # SHA-256 f84b0610f2ca68f1f936c12c37a22794b59a2afa54f55f8d3c977232c5b97d7c
        key=base64.b64decode(
            "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAzzHwkk8uJQtTOWacMpNCkW+DSLLkZqOPtW05TTiyzM5X"
            "FwVYzhpQiEbGrttsq1ftLEyK5HvB9IiRNb47kBHeQb4/GE8rJx8poBLQdM7fx5GYjWr3gTbqD+Sfj7ofwQJY5xGb"
            "VTE2WMQk2wdzo0LDc2i1UV95+8RiCmPY1LlEZxaz0hw+Fd/Pu4R0DrS1oR3KG+p62g9ChhQoWlYHe66E5e5hS43K"
            "JeoN6bpAsbXOVzt1r21n0f/FllTB+E/ENiGLuPo9BuBuiiQ39yxULb202K1NnwIoU/EugYMkwoKhXzsqf1Rx7xDr"
            "7rHu4a+eCkm7NOSxfsXr2EQ8D6rCY+7n41zNrE0e2B99ywz7VijPQckXsRDBdvx5JPvb1jsoc4X+sw6/ekKkpUhW"
            "kyuV89msix/ykQwMoYrIednbtXJ3VjCQcYunDmgSxty2XPPRhsqe2PmytOhB+VGP/wZvbtbhKAUnwWlpOc2cesRJ"
            "QqteAWB9KEDvA5lt0/OA1tEPWR16m2rKnBdivY4aWqJ1ZEW2hCwuObL4M7v9jxPQrMjlak2lLZ/E/8mVbTvSYJbQ"
            "Ga8xkHL1BqsmOHA5YoPaVGoNYKSC5EmmMqcsFRSOOcFZC4mcVhwu4zUga8gGFHIy6+y6/6LA3BpshoB99vnk0rna"
            "NHr3lc3nf9Wqtb8YZdVFtdsCAwEAAQ=="
        ),
        formats=frozenset({"marvell"}),
        source=_ARCHIVE,
        note="LiquidSecurity 2; 2024-07-22 to 2034-07-20",
    ),
)
"""What may attest a LiquidSecurity module as its maker."""
