# SPDX-License-Identifier: Apache-2.0
"""Makes `specs/vectors/monitor.json`: ids of findings, severities, and pairs of subscribers with their answers.

Run `python tests/vectors/make_monitor_vectors.py > specs/vectors/monitor.json`; the output depends on nothing but this
file. Severities and answers are written down by hand from `specs/monitor.md`, hashes are hashlib's: none of it comes
from Keystead's own code.
"""

import json
import sys
from hashlib import sha256
from typing import Any

ORIGIN = "log.example/statements"


def finding(rule: str, subject: bytes, about: str) -> dict[str, str]:
    """An id, with what is hashed."""
    preimage = f"keystead/finding/v1\n{rule}\n{subject.hex()}"
    return {
        "rule": rule,
        "about": about,
        "subject": subject.hex(),
        "preimage": preimage,
        "id": sha256(preimage.encode()).hexdigest(),
    }


def finding_ids() -> list[dict[str, str]]:
    """One of each rule."""
    device = sha256(b"keystead/device/v1\nyubico-piv-serial\n10203040").digest()
    misbehaviour = sha256(f"{ORIGIN}\nfork".encode()).digest()
    return [
        finding("shared-device", device, "the device yubico-piv-serial 10203040"),
        finding("log-misbehaviour", misbehaviour, f"a fork of {ORIGIN}"),
    ]


SEVERITIES = [
    ("high", "attested", False, "high"),
    ("high", "ca-verified", False, "medium"),
    ("high", "declared", False, "low"),
    ("high", "attested", True, "medium"),
    ("high", "ca-verified", True, "low"),
    ("high", "declared", True, "info"),
    ("medium", "attested", False, "medium"),
    ("medium", "ca-verified", False, "low"),
    ("medium", "declared", False, "info"),
    ("medium", "declared", True, "info"),
    ("low", "attested", True, "info"),
    ("info", "attested", False, "info"),
]
"""Base, second-best assurance, only perhaps distinct, severity."""


def person(name: str = "alpha ab", issuer: str = "One CA", **stated: str) -> dict[str, str]:
    """What a certificate says of its subscriber, normalized."""
    return {"name": name, "country": "se", "issuer": issuer, **stated}


PAIRS = [
    ("one name vetted by one organization", person(), person(), "same"),
    ("one name vetted by two", person(), person(issuer="Other CA"), "unknown"),
    ("two names", person(), person("beta gmbh"), "different"),
    ("one name, its legal form spelled out", person(), person("alpha aktiebolag"), "same"),
    ("one name with another legal form", person(), person("alpha hb"), "unknown"),
    ("a name in two scripts", person("romashka llc"), person("ооо «ромашка»", "Other CA"), "unknown"),
    (
        "a state with and without the word for it",
        person(state="stockholms län"),
        person(state="stockholm"),
        "same",
    ),
    ("one name in two states", person(state="ohio"), person(state="texas"), "unknown"),
    ("one name, a state on one side", person(state="ohio"), person(), "same"),
    (
        "one registration number, two names, two organizations",
        person(registration="SE///5567208755"),
        person("beta", "Other CA", registration="SE///5567208755"),
        "same",
    ),
    (
        "two registration numbers, one name",
        person(registration="SE///5567208755"),
        person(registration="SE///5567208756"),
        "different",
    ),
    (
        "one number in two jurisdictions",
        person(registration="SE///5567208755"),
        person(registration="NO///5567208755"),
        "different",
    ),
    ("a registration number on one side", person(registration="SE///5567208755"), person(), "same"),
    (
        "a number of the trade register and one of taxation, one name",
        person(organization="NTRSE-5567208755"),
        person(organization="VATSE-556720875501"),
        "same",
    ),
    (
        "one legal entity identifier, two names",
        person(lei="5493001KJTIIGC8Y1R12"),
        person("beta", "Other CA", lei="5493001KJTIIGC8Y1R12"),
        "same",
    ),
    (
        "one durable identity under two organizations, two names",
        person(eku="1.3.6.1.4.1.311.97.1000"),
        person("beta", "Other CA", eku="1.3.6.1.4.1.311.97.1000"),
        "different",
    ),
]
"""What it is about, two certificates, the answer where they are all there are."""


def vectors() -> dict[str, Any]:
    """The whole document."""
    return {
        "about": "Vectors of specs/monitor.md. Ids are lowercase hex; what certificates say is normalized.",
        "made_by": "tests/vectors/make_monitor_vectors.py",
        "finding_ids": finding_ids(),
        "severities": [
            {"base": base, "second_best": assurance, "perhaps": perhaps, "severity": severity}
            for base, assurance, perhaps, severity in SEVERITIES
        ],
        "subscribers": [
            {"about": about, "first": first, "second": second, "answer": answer}
            for about, first, second, answer in PAIRS
        ],
    }


def encoded() -> str:
    """The document as it is published."""
    return json.dumps(vectors(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(encoded())
