# SPDX-License-Identifier: Apache-2.0
"""The verdict before a certificate is issued: each answer, and why."""

from keystead.certificate.extension import Method
from keystead.check.decision import Decision, Verdict
from keystead.check.question import AskedSubscriber, Question, SubscriberForm
from keystead.monitor.model import EntryName
from keystead.statements.payloads import RevocationReason
from keystead.testvendor.subjects import ov_subject
from support.check_material import Asked, answer, submitted
from support.history import History, yubikey

WORLD = ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")
MODULE = ("nshield-esn", "1111-1075-88BB")


def _said(decision: Decision) -> tuple[Verdict, tuple[str, ...]]:
    return decision.verdict, decision.reasons


async def test_a_device_that_nobody_was_seen_on() -> None:
    """Clear."""
    history = History()
    history.certificate("Beta GmbH", serial=2)
    decision = await Asked("Alpha AB").decide(history)
    assert _said(decision) == (Verdict.CLEAR, ("never-seen",))
    assert (decision.entries, decision.devices[0].value) == ((), "1")


async def test_the_same_subscriber() -> None:
    """Its own certificates are no reason to hold back, at another CA neither if a number says who it is."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    assert _said(await Asked("Alpha AB").decide(history)) == (Verdict.SAME_SUBSCRIBER, ("one-subscriber",))
    history = History()
    history.certificate("Alpha AB", serial=1, registration="1234567", ca=history.south, country="SE")
    decision = await Asked("Alfa AB", registration="1234567").decide(history)
    assert decision.verdict is Verdict.SAME_SUBSCRIBER
    assert "registration" in decision.details[0].sentence


async def test_another_subscriber() -> None:
    """Shared: with whom, since when, at which CA, how well that is known, and why nothing covers it."""
    history = History()
    history.day(3)
    issued = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.day(5)
    decision = await Asked("Alpha AB").decide(history)
    assert _said(decision) == (Verdict.SHARED, ("no-service",))
    detail = decision.details[0]
    assert detail.sentence == (
        "yubico-piv-serial 1 holds a key of Beta GmbH since 2026-01-04T00:00:00Z, certified by South CA (attested); "
        "the certificate asked about names no signing service"
    )
    assert detail.subscribers[0].ids == (issued.subscriber_id,)
    assert decision.entries == (EntryName("log.example/issuance", 0),)
    assert decision.to_json()["details"][0]["issuers"] == ["South CA"]


async def test_a_bare_claim_is_shown_as_one() -> None:
    """Whatever says that somebody is on the device counts; what it is worth is said."""
    history = History()
    history.certificate("Beta GmbH", serial=1, ca=history.south, evidence=False, method=Method.DECLARED)
    decision = await Asked("Alpha AB").decide(history)
    assert decision.verdict is Verdict.SHARED
    assert "(declared)" in decision.details[0].sentence


async def test_by_statements_alone() -> None:
    """Evidence and bindings put certificates on a device that their extensions do not name."""
    for told in ("evidence", "binding"):
        history = History()
        issued = history.certificate("Beta GmbH", serial=2, extension=False, evidence=False)
        if told == "evidence":
            history.evidence(issued, 1)
        else:
            history.bind(issued, serials=(1,))
        decision = await Asked("Alpha AB").decide(history)
        assert decision.verdict is Verdict.SHARED, told
        assert decision.entries == (EntryName("log.example/issuance", 0),)


async def test_what_was_taken_back() -> None:
    """A CA's own word ends when it takes it back; what is attested stays."""
    history = History()
    issued = history.certificate("Beta GmbH", serial=1, evidence=False)
    history.bind(issued, serials=(2,), supersedes_extension=True)
    assert _said(await Asked("Alpha AB").decide(history)) == (Verdict.CLEAR, ("none-live",))
    history.evidence(issued, 1)
    assert (await Asked("Alpha AB").decide(history)).verdict is Verdict.SHARED


async def test_what_has_ended() -> None:
    """Expired and revoked certificates hold nobody back; a monitor will say that the device changed hands."""
    for how in ("expired", "revoked"):
        history = History()
        issued = history.certificate("Beta GmbH", serial=1, valid=(0, 5 if how == "expired" else 300))
        history.day(10)
        if how == "revoked":
            history.revoke(issued, RevocationReason.SUPERSEDED)
        decision = await Asked("Alpha AB").decide(history)
        assert _said(decision) == (Verdict.CLEAR, ("none-live", "sequential-reuse")), how


async def test_a_compromised_key_on_the_device() -> None:
    """It is no reason to hold back by itself, but a CA should know."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    history.day(1)
    history.revoke(issued)
    assert _said(await Asked("Alpha AB").decide(history)) == (Verdict.CLEAR, ("none-live", "tainted-device"))


async def test_a_certificate_that_was_never_issued() -> None:
    """It is not on the device, unless it is logged after all."""
    history = History()
    issued = history.certificate("Beta GmbH", serial=1, precertificate=True)
    history.revoke(issued, RevocationReason.NOT_ISSUED)
    assert (await Asked("Alpha AB").decide(history)).verdict is Verdict.CLEAR
    history.finish(issued)
    assert (await Asked("Alpha AB").decide(history)).verdict is Verdict.SHARED


async def test_a_certificate_that_begins_later() -> None:
    """It counts as it will stand when it is valid."""
    history = History()
    history.certificate("Beta GmbH", serial=1, valid=(30, 60))
    assert (await Asked("Alpha AB").decide(history)).verdict is Verdict.SHARED


async def test_an_audited_service() -> None:
    """Covered if both certificates name the service: which one, by which audit, until when."""
    history = History()
    service = history.service()
    history.audit(service, days=(0, 100))
    enrolled = history.devices(service, join=[1])
    history.certificate("Beta GmbH", serial=1, service=service)
    decision = await Asked("Alpha AB", service=service).decide(history)
    assert _said(decision) == (Verdict.COVERED, ("audited-service",))
    cover = decision.details[0].cover
    assert cover is not None
    assert (cover.service, cover.auditor, cover.operator) == (service.id, "Auditor", "Operator Ltd")
    assert cover.enrolled_by == EntryName(history.origin, enrolled)
    assert cover.to_json()["until"] == "2026-04-11T00:00:00Z"


async def test_a_service_that_does_not_cover() -> None:
    """The reason says what is missing: of the certificate asked about, or of the other one."""
    history = History()
    service = history.service()
    history.certificate("Beta GmbH", serial=1, service=service)
    said = []
    asked = Asked("Alpha AB", service=service)
    said.append((await asked.decide(history)).reasons[0])
    withdrawal = history.audit(service, days=(0, 100))
    said.append((await asked.decide(history)).reasons[0])
    history.devices(service, join=[1])
    said.append((await Asked("Alpha AB").decide(history)).reasons[0])
    history.certificate("Gamma SA", serial=1)
    said.append((await asked.decide(history)).reasons[0])
    history.day(20)
    history.withdraw(withdrawal, 10)
    said.append((await asked.decide(history)).reasons[0])
    assert said == ["unaudited", "not-enrolled", "no-service", "no-service", "withdrawn"]


async def test_a_service_on_a_device_of_one() -> None:
    """What it will cover, or not, is said even if nobody else is there."""
    history = History()
    service = history.service()
    assert _said(await Asked("Alpha AB", service=service).decide(history)) == (
        Verdict.CLEAR,
        ("never-seen", "not-covered"),
    )
    history.audit(service)
    history.devices(service, join=[1])
    assert _said(await Asked("Alpha AB", service=service).decide(history)) == (
        Verdict.CLEAR,
        ("never-seen", "audited-service"),
    )


async def test_who_is_only_perhaps_the_same() -> None:
    """Counts as another, and the reason says so."""
    history = History()
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE")
    decision = await Asked("Alpha AB").decide(history)
    assert _said(decision) == (Verdict.SHARED, ("no-service", "perhaps-same"))
    assert "only perhaps another subscriber, and counts as another" in decision.details[1].sentence


async def test_an_alias() -> None:
    """The word of a CA that certified both makes them one, also if one of them is on another device."""
    history = History()
    new = history.certificate("Alpha Nova AB", serial=2)
    old = history.certificate("Alpha AB", serial=1)
    asked = Asked("Alpha Nova AB")
    assert (await asked.decide(history)).verdict is Verdict.SHARED
    history.alias(old, new)
    assert (await asked.decide(history)).verdict is Verdict.SAME_SUBSCRIBER


async def test_the_same_key_of_another() -> None:
    """It is shared, and worse than that."""
    history = History()
    asked = Asked("Alpha AB")
    history.certificate("Beta GmbH", serial=1, ca=history.south, key=asked.key)
    assert _said(await asked.decide(history)) == (Verdict.SHARED, ("no-service", "same-key"))


async def test_a_key_of_another_on_another_device() -> None:
    """The key is shared, whatever is said about devices: also if the other certificate has expired."""
    history = History()
    asked = Asked("Alpha AB")
    history.certificate("Beta GmbH", serial=2, ca=history.south, key=asked.key, valid=(0, 5))
    history.day(10)
    decision = await asked.decide(history)
    assert _said(decision) == (Verdict.SHARED, ("never-seen", "same-key"))
    assert decision.details[1].subscribers[0].name == "Beta GmbH"
    assert decision.entries == (EntryName("log.example/issuance", 0),)
    mine = asked.issue(history)
    assert (await submitted(history, mine)).verdict is Verdict.SHARED
    assert (await submitted(history, history.issued[0])).verdict is Verdict.CLEAR


async def test_a_cloud() -> None:
    """Sharing is what it is for, whether the evidence is the asker's or was recorded for somebody."""
    history = History()
    history.certificate("Beta GmbH", serial=1)
    history.all_clouds()
    for evidence in (True, False):
        decision = await Asked("Alpha AB", evidence=evidence).decide(history)
        assert _said(decision) == (Verdict.CLEAR, ("provider-operated",))


async def test_a_module_of_a_domain() -> None:
    """A module that both have alone is shared; where both are in one domain, the domain is."""
    history = History()
    other = history.certificate("Beta GmbH", devices=[WORLD, MODULE], ca=history.south)
    mine = history.certificate("Alpha AB", devices=[WORLD, MODULE])
    decision = await submitted(history, mine)
    assert decision.verdict is Verdict.SHARED
    schemes = {device.device_id: device.scheme for device in decision.devices}
    assert [(detail.code, schemes[detail.device or b""]) for detail in decision.details] == [
        ("no-service", "nshield-world"),
        ("domain-decides", "nshield-esn"),
    ]
    assert (await submitted(history, other)).verdict is Verdict.CLEAR


async def test_a_certificate_that_is_logged_is_not_its_own_neighbour() -> None:
    """It is left out whoever asks about it, with its issuer or without."""
    history = History()
    issued = history.certificate("Alpha AB", serial=1)
    for issuer in (issued.chain[1], b""):
        decision = await answer(history, Question(certificate=issued.chain[0], issuer=issuer))
        assert _said(decision) == (Verdict.CLEAR, ("never-seen",))


async def test_the_device_of_a_certificate_for_somebody_else() -> None:
    """A certificate may only say which device is meant; then it is on it itself."""
    history = History()
    issued = history.certificate("Beta GmbH", serial=1, ca=history.south, extension=False)
    subscriber = AskedSubscriber(SubscriberForm.NAME, ov_subject("Alpha AB", "SE"))
    decision = await answer(history, Question(certificate=issued.chain[0], subscriber=subscriber))
    assert decision.verdict is Verdict.SHARED
    assert decision.devices[0].device_id == yubikey(1)


async def test_by_the_id_alone() -> None:
    """A device of which only the id is known is called as others call it."""
    history = History()
    history.certificate("Beta GmbH", serial=1)
    subscriber = AskedSubscriber(SubscriberForm.NAME, ov_subject("Alpha AB", "SE"))
    decision = await answer(history, Question(device=(yubikey(1), ""), subscriber=subscriber))
    assert (decision.verdict, decision.devices[0].text) == (Verdict.SHARED, "yubico-piv-serial 1")
    unseen = await answer(history, Question(device=(yubikey(7), ""), subscriber=subscriber))
    assert unseen.devices[0].scheme == "device"


async def test_no_device() -> None:
    """A submitted certificate of which nothing says where its key is."""
    history = History()
    issued = history.certificate("Alpha AB")
    assert _said(await submitted(history, issued)) == (Verdict.CLEAR, ("no-device",))


async def test_a_certificate_that_has_ended_itself() -> None:
    """It is on no device any more, whoever is; that is not to say that nobody knew where it was."""
    for how in ("expired", "revoked", "never issued"):
        history = History()
        valid = (0, 5 if how == "expired" else 300)
        mine = history.certificate("Alpha AB", serial=1, valid=valid, precertificate=how == "never issued")
        history.certificate("Beta GmbH", serial=1, ca=history.south)
        history.day(10)
        if how != "expired":
            history.revoke(
                mine, RevocationReason.SUPERSEDED if how == "revoked" else RevocationReason.NOT_ISSUED
            )
        assert _said(await submitted(history, mine)) == (Verdict.CLEAR, ("ended",)), how


async def test_a_log_that_withholds_evidence() -> None:
    """It clears nobody, and is told."""
    history = History()
    history.certificate("Beta GmbH", serial=1, extension=False)
    history.log.objects = {path: data for path, data in history.log.objects.items() if "evidence" not in path}
    decision = await Asked("Alpha AB").decide(history)
    assert _said(decision) == (Verdict.SHARED, ("no-service", "log-misbehaviour"))
    assert decision.misbehaved
