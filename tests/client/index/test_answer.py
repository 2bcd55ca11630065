# SPDX-License-Identifier: Apache-2.0
"""Answers as documents: read strictly, written in one way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from keystead.encoding.json import encode_json
from keystead.errors import ParseError
from keystead.index.answer import MAX_ANSWER_BYTES, parse_answer
from support.fuzzing import FUZZ, damaged, only_our_errors

_FILE = Path(__file__).parents[3] / "specs" / "vectors" / "device-index.json"
ANSWERS: list[dict[str, Any]] = json.loads(_FILE.read_text("utf-8"))["answers"]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["kind"])
def test_an_answer_is_read_as_it_was_written(answer: dict[str, Any]) -> None:
    """Every member, and the same document again."""
    parsed = parse_answer(encode_json(answer))
    assert json.loads(parsed.encode()) == answer
    assert parse_answer(parsed.encode()) == parsed


def test_unknown_members_are_passed_over() -> None:
    """A later log may say more."""
    parsed = parse_answer(encode_json({**ANSWERS[0], "more": {"x": 1}}))
    assert parsed == parse_answer(encode_json(ANSWERS[0]))


@pytest.mark.parametrize("name", list(ANSWERS[0]))
@pytest.mark.parametrize("value", [None, True, -1, 1.5, "é", "\ud800", {}, [1, "x"], ["AA"], 2**63])
def test_a_wrong_member(name: str, value: object) -> None:
    """A member of another type or spelling is refused, and so is one that is missing."""
    document = json.dumps({**ANSWERS[0], name: value}).encode()
    with pytest.raises(ParseError):
        parse_answer(document)
    without = {key: member for key, member in ANSWERS[0].items() if key != name}
    with pytest.raises(ParseError):
        parse_answer(encode_json(without))


def test_too_large() -> None:
    """Neither more entries than a page has nor a document without bound."""
    with pytest.raises(ParseError, match="entries"):
        parse_answer(encode_json({**ANSWERS[0], "entries": list(range(1001))}))
    with pytest.raises(ParseError, match="bytes"):
        parse_answer(b" " * (MAX_ANSWER_BYTES + 1))


@given(damaged(*(encode_json(answer) for answer in ANSWERS)))
@FUZZ
def test_nothing_else_escapes(data: bytes) -> None:
    """Damaged answers are read, or refused with our error; what is read is written again."""
    parsed = only_our_errors(parse_answer, data)
    assert parsed is None or parse_answer(parsed.encode()) == parsed
