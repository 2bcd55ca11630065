# SPDX-License-Identifier: Apache-2.0
"""`keystead acknowledge`: that a finding is known; and acknowledgements from one monitor to another."""

import getpass
import time
from pathlib import Path

import click

from keystead.cli.exit_codes import FINE
from keystead.cli.inputs import read_file
from keystead.cli.options import TIME, existing_file, json_option, state_option
from keystead.cli.output import Output
from keystead.client.anchors_file import own_anchors
from keystead.errors import ParseError, UsageError
from keystead.monitor.acknowledgements import (
    Acknowledgement,
    AcknowledgementFile,
    acknowledge,
    parse_acknowledgements,
)
from keystead.monitor.findings import State
from keystead.monitor.found import show_time
from keystead.monitor.reading import read_finding
from keystead.statements.members import check_text

__all__ = ["command"]

_AHEAD_S = 300
"""By how much the clock of another machine may be ahead."""


@click.command()
@click.argument("finding", required=False)
@state_option
@click.option("--until", type=TIME, help="When it is to be looked at again.")
@click.option("--why", help="In words.")
@click.option("--by", help="Who acknowledges; the login name by default.")
@click.option("--withdraw", is_flag=True, help="Take back what was acknowledged.")
@click.option(
    "--export", "export_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all to a file."
)
@click.option(
    "--import", "import_file", type=existing_file, help="Add those of a file; the later one counts."
)
@json_option
def command(
    finding: str | None,
    state: Path,
    until: int | None,
    why: str | None,
    by: str | None,
    withdraw: bool,
    export_file: Path | None,
    import_file: Path | None,
    as_json: bool,
) -> int:
    """Record that a finding is known, until a time, and why.

    FINDING is its id, or the beginning of it. The finding stays listed as acknowledged until then, and is open again
    before that if it becomes more serious, concerns another subscriber, or comes back after it was settled.
    """
    output, file = Output(as_json), AcknowledgementFile(state)
    if finding is None:
        return _move(output, file, export_file, import_file)
    if export_file is not None or import_file is not None:
        raise UsageError("--export and --import are for all acknowledgements: give no finding with them")
    now = int(time.time())
    if withdraw:
        until, why = now, why or "withdrawn"
    if until is None or why is None:
        raise UsageError("say until when and why: --until TIME --why TEXT")
    if until <= now and not withdraw:
        raise UsageError("--until is not in the future: --withdraw takes an acknowledgement back")
    known = read_finding(state, own_anchors(None), now * 1000, finding)
    if known is None:
        raise UsageError(f"{state} has no finding {finding}: `keystead monitor --once --all` lists them")
    if known.state is State.SETTLED and not withdraw:
        raise UsageError("the finding is settled: there is nothing to acknowledge")
    # Two within a second: the later one counts.
    earlier = file.read().get(known.id)
    if earlier is not None:
        _require_made(earlier, now, file.path)
    at = now if earlier is None else max(now, earlier.at + 1)
    made = acknowledge(
        known,
        at=at,
        until=at if withdraw else until,
        by=_text(by or _login_name(), "--by", 200),
        why=_text(why, "--why", 2_000),
    )
    file.add([made])
    output.document({"finding": known.id.hex(), "until": show_time(until * 1000), "by": made.by, "why": why})
    output.text(
        f"{known.id.hex()}: {'withdrawn' if withdraw else f'acknowledged until {show_time(until * 1000)}'}"
    )
    return FINE


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("nobody here has a login name: say --by WHO") from error


def _require_made(one: Acknowledgement, now: int, file: Path) -> None:
    """One that is yet to be made would count as the last, and hide what is said of the finding until then."""
    if one.at > now + _AHEAD_S:
        raise UsageError(
            f"{file}: finding {one.finding.hex()} was acknowledged on {show_time(one.at * 1000)}, which is yet to "
            "come: take the line out, for a clock was wrong"
        )


def _text(value: str, option: str, maximum: int) -> str:
    try:
        return check_text(value, option, maximum)
    except ParseError as error:
        raise UsageError(str(error)) from error


def _move(
    output: Output, file: AcknowledgementFile, export_file: Path | None, import_file: Path | None
) -> int:
    if (export_file is None) == (import_file is None):
        raise UsageError("say which finding, or --export FILE, or --import FILE")
    if import_file is not None:
        try:
            found = parse_acknowledgements(read_file(import_file))
        except ParseError as error:
            raise ParseError(f"{import_file}: {error}") from error
        for one in found:
            _require_made(one, int(time.time()), import_file)
        added = file.add(found)
        output.document({"imported": added})
        output.text(f"{added} acknowledgements are new or later than those before")
        return FINE
    assert export_file is not None  # noqa: S101 -- one of the two is given
    known: list[Acknowledgement] = sorted(file.read().values(), key=lambda one: (one.at, one.finding))
    export_file.write_bytes(b"".join(one.encode() + b"\n" for one in known))
    output.document({"exported": len(known)})
    output.text(f"{len(known)} acknowledgements written to {export_file}")
    return FINE
