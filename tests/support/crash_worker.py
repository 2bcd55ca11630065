# SPDX-License-Identifier: Apache-2.0
"""A process that works on a log until it is killed, run as `python -m support.crash_worker`.

It reads one JSON job a line from its input, runs each in a child of its own, and prints what the child printed,
then `end <signal or 0>`. So a job costs a fork, not the start of an interpreter.

A job: `{"folder", "seed", "batches", "kill": null | ["point", step, moment, n] | ["call", n]}`. The child opens
(or creates) the log in the folder, commits `batches` batches of random entries, and prints `answered <hex>` for
every entry of a batch that is published, and `checkpoint <hex>` for every pair of heads that it committed. `kill`
has it kill itself at the nth passing of a point, or just before the nth system call of the directory store. With
`"share": true` it goes on after another process took the log over, by taking it over itself.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from typing import Any

from keystead_server.log.steps import Moment, Step
from keystead_server.storage import directory, durable
from keystead_server.storage.interface import ConflictError
from support.small_log import SmallLog, evidence_for
from support.store_sites import DirectorySite
from support.watched_os import WatchedOS


def _say(*words: str) -> None:
    # One write a line: what was said before the kill is in the pipe, whole.
    os.write(1, (" ".join(words) + "\n").encode())


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def random_batch(random: Random) -> tuple[list[bytes], list[bytes], dict[str, bytes]]:
    """Entries of both logs and the objects that they refer to."""
    entries = [random.randbytes(random.randrange(16, 200)) for _ in range(random.choice((0, 1, 3, 40, 200)))]
    statements = [random.randbytes(20) for _ in range(random.choice((0, 1, 5)))]
    return entries, statements, evidence_for(statements)


def _work(job: dict[str, Any]) -> None:
    kill = job["kill"]
    seen = 0

    def hook(step: Step, moment: Moment) -> None:
        nonlocal seen
        if kill is not None and kill[0] == "point" and [step, moment] == kill[1:3]:
            seen += 1
            if seen == kill[3]:
                _die()

    watched = WatchedOS()
    if kill is not None and kill[0] == "call":
        watched.before = lambda number, *_: _die() if number == kill[1] else None
    durable.os = watched  # type: ignore[attr-defined]
    directory.os = watched  # type: ignore[attr-defined]

    site = DirectorySite(Path(job["folder"]))
    random = Random(job["seed"])
    done = 0
    while done < job["batches"]:
        try:
            log = SmallLog(site.open(), hook)
            while done < job["batches"]:
                _one_batch(log, random)
                done += 1
        except ConflictError:
            if not job.get("share"):
                raise
            done += 1


def _one_batch(log: SmallLog, random: Random) -> None:
    entries, statements, support = random_batch(random)
    log.append(entries, statements, support)
    assert log.heads is not None
    _say("checkpoint", log.heads.issuance.hex())
    for entry in (*entries, *statements):
        _say("answered", entry.hex())


def main() -> None:
    """Run the jobs on standard input."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _work(json.loads(line))
                code = 0
            except BaseException:  # noqa: BLE001 - it is printed, and the parent sees the exit code
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        _say("end", str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
