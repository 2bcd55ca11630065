# SPDX-License-Identifier: Apache-2.0
"""How parsers are fuzzed: always the same examples, and input that is nearly right.

Random bytes die at the first check of a strict parser; what finds the rest is a valid text with something
cut, overwritten, doubled or put in.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from keystead.errors import KeysteadError

FUZZ = settings(derandomize=True, database=None, deadline=None, max_examples=300)
"""The settings of every fuzzing test."""


@st.composite
def damaged(draw: st.DrawFn, *originals: bytes) -> bytes:
    """One of `originals` after one to four random edits; now and then bytes unlike any of them."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 2, 5, 40))))
        match draw(st.sampled_from(("cut", "remove", "overwrite", "insert", "double"))):
            case "cut":
                del data[start:]
            case "remove":
                del data[start:end]
            case "overwrite":
                data[start:end] = draw(st.binary(min_size=end - start, max_size=end - start))
            case "insert":
                data[start:start] = draw(st.binary(min_size=1, max_size=5))
            case "double":
                data[start:start] = data[start:end]
    return bytes(data)


@st.composite
def damaged_text(draw: st.DrawFn, *originals: str) -> str:
    """As `damaged`, for text: edits are of characters, from among those that formats trip over."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.text(max_size=100))
    data = draw(st.sampled_from(originals))
    pieces = st.one_of(
        st.sampled_from(
            ("\n", "\n\n", " ", "+", "0", "-", "=", "/", "\r", "\t", "\x00", "\x85", "\u2028", "٣", "—")
        ),
        st.text(max_size=3),
    )
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.sampled_from((0, 1, 2, 20)))
        data = data[:start] + draw(pieces) + data[end:]
    return data


def only_our_errors(parse: Callable[[Any], Any], data: Any) -> Any:
    """What `parse` makes of `data`, or None where it raises one of our errors; others pass through."""
    try:
        return parse(data)
    except KeysteadError:
        return None
