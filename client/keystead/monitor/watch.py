# SPDX-License-Identifier: Apache-2.0
"""Watch lists: for those who want only what concerns their own CA, subscribers, devices or services.

Everything is followed and judged all the same; a watch list says what is told. What logs did wrong concerns
everybody and is always told.
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from keystead.certificate.device_identifier import device_id
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError
from keystead.monitor.findings import Finding
from keystead.monitor.names import are_similar, same_name
from keystead.monitor.rules import log_misbehaviour

__all__ = ["WatchList", "parse_watch_list"]

_MEMBERS = ("cas", "subscribers", "devices", "services")

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class WatchList:
    """What somebody wants to be told about.

    Attributes:
        cas: names of issuing CAs, as their certificates state them, in any spelling.
        subscribers: ids.
        names: of subscribers; similar ones count.
        devices: ids.
        services: ids.
    """

    cas: frozenset[str] = frozenset()
    subscribers: frozenset[bytes] = frozenset()
    names: tuple[str, ...] = ()
    devices: frozenset[bytes] = frozenset()
    services: frozenset[bytes] = frozenset()

    def concerns(self, finding: Finding) -> bool:
        """Whether a finding is about something on the list."""
        if finding.rule == log_misbehaviour.RULE:
            return True
        if finding.service in self.services or finding.device in self.devices:
            return True
        for subscriber in finding.subscribers:
            if not self.subscribers.isdisjoint(subscriber.ids):
                return True
        for certificate in finding.certificates:
            if same_name(certificate.issuer) in self.cas:
                return True
            if any(claim.device in self.devices for claim in certificate.claims):
                return True
            if any(are_similar(certificate.subscriber, name) for name in self.names):
                return True
        return False


def parse_watch_list(data: bytes) -> WatchList:
    """Read a watch list: TOML, a table `[watch]` with the arrays `cas`, `subscribers`, `devices` and `services`.

    A subscriber is an id in hex or a name, a device an id or `scheme:value`.

    Raises:
        ParseError: it is not that.
    """
    try:
        document: dict[str, Any] = tomllib.loads(data.decode())
    # ValueError: not TOML, not UTF-8, or a number of thousands of digits; the parser nests as deep as its input.
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the watch list is not TOML: {error}") from error
    table = document.pop("watch", None)
    if document or not isinstance(table, dict):
        raise ParseError("the watch list has one table, [watch]")
    unknown = sorted(set(table) - set(_MEMBERS))
    if unknown:
        raise ParseError(f"the watch list has {unknown[0]!r}, and knows {', '.join(_MEMBERS)}")
    listed = {name: _texts(table, name) for name in _MEMBERS}
    if not any(listed.values()):
        raise ParseError("the watch list is empty: everything would be left out")
    named = [text for text in listed["subscribers"] if _digest(text) is None]
    return WatchList(
        cas=frozenset(same_name(text) for text in listed["cas"]),
        subscribers=frozenset(_each(listed["subscribers"], _digest)),
        names=tuple(named),
        devices=frozenset(_device(text) for text in listed["devices"]),
        services=frozenset(decode_digest(text, "a service") for text in listed["services"]),
    )


def _texts(table: dict[str, Any], name: str) -> list[str]:
    found = table.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
        raise ParseError(f"{name} in the watch list is not a list of texts")
    return found


def _each(texts: Iterable[str], read: Callable[[str], _Value | None]) -> list[_Value]:
    return [value for text in texts if (value := read(text)) is not None]


def _digest(text: str) -> bytes | None:
    try:
        return decode_digest(text)
    except ParseError:
        return None


def _device(text: str) -> bytes:
    scheme, colon, value = text.partition(":")
    return device_id(scheme, value) if colon else decode_digest(text, "a device")
