# SPDX-License-Identifier: Apache-2.0
"""The entry point `keystead`: finds the verb, and turns every error into one sentence and an exit code.

Verbs are imported when they are asked for: `keystead --help` must not wait for the packages of all of them.
"""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from keystead import __version__
from keystead.cli.exit_codes import CANNOT, FINE, INTERRUPTED, exit_code
from keystead.cli.terminal import print_error
from keystead.errors import KeysteadError

__all__ = ["main", "run"]

_VERBS = {
    "demo": "an embedded log, two CAs, a shared device: the whole story in half a minute",
    "identify": "attestation evidence to device identity, verified",
    "extension": "what a CA embeds in a certificate for given evidence",
    "lint": "what is wrong with a certificate's device extension, and where",
    "submit": "log certificates or precertificates, with their evidence",
    "check": "before issuing: is this device seen under another subscriber, and is it covered",
    "lookup": "everything about a device, key, subscriber, service or certificate, proven complete",
    "statement": "make a party's key; make, sign and log statements",
    "monitor": "follow logs and judge: which devices need a look, and why",
    "explain": "the whole story of a finding, or of a subscriber",
    "acknowledge": "that a finding is known, until when, and why",
    "verify": "what logs promised about a certificate, whether they keep it, and what is said about it",
    "audit": "check everything in a log again, from raw bytes",
    "index": "build and serve the device index of a public log on this machine",
    "serve": "run a log",
}


class _Verbs(click.Group):
    """Commands of `_VERBS`, each imported from the module of its name when it is needed.

    The methods have click's signatures.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _VERBS:
            return None
        command = importlib.import_module(f"keystead.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"keystead.cli.{cmd_name} has no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(
    cls=_Verbs,
    help="Keystead, a cross-CA transparency log for signing-device identities.",
    epilog="Every verb explains itself with --help and answers programs with --json.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="keystead")
def cli() -> None:
    """The group; verbs do the work."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and say how it ended.

    Args:
        arguments: what follows the program's name; None for the process's own.

    Returns:
        The exit code. Nothing is raised on input; every error is one sentence on stderr.
    """
    try:
        code = cli.main(
            None if arguments is None else list(arguments), prog_name="keystead", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        return CANNOT
    except click.ClickException as error:
        hint = (
            f"; see: {error.ctx.command_path} --help"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        print_error(f"{error.format_message().rstrip('.')}{hint}")
        return CANNOT
    except (click.Abort, KeyboardInterrupt):
        print_error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; the interpreter's own flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT
    except KeysteadError as error:
        print_error(str(error))
        return exit_code(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_error(f"{where}{error.strerror or error}")
        return CANNOT
    except Exception as error:  # noqa: BLE001 -- Python's own exit code for a defect, 1, means a bad answer here
        if os.environ.get("KEYSTEAD_TRACEBACK"):
            traceback.print_exc()
        print_error(
            f"a defect in keystead: {type(error).__name__}: {error}; set KEYSTEAD_TRACEBACK=1 for the details"
        )
        return CANNOT
    return code if isinstance(code, int) else FINE


def main() -> None:
    """The console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
