# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where published samples lie, and a loud word when they do not."""

import os
from pathlib import Path

import pytest

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def _samples_folder() -> Path | None:
    named = os.environ.get("KEYSTEAD_TEST_DATA")
    folder = Path(named) if named else _BESIDE_THE_CHECKOUT
    return folder if (folder / "attestation").is_dir() else None


@pytest.fixture
def samples() -> Path:
    """The folder of published samples; a test that asks for it is skipped, and counted, without them."""
    folder = _samples_folder()
    if folder is None:
        pytest.skip("published samples are absent: set KEYSTEAD_TEST_DATA to their folder")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests could not read the published samples."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum("published samples are absent" in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_sep(
            "!", f"{count} tests skipped: no published samples (KEYSTEAD_TEST_DATA)", red=True
        )
