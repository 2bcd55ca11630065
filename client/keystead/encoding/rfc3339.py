# SPDX-License-Identifier: Apache-2.0
"""Times as `YYYY-MM-DDTHH:MM:SSZ`, the one RFC 3339 spelling that Keystead's texts use.

Seconds since 1970-01-01T00:00:00Z, UTC, without leap seconds. The year 9999 is the last.
"""

import re
from datetime import UTC, datetime

from keystead.errors import ParseError

__all__ = ["format_time", "parse_time"]

# The hour is checked here: `fromisoformat` of later Pythons reads 24:00:00 as the next day.
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z", re.ASCII)


def parse_time(text: str, what: str = "time") -> int:
    """Seconds since the epoch.

    Raises:
        ParseError: another spelling, or a day or hour that does not exist.
    """
    if not _FORM.fullmatch(text):
        raise ParseError(f"{what} is not written as YYYY-MM-DDTHH:MM:SSZ")
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise ParseError(f"{what} names a moment that does not exist") from error


def format_time(seconds: int) -> str:
    """The text for `seconds` since the epoch.

    Raises:
        ParseError: a moment outside the years 1 to 9999.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    except (ValueError, OverflowError, OSError) as error:
        raise ParseError(f"{seconds} s is outside the years that a time can name") from error
