# SPDX-License-Identifier: Apache-2.0
"""Submissions that this process has answered, so that the same bytes again cost a look-up and a proof.

CAs retry, and some log each certificate several times. The promise is the same for ever; what may have changed
since is the checkpoint that proves it and the evidence that is recorded, and both are looked up anew. A changed
policy forgets everything: what it distrusts must be judged again.

Only what was published is here, so nothing in it waits. Losing it costs one more verification each.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from keystead_server.log.records import Placed

__all__ = ["Answered", "AnsweredSubmissions"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What does not change about an answer.

    Attributes:
        placed: where the entry stands.
        certificate_id: whose evidence to look up.
        claimed: the device ids of the certificate's extension.
        promise: the members of the answer that are the same each time, as JSON without its closing brace.
    """

    placed: Placed
    certificate_id: bytes
    claimed: frozenset[bytes]
    promise: bytes


class AnsweredSubmissions:
    """The last answered submissions, by the SHA-256 of their bodies.

    Args:
        capacity: how many to remember, at about 2 kB each.
    """

    def __init__(self, capacity: int = 16_384) -> None:
        self._capacity = capacity
        self._policy_index = -1
        self._known: OrderedDict[bytes, Answered] = OrderedDict()

    @staticmethod
    def key(body: bytes, *, precertificate: bool) -> bytes:
        """What a submission is known by: its bytes, and where it was sent."""
        return sha256(b"\x01" + body if precertificate else b"\x00" + body).digest()

    def get(self, key: bytes, policy_index: int) -> Answered | None:
        """The answer to the same submission, under the policy that it was judged by."""
        if policy_index != self._policy_index:
            self._known.clear()
            self._policy_index = policy_index
            return None
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def keep(self, key: bytes, policy_index: int, answered: Answered) -> None:
        """Remember an answer that is being given."""
        if policy_index != self._policy_index:
            return
        self._known[key] = answered
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
