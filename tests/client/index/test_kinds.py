# SPDX-License-Identifier: Apache-2.0
"""What can be looked up: kinds by name, values by length."""

import pytest

from keystead.errors import ParseError
from keystead.index.kinds import IndexKind, Subject, index_key, parse_subject


@pytest.mark.parametrize("kind", IndexKind)
def test_a_subject_is_read_as_it_is_written(kind: IndexKind) -> None:
    """By the kind's name and a value of its length."""
    value = bytes(range(kind.value_size))
    assert parse_subject(kind.text, value.hex()) == Subject(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("devices", "00" * 32),
        ("Device-Certificates", "00" * 32),
        ("device-certificates", ""),
        ("device-certificates", "00" * 31),
        ("device-certificates", "0A" * 32),
        ("undecodable", "00" * 32),
        ("", ""),
    ],
)
def test_what_is_no_subject(kind: str, value: str) -> None:
    """Unknown kinds, and values of another length or spelling, are refused."""
    with pytest.raises(ParseError):
        parse_subject(kind, value)


def test_histories_of_statements() -> None:
    """Which kinds list entries of the statement log."""
    assert [int(kind) for kind in IndexKind if kind.of_statements] == [6, 7, 8, 9, 11]


def test_no_two_subjects_share_a_key() -> None:
    """One id under every kind gives as many keys."""
    keys = {index_key(Subject(kind, bytes(kind.value_size))) for kind in IndexKind}
    assert len(keys) == len(IndexKind)
