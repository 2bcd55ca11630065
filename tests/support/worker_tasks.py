# SPDX-License-Identifier: Apache-2.0
"""Functions that another process can import by name, for tests of process pools."""

import os
import signal


def which_process(_argument: int) -> int:
    """Where this is done."""
    return os.getpid()


def die(_argument: int) -> int:
    """End the process that this is done in."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
