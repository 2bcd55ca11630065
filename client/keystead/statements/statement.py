# SPDX-License-Identifier: Apache-2.0
"""What every kind of statement has in common (`specs/statements.md`, section 4).

A statement is the meaning of an envelope's payload. The payload is a closed JSON object with the log that it is
for and the moment when it was made; the kind is in the envelope's payload type,
`application/vnd.keystead.<kind>.v1+json`.

Invariants:

* a statement that exists does not contradict itself: the rules that a JSON Schema cannot say are checked where
  the value is made, and break with a `StatementError` that names the rule;
* `parse(encode(s)) == s`; the reverse does not hold, because signers may write JSON as they like. What names
  a statement is the digest of the payload's bytes as they were signed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.encoding.json import encode_json
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import StatementError
from keystead.statements.members import Members

__all__ = [
    "DeviceReference",
    "Statement",
    "device_ids_of",
    "log_and_issued",
    "payload_type_of",
    "read_device",
    "read_devices",
    "read_subscribers",
    "require_distinct",
]


def payload_type_of(kind: str) -> str:
    """The payload type of a kind's first version."""
    return f"application/vnd.keystead.{kind}.v1+json"


@dataclass(frozen=True, slots=True)
class Statement(ABC):
    """The members that every payload has; each kind adds its own.

    Attributes:
        log: the origin of the statement log that it is for, so that it cannot be replayed on another.
        issued: when it was made, in seconds since 1970-01-01T00:00:00Z; a retry sends the same bytes.
    """

    kind: ClassVar[str]

    log: str
    issued: int

    @classmethod
    @abstractmethod
    def read(cls, members: Members) -> Self:
        """Take this kind's members; the caller closes the object.

        Raises:
            ParseError: a member is missing or not in its form.
            StatementError: the statement contradicts itself.
        """

    @abstractmethod
    def members(self) -> dict[str, Any]:
        """This kind's own members as JSON values, those that are absent left out."""

    @property
    def payload_type(self) -> str:
        """What the envelope calls this payload."""
        return payload_type_of(self.kind)

    def encode(self) -> bytes:
        """The payload as Keystead's own tools write it: members in the order of the schema, no white space."""
        return encode_json({"log": self.log, "issued": format_time(self.issued), **self.members()})


@dataclass(frozen=True, slots=True)
class DeviceReference:
    """A device as statements name it.

    Attributes:
        scheme: the name of its namespace, a label: any name is accepted.
        device_id: 32 bytes, which alone identify (`specs/identifiers.md`).
    """

    scheme: str
    device_id: bytes

    def to_json(self) -> dict[str, Any]:
        """`{"scheme", "device_id"}`."""
        return {"scheme": self.scheme, "device_id": self.device_id.hex()}


def log_and_issued(members: Members) -> tuple[str, int]:
    """The two members that every payload has, first in each kind's constructor."""
    return members.text("log"), members.time("issued")


def read_devices(members: Members, name: str) -> tuple[DeviceReference, ...]:
    """The array of devices under `name`."""
    return members.objects(name, read_device)


def read_device(members: Members) -> DeviceReference:
    """A device."""
    return DeviceReference(members.name("scheme"), members.digest("device_id"))


def read_subscribers(members: Members) -> tuple[bytes, ...]:
    """The array of subscriber ids under `subscribers`."""
    return members.strings("subscribers", decode_digest)


def device_ids_of(devices: Iterable[DeviceReference]) -> frozenset[bytes]:
    """The device ids of `devices`."""
    return frozenset(device.device_id for device in devices)


def require_distinct(devices: tuple[DeviceReference, ...], what: str) -> None:
    """Refuse a list that names one device twice, under one scheme's name or two.

    Raises:
        StatementError: `device-named-twice`.
    """
    if len(device_ids_of(devices)) != len(devices):
        raise StatementError(f"{what} names a device twice", check="device-named-twice")
