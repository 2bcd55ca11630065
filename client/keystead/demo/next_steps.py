# SPDX-License-Identifier: Apache-2.0
"""What to try once the story of the shared device is told, on what it left."""

from keystead.demo.folder import LOG_URL, DemoFolder
from keystead.demo.story import NextStep
from keystead.encoding.rfc3339 import format_time

__all__ = ["next_steps"]


def next_steps(folder: DemoFolder, flagged_at: int) -> tuple[NextStep, ...]:
    """What to try.

    Args:
        folder: where everything was left.
        flagged_at: a second in which both devices were flagged.
    """
    monitor = (
        f"monitor --once --all --state {folder.shown('monitor')} --anchors {folder.shown('anchors.toml')}"
    )
    log = f"--log {LOG_URL} --trust {folder.shown('log', 'trust.json')}"
    return (
        NextStep(
            "the evidence of one key, verified by yourself",
            f"identify {folder.shown('evidence', 'alder.evidence')} "
            f"--cert {folder.shown('certificates', 'alder.pem')} --anchors {folder.shown('anchors.toml')}",
        ),
        NextStep(
            "what the CA embeds for it",
            f"extension {folder.shown('evidence', 'alder.evidence')} --anchors {folder.shown('anchors.toml')}",
        ),
        NextStep(
            "what a certificate says of its device",
            f"lint {folder.shown('certificates', 'alder.pem')}",
        ),
        NextStep(
            "what the monitor knew when it had flagged both devices (exit code 1: findings are open)",
            f"{monitor} --known-at {format_time(flagged_at)}",
        ),
        NextStep("run the log again, in another terminal", f"serve --data {folder.shown('log')}"),
        NextStep(
            "ask before you issue to somebody new for a key in the second device (exit code 1: shared)",
            f"check --evidence {folder.shown('evidence', 'cedar.evidence')} --subscriber O=Elder,C=DE "
            f"--anchors {folder.shown('anchors.toml')} {log}",
        ),
        NextStep("follow it and judge as of now (exit code 1: one finding is open)", f"{monitor} {log}"),
    )
