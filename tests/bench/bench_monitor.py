# SPDX-License-Identifier: Apache-2.0
"""How fast the monitor catches up with a local log, in entries a second on one core: one JSON line.

    python tests/bench/bench_monitor.py [--count N] [--evidence N] [--shared N]

A log in a folder is followed from nothing and judged: N precertificates of as many subscribers, each on a device of
its own; a second one whose entries all have evidence beside them; and third ones in which all certificates, of a
hundred subscribers, are on one device, at N and at twice N, to see how judging grows. Making the logs is not
counted.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.client.fetcher import FolderFetcher
from keystead.monitor.run import MonitoredLog, monitor_once
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from keystead.tlog.tiles import bundle_path, edge_tiles, tile_path, tiles_between
from support.history import VENDOR, History, Issued, milliseconds, seconds
from support.memory_log import MemoryTree

_SCHEME = SCHEMES["yubico-piv-serial"]


def write_log(
    folder: Path, count: int, *, evidence: bool = False, devices: int = 0, subscribers: int = 0
) -> History:
    """A log of `count` precertificates in a folder that has the layout of its URLs.

    Args:
        folder: to be made.
        count: of certificates.
        evidence: beside each.
        devices: how many there are; one for each certificate unless given.
        subscribers: likewise.
    """
    history = History()
    log, ca = history.log, history.north
    fingerprints = [sha256(above).digest() for above in ca.chain]
    for number in range(count):
        serial = number % (devices or count) + 1
        token = VENDOR.yubikey(serial)
        key = token.generate() if evidence else derive_key(b"bench monitor", str(number))
        device = DeviceIdentifier(_SCHEME.oid, device_id(_SCHEME.name, str(serial)))
        der = ca.issue(
            ov_subject(f"Subscriber {number % (subscribers or count)} AB", "SE"),
            key.spki,
            device_extension=SignatureCreationDevice((device,), Method.KEY_ATTESTATION).encode(),
            not_before=seconds(number % 300),
            not_after=seconds(number % 300 + 60),
            serial=number + 1,
            precertificate=True,
        )
        tbs = log_tbs(parse_certificate(der))
        log.add_leaf(tbs, fingerprints, precertificate=der, issuer_key_hash=ca.issuer_key_hash)
        if evidence:
            identifier = certificate_id(ca.issuer_key_hash, tbs)
            issued = Issued(ca, (der,), identifier, number, key, precertificate=True, reissue={})
            history.record_evidence(issued, token.attest(key.spki))
    log.publish()
    for path, data in log.objects.items():
        _write(folder / path, data)
    for prefix, tree, kind in (
        ("issuance", log.issuance, "data"),
        ("statements", log.statements, "entries"),
    ):
        _write_tree(folder / prefix, tree, kind)
    return history


def _write_tree(folder: Path, tree: MemoryTree, kind: str) -> None:
    _write(folder / "checkpoint", tree.checkpoint)
    paths = {tile_path(*tile) for tile in (*tiles_between(0, tree.size), *edge_tiles(tree.size))}
    for level, index, width in tiles_between(0, tree.size):
        if level == 0:
            paths.add(bundle_path(kind, index, width))  # type: ignore[arg-type]
    for path in paths:
        data = tree.serve(path)
        assert data is not None
        _write(folder / path, data)


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def catch_up(folder: Path, history: History, state: Path) -> tuple[float, int]:
    """Seconds for following all of a log and judging it, and how many findings there are."""
    log = MonitoredLog(history.log.trust, FolderFetcher(folder))
    started = time.perf_counter()
    report = asyncio.run(monitor_once(state, [log], VENDOR.anchors(), now_ms=milliseconds(150)))
    elapsed = time.perf_counter() - started
    assert report.logs[0].error is None, report.logs[0].error
    return elapsed, len(report.findings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--evidence", type=int, default=2_000)
    parser.add_argument("--shared", type=int, default=2_000)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"bench": "monitor"}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for label, count, options in (
            ("plain", arguments.count, {}),
            ("evidence", arguments.evidence, {"evidence": True}),
            ("one_device", arguments.shared, {"devices": 1, "subscribers": 100}),
            ("one_device_twice", 2 * arguments.shared, {"devices": 1, "subscribers": 100}),
        ):
            history = write_log(place / label, count, **options)  # type: ignore[arg-type]
            elapsed, findings = catch_up(place / label, history, place / f"{label}-state")
            figures[label] = {
                "entries": count,
                "seconds": round(elapsed, 2),
                "entries_per_second": round(count / elapsed),
                "findings": findings,
            }
        figures["state_bytes_per_entry"] = round(
            (place / "plain-state" / "monitor.sqlite").stat().st_size / arguments.count
        )
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
