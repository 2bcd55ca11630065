# SPDX-License-Identifier: Apache-2.0
"""`keystead check` and `keystead verify --record`, against servers in processes of their own."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from support.checked_log import CheckedLog, reference
from support.command_line import CommandLine
from support.lying_proxy import LyingProxy
from support.served_log import ServedLog

_SERIALS = count(5_000_000)
"""Each test has devices of its own."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedLog]:
    """One log for the tests of this module."""
    folder = tmp_path_factory.mktemp("check")
    world, policy = CheckedLog.policy(folder)
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        place = CheckedLog(log, world, folder)
        place.wait_for_index()
        yield place


def test_a_device_by_its_number(keystead: CommandLine, place: CheckedLog) -> None:
    """Clear before anybody is on it; shared for another subscriber once somebody is; the same for that one."""
    serial = next(_SERIALS)
    asked = ("--device", f"yubico-piv-serial:{serial}", "--subscriber")
    before = place.check(keystead, *asked, "O=Second GmbH,C=SE")
    assert (before.code, before.document["verdict"], before.document["reasons"]) == (
        0,
        "clear",
        ["never-seen"],
    )
    first = place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    # Nobody waits for the index: what lies behind it is read as well.
    after = place.check(keystead, *asked, "O=Second GmbH,C=SE")
    answer = after.document
    assert (after.code, answer["verdict"], answer["reasons"]) == (1, "shared", ["no-service"])
    assert answer["entries"] == [
        {"origin": answer["logs"][0]["origin"], "index": first.document["leaf_index"]}
    ]
    assert answer["tree_size"] > first.document["leaf_index"]
    assert 0 <= answer["lag"] <= answer["tree_size"]
    assert 0 <= answer["age"] < 900
    detail = answer["logs"][0]["details"][0]
    assert (detail["issuers"], detail["subscribers"][0]["name"]) == (["North CA"], "First AB")
    own = place.check(
        keystead, *asked, "C = SE, O = First AB", "--issuer", place.folder / "world" / "north-issuing.pem"
    )
    assert (own.code, own.document["verdict"]) == (0, "same-subscriber")


def test_a_long_name(keystead: CommandLine, place: CheckedLog) -> None:
    """A name that is longer than a file's may be is a name."""
    name = "O=Second GmbH,OU=" + ",OU=".join(f"Department {number} of many" for number in range(20)) + ",C=SE"
    ended = place.check(keystead, "--device", f"yubico-piv-serial:{next(_SERIALS)}", "--subscriber", name)
    assert (ended.code, ended.document["verdict"]) == (0, "clear"), ended.err


def test_an_equal_name_alone(keystead: CommandLine, place: CheckedLog) -> None:
    """Without the CA that vets it, it is only perhaps the same subscriber."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    ended = place.check(
        keystead, "--device", reference(serial).device_id.hex(), "--subscriber", "O=First AB,C=SE"
    )
    assert (ended.code, ended.document["reasons"]) == (1, ["no-service", "perhaps-same"])
    asked = ("--device", reference(serial).device_id.hex(), "--subscriber", "O=First AB,C=SE")
    assert "give its certificate with --issuer" in keystead("check", *asked, *place.trust).out


def test_evidence_and_a_request(keystead: CommandLine, place: CheckedLog) -> None:
    """The device is the one that the evidence proves; it must be for the request's key."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    leaf = place.leaf("Second GmbH", serial)
    name = x509.Name.from_rfc4514_string("O=Second GmbH,C=SE")
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    request = place.folder / "request.pem"
    request.write_bytes(builder.sign(leaf.key.private_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    asked = ("--evidence", place.evidence(leaf, serial), "--subscriber", request)
    ended = place.check(keystead, *asked)
    assert (ended.code, ended.document["verdict"]) == (1, "shared")
    other = place.leaf("Third Ltd", serial)
    ended = place.check(keystead, "--evidence", place.evidence(other, serial), "--subscriber", request)
    assert ended.code == 1
    assert "another key" in ended.err


def test_a_certificate_that_is_logged(keystead: CommandLine, place: CheckedLog) -> None:
    """It is not its own neighbour; for another subscriber it is."""
    serial = next(_SERIALS)
    leaf = place.leaf("First AB", serial)
    place.submit(keystead, leaf, serial=serial)
    alone = place.write("alone", leaf.precertificate)
    for file in (place.chain(leaf), alone):
        ended = place.check(keystead, "--cert", file)
        assert (ended.code, ended.document["verdict"]) == (0, "clear")
        ended = place.check(keystead, "--cert", file, "--subscriber", file)
        assert (ended.code, ended.document["verdict"]) == (0, "clear")
    ended = place.check(keystead, "--cert", alone, "--subscriber", "O=Second GmbH,C=SE")
    assert (ended.code, ended.document["verdict"]) == (1, "shared")


def test_a_certificate_that_has_ended(keystead: CommandLine, place: CheckedLog) -> None:
    """Nothing follows from it for a new one: the sentence says how to ask."""
    leaf = place.leaf("First AB", next(_SERIALS), not_before=1_600_000_000, not_after=1_700_000_000)
    ended = place.check(keystead, "--cert", place.chain(leaf))
    assert (ended.code, ended.out) == (2, "")
    assert "has ended" in ended.err


def test_a_covered_device(keystead: CommandLine, place: CheckedLog) -> None:
    """Which service, which audit, until when; for people as for programs."""
    serial = next(_SERIALS)
    service = place.found_service(keystead, [serial], f"Signing {serial}")
    place.submit(keystead, place.leaf("First AB", serial, service=service), serial=serial)
    asked = ("--device", f"yubico-piv-serial:{serial}", "--subscriber", "O=Second GmbH,C=DE")
    ended = place.check(keystead, *asked, "--service", service.hex())
    assert (ended.code, ended.document["verdict"]) == (0, "covered")
    cover = ended.document["logs"][0]["details"][0]["cover"]
    assert (cover["service"], cover["auditor"], cover["operator"]) == (
        service.hex(),
        "Careful Audits",
        "Operator",
    )
    assert cover["until"] > "2026"
    assert place.check(keystead, *asked).document["reasons"][0] == "no-service"
    shown = keystead("check", *asked, "--service", service.hex(), *place.trust)
    assert shown.code == 0
    assert shown.out.startswith("covered: ")
    assert "audited by Careful Audits" in " ".join(shown.out.split())


def test_a_record(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """It is verified without the log, and what was altered in it is named."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    record = tmp_path / "check.json"
    asked = ("--device", f"yubico-piv-serial:{serial}", "--subscriber", "O=Second GmbH,C=SE")
    ended = place.check(keystead, *asked, "--record", record)
    offline = ("--trust", place.log.trust, "--anchors", place.folder / "anchors.toml", "--json")
    verified = keystead("verify", "--record", record, *offline)
    assert verified.code == 0, verified.err
    assert verified.document["ok"] is True
    assert verified.document["logs"] == ended.document["logs"]
    assert keystead("verify", "--record", record, *offline[:4]).out.startswith("the record is good")

    document = json.loads(record.read_text())
    document["logs"][0]["answer"]["verdict"] = "clear"
    record.write_text(json.dumps(document))
    refused = keystead("verify", "--record", record, *offline)
    assert (refused.code, refused.document["problem"]["code"]) == (1, "record-verdict")
    assert "verdict is 'shared' and not 'clear'" in refused.err


def test_several_logs(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """The worst verdict wins, and each log's is shown; one that lies leaves no verdict but shared."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    world, policy = CheckedLog.policy(tmp_path)
    asked = ("--device", f"yubico-piv-serial:{serial}", "--subscriber", "O=Second GmbH,C=SE")
    with ServedLog(tmp_path / "log", policy, "--index-period", 20, "--name", "other.example") as log:
        other = CheckedLog(log, world, tmp_path)
        other.wait_for_index()
        alone = other.check(keystead, *asked)
        assert alone.document["verdict"] == "clear"
        record = tmp_path / "record.json"
        both = keystead("check", *asked, *other.trust, *place.trust[:4], "--record", record, "--json")
        assert (both.code, both.document["verdict"]) == (1, "shared")
        trusts = ("--trust", log.trust, "--trust", place.log.trust)
        again = keystead("verify", "--record", record, *trusts, *other.trust[4:], "--json")
        assert (again.code, again.document["logs"]) == (0, both.document["logs"])
        record.unlink()
        assert [one["verdict"] for one in both.document["logs"]] == ["shared", "clear"]

        def garble(path: str, body: bytes) -> bytes:
            return body.replace(b'"count":', b'"count":1') if path.startswith("/index/") else body

        with LyingProxy(log.url) as proxy:
            proxy.lies.append(garble)
            trust = ("--log", proxy.url, *other.trust[2:])
            lied = keystead("check", *asked, *trust, "--record", record, "--json")
            assert (lied.code, lied.document["verdict"]) == (1, None)
            assert lied.document["problems"]
            assert "no record is kept" in lied.err
            assert not record.exists()
            worse = keystead("check", *asked, *trust, *place.trust[:4], "--json")
            assert (worse.code, worse.document["verdict"]) == (1, "shared")


def test_an_index_that_is_too_old(keystead: CommandLine, place: CheckedLog) -> None:
    """It says nothing, and the exit code is 1."""
    asked = ("--device", "yubico-piv-serial:1", "--subscriber", "O=Second GmbH,C=SE")
    ended = place.check(keystead, *asked, "--max-age", 0)
    assert (ended.code, ended.document["verdict"]) == (1, None)
    assert "old" in ended.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "ask about one thing"),
        (("--device", "yubico-piv-serial:1"), "--subscriber"),
        (("--device", "yubico-piv-serial:1", "--cert", "CERT", "--subscriber", "O=x"), "ask about one thing"),
        (("--device", "abc", "--subscriber", "O=x"), "names no device"),
        (("--device", "yubico-piv-serial:01", "--subscriber", "O=x"), "is not how"),
        (("--device", "yubico-piv-serial:1", "--subscriber", "nobody"), "distinguished name"),
        (("--evidence", "CERT", "--subscriber", "O=x"), "evidence"),
        (("--cert", "CERT"), "names no device"),
        (("--cert", "ANCHORS"), "no certificate"),
    ],
)
def test_a_question_that_is_none(
    keystead: CommandLine, place: CheckedLog, options: tuple[str, ...], sentence: str
) -> None:
    """Exit code 2, and a sentence that says what to do."""
    leaf = place.world.leaf("Fourth")
    files = {"CERT": place.chain(leaf), "ANCHORS": place.folder / "anchors.toml"}
    ended = place.check(keystead, *(files.get(option, option) for option in options))
    assert ended.code == 2, ended.out
    assert sentence in ended.err


def test_what_cannot_be_asked(keystead: CommandLine, place: CheckedLog) -> None:
    """Evidence that does not verify is a bad answer (1); a log that cannot be reached is none (2)."""
    leaf = place.leaf("First AB", next(_SERIALS))
    asked = ("--evidence", place.evidence(leaf, 1), "--subscriber", "O=Second GmbH,C=SE")
    ended = keystead("check", *asked, *place.trust[:4], "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "pinned key" in ended.err
    nobody = ("--log", "http://127.0.0.1:9", *place.trust[2:])
    ended = keystead("check", *asked, *nobody)
    assert (ended.code, ended.out) == (2, "")
    assert "cannot be reached" in ended.err


def test_hostile_names(keystead: CommandLine, place: CheckedLog) -> None:
    """Nothing in a subject reaches the terminal as it stands."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("Evil\x1b[2J AB", serial), serial=serial)
    asked = ("--device", f"yubico-piv-serial:{serial}", "--subscriber", "O=Second GmbH,C=SE")
    shown = keystead("check", *asked, *place.trust)
    assert shown.code == 1
    assert "\x1b" not in shown.out
    assert "Evil" in shown.out
