# SPDX-License-Identifier: Apache-2.0
"""All witnesses of a log's policy, asked at once for both of its checkpoints: the `Cosigner` of a served log.

A round ends when every witness has answered, or after the timeout; and as soon as there is a quorum, it waits only
for witnesses that answered the last time. So one that is dead, and not needed, holds nothing up. It is asked all the
same, in each round in which its last request has ended.

Invariants:

* what comes back is the committed note, its lines first, and then good lines by witnesses of the policy;
* a good cosignature is not thrown away: a retry of the same checkpoint asks those that have not given theirs, and a
  checkpoint that did not change keeps those that it was published with.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from keystead.errors import KeysteadError
from keystead.tlog.cosignature import verify_cosignature
from keystead.tlog.note import NoteSignature, SignedNote, parse_note
from keystead.tlog.policy import Witness
from keystead_server.log.publication import QuorumMissingError, Unpublished, checkpoint_of
from keystead_server.log.steps import Step
from keystead_server.settings import Witnesses
from keystead_server.witness.courier import Courier
from keystead_server.witness.report import WitnessReport

__all__ = ["WitnessCollector"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What readers see of a log before a round.

    Attributes:
        lines: the good cosignatures on it, by the name of the witness.
        size: of its tree.
        same_text: it is the checkpoint that is to be published; the tree head may be older.
        same_note: with all lines of the log.
    """

    lines: Mapping[str, NoteSignature]
    size: int
    same_text: bool
    same_note: bool


class WitnessCollector:
    """Collects cosignatures, from `start` to `close` on the event loop that makes the requests.

    Args:
        witnesses: the policy, whose witnesses without a URL are not asked; and the time that they have to answer,
            for which publication waits.
    """

    def __init__(self, witnesses: Witnesses) -> None:
        self._policy = witnesses.policy
        self._timeout = witnesses.timeout_ms / 1000
        self._tasks: set[asyncio.Task[NoteSignature | None]] = set()
        self._couriers: dict[Step, list[Courier]] = {}
        self._failing: dict[str, str | None] = {}

    async def start(self) -> None:
        """Be ready to ask."""
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            # Answers are short texts: none is taken compressed, so that a limit on bytes is one on memory.
            headers={"User-Agent": "keystead", "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        for step in (Step.ISSUANCE, Step.STATEMENTS):
            self._couriers[step] = [
                Courier(witness, step, self._timeout, self._session)
                for witness in self._policy.witnesses
                if witness.url is not None
            ]

    async def close(self) -> None:
        """Break off what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def reports(self) -> tuple[WitnessReport, ...]:
        """What became of asking each witness for each log."""
        return tuple(courier.report() for couriers in self._couriers.values() for courier in couriers)

    def cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        """As `Cosigner.cosign`: called in a worker thread, it waits for the event loop, never on it."""
        return asyncio.run_coroutine_threadsafe(self._cosign(issuance, statements), self._loop).result()

    async def _cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        found = await asyncio.gather(self._round(issuance), self._round(statements))
        self._say()
        names = [set(lines) for lines in found]
        if not all(map(self._policy.satisfied_by, names)):
            missing = {name for each in names for name in self._policy.missing(each)}
            in_order = [witness.name for witness in self._policy.witnesses if witness.name in missing]
            raise QuorumMissingError(
                "what is committed waits for a quorum of witnesses; missing: " + ", ".join(in_order)
            )
        return self._note(issuance, found[0]), self._note(statements, found[1])

    async def _round(self, unpublished: Unpublished) -> Mapping[str, NoteSignature]:
        """The lines that there are to be had now on one checkpoint, by the name of the witness."""
        known = await asyncio.to_thread(self._known, unpublished)
        lines = dict(known.lines) if known.same_text else {}
        tasks = {}
        for courier in self._couriers[unpublished.step]:
            name = courier.witness.name
            if name in known.lines:
                courier.believe(known.size)
            held = courier.held(unpublished.note)
            if held is not None:
                lines[name] = held
            elif not (known.same_note and name in lines):
                task = asyncio.create_task(courier.carry(unpublished))
                self._tasks.add(task)
                task.add_done_callback(self._ended)
                tasks[task] = courier
        deadline = self._loop.time() + self._timeout
        waiting = set(tasks)
        while waiting and not self._enough(lines, [tasks[task] for task in waiting]):
            done, waiting = await asyncio.wait(
                waiting, timeout=deadline - self._loop.time(), return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            for task in done:
                signature = task.result()
                if signature is not None:
                    lines[tasks[task].witness.name] = signature
        for task in waiting:
            # One whose request is under way goes on to its own end; one that waits behind another would be late.
            if tasks[task].carrying is not task:
                task.cancel()
        return lines

    def _enough(self, lines: Mapping[str, NoteSignature], waiting: list[Courier]) -> bool:
        return self._policy.satisfied_by(lines) and not any(courier.answered for courier in waiting)

    def _ended(self, task: asyncio.Task[NoteSignature | None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # of one that nobody waited for: `report` tells what there is to tell

    def _known(self, unpublished: Unpublished) -> _Known:
        raw = unpublished.published()
        if raw is None:
            return _Known({}, 0, same_text=False, same_note=False)
        committed, seen = parse_note(unpublished.note), parse_note(raw)
        lines = {}
        for witness in self._policy.witnesses:
            line = _line_by(seen, witness)
            if line is not None:
                lines[witness.name] = line
        return _Known(
            lines,
            checkpoint_of(raw).size,
            same_text=seen.text == committed.text,
            same_note=seen.text == committed.text and set(committed.signatures) <= set(seen.signatures),
        )

    def _note(self, unpublished: Unpublished, lines: Mapping[str, NoteSignature]) -> bytes:
        note = parse_note(unpublished.note)
        in_order = [lines[witness.name] for witness in self._policy.witnesses if witness.name in lines]
        return SignedNote(note.text, (*note.signatures, *in_order)).encode()

    def _say(self) -> None:
        """Tell the operator of every witness that began to fail, or ceased to."""
        for report in self.reports():
            who = f"{report.witness} ({report.log})"
            before = self._failing.get(who)
            if report.failing is not None and report.failing != before:
                _logger.warning("the witness %s does not cosign: %s", who, report.failing)
            elif report.failing is None and before is not None:
                _logger.warning("the witness %s cosigns again", who)
            self._failing[who] = report.failing


def _line_by(note: SignedNote, witness: Witness) -> NoteSignature | None:
    """The last line by a witness, if all that it has on the note are good."""
    try:
        verify_cosignature(note, witness.key)
    except KeysteadError:
        return None
    return NoteSignature(witness.key.name, witness.key.key_id, note.by(witness.key)[-1])
