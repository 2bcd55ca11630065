# SPDX-License-Identifier: Apache-2.0
"""One answer of an index, as the JSON document that travels and can be kept (`specs/device-index.md`, section 7).

Nothing is verified here: `verification` does that.

Invariants:

* `parse_answer(a.encode()) == a`;
* members that are known are read strictly, others are passed over, as in every answer of a log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.errors import ParseError
from keystead.index.history import Page
from keystead.index.kinds import Subject, parse_subject

__all__ = ["DEFAULT_PAGE", "MAX_PAGE", "IndexAnswer", "parse_answer"]

MAX_PAGE = 1_000
"""The most entries in one answer."""

DEFAULT_PAGE = 100
"""As many as are shown where nobody says."""

MAX_ANSWER_BYTES = 1024 * 1024
"""A page of 1,000 entries, proofs in a tree of 2^63 leaves, and a head, fit many times."""


@dataclass(frozen=True, slots=True)
class IndexAnswer:
    """What an index says of one subject, with its proofs.

    Attributes:
        subject: what was asked for.
        page: entries of its history; `count` 0 where there is none.
        map_proof: presence in the map of the head, or absence where `count` is 0.
        head_entry: the statement log's entry with the `index-head`.
        head_proof: text of the tlog-proof of that entry.
        checkpoint: the issuance log's checkpoint, of a size not less than the head covers.
        consistency: the proof that the checkpoint's tree extends the one that the head names.
    """

    subject: Subject
    page: Page
    map_proof: bytes
    head_entry: bytes
    head_proof: str
    checkpoint: bytes
    consistency: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The document."""
        return encode_json(
            {
                "kind": self.subject.kind.text,
                "value": self.subject.value.hex(),
                "count": self.page.count,
                "from": self.page.first,
                "entries": self.page.entries,
                "page_proof": {
                    "left": [encode_base64(value) for value in self.page.left],
                    "right": [encode_base64(value) for value in self.page.right],
                },
                "map_proof": encode_base64(self.map_proof),
                "head": {"entry": encode_base64(self.head_entry), "proof": self.head_proof},
                "issuance": {
                    "checkpoint": self.checkpoint.decode("utf-8"),
                    "consistency": [encode_base64(value) for value in self.consistency],
                },
            }
        )


def parse_answer(data: bytes) -> IndexAnswer:
    """Read an answer; nothing is verified.

    Raises:
        ParseError: it is none.
    """
    if len(data) > MAX_ANSWER_BYTES:
        raise ParseError(f"an index answer has more than {MAX_ANSWER_BYTES} bytes")
    document = _object(decode_json(data, "an index answer"), "an index answer")
    entries = tuple(_integer(entry, "an entry") for entry in _list(document, "entries"))
    if len(entries) > MAX_PAGE:
        raise ParseError(f"an index answer has more than {MAX_PAGE} entries")
    page_proof = _object(document.get("page_proof"), "page_proof")
    head = _object(document.get("head"), "head")
    issuance = _object(document.get("issuance"), "issuance")
    return IndexAnswer(
        subject=parse_subject(_text(document, "kind"), _text(document, "value")),
        page=Page(
            count=_integer(document.get("count"), "count"),
            first=_integer(document.get("from"), "from"),
            entries=entries,
            left=_hashes(page_proof, "left"),
            right=_hashes(page_proof, "right"),
        ),
        map_proof=_base64(_text(document, "map_proof"), "map_proof"),
        head_entry=_base64(_text(head, "entry"), "entry"),
        head_proof=_text(head, "proof"),
        checkpoint=_utf8(_text(issuance, "checkpoint")),
        consistency=_hashes(issuance, "consistency"),
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError("the checkpoint in an index answer has a lone surrogate") from error


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParseError(f"{name} of an index answer is missing, or is no JSON object")
    return value


def _list(members: Mapping[str, Any], name: str) -> list[Any]:
    value = members.get(name)
    if not isinstance(value, list):
        raise ParseError(f"{name} of an index answer is missing, or is no array")
    return value


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ParseError(f"{name} of an index answer is missing, or is no text")
    return value


def _integer(value: Any, name: str) -> int:
    # In Python a boolean is an integer; in JSON it is not.
    if type(value) is not int or not 0 <= value <= MAXIMUM:
        raise ParseError(f"{name} of an index answer is no integer from 0 to {MAXIMUM}")
    return value


def _base64(text: str, name: str) -> bytes:
    return decode_base64(text, f"{name} of an index answer")


def _hashes(members: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    values = _list(members, name)
    if not all(isinstance(value, str) for value in values):
        raise ParseError(f"{name} of an index answer holds something else than text")
    return tuple(_base64(value, name) for value in values)
