# SPDX-License-Identifier: Apache-2.0
"""`keystead submit --check`: logged first, asked afterwards; and what a CA logs that holds back."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.checked_log import CheckedLog, reference
from support.command_line import CommandLine
from support.served_log import ServedLog
from support.world import party_key

_SERIALS = count(6_000_000)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedLog]:
    """One log for the tests of this module."""
    folder = tmp_path_factory.mktemp("submit-check")
    world, policy = CheckedLog.policy(folder)
    for name in ("North CA", "South CA"):
        pem = party_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(pem)
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        place = CheckedLog(log, world, folder)
        place.wait_for_index()
        yield place


def test_the_first_is_clear_and_the_second_shared(keystead: CommandLine, place: CheckedLog) -> None:
    """The verdict stands beside the promise; asked again, it is the same, whoever came later."""
    serial = next(_SERIALS)
    first, second = (
        place.leaf("First AB", serial),
        place.leaf("Second GmbH", serial, authority=place.world.south),
    )
    ended = place.submit(keystead, first, "--check", serial=serial)
    answer = ended.document
    assert (ended.code, answer["verdict"], answer["reasons"]) == (0, "clear", ["never-seen"])
    assert answer["serialized_sct"]
    assert answer["check"]["logs"][0]["head"]["index"] >= 0
    assert answer["check"]["tree_size"] > answer["leaf_index"]
    assert answer["declined"] is None
    ended = place.submit(keystead, second, "--check", serial=serial)
    assert (ended.code, ended.document["verdict"]) == (1, "shared")
    assert ended.document["check"]["entries"] == [
        {"origin": answer["log"], "index": answer["leaf_index"]},
    ]
    again = place.submit(keystead, first, "--check", serial=serial)
    assert (again.code, again.document["verdict"], again.document["reasons"]) == (
        0,
        "clear",
        ["first", "stands-later"],
    )


def test_a_ca_that_holds_back(keystead: CommandLine, place: CheckedLog) -> None:
    """Its statement is logged, and others do not see the certificate on the device any more."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    second = place.leaf("Second GmbH", serial, authority=place.world.south)
    options = ("--check", "--not-issued", "--sign", place.folder / "South CA.pem")
    ended = place.submit(keystead, second, *options, serial=serial)
    assert (ended.code, ended.document["verdict"]) == (1, "shared")
    assert ended.document["declined"]["leaf_index"] > ended.document["statement_index"]
    asked = ("--device", reference(serial).device_id.hex(), "--subscriber", "O=Third Ltd,C=US")
    seen = place.check(keystead, *asked).document["logs"][0]["details"]
    shared = [one["subscribers"][0]["name"] for one in seen if one["code"] == "no-service"]
    assert shared == ["First AB"]


def test_a_statement_that_the_log_refuses(keystead: CommandLine, place: CheckedLog) -> None:
    """The verdict stands, the sentence says what failed."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    second = place.leaf("Second GmbH", serial, authority=place.world.south)
    options = ("--check", "--not-issued", "--sign", place.folder / "North CA.pem")
    ended = place.submit(keystead, second, *options, serial=serial)
    assert (ended.code, ended.document["verdict"]) == (1, "shared")
    assert "error" in ended.document["declined"]
    assert "could not be logged" in ended.err


def test_evidence_that_comes_later(keystead: CommandLine, place: CheckedLog) -> None:
    """Submitting again with the evidence asks again: by then somebody else is there."""
    serial = next(_SERIALS)
    bare = place.world.leaf("First AB", key=place.leaf("First AB", serial).key)
    ended = place.submit(keystead, bare, "--check")
    assert (ended.code, ended.document["reasons"]) == (0, ["no-device"])
    second = place.leaf("Second GmbH", serial, authority=place.world.south)
    assert place.submit(keystead, second, "--check", serial=serial).document["verdict"] == "clear"
    late = place.submit(keystead, bare, "--check", serial=serial)
    assert (late.code, late.document["verdict"]) == (1, "shared")


def test_several_chains_and_people(keystead: CommandLine, place: CheckedLog) -> None:
    """Chains that are submitted together are ordered like others; a table says which may go ahead."""
    serial = next(_SERIALS)
    files = [
        place.chain(place.leaf("First AB", serial)),
        place.chain(place.leaf("Second GmbH", serial, authority=place.world.south)),
    ]
    ended = keystead("submit", *files, "--check", *place.trust, "--json")
    assert ended.code == 1
    assert sorted(one["verdict"] for one in ended.documents) == ["clear", "shared"]
    shown = keystead("submit", *files, "--check", *place.trust)
    assert shown.code == 1
    assert "verdict" in shown.out
    assert "names no signing service" in " ".join(shown.out.split())


def test_another_log_is_looked_up(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """There is no order between logs: whoever is there counts."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    world, policy = CheckedLog.policy(tmp_path)
    with ServedLog(tmp_path / "log", policy, "--index-period", 20, "--name", "other.example") as log:
        other = CheckedLog(log, world, tmp_path)
        other.wait_for_index()
        second = other.leaf("Second GmbH", serial, authority=world.south)
        alone = other.submit(keystead, second, "--check", serial=serial)
        assert alone.document["verdict"] == "clear"
        also = ("--also-check", place.log.url, "--also-trust", place.log.trust)
        both = other.submit(keystead, second, "--check", *also, serial=serial)
        assert (both.code, both.document["verdict"]) == (1, "shared")
        assert [one["verdict"] for one in both.document["check"]["logs"]] == ["shared", "clear"]


def test_a_device_that_one_log_knows(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """Evidence is recorded where it was submitted: who else is on its device is asked of the other logs, too."""
    serial = next(_SERIALS)
    place.submit(keystead, place.leaf("First AB", serial), serial=serial)
    world, policy = CheckedLog.policy(tmp_path)
    with ServedLog(tmp_path / "log", policy, "--index-period", 20, "--name", "other.example") as log:
        other = CheckedLog(log, world, tmp_path)
        other.wait_for_index()
        bare = world.leaf("Second GmbH", key=place.leaf("Second GmbH", serial).key, authority=world.south)
        also = ("--also-check", place.log.url, "--also-trust", place.log.trust)
        record = ("--record", tmp_path / "record.json")
        both = other.submit(keystead, bare, "--check", *also, *record, serial=serial)
        assert (both.code, both.document["verdict"]) == (1, "shared")
        verdicts = [(one["origin"], one["verdict"]) for one in both.document["check"]["logs"]]
        origin = json.loads(place.log.trust.read_text())["issuance"]["origin"]
        mine = both.document["log"]
        assert verdicts == [(origin, "shared"), (mine, "clear"), (origin, "clear")]
        assert "no record is kept" in both.err
        # Before it is logged, with both logs asked alike.
        ended = other.check(keystead, "--cert", other.chain(bare), *place.trust[:4])
        assert (ended.code, ended.document["verdict"]) == (1, "shared")


def test_a_log_that_refuses(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """Who is on the devices there is asked all the same."""
    serial = next(_SERIALS)
    world, policy = CheckedLog.policy(tmp_path)
    policy.write_text(policy.read_text().replace(', "south-root.pem"', ""))
    with ServedLog(tmp_path / "log", policy, "--index-period", 20, "--name", "other.example") as log:
        other = CheckedLog(log, world, tmp_path)
        other.wait_for_index()
        other.submit(keystead, other.leaf("First AB", serial), serial=serial)
        second = place.leaf("Second GmbH", serial, authority=world.south)
        ended = place.submit(keystead, second, "--check", *other.trust[:4], serial=serial)
        refused, taken = sorted(ended.documents, key=lambda one: "error" not in one)
        assert (ended.code, taken["verdict"], refused["error"]["code"]) == (1, "shared", "unknown-anchor")


def test_a_record(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """What was decided after submitting is verified offline like any check."""
    serial = next(_SERIALS)
    record = tmp_path / "record.json"
    leaf = place.leaf("First AB", serial)
    ended = place.submit(keystead, leaf, "--check", "--record", record, serial=serial)
    verified = keystead("verify", "--record", record, *place.trust[2:], "--json")
    assert (verified.code, verified.document["verdict"]) == (0, "clear")
    assert verified.document["logs"] == ended.document["check"]["logs"]


def test_a_record_that_cannot_be_kept(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """What the log promised is shown all the same, and the verdict."""
    serial = next(_SERIALS)
    record = tmp_path / "nowhere" / "record.json"
    leaf = place.leaf("First AB", serial)
    ended = place.submit(keystead, leaf, "--check", "--record", record, serial=serial)
    assert (ended.code, ended.document["verdict"]) == (2, "clear")
    assert ended.document["serialized_sct"]
    assert f"{record}: No such file or directory" in ended.err


def test_an_index_that_does_not_come(keystead: CommandLine, tmp_path: Path) -> None:
    """Waiting ends with a sentence; the certificate is logged, and nothing is known about the device."""
    world, policy = CheckedLog.policy(tmp_path)
    with ServedLog(tmp_path / "log", policy, "--index-period", 600_000) as log:
        place = CheckedLog(log, world, tmp_path)
        place.wait_for_index()
        ended = place.submit(keystead, place.leaf("First AB", 1), "--check", "--wait", 1, serial=1)
        assert (ended.code, ended.document["verdict"]) == (1, None)
        assert ended.document["serialized_sct"]
        assert ended.document["check"]["problems"][0]["code"] == "index-too-far-behind"
        assert "submit it again with --check" in ended.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--not-issued",), "go with --check"),
        (("--check", "--not-issued"), "--sign KEY.pem go together"),
        (("--check", "--sign", "KEY"), "go together"),
        (("--check", "--not-issued", "--sign", "KEY"), "for precertificates"),
        (("--check", "--record", "r.json", "CHAIN"), "one by one"),
    ],
)
def test_options_that_do_not_go_together(
    keystead: CommandLine, place: CheckedLog, options: tuple[str, ...], sentence: str
) -> None:
    """Nothing is logged."""
    chain = place.chain(place.world.leaf("Fourth"), precertificate=False)
    files = {"KEY": place.folder / "North CA.pem", "CHAIN": chain}
    before = json.loads(
        keystead(
            "check", "--device", "yubico-piv-serial:1", "--subscriber", "O=x", *place.trust, "--json"
        ).out
    )
    ended = keystead("submit", chain, *(files.get(option, option) for option in options), *place.trust)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    after = json.loads(
        keystead(
            "check", "--device", "yubico-piv-serial:1", "--subscriber", "O=x", *place.trust, "--json"
        ).out
    )
    assert after["tree_size"] == before["tree_size"]
