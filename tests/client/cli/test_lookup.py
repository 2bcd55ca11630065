# SPDX-License-Identifier: Apache-2.0
"""`keystead lookup`, against servers in processes of their own, honest and not."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.device_identifier import device_id
from keystead.certificate.extension import Method
from keystead.cli.output import Output
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.payloads import (
    DeviceBinding,
    DeviceReference,
    ServiceAudit,
    ServiceDevices,
    Statement,
    service_id_of,
)
from keystead.statements.statement_key import spki_of
from keystead.testvendor.certificates import to_pem
from support.command_line import CommandLine, Ended
from support.lying_proxy import LyingProxy
from support.served_log import ServedLog
from support.world import Leaf, World, party_key

SERIAL = 28557046
DEVICE = device_id("yubico-piv-serial", str(SERIAL))
DAY = 86_400


@dataclass
class Place:
    """A running log with a shared device in it, its world, and files."""

    log: ServedLog
    world: World
    folder: Path
    answers: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    service: bytes = b""

    @property
    def trust(self) -> tuple[object, ...]:
        """Whose keys and whose vendor to believe."""
        return ("--trust", self.log.trust, "--anchors", self.folder / "anchors.toml")

    def lookup(self, keystead: CommandLine, *arguments: object, url: str | None = None) -> Ended:
        """Look something up, as soon as the index covers everything."""
        return keystead("lookup", *arguments, "--log", url or self.log.url, *self.trust)

    def write(self, name: str, *ders: bytes) -> Path:
        """Certificates as one PEM file."""
        path = self.folder / f"{name}.pem"
        path.write_text("".join(map(to_pem, ders)))
        return path

    def submit(self, keystead: CommandLine, name: str, leaf: Leaf, der: bytes, serial: int | None) -> None:
        """Log a chain, with evidence."""
        chain = self.write(name, der, *leaf.authority.chain)
        evidence: tuple[object, ...] = ()
        if serial is not None:
            piece = self.folder / "piece.evidence"
            piece.write_bytes(self.world.evidence(leaf, serial).encode())
            evidence = ("--evidence", piece)
        ended = keystead("submit", chain, *evidence, "--log", self.log.url, *self.trust[:2], "--json")
        assert ended.code == 0, ended.err
        self.answers[name], self.leaves[name] = ended.document, leaf

    def say(self, keystead: CommandLine, envelope: Envelope) -> int:
        """Log a statement; its index."""
        path = self.folder / "statement.json"
        path.write_bytes(envelope.encode())
        ended = keystead("statement", "submit", path, "--log", self.log.url, *self.trust[:2], "--json")
        assert ended.code == 0, ended.err
        return int(ended.document["leaf_index"])


def _operator(statement: Statement) -> Envelope:
    return sign_envelope(party_key("Operator"), statement.payload_type, statement.encode())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A device that two subscribers of two CAs use, a service, and a certificate that is bound to the device."""
    folder = tmp_path_factory.mktemp("lookup")
    world = World(folder / "world")
    policy = world.write_policy(backfill="any")
    (folder / "anchors.toml").write_text(
        '[[vendor_anchor]]\nname = "Test"\ncertificate = "world/vendor.pem"\nformats = ["yubikey-piv"]\n'
    )
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        yield Place(log, world, folder)


@pytest.fixture
def told(place: Place, capsys: pytest.CaptureFixture[str]) -> Place:
    """The same, once everything is logged and indexed."""
    if place.answers:
        return place
    keystead, world = CommandLine(capsys), place.world
    origin = json.loads(place.log.trust.read_text())["statements"]["origin"]
    now = int(time.time())
    key = spki_of(party_key("Operator"))
    place.service = service_id_of(key, "Signing Service")
    audit = ServiceAudit(
        origin,
        now,
        service=place.service,
        service_name="Signing Service",
        founding_key=key,
        operator_name="Operator",
        operator_key=key,
        scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
        auditor="Careful Audits",
        not_before=now - 10 * DAY,
        not_after=now + 300 * DAY,
        period_start=now - 300 * DAY,
        period_end=now - 20 * DAY,
    )
    place.say(keystead, world.say("Careful Audits", audit))
    reference = DeviceReference("yubico-piv-serial", DEVICE)
    first = world.leaf("First AB", serial=SERIAL, service=place.service)
    place.submit(keystead, "first-pre", first, first.precertificate, SERIAL)
    place.submit(keystead, "first", first, first.certificate(), None)
    enrolment = ServiceDevices(
        origin, now, service=place.service, from_=now, join=(reference,), leave=(), next_key=None
    )
    place.say(keystead, _operator(enrolment))
    second = world.leaf("Second GmbH", serial=SERIAL, authority=world.south)
    place.submit(keystead, "second", second, second.precertificate, SERIAL)
    third = world.leaf("Third Ltd")
    place.submit(keystead, "third", third, third.certificate(), None)

    def binding(device: DeviceReference, supersedes: int | None) -> Envelope:
        statement = DeviceBinding(
            origin,
            now,
            certificate=bytes.fromhex(place.answers["third"]["certificate_id"]),
            issuance_index=place.answers["third"]["leaf_index"],
            devices=(device,),
            method=Method.SHIPPED_BY_CA,
            service=None,
            supersedes=supersedes,
            supersedes_extension=False,
        )
        return world.say("North CA", statement)

    bound = place.say(keystead, binding(reference, None))
    other = DeviceReference("yubico-piv-serial", device_id("yubico-piv-serial", "1"))
    last = place.say(keystead, binding(other, bound))
    deadline = time.monotonic() + 60
    while True:
        ended = place.lookup(keystead, "device", DEVICE.hex(), "--json")
        (proven,) = ended.document["proven_at"] if ended.code == 0 else ({"statements_size": -1},)
        if proven["statements_size"] > last:
            return place
        assert time.monotonic() < deadline, ended.err


def test_a_device_by_its_own_number(keystead: CommandLine, told: Place) -> None:
    """Everything on it in the order of the log, with who says so, and what is proven."""
    ended = told.lookup(keystead, "device", f"yubico-piv-serial:{SERIAL}", "--json")
    assert ended.code == 0, ended.err
    found = ended.document
    assert (found["kind"], found["value"], found["count"]) == ("device", DEVICE.hex(), 3)
    assert found["device"] == {"scheme": "yubico-piv-serial", "value": str(SERIAL), "class": "unit"}
    assert (found["absent"], found["whole"], found["problems"]) == (False, True, [])
    origin = json.loads(told.log.trust.read_text())["issuance"]["origin"]
    shown = [(one["origin"], one["index"], one["listed"]) for one in found["entries"]]
    assert shown == [(origin, 0, True), (origin, 1, True), (origin, 2, True), (origin, 3, False)]
    first, final, second, third = found["entries"]
    assert (first["type"], final["type"]) == ("precertificate", "certificate")
    assert first["certificate"] == final["certificate"]
    assert [one["subscriber"]["name"] for one in found["entries"]] == [
        *("First AB", "First AB", "Second GmbH", "Third Ltd")
    ]
    assert [one["issuer"] for one in found["entries"]] == ["North CA", "North CA", "South CA", "North CA"]
    assert [one["assurance"] for one in found["entries"]] == ["attested", "attested", "attested", None]
    # What its CA said of the third was taken back since.
    (claim,) = (one for one in third["devices"] if one["device_id"] == DEVICE.hex())
    assert (claim["kind"], claim["assurance"], claim["superseded"] is None) == (
        *("binding", "ca-verified", False),
    )
    assert first["audit_then"]["standing"] == "not-enrolled"
    assert first["audit_now"] == first["audit_now"] | {"standing": "covered", "auditor": "Careful Audits"}
    assert second["audit_now"]["standing"] == "no-service"
    kinds = [(one["kind"], one["by"], one["counts"]) for one in found["statements"]]
    assert kinds == [
        ("device-evidence", "the log", True),
        ("service-devices", "Operator", True),
        ("device-evidence", "the log", True),
        ("device-binding", "North CA", True),
    ]
    assert found["statements"][-1]["superseded_by"]["index"] == found["statements"][-1]["index"] + 1
    (proven,) = found["proven_at"]
    assert (proven["origin"], proven["lag"], proven["issuance_size"]) == (origin, 0, 4)


def test_for_people(keystead: CommandLine, told: Place) -> None:
    """A table of certificates, one of statements, and where it was proven."""
    ended = told.lookup(keystead, "device", f"yubico-piv-serial:{SERIAL}")
    assert ended.code == 0, ended.err
    for words in (
        f"device yubico-piv-serial:{SERIAL} (unit)",
        "First AB",
        "South CA",
        "attested (evidence)",
        "(binding), superseded",
        "Signing Service",
        "not-enrolled",
        "covered until",
        "Proven complete: 3 entries",
        "superseded by",
        "every entry",
    ):
        assert words in " ".join(ended.out.split()), ended.out


@pytest.mark.parametrize(
    ("kind", "file", "entries"),
    [
        ("device", "first", [0, 1, 2, 3]),
        ("key", "second", [0, 1, 2]),  # the device has one key
        ("subscriber", "third", [3]),
        ("service", "first", [0, 1]),
        ("certificate", "first-pre", [0, 1]),
        ("certificate", "third", [3]),
    ],
)
def test_what_a_certificate_names(
    keystead: CommandLine, told: Place, kind: str, file: str, entries: list[int]
) -> None:
    """A file stands for what it names, a chain also for the certificate's id."""
    ended = told.lookup(keystead, kind, told.folder / f"{file}.pem", "--json")
    assert ended.code == 0, ended.err
    assert [one["index"] for one in ended.document["entries"]] == entries
    again = told.lookup(keystead, kind, ended.document["value"], "--json")
    assert again.document["entries"] == [
        {**one, "audit_now": again.document["entries"][at]["audit_now"]}
        for at, one in enumerate(ended.document["entries"])
    ]


def test_a_certificate_without_its_issuer(keystead: CommandLine, told: Place) -> None:
    """The log knows who issued it, in either form; what it does not have cannot be asked about by content."""
    for der in (told.leaves["first"].certificate(), told.leaves["first"].precertificate):
        alone = told.write("alone", der)
        ended = told.lookup(keystead, "certificate", alone, "--json")
        assert ended.code == 0, ended.err
        assert ended.document["value"] == told.answers["first"]["certificate_id"]
    stranger = told.world.leaf("Stranger", serial=9)
    alone = told.write("alone", stranger.certificate())
    ended = told.lookup(keystead, "certificate", alone)
    assert ended.code == 2
    assert "--issuer" in ended.err
    issuer = told.write("issuer", stranger.authority.intermediate_der)
    ended = told.lookup(keystead, "certificate", alone, "--issuer", issuer, "--json")
    assert (ended.code, ended.document["absent"]) == (0, True)


def test_on_a_narrow_terminal(keystead: CommandLine, told: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of lines for each certificate, with the same in it, and nothing folded."""
    monkeypatch.setattr(Output, "width", 80)
    ended = told.lookup(keystead, "device", DEVICE.hex())
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[1:] for line in lines if line.startswith("subscriber")] == [
        *(["First", "AB"], ["Second", "GmbH"], ["Third", "Ltd"])
    ]
    assert next(line for line in lines if line.startswith("audit now")).endswith(", Careful Audits")


def test_absence(keystead: CommandLine, told: Place) -> None:
    """That nothing is there is proven, and said so."""
    ended = told.lookup(keystead, "device", "yubico-piv-serial:99", "--json")
    assert ended.code == 0
    found = ended.document
    assert (found["count"], found["entries"], found["statements"], found["absent"]) == (0, [], [], True)
    ended = told.lookup(keystead, "key", "00" * 32)
    assert ended.code == 0
    assert "Proven absent" in ended.out
    assert "device yubico-piv-serial:99, " in told.lookup(keystead, "device", "yubico-piv-serial:99").out


def test_only_the_newest(keystead: CommandLine, told: Place) -> None:
    """The count is that of the whole history, and that something is left out is said."""
    ended = told.lookup(keystead, "device", DEVICE.hex(), "--limit", 1, "--json")
    assert (ended.document["count"], ended.document["whole"]) == (3, False)
    assert 2 in [one["index"] for one in ended.document["entries"]]
    assert 0 not in [one["index"] for one in ended.document["entries"]]
    assert "Only the newest" in told.lookup(keystead, "device", DEVICE.hex(), "--limit", 1).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("device", "yubico-piv-serial:007"), "no leading zeros"),
        (("device", "no-such-scheme:7"), "no device scheme"),
        (("device", "absent.pem"), "names no device"),
        (("key", "yubico-piv-serial:7"), "names no key"),
        (("key", "AA" * 32), "names no key"),
        (("handle", "00" * 32), "handle"),
        (("key",), "VALUE"),
        (("key", "00" * 32, "--limit", "0"), "0"),
    ],
)
def test_what_is_no_question(
    keystead: CommandLine, place: Place, arguments: tuple[str, ...], words: str
) -> None:
    """One sentence that says what to give instead."""
    ended = place.lookup(keystead, *arguments)
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_certificates_that_name_nothing(keystead: CommandLine, told: Place) -> None:
    """A certificate without extension names no device, one without a service no service."""
    for kind, file in (("device", "third"), ("service", "second")):
        ended = told.lookup(keystead, kind, told.folder / f"{file}.pem")
        assert ended.code == 2
        assert f"names no {kind}" in ended.err


def test_a_log_that_is_not_there(keystead: CommandLine, told: Place) -> None:
    """Exit code 2, and nothing is shown."""
    ended = told.lookup(keystead, "key", "00" * 32, url="http://127.0.0.1:1")
    assert ended.code == 2
    assert "cannot be reached" in ended.err
    assert ended.out == ""


def test_a_log_without_an_index(keystead: CommandLine, told: Place) -> None:
    """It is known from trust.json."""
    trust = json.loads(told.log.trust.read_text())
    del trust["index"]
    path = told.folder / "no-index.json"
    path.write_text(json.dumps(trust))
    ended = keystead("lookup", "key", "00" * 32, "--log", told.log.url, "--trust", path)
    assert ended.code == 2
    assert "no index" in ended.err


def _answer(path: str, body: bytes) -> dict[str, Any] | None:
    return json.loads(body) if path.startswith(f"/index/v1/device-certificates/{DEVICE.hex()}") else None


def _drop(path: str, body: bytes) -> bytes:
    answer = _answer(path, body)
    if answer is None:
        return body
    answer["entries"] = answer["entries"][:1] + answer["entries"][2:]
    return json.dumps(answer).encode()


def _drop_and_recount(path: str, body: bytes) -> bytes:
    answer = _answer(path, body)
    if answer is None:
        return body
    answer["entries"] = answer["entries"][:-1]
    answer["count"] -= 1
    return json.dumps(answer).encode()


def _deny(path: str, body: bytes) -> bytes:
    answer = _answer(path, body)
    if answer is None:
        return body
    nothing = {"count": 0, "from": 0, "entries": [], "page_proof": {"left": [], "right": []}}
    return json.dumps(answer | nothing).encode()


def _answer_something_else(path: str, body: bytes) -> bytes:
    answer = _answer(path, body)
    return body if answer is None else json.dumps(answer | {"value": "00" * 32}).encode()


def _alter_an_entry(path: str, body: bytes) -> bytes:
    return body[:40] + bytes([body[40] ^ 1]) + body[41:] if "/issuance/tile/data/" in path else body


def _alter_a_tile(path: str, body: bytes) -> bytes:
    return body[:-1] + bytes([body[-1] ^ 1]) if "/issuance/tile/0/" in path else body


def _garble(path: str, body: bytes) -> bytes:
    return b"<html>" if _answer(path, body) is not None else body


@pytest.mark.parametrize(
    ("lie", "checks"),
    [
        (_drop, {"history-page", "map-proof"}),
        (_drop_and_recount, {"history-page", "map-proof"}),
        (_deny, {"map-proof"}),
        (_answer_something_else, {"other-subject"}),
        (_alter_an_entry, {"bundle"}),
        (_alter_a_tile, {"tile"}),
        (_garble, {"malformed-answer"}),
    ],
)
def test_lies_are_refused(keystead: CommandLine, told: Place, lie: Any, checks: set[str]) -> None:
    """Whatever is left out, altered or made up: nothing is shown, and the check is named."""
    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lie)
        ended = told.lookup(keystead, "device", DEVICE.hex(), "--json", url=proxy.url)
        assert ended.code == 1
        found = ended.document
        assert (found["count"], found["entries"], found["absent"]) == (None, [], False)
        (problem,) = found["problems"]
        assert problem["code"] in checks
        shown = told.lookup(keystead, "device", DEVICE.hex(), url=proxy.url)
        assert shown.code == 1
        assert problem["code"] in shown.out
        assert "First AB" not in shown.out


def test_another_head_in_the_middle(keystead: CommandLine, told: Place) -> None:
    """Answers of one lookup are under one head: one that is under another is refused."""
    old: dict[str, bytes] = {}

    def lie(path: str, body: bytes) -> bytes:
        kept = old.setdefault(path.split("&head=", maxsplit=1)[0], body)
        return kept if "/device-statements/" in path else body

    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lie)
        assert told.lookup(keystead, "device", DEVICE.hex(), url=proxy.url).code == 0
        before = told.lookup(keystead, "device", DEVICE.hex(), "--json").document["proven_at"][0]["head"]
        fresh = told.world.leaf("Fourth SA")
        told.submit(keystead, "fourth", fresh, fresh.certificate(), None)
        deadline = time.monotonic() + 60
        while told.lookup(keystead, "key", "00" * 32, "--json").document["proven_at"][0]["head"] == before:
            assert time.monotonic() < deadline
        ended = told.lookup(keystead, "device", DEVICE.hex(), "--json", url=proxy.url)
    assert ended.code == 1
    assert [one["code"] for one in ended.document["problems"]] == ["other-head"]


def test_an_old_head(keystead: CommandLine, told: Place) -> None:
    """A log that shows yesterday's answers is refused by age or lag, whichever the reader limits; and told how far."""
    kept: dict[str, bytes] = {}
    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lambda path, body: kept.setdefault(path, body) if "/index/" in path else body)
        assert told.lookup(keystead, "key", "00" * 32, url=proxy.url).code == 0
        time.sleep(1.1)
        ended = told.lookup(keystead, "key", "00" * 32, "--max-age", 0, "--json", url=proxy.url)
        assert ended.code == 1
        (problem,) = ended.document["problems"]
        assert problem["code"] == "head-too-old"
        assert "seconds old" in problem["sentence"]
        shown = told.lookup(keystead, "key", "00" * 32, "--max-age", 0, url=proxy.url)
        assert shown.code == 1
        assert "cannot be told" in " ".join(shown.out.split())
        assert "Proven" not in shown.out


def test_evidence_that_is_withheld(keystead: CommandLine, told: Place) -> None:
    """The log's word remains, and that it withholds the proof is told."""
    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lambda path, body: None if "/evidence/" in path else body)
        ended = told.lookup(keystead, "device", DEVICE.hex(), "--json", url=proxy.url)
    assert ended.code == 1
    assert {one["code"] for one in ended.document["problems"]} == {"evidence-withheld"}
    assert ended.document["entries"][0]["assurance"] == "ca-verified"


def test_several_logs(keystead: CommandLine, told: Place, tmp_path: Path) -> None:
    """Counts are added, entries say where they are, and each log says what it proves."""
    with ServedLog(tmp_path / "other", told.folder / "world" / "policy.toml", "--index-period", 20) as other:
        chain = told.folder / "second.pem"
        piece = tmp_path / "piece.evidence"
        piece.write_bytes(told.world.evidence(told.leaves["second"], SERIAL).encode())
        submitted = keystead(
            "submit", chain, "--evidence", piece, "--log", other.url, "--trust", other.trust, "--json"
        )
        assert submitted.code == 0, submitted.err
        arguments = ("--log", told.log.url, "--log", other.url, *told.trust, "--trust", other.trust)
        deadline = time.monotonic() + 60
        while True:
            ended = keystead("lookup", "device", DEVICE.hex(), *arguments, "--json")
            if ended.code == 0 and ended.document["proven_at"][1]["issuance_size"] == 1:
                break
            assert time.monotonic() < deadline, ended.err
        assert ended.document["count"] == 4
        assert len({one["origin"] for one in ended.document["entries"]}) == 2
        shown = keystead("lookup", "device", DEVICE.hex(), *arguments)
        assert "| log" in shown.out
