-- SPDX-License-Identifier: Apache-2.0
-- The monitor's state. See store.py for its schema version and for what losing or altering it means.
--
-- Facts are kept as they were logged, unjudged by anything that was logged later: what is known now, or was known
-- at a given time, is a matter of which rows are read. Times are milliseconds since 1970, dates in certificates
-- seconds. Rows of one log are named by the log's id and the entry's index.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each log was followed. What was read hashed to the checkpoint, or to one that it extends: of the statement
-- log all below "next", of the issuance log what lies from "first" up to "next". "issuance_edge" is the leaf of the
-- first entry that was read, "issuance_time" the time in the last. "reexamine" is set while evidence that did not verify waits to be looked at again.
CREATE TABLE log (
    id                    INTEGER PRIMARY KEY,
    name                  TEXT NOT NULL,
    issuance_origin       TEXT NOT NULL UNIQUE,
    statements_origin     TEXT NOT NULL UNIQUE,
    trust                 BLOB NOT NULL,
    issuance_checkpoint   BLOB,
    statements_checkpoint BLOB,
    issuance_first        INTEGER NOT NULL DEFAULT 0,
    issuance_edge         BLOB,
    issuance_next         INTEGER NOT NULL DEFAULT 0,
    statements_next       INTEGER NOT NULL DEFAULT 0,
    issuance_time         INTEGER NOT NULL DEFAULT 0,
    statements_time       INTEGER NOT NULL DEFAULT 0,
    reexamine             INTEGER NOT NULL DEFAULT 0
) STRICT;

-- How much the last head of a log's device index covers.
CREATE TABLE index_head (
    log        INTEGER PRIMARY KEY,
    issuance   INTEGER NOT NULL,
    statements INTEGER NOT NULL
) STRICT;

-- Hash tiles that a log served, so that none is asked for twice.
CREATE TABLE tile (
    log  INTEGER NOT NULL,
    path TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (log, path)
) STRICT, WITHOUT ROWID;

-- Issuing CA certificates, each verified to hash to its fingerprint.
CREATE TABLE issuer (
    fingerprint BLOB PRIMARY KEY,
    der         BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE issuer_name (
    id           INTEGER PRIMARY KEY,
    full         TEXT NOT NULL UNIQUE,
    short        TEXT NOT NULL,
    organization TEXT NOT NULL
) STRICT;

-- What certificates say about a subscriber and who vetted it. Profiles that could come into one group are in one
-- component, named by the least id in it.
CREATE TABLE profile (
    id            INTEGER PRIMARY KEY,
    digest        BLOB NOT NULL UNIQUE,
    record        TEXT NOT NULL,
    subscriber_id BLOB NOT NULL,
    component     INTEGER NOT NULL
) STRICT;
CREATE INDEX profile_component ON profile (component);
CREATE INDEX profile_subscriber ON profile (subscriber_id);

CREATE TABLE profile_key (
    key     BLOB NOT NULL,
    profile INTEGER NOT NULL,
    PRIMARY KEY (key, profile)
) STRICT, WITHOUT ROWID;

-- A precertificate and its certificate are one row. The method is that of the device extension; NULL without one.
CREATE TABLE certificate (
    id              INTEGER PRIMARY KEY,
    certificate_id  BLOB NOT NULL UNIQUE,
    issuer_key_hash BLOB NOT NULL,
    issuer          INTEGER NOT NULL,
    serial          BLOB NOT NULL,
    key             BLOB NOT NULL,
    not_before      INTEGER NOT NULL,
    not_after       INTEGER NOT NULL,
    profile         INTEGER NOT NULL,
    method          INTEGER,
    evidence_digest BLOB,
    service         BLOB
) STRICT;
CREATE INDEX certificate_profile ON certificate (profile);
CREATE INDEX certificate_key ON certificate (key);
CREATE INDEX certificate_service ON certificate (service) WHERE service IS NOT NULL;

CREATE TABLE entry (
    log         INTEGER NOT NULL,
    idx         INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    final       INTEGER NOT NULL,
    certificate INTEGER,
    problem     TEXT,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_certificate ON entry (certificate);
CREATE INDEX entry_problem ON entry (log, idx) WHERE problem IS NOT NULL;

CREATE TABLE device (
    id        INTEGER PRIMARY KEY,
    device_id BLOB NOT NULL UNIQUE
) STRICT;

-- Who puts which certificate on which device: its extension (kind 0; log and statement are -1), a binding (1) or
-- evidence (2).
CREATE TABLE claim (
    certificate INTEGER NOT NULL,
    device      INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    log         INTEGER NOT NULL,
    statement   INTEGER NOT NULL,
    scheme      TEXT NOT NULL,
    PRIMARY KEY (certificate, device, kind, log, statement)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_device ON claim (device, certificate);

CREATE TABLE binding (
    log                  INTEGER NOT NULL,
    idx                  INTEGER NOT NULL,
    time                 INTEGER NOT NULL,
    certificate          INTEGER NOT NULL,
    keyid                BLOB NOT NULL,
    party                TEXT NOT NULL,
    method               INTEGER NOT NULL,
    service              BLOB,
    supersedes           INTEGER,
    supersedes_extension INTEGER NOT NULL,
    entry                BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX binding_certificate ON binding (certificate);
CREATE INDEX binding_service ON binding (service) WHERE service IS NOT NULL;

-- The entry itself is kept while its evidence is not verified, to look at it again.
CREATE TABLE evidence_statement (
    log         INTEGER NOT NULL,
    idx         INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    certificate INTEGER NOT NULL,
    evidence    BLOB NOT NULL,
    entry       BLOB,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_statement_certificate ON evidence_statement (certificate);

CREATE TABLE revocation (
    log         INTEGER NOT NULL,
    idx         INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    certificate INTEGER NOT NULL,
    keyid       BLOB NOT NULL,
    party       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX revocation_certificate ON revocation (certificate);

-- Revocation lists that the user gave, each under the issuing key that signed it, and what they name: the earliest list
-- that names a serial number with a reason. Times are those of their publication.
CREATE TABLE revocation_list (
    digest          BLOB NOT NULL,
    issuer_key_hash BLOB NOT NULL,
    PRIMARY KEY (digest, issuer_key_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE listed (
    issuer_key_hash BLOB NOT NULL,
    serial          BLOB NOT NULL,
    reason          TEXT NOT NULL,
    time            INTEGER NOT NULL,
    issuer          TEXT NOT NULL,
    list            BLOB NOT NULL,
    PRIMARY KEY (issuer_key_hash, serial, reason)
) STRICT, WITHOUT ROWID;

-- Those of them that the logs hold.
CREATE TABLE list_revocation (
    certificate     INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    time            INTEGER NOT NULL,
    issuer_key_hash BLOB NOT NULL,
    issuer          TEXT NOT NULL,
    PRIMARY KEY (certificate, reason)
) STRICT, WITHOUT ROWID;

CREATE VIEW compromise AS
    SELECT certificate FROM revocation WHERE reason = 'keyCompromise'
    UNION SELECT certificate FROM list_revocation WHERE reason = 'keyCompromise';

-- That a device went from one subscriber to another. The party is empty where an operator says so.
CREATE TABLE transfer (
    log       INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    time      INTEGER NOT NULL,
    device_id BLOB NOT NULL,
    one       BLOB NOT NULL,
    other     BLOB NOT NULL,
    keyid     BLOB NOT NULL,
    party     TEXT NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_device ON transfer (device_id);

-- That subscribers are one, and the issuing keys of the CA that says so, 32 bytes each, as the policy listed them.
CREATE TABLE alias (
    log     INTEGER NOT NULL,
    idx     INTEGER NOT NULL,
    time    INTEGER NOT NULL,
    keyid   BLOB NOT NULL,
    party   TEXT NOT NULL,
    issuers BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE alias_member (
    subscriber_id BLOB NOT NULL,
    log           INTEGER NOT NULL,
    idx           INTEGER NOT NULL,
    PRIMARY KEY (subscriber_id, log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_member_alias ON alias_member (log, idx);

-- Statements about services, as they were logged: they are few, and replayed when the state is opened.
CREATE TABLE service_statement (
    log   INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
    log    INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    time   INTEGER NOT NULL,
    policy BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;

-- Statements that cannot be judged, or not for good, by what was read of the issuance log: they name an entry that was
-- not ("issuance" is its index), or rest on one or on a statement that waits (then it is -1).
CREATE TABLE pending (
    log      INTEGER NOT NULL,
    idx      INTEGER NOT NULL,
    issuance INTEGER NOT NULL,
    entry    BLOB NOT NULL,
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_issuance ON pending (log, issuance);

-- What each piece of evidence proves, found out by the monitor itself; "outcome" is verified, withheld, failed or
-- unknown-format. Each log answers for what it recorded: what one withholds or has no anchor for, another may serve.
CREATE TABLE evidence (
    log        INTEGER NOT NULL,
    digest     BLOB NOT NULL,
    outcome    TEXT NOT NULL,
    format     TEXT NOT NULL,
    key        BLOB NOT NULL,
    anchors    BLOB NOT NULL,
    rests_on   BLOB NOT NULL,
    identities TEXT NOT NULL,
    PRIMARY KEY (log, digest)
) STRICT, WITHOUT ROWID;

-- What a log did that it must not, with what it signed. One row a kind and subject.
CREATE TABLE misbehaviour (
    origin   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    time     INTEGER NOT NULL,
    detail   TEXT NOT NULL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (origin, kind, subject)
) STRICT, WITHOUT ROWID;

-- What changed since the last judging: a certificate (row id), a component of profiles, a service, a device (its id),
-- or all.
CREATE TABLE touched (
    kind TEXT NOT NULL,
    what ANY NOT NULL,
    PRIMARY KEY (kind, what)
) STRICT, WITHOUT ROWID;

-- The findings as of the last judging, by what was judged: a device (row id), a key, a component, a certificate.
CREATE TABLE finding (
    unit     TEXT NOT NULL,
    what     ANY NOT NULL,
    rule     TEXT NOT NULL,
    subject  BLOB NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (unit, what, rule, subject)
) STRICT, WITHOUT ROWID;

-- When each must be judged again though nothing is logged.
CREATE TABLE due (
    unit   TEXT NOT NULL,
    what   ANY NOT NULL,
    moment INTEGER NOT NULL,
    PRIMARY KEY (unit, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX due_moment ON due (moment);
