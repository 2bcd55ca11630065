# SPDX-License-Identifier: Apache-2.0
"""The policy file: TOML that an operator writes, turned into the policy that the log publishes.

Members are those of `specs/policy.md`, section "The policy file". Paths are relative to the file. Anything that
the file says and this module does not know is refused by name: a misspelt limit must not be no limit.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from keystead.certificate.pem import certificates_from_pem
from keystead.certificate.x509 import parse_certificate
from keystead.devices.anchors import BUILTIN, AnchorSet, VendorAnchor
from keystead.devices.vendor_anchor import anchor_key
from keystead.devices.verify import FORMATS
from keystead.encoding.rfc3339 import parse_time
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import KeysteadError, ParseError, UsageError
from keystead.statements.audit_scheme import QUALIFYING_BY_DEFAULT, AuditScheme
from keystead.statements.policy import Backfill, Limits, Party, Policy
from keystead.tlog.policy import parse_policy
from keystead_server.settings import Witnesses

__all__ = ["Configuration", "default_configuration", "read_policy_file"]

WITNESS_TIMEOUT_MS = 2000
"""How long witnesses have to answer where the policy file does not say."""

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a policy file says.

    Attributes:
        policy: the policy as it will be published.
        roots: DER of each accepted root, by SHA-256.
        successor: the statement log that takes over: with this policy the log ends.
        witnesses: who cosigns the log's checkpoints; they are no part of the published policy.
    """

    policy: Policy
    roots: Mapping[bytes, bytes]
    successor: str | None = None
    witnesses: Witnesses | None = None


def default_configuration() -> Configuration:
    """A policy that accepts no root and knows no party: a log that can be read and not yet written."""
    return Configuration(Policy(vendor_anchors=tuple(BUILTIN)), {})


def read_policy_file(path: Path) -> Configuration:
    """Read a policy file and everything that it names.

    Raises:
        UsageError: with what is wrong, and where.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"the policy file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the policy file {path} is not TOML: {error}") from error
    try:
        return _configuration(_Table(document, "the file", path.parent))
    except KeysteadError as error:
        raise UsageError(f"the policy file {path}: {error}") from error


class _Table:
    """A TOML table whose every member must be asked for before `finish`."""

    def __init__(self, value: object, what: str, folder: Path) -> None:
        if not isinstance(value, dict):
            raise ParseError(f"{what} is not a table")
        self._members: dict[str, Any] = dict(value)
        self.what = what
        self.folder = folder

    def text(self, name: str) -> str:
        """A string that must be there."""
        value: str = self._typed(name, str, "text")
        return value

    def optional_text(self, name: str, default: str) -> str:
        """A string, or the default where it is absent."""
        return self.text(name) if name in self._members else default

    def flag(self, name: str) -> bool:
        """A truth value; false where it is absent."""
        return name in self._members and self._typed(name, bool, "true or false") is True

    def count(self, name: str, default: int) -> int:
        """A whole number from 0 on."""
        if name not in self._members:
            return default
        value = self._members.pop(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ParseError(f"{name} in {self.what} is not a whole number from 0 on")
        return value

    def milliseconds(self, name: str, default: int) -> int:
        """A number of seconds, greater than 0 and up to a minute, in milliseconds."""
        value = self._members.pop(name, default / 1000)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0.001 <= value <= 60:
            raise ParseError(f"{name} in {self.what} is not a number of seconds up to 60")
        return round(value * 1000)

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty where it is absent."""
        values = self._members.pop(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ParseError(f"{name} in {self.what} is not a list of texts")
        return values

    def table(self, name: str) -> "_Table":
        """A table; empty where it is absent."""
        return _Table(self._members.pop(name, {}), f"[{name}]", self.folder)

    def optional_table(self, name: str) -> "_Table | None":
        """A table; None where it is absent."""
        return self.table(name) if name in self._members else None

    def tables(self, name: str) -> "list[_Table]":
        """An array of tables; empty where it is absent."""
        values = self._members.pop(name, [])
        if not isinstance(values, list):
            raise ParseError(f"{name} is not an array of tables: write [[{name}]]")
        return [_Table(value, f"[[{name}]] {number}", self.folder) for number, value in enumerate(values, 1)]

    def moment(self, name: str) -> int:
        """A time, as TOML's own or as text, in seconds."""
        value = self._members.pop(name, None)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ParseError(f"{name} in {self.what} has no time zone: end it in Z")
            return int(value.timestamp())
        if isinstance(value, str):
            return parse_time(value, f"{name} in {self.what}")
        raise ParseError(f"{self.what} needs {name}, a time such as 2026-01-31T00:00:00Z")

    def file(self, name: str) -> bytes:
        """The bytes of the file that a member names."""
        return self.read(self.text(name))

    def read(self, named: str) -> bytes:
        """The bytes of a file, its path relative to the policy file."""
        path = self.folder / named
        try:
            return path.read_bytes()
        except OSError as error:
            raise ParseError(f"{self.what} names {path}, which cannot be read: {error.strerror}") from error

    def finish(self) -> None:
        """Refuse what nobody asked for."""
        for name in self._members:
            raise ParseError(f"{self.what} has {name!r}, which means nothing there")

    def _typed(self, name: str, kind: type, called: str) -> Any:
        if name not in self._members:
            raise ParseError(f"{self.what} needs {name}")
        value = self._members.pop(name)
        if not isinstance(value, kind):
            raise ParseError(f"{name} in {self.what} is not {called}")
        return value


def _configuration(table: _Table) -> Configuration:
    issuance = table.table("issuance")
    limits = table.table("limits")
    roots = _roots(issuance)
    policy = Policy(
        roots=tuple(sorted(roots)),
        vendor_anchors=tuple(
            AnchorSet(BUILTIN).extended(_anchor(each) for each in table.tables("vendor_anchor"))
        ),
        parties=tuple(_party(each) for each in table.tables("party")),
        backfill=_choice(issuance.optional_text("backfill", Backfill.EVIDENCE), Backfill, "backfill"),
        limits=_limits(limits, issuance),
        qualifying_schemes=_schemes(issuance.texts("qualifying_schemes")),
        distrusted=dict(_distrusted(each) for each in table.tables("distrusted")),
    )
    successor = table.optional_text("successor", "") or None
    witnesses = _witnesses(table.optional_table("witness"))
    issuance.finish()
    limits.finish()
    table.finish()
    return Configuration(policy, roots, successor, witnesses)


def _roots(issuance: _Table) -> dict[bytes, bytes]:
    roots = {}
    for named in issuance.texts("roots"):
        for der in certificates_from_pem(issuance.read(named)):
            parse_certificate(der)
            roots[sha256(der).digest()] = der
    return roots


def _anchor(table: _Table) -> VendorAnchor:
    name = table.text("name")
    try:
        key = anchor_key(table.file("certificate"))
    except ParseError as error:
        raise ParseError(f"the certificate of {table.what}: {error}") from error
    formats = table.texts("formats")
    for known in formats:
        if known not in FORMATS:
            raise ParseError(
                f"{table.what} names the format {known!r}; known are {', '.join(sorted(FORMATS))}"
            )
    anchor = VendorAnchor(
        name=name,
        key=key,
        formats=frozenset(formats),
        cloud=table.flag("cloud"),
    )
    table.finish()
    return anchor


def _party(table: _Table) -> Party:
    party = Party(
        name=table.text("name"),
        kinds=frozenset(table.texts("kinds")),
        key=_public_key(table.file("key"), f"the key of {table.what}"),
        issuers=frozenset(_issuing_keys(table, table.texts("issuers"))),
    )
    table.finish()
    return party


def _issuing_keys(table: _Table, names: Iterable[str]) -> Iterable[bytes]:
    for named in names:
        (der,) = _exactly_one(certificates_from_pem(table.read(named)), f"{named} of {table.what}")
        yield parse_certificate(der).spki_hash


def _limits(table: _Table, issuance: _Table) -> Limits:
    # The two limits of a chain are read from [issuance] too, where one looks for them.
    values = {}
    for each in fields(Limits):
        default = getattr(Limits(), each.name)
        value = issuance.count(each.name, default) if each.name.startswith("max_") else default
        values[each.name] = table.count(each.name, value)
    return Limits(**values)


def _schemes(names: list[str]) -> tuple[AuditScheme, ...]:
    if not names:
        return QUALIFYING_BY_DEFAULT
    return tuple(_choice(name, AuditScheme, "a scheme of qualifying_schemes") for name in names)


def _distrusted(table: _Table) -> tuple[bytes, int]:
    item = decode_digest(table.text("key"), f"the key of {table.what}"), table.moment("from")
    table.finish()
    return item


def _witnesses(table: _Table | None) -> Witnesses | None:
    if table is None:
        return None
    try:
        text = table.file("policy").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"the witness policy of {table.what} is not UTF-8") from error
    policy = parse_policy(text)
    asked = []
    for witness in policy.witnesses:
        if witness.url is None:
            continue
        if not witness.url.startswith(("https://", "http://")):
            raise ParseError(f"the witness {witness.name} has a URL that is neither https nor http")
        asked.append(witness.name)
    if not policy.satisfied_by(asked):
        raise ParseError(
            f"the quorum of {table.what} needs witnesses without a URL, which the log cannot ask: "
            + ", ".join(policy.missing(asked))
        )
    witnesses = Witnesses(policy, table.milliseconds("timeout", WITNESS_TIMEOUT_MS))
    table.finish()
    return witnesses


def _choice(text: str, choices: Callable[[str], Choice], what: str) -> Choice:
    try:
        return choices(text)
    except ValueError as error:
        raise ParseError(f"{what} cannot be {text!r}") from error


def _exactly_one(certificates: list[bytes], what: str) -> list[bytes]:
    if len(certificates) != 1:
        raise ParseError(f"{what} is not one PEM certificate")
    return certificates


def _public_key(pem: bytes, what: str) -> bytes:
    """DER SubjectPublicKeyInfo of a PEM public key or certificate."""
    if b"-----BEGIN CERTIFICATE-----" in pem:
        (der,) = _exactly_one(certificates_from_pem(pem), what)
        return parse_certificate(der).spki
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise ParseError(f"{what} is not a PEM public key") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
