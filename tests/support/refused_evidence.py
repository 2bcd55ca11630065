# SPDX-License-Identifier: Apache-2.0
"""What every refusal of evidence has in common, whatever the format: the check that failed, and the evidence itself."""

from collections.abc import Iterable

import pytest

from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from keystead.testvendor.refusals import Refusal


def assert_refused(evidence: Evidence, anchors: AnchorSet, check: str, names: str = "") -> None:
    """The error carries the check and the evidence, and its sentence names the thing that is wrong."""
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence, anchors)
    assert caught.value.check == check
    assert names in str(caught.value)
    assert caught.value.evidence["evidence"] == evidence.encode()


def assert_refused_by_name(refusal: Refusal, anchors: AnchorSet) -> None:
    """As the test vendor says of the defect that it made."""
    assert_refused(refusal.evidence, anchors, refusal.check, refusal.names)


def assert_anchors_are_of_a_format(evidence: Evidence, anchors: Iterable[VendorAnchor], other: str) -> None:
    """The same keys, pinned for the devices of another format, prove nothing."""
    moved = AnchorSet(VendorAnchor(one.name, one.key, frozenset({other})) for one in anchors)
    assert_refused(evidence, moved, "anchor-format")
