# SPDX-License-Identifier: Apache-2.0
"""Small files that cost a careless reader hours or gigabytes, read under a limit that the system keeps.

Run as a program, it reads every bomb in this process and prints its name: what the process dies of, if it does, is
the bomb after the last name.
"""

import gzip
import json
import resource
from collections.abc import Iterator

from keystead.devices.collect import collect, identify
from keystead.devices.evidence import MAX_EVIDENCE_BYTES, Evidence
from keystead.devices.verify import FORMATS, verify_evidence
from keystead.encoding.der import INTEGER, OBJECT_IDENTIFIER, SEQUENCE, encode
from keystead.errors import KeysteadError
from keystead.testvendor.certificates import certificate, common_name, to_pem
from keystead.testvendor.containers import certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.primus import vendor_name
from keystead.testvendor.vendor import TestVendor

__all__ = ["CPU_SECONDS", "MEMORY", "data_bombs", "file_bombs"]

CPU_SECONDS = 300
MEMORY = 1 << 30
"""Bytes of address space, of which the interpreter and OpenSSL take a good part."""

_ROOM = MAX_EVIDENCE_BYTES - 200
_MEBIBYTE = 1 << 20
_KEY = derive_key(b"bombs", "key")


def _nested(depth: int) -> bytes:
    """DER of sequences inside of each other."""
    data = b""
    while len(data) < depth:
        data = encode(SEQUENCE, data)
    return data


def _xml(body: str) -> bytes:
    """A Primus HSM's statement, with its length before it and nothing that signed it."""
    text = f'<private_key creation="generated">{body}</private_key>'.encode()
    return len(text).to_bytes(4) + text + bytes(256)


def data_bombs() -> dict[str, bytes]:
    """What stands for the data of evidence, of whatever format."""
    return {
        "DER that nests deeply": _nested(_ROOM),
        "DER of many elements": encode(SEQUENCE, b"\x05\x00" * (_ROOM // 2 - 8)),
        "a huge INTEGER": encode(SEQUENCE, encode(INTEGER, b"\x01" * (_ROOM - 16))),
        "a huge OBJECT IDENTIFIER": encode(
            SEQUENCE, encode(OBJECT_IDENTIFIER, b"\x2a" + b"\xff" * 60_000 + b"\x7f")
        ),
        "an identifier of many arcs": encode(SEQUENCE, encode(OBJECT_IDENTIFIER, b"\x2a" + b"\x01" * 60_000)),
        "a length beyond the data": b"\x30\x84\xff\xff\xff\xff" + bytes(1000),
        "JSON that nests deeply": b'{"a":' * 10_000,
        "JSON of many lists": b"[" * 60_000,
        "JSON with a member many times": b'{"warrant":"",' * 4_000 + b'"kcmsg":"","modstatemsg":""}',
        "JSON with a huge number": b'{"warrant":' + b"9" * 60_000 + b"}",
        "XML that declares entities": b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>'
        + _xml("<a>&c;</a>"),
        "XML that nests deeply": _xml("<a>" * 8_000 + "</a>" * 8_000),
        "XML that does not end": _xml("<a" * 30_000),
        "XML with many attributes": _xml("<a " + 'b="" ' * 12_000 + "></a>"),
        "words that announce much": b"\xff\xff\xff\x7f" * 16_000,
        "a TPM's lengths": b"\xff\xff" * 32_000,
        "card-verifiable objects that nest": b"\x67\x82\xff\xf0" + b"\x7f\x21\x82\xff\xe0" * 10_000,
        "nothing but zeros": bytes(_ROOM),
    }


def _quarrel(count: int, kind: str) -> bytes:
    """Attestations and authorities of one name, none of which signed any other."""
    device = TestVendor("bombs", "ec-p256").yubikey(1)
    leaf = device.attestation(_KEY.spki)
    f9 = common_name("Yubico PIV Attestation")
    stranger = derive_key(b"bombs", "stranger", kind)

    def numbered(number: int) -> bytes:
        return certificate(
            subject=f9,
            spki=stranger.spki,
            issuer=common_name(str(number)),
            key=_KEY,
            not_before=0,
            not_after=1,
        )

    leaves = [leaf[:-1] + bytes((number % 256,)) for number in range(count)]
    return "".join(map(to_pem, leaves + [numbered(number) for number in range(count)])).encode()


def file_bombs() -> dict[str, dict[str, bytes]]:
    """Folders of files, for what takes files apart and puts pieces together."""
    many = {f"{number}.xml": _xml(f"<label>{number}</label>")[4:-256] for number in range(300)}
    signatures = {f"{number}.sig": bytes((number % 251,)) * 256 for number in range(300)}
    keys = "".join(
        to_pem(
            certificate(
                subject=vendor_name("attestation-key"),
                spki=derive_key(b"bombs", "rsa", "rsa-2048").spki,
                issuer=common_name(str(number)),
                key=_KEY,
                not_before=0,
                not_after=1,
            )
        )
        for number in range(300)
    )
    carrier = certification_request(
        common_name("x"), _KEY, attributes=tuple((f"1.2.3.{n}", encode(SEQUENCE)) for n in range(60))
    )
    return {
        "gzip that inflates": {"x": gzip.compress(bytes(64 * _MEBIBYTE), 9, mtime=0)},
        "gzip in gzip": {"x": gzip.compress(gzip.compress(bytes(64 * _MEBIBYTE), 9, mtime=0), 9, mtime=0)},
        "PEM that never ends": {"x": b"-----BEGIN A-----\n" * (_MEBIBYTE // 18)},
        "PEM that ends once": {"x": b"-----BEGIN A-----\n" * 58_000 + b"-----END B-----\n"},
        "PEM of many labels": {
            "x": b"".join(b"-----BEGIN %X-----\n" % number for number in range(45_000)) + b"-----END B-----\n"
        },
        "PEM of empty blocks": {"x": b"-----BEGIN CMS-----\n-----END CMS-----\n" * 26_000},
        "JSON of many texts": {"x": json.dumps(["MIIB" + "A" * 92] * 9_000).encode()},
        "JSON of text in text": {
            "x": json.dumps([json.dumps(["-----BEGIN A-----\n" * 900] * 3)] * 9).encode()
        },
        "white space": {"x": b" " * (_MEBIBYTE - 1) + b"{"},
        "certificates that quarrel": {"x": _quarrel(900, "ec-p256")},
        "statements, keys and signatures that do not fit": {**many, **signatures, "keys.pem": keys.encode()},
        "a request with many attributes": {"x": carrier},
        **{f"{name}, in a file": {"x": data} for name, data in data_bombs().items()},
    }


def _explode() -> Iterator[str]:
    anchors = TestVendor("bombs", "ec-p256").anchors()
    for name, files in file_bombs().items():
        try:
            for piece in collect(files, anchors).pieces[:20]:
                identify(piece, anchors)
        except KeysteadError:
            pass
        yield name
    for name, data in data_bombs().items():
        for format_name in FORMATS:
            for evidence in (
                Evidence(format_name, data),
                Evidence(format_name, b"\x30\x00", (data[:32_000],)),
                Evidence(format_name, data[:32_000], (data[:16_000], data[-16_000:])),
            ):
                try:
                    verify_evidence(evidence, anchors)
                except KeysteadError:
                    continue
                raise AssertionError(f"{name} was accepted as {format_name}")
        yield name


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for done in _explode():
        print(done, flush=True)
