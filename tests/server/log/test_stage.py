# SPDX-License-Identifier: Apache-2.0
"""The stage's bytes: written in one form, read strictly."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding.tls import opaque8, uint32, uint64
from keystead.errors import ParseError
from keystead_server.log.stage import Stage, parse_stage, stage_path
from keystead_server.storage.interface import Heads

HEADS = Heads(b"issuance note", b"statements note", 1_700_000_000_000)
OBJECTS = {"issuance/tile/0/000.p/1": bytes(32), "issuance/tile/data/000.p/1": b"entry", "statements/x": b""}
STAGE = Stage(HEADS.digest, 1, 7, OBJECTS)


def staged(body: bytes) -> bytes:
    """A stage with this body and the digest that belongs to it."""
    return b"keystead/stage/v1\n" + sha256(body).digest() + body


def body(objects: list[tuple[bytes, bytes]], count: int | None = None, end: bytes = b"") -> bytes:
    """A body, well formed or not."""
    parts = [HEADS.digest, uint64(1), uint64(2)]
    parts.append(uint32(len(objects) if count is None else count))
    parts += [opaque8(path) + uint32(len(data)) + data for path, data in objects]
    return b"".join(parts) + end


def test_a_stage_is_read_back_as_it_was_written() -> None:
    """Heads, sizes and all objects."""
    assert parse_stage(STAGE.encode()) == STAGE
    assert parse_stage(Stage(HEADS.digest, 0, 0, {}).encode()) == Stage(HEADS.digest, 0, 0, {})


def test_the_bytes_are_those_of_the_format() -> None:
    """Built here from its description, objects by path."""
    objects = [(b"a/1", b"x"), (b"a/2", b"")]
    stage = Stage(HEADS.digest, 1, 2, {"a/2": b"", "a/1": b"x"})

    assert stage.encode() == staged(body(objects))


def test_a_stage_shows_nothing_that_is_signed() -> None:
    """Were its batch never committed, a signed checkpoint in it would prove a fork that never was."""
    assert HEADS.issuance not in STAGE.encode()
    assert HEADS.statements not in STAGE.encode()


def test_no_two_batches_share_a_path() -> None:
    """The path is a digest of the heads that the batch leads to."""
    assert stage_path(HEADS) == f"stage/{HEADS.digest.hex()}"
    assert stage_path(HEADS) != stage_path(Heads(HEADS.issuance, HEADS.statements, HEADS.time + 1))


def test_any_altered_or_missing_byte_is_noticed() -> None:
    """Each byte in turn, and each length."""
    data = STAGE.encode()
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 0x01
        with pytest.raises(ParseError):
            parse_stage(bytes(altered))
        with pytest.raises(ParseError):
            parse_stage(data[:position])
    with pytest.raises(ParseError):
        parse_stage(data + b"\x00")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (body([(b"b", b""), (b"a", b"")]), "order"),
        (body([(b"a", b""), (b"a", b"")]), "order"),
        (body([(b"../a", b"")]), "not a path"),
        (body([(b"", b"")]), "order"),
        (body([(b"\xff", b"")]), "not a path"),
        (body([(b"issuance/tile/0/000", bytes(32))]), "256 hashes"),
        (body([(b"a", b"")], count=2), "ends early"),
        (body([(b"a", b"")], count=0), "trailing"),
        (body([], end=b"\x00"), "trailing"),
        (body([], count=2**32 - 1), "ends early"),
        (b"", "ends early"),
    ],
)
def test_what_no_writer_makes_is_refused_for_what_it_is(what: bytes, text: str) -> None:
    """Also where its digest is right."""
    with pytest.raises(ParseError, match=text):
        parse_stage(staged(what))


@given(st.binary(max_size=400))
def test_nothing_but_our_error_escapes_the_parser(data: bytes) -> None:
    """Whatever bytes it is given, with or without the right beginning."""
    for attempt in (data, b"keystead/stage/v1\n" + data, staged(data)):
        try:
            parse_stage(attempt)
        except ParseError:
            continue


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**64 - 1),
    st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}", fullmatch=True), st.binary(max_size=50)
    ),
)
def test_every_stage_survives_the_journey(heads: bytes, size: int, objects: dict[str, bytes]) -> None:
    """And is written in the same bytes again."""
    stage = Stage(heads, size, 2, objects)
    data = stage.encode()

    assert parse_stage(data) == stage
    assert parse_stage(data).encode() == data
