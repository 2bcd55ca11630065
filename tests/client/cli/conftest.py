# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command line's tests: the command line itself, and files as its users have them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from keystead.devices.evidence import Evidence
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import SigningKey
from keystead.testvendor.vendor import TestVendor
from support.command_line import CommandLine


@pytest.fixture
def keystead(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line, run in this process."""
    return CommandLine(capsys)


@dataclass(frozen=True)
class Attested:
    """A test device's key, with the files that its holder has.

    Attributes:
        key: in slot 9a.
        evidence: of it.
        leaf, f9: PEM files.
        piece: the canonical form.
        anchors: the test vendor's root, for `--anchors`.
    """

    key: SigningKey
    evidence: Evidence
    leaf: Path
    f9: Path
    piece: Path
    anchors: Path


@pytest.fixture
def attested(tmp_path: Path) -> Attested:
    """The files of device 4711."""
    vendor = TestVendor("command line", "ec-p256")
    device = vendor.yubikey(4711, fips=True)
    key = device.generate("9a")
    evidence = device.attest(key.spki, "9a")
    folder = tmp_path / "holder"
    folder.mkdir()
    files = Attested(
        key,
        evidence,
        folder / "leaf.pem",
        folder / "f9.pem",
        folder / "piece.evidence",
        tmp_path / "anchors.toml",
    )
    files.leaf.write_text(to_pem(evidence.data))
    files.f9.write_text(to_pem(device.f9_der))
    files.piece.write_bytes(evidence.encode())
    (tmp_path / "root.pem").write_text(vendor.root_pem())
    files.anchors.write_text(
        '[[vendor_anchor]]\nname = "test"\ncertificate = "root.pem"\nformats = ["yubikey-piv"]\n'
    )
    return files
