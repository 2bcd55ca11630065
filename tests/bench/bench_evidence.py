# SPDX-License-Identifier: Apache-2.0
"""How much evidence one core identifies: one JSON line for each format and shape of chain.

    python tests/bench/bench_evidence.py [--format NAME] [--count N] [--repeat R]

Devices and keys are all different, as in a log; f9 keys are shared by batches of a hundred, as in production.
`parse_and_verify` is what an answer to a submission costs (canonical bytes to identities), `collect` what
`identify` costs on the files that people have, a PEM bundle mostly. What counts is CPU time in the best of R runs:
the machine may have other work.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterable
from functools import partial

from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence, parse_evidence
from keystead.devices.primus import split_statement
from keystead.devices.remembered_signatures import verifies_again
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


def primus(_: str, number: int) -> Evidence:
    """A statement by one of a hundred Primus HSMs."""
    return VENDOR.primus(18_000_000 + number % 100).attest(attested_key(number))


def marvell(version: int, number: int) -> Evidence:
    """A statement by one of fifty cards of a cloud provider's."""
    module = VENDOR.marvell(f"5.2G1804-ICM{number % 50:06}", version=version)
    return module.attest(attested_key(number))


def qasm(signatures: str, number: int) -> Evidence:
    """A message by one of ten QASMs, with one or two signatures."""
    return VENDOR.qasm(number % 10).attest(attested_key(number), hss=signatures == "ecdsa and hss")


def tpm(digest: str, number: int) -> Evidence:
    """A certification by one of ten TPMs, of which many still sign with SHA-1."""
    return VENDOR.tpm(number, digest=digest).attest(attested_key(number))


def pkix(_: str, number: int) -> Evidence:
    """Evidence by one of a hundred modules."""
    return VENDOR.pkix_module(str(number % 100)).attest(attested_key(number))


def smartcard_hsm(kind: str, number: int) -> Evidence:
    """A request by one of a hundred SmartCard-HSMs, signed by its key as well."""
    device = VENDOR.smartcard_hsm(f"XTTS01{number % 100:05}")
    return device.attest(device.generate(str(number), kind))


def fortanix(number: int) -> Evidence:
    """A statement by one of ten clusters."""
    return VENDOR.fortanix(str(number % 10)).attest(attested_key(number))


CASES: dict[tuple[str, str], Callable[[int], Evidence]] = {
    **{("yubikey-piv", name): partial(yubikey, firmware) for name, firmware in FIRMWARES.items()},
    **{("yubihsm", name): partial(yubihsm, name) for name in ("sub-ca", "attestation-root")},
    ("fortanix", "cluster"): fortanix,
    **{("marvell", f"cloud, version {version}"): partial(marvell, version) for version in (1, 2)},
    **{("luna-pkc", name): partial(luna, name) for name in ("chrysalis-its", "tc-trustcenter", "ecc")},
    ("nshield", "module"): partial(nshield, "module"),
    ("primus", "primus"): partial(primus, "primus"),
    **{("qasm", name): partial(qasm, name) for name in ("ecdsa", "ecdsa and hss")},
    ("smartcard-hsm", "ec-p256"): partial(smartcard_hsm, "ec-p256"),
    ("pkix-evidence", "p256"): partial(pkix, ""),
    **{("tpm2-certify", digest): partial(tpm, digest) for digest in ("sha1", "sha256")},
}
"""By format and shape of chain, what makes piece number so-and-so."""


def pem_bundle(evidence: Evidence) -> dict[str, bytes]:
    """Evidence that consists of certificates, as one file."""
    return {"bundle.pem": "".join(map(to_pem, (evidence.data, *evidence.chain))).encode()}


def primus_files(evidence: Evidence) -> dict[str, bytes]:
    """A statement, its signature and certificates."""
    xml, signature = split_statement(evidence.data)
    chain = "".join(map(to_pem, evidence.chain)).encode()
    return {"key.xml": xml, "key.sig": signature, "chain.pem": chain}


def data_and_chain(evidence: Evidence) -> dict[str, bytes]:
    """A statement, and certificates."""
    return {"statement": evidence.data, "chain.pem": "".join(map(to_pem, evidence.chain)).encode()}


def marvell_files(evidence: Evidence) -> dict[str, bytes]:
    """A statement as clouds give it, and certificates."""
    return {"statement.dat": gzip.compress(evidence.data), "chain.pem": data_and_chain(evidence)["chain.pem"]}


FILES: dict[str, Callable[[Evidence], dict[str, bytes]]] = {
    "marvell": marvell_files,
    "nshield": lambda evidence: {"key.att": evidence.data},
    "primus": primus_files,
    "tpm2-certify": data_and_chain,
    "pkix-evidence": data_and_chain,
    "smartcard-hsm": lambda evidence: {"ce01": evidence.data, "ef2f02": b"".join(evidence.chain)},
    "qasm": lambda evidence: {"message.pem": to_pem(evidence.data, "ATTESTATION MESSAGE").encode()},
}
"""By format, the files that people have; elsewhere a PEM bundle."""


def rate(run: Callable[[], object], count: int, repeat: int) -> float:
    """How many pieces a second of one core, in the best of `repeat` runs."""
    best = float("inf")
    for _ in range(repeat):
        verifies_again.cache_clear()  # what the run before has verified must not be remembered in this one
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return round(count / best, 1)


def identify_all(folders: Iterable[dict[str, bytes]]) -> None:
    """What `keystead identify` does with each piece's files."""
    for files in folders:
        for piece in collect(files, ANCHORS).pieces:
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
        folders = [FILES.get(name, pem_bundle)(piece) for piece in evidence]
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
                lambda folders=folders: identify_all(folders), arguments.count, arguments.repeat
            ),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
