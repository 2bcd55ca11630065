# SPDX-License-Identifier: Apache-2.0
"""The story of the real certificate, on the published samples."""

from pathlib import Path

import pytest

from keystead.demo.folder import DemoFolder
from keystead.demo.real_certificate import tell_real_certificate
from keystead.demo.story import Chapter
from keystead.errors import UsageError


@pytest.mark.samples
async def test_a_real_certificate_is_logged_with_its_device(samples: Path, tmp_path: Path) -> None:
    """FEN SYSTEMS LTD.'s certificate is admitted with the attestation of slot 9a, and refused with that of 9c."""
    folder, chapters = DemoFolder(tmp_path / "demo"), list[Chapter]()

    ending = await tell_real_certificate(folder, samples, chapters.append)

    real, attestation, logged, refused, _ = chapters
    assert "FEN SYSTEMS LTD." in real.rows[0][1]
    assert ("device", "yubico-piv-serial 28557046") in attestation.rows
    assert ("certificate", "entry 0") in logged.rows
    assert ("evidence", "statement 1") in logged.rows
    assert refused.rows[0][0] == "evidence-key-mismatch"
    assert ending.findings == ()
    assert folder.trust.is_file()


@pytest.mark.samples
async def test_no_anchor_of_the_users_is_needed(samples: Path, tmp_path: Path) -> None:
    """The maker's root ships with the package: the folder has no anchors file."""
    folder = DemoFolder(tmp_path / "demo")

    ending = await tell_real_certificate(folder, samples, lambda chapter: None)

    assert not folder.anchors.exists()
    assert not any("--anchors" in step.arguments for step in ending.next_steps)


async def test_a_folder_without_the_samples_is_a_usage_error(tmp_path: Path) -> None:
    """The sentence says what should be there, before any log is made."""
    folder = DemoFolder(tmp_path / "demo")

    with pytest.raises(UsageError, match="ipxe-28557046"):
        await tell_real_certificate(folder, tmp_path, lambda chapter: None)

    assert not folder.log.exists()
