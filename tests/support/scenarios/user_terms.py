# SPDX-License-Identifier: Apache-2.0
"""What the monitor's user gives: revocation lists, whose word is not accepted, clouds held to the rule, watch lists."""

from collections.abc import Mapping

from keystead.monitor.knowledge import Terms
from keystead.monitor.watch import parse_watch_list
from keystead.statements.payloads import RevocationReason
from support.history import YEAR, History
from support.revocation_lists import Reason, list_of
from support.scenarios.aliases import aliased
from support.scenarios.coverage import covered
from support.scenarios.endings import revoked
from support.scenarios.scenario import OPEN, SETTLED, Also, Expected, Subscriber, Topic, weak
from support.scenarios.sharing import cloud_card
from support.scenarios.succession import transferred

TOPIC = Topic()
scenario = TOPIC.scenario

Given = Mapping[str, object]


def _refusing(*names: str) -> Given:
    return {"terms": Terms(frozenset(names))}


def _watching(text: str) -> Given:
    return {"watch": parse_watch_list(f"[watch]\n{text}".encode())}


@scenario(
    "a revocation list ends a certificate when it was published, whatever date is in it",
    20,
    {1: Expected(SETTLED, "no-service", settled_by="revoked")},
    Also("tainted-device", 1, "high"),
)
@scenario("before the list was published", 7, {1: Expected(OPEN, "no-service")})
def listed(history: History) -> Given:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    return {"lists": {"north.crl": list_of(10, second)}}


@scenario(
    "a compromise in a revocation list, and a new certificate after it",
    30,
    {},
    Also("repeat-offender", Subscriber(1), "medium"),
)
def listed_offender(history: History) -> Given:
    first = history.certificate("Alpha AB", serial=1)
    history.day(20)
    history.certificate("Alpha AB", serial=2, valid=(20, 300))
    return {"lists": {"north.crl": list_of(10, first)}}


@scenario(
    "a list that names a certificate of another CA by its number", 20, {1: Expected(OPEN, "no-service")}
)
def listed_by_others(history: History) -> Given:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    history.certificate("Gamma SA", serial=2, ca=history.south)
    # The list says that it is of North CA; the key of South CA signed it.
    return {"lists": {"forged.crl": list_of(10, second, key=history.south.issuer_key)}}


@scenario("a certificate on hold in a list is not revoked", 20, {1: Expected(OPEN, "no-service")})
def on_hold(history: History) -> Given:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1)
    return {"lists": {"north.crl": list_of(10, second, reason=Reason.certificate_hold)}}


@scenario("an alias by a CA whose word is not accepted", 20, {1: Expected(OPEN, "no-service")})
def alias_refused(history: History) -> Given:
    aliased(history)
    return _refusing("North CA")


@scenario("a transfer by a CA whose word is not accepted", 160, {}, Also("sequential-reuse", 1, "low"))
def transfer_refused(history: History) -> Given:
    transferred(history)
    return _refusing("South CA")


@scenario(
    "a revocation by a CA whose word is not accepted: it ends nothing, and still taints",
    20,
    {1: Expected(OPEN, "no-service")},
    Also("tainted-device", 1, "high"),
)
def revocation_refused(history: History) -> Given:
    revoked(history)
    return _refusing("North CA")


@scenario("an audit by an auditor whose word is not accepted", 20, {1: Expected(OPEN, "not-qualifying")})
def audit_refused(history: History) -> Given:
    covered(history)
    return _refusing("Auditor")


@scenario("an enrolment by an operator whose word is not accepted", 20, {1: Expected(OPEN, "not-enrolled")})
def enrolment_refused(history: History) -> Given:
    covered(history)
    return _refusing("Operator Ltd")


@scenario(
    "E: a cloud card under 300 subscribers, for who holds clouds to the same rule",
    10,
    {1: Expected(OPEN, "no-service")},
    weak(301),
)
def cloud_too(history: History) -> Given:
    cloud_card(history)
    return {"terms": Terms(clouds_too=True)}


def _two_devices(history: History) -> None:
    service = history.service()
    history.certificate("Alpha AB", serial=1)
    history.certificate("Beta GmbH", serial=1)
    history.certificate("Gamma SA", serial=2, ca=history.south, service=service)
    history.certificate("Delta Inc", serial=2, ca=history.south, service=service)


FIRST, SECOND = {1: Expected(OPEN, "no-service")}, {2: Expected(OPEN, "unaudited")}


@scenario("who watches a CA is told of its devices", 10, FIRST)
def watched_ca(history: History) -> Given:
    _two_devices(history)
    return _watching('cas = ["north ca"]')


@scenario("who watches a subscriber is told of it in any spelling", 10, SECOND)
def watched_subscriber(history: History) -> Given:
    _two_devices(history)
    return _watching('subscribers = ["GAMMA, S.A."]')


@scenario("who watches a device is told of it", 10, FIRST)
def watched_device(history: History) -> Given:
    _two_devices(history)
    return _watching('devices = ["yubico-piv-serial:1"]')


@scenario("who watches a service is told of what names it", 10, SECOND)
def watched_service(history: History) -> Given:
    _two_devices(history)
    return _watching(f'services = ["{history.services[0].id.hex()}"]')


@scenario("who watches others is told nothing", 10)
def watched_others(history: History) -> Given:
    _two_devices(history)
    return _watching('cas = ["East CA"]')


@scenario(
    "a revocation list and a later statement: the earlier publication counts",
    40,
    {1: Expected(SETTLED, "no-service", settled_by="revoked")},
)
def listed_and_stated(history: History) -> Given:
    history.certificate("Alpha AB", serial=1)
    second = history.certificate("Beta GmbH", serial=1, valid=(0, YEAR))
    history.day(30)
    history.revoke(second, RevocationReason.SUPERSEDED)
    return {"lists": {"north.crl": list_of(10, second, reason=Reason.superseded)}}
