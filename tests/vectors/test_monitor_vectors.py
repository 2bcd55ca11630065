# SPDX-License-Identifier: Apache-2.0
"""The published vectors of `specs/monitor.md`, and that they are what their maker makes."""

import json
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.monitor.findings import finding_id
from keystead.monitor.grouping import Groups
from keystead.monitor.model import Assurance
from keystead.monitor.profiles import Profile
from keystead.monitor.rules import log_misbehaviour, shared_device
from keystead.monitor.severity import Severity, severity_of
from vectors import make_monitor_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "monitor.json"
PUBLISHED: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))


def test_the_file_is_what_its_maker_makes() -> None:
    """The vectors can be made again, octet for octet."""
    assert _FILE.read_text("utf-8") == make_monitor_vectors.encoded()


@pytest.mark.parametrize("vector", PUBLISHED["finding_ids"], ids=lambda vector: vector["about"])
def test_ids_of_findings(vector: dict[str, str]) -> None:
    """From rule and subject alone."""
    assert finding_id(vector["rule"], bytes.fromhex(vector["subject"])).hex() == vector["id"]
    assert vector["rule"] in {shared_device.RULE, log_misbehaviour.RULE}


def test_the_subject_of_misbehaviour() -> None:
    """Log and kind, hashed."""
    (vector,) = [one for one in PUBLISHED["finding_ids"] if one["rule"] == log_misbehaviour.RULE]
    assert log_misbehaviour.subject_of("log.example/statements", "fork").hex() == vector["subject"]


@pytest.mark.parametrize("vector", PUBLISHED["severities"])
def test_severities(vector: dict[str, Any]) -> None:
    """Base, less what is somebody's word, less what is only perhaps so."""
    assurance = next(one for one in Assurance if one.text == vector["second_best"])
    severity = severity_of(Severity[vector["base"].upper()], assurance, perhaps=vector["perhaps"])

    assert severity.text == vector["severity"]


@pytest.mark.parametrize("vector", PUBLISHED["subscribers"], ids=lambda vector: vector["about"])
def test_subscribers(vector: dict[str, Any]) -> None:
    """The answer for two certificates that are all there are."""
    groups = Groups([_profile(1, vector["first"]), _profile(2, vector["second"])])

    assert groups.compare(groups.of(1), groups.of(2)).sameness.value == vector["answer"]


def _profile(number: int, said: dict[str, str]) -> Profile:
    registration = said.get("registration")
    organization = said.get("organization")
    scheme, _, reference = (organization or "").partition("-")
    return Profile(
        number=number,
        subscriber_id=bytes(32),
        label=said["name"],
        decodable=True,
        strong=StrongIdentifiers(
            None if registration is None else tuple(registration.split("/")),  # type: ignore[arg-type]
            None if organization is None else (scheme, reference),
            said.get("lei"),
            said.get("eku"),
        ),
        name=(said["country"], said["name"]),
        place=(said.get("state", ""), said.get("locality", "")),
        issuers=frozenset({said["issuer"]}),
    )
