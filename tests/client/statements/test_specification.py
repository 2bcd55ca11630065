# SPDX-License-Identifier: Apache-2.0
"""`specs/statements.md` and `specs/policy.md` list what the code can say, and nothing else."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.kinds.certificate_revoked import RevocationReason
from keystead.statements.payloads import KINDS
from keystead.statements.policy import PARTY_KINDS, Limits
from keystead.statements.qualification import Shortcoming
from keystead.statements.service_facts import StandingCode
from support.statements import one_of_each_kind

ROOT = Path(__file__).parents[3]
STATEMENTS = (ROOT / "specs" / "statements.md").read_text("utf-8")
POLICY = (ROOT / "specs" / "policy.md").read_text("utf-8")


def section(text: str, title: str) -> str:
    """The text between a heading that begins with `title` and the next heading of its rank or above."""
    rank = title.split(" ", maxsplit=1)[0]
    _, _, rest = text.partition(f"\n{title}")
    assert rest, title
    end = re.search(rf"^#{{1,{len(rank)}}} ", rest, re.MULTILINE)
    return rest if end is None else rest[: end.start()]


def listed_codes(text: str) -> set[str]:
    """The codes in the first column of tables."""
    rows = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    return {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)}


def test_every_refusal_is_listed() -> None:
    """What the code refuses with is in sections 4 and 6 (beside two members), and the other way round."""
    codes = set()
    for path in (ROOT / "client" / "keystead" / "statements").rglob("*.py"):
        text = path.read_text("utf-8")
        codes |= set(re.findall(r'check="([a-z-]+)"', text))
        codes |= set(re.findall(r'refuse\(\s*case,\s*"([a-z-]+)"', text))
    assert "wrong-log" in codes
    assert "joins-and-leaves" in codes
    assert codes == listed_codes(section(STATEMENTS, "## 4.") + section(STATEMENTS, "## 6.")) - {
        "log",
        "issued",
    }


def test_every_shortcoming_and_standing_is_listed() -> None:
    """By the names that are shown and stored."""
    assert listed_codes(section(STATEMENTS, "### 7.2")) == set(Shortcoming)
    assert listed_codes(section(STATEMENTS, "### 7.3")) == set(StandingCode)


def test_every_kind_has_its_members_listed() -> None:
    """In a section of its own."""
    for statement in one_of_each_kind():
        (number,) = re.findall(rf"^### (5\.\d+) {statement.kind}$", STATEMENTS, re.MULTILINE)
        text = section(STATEMENTS, f"### {number}")
        for member in statement.members():
            assert f"`{member}`" in text, (statement.kind, member)
    assert len(re.findall(r"^### 5\.\d+ [a-z-]+$", STATEMENTS, re.MULTILINE)) == len(KINDS)


def test_choices_are_listed() -> None:
    """Schemes, revocation reasons, kinds of parties and limits."""
    for scheme in AuditScheme:
        assert f"`{scheme}`" in section(STATEMENTS, "### 5.4")
    for kind in PARTY_KINDS:
        assert f"`{kind}`" in section(POLICY, "## 1.")
    for limit in fields(Limits):
        assert f"| `{limit.name}` | {limit.default} |" in section(POLICY, "## 1.")
    assert f"`{RevocationReason.NOT_ISSUED}`" in section(STATEMENTS, "### 5.7")


def test_policy_file_of_the_specification_is_toml() -> None:
    """With the limits at their defaults."""
    lines = re.findall(r"^    (.*)$", section(POLICY, "## 4."), re.MULTILINE)
    document = tomllib.loads("\n".join(lines))
    limits = document["limits"] | {"max_chain_bytes": document["issuance"]["max_chain_bytes"]}
    assert limits == {limit.name: limit.default for limit in fields(Limits)}
