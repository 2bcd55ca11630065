# SPDX-License-Identifier: Apache-2.0
"""One round of the monitor: moments, knowledge, and a state that is resumed or rebuilt with the same result."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.errors import FetchError, StoreError, UsageError
from keystead.monitor.findings import Finding, State
from keystead.monitor.run import MonitoredLog, Report, monitor_once
from keystead.monitor.store import Store
from keystead.statements.payloads import RevocationReason
from keystead.statements.policy import Party, parse_policy
from support.death import killed_at
from support.history import YEAR, History, yubikey
from support.random_history import RandomHistory
from support.state_dump import dump_state


def _only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


def _shared_and_covered() -> History:
    """Flagged from day 0; audited on day 10, enrolled on day 20; the second certificate revoked on day 30."""
    history = History()
    service = history.service()
    history.certificate("Alpha AB", serial=1, service=service)
    second = history.certificate("Beta GmbH", serial=1, service=service, ca=history.south)
    history.day(10)
    history.audit(service, days=(10, YEAR))
    history.day(20)
    history.devices(service, join=[1])
    history.day(30)
    history.revoke(second, RevocationReason.CESSATION_OF_OPERATION)
    return history


async def test_at_judges_another_moment_with_all_that_is_known(tmp_path: Path) -> None:
    """The clock is moved, the knowledge is not: nothing is kept of it."""
    history = _shared_and_covered()

    seen = {day: _only(await history.monitor(tmp_path, 40, at=day)) for day in (1, 15, 25, 35, YEAR + 10)}

    assert {day: (found.state.value, found.reason) for day, found in seen.items()} == {
        1: ("open", "lapsed"),
        15: ("open", "not-enrolled"),
        25: ("settled", "not-enrolled"),
        35: ("settled", "not-enrolled"),
        YEAR + 10: ("settled", "not-enrolled"),
    }
    assert _only(await history.monitor(tmp_path, 40)) == seen[35]


async def test_known_at_hides_what_was_logged_later(tmp_path: Path) -> None:
    """As of a moment, as somebody saw it then."""
    history = _shared_and_covered()

    async def seen(known_at: float, at: float | None = None) -> tuple[str, str | None]:
        finding = _only(await history.monitor(tmp_path, 40, known_at=known_at, at=at))
        return finding.state.value, finding.reason

    # On day 5 nobody had heard of an audit; on day 15 one knew that it was not in force before day 10.
    assert await seen(5) == ("open", "unaudited")
    assert await seen(15) == ("open", "not-enrolled")
    assert await seen(15, at=5) == ("open", "lapsed")
    assert await seen(25) == ("settled", "not-enrolled")
    # What was known on day 5 about day 25: the audit and the enrolment are hidden.
    assert await seen(5, at=25) == ("open", "unaudited")


async def test_known_at_hides_certificates_too(tmp_path: Path) -> None:
    """Before the second certificate was logged, nobody could see that the device is shared."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.day(10)
    history.certificate("Beta GmbH", serial=1)

    assert (await history.monitor(tmp_path, 20, known_at=5)).findings == ()
    # With all that is known, it was shared on day 5 already: both certificates were valid.
    assert _only(await history.monitor(tmp_path, 20, at=5)).state is State.OPEN


async def test_a_finding_keeps_its_id_and_its_history(tmp_path: Path) -> None:
    """From open to settled it is one finding; the exposure that ended stays in it."""
    history = _shared_and_covered()

    before = _only(await history.monitor(tmp_path, 40, at=5))
    after = _only(await history.monitor(tmp_path, 40))

    assert before.id == after.id
    assert [exposure.until_ms for exposure in before.exposures] == [None]
    (exposure,) = after.exposures
    assert exposure.until_ms is not None
    assert after.settlement is not None
    assert after.settlement.by == ("Auditor", "Operator Ltd")
    assert len(after.settlement.statements) == 2


async def test_time_alone_opens_and_settles(tmp_path: Path) -> None:
    """A state that was judged before something expired is judged anew when it has, though nothing was logged."""
    history = History()
    history.certificate("Alpha AB", serial=1, valid=(0, 100))
    history.certificate("Beta GmbH", serial=1, valid=(50, 200))

    states = [
        [finding.state for finding in (await history.monitor(tmp_path, day)).findings]
        for day in (10, 60, 120, 60, 10)
    ]

    # The clock may even go back.
    assert states == [[], [State.OPEN], [State.SETTLED], [State.OPEN], []]


async def test_what_is_shown_is_kept_up_to_date(tmp_path: Path) -> None:
    """A certificate within the service begins: it is shown with the one outside, though that changed nothing else."""
    history = History()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    history.certificate("Alpha AB", serial=1, valid=(1, YEAR))
    history.certificate("Alpha AB", serial=1, service=service, valid=(50, YEAR))
    before = await history.monitor(tmp_path / "kept", 40)

    after = await history.monitor(tmp_path / "kept", 60)

    assert (len(_only(before).certificates), len(_only(after).certificates)) == (2, 3)
    assert after.findings == (await history.monitor(tmp_path / "fresh", 60)).findings


async def test_logs_are_judged_together(tmp_path: Path) -> None:
    """A device that one subscriber uses in one log and another in another is shared; entries say where they are."""
    one, two = History("one.example"), History("two.example")
    one.certificate("Alpha AB", serial=1)
    two.certificate("Beta GmbH", serial=1, ca=two.south)

    finding = _only(await one.monitor(tmp_path, 10, others=[two]))

    assert [name.origin for name in finding.entries] == ["one.example/issuance", "two.example/issuance"]


async def test_a_certificate_in_two_logs_is_one(tmp_path: Path) -> None:
    """It is counted once, and found in both."""
    one, two = History("one.example"), History("two.example")
    issued = one.certificate("Alpha AB", serial=1)
    two._issue(issued.ca, issued.key, issued.reissue, precertificate=False)
    two.certificate("Beta GmbH", serial=1)

    finding = _only(await one.monitor(tmp_path, 10, others=[two]))

    assert len(finding.certificates) == 2
    assert len(finding.entries) == 3


async def test_audit_and_enrolment_cover_in_one_log_only(tmp_path: Path) -> None:
    """An audit that one log knows and an enrolment that another has do not meet."""
    one, two = History("one.example"), History("two.example")
    service = one.service()
    one.audit(service)
    two.audit(service)
    two.devices(service, join=[1])
    one.certificate("Alpha AB", serial=1, service=service, valid=(1, YEAR))
    one.certificate("Beta GmbH", serial=1, service=service, valid=(1, YEAR))

    alone = _only(await one.monitor(tmp_path / "alone", 10))
    together = await one.monitor(tmp_path / "together", 10, others=[two])

    assert (alone.state, alone.reason) == (State.OPEN, "not-enrolled")
    assert together.findings == ()


class _Waiting:
    """A log that answers nothing until something has happened, as one that is busy and asks for patience."""

    def __init__(self, history: History, until: asyncio.Event) -> None:
        self._log = history.log
        self._until = until

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        await self._until.wait()
        return await self._log.get(path, limit)


class _Counted:
    """Progress, as it is shown."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def aim(self, total: int) -> None:
        self.total = total

    def advance(self, steps: int = 1) -> None:
        self.done += steps


async def test_a_log_that_is_busy_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Logs are followed at once: the first answers only when the second was read to its end; progress is of both."""
    busy, other = History("one.example"), History("two.example")
    for history in (busy, other):
        history.certificate("Alpha AB", serial=1)
    read, progress = asyncio.Event(), _Counted()
    other.log.hooks.append(lambda path, answer: (path.startswith("evidence/") and read.set(), answer)[1])
    logs = [MonitoredLog(busy.log.trust, _Waiting(busy, read)), MonitoredLog(other.log.trust, other.log)]

    report = await asyncio.wait_for(
        monitor_once(tmp_path, logs, busy.anchors, now_ms=busy.log.now_ms, progress=progress), 60
    )

    assert [(log.error, log.issuance_new) for log in report.logs] == [(None, 1)] * 2
    assert (
        progress.total == progress.done == sum(log.issuance_new + log.statements_new for log in report.logs)
    )


@pytest.mark.parametrize("lie", ["withheld", "without the anchor"])
async def test_no_log_is_accused_for_what_another_does(lie: str, tmp_path: Path) -> None:
    """Two logs record one piece of evidence, and one of them withholds it, or knows no anchor that bears it."""
    honest, liar = History("one.example"), History("two.example")
    if lie == "without the anchor":
        liar.policy(vendor_anchors=())
    first = honest.certificate("Alpha AB", serial=1)
    evidence = honest.vendor.yubikey(1).attest(first.key.spki)
    liar.log.add_leaf(first.chain[0], [sha256(above).digest() for above in first.chain[1:]])
    liar.log.objects |= {path: data for path, data in honest.log.objects.items() if "issuer" in path}
    liar.evidence(first, 1)
    if lie == "withheld":
        del liar.log.objects[f"evidence/{evidence.digest.hex()}"]
    nobody = AnchorSet(())

    forth = await honest.monitor(tmp_path / "forth", 400, others=[liar], anchors=nobody)
    back = await liar.monitor(tmp_path / "back", 400, others=[honest], anchors=nobody)
    await liar.monitor(tmp_path / "late", 400, anchors=nobody)
    late = await honest.monitor(tmp_path / "late", 400, anchors=nobody)

    assert forth.findings == back.findings == late.findings
    (finding,) = forth.findings
    assert finding.rule == "log-misbehaviour"
    assert "two.example" in finding.summary
    assert "one.example" not in finding.summary


async def test_a_log_given_twice_is_refused(tmp_path: Path) -> None:
    """It would be followed against itself."""
    history = History()

    with pytest.raises(UsageError, match="twice"):
        await history.monitor(tmp_path, others=[history])


async def test_a_log_that_cannot_be_reached_does_not_stop_the_others(tmp_path: Path) -> None:
    """Its error is in the report; what the other says is judged."""
    down, up = History("down.example"), History("up.example")
    up.certificate("Alpha AB", serial=1)
    up.certificate("Beta GmbH", serial=1)

    class _Down:
        async def get(self, path: str, limit: int = 0) -> bytes | None:
            raise FetchError("nobody answers")

    report = await down.monitor(tmp_path, 10, fetcher=_Down(), others=[up])

    assert [str(log.error) for log in report.logs] == ["nobody answers", "None"]
    assert len(report.open) == 1


async def test_evidence_under_anchors_that_only_the_policy_knows_is_the_logs_word(tmp_path: Path) -> None:
    """A monitor without the vendor's anchor sees the same device, one step lower; with it, attested."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)

    without = _only(await history.monitor(tmp_path, 10, anchors=BUILTIN_ANCHORS))
    added = _only(await history.monitor(tmp_path, 10))
    again = _only(await history.monitor(tmp_path, 10, anchors=BUILTIN_ANCHORS))

    assert [found.severity.text for found in (without, added, again)] == ["medium", "high", "medium"]
    assert without == again
    assert {claim.assurance.text for one in without.certificates for claim in one.claims} == {"ca-verified"}


async def test_a_cloud_is_no_finding(tmp_path: Path) -> None:
    """Where evidence leads to an anchor that the monitor's user, or else the policy, marks as a cloud's."""
    history = History()
    cloud = replace(history.vendor.anchor(), cloud=True)
    history.policy(vendor_anchors=(cloud,))
    for number in range(5):
        history.certificate(f"Tenant {number}", serial=1, extension=number % 2 == 0)
    history.certificate("Rival GmbH", serial=1, evidence=False, ca=history.south)

    assert (await history.monitor(tmp_path / "policy", 10, anchors=BUILTIN_ANCHORS)).findings == ()
    assert (await history.monitor(tmp_path / "own", 10, anchors=AnchorSet([cloud]))).findings == ()


async def test_a_policy_cannot_make_a_cloud_of_the_monitors_own_anchor(tmp_path: Path) -> None:
    """What the monitor's user says of a vendor's key counts: a log cannot excuse devices by marking it."""
    history = History()
    history.policy(vendor_anchors=(replace(history.vendor.anchor(), cloud=True),))
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)

    assert _only(await history.monitor(tmp_path, 10)).severity.text == "high"


async def test_a_party_that_lists_two_issuing_keys_is_one_organization(tmp_path: Path) -> None:
    """Names that two keys of one CA certify are vetted by one organization, once a policy says so."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Alpha AB", serial=1, ca=history.south, country="SE")
    before = await history.monitor(tmp_path, 10)
    history.day(11)
    (north, south, *others) = _parties(history)
    history.policy(parties=(replace(north, issuers=north.issuers | south.issuers), *others))

    after = await history.monitor(tmp_path, 12)

    assert [finding.severity.text for finding in before.findings] == ["medium"]
    assert after.findings == ()
    # Looking from day 10, the two were only perhaps one.
    assert [found.severity.text for found in (await history.monitor(tmp_path, 12, known_at=10)).findings] == [
        "medium"
    ]


def _parties(history: History) -> tuple[Party, ...]:
    (policy,) = [data for path, data in history.log.objects.items() if path.startswith("policy/")]
    return parse_policy(policy).parties


@pytest.mark.parametrize("seed", range(8))
async def test_a_state_in_steps_equals_one_rebuilt(seed: int, tmp_path: Path) -> None:
    """Followed after every event, every few, or at the end: the same facts and the same findings."""
    reports: dict[str, Report] = {}
    for number, history in enumerate(RandomHistory(seed).steps(24)):
        reports["each"] = await history.monitor(tmp_path / "each")
        if number % 7 == 0:
            await history.monitor(tmp_path / "some")
    reports["some"] = await history.monitor(tmp_path / "some")
    reports["once"] = await history.monitor(tmp_path / "once")

    assert [log.error for report in reports.values() for log in report.logs] == [None] * 3
    assert reports["each"].findings == reports["some"].findings == reports["once"].findings
    assert dump_state(tmp_path / "each") == dump_state(tmp_path / "some") == dump_state(tmp_path / "once")


@pytest.mark.parametrize("seed", range(4))
async def test_the_present_equals_the_same_moment_asked_for(seed: int, tmp_path: Path) -> None:
    """What is kept and brought up to date is what judging everything gives."""
    for history in RandomHistory(seed).steps(20):
        day = (history.log.now_ms - 1_767_225_600_000) / 86_400_000
        kept = await history.monitor(tmp_path)
        asked = await history.monitor(tmp_path, at=day)

        assert kept.findings == asked.findings


@pytest.mark.parametrize("seed", range(3))
async def test_the_order_of_logs_does_not_matter(seed: int, tmp_path: Path) -> None:
    """Two logs followed in either order, or one long after the other."""
    *_, one = RandomHistory(seed, "one.example").steps(15)
    *_, two = RandomHistory(seed + 100, "two.example").steps(15)

    forth = await one.monitor(tmp_path / "forth", 400, others=[two])
    back = await two.monitor(tmp_path / "back", 400, others=[one])
    await one.monitor(tmp_path / "late", 400)
    late = await two.monitor(tmp_path / "late", 400)

    assert forth.findings == back.findings == late.findings


def test_a_kill_at_any_commit_changes_nothing(tmp_path: Path) -> None:
    """A process killed just before or just after any commit: the next round ends where an unbroken one does."""
    *_, history = RandomHistory(5).steps(20)
    unbroken = asyncio.run(history.monitor(tmp_path / "unbroken"))
    expected = dump_state(tmp_path / "unbroken")
    deaths = 0
    for when in range(40):
        for after in (False, True):
            state = tmp_path / f"{when}-{after}"
            died = killed_at(lambda state=state: history.monitor(state), when, after=after)
            deaths += died
            resumed = asyncio.run(history.monitor(state))
            assert resumed.findings == unbroken.findings
            assert dump_state(state) == expected
        if not died:
            break
    assert deaths > 10


async def test_two_monitors_do_not_share_a_state(tmp_path: Path) -> None:
    """The second is told so at once."""
    history = History()
    with Store(tmp_path), pytest.raises(StoreError, match="in use by another monitor"):
        await history.monitor(tmp_path)


async def test_a_log_with_other_keys_is_another_log(tmp_path: Path) -> None:
    """The keys of a log never change: who shows others is not believed."""
    history = History()
    await history.monitor(tmp_path)
    impostor = History("other.example")
    trust = impostor.log.trust
    swapped = replace(
        trust,
        issuance=replace(trust.issuance, key=replace(trust.issuance.key, origin=history.log.issuance.origin)),
    )

    with pytest.raises(UsageError, match="never change"):
        await monitor_once(tmp_path, [MonitoredLog(swapped, impostor.log)], BUILTIN_ANCHORS, now_ms=0)


async def test_findings_say_what_programs_rely_on(tmp_path: Path) -> None:
    """The members of an open finding, in the forms that are fixed."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1, ca=history.south)

    document = _only(await history.monitor(tmp_path, 10)).to_json()

    assert document["device"] == yubikey(1).hex()
    assert (document["key"], document["service"], document["settled_by"]) == (None, None, None)
    assert document["entries"] == [{"origin": "log.example/issuance", "index": index} for index in (0, 1)]
    assert document["statements"] == [1, 2]
    assert [subscriber["name"] for subscriber in document["subscribers"]] == ["Alpha AB", "Beta GmbH"]
    assert all(len(identifier) == 64 for one in document["subscribers"] for identifier in one["ids"])
    assert document["since"] == "2026-01-01T00:00:00Z"
    assert [(one["issuer"], one["assurance"]) for one in document["certificates"]] == [
        ("North CA", "attested"),
        ("South CA", "attested"),
    ]
    assert document["summary"] == (
        "yubico-piv-serial 1 holds keys of 2 subscribers at the same time (Alpha AB, Beta GmbH), certified by "
        "North CA, South CA; the newest certificate that is not covered names no signing service."
    )
