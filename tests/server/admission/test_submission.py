# SPDX-License-Identifier: Apache-2.0
"""The bodies of submissions: the usual ones are cut at their quotes, and mean what JSON says all the same."""

import json
import random
from base64 import b64encode

import pytest

from keystead.errors import RefusedError
from keystead_server.admission.submission import (
    MAX_CHAIN_LENGTH,
    ChainSubmission,
    _cut,
    _read,
    parse_chain_submission,
)

LEAF, ISSUER, ROOT = b"leaf" * 300, b"issuer" * 100, b"root"
TEXTS = [b64encode(certificate).decode() for certificate in (LEAF, ISSUER, ROOT)]
USUAL = json.dumps({"chain": TEXTS}).encode()
SPACED = json.dumps({"chain": TEXTS}, indent=2).replace("\n", "\r\n\t").encode()


def test_the_usual_body_is_cut() -> None:
    """With white space wherever JSON allows it."""
    for body in (USUAL, SPACED, USUAL.replace(b" ", b""), b" \n" + USUAL + b"\t"):
        assert _cut(body) == (LEAF, ISSUER, ROOT)
        assert parse_chain_submission(body, 10_000) == ChainSubmission((LEAF, ISSUER, ROOT), ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'"',
        b"{}",
        b'{"chain":[]}',
        b'{"chain"["YQ=="]:}',
        b'{:"chain"["YQ=="]}',
        b'{"chain":["YQ==""YQ=="]}',
        b'{"chain":["YQ==",]}',
        b'{"chain":["YQ=="]}}',
        b'{"chain":["YQ=="]} "',
        b'{"chain":["YQ=="],"evidence":[]}',
        b'{"Chain":["YQ=="]}',
        b'{"chain":["YQ=="]}\x0b',
        b'{"chain":["YR=="]}',
        b'{"chain":["YQ"]}',
        b'{"chain":["Y\\u0051=="]}',
        b'{"chain":["YQ==\n"]}',
        b'{"chain":["\xff"]}',
        json.dumps({"chain": ["YQ=="] * (MAX_CHAIN_LENGTH + 1)}).encode(),
    ],
)
def test_any_other_body_is_left_to_the_parser(body: bytes) -> None:
    """Right or wrong."""
    assert _cut(body) is None


def test_the_longest_chain_is_cut() -> None:
    """Ten certificates."""
    assert _cut(json.dumps({"chain": ["YQ=="] * MAX_CHAIN_LENGTH}).encode()) == (b"a",) * MAX_CHAIN_LENGTH


def test_what_is_cut_is_what_the_parser_reads() -> None:
    """Of twenty thousand damaged bodies, each that can be cut says the same to the parser of JSON."""
    chance = random.Random(5)
    pieces = (
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b" ",
        b"\n",
        b"\\",
        b"=",
        b"A",
        b"\0",
        b"\xff",
        b'"chain"',
        b"",
    )
    small = json.dumps({"chain": ["YWJj", "YQ==", "YWI="]}).encode()
    cut = 0
    for _ in range(20_000):
        body = bytearray(chance.choice((small, small.replace(b" ", b""))))
        for _ in range(chance.randint(0, 3)):
            start = chance.randrange(len(body))
            body[start : start + chance.choice((0, 1, 1, 4))] = chance.choice(pieces)
        found = _cut(bytes(body))
        if found is not None:
            cut += 1
            assert _read(bytes(body)) == (found, ()), body
    assert cut > 1_000


def test_a_chain_has_its_limit() -> None:
    """Of DER altogether."""
    assert parse_chain_submission(USUAL, 1804).chain == (LEAF, ISSUER, ROOT)
    with pytest.raises(RefusedError) as refused:
        parse_chain_submission(USUAL, 1803)
    assert (refused.value.code, refused.value.status) == ("chain-too-large", 413)
