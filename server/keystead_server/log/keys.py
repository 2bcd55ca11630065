# SPDX-License-Identifier: Apache-2.0
"""The three keys of a log, each for one purpose.

======================  ===========  ==============================================================
file in `keys/`         algorithm    signs
======================  ===========  ==============================================================
`checkpoint.pem`        Ed25519      the checkpoints of both logs (C2SP signed-note)
`sct.pem`               ECDSA P-256  SCTs and RFC 6962 tree heads (RFC 6979, so the same twice)
`statement.pem`         Ed25519      the log's own statements (`log-policy`, `device-evidence`)
======================  ===========  ==============================================================

Losing a key ends the log: keys never change, because what they signed is embedded in certificates for years.
Who holds them can sign a second history, which monitors and witnesses would notice, not prevent. The files are
PKCS#8 without a password, mode 0600; their bytes are never logged.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from keystead.errors import StoreError

__all__ = ["LogKeys", "create_keys", "load_keys", "spki_of"]


def spki_of(key: PublicKeyTypes) -> bytes:
    """The DER SubjectPublicKeyInfo of a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The private keys of one log."""

    checkpoint: Ed25519PrivateKey
    sct: ec.EllipticCurvePrivateKey
    statement: Ed25519PrivateKey

    @property
    def sct_spki(self) -> bytes:
        """SubjectPublicKeyInfo of the key that signs SCTs and tree heads."""
        return spki_of(self.sct.public_key())

    @property
    def log_id(self) -> bytes:
        """The RFC 6962 LogID: SHA-256 of `sct_spki`."""
        return sha256(self.sct_spki).digest()

    @property
    def statement_spki(self) -> bytes:
        """SubjectPublicKeyInfo of the key that signs the log's own statements."""
        return spki_of(self.statement.public_key())


def create_keys(folder: Path) -> LogKeys:
    """Make new keys and write them into `folder`, which must not exist.

    Raises:
        StoreError: the folder exists or cannot be written.
    """
    keys = LogKeys(
        checkpoint=Ed25519PrivateKey.generate(),
        sct=ec.generate_private_key(ec.SECP256R1()),
        statement=Ed25519PrivateKey.generate(),
    )
    try:
        folder.mkdir(mode=0o700)
        for name, key in (("checkpoint", keys.checkpoint), ("sct", keys.sct), ("statement", keys.statement)):
            _write_key(folder / f"{name}.pem", key)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"the keys of the log cannot be written to {folder}: {error.strerror}") from error
    return keys


def _write_key(path: Path, key: PrivateKeyTypes) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    # O_EXCL with the mode in the call: at no instant is the file there and readable by others.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def load_keys(folder: Path) -> LogKeys:
    """Read the keys that `create_keys` wrote.

    Raises:
        StoreError: a file is missing, unreadable, or holds a key of another kind.
    """
    checkpoint = _read_key(folder / "checkpoint.pem")
    sct = _read_key(folder / "sct.pem")
    statement = _read_key(folder / "statement.pem")
    if not (isinstance(checkpoint, Ed25519PrivateKey) and isinstance(statement, Ed25519PrivateKey)):
        raise StoreError(
            f"{folder} holds a key that is not Ed25519 where one must be: restore the log's own keys"
        )
    if not (isinstance(sct, ec.EllipticCurvePrivateKey) and isinstance(sct.curve, ec.SECP256R1)):
        raise StoreError(f"{folder / 'sct.pem'} is not an ECDSA P-256 key: restore the log's own keys")
    return LogKeys(checkpoint, sct, statement)


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read ({error.strerror}): restore it from the backup of the keys"
        ) from error
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{path} is not an unencrypted PEM private key: restore it from the backup"
        ) from error
