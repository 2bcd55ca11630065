# SPDX-License-Identifier: Apache-2.0
"""The terms of the last round, kept in the state: who asks it later is answered on the same ones."""

import json
import sqlite3

from keystead.monitor.knowledge import DEFAULT_TERMS, Terms
from keystead.monitor.rows import touch
from keystead.monitor.store import Store

__all__ = ["keep_terms", "stored_terms"]

_NAME = "terms"


def stored_terms(db: sqlite3.Connection) -> Terms:
    """Those of the last round; the default ones where there was none."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (_NAME,)).fetchone()
    if row is None:
        return DEFAULT_TERMS
    refused, clouds_too = json.loads(row[0])
    return Terms(frozenset(refused), clouds_too)


def keep_terms(store: Store, terms: Terms) -> None:
    """Keep the terms of this round; with other ones than before, all may be judged otherwise."""
    if stored_terms(store.db) == terms:
        return
    with store.transaction() as db:
        store.set_meta(_NAME, json.dumps([sorted(terms.refused), terms.clouds_too]))
        touch(db, "all", (0,))
