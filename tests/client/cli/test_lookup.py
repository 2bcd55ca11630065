# SPDX-License-Identifier: Apache-2.0
"""`keystead lookup`, against a server in a process of its own."""

import json
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.cli.output import Output
from support.command_line import CommandLine
from support.served_log import ServedLog
from support.shared_device import DEVICE, SERIAL, SharedDevice, shared_device


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDevice]:
    """One log for the tests of this module."""
    with shared_device(tmp_path_factory.mktemp("lookup")) as place:
        yield place


@pytest.fixture
def told(place: SharedDevice, keystead: CommandLine) -> SharedDevice:
    """The same, once everything is logged and indexed."""
    return place.tell(keystead)


def test_a_device_by_its_own_number(keystead: CommandLine, told: SharedDevice) -> None:
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
    last = found["statements"][-1]
    assert (last["index"], last["superseded_by"]["index"]) == told.bindings
    (proven,) = found["proven_at"]
    assert (proven["origin"], proven["lag"], proven["issuance_size"]) == (origin, 0, 4)


def test_for_people(keystead: CommandLine, told: SharedDevice) -> None:
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
    keystead: CommandLine, told: SharedDevice, kind: str, file: str, entries: list[int]
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


def test_the_key_of_a_request(keystead: CommandLine, told: SharedDevice) -> None:
    """Before there is a certificate, its key is asked about by the request."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    path = told.folder / "request.pem"
    path.write_bytes(request.public_bytes(Encoding.PEM))
    ended = told.lookup(keystead, "key", path, "--json")
    assert (ended.code, ended.document["absent"]) == (0, True)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert ended.document["value"] == sha256(spki).hexdigest()


def test_a_certificate_without_its_issuer(keystead: CommandLine, told: SharedDevice) -> None:
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


def test_on_a_narrow_terminal(
    keystead: CommandLine, told: SharedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of lines for each certificate, with the same in it, and nothing folded."""
    monkeypatch.setattr(Output, "width", 80)
    ended = told.lookup(keystead, "device", DEVICE.hex())
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[1:] for line in lines if line.startswith("subscriber")] == [
        *(["First", "AB"], ["Second", "GmbH"], ["Third", "Ltd"])
    ]
    assert next(line for line in lines if line.startswith("audit now")).endswith(", Careful Audits")


def test_absence(keystead: CommandLine, told: SharedDevice) -> None:
    """That nothing is there is proven, and said so."""
    ended = told.lookup(keystead, "device", "yubico-piv-serial:99", "--json")
    assert ended.code == 0
    found = ended.document
    assert (found["count"], found["entries"], found["statements"], found["absent"]) == (0, [], [], True)
    ended = told.lookup(keystead, "key", "00" * 32)
    assert ended.code == 0
    assert "Proven absent" in ended.out
    assert "device yubico-piv-serial:99, " in told.lookup(keystead, "device", "yubico-piv-serial:99").out


def test_only_the_newest(keystead: CommandLine, told: SharedDevice) -> None:
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
    keystead: CommandLine, place: SharedDevice, arguments: tuple[str, ...], words: str
) -> None:
    """One sentence that says what to give instead."""
    ended = place.lookup(keystead, *arguments)
    assert ended.code == 2
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_certificates_that_name_nothing(keystead: CommandLine, told: SharedDevice) -> None:
    """A certificate without extension names no device, one without a service no service."""
    for kind, file in (("device", "third"), ("service", "second")):
        ended = told.lookup(keystead, kind, told.folder / f"{file}.pem")
        assert ended.code == 2
        assert f"names no {kind}" in ended.err


def test_a_log_that_is_not_there(keystead: CommandLine, told: SharedDevice) -> None:
    """Exit code 2, and nothing is shown."""
    ended = told.lookup(keystead, "key", "00" * 32, url="http://127.0.0.1:1")
    assert ended.code == 2
    assert "cannot be reached" in ended.err
    assert ended.out == ""


def test_a_log_without_an_index(keystead: CommandLine, told: SharedDevice) -> None:
    """It is known from trust.json."""
    trust = json.loads(told.log.trust.read_text())
    del trust["index"]
    path = told.folder / "no-index.json"
    path.write_text(json.dumps(trust))
    ended = keystead("lookup", "key", "00" * 32, "--log", told.log.url, "--trust", path)
    assert ended.code == 2
    assert "no index" in ended.err


def test_several_logs(keystead: CommandLine, told: SharedDevice, tmp_path: Path) -> None:
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
