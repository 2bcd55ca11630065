# SPDX-License-Identifier: Apache-2.0
"""`keystead serve`: run a log."""

import asyncio
import logging
import os
from pathlib import Path

import click

from keystead.cli.options import existing_file, json_option
from keystead.cli.output import Output
from keystead.cli.terminal import print_note
from keystead_server.main import EmbeddedLog, run_server

__all__ = ["command"]


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The log's folder; made, with its keys, where it is absent or empty.",
)
@click.option("--listen", default="127.0.0.1:8470", show_default=True, metavar="HOST:PORT")
@click.option(
    "--name",
    help="What the log is called in everything that it signs, for ever; for a new log localhost:PORT by default.",
)
@click.option("--url", help="How clients reach it, behind TLS for example; where it listens by default.")
@click.option(
    "--policy",
    type=existing_file,
    metavar="FILE.toml",
    help="Whom the log admits. Put into force at the start if it changed, and again at SIGHUP.",
)
@click.option(
    "--period",
    "period_ms",
    type=click.IntRange(1, 60_000),
    default=200,
    show_default=True,
    metavar="MS",
    help="Milliseconds between two batches.",
)
@click.option(
    "--front-ends",
    type=click.IntRange(0, 64),
    default=min(os.cpu_count() or 1, 4),
    show_default="one for each processor, at most 4",
    metavar="N",
    help="Processes that speak HTTP and admit, beside the one that sequences; 0 does all in one process.",
)
@click.option(
    "--index-period",
    "index_period_ms",
    type=click.IntRange(0, 600_000),
    default=1000,
    show_default=True,
    metavar="MS",
    help="Milliseconds between two heads of the device index; 0 keeps no index.",
)
@json_option
def command(
    data: Path,
    listen: str,
    name: str | None,
    url: str | None,
    policy: Path | None,
    period_ms: int,
    front_ends: int,
    index_period_ms: int,
    as_json: bool,
) -> None:
    """Run a log until SIGTERM or Ctrl-C, then answer what waits and stop.

    The first start makes the keys, both logs and DIR/trust.json, which is what clients need to trust this log.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    output = Output(as_json)

    def ready(server: EmbeddedLog) -> None:
        _announce(output, server, data)

    serving = run_server(
        data=data,
        listen=listen,
        name=name,
        url=url,
        policy=policy,
        period_ms=period_ms,
        front_ends=front_ends,
        index_period_ms=index_period_ms or None,
        ready=ready,
    )
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serving)
    print_note("stopped: everything taken is in the log")


def _announce(output: Output, server: EmbeddedLog, data: Path) -> None:
    trust = data / "trust.json"
    output.document(
        {
            "ready": True,
            "name": server.name,
            "url": server.url,
            "issuance": f"{server.url}/issuance",
            "statements": f"{server.url}/statements",
            "trust": str(trust),
            "pid": os.getpid(),
        }
    )
    output.pairs(
        ("log", server.name),
        ("for people", f"{server.url}/"),
        ("issuance log", f"{server.url}/issuance"),
        ("statement log", f"{server.url}/statements"),
        ("trust", f"{trust} (give it to clients by a way that they trust)"),
        ("process", f"{os.getpid()} (SIGHUP reads the policy file again)"),
    )
    if not server.log.policy.roots:
        output.text(
            "The policy in force accepts no root, so nothing can be logged: start with --policy FILE.toml."
        )
    output.text("Ready. Ctrl-C or SIGTERM stops it.")


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where the server extra is installed; asyncio's own elsewhere."""
    try:
        import uvloop  # noqa: PLC0415 -- an optional package
    except ImportError:
        return None
    return uvloop.Loop
