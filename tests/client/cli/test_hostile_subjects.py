# SPDX-License-Identifier: Apache-2.0
"""Certificates whose subjects attack whoever looks at them: admitted, and harmless wherever they are shown."""

import json
import time
import unicodedata
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.certificates import name, to_pem
from keystead.testvendor.keys import derive_key
from support.command_line import CommandLine, Ended
from support.served_log import ServedLog
from support.world import Leaf, World

PRE = "/issuance/ct/v1/add-pre-chain"
UTF8, PRINTABLE, T61, IA5, BMP, UNIVERSAL = 0x0C, 0x13, 0x14, 0x16, 0x1E, 0x1C

HOSTILE: dict[str, str | tuple[bytes, int]] = {
    "a colour and a title": "\x1b[31mRed\x1b]0;owned\x07 AB",
    "a clear screen": "\x1b[2J\x1b[H\x1bcAB",
    "controls of eight bits": "\x9b31m\x9d0;x\x9c\x85AB",
    "overwriting": "Good AB\rEvil AB\b\b\b\x7f",
    "a line more": 'AB\n{"verdict": "clear"}\n',
    "a null": "Example\0 AB",
    "text from right to left": "AB \u202egnp.exe\u2066\u2069\u200f",
    "letters of no width": "Ex\u200bam\u200dple\ufeff AB\u2060",
    "tags and variants": "AB\U000e0041\U000e007f\ufe0f",
    "lines of Unicode": "AB\u2028CD\u2029EF",
    "accents without end": "A" + "\u0301" * 500,
    "a script": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`&amp;",
    "a template": "{{ 7*7 }}{% raw %}${7*7}<%= 7*7 %>#{7*7}",
    "markup of the terminal": "[bold red]AB[/] [link=http://evil]x[/link] :skull:",
    "a formula": '=HYPERLINK("http://evil","x")',
    "a formula that adds": "+1+1|cmd' /C calc'!A0",
    "a formula at": "@SUM(1+1)",
    "a formula below": "-2+3",
    "a formula behind a tab": "\t=1+1",
    "quotes and commas": 'A,"B";C\\,D=E+F#G<H>',
    "a path": "../../../../etc/passwd",
    "a format": "%s%n%x{0.__class__}{}",
    "SQL": "'; DROP TABLE entries;--",
    "octets that are no UTF-8": (b"AB \xff\xfe\xc0\xaf\xed\xa0\x80", UTF8),
    "an IA5String that is not": (b"AB \xe9\x00", IA5),
    "a T61String of controls": (b"AB \x9b31m\xad", T61),
    "a BMPString that turns": ("A\u202eB".encode("utf-16-be"), BMP),
    "nothing": "",
    "ten thousand letters": "A" * 10_000,
}
"""What stands as the organization, by what it tries."""

UNLOADABLE: dict[str, tuple[bytes, int]] = {
    "a PrintableString that is not": (b"AB \x1b[31m\xff", PRINTABLE),
    "half a BMPString": (b"\x00A\x00", BMP),
    "a BMPString of surrogates": (b"\x00A\xd8\x00\xdc\x00\xdf\xff", BMP),
    "a UniversalString past Unicode": (b"\x00\x00\x00A\x7f\xff\xff\xff", UNIVERSAL),
}
"""Strings that are not of their type, so that common software loads no certificate that has them."""


def subject(value: str | tuple[bytes, int]) -> bytes:
    """DER of a Name with this organization."""
    text, tag = value if isinstance(value, tuple) else (value.encode(), UTF8)
    return name(("2.5.4.6", "SE", PRINTABLE), ("2.5.4.10", text, tag), ("2.5.4.3", "Common"))


def assert_harmless(text: str) -> None:
    """Lines of visible characters and nothing else."""
    for character in text:
        category = unicodedata.category(character)
        assert character == "\n" or (category[0] != "C" and category not in {"Zl", "Zp"}), repr(text)


@dataclass(frozen=True)
class Place:
    """A log with one device that signs for every hostile subject, and what was answered."""

    log: ServedLog
    world: World
    leaves: dict[str, Leaf]
    folder: Path

    @property
    def options(self) -> tuple[object, ...]:
        """The log, whose keys to believe, and the vendor's root."""
        return ("--log", self.log.url, "--trust", self.log.trust, "--anchors", self.folder / "anchors.toml")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Every certificate is admitted with its evidence: only the subject is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    world = World(folder / "world")
    policy = world.write_policy()
    (folder / "anchors.toml").write_text(
        '[[vendor_anchor]]\nname = "Test"\ncertificate = "world/vendor.pem"\nformats = ["yubikey-piv"]\n'
    )
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        leaves = {}
        device = world.vendor.yubikey(7)
        for what, value in HOSTILE.items():
            leaf = world.leaf(serial=7, subject=subject(value), key=derive_key(b"hostile", what))
            body = leaf.body(leaf.precertificate, device.attest(leaf.key.spki))
            request = urllib.request.Request(log.url + PRE, data=body, method="POST")
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200, what
            leaves[what] = leaf
        yield Place(log, world, leaves, folder)


def test_the_page_shows_text(place: Place) -> None:
    """No markup of theirs, no control, no direction, nothing evaluated."""
    with urllib.request.urlopen(place.log.url + "/", timeout=60) as answer:
        page = answer.read().decode()
    assert_harmless(page)
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in "".join(line for line in page.splitlines() if "O=" in line and "{{" in line)


def test_the_monitor_shows_text(keystead: CommandLine, place: Place, tmp_path: Path) -> None:
    """One device for all of them: the finding names each, as a table and as JSON."""
    state = ("--state", tmp_path / "state")
    shown = keystead("monitor", "--once", *state, *place.options)
    assert shown.code == 1, shown.err
    assert "shared-device" in shown.out
    assert_harmless(shown.out)
    assert_harmless(shown.err)
    ended = keystead("monitor", "--once", *state, *place.options, "--json")
    assert ended.out.isascii()
    assert_harmless(ended.out)
    (finding,) = (found for found in ended.documents if found["rule"] == "shared-device")
    assert len(finding["subscribers"]) > 10
    for found in ended.documents:
        assert_harmless(found["summary"])
        for subscriber in found["subscribers"]:
            assert_harmless(subscriber["name"])


def test_lookup_shows_text(keystead: CommandLine, place: Place) -> None:
    """All of them in one table, and as JSON."""
    deadline = time.monotonic() + 60
    while True:
        ended = keystead("lookup", "device", "yubico-piv-serial:7", *place.options, "--json")
        if ended.code == 0 and ended.document["count"] == len(HOSTILE):
            break
        assert time.monotonic() < deadline, ended.err
    assert ended.out.isascii()
    assert_harmless(ended.out)
    for entry in ended.document["entries"]:
        assert_harmless(entry["subscriber"]["name"])
    shown = keystead("lookup", "device", "yubico-piv-serial:7", *place.options)
    assert shown.code == 0, shown.err
    assert_harmless(shown.out)
    assert_harmless(shown.err)


@pytest.mark.parametrize("what", HOSTILE)
def test_verbs_of_one_certificate_show_text(
    keystead: CommandLine, place: Place, tmp_path: Path, what: str
) -> None:
    """`submit` and `lint`, for people and for programs."""
    leaf = place.leaves[what]
    chain = tmp_path / "chain.pem"
    chain.write_text("".join(to_pem(der) for der in (leaf.precertificate, *leaf.authority.chain)))
    results: list[Ended] = []
    for as_json in ((), ("--json",)):
        results.append(keystead("submit", chain, *place.options[:4], *as_json))
        results.append(keystead("lint", chain, *as_json))
    for ended in results:
        assert ended.code in {0, 1}, ended.err
        assert_harmless(ended.out)
        assert_harmless(ended.err)


def refusal(place: Place, body: bytes) -> dict[str, Any]:
    """The problem that a submission of a precertificate meets."""
    request = urllib.request.Request(place.log.url + PRE, data=body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)
    with caught.value as error:
        assert error.code == 400
        problem: dict[str, Any] = json.loads(error.read())
    assert_harmless(problem["detail"])
    return problem


@pytest.mark.parametrize("what", HOSTILE)
def test_a_refusal_says_nothing_hostile(place: Place, what: str) -> None:
    """The sentence of a problem may hold names: of an unknown issuer, of one that does not fit."""
    stranger = TestCertificateAuthority("Strange CA", "FR")
    stranger.issuer_name = subject(HOSTILE[what])
    leaf = Leaf(stranger, subject(HOSTILE[what]), place.leaves[what].key, place.leaves[what].extension)
    chains = (
        (leaf.precertificate, *stranger.chain),
        (
            leaf.precertificate,
            stranger.issue_authority(subject(HOSTILE[what]), stranger.issuer_key.spki),
            stranger.root_der,
        ),
        (leaf.precertificate, *place.world.north.chain),
    )
    for chain in chains:
        problem = refusal(place, json.dumps({"chain": [b64encode(der).decode() for der in chain]}).encode())
        assert problem["code"] in {"issuer-name", "unknown-anchor", "signature-invalid"}


@pytest.mark.parametrize("what", UNLOADABLE)
def test_what_common_software_cannot_load_is_refused(place: Place, what: str) -> None:
    """By its own code, which quotes nothing."""
    leaf = place.world.leaf(serial=7, subject=subject(UNLOADABLE[what]))
    assert refusal(place, leaf.body(leaf.precertificate))["code"] == "certificate-unloadable"


def test_the_log_says_nothing(place: Place) -> None:
    """What the operator's terminal shows: that it serves, and that it stopped. The last test here."""
    code, said = place.log.stop()
    assert code == 0
    assert_harmless(said)
    assert "AB" not in said
