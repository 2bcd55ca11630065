# SPDX-License-Identifier: Apache-2.0
"""Values of frozen dataclasses as JSON text and back, exactly: how the state keeps findings.

Not an interface for programs (`Finding.to_json` is): members are in the order of the fields, without names, and
both sides must be of one version, which the state's schema version stands for.

>>> from keystead.monitor.model import EntryName
>>> to_text(EntryName("log.example/issuance", 7))
'["log.example/issuance",7]'
>>> from_text(EntryName, to_text(EntryName("log.example/issuance", 7)))
EntryName(origin='log.example/issuance', index=7)
"""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["from_text", "to_text"]

Value = TypeVar("Value")


def to_text(value: object) -> str:
    """The text of a dataclass whose fields are texts, integers, bytes, enums, tuples, mappings or dataclasses."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def from_text(kind: type[Value], text: str) -> Value:
    """The value of class `kind` that `text` was made of."""
    value: Value = _value(kind, json.loads(text))
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _value(kind: Any, plain: Any) -> Any:
    if get_origin(kind) is types.UnionType:
        # Optional values only: `X | None`.
        return None if plain is None else _value(get_args(kind)[0], plain)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in plain)
    if get_origin(kind) is Mapping:
        return plain
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(
            **{
                field.name: _value(hints[field.name], item)
                for field, item in zip(fields(kind), plain, strict=True)
            }
        )
    if kind is bytes:
        return bytes.fromhex(plain)
    return kind(plain)


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
