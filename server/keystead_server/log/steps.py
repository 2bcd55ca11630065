# SPDX-License-Identifier: Apache-2.0
"""The durable steps of a commit and of a recovery, by name, so that a test can stop at each.

Whoever runs a commit may pass a `PointHook`: it is called before and after each step, in order. A test raises
in it, or kills the process; a server may log in it. Every point it can be called at is in `POINTS`.
"""

from collections.abc import Callable
from enum import StrEnum
from itertools import product

__all__ = ["POINTS", "Moment", "PointHook", "Step", "no_hook"]


class Step(StrEnum):
    """What becomes durable, in the order in which it does."""

    SUPPORT = "support"
    """Evidence, issuers and policies: what entries refer to."""
    STAGE = "stage"
    """The stage: tiles and bundles of both logs, in one object."""
    HEADS = "heads"
    """The lock database: both checkpoints compared and swapped, rows written. The batch is committed."""
    OBJECTS = "objects"
    """Tiles and bundles at their own paths."""
    ISSUANCE = "issuance"
    """The issuance checkpoint is published."""
    STATEMENTS = "statements"
    """The statement checkpoint is published."""
    DROP = "drop"
    """The stage is dropped."""


class Moment(StrEnum):
    """On which side of a step."""

    BEFORE = "before"
    AFTER = "after"


PointHook = Callable[[Step, Moment], None]
"""Called at each point; what it raises stops the commit there."""

POINTS: tuple[tuple[Step, Moment], ...] = tuple(product(Step, Moment))
"""Every point that a commit passes."""


def no_hook(step: Step, moment: Moment) -> None:
    """The hook of a server in service: it does nothing."""
    del step, moment
