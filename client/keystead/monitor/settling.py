# SPDX-License-Identifier: Apache-2.0
"""What settled a fact: what became of its certificates, its device and its subscribers when it ended.

Every function looks at the moment at which a fact ended and says what changed just then. Of several changes the one
that `SettledBy` lists first is named, with everybody whose word it rests on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from keystead.certificate.name import printable
from keystead.monitor.coverage import Coverage
from keystead.monitor.findings import SettledBy, Settlement
from keystead.monitor.found import show_time
from keystead.monitor.model import CertificateFacts, EntryName, LoggedTransfer
from keystead.monitor.subscribers import Subscribers

__all__ = [
    "Change",
    "alias_changes",
    "claim_change",
    "cover_change",
    "life_change",
    "settle",
    "transfer_changes",
]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened at the moment at which a fact ended.

    Attributes:
        how: the word for it.
        sentence: for people, without a full stop.
        by: whose word it rests on, safe to print.
        statements: in which they said so.
    """

    how: SettledBy
    sentence: str
    by: tuple[str, ...] = ()
    statements: tuple[EntryName, ...] = ()


def settle(changes: Iterable[Change | None], end_ms: int, otherwise: str = "it ended") -> Settlement:
    """What settled a fact that ended at a moment, of all that happened then."""
    happened = [change for change in changes if change is not None] or [Change(SettledBy.ENDED, otherwise)]
    order = list(SettledBy)
    how = min((change.how for change in happened), key=order.index)
    telling = [change for change in happened if change.how is how]
    return Settlement(
        how=how,
        at_ms=end_ms,
        by=tuple(sorted({name for change in telling for name in change.by})),
        statements=tuple(sorted({name for change in telling for name in change.statements})),
        sentence="; ".join(sorted({change.sentence for change in telling})),
    )


def life_change(certificate: CertificateFacts, moment: int) -> Change | None:
    """That a certificate's life ended then."""
    ending = certificate.ending
    if certificate.end_ms != moment:
        return None
    if ending is not None and moment == ending.at_ms:
        statements = () if ending.statement is None else (ending.statement,)
        return Change(SettledBy.REVOKED, ending.sentence, (ending.by,), statements)
    return Change(SettledBy.EXPIRED, "a certificate expired")


def cover_change(coverage: Coverage, certificate: CertificateFacts, moment: int) -> Change | None:
    """That the device became covered for a certificate then."""
    cover = coverage.cover_at(certificate, moment)
    if cover is None or coverage.cover_at(certificate, moment - 1) is not None:
        return None
    audit = cover.audit.audit
    operator, auditor = printable(audit.statement.operator_name), printable(audit.auditor)
    return Change(
        SettledBy.COVERED,
        f"the service {cover.service.hex()[:16]}… of {operator}, audited by {auditor} under "
        f"{audit.statement.scheme.value} until {show_time(audit.end_ms - 1000)}, covers the device",
        (auditor, operator),
        (cover.audit.statement, cover.enrolment.joined_by),
    )


def claim_change(certificate: CertificateFacts, device_id: bytes, moment: int) -> Change | None:
    """That somebody took back then that a certificate is on a device."""
    by = tuple(sorted({claim.by for claim in certificate.on(device_id) if claim.ends_ms == moment}))
    if not by:
        return None
    return Change(SettledBy.ENDED, f"{' and '.join(by)} took back that a certificate is on the device", by)


def alias_changes(
    subscribers: Subscribers, certificates: Sequence[CertificateFacts], moment: int
) -> list[Change]:
    """That subscribers of certificates were stated then to be one."""
    profiles = [certificate.subscriber for certificate in certificates]
    return [
        Change(
            SettledBy.ALIASED,
            f"{alias.by} stated that subscribers are one",
            (alias.by,),
            (alias.statement,),
        )
        for alias in subscribers.aliased_at(moment, profiles)
    ]


def transfer_changes(transfers: Iterable[LoggedTransfer], moment: int) -> list[Change]:
    """That somebody stated then that the device changed hands."""
    return [
        Change(
            SettledBy.TRANSFERRED,
            f"{transfer.by} stated that the device went from one subscriber to the other",
            (transfer.by,),
            (transfer.statement,),
        )
        for transfer in transfers
        if transfer.at_ms == moment
    ]
