# SPDX-License-Identifier: Apache-2.0
"""`keystead verify --record`: a check decided again from what was kept of it, offline."""

import asyncio
from pathlib import Path

from keystead.check.record import MAX_RECORD_BYTES, parse_record
from keystead.check.replay import replay
from keystead.cli.check_output import show_answer
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import trusts_at_hand
from keystead.cli.output import Output
from keystead.cli.terminal import print_error
from keystead.devices.anchors import AnchorSet
from keystead.errors import ParseError, UsageError, VerificationError

__all__ = ["verify_record"]


def verify_record(
    output: Output,
    file: Path,
    anchors: AnchorSet,
    logs: GivenLogs,
) -> int:
    """Verify a record, and show what it shows.

    Args:
        output: of the verb.
        file: the record.
        anchors: the reader's own vendor anchors.
        logs: the trust.json of each log in it, none for what is pinned; and whose quorum to ask for.

    Returns:
        The exit code: fine if the record is good, whatever its verdict.

    Raises:
        ParseError: the file is no record.
        UsageError: the trust.json of a log in it is not given, nor pinned.
    """
    if file.stat().st_size > MAX_RECORD_BYTES:
        raise UsageError(f"{file} is larger than any record of a check")
    data = file.read_bytes()
    try:
        record = parse_record(data)
        trusts = trusts_at_hand(logs)
        with output.progress("verifying entries") as progress:
            answer = asyncio.run(replay(data, record, trusts, anchors, progress))
    except ParseError as error:
        raise ParseError(f"{file}: {error}") from error
    except VerificationError as error:
        output.document({"ok": False, "problem": {"code": error.check, "sentence": str(error)}})
        print_error(f"{file}: {error} ({error.check})")
        return BAD_ANSWER
    output.document({"ok": True, **answer.to_json()})
    output.heading("the record is good: the logs had committed to what it shows, and this follows from it")
    show_answer(output, answer)
    return FINE
