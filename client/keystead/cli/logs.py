# SPDX-License-Identifier: Apache-2.0
"""Which logs a verb talks to, and whom it believes: `--log`, `--trust` and `--witness-policy` made into addresses.

A log whose trust.json is not given is asked for it once, and the answer is pinned in a state folder, as ssh
does with host keys; the user is told. From then on only the pinned copy counts.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keystead.cli.given_logs import GivenLogs
from keystead.cli.terminal import print_note
from keystead.client.http import HTTPFetcher, Patience, parse_base_url
from keystead.client.trust import Trust, parse_trust, pin_trust
from keystead.errors import ParseError, UsageError
from keystead.tlog.policy import WitnessPolicy, parse_policy

__all__ = ["LogAddress", "default_state_folder", "find_logs", "trusts_at_hand", "under_policy"]


@dataclass(frozen=True, slots=True)
class LogAddress:
    """One log of the command line.

    Attributes:
        url: its base URL.
        trust: the keys that count.
    """

    url: str
    trust: Trust


def default_state_folder() -> Path:
    """Where verbs without `--state` keep what they must remember: pinned trust.json files."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "keystead"


async def find_logs(given: GivenLogs, state: Path | None = None) -> list[LogAddress]:
    """The logs of one command line, at least one.

    Args:
        given: what it says.
        state: where fetched trust is pinned; by default `default_state_folder()`.

    Raises:
        UsageError: no log, numbers that do not match, or a witness policy for other logs.
        FetchError: a log whose trust is not pinned yet cannot be reached.
        ParseError, StoreError: a trust.json, given, fetched or pinned, or the witness policy is damaged.
    """
    logs = await _find(given.urls, given.trust_files, state)
    return [replace(log, trust=under_policy(log.trust, given.witness_policy)) for log in logs]


async def _find(urls: Sequence[str], trust_files: Sequence[Path], state: Path | None) -> list[LogAddress]:
    if not urls and not trust_files:
        raise UsageError("say which log: --log URL, or --trust trust.json")
    if urls and trust_files and len(urls) != len(trust_files):
        raise UsageError(
            "give one --trust for each --log, in the same order, or none to pin what the logs say"
        )
    given = [_read_trust(path) for path in trust_files]
    if not urls:
        return [LogAddress(trust.base_url, trust) for trust in given]
    bases = [parse_base_url(url) for url in urls]
    if len(set(bases)) != len(bases):
        raise UsageError("one log is named twice")
    if given:
        return [LogAddress(base, trust) for base, trust in zip(bases, given, strict=True)]
    folder = (state or default_state_folder()) / "trust"
    return [await _pinned(base, folder) for base in bases]


def _read_trust(path: Path) -> Trust:
    try:
        return parse_trust(path.read_bytes())
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error


def trusts_at_hand(given: GivenLogs, state: Path | None = None) -> list[Trust]:
    """Whom to believe where no log is asked: what `--trust` gives, or else all that is pinned.

    Args:
        given: what the command line says; no URL counts.
        state: where fetched trust is pinned; by default `default_state_folder()`.

    Raises:
        ParseError: a trust.json is damaged.
        UsageError: the witness policy is one for other logs.
    """
    folder = (state or default_state_folder()) / "trust"
    files = given.trust_files or sorted(folder.glob("*.trust.json"))
    return [under_policy(_read_trust(path), given.witness_policy) for path in files]


def under_policy(trust: Trust, witness_policy: Path | None) -> Trust:
    """`trust` as `--witness-policy` wants it; as it is without one.

    Raises:
        ParseError, UsageError: the file is no witness policy, or one for other logs.
    """
    if witness_policy is None:
        return trust
    return trust.asking_for(_read_policy(witness_policy))


def _read_policy(path: Path) -> WitnessPolicy:
    try:
        return parse_policy(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ParseError(f"{path}: the witness policy is not UTF-8") from error
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error


async def _pinned(base: str, folder: Path) -> LogAddress:
    # A person waits: a log that cannot be reached now is said to be so soon.
    async with HTTPFetcher(base, patience=Patience(attempts=2)) as fetcher:
        trust, fresh = await pin_trust(fetcher, base, folder)
    if fresh:
        print_note(
            f"{base} is new here: the keys that it states of itself are trusted from now on, pinned in "
            f"{folder}. Compare them with the operator's, or give --trust."
        )
    return LogAddress(base, trust)
