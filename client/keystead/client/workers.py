# SPDX-License-Identifier: Apache-2.0
"""Pure work on several cores: a function of a module, its argument, and its result, sent between processes.

With one job, or until there is enough work to be worth starting processes, everything is done in this process, with the
same result.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self, TypeVar

from keystead.errors import KeysteadError

__all__ = ["Workers", "available_cores"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _leave_interrupts_to_the_parent() -> None:
    # A terminal sends them to every process; who started the work ends it, once, for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Workers:
    """Processes that work for this one. Use it as a context manager.

    Args:
        jobs: how many; 1 for none beside this one.
        worth: pieces of work that are done here first: what is over sooner than processes start.
    """

    def __init__(self, jobs: int, worth: int = 24) -> None:
        self.jobs = jobs
        self._left = worth
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    async def run(self, function: Callable[[Argument], Result], argument: Argument) -> Result:
        """`function(argument)`, somewhere.

        Raises:
            KeysteadError: a process was killed.
        """
        self._left -= 1
        if self.jobs <= 1 or self._left >= 0:
            return function(argument)
        if self._pool is None:
            # Spawned, not forked: this process has an event loop and perhaps threads.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, context, initializer=_leave_interrupts_to_the_parent)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function, argument)
        except BrokenProcessPool as error:
            raise KeysteadError(
                "a process that checked entries was killed; try again with --jobs 1"
            ) from error
