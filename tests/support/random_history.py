# SPDX-License-Identifier: Apache-2.0
"""Histories by chance, from a seed: everything that a log may hold, in any order that a log allows."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from random import Random

from keystead.certificate.extension import Method
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import AuditWithdrawal, RevocationReason
from keystead.statements.statement_key import spki_of
from support.history import History, Issued, Operated, milliseconds, party_key
from support.random_lies import lie, log_unreadable

_SUBSCRIBERS = ("Alpha AB", "Beta GmbH", "Gamma SA")
_SERIALS = (1, 2)
_WORLD = (("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8"),)
_MODULE = ("nshield-esn", "1111-1075-88BB")


class RandomHistory:
    """Tells a history step by step.

    Args:
        seed: the same seed tells the same history.
        name: of the log.
        registrations: the registration numbers that certificates may have; None has none.
        wild: the log does now and then what it must not, and admits what nobody can read; CAs write one subject alike.
    """

    def __init__(
        self,
        seed: int,
        name: str = "log.example",
        registrations: Sequence[str | None] = (None, None, "1234567", "7654321"),
        *,
        wild: bool = False,
    ) -> None:
        self.history = History(name)
        self._wild = wild
        self._random = Random(seed)
        self._registrations = registrations
        self._services = [
            self.history.service(),
            self.history.service("Other Service", "Other Operator"),
        ]
        self._issued: list[Issued] = []
        self._bindings: list[tuple[Issued, int]] = []
        self._withdrawals: list[AuditWithdrawal] = []
        self._audited: set[bytes] = set()
        # Coverage takes three things at once, which chance alone rarely brings together.
        if seed % 2:
            self._audited.add(self._services[0].id)
            self._withdrawals.append(self.history.audit(self._services[0], days=(0, 150)))
            self.history.devices(self._services[0], join=_SERIALS)

    def steps(self, count: int) -> Iterator[History]:
        """Tell `count` events, a few days apart; the history so far after each."""
        actions: list[Callable[[], None]] = [
            self._certify,
            self._certify,
            self._certify,
            self._audit,
            self._enrol,
            self._bind,
            self._revoke,
            self._withdraw,
            self._transfer,
            self._alias,
            self._finish,
            self._add_evidence,
            self._distrust,
            *((self._unreadable, self._lie, self._meet, self._revoke) if self._wild else ()),
        ]
        for _ in range(count):
            day = (self.history.log.now_ms - milliseconds(0)) / 86_400_000
            self.history.day(day + self._random.choice((0.5, 1, 3, 10)))
            self._random.choice(actions)()
            yield self.history

    @property
    def _day(self) -> float:
        return (self.history.log.now_ms - milliseconds(0)) / 86_400_000

    def _certify(self) -> None:
        random = self._random
        begin = self._day + random.choice((-40, -5, 0, 5))
        serial = random.choice((*_SERIALS, *_SERIALS, None))
        methods = (Method.KEY_ATTESTATION, Method.DECLARED, Method.SHIPPED_BY_CA)
        devices = random.choice(((), (), (), _WORLD, (*_WORLD, _MODULE), (_MODULE,)))
        self._issued.append(
            self.history.certificate(
                random.choice(_SUBSCRIBERS),
                serial=serial,
                devices=devices,
                ca=random.choice((self.history.north, self.history.south)),
                evidence=random.random() < 0.6,
                method=random.choice(methods) if serial or devices else Method.SIGNING_SERVICE,
                service=random.choice((None, self._services[0], *self._services)),
                extension=random.random() < 0.8,
                valid=(begin, begin + random.choice((10, 30, 100))),
                registration=random.choice(self._registrations),
                precertificate=random.random() < 0.4,
                named_evidence=random.random() < 0.1,
                # Now and then a key is certified again, on whichever device.
                key=random.choice(self._issued).key if self._issued and random.random() < 0.2 else None,
                # Two CAs write one subject alike.
                **({"country": "SE"} if self._wild and random.random() < 0.3 else {}),
            )
        )

    def _audit(self) -> None:
        random, service = self._random, self._random.choice(self._services)
        begin = round(self._day) + random.choice((-30, -1, 0))
        self._withdrawals.append(
            self.history.audit(
                service,
                days=(begin, begin + random.choice((20, 60, 200))),
                scheme=random.choice((AuditScheme.WEBTRUST_CSBR_NETSEC,) * 3 + (AuditScheme.SOC2,)),
            )
        )
        self._audited.add(service.id)

    def _service(self) -> Operated | None:
        known = [service for service in self._services if service.id in self._audited]
        return self._random.choice(known) if known else None

    def _enrol(self) -> None:
        service = self._service()
        if service is not None:
            serial, joins = self._random.choice(_SERIALS), self._random.random() < 0.7
            day = self._day + self._random.choice((-10, 0, 5))
            self.history.devices(
                service, join=[serial] if joins else (), leave=() if joins else [serial], day=day
            )

    def _bind(self) -> None:
        random = self._random
        if not self._issued:
            return
        issued = random.choice(self._issued)
        earlier = [index for bound, index in self._bindings if bound.certificate_id == issued.certificate_id]
        index = self.history.bind(
            issued,
            serials=random.choice(((), (1,), (2,), (1, 2))),
            service=random.choice(self._services),
            supersedes=random.choice(earlier) if earlier and random.random() < 0.5 else None,
            supersedes_extension=random.random() < 0.3,
        )
        self._bindings.append((issued, index))

    def _revoke(self) -> None:
        if self._issued:
            self._revoke_one(self._random.choice(self._issued))

    def _revoke_one(self, issued: Issued) -> None:
        open_ = issued.precertificate and self._random.random() < 0.7
        reasons = (RevocationReason.SUPERSEDED, *[RevocationReason.KEY_COMPROMISE] * 2)
        self.history.revoke(issued, RevocationReason.NOT_ISSUED if open_ else self._random.choice(reasons))

    def _meet(self) -> None:
        """Two subscribers meet on a device of a service, beside or after each other, until somebody says something.

        All of it could come by chance, and seldom does.
        """
        random, day, serial = self._random, self._day, self._random.choice(_SERIALS)
        said = random.choice(("revoked", "bound", "taken back"))
        beside, attested = random.random() < 0.5, said != "taken back"
        for subscriber, service, valid, evidence in (
            (_SUBSCRIBERS[0], self._services[0], (day, day + (60 if beside else 4)), True),
            (_SUBSCRIBERS[1], None, (day + (1 if beside else 5), day + 60), attested),
        ):
            one = self.history.certificate(
                subscriber, serial=serial, service=service, valid=valid, evidence=evidence
            )
            self._issued.append(one)
        self.history.day(day + random.choice((6, 8)))
        if said == "revoked":
            self._revoke_one(one)
            return
        index = self.history.bind(
            one,
            serials=() if attested else [3 - serial],
            service=self._services[0],
            supersedes_extension=not attested,
        )
        self._bindings.append((one, index))

    def _transfer(self) -> None:
        if len(self._issued) > 1:
            seller, buyer = self._random.sample(self._issued, 2)
            if seller.subscriber_id != buyer.subscriber_id:
                # Whoever states it without right is found out, and excuses nobody.
                self.history.transfer(self._random.choice(_SERIALS), seller, buyer)

    def _alias(self) -> None:
        if len(self._issued) > 1 and self._random.random() < 0.5:
            first, second = self._random.sample(self._issued, 2)
            if first.subscriber_id != second.subscriber_id:
                self.history.alias(first, second, by=self._random.choice(("North CA", "South CA")))

    def _withdraw(self) -> None:
        if self._withdrawals:
            self.history.withdraw(
                self._random.choice(self._withdrawals), self._day + self._random.choice((-5, 5))
            )

    def _finish(self) -> None:
        waiting = [issued for issued in self._issued if issued.precertificate]
        if waiting:
            issued = self._random.choice(waiting)
            self._issued[self._issued.index(issued)] = self.history.finish(issued)

    def _add_evidence(self) -> None:
        if self._issued:
            self.history.evidence(self._random.choice(self._issued), self._random.choice(_SERIALS))

    def _unreadable(self) -> None:
        if self._issued and self._random.random() < 0.4:
            unreadable = log_unreadable(self.history, self._random.choice(self._issued), self._random)
            if unreadable is not None:
                self._issued.append(unreadable)
                if self._random.random() < 0.3:
                    self._revoke_one(unreadable)

    def _lie(self) -> None:
        if self._issued:
            lie(self.history, self._issued, self._random)

    def _distrust(self) -> None:
        if self._random.random() < 0.2:
            key = party_key(self._random.choice(("Auditor", "North CA")))
            self.history.policy(distrusted={sha256(spki_of(key)).digest(): self.history.now - 5 * 86_400})
