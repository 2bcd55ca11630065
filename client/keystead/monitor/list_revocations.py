# SPDX-License-Identifier: Apache-2.0
"""Revocation lists in the state: which were given, under whose key they verify, and whom they concern.

Invariants:

* a list that no CA in the logs signed leaves no trace;
* of several lists that name a certificate with one reason, the earliest counts;
* it makes no difference whether a list comes before the certificates in it or after them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.errors import ParseError
from keystead.monitor.facts import read_issuer_name
from keystead.monitor.revocation_list import RevocationList
from keystead.monitor.store import Store

__all__ = ["GivenList", "keep_lists", "match_touched"]

_MATCHED = (
    "INSERT INTO list_revocation SELECT certificate.id, listed.reason, listed.time, listed.issuer_key_hash, "
    "listed.issuer FROM {} JOIN listed ON listed.issuer_key_hash = certificate.issuer_key_hash "
    "AND listed.serial = certificate.serial WHERE {} "
    "ON CONFLICT (certificate, reason) DO UPDATE SET time = min(time, excluded.time)"
)
_OF_TOUCHED = _MATCHED.format(
    "touched JOIN certificate ON certificate.id = touched.what", "touched.kind = 'certificate'"
)
_OF_LIST = _MATCHED.format("certificate", "listed.list = ?")
_TOUCH = (
    "INSERT OR IGNORE INTO touched SELECT 'certificate', certificate.id FROM certificate JOIN listed "
    "ON listed.issuer_key_hash = certificate.issuer_key_hash AND listed.serial = certificate.serial "
    "WHERE listed.list = ?"
)


@dataclass(frozen=True, slots=True)
class GivenList:
    """What became of a list.

    Attributes:
        name: as the user calls it.
        used: a CA in the logs signed it.
        revoked: how many certificates it names.
    """

    name: str
    used: bool
    revoked: int


def keep_lists(store: Store, lists: Mapping[str, RevocationList]) -> tuple[GivenList, ...]:
    """Keep lists by their names, as far as CAs in the logs signed them; call it when the logs were followed.

    Raises:
        StoreError: the state cannot be written.
    """
    if not lists:
        return ()
    authorities: dict[bytes, list[Certificate]] = {}
    for (der,) in store.db.execute("SELECT der FROM issuer ORDER BY fingerprint"):
        try:
            authority = parse_certificate(der)
        except ParseError:
            continue
        authorities.setdefault(authority.subject, []).append(authority)
    given = []
    for name, found in sorted(lists.items()):
        signers = [one for one in authorities.get(found.issuer, ()) if found.signed_by(one)]
        # One key may have several certificates.
        for key_hash, authority in sorted({one.spki_hash: one for one in signers}.items()):
            _keep(store, found, key_hash, read_issuer_name(authority.subject).short)
        given.append(GivenList(name, bool(signers), len(found.revoked)))
    return tuple(given)


def _keep(store: Store, found: RevocationList, key_hash: bytes, issuer: str) -> None:
    with store.transaction() as db:
        known = db.execute(
            "SELECT 1 FROM revocation_list WHERE digest = ? AND issuer_key_hash = ?", (found.digest, key_hash)
        ).fetchone()
        if known:
            return
        db.execute("INSERT INTO revocation_list VALUES (?, ?)", (found.digest, key_hash))
        db.executemany(
            "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (issuer_key_hash, serial, reason) "
            "DO UPDATE SET time = excluded.time, list = excluded.list WHERE excluded.time < time",
            (
                (key_hash, serial, reason, found.this_update * 1000, issuer, found.digest)
                for serial, reason in found.revoked
            ),
        )
        db.execute(_TOUCH, (found.digest,))
        db.execute(_OF_LIST, (found.digest,))


def match_touched(store: Store) -> None:
    """Look whether lists that were given before name certificates that are new."""
    with store.transaction() as db:
        if db.execute("SELECT 1 FROM listed LIMIT 1").fetchone():
            db.execute(_OF_TOUCHED)
