# SPDX-License-Identifier: Apache-2.0
"""A piece of evidence as it was found in files."""

from dataclasses import dataclass

from keystead.devices.evidence import Evidence
from keystead.devices.request import CertificationRequest

__all__ = ["Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Evidence, and where it came from.

    Attributes:
        evidence: in its canonical form.
        files: the names of the files that it was made of.
        request: the PKCS#10 request that carried it, which claims the attested key.
    """

    evidence: Evidence
    files: tuple[str, ...]
    request: CertificationRequest | None = None
