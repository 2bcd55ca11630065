# SPDX-License-Identifier: Apache-2.0
"""Submissions by the ten thousand that are damaged somewhere: refused by name, or harmless.

What a CA did not sign is never logged. What a CA did sign is logged if it is a certificate, however odd, and
then the log must still be readable from end to end.
"""

import asyncio
import json
import logging
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.device_identifier import EXTENSION_OID
from keystead.certificate.x509 import parse_certificate
from keystead.devices.evidence import Evidence, evidence_to_json
from keystead.testvendor.certificates import extension, name, sign_tbs
from support.damaged_der import damaged_everywhere
from support.running_log import RunningLog, running_log
from support.whole_log import read_whole_log
from support.world import Leaf

PRE = "/issuance/ct/v1/add-pre-chain"
AT_ONCE = 64


def submission(chain: Iterable[bytes], *pieces: Any) -> bytes:
    """A body of `add-pre-chain`."""
    document: dict[str, Any] = {"chain": [b64encode(der).decode() for der in chain]}
    if pieces:
        document["evidence"] = list(pieces)
    return json.dumps(document).encode()


async def submit_all(log: RunningLog, bodies: Iterable[bytes], path: str = PRE) -> Counter[str]:
    """Submit each; how often each code was the answer, and `logged` for what was logged anew.

    Every answer is a 200 or a 4xx problem, and the log grows by what was logged alone.
    """
    before, said_before = await log.sizes()
    codes: Counter[str] = Counter()
    logged: set[int] = set()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def submit(body: bytes) -> None:
        async with at_once:
            answer = await log.post(path, body)
        if answer.status == 200:
            logged.add(answer.json["leaf_index"])
        else:
            assert 400 <= answer.status < 500, (answer.json, body[:2000])
            codes[answer.code] += 1

    await asyncio.gather(*(submit(body) for body in bodies))
    fresh = {index for index in logged if index >= before}
    size, said = await log.sizes()
    assert size == before + len(fresh)
    assert fresh or said == said_before
    codes["logged"] = len(fresh)
    return codes


def assert_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing was logged as if something had failed."""
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def assert_readable(log: RunningLog) -> None:
    """Everything that was logged can be read, proven and shown."""
    whole = await read_whole_log(log)
    assert (await log.get("/")).status == 200
    for start in range(0, len(whole.entries), 256):
        answer = await log.get(f"/issuance/ct/v1/get-entries?start={start}&end={start + 255}")
        assert answer.status == 200


async def test_a_precertificate_damaged_at_every_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without its CA's signature over the damage, nothing is logged but what means the same to everybody."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        bodies = [submission((der, *leaf.authority.chain)) for der in damaged_everywhere(leaf.precertificate)]
        assert len(bodies) > 1400
        codes = await submit_all(log, bodies)
        assert codes["logged"] == 0
        assert codes["certificate-malformed"] > 500, codes
    assert_quiet(caplog)


async def test_a_precertificate_damaged_at_every_level_and_signed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A CA signs each damage: refused by name, or logged and readable; every stage of admission is reached."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        tbs = parse_certificate(leaf.precertificate).tbs
        key = leaf.authority.issuer_key
        bodies = [
            submission((sign_tbs(each, key), *leaf.authority.chain)) for each in damaged_everywhere(tbs)
        ]
        codes = await submit_all(log, bodies)
        reached = {
            "certificate-malformed",
            "poison-missing",
            "code-signing-missing",
            "extension-malformed",
            "issuer-name",
            "logged",
        }
        assert all(codes[code] for code in reached), codes
        await assert_readable(log)
    assert_quiet(caplog)


async def test_a_chain_damaged_at_every_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The issuing CA's certificate, signed by its root again and not."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        issuing, root = leaf.authority.chain
        tbs = parse_certificate(issuing).tbs
        issuers = [
            *damaged_everywhere(issuing),
            *(sign_tbs(each, leaf.authority.root_key) for each in damaged_everywhere(tbs)),
        ]
        codes = await submit_all(log, (submission((leaf.precertificate, each, root)) for each in issuers))
        assert {"chain-malformed", "issuer-name", "issuer-not-ca", "signature-invalid"} <= codes.keys()
        await assert_readable(log)
    assert_quiet(caplog)


async def test_evidence_damaged_at_every_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The attestation and each certificate above it: refused, and so the certificate beside it."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        piece = log.world.evidence(leaf, 7)
        pieces = [
            Evidence(piece.format, each, piece.chain) for each in damaged_everywhere(piece.data) if each
        ]
        for place, der in enumerate(piece.chain):
            pieces += [
                Evidence(piece.format, piece.data, (*piece.chain[:place], each, *piece.chain[place + 1 :]))
                for each in damaged_everywhere(der)
                if each
            ]
        chain = (leaf.precertificate, *leaf.authority.chain)
        codes = await submit_all(log, (submission(chain, evidence_to_json(each)) for each in pieces))
        assert codes["logged"] == 0
        assert {"evidence-malformed-attestation", "evidence-malformed-chain"} <= codes.keys()
    assert_quiet(caplog)


def extensions(leaf: Leaf) -> Iterator[bytes]:
    """Device extensions that are nearly right."""
    assert leaf.extension is not None
    yield from damaged_everywhere(leaf.extension)
    yield leaf.extension * 2
    yield b""
    yield b"\x30" + b"\x84\x7f\xff\xff\xff"
    chance = random.Random(4)
    for _ in range(300):
        data = bytearray(leaf.extension)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        yield bytes(data)


async def test_variants_of_the_device_extension(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Signed by the CA and wrong: `extension-malformed`. Other extensions, critical or doubled, as RFC 5280 has it."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        variants = [Leaf(leaf.authority, leaf.subject, leaf.key, each) for each in extensions(leaf)]
        codes = await submit_all(log, (each.body(each.precertificate) for each in variants))
        assert codes["extension-malformed"] > 200
        extra = (
            extension("1.2.3.4", b"", critical=True),
            extension("1.2.3.4", bytes(20_000)),
            extension("2.5.29.37", b"\x30\x00"),
            extension(EXTENSION_OID, leaf.extension or b""),
            extension("2.5.29.19", b"\x30\x03\x01\x01\xff", critical=True),
            b"\x30\x00",
            extension("1.3.6.1.4.1." + ".".join(["4294967295"] * 30), b"\x05\x00"),
        )
        others = [log.world.leaf("Extra AB", serial=8, extra_extensions=(each,)) for each in extra]
        await submit_all(log, (each.body(each.precertificate) for each in others))
        await assert_readable(log)
    assert_quiet(caplog)


def bodies_of_all_kinds(good: bytes) -> Iterator[bytes]:
    """JSON that is none, too deep, doubled, too great, of the wrong types."""
    document = json.loads(good)
    text = good.decode()
    first = document["chain"][0]
    yield from (good[:length] for length in range(0, len(good), max(1, len(good) // 300)))
    yield b"[" * 100_000
    yield b'{"chain":' * 50_000
    yield b'{"chain": ' + b"[" * 60 + b"]" * 60 + b"}"
    yield b" " * 2**20
    yield b'{"chain": ["' + b"A" * (2**20 - 15) + b'"]}'
    yield b'{"chain": [' + b"0," * 400_000 + b"0]}"
    yield b'{"chain": [' + b"9" * 500_000 + b"]}"
    yield b"9" * 2**20
    yield b"-1"
    yield b"1e999999"
    yield b"NaN"
    yield text.replace('"chain"', '"chain": [], "chain"', 1).encode()
    yield text.replace('"chain"', '"\\u0063hain": [], "chain"', 1).encode()
    yield text.replace('"format"', '"format": "x", "format"', 1).encode()
    yield ("\ufeff" + text).encode()
    yield text.encode("utf-16")
    yield text.encode("utf-32")
    yield good.replace(b"chain", b"ch\xffain", 1)
    yield good + b"\0"
    yield good + good
    yield good + b"//"
    yield text.replace('"', "'").encode()
    yield text.replace("chain", "\\ud800", 1).encode()
    for wrong in ("", " ", first[:-1], first + "=", first + "\n", first[:50] + " " + first[50:], "====", "A"):
        yield json.dumps({**document, "chain": [wrong, *document["chain"][1:]]}).encode()
        yield json.dumps({**document, "chain": [*document["chain"][:-1], wrong]}).encode()
    yield json.dumps({**document, "chain": [first.replace("+", "-").replace("/", "_")]}).encode()
    yield json.dumps({**document, "chain": [first] * 11}).encode()
    yield json.dumps({**document, "chain": document["chain"][::-1]}).encode()
    for value in (None, 0, 2**63, -1, True, "", [], {}, [[]], [{}], [None], [0], {"a": []}):
        yield json.dumps({**document, "chain": value}).encode()
        yield json.dumps({**document, "extra": value}).encode()
        yield json.dumps(value).encode()
        if value != []:
            yield json.dumps({**document, "evidence": value}).encode()
        for member in ("format", "data", "chain"):
            (piece,) = document["evidence"]
            if (member, value) != ("chain", []):
                yield json.dumps({**document, "evidence": [{**piece, member: value}]}).encode()
    yield json.dumps({**document, "evidence": document["evidence"] * 5}).encode()


async def test_bodies_that_are_no_submission(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """JSON in all its ways to be wrong, at both paths that take it; the sentence never repeats the body."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        piece = evidence_to_json(log.world.evidence(leaf, 7))
        good = submission((leaf.precertificate, *leaf.authority.chain), piece)
        bodies = list(bodies_of_all_kinds(good))
        for path in (PRE, "/issuance/ct/v1/add-chain", "/statements/add"):
            codes = await submit_all(log, bodies, path)
            assert codes["logged"] == 0, path
            answer = await log.post(path, b'{"' + b"x" * 100_000 + b'": 1, "chain": []}')
            assert len(answer.body) < 1000
        assert (await log.post(PRE, good)).status == 200
    assert_quiet(caplog)


def resident_bytes() -> int:
    """The memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's account of memory")
async def test_ten_thousand_refusals_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Random damage to whole bodies: no state, no word in the log, no memory that grows with their number."""
    chance = random.Random(10)
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        piece = evidence_to_json(log.world.evidence(leaf, 7))
        chain = (leaf.precertificate, *leaf.authority.chain)

        def damaged(count: int) -> Iterator[bytes]:
            for number in range(count):
                ders = list(chain)
                place = number % len(ders)
                data = bytearray(ders[place])
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                # What is random is kept by nobody: neither names nor chains of what was refused.
                data[-8:] = sha256(number.to_bytes(4)).digest()[:8]
                ders[place] = bytes(data)
                yield submission(ders, piece)

        await submit_all(log, damaged(2000))
        before = resident_bytes()
        for _ in range(4):
            codes = await submit_all(log, damaged(2000))
            assert codes["logged"] == 0
        assert resident_bytes() - before < 16 * 1024 * 1024
        assert (await log.post(PRE, submission(chain, piece))).status == 200
    assert_quiet(caplog)


async def test_statements_damaged_by_the_thousand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Envelopes with bytes changed, and payloads re-signed by a party with bytes changed."""
    chance = random.Random(11)
    async with running_log(tmp_path) as log:
        subject = name(("2.5.4.10", "Example AB"))
        leaf = log.world.leaf(serial=7, subject=subject)
        assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        envelope = (await log.statements())[0].envelope
        original = envelope.encode()

        def damaged() -> Iterator[bytes]:
            for _ in range(3000):
                data = bytearray(original)
                for _ in range(chance.randint(1, 3)):
                    place = chance.randrange(len(data))
                    data[place : place + chance.choice((0, 1, 1, 2))] = chance.choice(
                        (b"", b"\0", b'"', b"\\", b"{", b"=", b"A", b"\xff", b"0")
                    )
                yield bytes(data)

        codes = await submit_all(log, damaged(), "/statements/add")
        assert codes["logged"] == 0
        assert codes["envelope-malformed"] > 1000
    assert_quiet(caplog)
