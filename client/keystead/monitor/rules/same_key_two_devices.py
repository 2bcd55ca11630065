# SPDX-License-Identifier: Apache-2.0
"""`same-key-two-devices`: one key is in devices that nobody lists together, so it was exported.

A clustered key lives in several devices, and who says so lists them together: a certificate, a binding, a piece of
evidence. Keys also move among the modules of a domain (a security world), so modules that are listed with one domain
are listed together. A key that is said to be in one device here and in another there left a device.

The fact holds at a moment for the claims of certificates whose validity had begun by then and that were not taken
back, as long as one certificate of the key lives. A list that was logged after both claims excuses from then on.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from keystead.certificate.device_identifier import DeviceClass
from keystead.monitor.course import Course, Strand
from keystead.monitor.findings import Finding, Settlement, State, Verdict
from keystead.monitor.found import show_time
from keystead.monitor.model import NEVER, Assurance, CertificateFacts, DeviceClaim, KeyView, Span
from keystead.monitor.settling import Change, claim_change, life_change, settle
from keystead.monitor.severity import Severity, severity_of
from keystead.monitor.showing import (
    by_age,
    course_exposures,
    entries_of,
    found_certificate,
    found_subscribers,
    listed,
    shown_changes,
    statements_of,
)
from keystead.monitor.subscribers import Subscribers

__all__ = ["BASE", "RULE", "judge"]

RULE = "same-key-two-devices"
BASE = Severity.HIGH

_Claim = tuple[CertificateFacts, DeviceClaim]


@dataclass(frozen=True, slots=True)
class _Apart:
    """Devices that hold a key and are not listed together, through a stretch in which nothing changes."""

    devices: frozenset[bytes]
    certificates: tuple[CertificateFacts, ...]
    assurance: Assurance


def judge(view: KeyView, subscribers: Subscribers, at_ms: int) -> Verdict:
    """What there is to say about a key at a moment."""
    if len(view.devices) < 2:
        return Verdict()
    course = Course(_strands(view.certificates))
    look = course.look(at_ms)
    change = course.next_change(at_ms, shown_changes(view.certificates, subscribers))
    if look is None:
        return Verdict((), change)
    (state,) = look.reasons
    facts = by_age(state.certificates)
    groups = subscribers.at(look.moment)
    settlement = None if look.lasts else _settlement(view, state, look.stretch.end)
    names = listed(sorted(view.devices[device].text for device in state.devices))
    summary = (
        f"The key {view.key.hex()[:16]}… {'is' if look.lasts else 'was'} in {len(state.devices)} devices that no "
        f"certificate, binding or evidence lists together ({names}): it left one of them."
    )
    if settlement is not None:
        summary += f" Settled on {show_time(settlement.at_ms)}: {settlement.sentence}."
    finding = Finding(
        rule=RULE,
        subject=view.key,
        severity=severity_of(BASE, state.assurance),
        severity_why=_SEVERITY_WHY[state.assurance],
        state=State.OPEN if look.lasts else State.SETTLED,
        since_ms=look.stretch.start,
        summary=summary,
        would_settle=(
            "the CAs revoke all certificates of the key, or they expire; a wrong claim is taken back; or, if the "
            "devices are one cluster, a CA lists them together in a binding"
            if look.lasts
            else ""
        ),
        settlement=settlement,
        key=view.key,
        subscribers=found_subscribers(facts, groups),
        entries=entries_of(facts),
        statements=statements_of(
            facts, groups=groups, more=() if settlement is None else settlement.statements
        ),
        certificates=tuple(
            found_certificate(certificate, groups.profiles[certificate.subscriber].label, look.moment)
            for certificate in facts
        ),
        exposures=course_exposures(course, lambda why: why.certificates, subscribers, at_ms),
    )
    return Verdict((finding,), change)


def _strands(certificates: Sequence[CertificateFacts]) -> Iterator[Strand[_Apart]]:
    claims = [(certificate, claim) for certificate in certificates for claim in certificate.claims]
    edges = {claim.ends_ms for _, claim in claims} | {claim.since_ms for _, claim in claims}
    for certificate in certificates:
        for span in (certificate.existed, certificate.live):
            edges |= {span.start, span.end}
    for start, end in pairwise(sorted(edges)):
        if not any(start in certificate.live for certificate in certificates):
            continue
        standing = [
            (certificate, claim)
            for certificate, claim in claims
            if start in certificate.existed and start < claim.ends_ms
        ]
        apart = _apart(standing, start)
        if apart is not None:
            yield Strand(Span(start, end), apart)


def _apart(claims: Sequence[_Claim], moment: int) -> _Apart | None:
    """The devices of claims that are not listed together at a moment."""
    by_device: dict[bytes, list[DeviceClaim]] = defaultdict(list)
    for _, claim in claims:
        by_device[claim.device_id].append(claim)
    listed_at = _listed_together(claims)
    apart: dict[frozenset[bytes], Assurance] = {}
    for first, second in combinations(sorted(by_device), 2):
        pair = frozenset({first, second})
        known = listed_at.get(pair, NEVER)
        said = [
            min(one.assurance, other.assurance)
            for one in by_device[first]
            for other in by_device[second]
            # A claim that takes the place of another never stood beside it.
            if (both := max(one.since_ms, other.since_ms)) < min(one.ends_ms, other.ends_ms)
            # What lists them together excuses from when it was logged; what nobody could have missed, always.
            and both < known
        ]
        if said and moment < known:
            apart[pair] = max(said)
    if not apart:
        return None
    devices = frozenset(device for pair in apart for device in pair)
    certificates = tuple(certificate for certificate, claim in claims if claim.device_id in devices)
    return _Apart(devices, certificates, max(apart.values()))


def _listed_together(claims: Sequence[_Claim]) -> Mapping[frozenset[bytes], int]:
    """Since when two devices are listed together by one source, or each with one domain."""
    lists: dict[tuple[object, ...], dict[bytes, int]] = defaultdict(dict)
    domains: set[bytes] = set()
    for certificate, claim in claims:
        source = (certificate.certificate_id, claim.kind, claim.statement)
        lists[source][claim.device_id] = claim.since_ms
        if claim.class_ == DeviceClass.DOMAIN:
            domains.add(claim.device_id)
    found: dict[frozenset[bytes], int] = {}
    for together in lists.values():
        for first, second in combinations(together, 2):
            pair = frozenset({first, second})
            found[pair] = min(found.get(pair, NEVER), together[first])
    direct = dict(found)
    for domain in sorted(domains):
        modules = sorted(device for pair in direct if domain in pair for device in pair if device != domain)
        for first, second in combinations(modules, 2):
            pair = frozenset({first, second})
            both = max(direct[frozenset({domain, first})], direct[frozenset({domain, second})])
            found[pair] = min(found.get(pair, NEVER), both)
    return found


_SEVERITY_WHY = {
    Assurance.ATTESTED: "the key is attested to be in two devices",
    Assurance.CA_VERIFIED: "that the key is in a second device is a CA's word",
    Assurance.DECLARED: "that the key is in a second device is only declared",
}


def _settlement(view: KeyView, state: _Apart, end_ms: int) -> Settlement:
    # It holds while any certificate of the key lives, also one that nobody puts on a device.
    changes: list[Change | None] = [life_change(certificate, end_ms) for certificate in view.certificates]
    changes += [
        claim_change(certificate, device, end_ms)
        for certificate in state.certificates
        for device in sorted(state.devices)
    ]
    return settle(changes, end_ms, "somebody lists the devices together")
