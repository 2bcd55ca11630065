# SPDX-License-Identifier: Apache-2.0
"""How much evidence one core identifies: one JSON line for each format and shape of chain.

    python tests/bench/bench_evidence.py [--format NAME] [--count N] [--repeat R]

Devices and keys are all different, as in a log; f9 keys are shared by batches of a hundred, as in production.
`parse_and_verify` is what an answer to a submission costs (canonical bytes to identities), `collect` what
`identify` costs on a PEM bundle. What counts is CPU time in the best of R runs: the machine may have other work.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from functools import partial

from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence, parse_evidence
from keystead.devices.verify import verify_evidence
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.vendor import TestVendor

VENDOR = TestVendor("bench evidence")
ANCHORS = VENDOR.anchors()

FIRMWARES = {"u2f": (4, 3, 7), "piv": (5, 4, 3), "attestation-root": (5, 7, 4)}


def attested_key(number: int) -> bytes:
    """The key that piece `number` attests, as SubjectPublicKeyInfo."""
    return derive_key(b"bench evidence", str(number)).spki


def yubikey(firmware: tuple[int, int, int], number: int) -> Evidence:
    """An attestation by YubiKey `number`."""
    device = VENDOR.yubikey(10_000_000 + number, firmware=firmware, batch=str(number // 100))
    return device.attest(attested_key(number))


def yubihsm(hierarchy: str, number: int) -> Evidence:
    """An attestation by YubiHSM `number`: a hundred devices, because each has an RSA key of its own to make."""
    return VENDOR.yubihsm(10_000_000 + number % 100, hierarchy=hierarchy).attest(attested_key(number))


def nshield(protection: str, number: int) -> Evidence:
    """A bundle by one of ten modules: making DSA signatures takes longer than reading them."""
    device = VENDOR.nshield(f"AAAA-AAAA-{number % 10:04}")
    return device.attest(attested_key(number), protection=protection, recoverable=True)


def luna(path: str, number: int) -> Evidence:
    """A confirmation by one of a hundred Luna modules."""
    return VENDOR.luna(500_000 + number % 100, path=path).attest(attested_key(number))


CASES: dict[tuple[str, str], Callable[[int], Evidence]] = {
    **{("yubikey-piv", name): partial(yubikey, firmware) for name, firmware in FIRMWARES.items()},
    **{("yubihsm", name): partial(yubihsm, name) for name in ("sub-ca", "attestation-root")},
    **{("luna-pkc", name): partial(luna, name) for name in ("chrysalis-its", "tc-trustcenter", "ecc")},
    ("nshield", "module"): partial(nshield, "module"),
}
"""By format and shape of chain, what makes piece number so-and-so."""


def rate(run: Callable[[], object], count: int, repeat: int) -> float:
    """How many pieces a second of one core, in the best of `repeat` runs."""
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return round(count / best, 1)


def identify_all(bundles: Iterable[bytes]) -> None:
    """What `keystead identify` does with each bundle."""
    for bundle in bundles:
        for piece in collect({"bundle.pem": bundle}, ANCHORS).pieces:
            identify(piece, ANCHORS)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--format", action="append", help="only this one (repeatable)")
    arguments = parser.parse_args()
    for (name, hierarchy), make in CASES.items():
        if name not in (arguments.format or [name]):
            continue
        evidence = [make(number) for number in range(arguments.count)]
        encoded = [piece.encode() for piece in evidence]
        bundles = ["".join(map(to_pem, (piece.data, *piece.chain))).encode() for piece in evidence]
        figures = {
            "bench": "evidence",
            "format": name,
            "hierarchy": hierarchy,
            "chain": len(evidence[0].chain),
            "bytes": len(encoded[0]),
            "count": arguments.count,
            "parse_and_verify_per_second": rate(
                lambda encoded=encoded: [verify_evidence(parse_evidence(one), ANCHORS) for one in encoded],
                arguments.count,
                arguments.repeat,
            ),
            "collect_per_second": rate(
                lambda bundles=bundles: identify_all(bundles), arguments.count, arguments.repeat
            ),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
