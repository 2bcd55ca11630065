# SPDX-License-Identifier: Apache-2.0
"""`specs/errors.md` lists every stable code, with its status, and no other."""

import re
from pathlib import Path

import pytest

from keystead.devices.evidence import Evidence
from keystead.errors import EvidenceError, RefusedError
from keystead_server.admission import evidence as admission
from support.stable_codes import find_codes

ROOT = Path(__file__).resolve().parents[1]
_ROW = re.compile(r"\| `(?P<code>[a-z0-9-]+)` \|(?: (?P<status>[0-9x]+) \|)? (?P<meaning>[^|]+) \|")

NOT_RAISED_BY_A_LOG = {
    "leaf-in-tree": "the log makes proofs for leaves that it has",
    "poison-malformed": "the log calls a malformed poison a malformed certificate",
    "chain-empty": "the log calls a body without certificates malformed",
    "identity-mismatch": "claims about a device are checked by clients",
    "request-signature": "a log does not see certification requests",
    "not-a-log-statement": "for statements that are judged again",
    "no-policy": "for statements that are judged again",
    "unknown-key": "for statements that are judged again",
    "wrong-policy-index": "for statements that are judged again",
    "anchor-not-in-policy": "for statements that are judged again",
}
"""Checks in modules that the log uses, in functions that it does not use so."""


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def _documented() -> dict[str, dict[str, str]]:
    """By section, the codes of its table with the status, which is empty in tables of checks."""
    sections: dict[str, dict[str, str]] = {}
    codes: dict[str, str] = {}
    for line in (ROOT / "specs" / "errors.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            codes = sections.setdefault(line[3:], {})
        elif match := _ROW.fullmatch(line):
            assert match["code"] not in codes
            codes[match["code"]] = match["status"] or ""
    return sections


def _answered() -> dict[str, str]:
    """Every code in the tables of what a log answers with."""
    answered: dict[str, str] = {}
    for codes in _documented().values():
        for code, status in codes.items():
            if status:
                assert code not in answered, f"{code} is documented twice"
                answered[code] = status
    return answered


def _codes_of_the_server() -> dict[str, set[int]]:
    # A front end raises again what the process of the sequencer refused.
    return find_codes(
        _files("server/keystead_server/**/*.py"), passing_on={"channel.py:received", "channel.py:append"}
    )


def _answer_to(check: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The code that a log answers with when verifying evidence fails with `check`."""

    def fail(*arguments: object) -> None:
        raise EvidenceError("it fails", check=check)

    monkeypatch.setattr(admission, "verify_evidence", fail)
    piece = Evidence("yubikey-piv", b"data")
    with pytest.raises(RefusedError) as caught:
        admission.judge_evidence([piece], b"", admission.AnchorSet(()), frozenset())
    return caught.value.code


def test_every_answer_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codes that a log can answer with are those of the specification."""
    server = _codes_of_the_server()
    judged = find_codes(
        _files(
            "client/keystead/statements/**/*.py",
            *(f"client/keystead/certificate/{name}.py" for name in ("chain", "precertificate", "public_key")),
        )
    )
    devices = find_codes(_files("client/keystead/devices/**/*.py"))
    raised = {code for code in {*server, *judged} if code not in NOT_RAISED_BY_A_LOG}
    raised |= {_answer_to(check, monkeypatch) for check in devices if check not in NOT_RAISED_BY_A_LOG}
    assert raised == set(_answered())


def test_every_answer_has_its_status() -> None:
    """A code travels with the status that the specification gives it."""
    answered = _answered()
    for code, statuses in _codes_of_the_server().items():
        for status in statuses:
            assert answered[code] == str(status), code


def test_every_check_is_documented() -> None:
    """The checks of verification that no submission meets are listed apart, and are no answers."""
    sections = _documented()
    replayed = set(sections["Checks that no submission meets"])
    assert replayed == set(NOT_RAISED_BY_A_LOG) - {"leaf-in-tree"}
    promises = find_codes(_files("client/keystead/tlog/*.py", "client/keystead/ct/*.py"))
    assert set(sections["Checks of a log's own promises"]) == set(promises)


def test_codes_are_words() -> None:
    """A code is lowercase words joined by hyphens."""
    for codes in _documented().values():
        assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code) for code in codes)


def test_the_finder_finds(tmp_path: Path) -> None:
    """A code handed down, chosen, unpacked or named is found; one that is computed is an error of the finder."""
    module = tmp_path / "module.py"
    module.write_text(
        """
NAMED = "named"
TABLE = {1: ("in-table", "x")}

def refuse(case, check, sentence):
    raise StatementError(sentence, check=check)

def judge(case, good, number):
    refuse(case, "handed-down", "x")
    raise ChainError("x", check="one" if good else NAMED)

def answer(number, error):
    code, text = TABLE.get(number, ("by-default", "y"))
    raise RefusedError(code, text, status=404)

def again(error):
    raise RefusedError(error.check or "fallback", "x")
"""
    )
    assert find_codes([module]) == {
        "handed-down": set(),
        "one": set(),
        "named": set(),
        "in-table": {404},
        "by-default": {404},
        "fallback": {400},
    }
    module.write_text("def f(number):\n    raise ChainError('x', check=str(number))\n")
    with pytest.raises(AssertionError, match="not followed"):
        find_codes([module])
