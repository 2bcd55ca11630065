# SPDX-License-Identifier: Apache-2.0
"""`keystead verify`, against a server in a process of its own."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keystead.client.http import HTTPFetcher, Patience
from keystead.testvendor.certificates import to_pem
from support.command_line import CommandLine
from support.served_log import ServedLog
from support.world import Leaf, World


@dataclass
class Place:
    """A running log, its world, and a folder for files."""

    log: ServedLog
    world: World
    folder: Path

    @property
    def options(self) -> tuple[object, ...]:
        """The log, and whose keys to believe."""
        return ("--log", self.log.url, "--trust", self.log.trust)

    def write(self, name: str, *ders: bytes) -> Path:
        """Certificates as one PEM file."""
        path = self.folder / f"{name}.pem"
        path.write_text("".join(map(to_pem, ders)))
        return path

    def submit(self, keystead: CommandLine, leaf: Leaf, der: bytes, serial: int | None = None) -> Any:
        """Log a chain, with evidence; the log's answer."""
        chain = self.write("submitted", der, *leaf.authority.chain)
        evidence: tuple[object, ...] = ()
        if serial is not None:
            piece = self.folder / "piece.evidence"
            piece.write_bytes(self.world.evidence(leaf, serial).encode())
            evidence = ("--evidence", piece)
        submitted = keystead("submit", chain, *evidence, *self.options, "--json")
        assert submitted.code == 0, submitted.err
        return submitted.document


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One log for the tests of this module."""
    folder = tmp_path_factory.mktemp("place")
    world = World(folder / "world")
    with ServedLog(folder / "data", world.write_policy()) as log:
        yield Place(log, world, folder)


@pytest.fixture
def anchors(place: Place) -> Path:
    """The user's own anchors: the test vendor's root."""
    path = place.world.folder / "anchors.toml"
    path.write_text(
        '[[vendor_anchor]]\nname = "test"\ncertificate = "vendor.pem"\nformats = ["yubikey-piv"]\n'
    )
    return path


def test_a_certificate_with_its_promise(keystead: CommandLine, place: Place, anchors: Path) -> None:
    """From the certificate alone: the promise, the entry, the attested device; for people and for programs."""
    leaf = place.world.leaf("Alpha AB", serial=4711)
    answer = place.submit(keystead, leaf, leaf.precertificate, 4711)
    final = place.write("alpha", leaf.certificate(b64decode(answer["sct_list"])))

    ended = keystead("verify", final, "--anchors", anchors, *place.options, "--json")
    assert ended.code == 0, ended.document
    document = ended.document
    assert document["ok"] is True
    assert document["certificate_id"] == answer["certificate_id"]
    (promise,) = document["promises"]
    assert (promise["embedded"], promise["kept"], promise["leaf_index"]) == (True, True, answer["leaf_index"])
    assert {device["assurance"] for device in document["devices"]} == {"ca-verified", "attested"}
    assert [piece["own_anchors"] for piece in document["evidence"]] == [True]
    assert [statement["kind"] for statement in document["statements"]] == ["device-evidence"]

    ended = keystead("verify", final, *place.options)
    assert ended.code == 0
    assert f"entry {answer['leaf_index']} is in its tree" in ended.out
    assert "yubico-piv-serial:4711: ca-verified" in ended.out
    assert "Every promise is kept" in ended.out


def test_a_promise_beside_the_certificate(keystead: CommandLine, place: Place) -> None:
    """`--sct` takes the log's answer, or the SCT; without one, a certificate that carries none is not verified."""
    leaf = place.world.leaf("Beta GmbH", serial=4712)
    final = place.write("beta", leaf.certificate(), *leaf.authority.chain)
    answer = place.submit(keystead, leaf, leaf.certificate(), 4712)
    sct = place.folder / "beta.sct"
    sct.write_bytes(b64decode(answer["serialized_sct"]))
    ended = keystead("verify", final, "--sct", sct, *place.options, "--json", "--promises-only")
    assert ended.code == 0
    assert ended.document["statements"] is None
    ended = keystead("verify", final, *place.options)
    assert ended.code == 1
    assert "no-promise" in ended.out
    other = place.write(
        "other", place.world.leaf("Gamma Ltd", serial=4713).certificate(), *leaf.authority.chain
    )
    ended = keystead("verify", other, "--sct", sct, *place.options, "--json")
    assert ended.code == 1
    assert [problem["code"] for problem in ended.document["problems"]] == ["sct-signature"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("{note}", "--log", "http://127.0.0.1:9", "--trust", "{trust}"), "no certificate"),
        (("{cert}", "--sct", "{note}", "--trust", "{trust}"), "no SCT"),
        (("{cert}",), "say which log"),
        (("{cert}", "--log", "http://127.0.0.1:9", "--trust", "{trust}"), "cannot be reached"),
    ],
)
def test_what_cannot_be_done(
    keystead: CommandLine,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    """Exit code 2 and one sentence."""
    monkeypatch.setattr(
        "keystead.cli.verify.HTTPFetcher", partial(HTTPFetcher, patience=Patience(attempts=1))
    )
    note = place.folder / "note"
    note.write_text("a note")
    cert = place.write("cert", place.world.leaf("Delta SA", serial=1).certificate())
    ended = keystead(
        "verify", *(part.format(note=note, cert=cert, trust=place.log.trust) for part in arguments)
    )
    assert ended.code == 2
    assert says in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_another_issuer(keystead: CommandLine, place: Place) -> None:
    """A wrong issuer is a bad answer, and named."""
    leaf = place.world.leaf("Epsilon AS", serial=4714)
    answer = place.submit(keystead, leaf, leaf.precertificate, 4714)
    final = place.write("epsilon", leaf.certificate(b64decode(answer["sct_list"])))
    wrong = place.write("wrong", place.world.south.intermediate_der)
    ended = keystead("verify", final, "--issuer", wrong, *place.options)
    assert ended.code == 1
    assert "was issued by" in ended.err


def test_hostile_subjects(keystead: CommandLine, place: Place) -> None:
    """What strangers wrote reaches no terminal unescaped."""
    leaf = place.world.leaf("Bad \x1b[2J\u202e AB", serial=4715)
    answer = place.submit(keystead, leaf, leaf.precertificate, 4715)
    final = place.write("bad", leaf.certificate(b64decode(answer["sct_list"])))
    for arguments in ((), ("--json",)):
        ended = keystead("verify", final, *place.options, *arguments)
        assert ended.code == 0
        assert "\x1b" not in ended.out
        assert "\u202e" not in ended.out
