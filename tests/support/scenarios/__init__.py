# SPDX-License-Identifier: Apache-2.0
"""Histories and what the monitor must say about them, as tables that people can read and add to: a module a topic.

How a scenario is written is in `scenario`; a new topic is a module of its own, and stands in the list here.
"""

from support.scenarios import (
    aliases,
    compromises,
    coverage,
    distrust,
    endings,
    one_key,
    outside_service,
    recording,
    refused_evidence,
    sharing,
    subscribers,
    succession,
    unreadable,
    user_terms,
    weight,
)
from support.scenarios.scenario import Scenario

_TOPICS = (
    sharing,
    subscribers,
    weight,
    coverage,
    endings,
    distrust,
    succession,
    outside_service,
    one_key,
    compromises,
    aliases,
    recording,
    refused_evidence,
    unreadable,
    user_terms,
)

SCENARIOS: tuple[Scenario, ...] = tuple(scenario for topic in _TOPICS for scenario in topic.TOPIC)
