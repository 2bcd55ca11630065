# SPDX-License-Identifier: Apache-2.0
"""A problem that `lint` finds: its code, its severity, and what to do about it.

An error is refused by a log or misread by its readers; a warning is accepted and weakens what the certificate
says; a note is worth knowing. Codes are stable (`specs/certificate-extension.md`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["CODES", "Problem", "Severity"]


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

CODES: Mapping[str, Severity] = MappingProxyType(
    {
        "not-a-certificate": _E,
        "not-strict-der": _E,
        "certificate-unloadable": _E,
        "device-extension-missing": _N,
        "device-extension-twice": _E,
        "device-extension-critical": _E,
        "device-extension-malformed": _E,
        "device-extension-in-ca": _W,
        "devices-missing": _N,
        "scheme-reserved": _E,
        "scheme-unassigned": _W,
        "scheme-experimental": _W,
        "scheme-unknown": _N,
        "method-declared": _W,
        "attestation-without-digest": _W,
        "digest-without-attestation": _W,
        "service-missing": _W,
        "code-signing-missing": _E,
        "key-purposes-malformed": _E,
        "precertificate-signing-certificate": _E,
        "poison-malformed": _E,
        "poison-and-scts": _E,
        "sct-list-malformed": _E,
        "sct-list-critical": _W,
        "sct-unreadable": _W,
        "sct-extensions-base64": _E,
        "sct-extensions-malformed": _W,
        "sct-twice": _N,
        "subject-undecodable": _E,
        "subscriber-unnamed": _W,
        "validity-reversed": _W,
    }
)
"""Every code, with its severity."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend or to know.

    Attributes:
        code: in `CODES`.
        message: what is wrong and what to do.
        offset: the byte of the certificate where it is, if it is at one.
    """

    code: str
    message: str
    offset: int | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CODES[self.code]
