# SPDX-License-Identifier: Apache-2.0
"""Problems have documented codes, an order, and a form for programs."""

import re
from pathlib import Path

from keystead.audit.problem import CODES, Problem, in_order

ROOT = Path(__file__).resolve().parents[3]


def test_codes_are_documented() -> None:
    """The codes of the specification are those of the code, with the same meaning."""
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.+) \|$", (ROOT / "specs/audit.md").read_text("utf-8"), re.MULTILINE
    )
    assert dict(rows) == CODES


def test_codes_are_used() -> None:
    """Each code is written in the code that finds it, and is no code of a refusal."""
    sources = [
        path.read_text("utf-8")
        for path in ROOT.glob("client/keystead/audit/**/*.py")
        if path.name != "problem.py"
    ]
    refusals = (ROOT / "specs/errors.md").read_text("utf-8")
    # What is withheld or altered is put together; forks are named where trees are compared.
    computed = {f"{what}-{how}" for what in ("policy", "evidence") for how in ("withheld", "altered")} | {
        "rollback"
    }
    for code in CODES:
        assert code in computed or any(f'"{code}"' in source for source in sources), code
        assert f"| `{code}` |" not in refusals, code


def test_the_order() -> None:
    """By log, then what is of a whole log, then by entry and file; each once."""
    problems = [
        Problem("entry-altered", "b", "", 10),
        Problem("entry-altered", "b", "", 9),
        Problem("root-mismatch", "b", "", path="b/checkpoint"),
        Problem("time-goes-back", "a", "", 3, signed=True),
        Problem("entry-altered", "b", "", 9),
    ]
    assert [(one.log, one.index) for one in in_order(problems)] == [
        ("a", 3),
        ("b", None),
        ("b", 9),
        ("b", 10),
    ]


def test_the_form_for_programs() -> None:
    """Proof is there in base64 where there is some, and only then."""
    problem = Problem(
        "fork", "a", "it forked", path="a/checkpoint", signed=True, evidence={"old": b"\x00\xff"}
    )
    assert problem.to_json()["evidence"] == {"old": "AP8="}
    assert "evidence" not in Problem("fork", "a", "it forked").to_json()
