# SPDX-License-Identifier: Apache-2.0
"""Brings the stable codes in `openapi.json` up to those of `specs/errors.md`.

    python tests/vectors/make_openapi_codes.py

Each refusal that the description knows lists the codes of some sections under some statuses. A new section, or a
status that no refusal has, is for a person to place: here and in the description.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTION = ROOT / "server" / "keystead_server" / "web" / "openapi.json"

_ROW = re.compile(r"\| `(?P<code>[a-z0-9-]+)` \| (?P<status>[0-9x]+) \|")
_REFUSALS = {
    "ChainRefused": (("400",), ("Certificates and chains", "Evidence"), ("malformed", "http-error")),
    "ChainTooLarge": (("413",), ("Requests", "Certificates and chains"), ()),
    "StatementRefused": (
        ("400",),
        ("Statements",),
        ("malformed", "http-error", "signature-invalid", "signature-key", "signature-algorithm"),
    ),
    "CannotNow": (("503",), ("The log cannot take it now",), ()),
}
"""By the name of the response: statuses, sections, and codes of other sections."""


def documented() -> dict[str, dict[str, str]]:
    """The statuses of the codes that a log answers with, by section of `errors.md`."""
    sections: dict[str, dict[str, str]] = {}
    codes: dict[str, str] = {}
    for line in (ROOT / "specs" / "errors.md").read_text("utf-8").splitlines():
        if line.startswith("## "):
            codes = sections.setdefault(line[3:], {})
        elif match := _ROW.match(line):
            codes[match["code"]] = match["status"]
    return sections


def updated(description: str) -> str:
    """The description with the codes of today."""
    document = json.loads(description)
    sections = documented()
    for name, (statuses, titles, others) in _REFUSALS.items():
        content = document["components"]["responses"][name]["content"]["application/problem+json"]
        listed = {code for title in titles for code, status in sections[title].items() if status in statuses}
        content["schema"]["allOf"][1]["properties"]["code"]["enum"] = sorted({*listed, *others})
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DESCRIPTION.write_text(updated(DESCRIPTION.read_text("utf-8")), "utf-8")
