# SPDX-License-Identifier: Apache-2.0
"""Options that several verbs share, and the types of values that they take."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from keystead.cli.given_logs import GivenLogs
from keystead.encoding.rfc3339 import parse_time
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError
from keystead.lookup.log_index import DEFAULT_LIMITS, Limits

__all__ = [
    "DIGEST",
    "TIME",
    "anchors_option",
    "certificate_option",
    "existing_file",
    "existing_path",
    "freshness_options",
    "json_option",
    "log_options",
    "state_option",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

existing_file = click.Path(exists=True, dir_okay=False, path_type=Path)
existing_path = click.Path(exists=True, path_type=Path)


class _Time(click.ParamType[int]):
    """`YYYY-MM-DDTHH:MM:SSZ`, or the day alone for its first second; seconds since the epoch."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value)
        try:
            return parse_time(text if "T" in text else f"{text}T00:00:00Z")
        except ParseError:
            self.fail(f"{text!r} is not written as YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DD (UTC)", param, ctx)


class _Digest(click.ParamType[bytes]):
    """64 lowercase hexadecimal digits, as every id is written."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return decode_digest(str(value))
        except ParseError:
            self.fail(f"{value!r} is not 64 lowercase hexadecimal digits", param, ctx)


TIME = _Time()
DIGEST = _Digest()


def json_option(function: _Function) -> _Function:
    """`--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Answer a program: JSON, one document a line."
    )(function)


def state_option(function: _Function) -> _Function:
    """`--state DIR` of a monitor that was there before."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, exists=True, path_type=Path),
        required=True,
        metavar="DIR",
        help="The monitor's state, as given to `keystead monitor`.",
    )(function)


def anchors_option(function: _Function) -> _Function:
    """`--anchors FILE.toml`."""
    return click.option(
        "--anchors",
        "anchors_file",
        type=existing_file,
        metavar="FILE.toml",
        help="More vendor anchors than ship with Keystead: [[vendor_anchor]] tables as in the policy file.",
    )(function)


def certificate_option(function: _Function) -> _Function:
    """`--cert C.pem`: the key that evidence must be about."""
    return click.option(
        "--cert",
        "certificate_file",
        type=existing_file,
        metavar="C.pem",
        help="A certificate, a PKCS#10 request or a public key: refuse evidence that is about another key.",
    )(function)


def freshness_options(function: _Function) -> _Function:
    """`--max-age SECONDS` and `--max-lag N`: the argument `limits`."""

    @wraps(function)
    def limited(*arguments: Any, max_age: int, max_lag: int, **others: Any) -> Any:
        return function(*arguments, limits=Limits(max_age * 1000, max_lag), **others)

    limited = click.option(
        "--max-lag",
        type=click.IntRange(min=0),
        default=DEFAULT_LIMITS.max_lag,
        show_default=True,
        metavar="N",
        help="Refuse an index that lies more than so many entries behind its log.",
    )(limited)
    return cast(
        "_Function",
        click.option(
            "--max-age",
            type=click.IntRange(min=0),
            default=DEFAULT_LIMITS.max_age_ms // 1000,
            show_default=True,
            metavar="SECONDS",
            help="Refuse an index whose newest head is older than so many seconds.",
        )(limited),
    )


def log_options(function: _Function) -> _Function:
    """`--log URL` and `--trust FILE`, both repeatable, and `--witness-policy FILE`: the argument `logs`."""

    @wraps(function)
    def with_logs(
        *arguments: Any,
        log_urls: tuple[str, ...],
        trust_files: tuple[Path, ...],
        witness_policy: Path | None,
        **others: Any,
    ) -> Any:
        return function(*arguments, logs=GivenLogs(log_urls, trust_files, witness_policy), **others)

    with_logs = click.option(
        "--witness-policy",
        "witness_policy",
        type=existing_file,
        metavar="FILE",
        help="Believe no checkpoint without a quorum of this C2SP tlog-policy, instead of the one in trust.json.",
    )(with_logs)
    with_logs = click.option(
        "--trust",
        "trust_files",
        multiple=True,
        type=existing_file,
        metavar="trust.json",
        help="The log's trust.json, one for each --log in the same order. Without it the log's own is "
        "fetched once and pinned.",
    )(with_logs)
    return cast(
        "_Function",
        click.option(
            "--log",
            "log_urls",
            multiple=True,
            metavar="URL",
            help="Base URL of a log; repeat for several. It wins over the URLs in trust.json.",
        )(with_logs),
    )
