# SPDX-License-Identifier: Apache-2.0
"""The sequencer's part: the log signs an `index-head` and appends it like any statement of its own.

The indexer says what it computed. The root of the issuance log at that size is taken from the log's own tree, so a head
never names a tree that the log did not sign.
"""

from keystead.errors import RefusedError
from keystead.statements.payloads import IndexHead, sign_statement
from keystead.tlog.merkle import tree_root
from keystead_server.index.head_request import HeadRequest
from keystead_server.log.operations import AddStatement
from keystead_server.log.sequencer import Sequencer, placed_or_refused

__all__ = ["append_head"]

_NO_LIMIT = 1 << 30
# The pool's limit keeps strangers out, not the log's own word.


async def append_head(sequencer: Sequencer, request: HeadRequest) -> tuple[int, int]:
    """Leaf index and time (ms) of the head that says what is asked for; appended, unless it is there.

    Raises:
        RefusedError: the log cannot be written just now, has ended, or is not as large as the head says.
    """
    log = sequencer.log
    if request.issuance_size > log.issuance.size or request.statements_size > log.statements.size:
        # A checkpoint is published before the sequencer itself takes note of it: at the next look it has.
        raise RefusedError(
            "log-unavailable", "the head covers more than is published", status=503, retry_after=0
        )
    identity = log.identity
    statement = IndexHead(
        log=identity.statements_origin,
        issued=request.issued,
        issuance_origin=identity.issuance_origin,
        issuance_size=request.issuance_size,
        issuance_root=tree_root(request.issuance_size, log.issuance.node),
        statements_size=request.statements_size,
        map_root=request.map_root,
    )
    envelope = sign_statement(identity.keys.statement, statement)
    placed = log.records.statement(envelope.identity)
    if placed is None or sequencer.is_pending(("statement", envelope.identity)):
        operation = AddStatement(
            envelope=envelope, known_by=envelope.identity, registers=False, policy_index=log.policy_index
        )
        (future,) = sequencer.submit([operation], _NO_LIMIT)
        placed = placed_or_refused(await future)
    else:
        # Committed before, and perhaps not published yet.
        sequencer.refuse_if_wounded()
    return placed.index, placed.timestamp
