# SPDX-License-Identifier: Apache-2.0
"""The story of a shared device: flagged, explained, settled; and what the log refuses.

Two CAs log certificates whose keys live in one attested device. Neither can see the other's, the monitor sees
both. Then the CAs name the signing service that runs the device, an auditor states that the service was audited,
its operator enrols the device, and the finding is settled. A second device, of which nobody explains why two
subscribers use it, stays flagged.
"""

import asyncio
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.certificate.extension import Method
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain
from keystead.client.trust import parse_trust
from keystead.demo.cast import AUDITOR, Cast, Subscriber, make_cast, write_cast
from keystead.demo.desk import Desk
from keystead.demo.folder import LOG_NAME, DemoFolder
from keystead.demo.forgeries import try_forgeries
from keystead.demo.next_steps import next_steps
from keystead.demo.story import Chapter, Ending, Teller
from keystead.demo.watch import Watch, findings_chapter, worded
from keystead.errors import VerificationError
from keystead.monitor.findings import Finding, State
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceBinding,
    DeviceReference,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    sign_statement,
)
from keystead.statements.statement_key import spki_of
from keystead_server.main import EmbeddedLog

__all__ = ["tell_shared_device"]

_DAY = 86_400
_BACKDATED = 60
"""Seconds by which certificates begin before they are issued: clocks differ, and CAs know it."""


async def tell_shared_device(folder: DemoFolder, tell: Teller) -> Ending:
    """Live the story on a log of its own in `folder`.

    Raises:
        KeysteadError: something did not happen as the story goes.
    """
    cast = make_cast()
    write_cast(cast, folder)
    async with (
        EmbeddedLog(folder.log, policy=folder.policy, name=LOG_NAME, period_ms=100) as log,
        HTTPFetcher(log.url) as fetcher,
    ):
        desk = Desk(fetcher, parse_trust(log.trust))
        story = _Story(cast, folder, desk, Watch(folder, log.url), tell)
        findings = await story.live(log.url)
    return Ending(tuple(findings), next_steps(folder, story.flagged_at))


class _Story:
    """The acts, in order.

    Attributes:
        flagged_at: a second in which both devices were flagged and nothing else happened.
    """

    def __init__(self, cast: Cast, folder: DemoFolder, desk: Desk, watch: Watch, tell: Teller) -> None:
        self._cast = cast
        self._folder = folder
        self._desk = desk
        self._watch = watch
        self._tell = tell
        self._origin = desk.trust.statements.key.origin
        now = int(time.time())
        self._valid = (now - _BACKDATED, now + 365 * _DAY)
        self.flagged_at = now

    async def live(self, url: str) -> Sequence[Finding]:
        """All of it; the findings at its end."""
        cast = self._cast
        self._introduce(url)
        subscribers = (cast.alder, cast.birch, cast.cedar, cast.dogwood)
        logged = [await self._issue(who) for who in subscribers]
        self._tell(_certificates_chapter(subscribers, logged))
        await self._flagged()
        await self._name_the_service(alder=logged[0], birch=logged[1])
        await self._audit()
        findings = await self._enrol()
        await self._refuse(logged[0])
        return findings

    def _introduce(self, url: str) -> None:
        cast = self._cast
        self._tell(
            Chapter(
                "A log, and the people who use it",
                (
                    f"A log is running at {url}. Its policy accepts two CAs, one auditor, and the root of one maker "
                    "of devices. All of them were minted for this demonstration and are trusted nowhere else."
                ),
                ("who", "what", "known by"),
                (
                    (cast.north.name, "certification authority", "its root, and the key of its statements"),
                    (cast.south.name, "certification authority", "its root, and the key of its statements"),
                    (AUDITOR, "auditor", "the key of its statements"),
                    (cast.operator, "runs a signing service", "no policy: an audit will name its key"),
                    ("test vendor", "makes hardware crypto modules", "the root above all its attestations"),
                ),
            )
        )

    async def _issue(self, who: Subscriber, service: bytes | None = None, suffix: str = "") -> LoggedChain:
        """Log the precertificate with its evidence, then the certificate that has the log's promise in it."""
        name = f"{who.short}{suffix}"
        extension = who.extension(service)
        precertificate = who.certificate(self._valid, device_extension=extension, precertificate=True)
        self._folder.write_chain(f"{name}-precertificate", precertificate)
        self._folder.write_evidence(who.short, who.evidence)
        promised = await self._desk.log_chain(precertificate, who.evidence)
        certificate = who.certificate(self._valid, device_extension=extension, sct_list=promised.sct_list)
        self._folder.write_chain(name, certificate)
        await self._desk.log_chain(certificate)
        return promised

    async def _flagged(self) -> None:
        findings = await self._watch.look()
        self._tell(
            findings_chapter(
                "The monitor flags both devices",
                (
                    "Each CA saw one attestation, and each was right. The monitor follows the log, verifies every "
                    "entry and every piece of evidence again under the vendor's root that its user gave it, and "
                    "sees what neither CA could: each device serves two subscribers, and nothing shows that one "
                    "cannot use the other's key."
                ),
                findings,
            )
        )
        _expect(findings, {State.OPEN: 2})
        # Times are shown in seconds: what comes next is in another one, so that one can look back at this.
        self.flagged_at = int(time.time())
        await asyncio.sleep(self.flagged_at + 1 - time.time())

    async def _name_the_service(self, alder: LoggedChain, birch: LoggedChain) -> None:
        cast, south = self._cast, self._cast.south
        binding = DeviceBinding(
            self._origin,
            int(time.time()),
            certificate=alder.certificate_id,
            issuance_index=alder.entry.leaf_index,
            devices=(),
            method=Method.SIGNING_SERVICE,
            service=cast.service,
        )
        bound = await self._say("north-names-the-service", cast.north.key, binding)
        replaced = await self._issue(cast.birch, cast.service, "-renewed")
        revocation = CertificateRevoked(
            self._origin,
            int(time.time()),
            certificate=birch.certificate_id,
            issuance_index=birch.entry.leaf_index,
            on=int(time.time()),
            reason=RevocationReason.SUPERSEDED,
        )
        revoked = await self._say("south-revokes-the-first", south.key, revocation)
        findings = await self._watch.look()
        self._tell(
            Chapter(
                f"{cast.operator} runs the first device, and the CAs say so",
                (
                    f"The first device belongs to a signing service, {cast.service_name}. {cast.north.name} "
                    f"states it of the certificate that it has issued; {south.name} issues a new one that names "
                    "the service, and revokes the old. The finding stays: nobody has audited the service."
                ),
                ("what", "where"),
                (
                    (
                        f"{cast.north.name} binds {cast.alder.name}'s certificate to the service",
                        f"statement {bound}",
                    ),
                    (
                        f"{south.name} logs a certificate of {cast.birch.name} that names the service",
                        f"entry {replaced.entry.leaf_index}",
                    ),
                    (f"{south.name} revokes the one before it", f"statement {revoked}"),
                    ("the finding on the first device", self._on_first_device(findings)),
                ),
            )
        )

    async def _audit(self) -> None:
        cast = self._cast
        today = int(time.time()) // _DAY * _DAY
        ended = today - 30 * _DAY
        audit = ServiceAudit(
            self._origin,
            int(time.time()),
            service=cast.service,
            service_name=cast.service_name,
            founding_key=spki_of(cast.operator_key),
            operator_name=cast.operator,
            operator_key=spki_of(cast.operator_key),
            scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
            auditor=AUDITOR,
            not_before=ended,
            not_after=ended + 365 * _DAY - 1,
            period_start=ended - 365 * _DAY,
            period_end=ended - 1,
            report="https://quill.example/reports/signhouse",
        )
        index = await self._say("auditor-audits-the-service", cast.auditor_key, audit)
        findings = await self._watch.look()
        self._tell(
            Chapter(
                f"{AUDITOR} audited {cast.service_name}",
                (
                    "The auditor's statement names the service, its operator's key, the scheme and the period. Such an "
                    "audit qualifies. It says nothing of devices, so the finding stays."
                ),
                ("what", "where"),
                (
                    ("the audit, under WebTrust for CSBR and network security", f"statement {index}"),
                    ("the finding on the first device", self._on_first_device(findings)),
                ),
            )
        )

    async def _enrol(self) -> Sequence[Finding]:
        cast = self._cast
        identity = cast.alder.identity
        now = int(time.time())
        enrolment = ServiceDevices(
            self._origin,
            now,
            service=cast.service,
            from_=now,
            join=(DeviceReference(identity.scheme, identity.device_id),),
            leave=(),
        )
        index = await self._say("operator-enrols-the-device", cast.operator_key, enrolment)
        findings = await self._watch.look()
        self._tell(
            findings_chapter(
                "The operator enrols its device, and the finding is settled",
                (
                    f"{cast.operator} signs with the key that the audit names (statement {index}): the device "
                    "belongs to the audited service. Now it is covered for both of its subscribers, and the "
                    "history of the gap stays. Nobody has spoken for the second device: it stays flagged."
                ),
                findings,
            )
        )
        _expect(findings, {State.OPEN: 1, State.SETTLED: 1})
        return findings

    async def _refuse(self, logged: LoggedChain) -> None:
        before = await self._desk.sizes()
        refusals = await try_forgeries(self._cast, self._desk, self._valid, logged)
        after = await self._desk.sizes()
        if after != before:
            raise VerificationError("something that was refused changed the log", check="demo")
        self._tell(
            Chapter(
                "What the log refuses",
                (
                    f"{len(refusals)} forgeries are sent. Each is refused by a rule that has a name, and both "
                    f"logs have as many entries as before: {after[0]} and {after[1]}."
                ),
                ("sent", "refused as", "because"),
                tuple((forgery.what, forgery.refusal.code, str(forgery.refusal)) for forgery in refusals),
            )
        )

    async def _say(self, name: str, key: Ed25519PrivateKey, statement: Statement) -> int:
        """Sign a statement, keep the envelope, log it; its leaf index."""
        envelope = sign_statement(key, statement)
        self._folder.write_statement(name, envelope)
        return (await self._desk.log_statement(envelope)).leaf_index

    def _on_first_device(self, findings: Sequence[Finding]) -> str:
        device = self._cast.alder.identity.device_id
        return next((worded(finding) for finding in findings if finding.device == device), "none")


def _certificates_chapter(subscribers: Sequence[Subscriber], logged: Sequence[LoggedChain]) -> Chapter:
    rows = tuple(
        (
            who.name,
            who.authority.name,
            f"{who.identity.scheme} {who.identity.value}",
            f"entry {entry.entry.leaf_index}",
            f"statement {entry.statement_index}",
        )
        for who, entry in zip(subscribers, logged, strict=True)
    )
    return Chapter(
        "Two CAs log four certificates",
        (
            "Each CA checks the attestation that its subscriber's device made, puts the device's identity into the "
            "precertificate, and logs it with the evidence beside it. The log verifies the evidence, answers with its "
            "promise once the entry is published, and records what was proven as a statement of its own. The CA "
            "embeds the promise and logs the certificate as well."
        ),
        ("subscriber", "CA", "device, as attested", "precertificate", "evidence recorded"),
        rows,
    )


def _expect(findings: Sequence[Finding], states: dict[State, int]) -> None:
    """The story must not tell what did not happen."""
    found = {state: sum(finding.state is state for finding in findings) for state in states}
    if found != states:
        raise VerificationError(f"the monitor found {found} where the story has {states}", check="demo")
