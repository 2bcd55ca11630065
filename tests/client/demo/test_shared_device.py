# SPDX-License-Identifier: Apache-2.0
"""The story of a shared device, lived once and looked at from all sides."""

import asyncio
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from keystead.certificate.precertificate import embedded_scts
from keystead.certificate.x509 import certificates_from_pem, parse_certificate, parse_vendor_certificate
from keystead.client.anchors_file import read_anchors_file
from keystead.demo.folder import DemoFolder
from keystead.demo.shared_device import tell_shared_device
from keystead.demo.story import Chapter, Ending
from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.evidence import parse_evidence
from keystead.devices.verify import verify_evidence
from keystead.encoding.json import decode_json
from keystead.errors import EvidenceError
from keystead.monitor.findings import SettledBy, State
from keystead.statements.dsse import parse_envelope
from keystead.statements.payloads import parse_statement
from keystead_server.configuration import default_configuration


@dataclass(frozen=True)
class Told:
    """What the demonstration told and left."""

    folder: DemoFolder
    chapters: list[Chapter]
    ending: Ending

    def chapter(self, word: str) -> Chapter:
        """The one chapter whose title has a word."""
        (found,) = [chapter for chapter in self.chapters if word in chapter.title]
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One run of the whole story."""
    folder = DemoFolder(tmp_path_factory.mktemp("demo") / "demo")
    chapters: list[Chapter] = []
    return Told(folder, chapters, asyncio.run(tell_shared_device(folder, chapters.append)))


def test_both_devices_are_flagged_at_first(told: Told) -> None:
    """Each device under two subscribers is a shared-device finding without a service, of high severity."""
    rows = told.chapter("flags both").rows

    assert {row[0] for row in rows} == {"yubico-piv-serial 70000001", "yubico-piv-serial 70000002"}
    assert {row[2] for row in rows} == {"open, high: shared-device, no-service"}


def test_the_reason_follows_what_is_stated(told: Told) -> None:
    """With the service named it is unaudited, with the audit not enrolled, with the enrolment settled."""
    named, audited = told.chapter("the CAs say so").rows[-1], told.chapter("audited").rows[-1]

    assert named[1] == "open, high: shared-device, unaudited"
    assert audited[1] == "open, high: shared-device, not-enrolled"


def test_coverage_settles_one_and_the_other_stays(told: Told) -> None:
    """At the end one finding is settled because it is covered, the other is open."""
    by_device = {finding.device_text: finding for finding in told.ending.findings}

    settled, still_open = by_device["yubico-piv-serial 70000001"], by_device["yubico-piv-serial 70000002"]
    assert settled.state is State.SETTLED
    assert settled.settlement is not None
    assert settled.settlement.how is SettledBy.COVERED
    assert still_open.state is State.OPEN
    assert still_open.reason == "no-service"
    assert {subscriber.name for subscriber in still_open.subscribers} == {
        "Cedar Tools Ltd",
        "Dogwood Media SARL",
    }


def test_every_forgery_is_refused_by_name(told: Told) -> None:
    """Another key's evidence, a home-made attestation, a false auditor, a foreign CA: each by its own code."""
    codes = [row[1] for row in told.chapter("refuses").rows]

    assert codes == ["evidence-key-mismatch", "evidence-wrong-signature", "unknown-party", "not-the-issuer"]


def test_what_is_left_can_be_verified_again(told: Told) -> None:
    """Certificates carry the log's promise; evidence verifies under the vendor's root in anchors.toml alone."""
    folder = told.folder
    anchors = BUILTIN_ANCHORS.extended(read_anchors_file(folder.anchors))
    for name in ("alder", "birch", "birch-renewed", "cedar", "dogwood"):
        chain = certificates_from_pem((folder.path / "certificates" / f"{name}.pem").read_bytes())
        certificate = parse_certificate(chain[0])
        assert len(embedded_scts(certificate)) == 1
        evidence = parse_evidence((folder.path / "evidence" / f"{name.split('-')[0]}.evidence").read_bytes())
        assert verify_evidence(evidence, anchors).key_hash == certificate.key_hash
        with pytest.raises(EvidenceError):
            verify_evidence(evidence, BUILTIN_ANCHORS)
    kinds = {
        parse_statement(parse_envelope(path.read_bytes())).kind
        for path in (folder.path / "statements").iterdir()
    }
    assert kinds == {"device-binding", "certificate-revoked", "service-audit", "service-devices"}


def test_the_test_vendor_is_trusted_nowhere_else(told: Told) -> None:
    """Its root is neither among the package's anchors nor in the policy that `serve` starts with."""
    root = parse_vendor_certificate(
        certificates_from_pem((told.folder.path / "evidence" / "vendor-root.pem").read_bytes())[0]
    )

    assert BUILTIN_ANCHORS.by_key_hash(root.spki_hash) is None
    assert default_configuration().policy.anchors.by_key_hash(root.spki_hash) is None


def test_every_private_key_is_its_owners_alone(told: Told) -> None:
    """Whatever in the folder holds a private key is mode 0600."""
    private = [
        path for path in told.folder.path.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]

    assert len(private) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_the_log_is_left_whole(told: Told) -> None:
    """trust.json names the log; nothing is staged; the monitor's state is there."""
    assert decode_json(told.folder.trust.read_bytes())["name"] == "localhost:8470"
    assert (told.folder.monitor / "monitor.sqlite").is_file()


def test_the_next_steps_are_on_this_folder(told: Told) -> None:
    """Every path in them exists, and they look at evidence, extension, certificate, log and findings."""
    verbs = [step.arguments.split()[0] for step in told.ending.next_steps]

    assert verbs == ["identify", "extension", "lint", "monitor", "serve", "check", "monitor"]
    for step in told.ending.next_steps:
        for word in step.arguments.split():
            if str(told.folder.path) in word:
                assert Path(word).exists()


def test_nothing_in_it_is_old(told: Told) -> None:
    """Certificates are valid now, so that what the monitor says of them is about now."""
    chain = certificates_from_pem((told.folder.path / "certificates" / "alder.pem").read_bytes())
    certificate = parse_certificate(chain[0])

    assert certificate.not_before <= time.time() <= certificate.not_after
