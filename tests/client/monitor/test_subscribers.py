# SPDX-License-Identifier: Apache-2.0
"""Who is whom: three answers, groups that do not depend on order, and why."""

import json
from collections import defaultdict
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from keystead.certificate.pem import certificates_from_pem
from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.ct.leaf import X509_ENTRY, LogEntry
from keystead.monitor.facts import read_entry
from keystead.monitor.grouping import Groups
from keystead.monitor.model import EntryName
from keystead.monitor.names import same_organization
from keystead.monitor.profiles import Alias, Profile, Sameness, join_keys, profile_of
from keystead.monitor.subscribers import Subscribers

_NUMBER = iter(range(1, 10_000))


def _profile(
    name: str | None = "alpha ab",
    *,
    issuer: str = "North CA",
    country: str = "se",
    registration: str | None = None,
    organization: tuple[str, str] | None = None,
    lei: str | None = None,
    eku: str | None = None,
    place: tuple[str, str] = ("", ""),
    decodable: bool = True,
) -> Profile:
    number = next(_NUMBER)
    return Profile(
        number,
        number.to_bytes(32),
        name or "?",
        decodable,
        StrongIdentifiers(
            None if registration is None else ("SE", "", "", registration), organization, lei, eku
        ),
        None if name is None else (country, name),
        place,
        frozenset({issuer}),
    )


def _sameness(first: Profile, second: Profile, *others: Profile) -> Sameness:
    """The answer for two profiles, the same whatever order the set comes in."""
    answers = set()
    for order in permutations((first, second, *others)):
        groups = Groups(order)
        answers.add(groups.compare(groups.of(first.number), groups.of(second.number)).sameness)
        answers.add(groups.compare(groups.of(second.number), groups.of(first.number)).sameness)
    (answer,) = answers
    return answer


SAME, UNKNOWN, DIFFERENT = Sameness.SAME, Sameness.UNKNOWN, Sameness.DIFFERENT


@pytest.mark.parametrize(
    ("what", "first", "second", "expected"),
    [
        ("other names", {"name": "a"}, {"name": "b"}, DIFFERENT),
        ("one name, one CA", {}, {}, SAME),
        ("one name, two CAs", {}, {"issuer": "South CA"}, UNKNOWN),
        ("one name in two spellings, one CA", {"name": "alpha aktiebolag"}, {}, SAME),
        ("one name in two spellings, two CAs", {"name": "alpha, ab"}, {"issuer": "x"}, UNKNOWN),
        ("another legal form, one CA", {"name": "alpha kb"}, {}, UNKNOWN),
        (
            "a similar name, two CAs and countries",
            {"name": "álpha"},
            {"issuer": "x", "country": "de"},
            UNKNOWN,
        ),
        ("a place in two spellings", {"place": ("stockholms län", "")}, {"place": ("stockholm", "")}, SAME),
        ("one name, two countries", {}, {"country": "de"}, UNKNOWN),
        ("one name, two states", {"place": ("ohio", "")}, {"place": ("texas", "")}, UNKNOWN),
        ("one name, two cities", {"place": ("", "a")}, {"place": ("", "b")}, UNKNOWN),
        ("one name, one state, a city on one side", {"place": ("ohio", "")}, {"place": ("ohio", "b")}, SAME),
        (
            "one number, other names and CAs",
            {"name": "a", "registration": "1"},
            {"name": "b", "registration": "1", "issuer": "x"},
            SAME,
        ),
        ("two numbers, one name", {"registration": "1"}, {"registration": "2"}, DIFFERENT),
        ("a number on one side, one name", {"registration": "1"}, {}, SAME),
        ("a number on one side, two CAs", {"registration": "1"}, {"issuer": "x"}, UNKNOWN),
        (
            "one LEI, other numbers",
            {"lei": "L", "registration": "1"},
            {"lei": "L", "registration": "2"},
            SAME,
        ),
        ("two LEIs, one name", {"lei": "L"}, {"lei": "M"}, DIFFERENT),
        (
            "two identifiers of one scheme",
            {"organization": ("NTRSE", "1")},
            {"organization": ("NTRSE", "2")},
            DIFFERENT,
        ),
        (
            "identifiers of two schemes, one name",
            {"organization": ("NTRSE", "1")},
            {"organization": ("VATSE", "2")},
            SAME,
        ),
        (
            "identifiers of two schemes, other names",
            {"organization": ("NTRSE", "1")},
            {"organization": ("VATSE", "2"), "name": "b"},
            DIFFERENT,
        ),
        ("one durable identity at one CA", {"eku": "1.2", "name": "a"}, {"eku": "1.2", "name": "b"}, SAME),
        (
            "one durable identity at two CAs",
            {"eku": "1.2", "name": "a"},
            {"eku": "1.2", "name": "b", "issuer": "x"},
            DIFFERENT,
        ),
        ("two durable identities contradict nothing", {"eku": "1.2"}, {"eku": "1.3"}, SAME),
        ("a subject that cannot be read", {"decodable": False}, {"name": "b"}, UNKNOWN),
        ("a subject that cannot be read joins nobody", {"decodable": False}, {}, UNKNOWN),
        ("no name at all", {"name": None}, {"name": None}, UNKNOWN),
        ("no name, but other numbers", {"name": None, "lei": "L"}, {"lei": "M"}, DIFFERENT),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_two_subscribers(
    what: str, first: dict[str, object], second: dict[str, object], expected: Sameness
) -> None:
    """The answer for a pair that is all there is."""
    assert _sameness(_profile(**first), _profile(**second)) is expected  # type: ignore[arg-type]


def test_a_third_certificate_may_join_two() -> None:
    """Its registration number is one's, its LEI the other's."""
    one = _profile("a", registration="1")
    other = _profile("b", lei="L", issuer="South CA")

    assert _sameness(one, other) is DIFFERENT
    assert _sameness(one, other, _profile("c", registration="1", lei="L")) is SAME


def test_an_ambiguous_name_joins_nobody() -> None:
    """Two firms of one name at one CA: a certificate that has nothing but the name may be either's."""
    one, two = _profile(registration="1"), _profile(registration="2")
    bare = _profile()

    assert _sameness(one, bare, two) is UNKNOWN
    assert _sameness(one, two, bare) is DIFFERENT


def test_names_do_not_chain_contradicting_identifiers_together() -> None:
    """Each join alone would do, both together put two registration numbers into one group."""
    one, two = _profile("a", registration="1"), _profile("b", registration="2")
    bridge_a, bridge_b = _profile("a", lei="L"), _profile("b", lei="L")

    assert _sameness(one, two, bridge_a, bridge_b) is DIFFERENT
    assert _sameness(one, bridge_a, two, bridge_b) is UNKNOWN


def test_a_name_in_two_places_joins_only_equal_places() -> None:
    """Who states no place may be in either."""
    ohio, other_ohio, texas, nowhere = (
        _profile(place=("ohio", "")),
        _profile(place=("ohio", "")),
        _profile(place=("texas", "")),
        _profile(),
    )

    assert _sameness(ohio, other_ohio, texas, nowhere) is SAME
    assert _sameness(ohio, nowhere, texas) is UNKNOWN
    assert _sameness(ohio, nowhere) is SAME


def test_one_organization_may_be_listed_by_several_policies() -> None:
    """One listing in common is enough."""
    one = _profile()
    two = _profile(issuer="x")
    both = Profile(
        **{
            **{name: getattr(one, name) for name in one.__slots__},
            "number": 10_001,
            "issuers": frozenset({"North CA", "x"}),
        }
    )

    assert _sameness(one, both) is SAME
    assert _sameness(one, two, both) is SAME


def test_joins_are_explained() -> None:
    """By kind, by what is common, and who."""
    one, two, three = (
        _profile("a", registration="1"),
        _profile("b", registration="1"),
        _profile("b"),
    )
    groups = Groups([one, two, three])

    joins = groups.explain(groups.of(one.number))

    assert [(join.kind, join.members) for join in joins] == [
        ("registration", (one.number, two.number)),
        ("name", (two.number, three.number)),
    ]
    assert "b (se), vetted by North CA" in joins[1].value


def test_what_is_shown_of_names_is_safe() -> None:
    """A name cannot turn a line around."""
    hostile = "a\u202eb"
    groups = Groups([_profile(hostile), _profile(hostile), _profile(hostile, issuer="x")])
    first, *_, last = sorted(groups.profiles)

    assert "\u202e" not in groups.explain(groups.of(first))[0].value
    assert "\u202e" not in groups.compare(groups.of(first), groups.of(last)).why


def test_whatever_could_join_shares_a_key() -> None:
    """Profiles without a key in common are never one, so components of keys can be grouped by themselves."""
    profiles = [
        _profile("a", registration="1"),
        _profile("b", registration="1", issuer="x"),
        _profile("b", eku="1.2", issuer="x"),
        _profile("c", eku="1.2", issuer="x"),
        _profile("d", lei="L"),
        _profile(None),
    ]
    groups = Groups(profiles)

    for one in profiles:
        for other in profiles:
            if one is not other and any(
                {one.number, other.number} <= set(join.members)
                for join in groups.explain(groups.of(one.number))
            ):
                assert set(join_keys(one)) & set(join_keys(other))
    assert groups.of(profiles[0].number) == groups.of(profiles[3].number)


@pytest.mark.samples
def test_real_subscribers(samples: Path) -> None:
    """Published certificates: one firm at each of its CAs, individuals, one durable identity, two firms of a name."""
    groups, by_name = _real(samples / "certificates")

    def answers(first: str, second: str) -> set[Sameness]:
        return {
            groups.compare(groups.of(one), groups.of(other)).sameness
            for one in by_name[first]
            for other in by_name[second]
            if one != other
        }

    # At each of its CAs, which spells itself in two ways, the firm is one: by its number in two notations, and by its
    # name in spellings of its county. Across CAs nothing joins those without a number, and nothing sets them apart.
    assert answers("Yubico AB", "Yubico AB") == {SAME, UNKNOWN}
    by_issuer = defaultdict(set)
    for number in by_name["Yubico AB"]:
        (issuer,) = groups.profiles[number].issuers
        by_issuer[issuer].add(groups.of(number))
    assert {len(found) for found in by_issuer.values()} == {1}
    assert len(by_issuer) == 2
    kinds = [{join.kind for join in groups.explain(group)} for group in map(min, by_issuer.values())]
    assert sorted(kinds, key=len) == [{"name"}, {"registration", "name"}]
    # A person at two CAs; persons of other names.
    assert answers("Simon Tatham", "Simon Tatham") == {UNKNOWN}
    assert answers("Simon Tatham", "Matthew Glazar") == {DIFFERENT}
    assert answers("Microsoft Corporation", "Microsoft Corporation") == {SAME}
    # Three certificates of a few days, each validated once, with one durable identity.
    assert answers("Deno Land Inc.", "Deno Land Inc.") == {SAME}
    assert answers("Deno Land Inc.", "Yubico AB") == {DIFFERENT}
    # Another firm of the name, in another country: perhaps one, until somebody says so. In two countries, too.
    assert answers("Yubico Limited", "Yubico AB") == {UNKNOWN}
    assert answers("Yubico Limited", "Yubico Limited") == {SAME, UNKNOWN}


def _real(folder: Path) -> tuple[Groups, dict[str, list[int]]]:
    """All published certificates as profiles, each CA's name standing for its key; and their numbers by name."""
    profiles, by_name = [], defaultdict(list)
    for number, listed in enumerate(json.loads((folder / "index.json").read_text("utf-8"))):
        der = certificates_from_pem((folder / listed["file"]).read_bytes())[0]
        record = read_entry(LogEntry(0, X509_ENTRY, der, b"", 0), bytes(32)).certificate
        assert record is not None
        issuer = same_organization(record.subscriber.issuer_organization)
        profiles.append(profile_of(number, record.subscriber, frozenset({issuer})))
        by_name[record.subscriber.label].append(number)
    return Groups(profiles), by_name


def _aliased(*profiles: Profile, by: bytes = b"", at_ms: int = 10) -> Alias:
    return Alias(
        frozenset(profile.subscriber_id for profile in profiles),
        frozenset({by}),
        "North CA",
        at_ms,
        EntryName("log.example/statements", at_ms),
    )


def test_an_alias_joins_what_its_ca_certified_and_makes_the_rest_unknown() -> None:
    """Only where it certified somebody under every id that it names."""
    first, second = _profile("a"), _profile("b")
    other = replace(_profile("b2", issuer="x"), subscriber_id=second.subscriber_id, issuer_key_hash=b"x")
    third = _profile("c")
    groups = Groups([first, second, other, third], [_aliased(first, second)])
    assert groups.of(first.number) == groups.of(second.number)
    assert [join.kind for join in groups.explain(groups.of(first.number))] == ["alias"]
    assert groups.compare(groups.of(first.number), groups.of(other.number)).sameness is UNKNOWN
    assert groups.compare(groups.of(third.number), groups.of(first.number)).sameness is DIFFERENT

    elsewhere = Groups([first, other], [_aliased(first, other)])
    answer = elsewhere.compare(first.number, other.number)
    assert answer.sameness is UNKNOWN
    assert "did not certify both" in answer.why


def test_an_alias_outweighs_numbers_only_where_its_ca_certified_both() -> None:
    """A merger has two numbers; a stranger's word does not make one of them."""
    first, second = _profile("a", registration="1"), _profile("b", registration="2")
    merged = Groups([first, second], [_aliased(first, second)])
    assert merged.of(first.number) == merged.of(second.number)
    strangers = Groups([first, second], [_aliased(first, second, by=b"other")])
    assert strangers.compare(first.number, second.number).sameness is DIFFERENT


def test_aliases_count_from_when_they_were_logged() -> None:
    """Before, the groups are what certificates alone say; each stage has its own."""
    first, second, third = _profile("a"), _profile("b"), _profile("c")
    early, late = _aliased(first, second, at_ms=10), _aliased(second, third, at_ms=20)
    subscribers = Subscribers([first, second, third], [late, early])

    def count(moment: int) -> int:
        groups = subscribers.at(moment)
        return len({groups.of(profile.number) for profile in (first, second, third)})

    assert [count(moment) for moment in (9, 10, 19, 20, 30)] == [3, 2, 2, 1, 1]
    assert subscribers.ever_differ([first.number, third.number])
    assert not subscribers.ever_differ([first.number])
    everybody = [first.number, second.number, third.number]
    assert subscribers.aliased_at(10, everybody) == [early]
    assert subscribers.aliased_at(20, everybody) == [late]
    assert subscribers.aliased_at(15, everybody) == []
    assert subscribers.aliased_at(10, [first.number, third.number]) == []
