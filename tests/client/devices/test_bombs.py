# SPDX-License-Identifier: Apache-2.0
"""Files that are made to be expensive cost neither time nor memory, and raise nothing but our errors."""

import os
import subprocess
import sys
from pathlib import Path

from support.evidence_bombs import data_bombs, file_bombs

TESTS = Path(__file__).resolve().parents[2]


def test_no_file_costs_more_than_its_size_is_worth() -> None:
    """Every bomb is read in a process that the system would kill beyond a limit of time and memory."""
    paths = [str(TESTS), *(path for path in sys.path if path)]
    process = subprocess.run(
        [sys.executable, "-m", "support.evidence_bombs"],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.splitlines() == [*file_bombs(), *data_bombs()], process.stderr[-2000:]
    assert process.returncode == 0
