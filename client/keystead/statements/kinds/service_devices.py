# SPDX-License-Identifier: Apache-2.0
"""`service-devices`: an operator enrols devices in its service, or names its next key (`specs/statements.md`, 5.6).

The list of devices belongs to the service: a later key continues it. Nobody can take a service over, because the
next key is named by the key in force and by no other; an operator that loses its key founds a new service.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar, Self

from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import StatementError
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_operator
from keystead.statements.members import Members
from keystead.statements.statement import (
    DeviceReference,
    Statement,
    device_ids_of,
    log_and_issued,
    read_devices,
    require_distinct,
)

__all__ = ["SERVICE_DEVICES", "ServiceDevices"]


@dataclass(frozen=True, slots=True)
class ServiceDevices(Statement):
    """Devices join or leave a service, or its operator's key changes.

    Attributes:
        service: service id.
        from_: the date from which devices join and leave; not before the statement is logged, whatever it says.
        join: devices that the service holds keys in from then on.
        leave: devices that it does not any more.
        next_key: DER SubjectPublicKeyInfo of the key that signs what comes after this statement.
    """

    kind: ClassVar[str] = "service-devices"

    service: bytes
    from_: int
    join: tuple[DeviceReference, ...]
    leave: tuple[DeviceReference, ...]
    next_key: bytes | None = None

    def __post_init__(self) -> None:
        require_distinct(self.join, "the list of joining devices")
        require_distinct(self.leave, "the list of leaving devices")
        if device_ids_of(self.join) & device_ids_of(self.leave):
            raise StatementError("a device joins and leaves at once", check="joins-and-leaves")
        if not self.join and not self.leave and self.next_key is None:
            raise StatementError("no device joins or leaves, and no next key is named", check="says-nothing")

    @classmethod
    def read(cls, members: Members) -> Self:
        return cls(
            *log_and_issued(members),
            service=members.digest("service"),
            from_=members.time("from"),
            join=read_devices(members, "join"),
            leave=read_devices(members, "leave"),
            next_key=members.optional("next_key", members.key),
        )

    def members(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "service": self.service.hex(),
            "from": format_time(self.from_),
            "join": [device.to_json() for device in self.join],
            "leave": [device.to_json() for device in self.leave],
        }
        if self.next_key is not None:
            value["next_key"] = encode_base64(self.next_key)
        return value


def _speaking(statement: ServiceDevices, case: Case) -> Speaker:
    return speaking_operator(statement.service, case)


def _judge(statement: ServiceDevices, _speaker: Speaker, case: Case) -> None:
    # That the key in force signed it is all the right there is; whose devices they are is for monitors to
    # compare. But a service is not handed to a key of which it is known that it turned bad.
    if statement.next_key is not None and case.policy.distrusts(sha256(statement.next_key).digest()):
        refuse(case, "distrusted-key", "the next key that the statement names is distrusted")


SERVICE_DEVICES = Kind(ServiceDevices, speaking=_speaking, judge=_judge)
