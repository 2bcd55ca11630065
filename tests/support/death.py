# SPDX-License-Identifier: Apache-2.0
"""Processes that die at a commit of the monitor's state, before or after it."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

from keystead.monitor.store import Store

__all__ = ["killed_at"]

_DIED = 9


def killed_at(work: Callable[[], Coroutine[Any, Any, object]], when: int, *, after: bool) -> bool:
    """Do work in a process that dies at its `when`-th commit, before or after it; whether it came that far."""
    child = os.fork()
    if child == 0:  # pragma: no cover - the process that dies
        _die_at_commit(when, after=after)
        try:
            asyncio.run(work())
        except BaseException:  # noqa: BLE001 - nothing may reach the test runner from here
            os._exit(3)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, _DIED}
    return code == _DIED


def _die_at_commit(when: int, *, after: bool) -> None:
    commits = 0
    plain: Callable[[Store], object] = Store.transaction

    class _Dying:
        def __init__(self, store: Store) -> None:
            self._inner = plain(store)

        def __enter__(self) -> object:
            return self._inner.__enter__()  # type: ignore[attr-defined]

        def __exit__(self, *error: object) -> object:
            nonlocal commits
            if commits == when and not after:
                os._exit(_DIED)
            answer = self._inner.__exit__(*error)  # type: ignore[attr-defined]
            if commits == when:
                os._exit(_DIED)
            commits += 1
            return answer

    def dying(store: Store) -> _Dying:
        return _Dying(store)

    Store.transaction = dying  # type: ignore[method-assign,assignment]
