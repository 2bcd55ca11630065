# SPDX-License-Identifier: Apache-2.0
"""Witness policies: what the format says, what it refuses, and which sets of cosignatures are a quorum."""

from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from keystead.errors import ParseError, SignatureError
from keystead.tlog.checkpoint import Checkpoint, LogKey, sign_checkpoint, verify_checkpoint
from keystead.tlog.cosignature import cosignature_vkey, sign_cosignature
from keystead.tlog.merkle import EMPTY_ROOT
from keystead.tlog.note import NoteSignature, SignedNote, ed25519_vkey, parse_note
from keystead.tlog.policy import WitnessPolicy, parse_policy
from keystead.tlog.proof import TlogProof, verify_tlog_proof
from support.fuzzing import FUZZ, damaged_text, only_our_errors

ORIGIN = "log.example/issuance"
LOG = Ed25519PrivateKey.from_private_bytes(b"the key of the log of this test ")
LOG_VKEY = ed25519_vkey(ORIGIN, LOG.public_key().public_bytes_raw())
WITNESSES = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32))
    for name in ("X1", "X2", "X3", "Y1", "Y2")
}


def vkey(name: str) -> str:
    """A witness's key, named after its host."""
    return cosignature_vkey(f"{name}.example", WITNESSES[name].public_key().public_bytes_raw()).encode()


LINES = [f"witness {name} {vkey(name)} https://{name}.example/w" for name in WITNESSES]
TWO_LEVELS = "\n".join(
    [
        "# two of the X, and any of the Y",
        f"log {LOG_VKEY.encode()}",
        *LINES,
        "group X 2 X1 X2 X3",
        "\tgroup  Y any Y1\tY2 ",
        "",
        "group both all X Y",
        "quorum both",
        "",
    ]
)
RAW = sign_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT), LOG)


def cosigned(*names: str) -> bytes:
    """The checkpoint with the cosignatures of these witnesses."""
    note = parse_note(RAW)
    lines = [sign_cosignature(note.text, f"{name}.example", WITNESSES[name], 1_700_000_000) for name in names]
    return SignedNote(note.text, (*note.signatures, *lines)).encode()


def test_the_parts_of_a_policy() -> None:
    """Logs, witnesses with their URLs, groups with their thresholds, the quorum; comments and spaces say nothing."""
    policy = parse_policy(TWO_LEVELS)
    assert [log.key for log in policy.logs] == [LOG_VKEY]
    assert [(witness.name, witness.url) for witness in policy.witnesses] == [
        (name, f"https://{name}.example/w") for name in WITNESSES
    ]
    assert [(group.name, group.threshold, group.members) for group in policy.groups] == [
        ("X", 2, ("X1", "X2", "X3")),
        ("Y", 1, ("Y1", "Y2")),
        ("both", 2, ("X", "Y")),
    ]
    assert (policy.quorum, policy.text) == ("both", TWO_LEVELS)
    assert policy.is_for(LOG_VKEY)
    other = ed25519_vkey(ORIGIN, WITNESSES["X1"].public_key().public_bytes_raw())
    assert not policy.is_for(other)
    assert parse_policy("quorum none").is_for(other)


def test_every_set_of_witnesses_is_judged_by_the_groups() -> None:
    """All 32 sets, against the rule in words."""
    policy = parse_policy(TWO_LEVELS)
    for count in range(len(WITNESSES) + 1):
        for names in combinations(WITNESSES, count):
            enough = sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
            assert policy.satisfied_by(names) == enough, names
            assert bool(policy.missing(names)) == (not enough)


def test_what_is_missing_is_named() -> None:
    """The witnesses of the open groups that have not cosigned; none of those whose group is content."""
    policy = parse_policy(TWO_LEVELS)
    assert policy.missing([]) == ("X1", "X2", "X3", "Y1", "Y2")
    assert policy.missing(["X1", "X2"]) == ("Y1", "Y2")
    assert policy.missing(["Y1", "X2"]) == ("X1", "X3")
    assert policy.missing(["Y2", "X1", "X3"]) == ()


def test_one_witness_or_none_can_be_the_quorum() -> None:
    """`quorum none` asks for nothing, with witnesses or without."""
    one = parse_policy(f"{LINES[0]}\n{LINES[1]}\nquorum X2\n")
    assert one.satisfied_by(["X2"])
    assert not one.satisfied_by(["X1"])
    assert one.missing([]) == ("X2",)
    for text in ("quorum none", f"{LINES[0]}\nquorum none\n"):
        assert parse_policy(text).satisfied_by([])
        parse_policy(text).check(parse_note(RAW))


def test_a_checkpoint_is_believed_with_a_quorum_and_not_without() -> None:
    """A log's key with a policy: the error names who is missing and keeps the checkpoint and the policy."""
    policy = parse_policy(TWO_LEVELS)
    key = LogKey(ORIGIN, LOG_VKEY, quorum=policy)
    assert verify_checkpoint(cosigned("Y1", "X3", "X1"), key).checkpoint.size == 0
    raw = cosigned("X1", "X2")
    with pytest.raises(SignatureError, match=r"log\.example/issuance .* missing: Y1, Y2$") as caught:
        verify_checkpoint(raw, key)
    assert caught.value.check == "quorum"
    assert caught.value.evidence == {"checkpoint": raw, "witness_policy": TWO_LEVELS.encode()}
    assert verify_checkpoint(raw, key.unwitnessed).raw == raw
    with pytest.raises(SignatureError) as caught:
        verify_tlog_proof(TlogProof(0, (), raw), bytes(32), key)
    assert caught.value.check == "quorum"


def test_a_cosignature_counts_for_the_text_and_key_that_it_is_by() -> None:
    """One for another size, or by a stranger under a witness's name, makes no quorum; a wrong one spoils the note."""
    policy = parse_policy(f"{LINES[0]}\nquorum X1\n")
    note = parse_note(RAW)
    stranger = sign_cosignature(note.text, "X1.example", WITNESSES["X2"], 5)
    with pytest.raises(SignatureError) as caught:
        policy.check(SignedNote(note.text, (*note.signatures, stranger)))
    assert caught.value.check == "quorum"
    other = Checkpoint(ORIGIN, 1, bytes(32)).encode()
    elsewhere = sign_cosignature(other, "X1.example", WITNESSES["X1"], 5)
    good = sign_cosignature(note.text, "X1.example", WITNESSES["X1"], 5)
    with pytest.raises(SignatureError) as caught:
        policy.check(SignedNote(note.text, (*note.signatures, good, elsewhere)))
    assert caught.value.check == "signature"
    with pytest.raises(ParseError):
        policy.check(SignedNote(note.text, (NoteSignature("X1.example", good.key_id, b"short"),)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no quorum"),
        (LINES[0], "no quorum"),
        ("quorum none\nquorum none", "line 2 .* a quorum already"),
        ("quorum X1", "line 1 .* 'X1' is not defined above"),
        (f"quorum X1\n{LINES[0]}", "not defined above"),
        ("quorum", "too few words"),
        ("quorum a b", "or too many"),
        ("Quorum none", "none of log, witness"),
        (f"witness X1 {vkey('X1')} url more\nquorum none", "or too many"),
        (f"{LINES[0]}\nwitness X1 {vkey('X2')}\nquorum none", "'X1' is taken"),
        (f"{LINES[0]}\nwitness Z {vkey('X1')}\nquorum none", "is another witness's"),
        (f"witness none {vkey('X1')}\nquorum none", "'none' is taken"),
        (f"witness X1 {LOG_VKEY.encode()}\nquorum none", "does not cosign"),
        (f"log {vkey('X1')}\nquorum none", "is a cosigner's"),
        (f"log {LOG_VKEY.encode()}\nlog {LOG_VKEY.encode()}\nquorum none", "is there twice"),
        ("log nonsense\nquorum none", "line 1 .* verifier key"),
        (f"{LINES[0]}\ngroup G all X1\ngroup H any X1\nquorum H", "line 3 .* each counts once"),
        (f"{LINES[0]}\ngroup G 2 X1 X1\nquorum G", "each counts once"),
        (f"{LINES[0]}\ngroup G any X1 none\nquorum G", "'none' is not defined"),
        (f"{LINES[0]}\ngroup G any G\nquorum G", "not defined above"),
        (f"{LINES[0]}\ngroup G any\nquorum G", "too few words"),
        (f"{LINES[0]}\ngroup G 0 X1\nquorum G", "threshold is 0"),
        (f"{LINES[0]}\ngroup G 2 X1\nquorum G", "greater than 1"),
        (f"{LINES[0]}\ngroup G 01 X1\nquorum G", "not a decimal"),
        (f"{LINES[0]}\ngroup G most X1\nquorum G", "not a decimal"),
        ("quorum none\r\n", "control character"),
        ("quorum none # why\n", "or too many"),
        ("quorum none\n#\ud800", "lone surrogate"),
        ("#" * 65_536 + "\nquorum none", "more than 65536 bytes"),
    ],
)
def test_what_is_no_policy(text: str, message: str) -> None:
    """Each rule of the format, with the line that breaks it."""
    with pytest.raises(ParseError, match=message):
        parse_policy(text)


def many_groups(count: int) -> str:
    """A chain of groups, each of the one before."""
    lines = [LINES[0], "group G0 all X1", *(f"group G{n} all G{n - 1}" for n in range(1, count))]
    return "\n".join([*lines, f"quorum G{count - 1}"])


def test_as_many_as_others_must_support_and_not_without_end() -> None:
    """A hundred groups in a chain are decided; one more is refused."""
    policy = parse_policy(many_groups(100))
    assert policy.satisfied_by(["X1"])
    assert policy.missing([]) == ("X1",)
    with pytest.raises(ParseError, match="more than 100 groups"):
        parse_policy(many_groups(101))


@given(damaged_text(TWO_LEVELS))
@FUZZ
def test_policies_from_strangers(text: str) -> None:
    """Nothing but our errors, and what is read can be asked."""
    policy = only_our_errors(parse_policy, text)
    if policy is not None:
        assert isinstance(policy, WitnessPolicy)
        assert policy.satisfied_by(WITNESSES) == (not policy.missing(WITNESSES))
