# SPDX-License-Identifier: Apache-2.0
"""What a log is called and how clients reach it: `settings.json` and `trust.json` in its folder.

`settings.json` holds the name, which is in every checkpoint and so never changes, and the URL, which may.
`trust.json` is what a client needs to trust the log (`specs/api.md`, section "trust.json"). It is written anew at
each start from the settings and the keys; losing it loses nothing, altering it there misleads whoever fetches it
next: so clients pin it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import KeysteadError, StoreError, UsageError
from keystead.tlog.checkpoint import LogKey
from keystead_server.log.batch import LogIdentity

__all__ = ["Settings", "check_name", "check_url", "read_settings", "trust_document"]

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:/_~-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Settings:
    """The log's name (a schema-less URL) and its base URL without a trailing slash."""

    name: str
    url: str

    def encode(self) -> bytes:
        """The bytes of `settings.json`."""
        return encode_json({"version": 1, "name": self.name, "url": self.url})


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
        return Settings(check_name(document["name"]), check_url(document["url"]))
    except (OSError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read: restore it from a backup") from error
    except StoreError:
        raise
    except KeysteadError as error:
        raise StoreError(f"{path} is damaged ({error}): restore it from a backup") from error


def trust_document(identity: LogIdentity, url: str) -> bytes:
    """The bytes of `trust.json`."""
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
        "witness_policy": None,
    }
    return encode_json(document) + b"\n"


def _vkey(key: LogKey) -> str:
    return key.vkey.encode() if key.vkey is not None else ""
