# SPDX-License-Identifier: Apache-2.0
"""Where a demonstration leaves what it makes: one folder that can be looked at, and thrown away.

======================  =====================================================================================
`keys/`                 private keys of the cast, readable by their owner alone, and the public keys beside them
`certificates/`         chains as they were submitted, the certificate first; roots and issuing CAs
`evidence/`             attestation evidence in its canonical form
`statements/`           signed statements (DSSE envelopes)
`log/`                  the log's own folder: `keystead serve --data` takes it
`monitor/`              the monitor's state
`policy.toml`           whom the log admits
`anchors.toml`          the test vendor's root, as the monitor's user would give it
======================  =====================================================================================
"""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from keystead.devices.evidence import Evidence
from keystead.errors import StoreError, UsageError
from keystead.statements.dsse import Envelope
from keystead.testvendor.certificates import to_pem

__all__ = ["LOG_NAME", "LOG_URL", "DemoFolder"]

LOG_NAME = "localhost:8470"
"""What the demonstration's log is called: as `keystead serve` calls a log by default."""

LOG_URL = "http://127.0.0.1:8470"
"""Where `keystead serve` listens by default, for going on with the demonstration's log."""

_DEFAULT = "keystead-demo"


class DemoFolder:
    """The folder of one demonstration.

    Args:
        path: absent or empty; None: `keystead-demo` in the current folder, or the first free `keystead-demo-N`.

    Raises:
        UsageError: there is something in it.
        StoreError: it cannot be made.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = _free() if path is None else path
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                raise UsageError(f"{self.path} is not empty: give another folder with --dir, or remove it")
            for name in ("keys", "certificates", "evidence", "statements"):
                (self.path / name).mkdir()
        except (OSError, NotADirectoryError) as error:
            raise StoreError(f"{self.path} cannot be made a folder: {error.strerror}") from error

    @property
    def log(self) -> Path:
        """The log's own folder."""
        return self.path / "log"

    @property
    def trust(self) -> Path:
        """The log's trust.json, once it has started."""
        return self.log / "trust.json"

    @property
    def monitor(self) -> Path:
        """The monitor's state."""
        return self.path / "monitor"

    @property
    def policy(self) -> Path:
        """The log's policy file."""
        return self.path / "policy.toml"

    @property
    def anchors(self) -> Path:
        """The monitor's own vendor anchors."""
        return self.path / "anchors.toml"

    def write_key(self, name: str, key: PrivateKeyTypes) -> None:
        """A private key as `keys/NAME.pem`, mode 0600, and its public key as `keys/NAME.pub.pem`."""
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        place = self.path / "keys" / f"{name}.pem"
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
        (self.path / "keys" / f"{name}.pub.pem").write_bytes(public)

    def write_chain(self, name: str, chain: Iterable[bytes]) -> Path:
        """DER certificates as one PEM file, `certificates/NAME.pem`."""
        place = self.path / "certificates" / f"{name}.pem"
        place.write_text("".join(to_pem(der) for der in chain), encoding="ascii")
        return place

    def write_evidence(self, name: str, evidence: Evidence) -> Path:
        """Evidence in its canonical form, `evidence/NAME.evidence`."""
        place = self.path / "evidence" / f"{name}.evidence"
        place.write_bytes(evidence.encode())
        return place

    def write_statement(self, name: str, envelope: Envelope) -> Path:
        """An envelope, `statements/NAME.json`."""
        place = self.path / "statements" / f"{name}.json"
        place.write_bytes(envelope.encode())
        return place

    def shown(self, *names: str) -> str:
        """A path in the folder, quoted for a shell."""
        return shlex.quote(str(self.path.joinpath(*names)))


def _free() -> Path:
    number = 1
    while True:
        path = Path(_DEFAULT if number == 1 else f"{_DEFAULT}-{number}")
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            return path
        number += 1
