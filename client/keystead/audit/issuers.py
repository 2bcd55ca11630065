# SPDX-License-Identifier: Apache-2.0
"""The certificates of issuers and roots that a log serves beside its trees, each named by its SHA-256."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from keystead.audit.files import LogFiles
from keystead.audit.problem import Problem
from keystead.certificate.x509 import parse_certificate
from keystead.errors import ParseError

__all__ = ["Issuers"]

_MAX_ISSUER = 1 << 20
_REMEMBERED = 4096


class Issuers:
    """Fetches issuers, and remembers the ones used last.

    Args:
        files: of the log.
        origin: of the issuance log, for problems.

    Attributes:
        problems: of the certificates that could not be had, one each.
    """

    def __init__(self, files: LogFiles, origin: str) -> None:
        self.problems: dict[bytes, Problem] = {}
        self._files = files
        self._origin = origin
        self._known: OrderedDict[bytes, bytes] = OrderedDict()
        # Bundles under way at once name the same issuers: whoever comes second finds them here.
        self._loading = asyncio.Lock()

    async def find(
        self, fingerprints: Iterable[bytes], needed_by: str, index: int | None = None
    ) -> dict[bytes, bytes]:
        """The DER of certificates, by fingerprint; those that cannot be had are left out.

        Args:
            fingerprints: SHA-256 of each.
            needed_by: what names them, for the sentence of a problem.
            index: of the entry, if it is one: it, and not the file, may be what is wrong.
        """
        found: dict[bytes, bytes] = {}
        for fingerprint in fingerprints:
            der = self._known.get(fingerprint)
            if der is None:
                async with self._loading:
                    der = await self._load(fingerprint, needed_by, index)
            else:
                self._known.move_to_end(fingerprint)
            if der is not None:
                found[fingerprint] = der
        return found

    async def _load(self, fingerprint: bytes, needed_by: str, index: int | None) -> bytes | None:
        if fingerprint in self._known or fingerprint in self.problems:
            return self._known.get(fingerprint)
        path = f"issuance/issuer/{fingerprint.hex()}"
        served = await self._files.named("issuance/issuer", fingerprint, _MAX_ISSUER)
        if served.data is None:
            code = "issuer-altered" if served.altered else "issuer-withheld"
            sentence = f"{path}, which {needed_by} names, is not served: {served.why}"
            self.problems[fingerprint] = Problem(code, self._origin, sentence, index, path)
            return None
        self._known[fingerprint] = served.data
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return served.data

    async def require_roots(self, roots: Iterable[bytes], needed_by: str) -> None:
        """See that every root of a policy is served, and is a certificate."""
        for fingerprint, der in (await self.find(roots, needed_by)).items():
            try:
                parse_certificate(der)
            except ParseError as error:
                path = f"issuance/issuer/{fingerprint.hex()}"
                sentence = f"{path}, a root of {needed_by}, cannot be read: {error}"
                self.problems[fingerprint] = Problem("issuer-altered", self._origin, sentence, path=path)
