# SPDX-License-Identifier: Apache-2.0
"""Finding a certificate whose issuer is not at hand.

A certificate's id is made from the issuing key. Without it, the certificate is found among those with its public key,
by what it is made of: the log has verified who issued it, and the entry is read with the same proof as any other.
"""

from keystead.certificate.precertificate import log_tbs
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.errors import ParseError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.log_index import LogIndex

__all__ = ["find_certificate"]


async def find_certificate(index: LogIndex, certificate: Certificate) -> bytes | None:
    """The id of a certificate that a log has; None where it is proven that it has not.

    Raises:
        FetchError, VerificationError: as `LogIndex.open`.
        ParseError: the certificate has poison and promises at once.
    """
    wanted = log_tbs(certificate)
    subject = Subject(IndexKind.KEY_CERTIFICATES, certificate.key_hash)
    snapshot = await index.open(subject, keep=False)
    async for page in snapshot.pages(subject):
        async for entry in snapshot.each_entry(page.answer.page.entries, subject):
            if entry.facts.certificate is not None and _tbs(entry.leaf.entry) == wanted:
                return entry.facts.certificate.certificate_id
    return None


def _tbs(entry: LogEntry) -> bytes | None:
    if entry.entry_type == PRECERT_ENTRY:
        return entry.signed
    try:
        return log_tbs(parse_certificate(entry.signed))
    except ParseError:
        return None
