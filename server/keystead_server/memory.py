# SPDX-License-Identifier: Apache-2.0
"""How the interpreter looks for cycles in a process that serves.

Almost nothing that a request makes is part of a cycle: reference counts free it. With the interpreter's defaults
the collector still walks the young objects every 700 allocations, which is once or twice a submission, and what
was loaded at the start again and again. A serving process takes what is loaded out of its sight, and lets it look
less often.
"""

import gc

__all__ = ["collect_seldom"]

_THRESHOLDS = (50_000, 20, 20)


def collect_seldom() -> None:
    """Tune the collector of this process, once everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
