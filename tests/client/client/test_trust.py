# SPDX-License-Identifier: Apache-2.0
"""trust.json: read strictly, fetched once, pinned for good."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.client.trust import fetch_trust, parse_trust, pin_trust
from keystead.errors import FetchError, ParseError, StoreError, UsageError
from keystead.tlog.cosignature import cosignature_vkey
from keystead.tlog.note import ed25519_vkey
from keystead.tlog.policy import parse_policy
from support.memory_log import MemoryLog

WITNESS = cosignature_vkey("witness.example", bytes(32)).encode()
STRANGER = ed25519_vkey("other.example/issuance", bytes(32)).encode()


def _changed(**changes: Any) -> bytes:
    document = json.loads(MemoryLog().trust_json())
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = document
        for parent in parents:
            at = at[parent]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return json.dumps(document).encode()


def test_a_witness_policy_is_asked_for_by_the_keys_and_can_be_replaced() -> None:
    """Whoever verifies with these keys asks for the quorum; another policy takes its place; the logs stay the same."""
    policy = f"witness w {WITNESS}\nquorum w\n"
    trust = parse_trust(_changed(witness_policy=policy))

    assert trust.witness_policy == parse_policy(policy)
    assert trust.issuance.key.quorum == trust.statements.key.quorum == trust.witness_policy

    own = parse_policy("quorum none")
    other = trust.asking_for(own)
    assert other.issuance.key.quorum == other.statements.key.quorum == other.witness_policy == own
    assert other != trust
    assert other.identity == trust.identity == MemoryLog().trust.identity
    with pytest.raises(UsageError, match="is none of them"):
        trust.asking_for(parse_policy(f"log {STRANGER}\nquorum none"))


def test_a_trust_json_names_logs_and_keys() -> None:
    """Every member is where programs look for it."""
    log = MemoryLog("ca.example:8470")
    trust = parse_trust(log.trust_json())

    assert trust.name == "ca.example:8470"
    assert trust.issuance.key.origin == "ca.example:8470/issuance"
    assert trust.statements.key.origin == "ca.example:8470/statements"
    assert trust.issuance.key.sct_key == trust.issuance.sct_key
    assert trust.statements.key.sct_key is None
    assert (trust.index_url, trust.witness_policy) == (None, None)
    assert trust.base_url == "https://ca.example:8470"


def test_unknown_members_are_left_alone() -> None:
    """A later server may add members; a known one that is there is read."""
    trust = parse_trust(_changed(future={"a": [1]}, index={"url": "https://log.example/index/v1"}))

    assert trust.index_url == "https://log.example/index/v1"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 2}, "version 1"),
        ({"version": True}, "version 1"),
        ({"version": None}, "version 1"),
        ({"name": None}, "name is missing"),
        ({"issuance": None}, "issuance is missing"),
        ({"issuance__origin": "other/issuance"}, "vkey of other/issuance"),
        ({"issuance__log_id": "AAAA"}, "log_id"),
        ({"issuance__sct_key": "AAAA"}, "SubjectPublicKeyInfo"),
        ({"issuance__url": "ftp://log.example"}, "url"),
        ({"statements__vkey": "log.example/statements+00000000+AAAA"}, "key"),
        ({"statements__statement_key": "AAAA"}, "statement_key"),
        ({"statements__statement_key": "AAA"}, "base64"),
        ({"witness_policy": 1}, "witness_policy"),
        ({"witness_policy": "witness"}, "witness_policy in trust.json: line 1"),
        ({"witness_policy": f"log {STRANGER}\nquorum none"}, "witness_policy .* is none of them"),
    ],
)
def test_a_trust_json_that_is_not_whole_is_refused(changes: dict[str, Any], words: str) -> None:
    """A missing, malformed or contradicting member spoils the document, with the member's name."""
    with pytest.raises(ParseError, match=words):
        parse_trust(_changed(**changes))


@given(st.binary(max_size=300))
def test_only_parse_errors_escape(data: bytes) -> None:
    """Whatever bytes are given."""
    with pytest.raises(ParseError):
        parse_trust(data)


def test_two_places_have_no_base_in_common() -> None:
    """Then the user must say which URL is meant."""
    with pytest.raises(UsageError, match="--log"):
        _ = parse_trust(_changed(statements__url="https://elsewhere.example/statements")).base_url


async def test_the_first_sight_is_pinned_and_never_replaced(tmp_path: Path) -> None:
    """As ssh does: what the log says later about its keys does not count."""
    first, second = MemoryLog(), MemoryLog("impostor.example")

    trust, fresh = await pin_trust(first, "https://log.example", tmp_path / "state")
    again, fresh_again = await pin_trust(second, "https://log.example", tmp_path / "state")

    assert (fresh, fresh_again) == (True, False)
    assert trust == again == first.trust
    assert second.requests == []
    assert len(list((tmp_path / "state").iterdir())) == 1


async def test_each_url_has_a_pin_of_its_own(tmp_path: Path) -> None:
    """Two logs, or one log under two names, do not meet."""
    await pin_trust(MemoryLog(), "https://log.example", tmp_path)
    trust, fresh = await pin_trust(MemoryLog("b.example"), "http://log.example", tmp_path)

    assert fresh
    assert trust.name == "b.example"


async def test_a_damaged_pin_is_said_and_not_replaced(tmp_path: Path) -> None:
    """Trusting anew is the user's decision."""
    await pin_trust(MemoryLog(), "https://log.example", tmp_path)
    (place,) = tmp_path.iterdir()
    place.write_bytes(b"{}")

    with pytest.raises(StoreError, match="remove it to trust the log anew"):
        await pin_trust(MemoryLog(), "https://log.example", tmp_path)
    assert place.read_bytes() == b"{}"


async def test_a_log_without_trust_json_is_said(tmp_path: Path) -> None:
    """The sentence says what to do instead."""
    log = MemoryLog()
    log.hooks.append(lambda path, answer: None)

    with pytest.raises(FetchError, match="--trust"):
        await fetch_trust(log)
