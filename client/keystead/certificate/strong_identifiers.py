# SPDX-License-Identifier: Apache-2.0
"""Identifiers of a legal entity that two certificates can be compared by, across CAs and spellings.

The strict rule of `subscriber` makes one id; this makes all that a certificate offers, normalized for
comparing and for nothing else: uppercase, without punctuation, numbers without leading zeros. What reads as a
date in any notation is no identifier: EV certificates give the date of incorporation where a registry has no
numbers, and many firms share a day. A false "same" hides abuse and a false "different" is only noise, so
doubt drops the value.

Kinds: `registration` (with its jurisdiction), `organization` by scheme and country (an entity's VAT and trade
register numbers differ without contradicting), `lei`, and `eku`, which only compares under one issuer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

__all__ = ["StrongIdentifiers", "reads_as_date", "strong_identifiers"]

_ALPHANUMERIC = re.compile(r"[^\W_]+")
_RUNS = re.compile(r"[0-9]+|[^\W\d_]+")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_ORGANIZATION = re.compile(r"([A-Z]{3}[A-Z]{2})(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StrongIdentifiers:
    """The strong identifiers of one certificate's subscriber; None where it has none of that kind.

    Attributes:
        registration: country, state and place of the jurisdiction, and the number.
        organization: scheme with country (`NTRSE`), and the reference.
        lei: 20 characters with valid check digits.
        eku: a durable identity, meaningful under one issuing organization.
    """

    registration: tuple[str, str, str, str] | None = None
    organization: tuple[str, str] | None = None
    lei: str | None = None
    eku: str | None = None

    def agrees(self, other: "StrongIdentifiers", *, one_issuer: bool) -> tuple[str, ...]:
        """The kinds in which both have the same value.

        Args:
            one_issuer: whether one issuing organization vetted both, without which `eku` says nothing.
        """
        kinds = ("registration", "organization", "lei", "eku") if one_issuer else _ACROSS_ISSUERS
        return tuple(
            kind
            for kind in kinds
            if getattr(self, kind) is not None and getattr(self, kind) == getattr(other, kind)
        )

    def contradicts(self, other: "StrongIdentifiers") -> tuple[str, ...]:
        """The kinds in which both have a value and the values differ.

        A new validation gives a new `eku`, so that never contradicts; nor do organization identifiers of
        different schemes.
        """
        found = [
            kind
            for kind in ("registration", "lei")
            if None not in {getattr(self, kind), getattr(other, kind)}
            and getattr(self, kind) != getattr(other, kind)
        ]
        if self.organization is not None and other.organization is not None:
            (scheme, reference), (other_scheme, other_reference) = self.organization, other.organization
            if scheme == other_scheme and reference != other_reference:
                found.append("organization")
        return tuple(found)


_ACROSS_ISSUERS = ("registration", "organization", "lei")


def strong_identifiers(attributes: Mapping[str, str], eku: str | None) -> StrongIdentifiers:
    """The strong identifiers among a subject's attributes.

    Args:
        attributes: first values by label, `LEI` among them.
        eku: the durable identity, if there is one.
    """
    organization = (
        _organization(attributes["organizationIdentifier"])
        if "organizationIdentifier" in attributes
        else None
    )
    lei = _lei(attributes["LEI"]) if "LEI" in attributes else None
    if lei is None and organization is not None and organization[0] == "LEIXG":
        lei = _lei(organization[1])
    return StrongIdentifiers(_registration(attributes), organization, lei, eku)


def _registration(attributes: Mapping[str, str]) -> tuple[str, str, str, str] | None:
    number = attributes.get("serialNumber", "")
    if "jurisdictionC" not in attributes or not re.search("[0-9]", number) or reads_as_date(number):
        return None
    country, state, place = (
        _normalize(attributes.get(label, ""))
        for label in ("jurisdictionC", "jurisdictionST", "jurisdictionL")
    )
    return (country, state, place, _LEADING_ZEROS.sub("", _normalize(number))) if country else None


def _organization(text: str) -> tuple[str, str] | None:
    """An organizationIdentifier (ETSI EN 319 412-1 section 5.1.4): scheme, country, hyphen, reference."""
    match = _ORGANIZATION.fullmatch(_normalize(text))
    if match is None:
        return None
    reference = text.partition("-")[2] or match[2]
    if not re.search("[0-9]", reference) or reads_as_date(reference):
        return None
    return match[1], _LEADING_ZEROS.sub("", match[2])


def _lei(text: str) -> str | None:
    """A legal entity identifier (ISO 17442-1) whose check digits are right: 1 modulo 97."""
    lei = _normalize(text)
    if len(lei) != 20 or not lei.isascii() or not lei.isalnum():
        return None
    return lei if int("".join(str(int(character, 36)) for character in lei)) % 97 == 1 else None


def _normalize(text: str) -> str:
    return "".join(_ALPHANUMERIC.findall(text)).upper()


def reads_as_date(text: str) -> bool:
    """Whether a person could read a day, a month and a year out of `text`, and nothing else.

    Seen: `2003-05-04`, `04.05.2003`, `5/4/03`, `20030504`, `030504`, `20030504000000Z`, `4 mai 2003`,
    `May 4th, 2003`, `2003年5月4日`. Digits of other scripts count as letters.
    """
    runs = _RUNS.findall(text)
    numbers = [run for run in runs if run.isascii() and run.isdigit()]
    words = [run for run in runs if run not in numbers]
    if len(numbers) >= 3 and not (set(words) - {"T", "Z", "年", "月", "日", "th", "st", "nd", "rd"}):
        # A time of day may follow.
        return _is_date(numbers[:3]) and all(len(number) <= 3 for number in numbers[3:])
    if len(numbers) == 1 and not (set(words) - {"Z"}):
        return _is_compact_date(numbers[0])
    if len(numbers) == 2 and any(len(word) >= 3 for word in words):
        # A month in words, of whatever language.
        return any(_is_day(day) and _is_year(year) for day, year in permutations(numbers))
    return False


def _is_date(numbers: Sequence[str]) -> bool:
    return any(
        _is_year(year) and _is_day(day) and 1 <= int(month) <= 12 and len(month) <= 2
        for year, month, day in permutations(numbers)
    )


def _is_compact_date(digits: str) -> bool:
    """Eight or six digits in any order of year, month and day; a time of day may follow eight of them."""
    if len(digits) in {8, 12, 14}:
        orders = ((digits[:4], digits[4:6], digits[6:8]), (digits[4:8], digits[:2], digits[2:4]))
        # Of eight digits without separators, only those with a likely year: many registries number so.
        return any(1800 <= int(parts[0]) < 2100 and _is_date(parts) for parts in orders)
    return len(digits) == 6 and _is_date((digits[:2], digits[2:4], digits[4:]))


def _is_year(number: str) -> bool:
    return len(number) == 2 or (len(number) == 4 and 1000 <= int(number) < 3000)


def _is_day(number: str) -> bool:
    return len(number) <= 2 and 1 <= int(number) <= 31
