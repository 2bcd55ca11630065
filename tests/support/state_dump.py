# SPDX-License-Identifier: Apache-2.0
"""What a monitor's state says, without the row numbers that depend on the order of writing."""

import sqlite3
from pathlib import Path
from typing import Any

from keystead.monitor.store import DATABASE

_QUERIES = """
SELECT issuance_origin, issuance_checkpoint, statements_checkpoint, issuance_first, issuance_edge, issuance_next,
       issuance_time, statements_next FROM log;

SELECT issuance_origin, idx, time, final, certificate_id, problem
FROM entry JOIN log ON log.id = log LEFT JOIN certificate ON certificate.id = certificate;

SELECT certificate_id, issuer_key_hash, serial, key, not_before, not_after, method, evidence_digest, service, full,
       record
FROM certificate JOIN profile ON profile.id = profile JOIN issuer_name ON issuer_name.id = issuer;

SELECT certificate_id, device_id, kind, issuance_origin, statement, scheme
FROM claim JOIN certificate ON certificate.id = certificate JOIN device ON device.id = device
LEFT JOIN log ON log.id = log;

SELECT issuance_origin, idx, time, certificate_id, keyid, party, binding.method, binding.service, supersedes,
       supersedes_extension
FROM binding JOIN log ON log.id = log JOIN certificate ON certificate.id = certificate;

SELECT issuance_origin, idx, time, certificate_id, evidence, entry
FROM evidence_statement JOIN log ON log.id = log JOIN certificate ON certificate.id = certificate;

SELECT issuance_origin, idx, time, certificate_id, keyid, party, reason
FROM revocation JOIN log ON log.id = log JOIN certificate ON certificate.id = certificate;

SELECT digest, issuer_key_hash FROM revocation_list;
SELECT issuer_key_hash, serial, reason, time, issuer FROM listed;
SELECT certificate_id, reason, time, list_revocation.issuer_key_hash, list_revocation.issuer
FROM list_revocation JOIN certificate ON certificate.id = certificate;
SELECT issuance_origin, idx, time, device_id, one, other, keyid, party FROM transfer JOIN log ON log.id = log;
SELECT issuance_origin, idx, time, keyid, party, issuers FROM alias JOIN log ON log.id = log;
SELECT issuance_origin, idx, subscriber_id FROM alias_member JOIN log ON log.id = log;
SELECT issuance_origin, idx, entry FROM service_statement JOIN log ON log.id = log;
SELECT issuance_origin, idx, policy.time, policy FROM policy JOIN log ON log.id = log;
SELECT issuance_origin, idx, issuance, entry FROM pending JOIN log ON log.id = log;
SELECT issuance_origin, digest, outcome, format, key, anchors, rests_on, identities
FROM evidence JOIN log ON log.id = log;
SELECT * FROM misbehaviour;
SELECT one.record, other.record FROM profile one JOIN profile other ON one.component = other.component;
SELECT unit, rule, subject, document FROM finding;
SELECT moment, device_id FROM due JOIN device ON device.id = what WHERE unit = 'device';
SELECT moment, what FROM due WHERE unit = 'key'
"""


def dump_state(folder: Path) -> list[list[tuple[Any, ...]]]:
    """The rows of every table, in a fixed order, named by what the logs call things."""
    db = sqlite3.connect(folder / DATABASE)
    try:
        return [sorted(db.execute(query).fetchall(), key=repr) for query in _QUERIES.split(";")]
    finally:
        db.close()
