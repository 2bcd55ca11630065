# SPDX-License-Identifier: Apache-2.0
"""Witness policies: C2SP tlog-policy, and whether a checkpoint is cosigned as one asks.

A policy is a text that names logs, witnesses and groups of them, and one quorum::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member> ...
    quorum <name>|none

Words stand between spaces and tabs; empty lines, and lines that begin with `#`, say nothing. Names mean
something inside the policy only: a witness is known by its key.

Invariants:

* a policy that exists is whole: its quorum and every member are defined before they are named, no witness counts
  twice, no key is there twice;
* a wrong line by one of the policy's witnesses spoils a checkpoint, like every wrong line by a known key;
* deciding is one pass over the groups: none can be nested into more work than the policy has lines.

Limits of this implementation, where the specification leaves them open: 65,536 bytes of UTF-8, 100 witnesses (as
many lines as a note can have), 100 logs and 100 groups.
"""

from collections.abc import Collection
from dataclasses import dataclass

from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError, SignatureError
from keystead.tlog.cosignature import COSIGNATURES, verify_cosignature
from keystead.tlog.note import MAX_SIGNATURES, SignedNote, VerifierKey, parse_vkey

__all__ = ["MAX_POLICY_SIZE", "Group", "PolicyLog", "Witness", "WitnessPolicy", "parse_policy"]

MAX_POLICY_SIZE = 65_536
"""Bytes of a policy's text."""

_MAX_OF_A_KIND = 100
_NONE = "none"


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that a policy is for.

    Attributes:
        key: its name is the log's origin.
        url: how the log is reached; None where the policy does not say.
    """

    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness.

    Attributes:
        name: what the policy calls it.
        key: of type 0x04 or 0x06.
        url: its submission prefix; None where the policy does not say.
    """

    name: str
    key: VerifierKey
    url: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Some of which must have cosigned.

    Attributes:
        name: what the policy calls it.
        threshold: how many of its members are enough.
        members: names of witnesses and groups.
    """

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """A policy, parsed; a `checkpoint.Quorum`.

    Attributes:
        text: as it was parsed.
        logs: the logs that it is for; none where they are known from elsewhere.
        witnesses: in the order of the text.
        groups: in the order of the text, each after its members.
        quorum: the name of the witness or group that must have cosigned; None where none must.
    """

    text: str
    logs: tuple[PolicyLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str | None

    def is_for(self, key: VerifierKey) -> bool:
        """Whether the log with this key is one that the policy is for: keys are the same whatever their names are."""
        return not self.logs or key.key in {log.key.key for log in self.logs}

    def satisfied_by(self, witnesses: Collection[str]) -> bool:
        """Whether the witnesses of these names are a quorum."""
        return self.quorum is None or self.quorum in self._having_cosigned(witnesses)

    def missing(self, witnesses: Collection[str]) -> tuple[str, ...]:
        """The witnesses that could make a quorum of `witnesses`: all that are under an open part of it."""
        having = self._having_cosigned(witnesses)
        wanted = set() if self.quorum is None else {self.quorum} - having
        for group in reversed(self.groups):
            if group.name in wanted:
                wanted |= set(group.members) - having
        return tuple(witness.name for witness in self.witnesses if witness.name in wanted)

    def _having_cosigned(self, witnesses: Collection[str]) -> set[str]:
        having = set(witnesses)
        for group in self.groups:
            if sum(member in having for member in group.members) >= group.threshold:
                having.add(group.name)
        return having

    def cosigners(self, note: SignedNote) -> frozenset[str]:
        """The names of the witnesses that cosigned the checkpoint in `note`.

        Raises:
            ParseError: the note holds no checkpoint, or a line by a witness is malformed.
            SignatureError: a line by a witness is wrong.
        """
        found = set()
        for witness in self.witnesses:
            if note.by(witness.key):
                verify_cosignature(note, witness.key)
                found.add(witness.name)
        return frozenset(found)

    def check(self, note: SignedNote) -> None:
        """Check that the checkpoint in `note` is cosigned by a quorum.

        Raises:
            ParseError, SignatureError: as `cosigners`; SignatureError with `check` `quorum` where witnesses are
                missing, which the sentence names.
        """
        found = self.cosigners(note)
        if self.satisfied_by(found):
            return
        origin = note.text.partition("\n")[0]
        raise SignatureError(
            f"the checkpoint of {origin} is not cosigned by a quorum of its witnesses; missing: "
            + ", ".join(self.missing(found)),
            check="quorum",
            evidence={"checkpoint": note.encode(), "witness_policy": self.text.encode()},
        )


def parse_policy(text: str) -> WitnessPolicy:
    """Read a policy.

    Raises:
        ParseError: it is none, with the number of the line that is wrong.
    """
    _check_characters(text)
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            try:
                reader.read(words)
            except ParseError as error:
                raise ParseError(f"line {number} of the witness policy: {error}") from error
    return reader.policy(text)


def _check_characters(text: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ParseError("a witness policy has a lone surrogate") from error
    if size > MAX_POLICY_SIZE:
        raise ParseError(f"a witness policy has more than {MAX_POLICY_SIZE} bytes")
    # "Character set": of the control characters, tab and newline alone.
    if any((char < " " and char not in "\t\n") or char == "\x7f" for char in text):
        raise ParseError("a witness policy has a control character")


class _Reader:
    """What the lines so far define."""

    def __init__(self) -> None:
        self._logs: list[PolicyLog] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._names: set[str] = set()
        self._members: set[str] = set()
        self._quorum: str | None = None

    def read(self, words: list[str]) -> None:
        """Take one line."""
        kind, *rest = words
        match kind:
            case "log" if 1 <= len(rest) <= 2:
                self._log(*rest)
            case "witness" if 2 <= len(rest) <= 3:
                self._witness(*rest)
            case "group" if len(rest) >= 3:
                self._group(rest[0], rest[1], rest[2:])
            case "quorum" if len(rest) == 1:
                self._set_quorum(rest[0])
            case "log" | "witness" | "group" | "quorum":
                raise ParseError(f"{kind} has too few words, or too many")
            case _:
                raise ParseError(f"{kind[:32]!r} is none of log, witness, group and quorum")

    def policy(self, text: str) -> WitnessPolicy:
        """What all lines together say."""
        if self._quorum is None:
            raise ParseError("the witness policy has no quorum")
        quorum = None if self._quorum == _NONE else self._quorum
        return WitnessPolicy(text, tuple(self._logs), tuple(self._witnesses), tuple(self._groups), quorum)

    def _log(self, vkey: str, url: str | None = None) -> None:
        key = parse_vkey(vkey)
        if key.type in COSIGNATURES:
            raise ParseError(f"the key of the log {key.name} is a cosigner's")
        if any(log.key.key == key.key for log in self._logs):
            raise ParseError(f"the key of the log {key.name} is there twice")
        self._logs.append(PolicyLog(key, url))
        _check_number(self._logs, _MAX_OF_A_KIND, "logs")

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = parse_vkey(vkey)
        if key.type not in COSIGNATURES:
            raise ParseError(f"the key of the witness {name} does not cosign")
        # "Public key representation": keys are the same whatever their names are.
        if any(witness.key.key == key.key for witness in self._witnesses):
            raise ParseError(f"the key of the witness {name} is another witness's, too")
        self._define(name)
        self._witnesses.append(Witness(name, key, url))
        _check_number(self._witnesses, MAX_SIGNATURES, "witnesses")

    def _group(self, name: str, wanted: str, members: list[str]) -> None:
        threshold = {"any": 1, "all": len(members)}.get(wanted)
        if threshold is None:
            threshold = parse_decimal(wanted, "a group's threshold", len(members))
        if threshold < 1:
            raise ParseError("a group's threshold is 0")
        for member in members:
            if member not in self._names:
                raise ParseError(f"the member {member!r} is not defined above")
            if member in self._members:
                raise ParseError(f"{member!r} is a member already: each counts once")
            self._members.add(member)
        self._define(name)
        self._groups.append(Group(name, threshold, tuple(members)))
        _check_number(self._groups, _MAX_OF_A_KIND, "groups")

    def _set_quorum(self, name: str) -> None:
        if self._quorum is not None:
            raise ParseError("there is a quorum already")
        if name != _NONE and name not in self._names:
            raise ParseError(f"the quorum {name!r} is not defined above")
        self._quorum = name

    def _define(self, name: str) -> None:
        if name in self._names or name == _NONE:
            raise ParseError(f"the name {name!r} is taken")
        self._names.add(name)


def _check_number(defined: list[PolicyLog] | list[Witness] | list[Group], maximum: int, what: str) -> None:
    if len(defined) > maximum:
        raise ParseError(f"there are more than {maximum} {what}")
