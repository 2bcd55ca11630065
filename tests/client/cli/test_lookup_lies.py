# SPDX-License-Identifier: Apache-2.0
"""Lies that `keystead lookup` refuses, each by the name of the check: somebody between alters what the log answers."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.command_line import CommandLine
from support.lying_proxy import LyingProxy
from support.shared_device import DEVICE, SharedDevice, shared_device


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDevice]:
    """One log for the tests of this module."""
    with shared_device(tmp_path_factory.mktemp("lookup")) as place:
        yield place


@pytest.fixture
def told(place: SharedDevice, keystead: CommandLine) -> SharedDevice:
    """The same, once everything is logged and indexed."""
    return place.tell(keystead)


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
def test_lies_are_refused(keystead: CommandLine, told: SharedDevice, lie: Any, checks: set[str]) -> None:
    """Whatever is left out, altered or made up: nothing is shown, and the check is named."""
    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lie)
        ended = told.lookup(keystead, "device", DEVICE.hex(), "--json", url=proxy.url)
        assert ended.code == 1
        found = ended.document
        assert (found["count"], found["entries"], found["absent"]) == (None, [], False)
        (problem,) = found["problems"]
        assert problem["code"] in checks
        assert problem["evidence"]
        shown = told.lookup(keystead, "device", DEVICE.hex(), url=proxy.url)
        assert shown.code == 1
        assert problem["code"] in shown.out
        assert "With --json" in shown.out
        assert "First AB" not in shown.out


def test_another_head_in_the_middle(keystead: CommandLine, told: SharedDevice) -> None:
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


def test_an_old_head(keystead: CommandLine, told: SharedDevice) -> None:
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
        # The checkpoint in an old answer is old, too; the log's own is not.
        fresh = told.world.leaf("Fifth SA")
        told.submit(keystead, "fifth", fresh, fresh.certificate(), None)
        ended = told.lookup(keystead, "key", "00" * 32, "--max-lag", 0, "--json", url=proxy.url)
        assert ended.code == 1
        assert [one["code"] for one in ended.document["problems"]] == ["index-too-far-behind"]


def test_evidence_that_is_withheld(keystead: CommandLine, told: SharedDevice) -> None:
    """The log's word remains, and that it withholds the proof is told."""
    with LyingProxy(told.log.url) as proxy:
        proxy.lies.append(lambda path, body: None if "/evidence/" in path else body)
        ended = told.lookup(keystead, "device", DEVICE.hex(), "--json", url=proxy.url)
    assert ended.code == 1
    assert {one["code"] for one in ended.document["problems"]} == {"evidence-withheld"}
    assert ended.document["entries"][0]["assurance"] == "ca-verified"
