# SPDX-License-Identifier: Apache-2.0
"""On whose word a monitor settles, whether clouds are judged, and what it tells."""

from pathlib import Path

import pytest

from keystead.certificate.device_identifier import device_id
from keystead.errors import ParseError
from keystead.monitor.findings import State
from keystead.monitor.knowledge import Terms
from keystead.monitor.run import Report
from keystead.monitor.watch import WatchList, parse_watch_list
from keystead.statements.payloads import RevocationReason, SubscriberAlias
from support.history import YEAR, History, party_key


def _states(report: Report) -> dict[str, State]:
    return {finding.rule: finding.state for finding in report.findings}


def _refusing(*names: str) -> Terms:
    return Terms(frozenset(names))


async def test_a_partys_word_that_is_not_accepted_resolves_nothing(tmp_path: Path) -> None:
    """Alias, transfer, revocation, audit, enrolment, binding; what it says that accuses still counts."""
    aliased = History()
    first = aliased.certificate("Alpha AB", serial=1)
    aliased.alias(first, aliased.certificate("Alpha Holding AB", serial=1))

    transferred = History()
    first = transferred.certificate("Alpha AB", serial=1, valid=(-10, -5))
    transferred.transfer(1, first, transferred.certificate("Beta GmbH", serial=1, valid=(-4, YEAR)))

    revoked = History()
    revoked.certificate("Alpha AB", serial=1)
    revoked.revoke(revoked.certificate("Beta GmbH", serial=1), RevocationReason.KEY_COMPROMISE)

    covered = History()
    service = covered.service()
    covered.audit(service)
    covered.devices(service, join=[1])
    for name in ("Alpha AB", "Beta GmbH"):
        covered.bind(covered.certificate(name, serial=1), service=service)

    for number, (history, party, rule) in enumerate(
        (
            (aliased, "North CA", "shared-device"),
            (transferred, "North CA", "sequential-reuse"),
            (revoked, "North CA", "shared-device"),
            (covered, "Auditor", "shared-device"),
            (covered, "Operator Ltd", "shared-device"),
            (covered, "North CA", "shared-device"),
        )
    ):
        folder = tmp_path / str(number)
        assert _states(await history.monitor(folder, 10))[rule] is State.SETTLED
        assert _states(await history.monitor(folder, 10, terms=_refusing("Somebody")))[rule] is State.SETTLED
        refused = await history.monitor(folder, 10, terms=_refusing(party))
        assert _states(refused)[rule] is State.OPEN, (number, party)
        # With the old terms, the old answer.
        assert _states(await history.monitor(folder, 10))[rule] is State.SETTLED
    tainted = await revoked.monitor(tmp_path / "tainted", 10, terms=_refusing("North CA"))
    assert _states(tainted)["tainted-device"] is State.OPEN


async def test_clouds_are_held_to_the_same_rules_on_demand(tmp_path: Path) -> None:
    """Shared, used in turn, tainted."""
    history = History()
    history.all_clouds()
    history.certificate("Tenant Ltd", serial=1, valid=(-20, -10))
    first = history.certificate("Neighbour Ltd", serial=1)
    history.certificate("Third Ltd", serial=1)
    history.revoke(first)
    history.certificate("Fourth Ltd", serial=1)

    assert (await history.monitor(tmp_path, 10)).findings == ()
    held = await history.monitor(tmp_path, 10, terms=Terms(clouds_too=True))
    assert set(_states(held)) == {"shared-device", "sequential-reuse", "tainted-device"}


async def test_a_watch_list_tells_what_concerns_it(tmp_path: Path) -> None:
    """By CA, subscriber, device or service, in any spelling; what logs did is always told."""
    history = History()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    service = history.service()
    history.certificate("Gamma SA", serial=2, ca=history.south, service=service)
    history.certificate("Delta Inc", serial=2, ca=history.south, service=service)
    # A stranger's word, which the log should not have taken.
    history.say(
        SubscriberAlias(history.origin, history.now, (bytes(32), bytes(31) + b"\1"), "none"),
        party_key("Stranger"),
    )
    alpha = history.issued[0].subscriber_id.hex()

    async def told(text: str) -> set[str]:
        report = await history.monitor(tmp_path, 10, watch=parse_watch_list(text.encode()))
        return {finding.device_text or finding.rule for finding in report.findings}

    one, two, log = "yubico-piv-serial 1", "yubico-piv-serial 2", "log-misbehaviour"
    assert await told('[watch]\ncas = ["north ca"]') == {one, log}
    assert await told('[watch]\nsubscribers = ["ALPHA Aktiebolag"]') == {one, log}
    assert await told(f'[watch]\nsubscribers = ["{alpha}"]') == {one, log}
    assert await told('[watch]\ndevices = ["yubico-piv-serial:2"]') == {two, log}
    assert await told(f'[watch]\ndevices = ["{device_id("yubico-piv-serial", "1").hex()}"]') == {one, log}
    assert await told(f'[watch]\nservices = ["{service.id.hex()}"]') == {two, log}
    assert await told('[watch]\ncas = ["East CA"]') == {log}
    assert await told('[watch]\ncas = ["South CA"]\nsubscribers = ["Beta"]') == {one, two, log}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "watch = 1",
        "[watch]",
        "[watch]\ncas = []",
        "[watch]\ncas = [1]",
        '[watch]\ncas = "North CA"',
        '[watch]\nca = ["North CA"]',
        '[watch]\ncas = [""]',
        '[watch]\ndevices = ["12"]',
        '[watch]\ndevices = ["yubico-piv-serial:01"]',
        '[watch]\nservices = ["name"]',
        '[watch]\ncas = ["North CA"]\n[other]',
        "[watch",
        f"watch = {'[' * 5_000}",
        f"[watch]\ncas = [{'1' * 5_000}]",
        "\udcff",
    ],
)
def test_a_watch_list_that_would_watch_nothing_is_refused(text: str) -> None:
    """A misspelt member must not be no member."""
    with pytest.raises(ParseError):
        parse_watch_list(text.encode("utf-8", "surrogateescape"))


def test_an_empty_watch_list_concerns_nothing() -> None:
    """The value that no file makes."""
    assert WatchList() == WatchList(frozenset())
