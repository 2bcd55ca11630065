# SPDX-License-Identifier: Apache-2.0
"""Work is done here or elsewhere, with the same result."""

import os

import pytest

from keystead.client.workers import Workers, available_cores
from keystead.errors import KeysteadError
from support.worker_tasks import die, which_process


async def test_one_job_is_done_here() -> None:
    """With one job no process is started."""
    with Workers(1, worth=0) as workers:
        assert [await workers.run(which_process, number) for number in range(20)] == [os.getpid()] * 20


async def test_little_work_is_done_here() -> None:
    """Processes are started only for more work than is over sooner than they start."""
    with Workers(2, worth=2) as workers:
        places = [await workers.run(which_process, number) for number in range(4)]
    assert places[:2] == [os.getpid()] * 2
    assert os.getpid() not in places[2:]


async def test_a_process_that_is_killed() -> None:
    """One clear error says so."""
    with Workers(2, worth=0) as workers, pytest.raises(KeysteadError, match="was killed"):
        await workers.run(die, 0)


def test_cores() -> None:
    """There is at least one."""
    assert available_cores() >= 1
