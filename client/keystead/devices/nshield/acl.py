# SPDX-License-Identifier: Apache-2.0
"""The access control list of an nShield key: whether what it permits keeps the key in the hardware.

A list is a number of permission groups. A group has actions, use limits, and perhaps the hash of a key that has
to certify each use. Since limits and certificates only take away, a group counts as if anybody could use it,
except one that the world's security officers (KNSO, held by the Administrator Card Set) have to certify: such a
group makes the key *recoverable*, and what it permits is said in the result instead of refused. The same goes
for an archive blob under the world's recovery key.

What anybody may do, and no more (Entrust's application note "Key attestation format", where it judges lists;
`UseAsBlobKey`, which only lets other keys in, is in lists of Entrust's own tools):

* use the key by itself, not export it, extend the list, set application data, or use it as a module key;
* make blobs of it under the world's module key: bare, or with a token of an operator card set or softcard;
* nothing that this module does not know, derivation of other keys included.

Source of the layout: Entrust's application note "Wire format", section on lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keystead.devices.nshield.ncore import WireReader, hash_key_material
from keystead.errors import EvidenceError, ParseError

__all__ = [
    "WELL_KNOWN_MODULE_KEYS",
    "MakeArchiveBlob",
    "MakeBlob",
    "OpPermissions",
    "PermissionGroup",
    "Permitted",
    "WorldKeys",
    "judge_acl",
    "read_acl",
]

WELL_KNOWN_MODULE_KEYS = frozenset(
    {
        hash_key_material("DES3", b"\x01" * 24),
        *(hash_key_material("Rijndael", bytes(size)) for size in (16, 24, 32)),
    }
)
"""Module keys that every module has and everybody knows: a blob under one of them is no protection."""

_NAMES = (
    "duplicate-handle",
    "use-as-certificate",
    "export-as-plain",
    "get-app-data",
    "set-app-data",
    "reduce-acl",
    "expand-acl",
    "encrypt",
    "decrypt",
    "verify",
    "use-as-blob-key",
    "use-as-module-key",
    "sign",
    "get-acl",
    "use-as-loader-key",
    "sign-module-certificate",
)
"""The bits of OpPermissions, the lowest first."""

_FORBIDDEN = frozenset(
    {"export-as-plain", "set-app-data", "expand-acl", "use-as-module-key", "use-as-loader-key"}
)
_EXPORTS = frozenset({"export-as-plain", "expand-acl"})

_CERTIFIER, _FRESH, _CERTIFIER_AND_MECHANISM, _ONE_MODULE, _LOGGED, _CERTIFIER_EX = 1, 2, 4, 8, 0x20, 0x40
_GROUP_FLAGS = _CERTIFIER | _FRESH | _CERTIFIER_AND_MECHANISM | _ONE_MODULE | _LOGGED | _CERTIFIER_EX
_MODULE_ONLY, _MODULE_KEY, _TOKEN, _TOKEN_PARAMETERS, _NULL_TOKEN, _BLOB_FILE = 1, 4, 8, 0x10, 0x20, 0x40
_BLOB_FLAGS = 0x7F
_SOFTCARD = 0x4  # of a token's parameters: it has a passphrase and no cards
_SHA1 = 44  # Mech_SHA1Hash, before the hash of an M_KeyHashEx


@dataclass(frozen=True, slots=True)
class OpPermissions:
    """Use of the key: a bit for each of `_NAMES`."""

    bits: int

    @property
    def names(self) -> frozenset[str]:
        """The permissions, in words."""
        return frozenset(name for place, name in enumerate(_NAMES) if self.bits >> place & 1)


@dataclass(frozen=True, slots=True)
class MakeBlob:
    """Make a blob of the key to keep outside: under which module key, with what token."""

    flags: int
    module_key: bytes | None
    token_flags: int | None


@dataclass(frozen=True, slots=True)
class MakeArchiveBlob:
    """Make a blob of the key under another key: of which hash."""

    key: bytes | None


Action = OpPermissions | MakeBlob | MakeArchiveBlob


@dataclass(frozen=True, slots=True)
class PermissionGroup:
    """Actions, and the hashes of the keys that have to certify them."""

    actions: tuple[Action, ...]
    certifiers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class WorldKeys:
    """The hashes that a Security World's list may name.

    Attributes:
        module_key: HKM.
        security_officer: HKNSO.
        recovery: HKRE, where the evidence proves one.
    """

    module_key: bytes
    security_officer: bytes
    recovery: bytes | None


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a list permits that keeps the key in the hardware.

    Attributes:
        operations: what anybody who can load the key may do with it, in words, sorted.
        protection: the weakest way to load it: `module`, `softcard`, `cardset`; None: it cannot be kept.
        recoverable: the world's security officers can load it without its own protection.
        officers_may_export: they may also take it out in plain, or permit themselves to.
    """

    operations: tuple[str, ...]
    protection: str | None
    recoverable: bool
    officers_may_export: bool


def read_acl(reader: WireReader) -> tuple[PermissionGroup, ...]:
    """Read an M_ACL.

    Raises:
        EvidenceError: `check` is `extractable-key`: an action that is not known.
        ParseError: malformed.
    """
    return tuple(_group(reader) for _ in range(reader.count(12)))


def _group(reader: WireReader) -> PermissionGroup:
    flags = reader.flags(_GROUP_FLAGS, "a permission group")
    for _ in range(reader.count(8)):
        _skip_limit(reader)
    actions = tuple(_action(reader) for _ in range(reader.count(8)))
    certifiers = []
    if flags & _CERTIFIER:
        certifiers.append(reader.digest())
    if flags & _CERTIFIER_AND_MECHANISM:
        certifiers.append(reader.digest())
        reader.word()
    if flags & _ONE_MODULE:
        reader.text()
    if flags & _CERTIFIER_EX:
        if reader.word() != _SHA1:
            raise ParseError("a permission group names its certifier by a hash that is not known")
        certifiers.append(reader.digest())
        reader.word()
    return PermissionGroup(actions, tuple(certifiers))


def _skip_limit(reader: WireReader) -> None:
    """Limits only take away."""
    kind = reader.word()
    if kind not in {1, 3, 6}:
        raise ParseError(f"{reader.what} has a use limit of the type {kind}, which is not known")
    if kind != 3:  # a counter's name, before how often; of type 3, seconds
        reader.digest()
    reader.word()


def _action(reader: WireReader) -> Action:
    kind = reader.word()
    match kind:
        case 1:
            return OpPermissions(reader.word())
        case 2:
            flags = reader.flags(_BLOB_FLAGS, "a blob")
            module_key = reader.digest() if flags & _MODULE_KEY else None
            if flags & _TOKEN:
                reader.digest()
            token_flags = None
            if flags & _TOKEN_PARAMETERS:
                token_flags = reader.word()
                reader.fixed(12)  # shares needed, shares made, time limit
            if flags & _BLOB_FILE:
                _skip_blob_file(reader)
            return MakeBlob(flags, module_key, token_flags)
        case 3:
            flags = reader.flags(3, "an archive blob")
            reader.word()  # mechanism
            key = reader.digest() if flags & 1 else None
            if flags & 2:
                _skip_blob_file(reader)
            return MakeArchiveBlob(key)
    raise EvidenceError(
        f"the key's access control list grants an action of the type {kind}, of which nothing is known",
        check="extractable-key",
    )


def _skip_blob_file(reader: WireReader) -> None:
    flags = reader.flags(3, "a blob's file")
    if flags & 1:
        reader.word()
    if flags & 2:
        reader.digest()


def judge_acl(groups: Sequence[PermissionGroup], world: WorldKeys) -> Permitted:
    """Require that the key stays in the hardware of its world.

    Raises:
        EvidenceError: `check` is `extractable-key`; the sentence says what lets it out.
    """
    operations: set[str] = set()
    protections: set[str] = set()
    recoverable = officers_may_export = False
    for group in groups:
        if world.security_officer in group.certifiers:
            recoverable = True
            officers_may_export |= any(_lets_out(action, world) for action in group.actions)
            continue
        for action in group.actions:
            match action:
                case OpPermissions():
                    operations |= _judge_operations(action)
                case MakeBlob():
                    protections.add(_judge_blob(action, world))
                case MakeArchiveBlob():
                    _judge_archive(action, world)
                    recoverable = True
    weakest = next((name for name in ("module", "softcard", "cardset") if name in protections), None)
    return Permitted(tuple(sorted(operations)), weakest, recoverable, officers_may_export)


def _lets_out(action: Action, world: WorldKeys) -> bool:
    """Whether an action that needs the security officers' certificate lets them take the key out."""
    if isinstance(action, OpPermissions):
        return bool(_EXPORTS & action.names or action.bits >> len(_NAMES))
    try:
        _judge_archive(action, world) if isinstance(action, MakeArchiveBlob) else _judge_blob(action, world)
    except EvidenceError:
        return True
    return False


def _judge_operations(action: OpPermissions) -> frozenset[str]:
    if action.bits >> len(_NAMES):
        raise _extractable(f"permissions {action.bits:#x}, of which not all are known")
    forbidden = sorted(_FORBIDDEN & action.names)
    if forbidden:
        raise _extractable(", ".join(forbidden))
    return action.names


def _judge_blob(action: MakeBlob, world: WorldKeys) -> str:
    if action.module_key != world.module_key:
        raise _extractable("a blob that is not under the module key of the Security World")
    if action.flags & _NULL_TOKEN:
        raise _extractable("a blob whose token may be under the well-known module key")
    if action.flags & _MODULE_ONLY:
        return "module"
    if not action.flags & _TOKEN or action.token_flags is None:
        raise _extractable("a blob without a token of which the parameters are fixed")
    return "softcard" if action.token_flags & _SOFTCARD else "cardset"


def _judge_archive(action: MakeArchiveBlob, world: WorldKeys) -> None:
    if action.key is None or action.key != world.recovery:
        raise _extractable("an archive blob under another key than the Security World's recovery key")


def _extractable(what: str) -> EvidenceError:
    return EvidenceError(f"the key's access control list grants everybody {what}", check="extractable-key")
