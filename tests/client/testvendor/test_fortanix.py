# SPDX-License-Identifier: Apache-2.0
"""Test DSM clusters are shaped as the vendor's published example is: no sample of it lies with the others."""

from keystead.certificate.x509 import basic_constraints, key_usage, parse_vendor_certificate
from keystead.testvendor import TestVendor
from keystead.testvendor.fortanix import FORTANIX_ARC

VENDOR = TestVendor("test fortanix shapes", "ec-p256")


def identifiers(der: bytes) -> list[tuple[str, bool]]:
    """Which extensions a certificate has, in order, and whether they are critical."""
    return [(one.oid, one.critical) for one in parse_vendor_certificate(der).extensions]


def test_extensions_are_those_of_the_published_example() -> None:
    """Identifiers, order and critical flags of statement, authority and CA, read off the vendor's example."""
    cluster = VENDOR.fortanix()
    statement = cluster.statement(cluster.generate().spki)
    authority, ca = cluster.chain
    assert identifiers(statement) == [
        ("2.5.29.15", True),
        (f"{FORTANIX_ARC}.2.4.1.1", False),
        (f"{FORTANIX_ARC}.2.4.1.2", False),
        ("2.5.29.35", False),
    ]
    assert identifiers(authority) == [
        ("2.5.29.15", True),
        ("2.5.29.19", True),
        ("2.5.29.14", False),
        ("2.5.29.37", False),
        (f"{FORTANIX_ARC}.2.5", False),
        ("2.5.29.31", False),
        ("2.5.29.32", False),
        ("2.5.29.35", False),
    ]
    assert identifiers(ca) == [
        ("2.5.29.15", True),
        ("2.5.29.19", True),
        ("2.5.29.14", False),
        ("2.5.29.31", False),
        ("2.5.29.32", False),
        ("2.5.29.35", False),
    ]


def test_the_encoders_liberties_are_there() -> None:
    """The authority says cA FALSE aloud, and its keyUsage counts seven unused bits as one."""
    authority = parse_vendor_certificate(VENDOR.fortanix().authority_der())
    constraints = authority.extension("2.5.29.19")
    usage = authority.extension("2.5.29.15")
    assert constraints is not None
    assert constraints.value == b"\x30\x03\x01\x01\x00"
    assert usage is not None
    assert usage.value == b"\x03\x02\x01\x80"
    stated = basic_constraints(authority)
    assert stated is not None
    assert not stated.ca
    assert key_usage(authority) == {0}


def test_clusters_share_names_and_no_keys() -> None:
    """Nothing in a statement tells clusters apart but the authority's key."""
    one, other = VENDOR.fortanix("1"), VENDOR.fortanix("2")
    assert one.name == other.name
    assert one.key.spki != other.key.spki
    assert one.chain[1] == other.chain[1]
