# SPDX-License-Identifier: Apache-2.0
"""What the command line says of logs: `--log`, `--trust` and `--witness-policy`, as one value.

Reading it costs nothing and asks nobody; `keystead.cli.logs` makes addresses of it.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["GivenLogs"]


@dataclass(frozen=True, slots=True)
class GivenLogs:
    """Which logs, and whom to believe.

    Attributes:
        urls: of `--log`.
        trust_files: of `--trust`: none, or one for each URL; without any URL, one for each log.
        witness_policy: of `--witness-policy`: whose quorum to ask for, instead of those in trust.json.
    """

    urls: tuple[str, ...] = ()
    trust_files: tuple[Path, ...] = ()
    witness_policy: Path | None = None

    @property
    def named(self) -> bool:
        """Whether any log is."""
        return bool(self.urls or self.trust_files)
