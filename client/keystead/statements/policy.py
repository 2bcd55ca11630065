# SPDX-License-Identifier: Apache-2.0
"""A log's policy: what it admits, and whom it recognizes (`specs/policy.md`).

The policy is public: its JSON is served for ever under its digest, and a `log-policy` statement puts the digest
into the log. One policy has one encoding, so that the digest is a function of what it says: members in the
order of the specification, no white space, `kinds`, `formats` and `issuers` in ascending order.

Invariants of a `Policy` that exists:

* party names, party keys, issuing keys, roots, anchors' keys and distrusted keys are each unique;
* `parse_policy(p.encode())` says the same, and `parse_policy` accepts no other bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar

from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import decode_digest, encode_base64
from keystead.errors import ParseError
from keystead.statements.audit_scheme import QUALIFYING_BY_DEFAULT, AuditScheme
from keystead.statements.members import Members, check_name, check_text
from keystead.statements.statement_key import keyid_of, load_statement_key

__all__ = [
    "MAX_POLICY_BYTES",
    "PARTY_KINDS",
    "Backfill",
    "Limits",
    "Party",
    "Policy",
    "parse_policy",
    "read_policy",
]

_Value = TypeVar("_Value")

MAX_POLICY_BYTES = 1 << 20
"""The longest policy: some thousand roots, anchors and parties."""

PARTY_KINDS = frozenset(
    {
        "audit-withdrawal",
        "certificate-revoked",
        "device-binding",
        "device-transfer",
        "service-audit",
        "subscriber-alias",
    }
)
"""What a policy may recognize a party for. The other kinds are said by the log or by operators."""


class Backfill(StrEnum):
    """What a certificate without the device extension needs in order to be admitted."""

    NONE = "none"
    EVIDENCE = "evidence"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds admission; 0 means no quota. Entries are counted over any 60 seconds.

    Attributes:
        pool: entries that may wait to be sequenced; more are answered 503.
        per_issuer: entries of certificates under one issuing key that are not fresh.
        per_issuer_fresh: entries of fresh precertificates under one issuing key.
        per_party: statements of one party or operator.
        max_chain_bytes: DER of all certificates of a submitted chain.
    """

    pool: int = 10_000
    per_issuer: int = 0
    per_issuer_fresh: int = 0
    per_party: int = 0
    max_chain_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody whose statements the log admits.

    Attributes:
        name: unique in the policy; auditors are named by it.
        kinds: the kinds of statements that it may make, of `PARTY_KINDS`.
        key: DER SubjectPublicKeyInfo of its statement key.
        issuers: SHA-256 of the SubjectPublicKeyInfo of the issuing keys that it speaks for, if it is a CA.
        keyid: lowercase hex SHA-256 of `key`.
    """

    name: str
    kinds: frozenset[str]
    key: bytes
    issuers: frozenset[bytes] = frozenset()
    keyid: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keyid", keyid_of(self.key))


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a log judges by.

    Attributes:
        roots: SHA-256 of the DER of each accepted trust anchor.
        vendor_anchors: the keys that evidence must lead to, with the formats that each may attest.
        parties: whose statements are admitted.
        backfill: what certificates without the device extension need.
        limits: sizes and quotas.
        qualifying_schemes: the audit schemes under which an audit can qualify.
        distrusted: keys that turned bad, by SHA-256 of SubjectPublicKeyInfo, and from when (seconds): from this
            policy on nothing that rests on them is admitted, and what was logged from the date on has no weight.

    Raises:
        ParseError: what must be unique is not, or a part is not in its form.
    """

    roots: tuple[bytes, ...] = ()
    vendor_anchors: tuple[VendorAnchor, ...] = ()
    parties: tuple[Party, ...] = ()
    backfill: Backfill = Backfill.EVIDENCE
    limits: Limits = field(default_factory=Limits)
    qualifying_schemes: tuple[AuditScheme, ...] = QUALIFYING_BY_DEFAULT
    distrusted: Mapping[bytes, int] = field(default_factory=dict, hash=False)
    anchors: AnchorSet = field(init=False, repr=False, compare=False)
    digest: bytes = field(init=False, repr=False, compare=False)
    _encoded: bytes = field(init=False, repr=False, compare=False)
    _by_keyid: dict[str, Party] = field(init=False, repr=False, compare=False)
    _by_issuer: dict[bytes, Party] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        encoded = encode_json(_to_json(self))
        if len(encoded) > MAX_POLICY_BYTES:
            raise ParseError(f"the policy is longer than {MAX_POLICY_BYTES} bytes")
        derived = {
            "anchors": AnchorSet(self.vendor_anchors),
            "digest": sha256(encoded).digest(),
            "_encoded": encoded,
            "_by_keyid": {party.keyid: party for party in self.parties},
            "_by_issuer": {issuer: party for party in self.parties for issuer in party.issuers},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def encode(self) -> bytes:
        """The JSON that is served and hashed."""
        return self._encoded

    def party_with_key(self, keyid: str) -> Party | None:
        """The party whose statement key has this keyid."""
        return self._by_keyid.get(keyid)

    def party(self, keyid: str, kind: str) -> Party | None:
        """The party with this key, if it is recognized for `kind`."""
        party = self._by_keyid.get(keyid)
        return party if party is not None and kind in party.kinds else None

    def party_of_issuer(self, issuer_key_hash: bytes) -> Party | None:
        """The CA that speaks for an issuing key."""
        return self._by_issuer.get(issuer_key_hash)

    def distrusts(self, key_hash: bytes) -> bool:
        """Whether nothing new may rest on the key with this SHA-256."""
        return key_hash in self.distrusted

    def distrusted_from_ms(self, key_hash: bytes) -> int | None:
        """From when on what rests on a key has no weight, in milliseconds; None for a good key."""
        seconds = self.distrusted.get(key_hash)
        return None if seconds is None else seconds * 1000


def parse_policy(data: bytes) -> Policy:
    """Read a policy's JSON.

    Raises:
        ParseError: not such JSON, too long, or not in its one encoding.
    """
    if len(data) > MAX_POLICY_BYTES:
        raise ParseError(f"the policy is longer than {MAX_POLICY_BYTES} bytes")
    policy = read_policy(decode_json(data, "the policy"))
    if policy.encode() != data:
        raise ParseError("the policy is not in its canonical form")
    return policy


def read_policy(value: Any) -> Policy:
    """A policy from decoded JSON whose members may come in any order.

    Raises:
        ParseError: it is not as its schema says, or names twice what is unique.
    """
    members = Members(value, "the policy")
    distrusted = members.objects("distrusted", lambda entry: (entry.digest("key"), entry.time("from")))
    _require_unique((key for key, _ in distrusted), "distrusted key")
    policy = Policy(
        roots=members.strings("roots", decode_digest),
        vendor_anchors=members.objects("vendor_anchors", _read_anchor),
        parties=members.objects("parties", _read_party),
        backfill=members.choice("backfill", {choice.value: choice for choice in Backfill}),
        limits=members.object("limits", _read_limits),
        qualifying_schemes=members.strings("qualifying_schemes", _read_scheme),
        distrusted=dict(distrusted),
    )
    members.finish()
    return policy


def _read_anchor(members: Members) -> VendorAnchor:
    return VendorAnchor(
        name=members.text("name"),
        key=members.base64("key"),
        formats=_set(members.strings("formats", check_name), "format of a vendor anchor"),
        cloud=members.boolean("cloud"),
    )


def _read_party(members: Members) -> Party:
    issuers = members.optional("issuers", lambda name: members.strings(name, decode_digest))
    return Party(
        name=members.text("name"),
        kinds=_set(members.strings("kinds", check_name), "kind of a party"),
        key=members.key("key"),
        issuers=frozenset() if issuers is None else _set(issuers, "issuing key of a party"),
    )


def _read_limits(members: Members) -> Limits:
    return Limits(**{limit.name: members.integer(limit.name) for limit in fields(Limits)})


def _read_scheme(name: str, what: str) -> AuditScheme:
    try:
        return AuditScheme(name)
    except ValueError as error:
        raise ParseError(f"{what} is no audit scheme") from error


def _set(values: tuple[_Value, ...], what: str) -> frozenset[_Value]:
    _require_unique(values, what)
    if not values:
        raise ParseError(f"the policy has an empty list where a {what} belongs")
    return frozenset(values)


def _require_unique(values: Iterable[object], what: str) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise ParseError(f"the policy names one {what} twice")
        seen.add(value)


def _check(policy: Policy) -> None:
    """The rules that hold between the parts of a policy, however it was made."""
    parties, anchors = policy.parties, policy.vendor_anchors
    _require_unique(policy.roots, "root")
    _require_unique((anchor.key for anchor in anchors), "vendor anchor's key")
    _require_unique((party.name for party in parties), "party's name")
    # One key has one speaker: a statement's signer must be one party and no other.
    _require_unique((party.key for party in parties), "party's key")
    # So has a certificate: two CAs that could both speak of it would undo each other's word.
    _require_unique((issuer for party in parties for issuer in party.issuers), "issuing key of a party")
    _require_unique(policy.qualifying_schemes, "qualifying scheme")
    if AuditScheme.OTHER in policy.qualifying_schemes:
        raise ParseError("the policy lets the scheme 'other' qualify, which names no scheme")
    for anchor in anchors:
        check_text(anchor.name, "the name of a vendor anchor")
        if not anchor.key or not anchor.formats:
            raise ParseError(f"the vendor anchor {anchor.name} has no key or no formats")
    for party in parties:
        check_text(party.name, "the name of a party")
        load_statement_key(party.key, f"the key of {party.name}")
        if not party.kinds or not party.kinds <= PARTY_KINDS:
            raise ParseError(f"{party.name} is not recognized for kinds of {', '.join(sorted(PARTY_KINDS))}")
    limits = policy.limits
    if not limits.pool or not limits.max_chain_bytes:
        raise ParseError("the policy's pool and max_chain_bytes are at least 1")


def _to_json(policy: Policy) -> dict[str, Any]:
    return {
        "roots": [root.hex() for root in policy.roots],
        "vendor_anchors": [
            {
                "name": anchor.name,
                "key": encode_base64(anchor.key),
                "formats": sorted(anchor.formats),
                "cloud": anchor.cloud,
            }
            for anchor in policy.vendor_anchors
        ],
        "parties": [_party_to_json(party) for party in policy.parties],
        "backfill": policy.backfill.value,
        "limits": {limit.name: getattr(policy.limits, limit.name) for limit in fields(Limits)},
        "qualifying_schemes": [scheme.value for scheme in policy.qualifying_schemes],
        "distrusted": [
            {"key": key.hex(), "from": format_time(seconds)} for key, seconds in policy.distrusted.items()
        ],
    }


def _party_to_json(party: Party) -> dict[str, Any]:
    value: dict[str, Any] = {
        "name": party.name,
        "kinds": sorted(party.kinds),
        "key": encode_base64(party.key),
    }
    if party.issuers:
        value["issuers"] = sorted(issuer.hex() for issuer in party.issuers)
    return value
