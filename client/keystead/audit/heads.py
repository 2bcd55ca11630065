# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that an audit starts from: signed, and each an extension of the one before.

The order in which they are read decides what can be said of entries and statements together:

(1) the issuance checkpoint: its time is the moment up to which rules between the two logs are asked (`rules`);
(2) the statement checkpoint: an honest log publishes it after (1), so it has every statement of that moment;
(3) the issuance checkpoint again: every entry that a statement under (2) speaks of was published before (2).
"""

from dataclasses import dataclass

from keystead.audit.files import LogFiles
from keystead.audit.problem import Problem
from keystead.audit.state import AuditState
from keystead.client.log_reader import check_extends
from keystead.client.trust import Trust
from keystead.client.verified_tree import VerifiedTree
from keystead.errors import (
    FetchError,
    LogMisbehaviourError,
    ParseError,
    ProofError,
    StoreError,
    VerificationError,
)
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.note import MAX_NOTE_SIZE

__all__ = ["Heads", "contradiction", "known_head", "read_head", "read_heads"]


@dataclass(frozen=True, slots=True)
class Heads:
    """What a log signed when it was asked; None where it showed nothing that can be believed.

    Attributes:
        first: issuance checkpoint, step (1).
        statements: step (2).
        issuance: step (3).
        problems: what is wrong with them.
    """

    first: VerifiedCheckpoint | None
    statements: VerifiedCheckpoint | None
    issuance: VerifiedCheckpoint | None
    problems: tuple[Problem, ...]


async def read_head(
    files: LogFiles, prefix: str, key: LogKey
) -> tuple[VerifiedCheckpoint | None, Problem | None]:
    """A checkpoint of one log, or what is wrong with it.

    Raises:
        FetchError: the log cannot be reached.
    """
    path = f"{prefix}/checkpoint"
    served = await files.read(path, MAX_NOTE_SIZE)
    if served.data is None:
        sentence = f"{path} is not served: {served.why}"
        return None, Problem("checkpoint-withheld", key.origin, sentence, path=path)
    try:
        return verify_checkpoint(served.data, key), None
    except (ParseError, VerificationError) as error:
        sentence = f"{path} cannot be believed: {error}"
        return None, Problem("checkpoint-invalid", key.origin, sentence, path=path)


def known_head(state: AuditState, log: str, key: LogKey) -> VerifiedCheckpoint | None:
    """The checkpoint up to which an earlier audit came; None where there was none.

    Raises:
        StoreError: the state is damaged.
    """
    known = state.tree(log)
    if known is None:
        return None
    try:
        # Whose witnesses are asked for may have changed since; the log's own signatures are for ever.
        return verify_checkpoint(known[0], key.unwitnessed)
    except (ParseError, VerificationError) as error:
        raise StoreError(f"the state of the audit is damaged ({error}): give another file") from error


async def read_heads(files: LogFiles, trust: Trust) -> Heads:
    """All three.

    Raises:
        FetchError: there is no log, or it cannot be reached.
    """
    first, wrong = await read_head(files, "issuance", trust.issuance.key)
    statements, wrong_statements = await read_head(files, "statements", trust.statements.key)
    codes = {one.code for one in (wrong, wrong_statements) if one is not None}
    if first is None and statements is None and codes == {"checkpoint-withheld"}:
        raise FetchError(f"{trust.name} is not there: neither of its logs has a checkpoint", status=404)
    issuance, wrong_again = await read_head(files, "issuance", trust.issuance.key)
    problems = [one for one in (wrong, wrong_statements, wrong_again) if one is not None]
    if first is not None and issuance is not None:
        forked = await contradiction(files, "issuance", first, issuance)
        problems += [] if forked is None else [forked]
    return Heads(first, statements, issuance, tuple(problems))


async def contradiction(
    files: LogFiles, prefix: str, old: VerifiedCheckpoint, new: VerifiedCheckpoint
) -> Problem | None:
    """What two checkpoints of a log contradict each other by, if they do.

    Where the log does not serve the tiles that would show it, nothing is found here; the tiles are missed elsewhere.
    """
    try:
        await check_extends(VerifiedTree(files, prefix, new), old)
    except LogMisbehaviourError as error:
        origin, path = new.checkpoint.origin, f"{prefix}/checkpoint"
        return Problem(error.check, origin, str(error), path=path, signed=True, evidence=error.evidence)
    except (FetchError, ParseError, ProofError):
        return None
    return None
