# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schemas and our parsers say the same.

A payload that a schema accepts is read, or contradicts itself (a rule that no schema can say), or breaks one of
two rules on single values that patterns cannot say: the day exists, the point is on its curve. A payload that
the schema refuses is malformed.
"""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.encoding.json import encode_json
from keystead.errors import ParseError, StatementError
from keystead.statements.dsse import parse_envelope
from keystead.statements.payloads import KINDS, parse_payload, sign_statement
from keystead.statements.policy import Policy, read_policy
from support.fuzzing import FUZZ
from support.statements import AUDITOR, NOW, audit, digest, one_of_each_kind, policy

SCHEMAS = Path(__file__).parents[3] / "specs" / "schemas"
EVERY = {statement.kind: json.loads(statement.encode()) for statement in one_of_each_kind()}

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    2**63 - 1,
    2**63,
    -1,
    "",
    "x",
    "a-b",
    "-a",
    "A",
    "a" * 64,
    "a" * 65,
    "é" * 200,
    "é" * 201,
    "x" * 2000,
    "x" * 2001,
    "a\n",
    "a\u2066",
    "a\u200f",
    "\u0080",
    "00" * 32,
    "00" * 32 + "\n",
    "0A" * 32,
    "2024-02-29T23:59:59Z",
    "2023-02-29T23:59:59Z",
    "2023-04-31T23:59:59Z",
    "2023-13-01T00:00:00Z",
    "2023-12-01T24:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2023-12-01t00:00:00Z",
    "2023-12-01T00:00:60Z",
    "2023-12-01T00:00:00Z\n",
    "QQ==",
    "QR==",
    "QUE=",
    "QUF=",
    "QQ",
    "-_-_",
    "MCowBQYDK2VwAyEA" + "A" * 43 + "=",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 86 + "==",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE" + "A" * 128,
    "declared",
    "superseded",
    "other",
    "none",
    "device-transfer",
    "service-devices",
    [],
    [0],
    ["00" * 32],
    ["00" * 32, "00" * 32],
    ["a-b", "a-b"],
    {},
    {"scheme": "s", "device_id": "00" * 32},
)


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / name).read_text("ascii"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@st.composite
def varied(draw: st.DrawFn, originals: list[Any]) -> Any:
    """One of `originals` with some of its values, at any depth, replaced, removed, doubled or added to."""
    value = copy.deepcopy(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 2))):
        places = list(containers(value))
        place = draw(st.sampled_from(places))
        new = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(place, dict):
            name = draw(st.sampled_from([*place, "unknown"]))
            if draw(st.booleans()) and name in place:
                del place[name]
            else:
                place[name] = new
        elif place and draw(st.booleans()):
            place.append(copy.deepcopy(draw(st.sampled_from(place))))
        else:
            place.append(new)
    return value


def containers(value: Any) -> Any:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def strings(value: Any) -> Any:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def beyond_patterns(value: Any) -> bool:
    """Whether a string in `value` is one of those that a pattern cannot tell from a good one."""
    return any(
        text == "2023-02-29T23:59:59Z" or (text.startswith(("MFkw", "MHYw")) and "AAAAAAAAAAAA" in text)
        for text in strings(value)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_schema_of_every_kind(kind: str) -> None:
    """It is valid, closed, and accepts what we write."""
    checker = validator(f"{kind}.v1.json")
    assert checker.schema["additionalProperties"] is False
    assert checker.schema["$id"] == f"urn:keystead:schema:{kind}:v1"
    checker.validate(EVERY[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_optional_members_are_those_that_we_leave_out(kind: str) -> None:
    """A payload without an optional member is read; without a required one it is not."""
    required = validator(f"{kind}.v1.json").schema["required"]
    for name in EVERY[kind]:
        value = {key: inner for key, inner in EVERY[kind].items() if key != name}
        if name in required:
            with pytest.raises(ParseError, match="no member"):
                parse_payload(KINDS[kind], encode_json(value))
        else:
            parse_payload(KINDS[kind], encode_json(value))


def test_definitions_that_schemas_share_are_equal() -> None:
    """Each schema stands alone; a name means the same in all of them."""
    seen: dict[str, Any] = {}
    for path in sorted(SCHEMAS.glob("*.json")):
        for name, definition in json.loads(path.read_text("ascii")).get("$defs", {}).items():
            assert seen.setdefault(name, definition) == definition


@pytest.mark.parametrize("kind", KINDS)
@settings(parent=FUZZ, max_examples=400)
@given(data=st.data())
def test_parser_and_schema_agree(kind: str, data: st.DataObject) -> None:
    """On thousands of payloads that are nearly right."""
    value = data.draw(varied([EVERY[kind]]))
    accepted = validator(f"{kind}.v1.json").is_valid(value)
    try:
        parse_payload(KINDS[kind], encode_json(value))
    except StatementError:
        read = True  # in its form, and contradicts itself
    except ParseError:
        read = False
    else:
        read = True
    assert read == accepted or (accepted and beyond_patterns(value))


def test_schema_of_the_policy_accepts_what_we_write() -> None:
    """The smallest policy, and one with everything."""
    checker = validator("policy.json")
    for made in (Policy(), policy(roots=(digest("root"),), distrusted={digest("bad"): NOW})):
        checker.validate(json.loads(made.encode()))


def policies() -> list[Any]:
    made = json.loads(policy(roots=(digest("root"),), distrusted={digest("bad"): NOW}).encode())
    made["vendor_anchors"] = [{"name": "V", "key": "QQ==", "formats": ["a", "b"], "cloud": False}]
    return [made, json.loads(Policy().encode())]


def names_one_thing_twice(value: Any) -> bool:
    """The rules of uniqueness between objects, which a schema cannot say."""
    parties = value["parties"]
    lists = (
        [party["name"] for party in parties],
        [party["key"] for party in parties],
        [issuer for party in parties for issuer in party.get("issuers", ())],
        [anchor["key"] for anchor in value["vendor_anchors"]],
        [entry["key"] for entry in value["distrusted"]],
    )
    return any(len(set(found)) != len(found) for found in lists)


@settings(parent=FUZZ, max_examples=1500)
@given(varied(policies()))
def test_parser_and_schema_agree_on_policies(value: Any) -> None:
    """But for uniqueness between objects, and the two rules on values."""
    accepted = validator("policy.json").is_valid(value)
    try:
        read_policy(value)
    except ParseError:
        read = False
    else:
        read = True
    assert read == accepted or (accepted and (beyond_patterns(value) or names_one_thing_twice(value)))


@settings(parent=FUZZ, max_examples=800)
@given(varied([json.loads(sign_statement(AUDITOR, audit()).encode())]))
def test_parser_and_schema_agree_on_envelopes(value: Any) -> None:
    """As they are submitted."""
    try:
        parse_envelope(encode_json(value))
    except ParseError:
        read = False
    else:
        read = True
    assert read == validator("envelope.json").is_valid(value)
