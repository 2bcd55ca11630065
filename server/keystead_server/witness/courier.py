# SPDX-License-Identifier: Apache-2.0
"""One witness, asked for one log: `add-checkpoint` of C2SP tlog-witness v1.0.0.

Invariants:

* there is never more than one request to a witness for one log: the next waits until the last has ended;
* the size that the witness is believed to be at is a hint, kept in memory: a wrong one costs a request (409), never
  a wrong cosignature;
* whatever a witness answers, in however many bytes or seconds, the courier ends within its timeout, and only a
  cosignature that verifies on the committed checkpoint comes back.
"""

import asyncio
from collections import Counter

import aiohttp

from keystead.errors import KeysteadError, ParseError, SignatureError
from keystead.tlog.note import NoteSignature, parse_note
from keystead.tlog.policy import Witness
from keystead.tlog.witness import (
    MAX_ANSWER_SIZE,
    encode_add_checkpoint,
    parse_witness_size,
    read_cosignature,
)
from keystead_server.log.publication import Unpublished
from keystead_server.witness.report import Failure, WitnessError, WitnessReport

__all__ = ["Courier"]

_ATTEMPTS = 3
"""Requests for one checkpoint: from the size that is believed, from the one that 409 names, and once more."""


class Courier:
    """Carries the checkpoints of one log to one witness.

    Args:
        witness: with its URL.
        log: `issuance` or `statements`.
        timeout: seconds for all requests about one checkpoint.
        session: makes the requests.

    Attributes:
        answered: whether the last request ended in a cosignature; True before the first.
    """

    def __init__(self, witness: Witness, log: str, timeout: float, session: aiohttp.ClientSession) -> None:
        self.witness = witness
        self.answered = True
        self._log = log
        self._timeout = timeout
        self._session = session
        self._url = f"{(witness.url or '').rstrip('/')}/add-checkpoint"
        self._turn = asyncio.Lock()
        self._carrying: asyncio.Task[object] | None = None
        self._size = 0
        self._latest: tuple[bytes, NoteSignature] | None = None
        self._cosignatures = 0
        self._failures: Counter[Failure] = Counter()
        self._time = 0
        self._failing: str | None = None

    @property
    def carrying(self) -> asyncio.Task[object] | None:
        """The task whose request is under way; others wait for it."""
        return self._carrying

    def believe(self, size: int) -> None:
        """The witness has cosigned a checkpoint of this size, as one that is published shows."""
        self._size = max(self._size, size)

    def held(self, note: bytes) -> NoteSignature | None:
        """The cosignature on exactly this note, if the witness gave it already: a retry need not ask again."""
        return self._latest[1] if self._latest is not None and self._latest[0] == note else None

    def report(self) -> WitnessReport:
        """What became of it since the start."""
        failures = tuple(sorted((str(failure), count) for failure, count in self._failures.items()))
        return WitnessReport(
            self.witness.name, self._log, self._cosignatures, failures, self._time, self._failing
        )

    async def carry(self, unpublished: Unpublished) -> NoteSignature | None:
        """Have the checkpoint cosigned; None where that failed, which `report` tells."""
        async with self._turn:
            held = self.held(unpublished.note)
            if held is not None:
                return held
            self._carrying = asyncio.current_task()
            try:
                async with asyncio.timeout(self._timeout):
                    signature = await self._ask(unpublished)
            except TimeoutError:
                self._fail(Failure.UNREACHABLE, f"it did not answer within {self._timeout:g} s")
            except WitnessError as error:
                self._fail(error.failure, str(error))
            except (aiohttp.ClientError, OSError) as error:
                self._fail(Failure.UNREACHABLE, f"it cannot be reached: {error or type(error).__name__}")
            else:
                self.answered, self._failing = True, None
                self._cosignatures += 1
                self._time = int.from_bytes(signature.signature[:8])
                self._latest = unpublished.note, signature
                return signature
            finally:
                self._carrying = None
        return None

    def _fail(self, failure: Failure, why: str) -> None:
        self.answered, self._failing = False, why
        self._failures[failure] += 1

    async def _ask(self, unpublished: Unpublished) -> NoteSignature:
        size = unpublished.checkpoint.size
        old = min(self._size, size)
        for _ in range(_ATTEMPTS):
            # An old size of 0, and one that is the checkpoint's own, take no proof.
            proof = await asyncio.to_thread(unpublished.consistency_proof, old) if 0 < old < size else []
            status, body = await self._post(encode_add_checkpoint(old, proof, unpublished.note))
            if status == 200:
                self._size = size
                return self._cosignature(body, unpublished.note)
            if status != 409:
                raise WitnessError(Failure.REFUSED, f"it answers with the status {status}")
            old = self._conflict(body, old, size)
        raise WitnessError(Failure.CONFLICT, "it names another size each time")

    def _cosignature(self, body: bytes, note: bytes) -> NoteSignature:
        try:
            return read_cosignature(body, parse_note(note), self.witness.key)
        except ParseError as error:
            raise WitnessError(Failure.MALFORMED, f"its answer is no cosignature: {error}") from error
        except SignatureError as error:
            raise WitnessError(Failure.SIGNATURE, str(error)) from error

    def _conflict(self, body: bytes, asked: int, size: int) -> int:
        """The size that the witness is at, from which it must be asked instead."""
        try:
            named = parse_witness_size(body)
        except KeysteadError as error:
            raise WitnessError(Failure.MALFORMED, f"its answer to a conflict is no size: {error}") from error
        if named > size:
            # Only a log that lost what it signed, or another one with its keys, can have got there.
            raise WitnessError(
                Failure.CONFLICT, f"it has cosigned {named} entries, and this log has committed {size}"
            )
        if named == asked:
            raise WitnessError(Failure.CONFLICT, f"it has cosigned another tree of {named} entries")
        self._size = named
        return named

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        async with self._session.post(
            self._url,
            data=body,
            headers={"Content-Type": "text/plain; charset=utf-8"},
            allow_redirects=False,
        ) as response:
            answer = bytearray()
            async for chunk in response.content.iter_chunked(16_384):
                answer += chunk
                if len(answer) > MAX_ANSWER_SIZE:
                    raise WitnessError(
                        Failure.MALFORMED, f"it answers with more than {MAX_ANSWER_SIZE} bytes"
                    )
            return response.status, bytes(answer)
