# SPDX-License-Identifier: Apache-2.0
"""Signing services in time: keys, audits, withdrawals, enrolments, and what was known when."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keystead.errors import StatementError, UsageError
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import Statement, service_id_of, sign_statement
from keystead.statements.policy import Policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import Service, ServiceRegistry
from keystead.statements.statement_key import SigningKey, keyid_of, spki_of
from support.statements import (
    AUDITOR,
    DAY,
    NEXT_OPERATOR,
    NOW,
    NOW_MS,
    OPERATOR,
    SERVICE,
    SERVICE_NAME,
    ImaginedLog,
    audit,
    binding,
    device,
    digest,
    ec_key,
    ed25519_key,
    enrolment,
    policy,
    withdrawal,
)

START_MS = NOW_MS - 10_000


def log_with(*said: tuple[Statement, SigningKey, float]) -> ImaginedLog:
    """A policy at `START_MS`, then statements at times given in seconds from `NOW`."""
    log = ImaginedLog()
    log.log_policy(policy(), START_MS)
    for statement, key, seconds in said:
        log.log(statement, key, at(seconds))
    return log


def service(log: ImaginedLog, known_at_ms: int | None = None, service_id: bytes = SERVICE) -> Service:
    found = log.registry.service(service_id, known_at_ms)
    assert found is not None
    return found


def at(seconds: float) -> int:
    return NOW_MS + int(seconds * 1000)


def bad(key: SigningKey, from_: int) -> Policy:
    return policy(distrusted={bytes.fromhex(keyid_of(spki_of(key))): from_})


# What is known.


def test_service_is_known_from_its_first_audit_on() -> None:
    """Before it, nobody has heard of the service, and it stands unaudited."""
    log = log_with((audit(), AUDITOR, 0))
    assert log.registry.service(SERVICE, at(-0.001)) is None
    assert log.registry.service(digest("other")) is None
    found = service(log, at(0))
    assert (found.id, found.name, found.founding_key) == (SERVICE, SERVICE_NAME, spki_of(OPERATOR))
    assert [known.id for known in log.registry.services()] == [SERVICE]
    assert list(log.registry.services(at(-1))) == []
    assert log.registry.standing(SERVICE, at(0), known_at_ms=at(-1)).code == "unaudited"
    assert log.registry.standing(SERVICE, at(0)).code == "in-force"


def test_other_kinds_concern_no_service() -> None:
    """A binding to the service changes nothing about it."""
    log = log_with((audit(), AUDITOR, 0))
    before = service(log)
    log.log(binding(service=SERVICE), OPERATOR, at(1))
    assert service(log) == before


def test_order_is_that_of_the_log() -> None:
    """Anything else is a mistake of the caller: an index again, or a time that goes back."""
    log = log_with((audit(), AUDITOR, 0))
    envelope = sign_statement(AUDITOR, audit())
    for index, time_ms in ((1, at(0)), (0, at(1)), (2, at(-1))):
        with pytest.raises(UsageError):
            log.registry.apply(index, time_ms, audit(), envelope)


@pytest.mark.parametrize(
    ("check", "statement", "key"),
    [
        ("unknown-service", enrolment(service=digest("other")), OPERATOR),
        ("unknown-service", withdrawal(sign_statement(AUDITOR, audit()), service=digest("other")), AUDITOR),
        ("unknown-audit", withdrawal(sign_statement(AUDITOR, audit()), audit=digest("other")), AUDITOR),
        ("operator-key-not-in-force", enrolment(), NEXT_OPERATOR),
    ],
)
def test_registry_refuses_what_nobody_judged(check: str, statement: Statement, key: SigningKey) -> None:
    """Its own invariants do not rest on the caller; what is refused leaves no trace."""
    log = log_with((audit(), AUDITOR, 0))
    before = service(log)
    with pytest.raises(StatementError) as refused:
        log.registry.apply(9, at(1), statement, sign_statement(key, statement))
    assert refused.value.check == check
    assert service(log) == before
    assert log.registry.enrolments(device().device_id) == ()


# Keys.


def test_founding_key_is_in_force_until_the_next_is_named() -> None:
    """For each entry, the last key that an earlier entry named; that its date lies ahead changes nothing."""
    third = ed25519_key("third operator key")
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(from_=NOW + DAY, join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 1),
        (enrolment(), NEXT_OPERATOR, 2),
        (enrolment(join=(), leave=(device(),), next_key=spki_of(third)), NEXT_OPERATOR, 3),
    )
    found = service(log)
    assert [key.key for key in found.keys] == [spki_of(k) for k in (OPERATOR, NEXT_OPERATOR, third)]
    assert [key.named_by for key in found.keys] == [None, 2, 4]
    assert [key.since_ms for key in found.keys] == [None, at(1), at(3)]
    in_force = [found.operator_key_for(index).key for index in range(6)]
    assert in_force == [
        spki_of(k) for k in (OPERATOR, OPERATOR, OPERATOR, NEXT_OPERATOR, NEXT_OPERATOR, third)
    ]
    assert found.operator_key == spki_of(third)
    assert service(log, at(1)).operator_key == spki_of(NEXT_OPERATOR)
    assert service(log, at(0.999)).operator_key == spki_of(OPERATOR)


def test_keys_rotate_within_a_batch() -> None:
    """Entries of one batch have one time; the order of the log decides."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 0),
        (enrolment(), NEXT_OPERATOR, 0),
    )
    assert service(log, at(0)).operator_key == spki_of(NEXT_OPERATOR)
    assert service(log).enrolment_at(device().device_id, at(0)) is not None


def test_later_key_continues_the_list() -> None:
    """The devices belong to the service: the next key takes off the list what the key before it put on."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 1),
        (enrolment(join=(device("b"),), leave=(device(),)), NEXT_OPERATOR, 5),
    )
    found = service(log)
    (first,) = found.enrolments(device().device_id)
    assert (first.start_ms, first.end_ms, first.joined_by, first.left_by) == (at(1), at(5), 2, 3)
    assert found.device_ids() == (device().device_id, device("b").device_id)
    assert service(log, at(4)).device_ids() == (device().device_id,)


# Audits.


def test_audit_is_in_force_through_its_last_second() -> None:
    """From `not_before` on, whenever it was logged: reports look back."""
    log = log_with((audit(not_after=NOW + 10), AUDITOR, 0))
    start = NOW_MS - 30 * DAY * 1000
    codes = [service(log).standing(t).code for t in (start - 1, start, at(10), at(10.999), at(11))]
    assert codes == ["lapsed", "in-force", "in-force", "in-force", "lapsed"]


def test_audit_qualifies_by_the_policy_in_force_when_it_was_logged() -> None:
    """A later policy neither voids nor admits it."""
    log = ImaginedLog()
    log.log_policy(policy(), START_MS)
    log.log(audit(), AUDITOR, at(0))
    log.log(audit(scheme=AuditScheme.SOC2), AUDITOR, at(1))
    log.log_policy(policy(qualifying_schemes=(AuditScheme.SOC2,), parties=()), at(2))
    log.log(audit(report="again"), AUDITOR, at(2))
    log.log(audit(report="later"), AUDITOR, at(3))
    found = [entry.shortcomings for entry in service(log).audits]
    assert found == [
        (),
        ("scheme-not-qualifying",),
        (),
        ("auditor-not-signer", "scheme-not-qualifying"),
    ]


def test_audit_of_a_key_that_is_not_in_force_does_not_qualify() -> None:
    """Neither one that the operator has not named yet, nor the one before; and rotating voids no audit."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (audit(operator_key=spki_of(NEXT_OPERATOR)), AUDITOR, 1),
        (enrolment(join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 2),
        (audit(operator_key=spki_of(NEXT_OPERATOR), report="r"), AUDITOR, 3),
        (audit(report="r"), AUDITOR, 4),
    )
    shortcomings = [entry.shortcomings for entry in service(log).audits]
    assert shortcomings == [(), ("operator-key-not-in-force",), (), ("operator-key-not-in-force",)]
    assert [entry.qualifies for entry in service(log).audits] == [True, False, True, False]


def test_take_over_by_an_audit_changes_nothing() -> None:
    """The stranger's key never speaks, the devices stay, the standing stays."""
    stranger = ed25519_key("stranger")
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(), OPERATOR, 1),
        (audit(operator_key=spki_of(stranger), not_after=NOW + 340 * DAY), AUDITOR, 2),
    )
    found = service(log)
    assert found.operator_key == spki_of(OPERATOR)
    assert found.standing(at(3)).audit == found.audits[0]
    assert found.enrolment_at(device().device_id, at(3)) is not None
    with pytest.raises(StatementError):
        log.log(enrolment(), stranger, at(4))


def test_first_audit_that_names_another_key_founds_the_service_and_does_not_qualify() -> None:
    """The founding key is in force all the same."""
    log = log_with((audit(operator_key=spki_of(NEXT_OPERATOR)), AUDITOR, 0))
    assert service(log).operator_key == spki_of(OPERATOR)
    assert service(log).standing(at(0)).code == "not-qualifying"


def test_of_several_audits_in_force_the_longest_is_named() -> None:
    """Whoever asks until when gets the latest end."""
    log = log_with((audit(), AUDITOR, 0), (audit(not_after=NOW + DAY), AUDITOR, 1))
    found = service(log).standing(at(2))
    assert found.audit == service(log).audits[0]
    assert service(log).standing(at(2 * DAY)).audit == service(log).audits[0]


def test_lapsed_names_the_last_or_else_the_next() -> None:
    """Before the first audit begins, and after the last one ended."""
    log = log_with(
        (audit(not_after=NOW), AUDITOR, 0), (audit(not_before=NOW + DAY, not_after=NOW + 2 * DAY), AUDITOR, 1)
    )
    first, second = service(log).audits
    standings = [service(log).standing(t) for t in (at(-40 * DAY), at(60), at(3 * DAY))]
    assert {standing.code for standing in standings} == {"lapsed"}
    assert [standing.audit for standing in standings] == [first, first, second]


# Withdrawals.


def test_withdrawal_counts_from_its_date() -> None:
    """Also when that lies before it was logged; and it is not known before."""
    log = log_with((audit(), AUDITOR, 0))
    log.log(withdrawal(sign_statement(AUDITOR, audit()), from_=NOW - DAY), AUDITOR, at(5))
    found = service(log)
    assert [found.standing(at(s)).code for s in (-DAY - 0.001, -DAY, 0)] == [
        "in-force",
        "withdrawn",
        "withdrawn",
    ]
    assert (found.audits[0].withdrawn_from_ms, found.audits[0].withdrawn_by) == (at(-DAY), 2)
    assert service(log, at(4)).standing(at(0)).code == "in-force"
    assert found.standing(at(400 * DAY)).code == "lapsed"
    assert found.standing(at(-40 * DAY)).code == "lapsed"


def test_withdrawal_from_before_the_beginning_leaves_nothing() -> None:
    """The audit was never in force, and still says why not."""
    log = log_with((audit(), AUDITOR, 0))
    log.log(withdrawal(sign_statement(AUDITOR, audit()), from_=0), AUDITOR, at(1))
    assert service(log).standing(at(0)).code == "withdrawn"
    assert service(log).standing(at(-31 * DAY)).code == "lapsed"


def test_earliest_withdrawal_counts() -> None:
    """One that is dated later, logged before or after, gives nothing back."""
    log = log_with((audit(), AUDITOR, 0))
    audited = sign_statement(AUDITOR, audit())
    log.log(withdrawal(audited, from_=NOW + 20), AUDITOR, at(1))
    log.log(withdrawal(audited, from_=NOW + 10), AUDITOR, at(2))
    log.log(withdrawal(audited, from_=NOW + 30), AUDITOR, at(3))
    found = service(log).audits[0]
    assert (found.withdrawn_from_ms, found.withdrawn_by) == (at(10), 3)
    assert service(log).standing(at(9.999)).code == "in-force"
    assert service(log).standing(at(10)).code == "withdrawn"


def test_withdrawn_audit_is_succeeded_by_another() -> None:
    """Only the one that is named is withdrawn."""
    log = log_with((audit(), AUDITOR, 0), (audit(report="second"), AUDITOR, 1))
    log.log(withdrawal(sign_statement(AUDITOR, audit())), AUDITOR, at(2))
    standing = service(log).standing(at(3))
    assert (standing.code, standing.audit) == ("in-force", service(log).audits[1])


def test_withdrawal_after_the_end_says_nothing() -> None:
    """The audit ended as planned."""
    log = log_with((audit(not_after=NOW + 5), AUDITOR, 0))
    log.log(withdrawal(sign_statement(AUDITOR, audit(not_after=NOW + 5)), from_=NOW + 50), AUDITOR, at(1))
    assert service(log).audits[0].end_ms == at(6)
    assert service(log).standing(at(5)).code == "in-force"


# Enrolments.


def enrolments(*changes: tuple[int, str, int]) -> list[tuple[int, int | None]]:
    """Starts and ends, in seconds from `NOW`, after (seconds logged, join or leave, seconds stated)."""
    log = log_with((audit(), AUDITOR, 0))
    for logged, what, stated in changes:
        named: dict[str, Any] = {"join": (), "leave": ()} | {what: (device(),)}
        log.log(enrolment(from_=NOW + stated, **named), OPERATOR, at(logged))
    return [
        ((found.start_ms - NOW_MS) // 1000, None if found.end_ms is None else (found.end_ms - NOW_MS) // 1000)
        for found in service(log).enrolments(device().device_id)
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(5, "join", 5)], [(5, None)]),
        ([(5, "join", -100)], [(5, None)]),
        ([(5, "join", 100)], [(100, None)]),
        ([(5, "join", 0), (9, "leave", 0)], [(5, 9)]),
        ([(5, "join", 0), (9, "leave", 50)], [(5, 50)]),
        ([(5, "join", 0), (9, "leave", 50), (10, "leave", 20)], [(5, 20)]),
        ([(5, "join", 0), (9, "leave", 0), (12, "join", 0)], [(5, 9), (12, None)]),
        ([(5, "join", 0), (7, "join", 0)], [(5, None)]),
        ([(5, "join", 90), (6, "join", 0)], [(6, None)]),
        ([(5, "leave", 0)], []),
        ([(5, "join", 100), (6, "leave", 0)], [(100, None)]),
        ([(5, "join", 100), (6, "leave", 100)], []),
        ([(5, "leave", 100), (6, "join", 100)], [(100, None)]),
        ([(5, "join", 0), (6, "leave", 100), (7, "join", 100)], [(5, 100), (100, None)]),
    ],
)
def test_devices_join_and_leave_at_the_later_date(
    changes: list[tuple[int, str, int]], expected: list[tuple[int, int | None]]
) -> None:
    """Nothing looks back; changes take effect in the order of their moments, equal ones in that of the log."""
    assert enrolments(*changes) == expected


def test_enrolment_contains_its_start_and_not_its_end() -> None:
    """At the millisecond."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(), OPERATOR, 5),
        (enrolment(join=(), leave=(device(),)), OPERATOR, 9),
    )
    found = service(log)
    members = [found.enrolment_at(device().device_id, at(s)) is not None for s in (4.999, 5, 8.999, 9)]
    assert members == [False, True, True, False]
    assert service(log, at(8)).enrolments(device().device_id)[0].end_ms is None
    assert found.enrolments(digest("never heard of")) == ()


def test_two_services_that_enrolled_a_device_are_both_told_of() -> None:
    """Earliest first; which of them counts is not the registry's to say."""
    other_key = ec_key("other operator", ec.SECP256R1())
    other = service_id_of(spki_of(other_key), "Other")
    log = log_with(
        (audit(), AUDITOR, 0),
        (
            audit(
                service=other,
                service_name="Other",
                founding_key=spki_of(other_key),
                operator_key=spki_of(other_key),
            ),
            AUDITOR,
            0,
        ),
        (enrolment(from_=NOW + 50), OPERATOR, 1),
        (enrolment(service=other), other_key, 2),
    )
    found = log.registry.enrolments(device().device_id)
    assert [(entry.service, entry.start_ms) for entry in found] == [(other, at(2)), (SERVICE, at(50))]
    assert [entry.service for entry in log.registry.enrolments(device().device_id, at(1))] == [SERVICE]
    assert [known.id for known in log.registry.services()] == [SERVICE, other]


# Keys that turned bad.


def test_distrusted_auditor_loses_what_it_said_from_the_date_on() -> None:
    """As known from the policy on that says so; audits from before the date stand."""
    log = log_with(
        (audit(), AUDITOR, 0), (audit(report="before"), AUDITOR, 9.999), (audit(report="forged"), AUDITOR, 10)
    )
    log.log_policy(bad(AUDITOR, NOW + 10), at(20))
    assert [entry.shortcomings for entry in service(log).audits] == [(), (), ("distrusted-key",)]
    assert [entry.qualifies for entry in service(log, at(19)).audits] == [True, True, True]


def test_distrusted_auditor_withdraws_nothing() -> None:
    """Whoever stole the key cannot undo what was true."""
    log = log_with((audit(), AUDITOR, 0))
    log.log(withdrawal(sign_statement(AUDITOR, audit())), AUDITOR, at(10))
    assert service(log).standing(at(11)).code == "withdrawn"
    log.log_policy(bad(AUDITOR, NOW + 5), at(20))
    assert service(log).standing(at(11)).code == "in-force"
    assert service(log, at(19)).standing(at(11)).code == "withdrawn"


def test_distrusted_operator_key_enrols_and_takes_off_nothing_from_the_date_on() -> None:
    """What it said before stands."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(), OPERATOR, 1),
        (enrolment(join=(device("b"),), leave=(device(),)), OPERATOR, 10),
    )
    log.log_policy(bad(OPERATOR, NOW + 10), at(20))
    found = service(log)
    assert found.operator_key_distrusted
    assert found.enrolments(device("b").device_id) == ()
    (kept,) = found.enrolments(device().device_id)
    assert (kept.start_ms, kept.end_ms) == (at(1), None)
    assert not service(log, at(19)).operator_key_distrusted


def test_key_that_a_thief_named_is_as_bad() -> None:
    """And so is the one that that key names."""
    third = ed25519_key("third")
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 10),
        (enrolment(), NEXT_OPERATOR, 11),
        (enrolment(join=(), next_key=spki_of(third)), NEXT_OPERATOR, 12),
        (enrolment(join=(device("b"),)), third, 13),
    )
    log.log_policy(bad(OPERATOR, NOW + 5), at(20))
    found = service(log)
    assert [key.distrusted_from_ms for key in found.keys] == [at(5), at(10), at(12)]
    assert found.enrolments(device().device_id) == found.enrolments(device("b").device_id) == ()


def test_key_named_in_time_is_good() -> None:
    """The old key turned bad after it named the next."""
    log = log_with(
        (audit(), AUDITOR, 0),
        (enrolment(join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, 1),
        (enrolment(), NEXT_OPERATOR, 10),
    )
    log.log_policy(bad(OPERATOR, NOW + 5), at(20))
    assert len(service(log).enrolments(device().device_id)) == 1


def test_policies_may_be_learned_after_the_statements() -> None:
    """A reader who fetches a policy's JSON late gets the same answers as one who had it in time."""
    policies = PolicyHistory()
    registry = ServiceRegistry(policies)
    registry.apply(1, at(0), audit(), sign_statement(AUDITOR, audit()))
    before = registry.service(SERVICE)
    assert before is not None
    assert not before.audits[0].qualifies
    policies.add(0, START_MS, policy())
    assert registry.service(SERVICE) == service(log_with((audit(), AUDITOR, 0)))
