# SPDX-License-Identifier: Apache-2.0
"""The benchmark of evidence measures what it says: every format, as a log and as a person's files have it."""

import pytest

from bench import bench_evidence
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import parse_evidence
from keystead.devices.verify import FORMATS, verify_evidence


def test_every_format_is_measured() -> None:
    """A figure for each."""
    assert {name for name, _ in bench_evidence.CASES} == FORMATS.keys()


@pytest.mark.parametrize("case", bench_evidence.CASES)
def test_what_is_measured_is_evidence(case: tuple[str, str]) -> None:
    """Bytes and files of each case are the same piece, and it verifies."""
    evidence = bench_evidence.CASES[case](0)
    files = bench_evidence.FILES.get(case[0], bench_evidence.pem_bundle)(evidence)
    (piece,) = collect(files, bench_evidence.ANCHORS).pieces
    assert piece.evidence == evidence
    attestation = verify_evidence(parse_evidence(evidence.encode()), bench_evidence.ANCHORS)
    assert attestation == identify(piece, bench_evidence.ANCHORS)
