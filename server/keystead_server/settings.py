# SPDX-License-Identifier: Apache-2.0
"""What a log is called, how clients reach it and who its witnesses are: `settings.json` and `trust.json` in its folder.

`settings.json` holds the name, which is in every checkpoint and so never changes, and the URL and the witness policy,
which may.
`trust.json` is what a client needs to trust the log (`specs/api.md`, section "trust.json"). It is written anew at
each start from the settings and the keys; losing it loses nothing, altering it there misleads whoever fetches it
next: so clients pin it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keystead.client.trust import parse_trust
from keystead.encoding.decimal import parse_decimal
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import KeysteadError, ParseError, StoreError, UsageError
from keystead.tlog.checkpoint import LogKey
from keystead.tlog.policy import WitnessPolicy, parse_policy
from keystead_server.log.batch import LogIdentity

__all__ = ["Settings", "Witnesses", "check_name", "check_url", "read_settings", "trust_document"]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:/_~-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The witnesses of a log.

    Attributes:
        policy: who they are, and which of them are a quorum.
        timeout_ms: milliseconds that each has to answer.
    """

    policy: WitnessPolicy
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The log's name (a schema-less URL), its base URL without a trailing slash, and its witnesses."""

    name: str
    url: str
    witnesses: Witnesses | None = None

    def encode(self) -> bytes:
        """The bytes of `settings.json`."""
        document: dict[str, object] = {"version": 1, "name": self.name, "url": self.url}
        if self.witnesses is not None:
            document["witnesses"] = {
                "policy": self.witnesses.policy.text,
                "timeout_ms": self.witnesses.timeout_ms,
            }
        return encode_json(document)


def check_name(name: str) -> str:
    """The name, if checkpoints can bear it.

    Raises:
        UsageError: it is not a schema-less URL (C2SP signed-note forbids spaces and plus signs).
    """
    if len(name) > 200 or not _NAME.fullmatch(name):
        raise UsageError(
            f"--name {name!r} is no log name: give a host with an optional port or path, and no scheme"
        )
    return name


def check_url(url: str) -> str:
    """The base URL without its trailing slash.

    Raises:
        UsageError: it is no http or https URL, or has a query.
    """
    try:
        parts = urlsplit(url)
        fine = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        )
        _ = parts.port
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise UsageError(f"--url {url!r} is no base URL: give one such as https://log.example.org")
    return url.rstrip("/")


def read_settings(path: Path) -> Settings:
    """Read `settings.json`.

    Raises:
        StoreError: it is missing or not what this program writes.
    """
    try:
        document = decode_json(path.read_bytes(), str(path))
        if not isinstance(document, dict) or document.get("version") != 1:
            raise StoreError(f"{path} is not of a version that this program knows")
        return Settings(
            check_name(document["name"]), check_url(document["url"]), _witnesses(document.get("witnesses"))
        )
    except (OSError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: restore it from a backup") from error
    except StoreError:
        raise
    except KeysteadError as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a backup") from error


def _witnesses(stored: dict[str, object] | None) -> Witnesses | None:
    if stored is None:
        return None
    return Witnesses(parse_policy(str(stored["policy"])), parse_decimal(str(stored["timeout_ms"])))


def trust_document(identity: LogIdentity, url: str, witnesses: Witnesses | None = None) -> bytes:
    """The bytes of `trust.json`.

    Raises:
        UsageError: the witness policy is for other logs, or too long: no client could use it.
    """
    document = {
        "version": 1,
        "name": identity.name,
        "issuance": {
            "origin": identity.issuance_origin,
            "url": f"{url}/issuance",
            "vkey": _vkey(identity.issuance_key),
            "sct_key": encode_base64(identity.keys.sct_spki),
            "log_id": encode_base64(identity.keys.log_id),
        },
        "statements": {
            "origin": identity.statements_origin,
            "url": f"{url}/statements",
            "vkey": _vkey(identity.statements_key),
            "statement_key": encode_base64(identity.keys.statement_spki),
        },
        "index": {"url": f"{url}/index/v1"},
        "witness_policy": None if witnesses is None else witnesses.policy.text,
    }
    encoded = encode_json(document) + b"\n"
    try:
        parse_trust(encoded)
    except ParseError as error:
        raise UsageError(f"clients could not use the log's trust.json: {error}") from error
    return encoded


def _vkey(key: LogKey) -> str:
    return key.vkey.encode() if key.vkey is not None else ""
