# SPDX-License-Identifier: Apache-2.0
"""Which logs a command line means, and whose keys it believes."""

from pathlib import Path

import pytest

from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import default_state_folder, find_logs
from keystead.errors import FetchError, ParseError, UsageError
from keystead.tlog.policy import parse_policy
from support.memory_log import MemoryLog

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


async def test_no_log_is_a_usage_error() -> None:
    """Without --log and --trust there is nothing to talk to."""
    with pytest.raises(UsageError, match="say which log"):
        await find_logs(GivenLogs())


async def test_one_log_twice_is_a_usage_error(tmp_path: Path) -> None:
    """A log that is named twice, a slash apart, would be asked twice."""
    with pytest.raises(UsageError, match="twice"):
        await find_logs(GivenLogs((NOBODY, f"{NOBODY}/")), tmp_path)


async def test_trust_files_match_the_logs(tmp_path: Path) -> None:
    """One --trust for each --log, or none."""
    with pytest.raises(UsageError, match="one --trust for each"):
        await find_logs(GivenLogs((NOBODY, f"{NOBODY}0"), (tmp_path / "trust.json",)))


async def test_a_damaged_trust_file_is_named(tmp_path: Path) -> None:
    """The sentence says which file is wrong."""
    file = tmp_path / "trust.json"
    file.write_text("{}")

    with pytest.raises(ParseError, match=r"trust\.json: "):
        await find_logs(GivenLogs((), (file,)))


async def test_a_witness_policy_replaces_those_of_the_logs(tmp_path: Path) -> None:
    """--witness-policy is asked for at every log of the command line; one that is no policy is named."""
    trust, policy = tmp_path / "trust.json", tmp_path / "witnesses"
    trust.write_bytes(MemoryLog().trust_json())
    policy.write_text("quorum none\n")
    (log,) = await find_logs(GivenLogs((), (trust,), policy))
    assert log.trust.issuance.key.quorum == parse_policy("quorum none\n")

    for content in (b"quorum", b"quorum none\n#\xff"):
        policy.write_bytes(content)
        with pytest.raises(ParseError, match="witnesses: "):
            await find_logs(GivenLogs((), (trust,), policy))


async def test_a_log_that_is_not_pinned_must_be_reached(tmp_path: Path) -> None:
    """Without trust.json and without a pin, an unreachable log is an error, and nothing is pinned."""
    with pytest.raises(FetchError):
        await find_logs(GivenLogs((NOBODY,)), tmp_path)

    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("url", ["ftp://log.example", "log.example", "http://", "http://a.example/?q"])
async def test_what_is_no_log_url_is_a_usage_error(tmp_path: Path, url: str) -> None:
    """Only plain http and https URLs are logs."""
    with pytest.raises(UsageError):
        await find_logs(GivenLogs((url,)), tmp_path)


def test_the_state_folder_follows_the_desktop_convention(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_STATE_HOME, and ~/.local/state without it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state_folder() == tmp_path / "keystead"

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state_folder() == tmp_path / ".local" / "state" / "keystead"
