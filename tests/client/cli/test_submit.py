# SPDX-License-Identifier: Apache-2.0
"""`keystead submit` and `keystead statement submit`, against a server in a process of its own."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keystead.certificate.precertificate import certificate_id, embedded_scts, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.client.trust import parse_trust
from keystead.demo.cast import AUDITOR, Cast, Subscriber, make_cast, write_cast
from keystead.demo.folder import DemoFolder
from keystead.devices.result import DeviceIdentity
from support.command_line import CommandLine
from support.served_log import ServedLog

NOW = int(time.time())
VALID = (NOW - 86_400, NOW + 300 * 86_400)
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@dataclass(frozen=True)
class Place:
    """A running log, the people whom its policy knows, and their folder."""

    log: ServedLog
    cast: Cast
    folder: DemoFolder

    @property
    def options(self) -> tuple[object, ...]:
        """The log, and whose keys to believe."""
        return ("--log", self.log.url, "--trust", self.log.trust)

    def precertificate(self, who: Subscriber) -> Path:
        """The file of a subscriber's precertificate chain."""
        chain = who.certificate(VALID, device_extension=who.extension(), precertificate=True)
        return self.folder.write_chain(f"{who.short}-precertificate", chain)

    def evidence(self, who: Subscriber) -> Path:
        """The file of a subscriber's evidence."""
        return self.folder.write_evidence(who.short, who.evidence)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One log for the tests of this module; each makes what it needs in it."""
    folder = DemoFolder(tmp_path_factory.mktemp("place") / "folder")
    cast = make_cast()
    write_cast(cast, folder)
    with ServedLog(folder.log, folder.policy) as log:
        yield Place(log, cast, folder)


def test_a_precertificate_and_its_certificate(keystead: CommandLine, place: Place) -> None:
    """The answer has every promised member; the promise is embedded; the certificate has the same id."""
    alder = place.cast.alder
    chain = place.precertificate(alder)

    first = keystead("submit", chain, "--evidence", place.evidence(alder), *place.options, "--json")

    answer = first.document
    assert first.code == 0
    promised = {"leaf_index", "statement_index", "timestamp", "serialized_sct", "certificate_id", "devices"}
    assert promised <= answer.keys()
    assert answer["verdict"] is None
    assert answer["devices"] == [alder.identity.device_id.hex()]
    assert answer["log"] == parse_trust(place.log.trust.read_bytes()).issuance.key.origin

    final = alder.certificate(
        VALID, device_extension=alder.extension(), sct_list=b64decode(answer["sct_list"])
    )
    certificate = parse_certificate(final[0])
    assert embedded_scts(certificate) == [b64decode(answer["serialized_sct"])]
    second = keystead("submit", place.folder.write_chain("alder", final), *place.options, "--json")
    assert second.code == 0
    assert second.document["certificate_id"] == answer["certificate_id"]
    assert (
        answer["certificate_id"]
        == certificate_id(alder.authority.ca.issuer_key_hash, log_tbs(certificate)).hex()
    )
    assert second.document["leaf_index"] != answer["leaf_index"]


def test_what_is_logged_already_is_answered_again(keystead: CommandLine, place: Place) -> None:
    """A second submission gets the identical promise and entry."""
    birch = place.cast.birch
    command = (
        "submit",
        place.precertificate(birch),
        "--evidence",
        place.evidence(birch),
        *place.options,
        "--json",
    )

    first, second = keystead(*command).document, keystead(*command).document

    assert first["serialized_sct"] == second["serialized_sct"]
    assert first["leaf_index"] == second["leaf_index"]


def test_several_chains_at_once(keystead: CommandLine, place: Place) -> None:
    """Two chains, two pieces of evidence in a folder: a line each, each piece beside its own chain."""
    people = (place.cast.cedar, place.cast.dogwood)
    pieces = place.folder.path / "pieces"
    pieces.mkdir()
    for who in people:
        (pieces / who.short).write_bytes(who.evidence.encode())

    ended = keystead(
        *("submit", *(place.precertificate(who) for who in people), "--evidence", pieces),
        *("--anchors", place.folder.anchors, *place.options, "--json"),
    )

    assert ended.code == 0
    by_file = {Path(one["file"]).name: one for one in ended.documents}
    assert by_file.keys() == {f"{who.short}-precertificate.pem" for who in people}
    assert all(one["statement_index"] is not None for one in by_file.values())


def test_one_refusal_does_not_hold_up_the_others(keystead: CommandLine, place: Place) -> None:
    """A chain to an unknown root is refused by code beside one that is taken; the exit code is 1."""
    stranger = make_cast().alder
    chain = stranger.certificate(VALID, device_extension=stranger.extension(), precertificate=True)
    file = place.folder.write_chain("stranger", chain)

    ended = keystead("submit", place.precertificate(place.cast.alder), file, *place.options, "--json")

    by_file = {Path(one["file"]).name: one for one in ended.documents}
    assert ended.code == 1
    assert "error" not in by_file["alder-precertificate.pem"]
    assert by_file["stranger.pem"]["error"]["code"]
    assert "refuses" in ended.err


def test_evidence_of_another_key_is_refused(keystead: CommandLine, place: Place) -> None:
    """The log's code and sentence are shown, and the exit code is 1."""
    chain, evidence = place.precertificate(place.cast.alder), place.evidence(place.cast.birch)

    ended = keystead("submit", chain, "--evidence", evidence, *place.options, "--json")

    assert ended.code == 1
    assert ended.document["error"]["code"] == "evidence-key-mismatch"


def test_evidence_about_other_keys_is_not_sent_along(keystead: CommandLine, place: Place) -> None:
    """Of a folder with all slots of a device, the piece that attests the certificate's key goes, with a note."""
    alder = place.cast.alder
    slots = place.folder.path / "slots"
    slots.mkdir()
    (slots / "9a").write_bytes(alder.evidence.encode())
    (slots / "9d").write_bytes(alder.device.attest(alder.device.generate("9d").spki, "9d").encode())

    ended = keystead(
        *("submit", place.precertificate(alder), "--evidence", slots, "--anchors", place.folder.anchors),
        *(*place.options, "--json"),
    )

    assert ended.code == 0
    assert "attests another key" in ended.err


def test_two_logs_get_every_chain(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """With --log twice, there is a line for each chain and log, told apart by the log's origin."""
    chain, evidence = place.precertificate(place.cast.alder), place.evidence(place.cast.alder)
    with ServedLog(tmp_path / "other", place.folder.policy, "--name", "other.example") as other:
        ended = keystead(
            *("submit", chain, "--evidence", evidence, *place.options),
            *("--log", other.url, "--trust", other.trust, "--json"),
        )

    assert ended.code == 0
    assert len(ended.documents) == 2
    assert "other.example/issuance" in {one["log"] for one in ended.documents}


def test_people_see_the_promise(keystead: CommandLine, place: Place) -> None:
    """The table names subject and entry, and what to embed stands on a line of its own."""
    chain = place.precertificate(place.cast.alder)
    answer = keystead("submit", chain, *place.options, "--json").document

    ended = keystead("submit", chain, *place.options)

    assert ended.code == 0
    assert "Alder Software AB" in ended.out
    assert answer["sct_list"] in ended.out.splitlines()


def test_a_certificate_alone_gets_its_issuers_from_a_file(keystead: CommandLine, place: Place) -> None:
    """`--issuers` completes the chain; without it the sentence says what to do, exit code 2."""
    alder = place.cast.alder
    place.precertificate(alder)
    alone = place.folder.write_chain(
        "alone", alder.certificate(VALID, device_extension=alder.extension(), precertificate=True)[:1]
    )
    issuers = place.folder.path / "certificates" / "north-issuing.pem"

    without = keystead("submit", alone, *place.options)
    assert without.code == 2
    assert "--issuers" in without.err
    assert keystead("submit", alone, "--issuers", issuers, *place.options).code == 0


def test_trust_is_pinned_at_first_sight_and_said_so(
    keystead: CommandLine, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --trust the log's own word is taken once, with a note; the second time it is silent."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    command = ("submit", place.precertificate(place.cast.alder), "--log", place.log.url, "--json")

    first, second = keystead(*command), keystead(*command)

    assert first.code == second.code == 0
    assert "pinned" in first.err
    assert second.err == ""
    assert list((tmp_path / "keystead" / "trust").glob("*.trust.json"))


def test_another_logs_keys_do_not_verify(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """A promise by other keys than those of trust.json is a bad answer, exit code 1."""
    with ServedLog(tmp_path / "other") as other:
        trust = tmp_path / "trust.json"
        trust.write_bytes(other.trust.read_bytes())

    ended = keystead(
        "submit", place.precertificate(place.cast.alder), "--log", place.log.url, "--trust", trust, "--json"
    )

    assert ended.code == 1
    assert "error" in ended.document


def test_an_unreachable_log_is_2(keystead: CommandLine, place: Place) -> None:
    """Nothing answers: exit code 2 and a sentence."""
    ended = keystead(
        "submit",
        place.precertificate(place.cast.alder),
        "--log",
        NOBODY,
        "--trust",
        place.log.trust,
        "--json",
    )

    assert ended.code == 2
    assert "cannot be reached" in ended.err


@pytest.mark.parametrize("content", [b"hello", b"", b"\x30\x03\x02\x01\x01"])
def test_what_is_no_certificate_is_an_input_error(
    keystead: CommandLine, place: Place, tmp_path: Path, content: bytes
) -> None:
    """It is found before anything is sent: exit code 2."""
    file = tmp_path / "chain.pem"
    file.write_bytes(content)

    assert keystead("submit", file, *place.options).code == 2


def test_an_audit_and_an_enrolment_are_logged(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """`new --sign --submit` logs at once; the envelope that --out kept is answered again by `submit`."""
    cast, keys = place.cast, place.folder.path / "keys"
    envelope = tmp_path / "audit.json"
    service = ("--founding-key", keys / "operator.pub.pem", "--service-name", cast.service_name)
    audit = keystead(
        *(
            "statement",
            "new",
            "service-audit",
            *service,
            "--operator-name",
            cast.operator,
            "--auditor",
            AUDITOR,
        ),
        *("--scheme", "webtrust-csbr-netsec", "--not-before", "2026-01-01", "--not-after", "2026-12-31"),
        *("--sign", keys / "auditor.pem", "--submit", "--out", envelope, *place.options, "--json"),
    )
    again = keystead("statement", "submit", envelope, *place.options, "--json")
    enrolment = keystead(
        *("statement", "new", "service-devices", *service, "--join", "yubico-piv-serial:70000001"),
        *("--sign", keys / "operator.pem", "--submit", *place.options, "--json"),
    )

    assert audit.code == again.code == enrolment.code == 0
    assert audit.document["leaf_index"] == again.document["leaf_index"]
    assert enrolment.document["leaf_index"] > audit.document["leaf_index"]
    assert enrolment.document["kind"] == "service-devices"


def test_a_stranger_may_not_state_an_audit(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """A key that the policy does not know is refused by code: exit code 1."""
    cast, keys = place.cast, place.folder.path / "keys"
    mallory = tmp_path / "mallory.pem"
    keystead("statement", "keygen", "--out", mallory)

    ended = keystead(
        *("statement", "new", "service-audit", "--founding-key", keys / "operator.pub.pem"),
        *("--service-name", cast.service_name, "--operator-name", cast.operator, "--auditor", AUDITOR),
        *("--scheme", "webtrust-csbr-netsec", "--not-before", "2026-01-01", "--not-after", "2026-12-31"),
        *("--sign", mallory, "--submit", *place.options, "--json"),
    )

    assert ended.code == 1
    assert ended.document["error"]["code"]
    assert "refuses" in ended.err


def test_a_statement_for_another_log_is_not_sent(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """An envelope names its log; to send it elsewhere is a usage error."""
    key, envelope = place.folder.path / "keys" / "operator.pem", tmp_path / "other.json"
    keystead(
        *(
            "statement",
            "new",
            "service-devices",
            "--origin",
            "other.example/statements",
            "--service",
            "5a" * 32,
        ),
        *("--join", "luna-serial:1", "--sign", key, "--out", envelope),
    )

    ended = keystead("statement", "submit", envelope, *place.options)

    assert ended.code == 2
    assert "other.example/statements" in ended.err


def test_what_is_no_envelope_is_an_input_error(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """Not JSON, or JSON of another kind: exit code 2."""
    file = tmp_path / "envelope.json"
    for content in ("hello", json.dumps({"payloadType": "x"})):
        file.write_text(content)
        assert keystead("statement", "submit", file, *place.options).code == 2


@pytest.mark.samples
def test_a_real_certificate_is_logged_with_its_attestation(
    keystead: CommandLine, samples: Path, tmp_path: Path
) -> None:
    """FEN SYSTEMS LTD.'s expired certificate is taken with the attestation of slot 9a, and not with that of 9c."""
    folder = samples / "attestation" / "yubikey-piv" / "ipxe-28557046"
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[issuance]\nroots = ["{folder / "evcs.chain.pem"}"]\nbackfill = "evidence"\n')
    with ServedLog(tmp_path / "log", policy) as log:
        command = (
            *("submit", folder / "evcs.crt", "--issuers", folder / "evcs.chain.pem"),
            *("--log", log.url, "--trust", log.trust, "--json"),
            *("--evidence", folder / "attestation-intermediate.crt", "--evidence"),
        )
        wrong = keystead(*command, folder / "attestation-9c.crt")
        right = keystead(*command, folder / "attestation-9a.crt")

    assert wrong.code == 1
    assert wrong.document["error"]["code"] == "evidence-key-mismatch"
    assert right.code == 0
    assert right.document["statement_index"] == 1
    assert right.document["devices"] == [DeviceIdentity.of("yubico-piv-serial", "28557046").device_id.hex()]
