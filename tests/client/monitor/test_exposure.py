# SPDX-License-Identifier: Apache-2.0
"""Exposures of a device: the fast sweep against a slow judge, on histories by chance."""

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

from keystead.monitor.crowd import exposing
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.exposure import Exposure, Timeline
from keystead.monitor.model import DeviceView
from keystead.monitor.profiles import Sameness
from keystead.monitor.replay import load_knowledge
from keystead.monitor.store import Store
from keystead.monitor.views import Views, load_views
from support.random_history import RandomHistory
from support.slow_judge import assurance_on, exposed_groups, is_covered


async def _views(seed: int, folder: Path, steps: int = 40) -> Views:
    teller = RandomHistory(seed)
    *_, history = teller.steps(steps)
    report = await history.monitor(folder)
    assert report.logs[0].error is None
    with Store(folder) as store:
        devices = [device for (device,) in store.db.execute("SELECT id FROM device")]
        return load_views(store.db, load_knowledge(store.db, history.vendor.anchors()), devices)


def _moments(view: DeviceView, picks: Random) -> list[int]:
    """Every instant at which something begins or ends, the instants beside it, and some others."""
    edges: set[int] = set()
    for certificate in view.certificates:
        edges |= {certificate.valid.start, certificate.valid.end}
        edges |= {claim.ends_ms for claim in certificate.claims}
        edges |= {edge for claim in certificate.services for edge in (claim.span.start, claim.span.end)}
        edges |= {certificate.ending.at_ms} if certificate.ending else set()
    edges |= {edge for held in view.enrolments for edge in (held.span.start, held.span.end)}
    for service in view.services.values():
        edges |= {edge for audit in service.audits for edge in (audit.start_ms, audit.end_ms)}
    finite = [edge for edge in edges if abs(edge) < 1 << 60]
    beside = [edge + shift for edge in finite for shift in (-1, 0, 1)]
    return sorted({*beside, *(picks.randint(min(finite), max(finite)) for _ in range(50))})


def _check_worst_pair(timeline: Timeline, views: Views, moment: int) -> None:
    """No two certificates expose the device more seriously than the pair that is told."""
    groups = views.subscribers.at(moment)
    worst = max(
        (
            (min(one.cell.assurance, other.cell.assurance), sameness is Sameness.DIFFERENT)
            for one, other in combinations(timeline.certificates_at(moment), 2)
            if exposing(one.cell, other.cell) and one.certificate.key != other.certificate.key
            for sameness in (groups.compare(one.cell.group, other.cell.group).sameness,)
        ),
        default=None,
    )
    told = timeline.worst_pair(moment)
    surely = None if told is None else told.comparison.sameness is Sameness.DIFFERENT
    assert worst == (None if told is None else (told.assurance, surely))


async def test_the_sweep_agrees_with_every_pair_at_every_instant(tmp_path: Path) -> None:
    """Which subscribers are exposed, which certificates make it so, and whether each is covered."""
    exposed_moments = covered_moments = spoken_for = 0
    for seed in range(12):
        views = await _views(seed, tmp_path / str(seed))
        picks = Random(seed)
        for view in views.devices.values():
            case = DeviceCase(view, views.subscribers)
            timeline = case.timeline
            seen: dict[Exposure | None, frozenset[int]] = defaultdict(frozenset)
            for moment in _moments(view, picks):
                expected = exposed_groups(view, views.subscribers.at(moment), moment)
                exposure = timeline.at(moment)
                assert (exposure is not None) == bool(expected)
                assert expected <= (exposure.groups if exposure else frozenset())
                _check_worst_pair(timeline, views, moment)
                exposing = timeline.certificates_at(moment)
                assert {standing.cell.group for standing in exposing} == expected
                for standing in exposing:
                    certificate, device_id = standing.certificate, view.device.device_id
                    assert standing.cell.covered == is_covered(view, certificate, moment)
                    assert standing.cell.assurance == assurance_on(certificate, device_id, moment)
                    spoken_for += bool(standing.cell.domains)
                exposed_moments += bool(expected)
                seen[exposure] |= expected
                covered = [one for one in view.certificates if is_covered(view, one, moment)]
                assert covered == [
                    one
                    for one in view.certificates
                    if any(moment in span for span in case.coverage.spans(one))
                ]
                covered_moments += bool(covered)
            # An exposure names all who were exposed in it, and nobody else: every edge was looked at.
            assert all(seen[exposure] == exposure.groups for exposure in timeline.exposures)
    # It must not hold for want of cases.
    assert min(exposed_moments, covered_moments, spoken_for) > 100


@pytest.mark.parametrize("seed", range(4))
async def test_the_order_of_certificates_does_not_matter(seed: int, tmp_path: Path) -> None:
    """Exposures are those of the set."""
    views = await _views(seed, tmp_path)

    for view in views.devices.values():
        shuffled = list(view.certificates)
        Random(seed).shuffle(shuffled)
        other = replace(view, certificates=tuple(shuffled), enrolments=view.enrolments[::-1])
        shuffled_case, case = (DeviceCase(one, views.subscribers) for one in (other, view))
        assert shuffled_case.timeline.exposures == case.timeline.exposures


@pytest.mark.parametrize("seed", range(4))
async def test_between_changes_nothing_changes(seed: int, tmp_path: Path) -> None:
    """`next_change` names every moment from which on a finding could say something else."""
    views = await _views(seed, tmp_path)
    picks = Random(seed)

    for view in views.devices.values():
        case = DeviceCase(view, views.subscribers)
        timeline = case.timeline
        for moment in _moments(view, picks):
            change = timeline.next_change(moment)
            until = moment + 10**9 if change is None else change
            later = picks.randint(moment, until - 1)
            assert timeline.at(moment) == timeline.at(later)
            assert timeline.certificates_at(moment) == timeline.certificates_at(later)
            for standing in timeline.certificates_at(moment):
                if not standing.cell.covered:
                    reasons = [case.coverage.why_not(standing.certificate, at) for at in (moment, later)]
                    assert reasons[0] == reasons[1]
