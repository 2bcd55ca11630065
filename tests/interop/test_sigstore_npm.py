# SPDX-License-Identifier: Apache-2.0
"""`@sigstore/verify` (npm) accepts our inclusion proofs, checkpoints and SCTs, and not what is altered.

The package is looked for in the folder of node_modules that `KEYSTEAD_TEST_NODE_MODULES` names.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.proven_log import prove_log, to_json
from support.running_log import running_log

ENTRIES = 20
SCRIPT = Path(__file__).with_name("sigstore_verify.cjs")


def node_modules() -> Path:
    """Where the package is; without it or node, the test is skipped."""
    folder = Path(os.environ.get("KEYSTEAD_TEST_NODE_MODULES", "absent"))
    if shutil.which("node") is None or not (folder / "@sigstore" / "verify").is_dir():
        pytest.skip("@sigstore/verify is absent: npm install it, and set KEYSTEAD_TEST_NODE_MODULES")
    return folder


async def test_it_accepts_proofs_checkpoints_and_scts(tmp_path: Path) -> None:
    """Of each entry in each tree from 1 to 20, and the answered one; every altered copy is refused."""
    modules = node_modules()
    async with running_log(tmp_path, period_ms=1) as log:
        proven = await prove_log(log, ENTRIES)
    ended = subprocess.run(
        ["node", str(SCRIPT), str(modules)],
        input=to_json(proven),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert json.loads(ended.stdout) == {
        "accepted": {"inclusions": ENTRIES * (ENTRIES + 1) // 2, "checkpoints": 2, "scts": 1},
        "wronglyAccepted": 0,
    }
