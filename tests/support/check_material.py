# SPDX-License-Identifier: Apache-2.0
"""Histories as material for a check: all that a log holds, and what a CA asks about it."""

from dataclasses import dataclass

from keystead.check.decide import decide
from keystead.check.decision import Decision
from keystead.check.gathering import gather_for
from keystead.check.question import AskedSubscriber, Question, SubscriberForm
from keystead.check.whole_log import LiveLog
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import POLICIES, Gathered
from keystead.lookup.gathering import Gathering
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.subjects import ev_subject, ov_subject
from support.history import History, Issued, Operated, yubikey
from support.indexed_log import IndexedLog
from support.looked_up import index_of

__all__ = ["Asked", "answer", "answer_from", "everything", "live_log", "submitted"]


async def live_log(history: History) -> tuple[IndexedLog, LiveLog]:
    """A history's log with an index over all of it, as one reader sees it."""
    indexed, index = index_of(history)
    return indexed, await LiveLog.read(await index.open(POLICIES))


async def everything(history: History) -> Gathered:
    """Everything in a history's logs: what a monitor knows."""
    indexed, log = await live_log(history)
    gathering = Gathering(log)
    # A device that statements alone name has certificates proven absent.
    devices = {subject.value for subject in indexed.histories if subject.kind is IndexKind.DEVICE_STATEMENTS}
    absent = {Subject(IndexKind.DEVICE_CERTIFICATES, device) for device in devices}
    await gathering.take_all({**indexed.histories, **dict.fromkeys(absent)})
    return await gathering.complete()


@dataclass(frozen=True)
class Asked:
    """What a CA asks before it issues, and then issues.

    Attributes:
        subscriber: name of the organization.
        serial: of the YubiKey.
        ca: who asks.
        service: that the certificate will name.
        registration: makes it an EV certificate.
        evidence: the YubiKey's attestation is at hand.
        label: of the key.
        whose: the certificate whose key it is, where it is not a fresh one.
    """

    subscriber: str
    serial: int = 1
    ca: TestCertificateAuthority = History.north
    service: Operated | None = None
    registration: str | None = None
    evidence: bool = True
    label: str = "asked"
    whose: Issued | None = None

    @property
    def key(self) -> SigningKey:
        """The key that will be certified."""
        return derive_key(b"asked", self.label) if self.whose is None else self.whose.key

    def question(self, history: History) -> Question:
        """What it asks."""
        country = {"North CA": "SE", "South CA": "DE"}.get(self.ca.organization, "US")
        name = (
            ov_subject(self.subscriber, country)
            if self.registration is None
            else ev_subject(self.subscriber, country, self.registration)
        )
        piece = history.vendor.yubikey(self.serial).attest(self.key.spki).encode()
        return Question(
            device=None if self.evidence else (yubikey(self.serial), "yubico-piv-serial"),
            evidence=(piece,) if self.evidence else (),
            subscriber=AskedSubscriber(SubscriberForm.NAME, name),
            issuer=self.ca.chain[0],
            service=None if self.service is None else self.service.id,
        )

    async def decide(self, history: History, *, knowing_all: bool = False) -> Decision:
        """The answer, by what bears on the question, or by all that the history holds."""
        return await answer(history, self.question(history), knowing_all=knowing_all)

    def issue(self, history: History) -> Issued:
        """The CA issues, and logs it with its evidence."""
        day = (history.log.now_ms - 1_767_225_600_000) / 86_400_000
        return history.certificate(
            self.subscriber,
            serial=self.serial,
            ca=self.ca,
            service=self.service,
            registration=self.registration,
            evidence=self.evidence,
            key=self.key,
            valid=(int(day), int(day) + 365),
        )


async def submitted(history: History, issued: Issued, *, knowing_all: bool = False) -> Decision:
    """The answer to a CA that logged a certificate to find out."""
    question = Question(certificate=issued.chain[0], issuer=issued.chain[1], submitted=True)
    return await answer(history, question, knowing_all=knowing_all)


async def answer(history: History, question: Question, *, knowing_all: bool = False) -> Decision:
    """The answer to a question on a history's last day."""
    _, log = await live_log(history)
    return await answer_from(log, history, question, knowing_all=knowing_all)


async def answer_from(
    log: LiveLog, history: History, question: Question, *, knowing_all: bool = False
) -> Decision:
    """The answer by what a reader of the log sees."""
    at_ms = max(history.log.now_ms, log.newest_ms)
    bearing = await gather_for(log, question, history.anchors, at_ms)
    found = await everything(history) if knowing_all else bearing.found
    return decide(
        history.log.trust, found, bearing.candidate, history.anchors, at_ms, submitted=question.submitted
    )
