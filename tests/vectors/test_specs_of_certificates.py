# SPDX-License-Identifier: Apache-2.0
"""The tables in the specifications of identifiers and of the extension are those in the code."""

import re
from pathlib import Path

from keystead.certificate.device_identifier import ARC, EXTENSION_OID, RESERVED, SCHEME_ARC, SCHEMES
from keystead.certificate.extension import Method
from keystead.certificate.lint import CODES

_SPECS = Path(__file__).resolve().parents[2] / "specs"
_EXTENSION = (_SPECS / "certificate-extension.md").read_text("utf-8")
_IDENTIFIERS = (_SPECS / "identifiers.md").read_text("utf-8")


def test_every_lint_code_is_documented_with_its_severity() -> None:
    """The table of section 5 is the table of the code, in its order."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (error|warning|note) \|", _EXTENSION, re.MULTILINE)
    assert rows == list(CODES.items())


def test_every_method_is_documented_with_its_number() -> None:
    """The table of section 3 is the enumeration of the code."""
    rows = re.findall(r"^\| `([a-zA-Z]+)` \| ([0-9]) \|", _EXTENSION, re.MULTILINE)
    assert rows == [(method.text, str(method.value)) for method in Method]


def test_every_scheme_is_documented_with_its_number_and_class() -> None:
    """The table of schemes is the table of the code, the reserved numbers included."""
    rows = re.findall(r"^\| ([0-9]+) \| `([a-z0-9-]+)` \| ([a-z]+) \|", _IDENTIFIERS, re.MULTILINE)
    assert rows == [(str(scheme.number), scheme.name, scheme.class_) for scheme in SCHEMES.values()]
    reserved = re.findall(r"^\| ([0-9]+) \| reserved \|", _IDENTIFIERS, re.MULTILINE)
    assert [f"{SCHEME_ARC}.{number}" for number in reserved] == list(RESERVED)


def test_the_arc_is_the_same_everywhere() -> None:
    """Text, ASN.1 module and code name one arc."""
    module = (_SPECS / "keystead-extension.asn1").read_text("utf-8")
    assert f"arc                      {ARC}\n" in _EXTENSION
    assert f"{EXTENSION_OID} = DER:" in _EXTENSION
    numbers = re.findall(r"[0-9]+", module[module.index("{ iso(1)") : module.index("}")])
    assert ".".join(numbers) == ARC
