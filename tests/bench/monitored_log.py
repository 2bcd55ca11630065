# SPDX-License-Identifier: Apache-2.0
"""Logs in folders for the monitor's benchmark, as large as wanted: written tile by tile, and forgotten."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, tile_path, tiles_between
from support.history import VENDOR, History, Issued, seconds
from support.memory_log import MemoryTree

__all__ = ["Shape", "write_log"]

_SCHEME = SCHEMES["yubico-piv-serial"]
_AFTER_A_POINT = derive_key(b"bench monitor", "").spki[:-64]


@dataclass(frozen=True)
class Shape:
    """What is in a log.

    Attributes:
        count: precertificates, each with a key of its own.
        devices: how many hold them, in turn.
        subscribers: whose they are, in turn.
        evidence: each has evidence beside it.
        strangers: on one of so many devices every other certificate is of somebody else; 0: on none.
    """

    count: int
    devices: int
    subscribers: int
    evidence: bool = False
    strangers: int = 0

    def device(self, number: int) -> int:
        """The number of a certificate's device."""
        return number % self.devices + 1

    def subscriber(self, number: int) -> int:
        """The number of a certificate's subscriber."""
        strange = self.strangers and self.device(number) % self.strangers == 0 and number // self.devices % 2
        return number % self.subscribers + (self.subscribers if strange else 0)


def write_log(folder: Path, shape: Shape) -> None:
    """A log in a folder that has the layout of its URLs, `trust.json` beside it."""
    history = History()
    log, ca = history.log, history.north
    fingerprints = [sha256(above).digest() for above in ca.chain]
    for above in ca.chain:
        log.objects[f"issuance/issuer/{sha256(above).hexdigest()}"] = above
    for number in range(shape.count):
        token = VENDOR.yubikey(shape.device(number))
        key = token.generate() if shape.evidence else None
        device = DeviceIdentifier(_SCHEME.oid, device_id(_SCHEME.name, str(shape.device(number))))
        der = ca.issue(
            ov_subject(f"Subscriber {shape.subscriber(number)} AB", "SE"),
            _made_up_key(number) if key is None else key.spki,
            device_extension=SignatureCreationDevice((device,), Method.KEY_ATTESTATION).encode(),
            not_before=seconds(number % 300),
            not_after=seconds(number % 300 + 60),
            serial=number + 1,
            precertificate=True,
        )
        tbs = log_tbs(parse_certificate(der))
        log.add_leaf(tbs, fingerprints, precertificate=der, issuer_key_hash=ca.issuer_key_hash)
        if key is not None:
            identifier = certificate_id(ca.issuer_key_hash, tbs)
            issued = Issued(ca, (der,), identifier, number, key, precertificate=True, reissue={})
            history.record_evidence(issued, token.attest(key.spki))
        _move(log.objects, folder)
        if not (number + 1) % TILE_WIDTH:
            _move_bundle(folder / "issuance", log.issuance, number // TILE_WIDTH)
    log.publish()
    _move(log.objects, folder)
    _write(folder / "trust.json", log.trust_json())
    _write_tree(folder / "issuance", log.issuance, "data")
    _write_tree(folder / "statements", log.statements, "entries")


def _made_up_key(number: int) -> bytes:
    """A P-256 key whose point is on no curve: nobody looks, and it costs a hundredth of a real one."""
    return _AFTER_A_POINT + b"".join(sha256(b"%d %d" % (half, number)).digest() for half in (0, 1))


def _move_bundle(folder: Path, tree: MemoryTree, index: int) -> None:
    """Write a bundle that is full, and keep no more than the hashes of its entries."""
    tree.size = len(tree.hashes)
    data = tree.serve(bundle_path("data", index))
    assert data is not None
    _write(folder / bundle_path("data", index), data)
    first = index * TILE_WIDTH
    tree.leaves[first : first + TILE_WIDTH] = [tree.leaves[first]] * TILE_WIDTH
    tree.entries[first : first + TILE_WIDTH] = [b""] * TILE_WIDTH


def _write_tree(folder: Path, tree: MemoryTree, kind: str) -> None:
    _write(folder / "checkpoint", tree.checkpoint)
    for level, index, width in tiles_between(0, tree.size):
        paths = [tile_path(level, index, width)]
        if level == 0:
            paths.append(bundle_path(kind, index, width))  # type: ignore[arg-type]
        for path in paths:
            if not (folder / path).exists():
                data = tree.serve(path)
                assert data is not None
                _write(folder / path, data)


def _move(objects: dict[str, bytes], folder: Path) -> None:
    for path, data in objects.items():
        _write(folder / path, data)
    objects.clear()


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
