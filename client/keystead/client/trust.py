# SPDX-License-Identifier: Apache-2.0
"""What a client must know of a log before it believes it anything: `trust.json`, version 1.

The document names both logs of an operator, their keys and where they are. A client gets it out of band, or
fetches it from the log once and pins it, as ssh does with host keys: from then on only that copy counts.

Invariants:

* a `Trust` that exists is whole: every key is well formed, and is the key that its id or name says;
* where it has a witness policy, its keys believe no checkpoint without a quorum of that policy;
* unknown members are left alone (a later server may add some), members that are known are read strictly;
* a pinned file is written once, whole or not at all, and is never replaced here.
"""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keystead.client.fetcher import Fetcher
from keystead.client.http import parse_base_url
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import FetchError, ParseError, StoreError, UsageError
from keystead.tlog.checkpoint import LogKey
from keystead.tlog.digitally_signed import load_p256_key
from keystead.tlog.note import VerifierKey, parse_vkey
from keystead.tlog.policy import WitnessPolicy, parse_policy

__all__ = [
    "MAX_TRUST_BYTES",
    "IssuanceTrust",
    "StatementsTrust",
    "Trust",
    "fetch_trust",
    "parse_trust",
    "pin_trust",
]

MAX_TRUST_BYTES = 65_536
"""The greatest trust.json: a witness policy of a hundred witnesses fits many times."""


@dataclass(frozen=True, slots=True)
class IssuanceTrust:
    """The issuance log.

    Attributes:
        url: the base of its paths, as the operator states it.
        key: its origin and keys; both the note key and the SCT key are there.
    """

    url: str
    key: LogKey

    @property
    def sct_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the key that signs SCTs."""
        assert self.key.sct_key is not None  # noqa: S101 -- `parse_trust` makes no other
        return self.key.sct_key

    @property
    def log_id(self) -> bytes:
        """The log id that SCTs carry: SHA-256 of the SCT key."""
        return hashlib.sha256(self.sct_key).digest()


@dataclass(frozen=True, slots=True)
class StatementsTrust:
    """The statement log.

    Attributes:
        url: the base of its paths, as the operator states it.
        key: its origin and note key.
        statement_key: DER SubjectPublicKeyInfo of the key that signs the log's own statements.
    """

    url: str
    key: LogKey
    statement_key: bytes

    @property
    def statement_keyid(self) -> bytes:
        """The DSSE keyid of the log's own statements: SHA-256 of the key."""
        return hashlib.sha256(self.statement_key).digest()


@dataclass(frozen=True, slots=True)
class Trust:
    """One operator's logs.

    Attributes:
        name: what the operator calls the log; the origins begin with it.
        issuance: the issuance log.
        statements: the statement log.
        index_url: where the device index answers; None where there is none.
        witness_policy: whose cosignatures the logs' checkpoints need; None asks for none. The keys above have it
            as their quorum.
        raw: the document's bytes.
    """

    name: str
    issuance: IssuanceTrust
    statements: StatementsTrust
    index_url: str | None
    witness_policy: WitnessPolicy | None
    raw: bytes

    @property
    def identity(self) -> tuple[LogKey, LogKey, bytes]:
        """What makes these logs these logs, for ever: origins and keys, and not whose witnesses a reader asks for."""
        return self.issuance.key.unwitnessed, self.statements.key.unwitnessed, self.statements.statement_key

    def asking_for(self, policy: WitnessPolicy) -> "Trust":
        """The same logs, believed only with a quorum of `policy` instead.

        Raises:
            UsageError: the policy is for other logs.
        """
        if not (policy.is_for(_vkey(self.issuance.key)) and policy.is_for(_vkey(self.statements.key))):
            raise UsageError(
                f"the witness policy lists the logs that it is for, and {self.name} is none of them"
            )
        return replace(
            self,
            issuance=replace(self.issuance, key=replace(self.issuance.key, quorum=policy)),
            statements=replace(self.statements, key=replace(self.statements.key, quorum=policy)),
            witness_policy=policy,
        )

    @property
    def base_url(self) -> str:
        """The URL below which everything of this log lies.

        Raises:
            UsageError: the operator serves the two logs from places that have no base in common.
        """
        base = self.issuance.url.removesuffix("/issuance")
        if base == self.issuance.url or f"{base}/statements" != self.statements.url:
            raise UsageError(
                f"the URLs in the trust.json of {self.name} have no common base; give it with --log"
            )
        return base


def parse_trust(data: bytes) -> Trust:
    """Read a trust.json.

    Raises:
        ParseError: it is none, or a key in it is not what it says.
    """
    if len(data) > MAX_TRUST_BYTES:
        raise ParseError(f"trust.json is larger than {MAX_TRUST_BYTES} bytes")
    document = _object(decode_json(data, "trust.json"), "trust.json")
    if document.get("version") != 1 or isinstance(document["version"], bool):
        raise ParseError("trust.json is not of version 1, the only one that this program knows")
    issuance = _object(document.get("issuance"), "issuance")
    statements = _object(document.get("statements"), "statements")
    index = document.get("index")
    policy = document.get("witness_policy")
    if policy is not None and not isinstance(policy, str):
        raise ParseError("witness_policy in trust.json is neither text nor null")

    sct_key = _base64(issuance, "sct_key")
    load_p256_key(sct_key)
    if _base64(issuance, "log_id") != hashlib.sha256(sct_key).digest():
        raise ParseError("log_id in trust.json is not the SHA-256 of sct_key")
    statement_key = _base64(statements, "statement_key")
    try:
        load_der_public_key(statement_key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ParseError("statement_key in trust.json is not a SubjectPublicKeyInfo") from error
    trust = Trust(
        name=_text(document, "name"),
        issuance=IssuanceTrust(_url(issuance), _log_key(issuance, sct_key)),
        statements=StatementsTrust(_url(statements), _log_key(statements, None), statement_key),
        index_url=None if index is None else _url(_object(index, "index")),
        witness_policy=None,
        raw=data,
    )
    if policy is None:
        return trust
    try:
        return trust.asking_for(parse_policy(policy))
    except (ParseError, UsageError) as error:
        raise ParseError(f"witness_policy in trust.json: {error}") from error


def _vkey(key: LogKey) -> VerifierKey:
    assert key.vkey is not None  # noqa: S101 -- `parse_trust` makes no other
    return key.vkey


def _log_key(log: Mapping[str, Any], sct_key: bytes | None) -> LogKey:
    origin = _text(log, "origin")
    vkey = parse_vkey(_text(log, "vkey"))
    if vkey.name != origin:
        raise ParseError(f"the vkey of {origin} in trust.json is of {vkey.name}")
    return LogKey(origin, vkey, sct_key)


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ParseError(f"{name} is missing in trust.json, or is no JSON object")
    return value


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise ParseError(f"{name} is missing in trust.json, or is no text")
    return value


def _base64(members: Mapping[str, Any], name: str) -> bytes:
    return decode_base64(_text(members, name), f"{name} in trust.json")


def _url(members: Mapping[str, Any]) -> str:
    try:
        return parse_base_url(_text(members, "url"))
    except UsageError as error:
        raise ParseError(f"url in trust.json: {error}") from error


async def fetch_trust(fetcher: Fetcher) -> Trust:
    """The trust.json that a log states of itself; believe it only to pin it.

    Raises:
        FetchError: the log has none, or cannot be reached.
        ParseError: what it has is no trust.json.
    """
    data = await fetcher.get("trust.json", MAX_TRUST_BYTES)
    if data is None:
        raise FetchError("the log has no trust.json; give one with --trust")
    return parse_trust(data)


async def pin_trust(fetcher: Fetcher, base_url: str, folder: Path) -> tuple[Trust, bool]:
    """The trust that is pinned for `base_url` in `folder`; on first sight, the log's own, pinned from now on.

    Args:
        fetcher: reads below `base_url`.
        base_url: as the user names the log.
        folder: where pinned files lie; made if need be.

    Returns:
        The trust, and whether it was pinned just now (which the user should be told).

    Raises:
        FetchError, ParseError: as `fetch_trust`, on first sight.
        StoreError: the folder cannot be used, or holds something else under the name.
    """
    # The name is readable and, by the digest, never the same for two URLs.
    host = "".join(c if c.isalnum() or c in "-." else "_" for c in base_url.split("://", 1)[-1])[:60]
    digest = hashlib.sha256(base_url.encode()).digest()
    place = folder / f"{host}-{base64.b32encode(digest)[:16].decode().lower()}.trust.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pinned = place.read_bytes() if place.exists() else None
    except OSError as error:
        raise StoreError(f"{place} cannot be read: {error.strerror}") from error
    if pinned is not None:
        try:
            return parse_trust(pinned), False
        except ParseError as error:
            raise StoreError(f"{place} is damaged ({error}); remove it to trust the log anew") from error
    trust = await fetch_trust(fetcher)
    try:
        _write_once(place, trust.raw)
    except OSError as error:
        raise StoreError(f"{place} cannot be written: {error.strerror}") from error
    return trust, True


def _write_once(place: Path, data: bytes) -> None:
    # Temporary file, fsync, link (which refuses to replace), fsync of the folder: whole or absent.
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
