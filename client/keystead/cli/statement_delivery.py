# SPDX-License-Identifier: Apache-2.0
"""Where a statement goes once it is made: to a file or stdout, under a signature, into the log."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keystead.cli.exit_codes import FINE, exit_code
from keystead.cli.logs import LogAddress
from keystead.cli.output import Output
from keystead.cli.terminal import print_error
from keystead.client.http import HTTPFetcher
from keystead.client.submission import submit_statement
from keystead.encoding.rfc3339 import format_time
from keystead.errors import FetchError, KeysteadError, RefusedError, UsageError, VerificationError
from keystead.statements.dsse import Envelope
from keystead.statements.payloads import Statement, parse_statement

__all__ = ["describe", "put_out", "submit_envelopes"]


def put_out(output: Output, data: bytes, out: Path | None, about: Mapping[str, Any]) -> None:
    """Write a payload or envelope to `out` and say what it is, or to stdout and say nothing else.

    Args:
        output: of the verb.
        data: JSON, exactly these bytes.
        out: a file, replaced if it is there.
        about: members of the JSON answer where there is a file.
    """
    if out is None:
        sys.stdout.write(data.decode() + "\n")
        return
    out.write_bytes(data)
    output.document({"file": str(out), **about})
    output.pairs(
        ("written to", str(out)), *((name.replace("_", " "), str(value)) for name, value in about.items())
    )


def describe(statement: Statement, envelope: Envelope) -> dict[str, Any]:
    """What to say of a signed statement: its kind, its signer, and the digest by which others name it."""
    return {
        "kind": statement.kind,
        "keyid": envelope.keyid,
        "payload_sha256": envelope.payload_digest.hex(),
    }


async def submit_envelopes(
    output: Output, envelopes: Sequence[tuple[str, Envelope]], logs: Sequence[LogAddress]
) -> int:
    """Log envelopes in their order, each at the log that it names, and show where they are.

    One that fails does not stop those after it, but for a log that cannot be reached.

    Args:
        output: of the verb.
        envelopes: each with the name that it is shown by.
        logs: those of the command line.

    Returns:
        The worst exit code.

    Raises:
        UsageError: an envelope is for none of the logs.
        FetchError: a log cannot be reached.
    """
    by_origin = {log.trust.statements.key.origin: log for log in logs}
    code = FINE
    rows = []
    for name, envelope in envelopes:
        statement = parse_statement(envelope)
        log = by_origin.get(statement.log)
        if log is None:
            raise UsageError(f"{name} is for the log {statement.log}, and not for {', '.join(by_origin)}")
        about = {"file": name, "log": statement.log, "kind": statement.kind}
        try:
            async with HTTPFetcher(log.url) as fetcher:
                logged = await submit_statement(fetcher, log.trust, envelope)
        except FetchError:
            raise
        except (RefusedError, VerificationError) as error:
            code = max(code, exit_code(error))
            output.document({**about, "error": _error(error)})
            print_error(f"{name}: the log refuses it: {error} ({_error(error)['code']})")
            continue
        output.document(
            {
                **about,
                "leaf_index": logged.leaf_index,
                "timestamp": logged.entry.timestamp,
                "payload_sha256": envelope.payload_digest.hex(),
                "proof": logged.proof.encode(),
            }
        )
        logged_at = format_time(logged.entry.timestamp // 1000)
        rows.append([name, statement.kind, f"{statement.log} {logged.leaf_index}", logged_at])
    if rows:
        output.table(["statement", "kind", "entry", "logged"], rows)
        output.text("Verified: each is in the tree that the log signed.")
    return code


def _error(error: KeysteadError) -> dict[str, Any]:
    code = error.code if isinstance(error, RefusedError) else getattr(error, "check", "") or None
    return {"code": code, "message": str(error)}
