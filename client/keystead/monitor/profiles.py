# SPDX-License-Identifier: Apache-2.0
"""What certificates say about subscribers, and what may make two of them one (`specs/monitor.md`, section 3).

A profile is all that one certificate says about its subscriber and who vetted it. `join_keys` are the texts by which
a profile could come into one group with another: whoever knows all profiles that share one, and those that an alias
names with them, can group them as if they were all there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.monitor.facts import SubscriberRecord
from keystead.monitor.model import EntryName
from keystead.monitor.names import same_name

__all__ = [
    "Alias",
    "Comparison",
    "Join",
    "Profile",
    "Sameness",
    "join_keys",
    "name_keys",
    "profile_of",
    "strong_keys",
]


class Sameness(StrEnum):
    """The three answers."""

    SAME = "same"
    UNKNOWN = "unknown"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Profile:
    """All that one certificate says about its subscriber and who vetted it; many certificates share one.

    Attributes:
        number: names it; the same for equal profiles of one monitor.
        subscriber_id: by the strict rule of `specs/identifiers.md`.
        label: the name, safe to print.
        decodable: the subject could be read.
        strong: its strong identifiers.
        name: (country, name) in the strict form; None where there is no name.
        place: (state, locality) in the strict form, empty where not stated.
        issuers: the issuing organizations that vetted it: parties of the logs' policies, else the issuer's name
            and country.
        issuer_key_hash: the key that certified it.
    """

    number: int
    subscriber_id: bytes
    label: str
    decodable: bool
    strong: StrongIdentifiers
    name: tuple[str, str] | None
    place: tuple[str, str]
    issuers: frozenset[str]
    issuer_key_hash: bytes = b""


def profile_of(number: int, record: SubscriberRecord, issuers: frozenset[str]) -> Profile:
    """A record as a profile that can be compared.

    Args:
        number: of its row.
        record: what the certificates say.
        issuers: the issuing organizations, as the policies that are known list them.
    """
    return Profile(
        number=number,
        subscriber_id=record.subscriber_id,
        label=record.label,
        decodable=record.decodable,
        strong=StrongIdentifiers(record.registration, record.organization, record.lei, record.eku),
        name=record.name,
        place=record.place,
        issuers=issuers,
        issuer_key_hash=record.issuer_key_hash,
    )


@dataclass(frozen=True, slots=True)
class Alias:
    """That subscriber ids are one legal entity, says a CA.

    Attributes:
        subscribers: the ids.
        issuers: SHA-256 of the issuing keys that the CA spoke for then.
        by: the CA, safe to print.
        at_ms: when it was logged.
        statement: where.
    """

    subscribers: frozenset[bytes]
    issuers: frozenset[bytes]
    by: str
    at_ms: int
    statement: EntryName

    def vetted(self, profiles: Iterable[Profile]) -> list[Profile]:
        """The profiles that it names and that its CA certified."""
        return [
            profile
            for profile in profiles
            if profile.subscriber_id in self.subscribers and profile.issuer_key_hash in self.issuers
        ]


@dataclass(frozen=True, slots=True)
class Join:
    """Why profiles are in one group.

    Attributes:
        kind: `registration`, `organization`, `lei`, `eku`, `alias` or `name`.
        value: what they have in common, safe to print.
        members: numbers of the profiles.
        statement: of an alias, where it is logged.
    """

    kind: str
    value: str
    members: tuple[int, ...]
    statement: EntryName | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """An answer, and a sentence that says why."""

    sameness: Sameness
    why: str


def strong_keys(profile: Profile) -> Iterable[tuple[str, str]]:
    """What makes two profiles one, whatever their names: (kind, value)."""
    strong = profile.strong
    if strong.registration is not None:
        yield "registration", "/".join(strong.registration)
    if strong.organization is not None:
        yield "organization", "-".join(strong.organization)
    if strong.lei is not None:
        yield "lei", strong.lei
    if strong.eku is not None:
        for issuer in sorted(profile.issuers):
            yield "eku", f"{strong.eku} under {issuer}"


def name_keys(profile: Profile) -> Iterable[tuple[str, str]]:
    """What may make two profiles one: a name in a country, and an organization that vetted it."""
    if profile.name is not None and profile.decodable:
        for issuer in sorted(profile.issuers):
            yield "name", f"{same_name(profile.name[1])} ({profile.name[0]}), vetted by {issuer}"


def join_keys(profile: Profile) -> list[str]:
    """Everything by which this profile could come into one group, or one finding, with another, whoever vetted either.

    Findings about subscribers have subscriber ids as their subjects, which several groups can have.
    """
    strong = profile.strong
    keys = [f"id\n{profile.subscriber_id.hex()}"]
    keys += [f"{kind}\n{value}" for kind, value in strong_keys(profile) if kind != "eku"]
    if strong.eku is not None:
        keys.append(f"eku\n{strong.eku}")
    if profile.name is not None:
        keys.append(f"name\n{profile.name[0]}\n{same_name(profile.name[1])}")
    return keys
