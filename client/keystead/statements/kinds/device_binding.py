# SPDX-License-Identifier: Apache-2.0
"""`device-binding`: the issuing CA says where a logged certificate's key lives (`specs/statements.md`, section 5.3).

For certificates that were logged without the device extension, and for a CA that corrects its own word: a binding
can take the place of an earlier binding, or of what the certificate's own extension claims without evidence. What
is attested stands whatever a CA says.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from keystead.certificate.extension import MAX_DEVICES, Method
from keystead.errors import ParseError, StatementError
from keystead.statements.case import Case, Kind, Speaker, refuse, speaking_party
from keystead.statements.certificate_rights import require_own_certificate
from keystead.statements.members import Members
from keystead.statements.statement import (
    DeviceReference,
    Statement,
    log_and_issued,
    read_devices,
    require_distinct,
)

__all__ = ["DEVICE_BINDING", "DeviceBinding"]

_METHODS = {method.text: method for method in Method}
# The methods by which a CA can know that a service holds the key without knowing in which device: as in the
# extension, CSBR 6.2.7.4.2 items 4 to 7.
_METHODS_FOR_SERVICE_ALONE = frozenset(
    {Method.IT_AUDIT, Method.CLOUD_REPORT, Method.WITNESSED_CREATION, Method.SIGNING_SERVICE}
)


@dataclass(frozen=True, slots=True)
class DeviceBinding(Statement):
    """A certificate's key lives in these devices, or in that service.

    Attributes:
        certificate: certificate id.
        issuance_index: an issuance entry of that certificate.
        devices: at most 16; none for a service alone.
        method: how the CA knows.
        service: the signing service that holds the key.
        supersedes: leaf index of the CA's earlier binding of this certificate that this one replaces.
        supersedes_extension: it also replaces what the certificate's extension claims without evidence.
    """

    kind: ClassVar[str] = "device-binding"

    certificate: bytes
    issuance_index: int
    devices: tuple[DeviceReference, ...]
    method: Method
    service: bytes | None = None
    supersedes: int | None = None
    supersedes_extension: bool = False

    def __post_init__(self) -> None:
        require_distinct(self.devices, "the device-binding")
        if not self.devices and (self.service is None or self.method not in _METHODS_FOR_SERVICE_ALONE):
            raise StatementError(
                "a binding without devices names a service and one of the methods "
                + ", ".join(method.text for method in sorted(_METHODS_FOR_SERVICE_ALONE)),
                check="inconsistent-binding",
            )

    @classmethod
    def read(cls, members: Members) -> Self:
        devices = read_devices(members, "devices")
        if len(devices) > MAX_DEVICES:
            raise ParseError(f"the device-binding names more than {MAX_DEVICES} devices")
        # Absent or true: two spellings of "no" would be one too many.
        supersedes_extension = members.optional("supersedes_extension", members.boolean)
        if supersedes_extension is False:
            raise ParseError("the member 'supersedes_extension' of the device-binding is not true")
        return cls(
            *log_and_issued(members),
            certificate=members.digest("certificate"),
            issuance_index=members.integer("issuance_index"),
            devices=devices,
            method=members.choice("method", _METHODS),
            service=members.optional("service", members.digest),
            supersedes=members.optional("supersedes", members.integer),
            supersedes_extension=supersedes_extension is not None,
        )

    def members(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "certificate": self.certificate.hex(),
            "issuance_index": self.issuance_index,
            "devices": [device.to_json() for device in self.devices],
            "method": self.method.text,
        }
        if self.service is not None:
            value["service"] = self.service.hex()
        if self.supersedes is not None:
            value["supersedes"] = self.supersedes
        if self.supersedes_extension:
            value["supersedes_extension"] = True
        return value


def _judge(statement: DeviceBinding, speaker: Speaker, case: Case) -> None:
    require_own_certificate(statement.certificate, statement.issuance_index, speaker, case)
    if statement.supersedes is None:
        return
    # A CA takes back its own word, about this certificate, and nobody else's.
    earlier = case.view.statement_at(statement.supersedes)
    if earlier is None or not isinstance(earlier.statement, DeviceBinding):
        refuse(
            case, "supersedes-no-binding", f"statement {statement.supersedes} is not a logged device-binding"
        )
    if earlier.statement.certificate != statement.certificate:
        refuse(
            case,
            "supersedes-other-certificate",
            f"the binding at {statement.supersedes} is about another certificate",
        )
    own = earlier.keyid == case.envelope.keyid or (
        speaker.party is not None and earlier.party == speaker.party.name
    )
    if not own:
        refuse(
            case, "supersedes-other-party", f"the binding at {statement.supersedes} was made by another party"
        )


DEVICE_BINDING = Kind(DeviceBinding, speaking=speaking_party, judge=_judge)
