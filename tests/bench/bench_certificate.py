# SPDX-License-Identifier: Apache-2.0
"""What one certificate costs on its way into a log, in microseconds on one core: one JSON line.

    python tests/bench/bench_certificate.py [--count N] [--repeat R]

Precertificates of one CA for as many keys, with the profile of CSBR 7.1.2.3 and the device extension, each parsed
anew: nothing about a leaf is remembered between them. `admit` is all that this package does for a submission
whose issuers are known: parse, poison, TBS and ids, device extension, leaf verification. The steps after `parse`
are on certificates that were parsed. The best of R runs counts: the machine may have other work.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from cryptography import x509

from keystead.certificate.chain import verify_issuers, verify_leaf
from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import certificate_id, log_tbs, require_precertificate
from keystead.certificate.subscriber import subscriber_of
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ev_subject

Item = TypeVar("Item")


def precertificates(authority: TestCertificateAuthority, count: int) -> list[bytes]:
    """Precertificates for `count` keys on as many devices."""
    made = []
    scheme = "yubico-piv-serial"
    for number in range(count):
        device = DeviceIdentifier(SCHEMES[scheme].oid, device_id(scheme, str(10_000_000 + number)))
        extension = SignatureCreationDevice((device,), Method.KEY_ATTESTATION, bytes(32)).encode()
        made.append(
            authority.issue(
                ev_subject(f"{authority.organization} {number} AB", "SE", f"556000-{number:04}"),
                derive_key(b"bench certificate", str(number)).spki,
                device_extension=extension,
                precertificate=True,
            )
        )
    return made


def microseconds(step: Callable[[Item], object], items: Iterable[Item], repeat: int) -> float:
    """The time of one step, in the best of `repeat` runs over all items."""
    listed = list(items)
    best = float("inf")
    for _ in range(repeat):
        started = time.perf_counter()
        for item in listed:
            step(item)
        best = min(best, time.perf_counter() - started)
    return round(best / len(listed) * 1e6, 2)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    repeat = arguments.repeat
    figures: dict[str, object] = {"bench": "certificate", "count": arguments.count}
    for key in ("ec-p256", "rsa-4096"):
        authority = TestCertificateAuthority(f"Bench {key}", key=key, seed=b"bench certificate")
        ders = precertificates(authority, arguments.count)
        leaves = [parse_certificate(der) for der in ders]
        root = parse_certificate(authority.root_der)
        intermediate = parse_certificate(authority.intermediate_der)
        issuer = verify_issuers(leaves[0], [intermediate], {root.fingerprint: root})[0]

        def admit(der: bytes, issuer: Certificate = issuer) -> None:
            leaf = parse_certificate(der)
            require_precertificate(leaf)
            certificate_id(issuer.spki_hash, log_tbs(leaf))
            device_extension(leaf)
            verify_leaf(leaf, issuer)

        figures[key.replace("-", "_")] = {
            "bytes": len(ders[0]),
            "extensions": len(leaves[0].extensions),
            "parse_us": microseconds(parse_certificate, ders, repeat),
            "library_load_us": microseconds(x509.load_der_x509_certificate, ders, repeat),
            "log_tbs_us": microseconds(log_tbs, leaves, repeat),
            "device_extension_us": microseconds(device_extension, leaves, repeat),
            "subscriber_us": microseconds(subscriber_of, leaves, 1),  # subjects are remembered
            "verify_leaf_us": microseconds(
                lambda leaf, issuer=issuer: verify_leaf(leaf, issuer), leaves, repeat
            ),
            "admit_us": microseconds(admit, ders, repeat),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
