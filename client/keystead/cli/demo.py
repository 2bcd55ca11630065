# SPDX-License-Identifier: Apache-2.0
"""`keystead demo`: the whole story, on a log of its own."""

import asyncio
import shlex
import shutil
import sys
import textwrap
import time
from pathlib import Path

import click

from keystead.cli.options import json_option
from keystead.cli.output import Output
from keystead.demo.folder import DemoFolder
from keystead.demo.real_certificate import tell_real_certificate
from keystead.demo.shared_device import tell_shared_device
from keystead.demo.story import Chapter

__all__ = ["command"]


@click.command()
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Published samples (DIR holds attestation/ and certificates/): tell the story of a real certificate.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where everything is left, absent or empty; by default ./keystead-demo, or the next free number.",
)
@json_option
def command(samples: Path | None, directory: Path | None, as_json: bool) -> None:
    """See the whole mission work: two CAs, a shared device, a finding, an audit that settles it.

    Everything is made for the demonstration, on a log that listens on this machine alone, and left in a folder.
    """
    output = Output(as_json)
    chapters: list[Chapter] = []

    def tell(chapter: Chapter) -> None:
        chapters.append(chapter)
        _show(output, len(chapters), chapter)

    folder = DemoFolder(directory)
    begun = time.monotonic()
    story = (
        tell_shared_device(folder, tell) if samples is None else tell_real_certificate(folder, samples, tell)
    )
    ending = asyncio.run(story)
    seconds = time.monotonic() - begun
    program = _program()
    output.document(
        {
            "folder": str(folder.path),
            "seconds": round(seconds, 1),
            "chapters": [chapter.to_json() for chapter in chapters],
            "findings": [finding.to_json() for finding in ending.findings],
            "next": [
                {"why": step.why, "command": f"{program} {step.arguments}"} for step in ending.next_steps
            ],
        }
    )
    output.heading("What to look at next")
    output.text(f"That took {seconds:.1f} seconds. Everything is in {folder.path}.", "")
    for step in ending.next_steps:
        output.text(f"# {step.why}", f"{program} {step.arguments}", "")


def _program() -> str:
    """What to type for this program: its name, or where it is, in a virtual environment that is not active."""
    here = sys.argv[0]
    found = shutil.which("keystead")
    called = Path(here).name == "keystead" and Path(here).exists()
    if not called or (found is not None and Path(found).samefile(here)):
        return "keystead"
    return shlex.quote(here)


def _show(output: Output, number: int, chapter: Chapter) -> None:
    output.heading(f"{number}. {chapter.title}")
    width = min(shutil.get_terminal_size().columns, 110)
    output.text(*textwrap.wrap(chapter.text, width))
    if chapter.columns:
        output.table(chapter.columns, chapter.rows)
    for note in chapter.notes:
        output.text(*textwrap.wrap(note, width, initial_indent="- ", subsequent_indent="  "))
    output.text("")
