# SPDX-License-Identifier: Apache-2.0
"""Who may say what: every refusal, and the near misses."""

from collections.abc import Callable
from typing import Any

import pytest

from keystead.certificate.extension import Method
from keystead.errors import ParseError, SignatureError, StatementError, VerificationError
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.payloads import (
    KINDS,
    RevocationReason,
    Statement,
    parse_statement,
    sign_statement,
)
from keystead.statements.policy import Party, Policy
from keystead.statements.rights import (
    MAX_AGE_MS,
    MAX_AHEAD_MS,
    REPLAY_GRACE_MS,
    judge_log_statement,
    judge_statement,
)
from keystead.statements.statement_key import SigningKey, keyid_of, spki_of
from support.statements import (
    AUDITOR,
    CA,
    CERTIFICATE,
    DAY,
    ISSUER,
    LOG,
    NEXT_OPERATOR,
    NOW,
    NOW_MS,
    OPERATOR,
    OTHER_CA,
    OTHER_ISSUER,
    SERVICE,
    ImaginedLog,
    alias,
    audit,
    binding,
    device,
    digest,
    ed25519_key,
    enrolment,
    evidence,
    log_policy,
    one_of_each_kind,
    policy,
    revocation,
    transfer,
    withdrawal,
)

STRANGER = ed25519_key("stranger")


def known_service() -> ImaginedLog:
    """A log that holds a policy and an audit of `SERVICE`."""
    view = ImaginedLog()
    view.log_policy(policy(), NOW_MS - 2000)
    view.log(audit(), AUDITOR, NOW_MS - 1000)
    return view


def judge(
    statement: Statement,
    key: SigningKey,
    view: ImaginedLog | None = None,
    in_force: Policy | None = None,
    now_ms: int = NOW_MS,
    **options: Any,
) -> None:
    judge_envelope(sign_statement(key, statement), view, in_force, now_ms, **options)


def judge_envelope(
    envelope: Envelope,
    view: ImaginedLog | None = None,
    in_force: Policy | None = None,
    now_ms: int = NOW_MS,
    **options: Any,
) -> None:
    judge_statement(
        parse_statement(envelope),
        envelope,
        policy() if in_force is None else in_force,
        known_service() if view is None else view,
        now_ms,
        **options,
    )


def refused(check: str, act: Callable[[], None]) -> VerificationError:
    """The refusal by the rule `check`, with its evidence."""
    with pytest.raises(VerificationError) as error:
        act()
    assert error.value.check == check
    assert error.value.evidence
    return error.value


# What is allowed.


def test_everybody_may_say_what_is_theirs() -> None:
    """An auditor audits and withdraws, an operator enrols, a CA binds and revokes."""
    view = known_service()
    audited = sign_statement(AUDITOR, audit())
    judge(audit(), AUDITOR, view)
    judge(withdrawal(audited), AUDITOR, view)
    judge(enrolment(), OPERATOR, view)
    judge(binding(), CA, view)
    judge(revocation(), CA, view)


def test_first_audit_makes_a_service_known() -> None:
    """On an empty log an audit is all that can be said about a service."""
    empty = ImaginedLog()
    judge(audit(), AUDITOR, empty)
    refused("unknown-service", lambda: judge(enrolment(), OPERATOR, empty))


def test_soc2_audit_is_recorded_too() -> None:
    """What does not qualify is no reason to refuse; it makes the service known."""
    from keystead.statements.audit_scheme import AuditScheme

    judge(audit(scheme=AuditScheme.SOC2, period_start=None), AUDITOR, ImaginedLog())


# The log and the date.


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].speaking is not None])
def test_statement_for_another_log_is_refused(kind: str) -> None:
    """Every kind: what was said on one log cannot be replayed on another."""
    envelope = sign_statement(CA, next(s for s in one_of_each_kind() if s.kind == kind))
    view = known_service()
    view.origin = "other.example/statements"
    refused("wrong-log", lambda: judge_envelope(envelope, view))


def test_date_is_within_seven_days_and_five_minutes() -> None:
    """At the edge, and a millisecond beyond it."""
    statement = revocation(issued=NOW)
    judge(statement, CA, now_ms=NOW_MS + MAX_AGE_MS)
    judge(statement, CA, now_ms=NOW_MS - MAX_AHEAD_MS)
    refused("issued-too-long-ago", lambda: judge(statement, CA, now_ms=NOW_MS + MAX_AGE_MS + 1))
    refused("issued-in-the-future", lambda: judge(statement, CA, now_ms=NOW_MS - MAX_AHEAD_MS - 1))
    assert (MAX_AGE_MS, MAX_AHEAD_MS) == (7 * 86_400_000, 300_000)


def test_logged_statement_is_judged_again_with_grace() -> None:
    """It waited to be sequenced; more than the grace, it did not."""
    late = NOW_MS + MAX_AGE_MS + REPLAY_GRACE_MS
    judge(revocation(), CA, now_ms=late, grace_ms=REPLAY_GRACE_MS)
    refused("issued-too-long-ago", lambda: judge(revocation(), CA, now_ms=late + 1, grace_ms=REPLAY_GRACE_MS))


# Keys and signatures.


@pytest.mark.parametrize("statement", [log_policy(), evidence()], ids=lambda statement: statement.kind)
@pytest.mark.parametrize("key", [LOG, CA, STRANGER])
def test_what_the_log_says_nobody_may_submit(statement: Statement, key: SigningKey) -> None:
    """Not even whoever holds the log's own key: it does not talk to itself over the network."""
    refused("log-only-kind", lambda: judge(statement, key))


def test_unknown_keys_are_refused() -> None:
    """A forged auditor, a forged CA."""
    audited = sign_statement(AUDITOR, audit())
    for statement in (audit(), withdrawal(audited), binding(), revocation()):
        refused("unknown-party", lambda statement=statement: judge(statement, STRANGER))


def test_party_speaks_only_in_its_kinds() -> None:
    """An auditor revokes no certificate."""
    refused("kind-not-allowed", lambda: judge(revocation(), AUDITOR))
    bound = policy(parties=(Party("CA", frozenset({"device-binding"}), spki_of(CA), frozenset({ISSUER})),))
    judge(binding(), CA, in_force=bound)
    refused("kind-not-allowed", lambda: judge(revocation(), CA, in_force=bound))


def test_party_that_the_policy_dropped_is_unknown() -> None:
    """What counts is the policy in force now."""
    refused("unknown-party", lambda: judge(audit(), AUDITOR, in_force=policy(parties=())))


@pytest.mark.parametrize(
    ("statement", "key"),
    [(revocation(), CA), (audit(), AUDITOR), (enrolment(), OPERATOR)],
    ids=["a CA", "an auditor", "an operator"],
)
def test_forged_signature_is_refused(statement: Statement, key: SigningKey) -> None:
    """The keyid is public: naming it is no signature. Nor is one that was made for another payload."""
    good = sign_statement(key, statement)
    other = sign_envelope(key, statement.payload_type, b"{}")
    for signature in (bytes(64), sign_statement(STRANGER, statement).signature, other.signature):
        forged = Envelope(good.payload_type, good.payload, good.keyid, signature)
        error = refused("bad-signature", lambda forged=forged: judge_envelope(forged))
        assert isinstance(error, SignatureError)


def test_payload_of_one_kind_is_not_another() -> None:
    """The type is signed with the payload: nobody's word is taken for another kind of word."""
    good = sign_statement(CA, revocation())
    retyped = Envelope(log_policy().payload_type, good.payload, good.keyid, good.signature)
    with pytest.raises(ParseError):
        parse_statement(retyped)
    with pytest.raises(SignatureError):
        judge_log_statement(
            log_policy(),
            Envelope(log_policy().payload_type, log_policy().encode(), keyid_of(spki_of(CA)), good.signature),
            spki_of(CA),
            None,
            known_service(),
            NOW_MS,
        )


def test_distrusted_keys_speak_no_more() -> None:
    """From the policy on, whatever the date beside the key."""
    for key, statement in ((CA, revocation()), (AUDITOR, audit()), (OPERATOR, enrolment())):
        view = known_service()
        bad = policy(distrusted={bytes.fromhex(keyid_of(spki_of(key))): NOW + DAY})
        view.log_policy(bad, NOW_MS - 500)
        refused(
            "distrusted-key",
            lambda key=key, statement=statement, view=view, bad=bad: judge(statement, key, view, bad),
        )


# Certificates.


def test_certificate_must_be_logged_where_it_is_said() -> None:
    """No such entry, or the entry of another certificate."""
    for statement in (binding, revocation):
        refused("certificate-not-logged", lambda statement=statement: judge(statement(issuance_index=9), CA))
        refused("certificate-not-logged", lambda statement=statement: judge(statement(issuance_index=8), CA))
        refused(
            "certificate-not-logged",
            lambda statement=statement: judge(statement(certificate=digest("unheard of")), CA),
        )


def test_ca_speaks_only_of_its_own_certificates() -> None:
    """The policy lists the issuing key for another party, or for none."""
    for statement in (binding(), revocation()):
        refused("not-the-issuer", lambda statement=statement: judge(statement, OTHER_CA))
        unlisted = policy(parties=(Party("CA", frozenset({statement.kind}), spki_of(CA)),))
        refused(
            "not-the-issuer",
            lambda statement=statement, unlisted=unlisted: judge(statement, CA, in_force=unlisted),
        )


def test_what_is_logged_cannot_be_stated_as_not_issued() -> None:
    """Other reasons still can."""
    view = known_service()
    not_issued = revocation(reason=RevocationReason.NOT_ISSUED)
    judge(not_issued, CA, view)
    view.final.add(CERTIFICATE)
    refused("certificate-was-issued", lambda: judge(not_issued, CA, view))
    judge(revocation(), CA, view)


# Superseding.


def test_ca_supersedes_its_own_binding() -> None:
    """Also with a new key under the same name, and also what its extension claims."""
    view = known_service()
    view.log(binding(), CA)
    again = binding(supersedes=2, devices=(), service=SERVICE, method=Method.SIGNING_SERVICE)
    judge(again, CA, view)
    judge(binding(supersedes_extension=True), CA, view)
    new_key = ed25519_key("new ca key")
    renewed = policy(
        parties=(Party("CA", frozenset({"device-binding"}), spki_of(new_key), frozenset({ISSUER})),)
    )
    judge(again, new_key, view, renewed)


def test_binding_supersedes_nothing_else() -> None:
    """Not a statement of another kind, of another certificate, of another CA, or none."""
    view = known_service()
    view.certificates[9] = type(view.certificates[7])(digest("second"), ISSUER)
    view.log(binding(), CA)
    view.log(binding(certificate=digest("second"), issuance_index=9), CA)
    refused("supersedes-no-binding", lambda: judge(binding(supersedes=0), CA, view))
    refused("supersedes-no-binding", lambda: judge(binding(supersedes=1), CA, view))
    refused("supersedes-no-binding", lambda: judge(binding(supersedes=4), CA, view))
    refused("supersedes-other-certificate", lambda: judge(binding(supersedes=3), CA, view))


def test_issuing_key_that_changed_hands_does_not_hand_over_old_bindings() -> None:
    """A CA that takes over an issuing key speaks for it, and does not take back what another CA said."""
    view = known_service()
    view.log(binding(), CA)
    sold = policy(
        parties=(
            Party(
                "Other CA",
                frozenset({"device-binding"}),
                spki_of(OTHER_CA),
                frozenset({ISSUER, OTHER_ISSUER}),
            ),
        )
    )
    judge(binding(), OTHER_CA, view, sold)
    refused("supersedes-other-party", lambda: judge(binding(supersedes=2), OTHER_CA, view, sold))


# Audits.


def test_auditor_signs_in_its_own_name() -> None:
    """A CA that may audit cannot audit as somebody else."""
    refused("auditor-not-signer", lambda: judge(audit(), CA))
    refused("auditor-not-signer", lambda: judge(audit(auditor="auditor"), AUDITOR))
    judge(audit(auditor="CA"), CA)


def test_audit_is_withdrawn_by_who_signed_it() -> None:
    """Not by another party that may withdraw, and not before it is logged."""
    audited = sign_statement(AUDITOR, audit())
    refused("not-the-auditor", lambda: judge(withdrawal(audited), CA))
    refused("unknown-audit", lambda: judge(withdrawal(audited), AUDITOR, ImaginedLog()))
    refused("unknown-audit", lambda: judge(withdrawal(audited, service=digest("other")), AUDITOR))
    refused("unknown-audit", lambda: judge(withdrawal(audited, audit=digest("other")), AUDITOR))


def test_auditor_with_a_new_key_withdraws_what_it_signed_with_the_old_one() -> None:
    """The name is the auditor's, as the policy says."""
    new_key = ed25519_key("new auditor key")
    renewed = policy(parties=(Party("Auditor", frozenset({"audit-withdrawal"}), spki_of(new_key)),))
    judge(withdrawal(sign_statement(AUDITOR, audit())), new_key, in_force=renewed)


# Operators.


def test_operator_key_must_be_in_force() -> None:
    """Any other key, and that of the operator of another service, says nothing for this one."""
    for key in (STRANGER, AUDITOR, CA, NEXT_OPERATOR):
        refused("operator-key-not-in-force", lambda key=key: judge(enrolment(), key))
    refused("unknown-service", lambda: judge(enrolment(service=digest("other")), OPERATOR))


def test_operator_keys_rotate() -> None:
    """The next key speaks from the next statement on, and the one before it no more."""
    view = known_service()
    rotation = enrolment(join=(), next_key=spki_of(NEXT_OPERATOR))
    judge(rotation, OPERATOR, view)
    refused("operator-key-not-in-force", lambda: judge(enrolment(), NEXT_OPERATOR, view))
    view.log(rotation, OPERATOR)
    judge(enrolment(), NEXT_OPERATOR, view)
    refused("operator-key-not-in-force", lambda: judge(enrolment(), OPERATOR, view))


def test_audit_that_names_another_key_takes_nothing_over() -> None:
    """An auditor, mistaken or bribed, cannot make a stranger the operator: the audit is recorded, no more."""
    view = known_service()
    take_over = audit(operator_key=spki_of(STRANGER), operator_name="Stranger Ltd")
    judge(take_over, AUDITOR, view)
    view.log(take_over, AUDITOR)
    refused("operator-key-not-in-force", lambda: judge(enrolment(), STRANGER, view))
    judge(enrolment(), OPERATOR, view)


def test_service_of_another_founder_cannot_be_claimed() -> None:
    """The id is made from the founding key: an audit that states another does not even exist."""
    with pytest.raises(StatementError) as error:
        audit(founding_key=spki_of(STRANGER), operator_key=spki_of(STRANGER))
    assert error.value.check == "service-id-mismatch"


def test_no_service_is_handed_to_a_distrusted_key() -> None:
    """Nor continued by a key that a distrusted one named after it turned bad."""
    bad = policy(distrusted={bytes.fromhex(keyid_of(spki_of(NEXT_OPERATOR))): 0})
    rotation = enrolment(join=(), next_key=spki_of(NEXT_OPERATOR))
    refused("distrusted-key", lambda: judge(rotation, OPERATOR, in_force=bad))

    view = known_service()
    view.log(rotation, OPERATOR, NOW_MS)
    stolen = policy(distrusted={bytes.fromhex(keyid_of(spki_of(OPERATOR))): NOW - DAY})
    view.log_policy(stolen, NOW_MS + 1)
    refused("distrusted-key", lambda: judge(enrolment(), NEXT_OPERATOR, view, stolen))


def test_key_named_before_its_predecessor_turned_bad_stays_good() -> None:
    """An operator that rotated in time loses nothing."""
    view = known_service()
    view.log(enrolment(join=(), next_key=spki_of(NEXT_OPERATOR)), OPERATOR, NOW_MS)
    stolen = policy(distrusted={bytes.fromhex(keyid_of(spki_of(OPERATOR))): NOW + 1})
    view.log_policy(stolen, NOW_MS + 1)
    judge(enrolment(), NEXT_OPERATOR, view, stolen)


# Transfers and aliases.


def test_ca_states_the_transfer_of_a_device_that_its_certificate_is_on() -> None:
    """Of no other device, and no other CA for it; a party without issuing keys has no certificates."""
    judge(transfer(), CA)
    refused("no-certificate-on-device", lambda: judge(transfer(), OTHER_CA))
    refused("no-certificate-on-device", lambda: judge(transfer(device=device("other device")), CA))
    refused("no-certificate-on-device", lambda: judge(transfer(device=device("unheard of")), CA))
    judge(transfer(device=device("other device")), OTHER_CA)
    bare = policy(parties=(Party("CA", frozenset({"device-transfer"}), spki_of(CA)),))
    refused("no-certificate-on-device", lambda: judge(transfer(), CA, in_force=bare))


def test_operator_states_the_transfer_of_a_device_that_it_enrolled() -> None:
    """With its key in force, also after the device left; not of another's device, nor before it enrolled it."""
    view = known_service()
    refused("unknown-party", lambda: judge(transfer(), OPERATOR, view))
    view.log(enrolment(), OPERATOR)
    judge(transfer(), OPERATOR, view)
    refused("unknown-party", lambda: judge(transfer(device=device("other device")), OPERATOR, view))
    refused("unknown-party", lambda: judge(transfer(), STRANGER, view))
    gone = enrolment(join=(), leave=(device(),), from_=NOW + DAY, next_key=spki_of(NEXT_OPERATOR))
    view.log(gone, OPERATOR)
    judge(transfer(), NEXT_OPERATOR, view)
    refused("unknown-party", lambda: judge(transfer(), OPERATOR, view))
    bad = policy(distrusted={bytes.fromhex(keyid_of(spki_of(NEXT_OPERATOR))): NOW})
    view.log_policy(bad, NOW_MS + 1)
    refused("distrusted-key", lambda: judge(transfer(), NEXT_OPERATOR, view, bad))


def test_party_that_is_an_operator_too_speaks_as_what_it_may() -> None:
    """A party that may not state transfers still may as the operator that enrolled the device."""
    view = known_service()
    view.log(enrolment(), OPERATOR)
    auditor = Party("Auditor", frozenset({"service-audit"}), spki_of(OPERATOR))
    judge(transfer(), OPERATOR, view, policy(parties=(auditor,)))
    refused(
        "kind-not-allowed",
        lambda: judge(transfer(device=device("other")), OPERATOR, view, policy(parties=(auditor,))),
    )


def test_ca_may_name_any_subscribers_in_an_alias() -> None:
    """Whoever the policy recognizes for it, and nobody else."""
    judge(alias(), CA)
    judge(alias(subscribers=(digest("never heard of"), digest("nor of this"))), OTHER_CA)
    refused("kind-not-allowed", lambda: judge(alias(), AUDITOR))
    refused("unknown-party", lambda: judge(alias(), OPERATOR))
