# SPDX-License-Identifier: Apache-2.0
"""Promises read from what people have, and compared with what they are about."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.audit.certificate_check.dossier import Dossier
from keystead.audit.certificate_check.promise import promised_entry, promises_of, read_promises
from keystead.audit.read_statement import ReadStatement, read_statement
from keystead.certificate.x509 import parse_certificate
from keystead.ct.sct import encode_sct_list, sct_list_extension_value
from keystead.encoding.json import encode_json
from keystead.errors import ParseError, SignatureError
from support.audited_history import small_history
from support.fuzzing import FUZZ, damaged, only_our_errors

HISTORY = small_history()
ONE, OTHER = HISTORY.promise(1), HISTORY.promise(2)
CERTIFICATE = parse_certificate(HISTORY.log.issuance.leaves[2].entry.signed)
SOUTH = HISTORY.south.issuer_key_hash
SCT_KEY = HISTORY.log.trust.issuance.sct_key


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ONE, [ONE]),
        (b64encode(ONE), [ONE]),
        (b64encode(ONE) + b"\n", [ONE]),
        (encode_sct_list([ONE, OTHER]), [ONE, OTHER]),
        (sct_list_extension_value([ONE, OTHER]), [ONE, OTHER]),
        (b64encode(sct_list_extension_value([ONE])), [ONE]),
        (encode_json({"sct_version": 0, "serialized_sct": b64encode(ONE).decode(), "more": None}), [ONE]),
    ],
)
def test_files_of_promises(data: bytes, expected: list[bytes]) -> None:
    """An SCT, a list, the extension's value, or the log's answer; as bytes or as base64."""
    assert read_promises(data) == expected


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"serialized_sct":1}', b'{"serialized_sct":"?"}', b"AAAA", ONE[:-1]]
)
def test_files_of_something_else(data: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(ParseError):
        read_promises(data)


@FUZZ
@given(damaged(ONE, encode_sct_list([ONE, OTHER]), sct_list_extension_value([ONE]), b64encode(ONE)))
def test_any_file(data: bytes) -> None:
    """Nothing but our errors escapes, and what comes out is not empty."""
    found = only_our_errors(read_promises, data)
    assert found is None or all(found)


@FUZZ
@given(damaged(ONE, OTHER))
def test_any_promise(data: bytes) -> None:
    """A damaged promise is no promise."""
    (promise,) = promises_of(CERTIFICATE, [data])
    try:
        promised_entry(promise, CERTIFICATE, SOUTH, SCT_KEY)
    except (ParseError, SignatureError):
        assert data not in {ONE, OTHER}
    else:
        assert data in {ONE, OTHER}


def test_what_was_promised() -> None:
    """The entry is that of the log, with whatever the log wrote beside the index."""
    for index, raw in ((1, ONE), (2, OTHER)):
        (promise,) = promises_of(CERTIFICATE, [raw])
        assert (
            promised_entry(promise, CERTIFICATE, SOUTH, SCT_KEY) == HISTORY.log.issuance.leaves[index].entry
        )
    entry = HISTORY.log.issuance.leaves[1].entry
    extensions = entry.encoded_extensions() + b"\x09\x00\x01x"
    (promise,) = promises_of(CERTIFICATE, [HISTORY.promise(1, extensions=extensions)])
    assert promised_entry(promise, CERTIFICATE, SOUTH, SCT_KEY).extensions == extensions
    with pytest.raises(SignatureError):
        promised_entry(promise, CERTIFICATE, bytes(32), SCT_KEY)


@FUZZ
@given(st.integers(0, 8), damaged(*HISTORY.log.statements.entries))
def test_any_statement(index: int, raw: bytes) -> None:
    """A dossier takes whatever is in the statement log, and judges what is left."""
    beta = next(read for read in _about() if read is not None)
    dossier = Dossier(HISTORY.origin, HISTORY.log.trust.statements.statement_key, beta)
    dossier.take(index, raw)
    assert all(one.refusal is not None for one in dossier.judge({}, {}))


def _about() -> list[bytes | None]:
    """The ids of certificates that statements are about."""
    found = []
    for index, raw in enumerate(HISTORY.log.statements.entries):
        read = read_statement(index, raw)
        if isinstance(read, ReadStatement):
            found.append(getattr(read.statement, "certificate", None))
    return found
