# SPDX-License-Identifier: Apache-2.0
"""Flips bits of evidence that verifies: whatever comes of it, never another device or key."""

import random
from collections.abc import Iterable

from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.devices.evidence import Evidence, parse_evidence
from keystead.devices.verify import verify_evidence
from support.fuzzing import only_our_errors

__all__ = ["flip_bits"]


def flip_bits(
    evidence: Evidence, positions: int | None, seed: int, anchors: AnchorSet = BUILTIN_ANCHORS
) -> list[int]:
    """Flip one bit at each of `positions` random places of the encoding, or at every place.

    Only our errors may come of it, or the very same identities and key. Returns the places where damage was
    accepted: whoever calls says which those may be.
    """
    original = evidence.encode()
    truth = verify_evidence(evidence, anchors)
    chance = random.Random(seed)
    places: Iterable[int] = range(len(original))
    if positions is not None and positions < len(original):
        places = sorted(chance.sample(range(len(original)), positions))
    accepted = []
    for place in places:
        damaged = bytearray(original)
        damaged[place] ^= 1 << chance.randrange(8)
        changed = only_our_errors(parse_evidence, bytes(damaged))
        if changed is None:
            continue
        attestation = only_our_errors(lambda piece: verify_evidence(piece, anchors), changed)
        if attestation is not None:
            accepted.append(place)
            assert attestation.identities == truth.identities
            assert attestation.key == truth.key
    return accepted
