# SPDX-License-Identifier: Apache-2.0
"""Two CAs race for one device, many times, through a real server: one goes ahead, and the other holds back.

However each of them comes onto the device: by its extension, by evidence beside the certificate or later, by a binding
later; and whoever is faster.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from random import Random

import pytest

from keystead.certificate.extension import Method
from keystead.check.decision import Verdict
from keystead.cli.logs import LogAddress
from keystead.cli.output import Output
from keystead.cli.submit_check import CheckedChain, Checking
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain, LoggedStatement, submit_chain, submit_statement
from keystead.client.trust import parse_trust
from keystead.devices.evidence import Evidence
from keystead.lookup.log_index import Limits
from keystead.statements.payloads import DeviceBinding
from keystead.testvendor.keys import derive_key
from support.checked_log import CheckedLog, reference
from support.command_line import CommandLine
from support.served_log import ServedLog
from support.world import Leaf, party_key

_ROUNDS = 36
_AT_ONCE = 6


class _Way(Enum):
    """How a certificate comes onto the device."""

    EXTENSION = auto()
    EVIDENCE = auto()
    BOTH = auto()
    LATE_EVIDENCE = auto()
    LATE_BINDING = auto()
    EXTENSION_THEN_EVIDENCE = auto()


@dataclass
class _Racer:
    """A CA with a certificate for a device, and how it goes about it."""

    place: CheckedLog
    fetcher: HTTPFetcher
    address: LogAddress
    leaf: Leaf
    serial: int
    way: _Way

    @property
    def _evidence(self) -> tuple[Evidence, ...]:
        return (self.place.world.evidence(self.leaf, self.serial),)

    @property
    def chain(self) -> tuple[bytes, ...]:
        return (self.leaf.precertificate, *self.leaf.authority.chain)

    async def _submit(self, *evidence: Evidence) -> LoggedChain:
        return await submit_chain(self.fetcher, self.address.trust, self.chain, evidence)

    async def _bind(self, logged: LoggedChain) -> None:
        statement = DeviceBinding(
            self.place.origin,
            int(time.time()),
            certificate=logged.certificate_id,
            issuance_index=logged.entry.leaf_index,
            devices=(reference(self.serial),),
            method=Method.SHIPPED_BY_CA,
            service=None,
            supersedes=None,
            supersedes_extension=False,
        )
        envelope = self.place.world.say(self.leaf.authority.organization, statement)
        await submit_statement(self.fetcher, self.address.trust, envelope)

    async def race(self) -> CheckedChain:
        """Come onto the device, then ask; and hold back if it is shared."""
        beside = self._evidence if self.way in {_Way.EVIDENCE, _Way.BOTH} else ()
        logged = await self._submit(*beside)
        if self.way in {_Way.LATE_EVIDENCE, _Way.EXTENSION_THEN_EVIDENCE}:
            logged = await self._submit(*self._evidence)
        elif self.way is _Way.LATE_BINDING:
            await self._bind(logged)
        key = party_key(self.leaf.authority.organization)
        checking = Checking(self.place.world.vendor.anchors(), Limits(), 60, key, None, (), ())
        with Output(True).progress("") as progress:
            checked = await checking.check(self.chain, [(self.address, logged)], progress)
        assert checked is not None
        return checked


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckedLog]:
    """A log with an index."""
    folder = tmp_path_factory.mktemp("race")
    world, policy = CheckedLog.policy(folder)
    with ServedLog(folder / "log", policy, "--index-period", 20) as log:
        place = CheckedLog(log, world, folder)
        place.wait_for_index()
        yield place


def _leaf(place: CheckedLog, number: int, name: str, south: bool, way: _Way) -> Leaf:
    named = way in {_Way.EXTENSION, _Way.BOTH, _Way.EXTENSION_THEN_EVIDENCE}
    return place.world.leaf(
        name,
        serial=number if named else None,
        authority=place.world.south if south else place.world.north,
        key=derive_key(b"race", f"{number} {name}"),
    )


async def _race(place: CheckedLog) -> list[tuple[int, tuple[_Way, _Way], list[CheckedChain]]]:
    picks = Random(1)
    trust = parse_trust(place.log.trust.read_bytes())
    address = LogAddress(place.log.url, trust)
    found = []
    async with HTTPFetcher(place.log.url) as fetcher:

        async def one(number: int) -> None:
            ways = picks.choice(list(_Way)), picks.choice(list(_Way))
            racers = [
                _Racer(
                    place,
                    fetcher,
                    address,
                    _leaf(place, number, name, name == "Beta GmbH", way),
                    number,
                    way,
                )
                for name, way in zip(("Alpha AB", "Beta GmbH"), ways, strict=True)
            ]
            picks.shuffle(racers)
            found.append((number, ways, list(await asyncio.gather(*(racer.race() for racer in racers)))))

        for start in range(0, _ROUNDS, _AT_ONCE):
            await asyncio.gather(*(one(7_000_000 + start + at) for at in range(_AT_ONCE)))
    return found


def test_one_of_two_goes_ahead(keystead: CommandLine, place: CheckedLog, tmp_path: Path) -> None:
    """Never both, and never neither; and once the other one held back, a monitor has nothing to report."""
    verdicts: Counter[frozenset[Verdict | None]] = Counter()
    first: Counter[int] = Counter()
    for number, ways, checked in asyncio.run(_race(place)):
        declined = [one.verdict is Verdict.SHARED for one in checked]
        assert sorted(declined) == [False, True], (number, ways, [one.complaints for one in checked])
        verdicts[frozenset(one.verdict for one in checked)] += 1
        first[declined.index(False)] += 1
        for one in checked:
            assert not one.complaints
            assert all(isinstance(result, LoggedStatement) for result in one.declined.values())
            assert bool(one.declined) == (one.verdict is Verdict.SHARED)
    assert verdicts == Counter({frozenset({Verdict.CLEAR, Verdict.SHARED}): _ROUNDS})
    assert len(first) == 2, "the same of two always won: this is no race"
    ended = keystead("monitor", "--once", "--state", tmp_path / "state", *place.trust, "--json")
    rules = Counter(json.loads(line)["rule"] for line in ended.out.splitlines())
    assert "shared-device" not in rules
    assert "log-misbehaviour" not in rules
