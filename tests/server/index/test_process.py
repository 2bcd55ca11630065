# SPDX-License-Identifier: Apache-2.0
"""How long the indexer waits between two looks at the logs."""

from pathlib import Path

import pytest

from keystead.errors import RefusedError
from keystead.index.verification import IndexTrust
from keystead_server.index.channel import StoppedError
from keystead_server.index.log_tail import LogTail
from keystead_server.index.process import _index
from support.memory_index import MemoryIndex


@pytest.mark.parametrize(("retry_after", "pause"), [(0, 0.02), (3, 3.0), (None, 5.0)])
def test_a_log_that_takes_no_head(
    tmp_path: Path, retry_after: int | None, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again when it says; at the next look, if it is only a moment behind its own checkpoint."""
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    index = MemoryIndex(tmp_path)
    trust = index.log.trust
    keys = IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)
    waited: list[float] = []

    def refuse(_: str) -> None:
        raise RefusedError("log-unavailable", "not now", status=503, retry_after=retry_after)

    def wait(seconds: float) -> None:
        if seconds:
            waited.append(seconds)
        if len(waited) == 3:
            raise StoppedError

    index.fail = refuse
    with pytest.raises(StoppedError):
        _index(index.folder, LogTail(index.read, keys), index.append, lambda: index.now_ms, 0.02, wait)
    assert waited == [pause] * 3
