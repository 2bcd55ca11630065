# SPDX-License-Identifier: Apache-2.0
"""`device-transfer`: a device went from one subscriber to another (`specs/statements.md`, section 5.8).

Said by a CA, of a device that a certificate of its own is on, or by the operator of a signing service, of a device
that it enrolled. What it excuses, and for whom, is for monitors to say.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.encoding.rfc3339 import format_time
from keystead.errors import ParseError, StatementError
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_party
from keystead.statements.members import Members
from keystead.statements.statement import (
    DeviceReference,
    Statement,
    log_and_issued,
    read_device,
    read_subscribers,
)
from keystead.statements.statement_key import keyid_of

__all__ = ["DEVICE_TRANSFER", "DeviceTransfer"]


@dataclass(frozen=True, slots=True)
class DeviceTransfer(Statement):
    """A device changed hands.

    Attributes:
        device: which one.
        subscribers: the subscriber ids of who had it and of who has it now.
        on: when it changed hands, seconds.
        reason: in words.
    """

    kind: ClassVar[str] = "device-transfer"

    device: DeviceReference
    subscribers: tuple[bytes, bytes]
    on: int
    reason: str

    def __post_init__(self) -> None:
        if self.subscribers[0] == self.subscribers[1]:
            raise StatementError(
                "the device goes from a subscriber to the same one", check="subscriber-named-twice"
            )

    @classmethod
    def read(cls, members: Members) -> Self:
        log, issued = log_and_issued(members)
        device = members.object("device", read_device)
        named = read_subscribers(members)
        if len(named) != 2:
            raise ParseError("a transfer names two subscribers: who had the device, and who has it now")
        return cls(
            log,
            issued,
            device=device,
            subscribers=(named[0], named[1]),
            on=members.time("on"),
            reason=members.long_text("reason"),
        )

    def members(self) -> dict[str, Any]:
        return {
            "device": self.device.to_json(),
            "subscribers": [subscriber.hex() for subscriber in self.subscribers],
            "on": format_time(self.on),
            "reason": self.reason,
        }


def _speaking(statement: DeviceTransfer, case: Case) -> Speaker:
    keyid = case.envelope.keyid
    if case.policy.party(keyid, statement.kind) is None:
        for service in case.view.services_with(statement.device.device_id):
            if keyid == keyid_of(service.operator_key):
                return Speaker(service.operator_key, None, service.operator_key_distrusted)
    return speaking_party(statement, case)


def _judge(statement: DeviceTransfer, speaker: Speaker, case: Case) -> None:
    # An operator that did not enrol the device was not found to be the speaker.
    if speaker.party is not None and not case.view.issued_on(
        statement.device.device_id, speaker.party.issuers
    ):
        refuse(
            case,
            "no-certificate-on-device",
            "no certificate under an issuing key that the policy in force lists for the signer is on the device",
        )


DEVICE_TRANSFER = Kind(DeviceTransfer, speaking=_speaking, judge=_judge)
