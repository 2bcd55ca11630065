# SPDX-License-Identifier: Apache-2.0
"""`keystead statement`: keys, payloads and envelopes; logging them is tested against a real server."""

import json
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from keystead.certificate.device_identifier import device_id
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.encoding.rfc3339 import parse_time
from keystead.statements.dsse import parse_envelope, verify_envelope
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceTransfer,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
    parse_statement,
    service_id_of,
)
from keystead.statements.statement_key import keyid_of, load_statement_key
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import derive_key
from keystead.testvendor.subjects import ov_subject
from support.command_line import CommandLine

ORIGIN = ("--origin", "log.example/statements", "--issued", "2026-11-01T10:00:00Z")
AUDIT = (
    "--service-name",
    "Signhouse",
    "--operator-name",
    "Signhouse BV",
    "--scheme",
    "webtrust-csbr-netsec",
    "--auditor",
    "Quill",
    "--not-before",
    "2026-01-01",
    "--not-after",
    "2026-12-31T23:59:59Z",
)


@pytest.fixture
def key(keystead: CommandLine, tmp_path: Path) -> Path:
    """A key that `keygen` made."""
    out = tmp_path / "party.pem"
    assert keystead("statement", "keygen", "--out", out).code == 0
    return out


def public(key: Path) -> Path:
    """The public key beside a private one."""
    return key.with_name(f"{key.stem}.pub.pem")


def signed(path: Path) -> Statement:
    """What an envelope in a file says."""
    return parse_statement(parse_envelope(path.read_bytes()))


@pytest.mark.parametrize("key_type", ["ed25519", "p256", "p384"])
def test_keygen_makes_a_key_for_its_owner_alone(keystead: CommandLine, tmp_path: Path, key_type: str) -> None:
    """The private key is mode 0600, the public key is beside it, and keyid and key are printed."""
    out = tmp_path / "auditor.pem"

    ended = keystead("statement", "keygen", "--out", out, "--type", key_type, "--json")

    answer = ended.document
    assert ended.code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    private_key = load_pem_private_key(out.read_bytes(), None)
    public_key = load_pem_public_key(public(out).read_bytes())
    assert private_key.public_key() == public_key
    assert answer["keyid"] == keyid_of(load_spki(answer["key"]))
    assert b"PRIVATE" not in (ended.out + ended.err).encode()


def load_spki(text: str) -> bytes:
    """The DER behind base64, if it is a key that may sign statements."""
    from base64 import b64decode

    spki = b64decode(text)
    load_statement_key(spki)
    return spki


def test_keygen_overwrites_nothing(keystead: CommandLine, key: Path) -> None:
    """A second keygen to the same file is refused, and the key stays."""
    before = key.read_bytes()

    ended = keystead("statement", "keygen", "--out", key)

    assert ended.code == 2
    assert key.read_bytes() == before
    public(key).unlink()
    assert keystead("statement", "keygen", "--out", key).code == 2
    assert key.read_bytes() == before


def test_an_audit_names_the_service_by_key_and_name(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """The service's id is computed, the operator's key is the founding key unless another is given."""
    out = tmp_path / "audit.json"
    ended = keystead(
        "statement",
        "new",
        "service-audit",
        *ORIGIN,
        *AUDIT,
        "--founding-key",
        public(key),
        "--sign",
        key,
        "--out",
        out,
    )

    audit = signed(out)
    assert ended.code == 0
    assert isinstance(audit, ServiceAudit)
    assert audit.service == service_id_of(audit.founding_key, "Signhouse")
    assert audit.operator_key == audit.founding_key
    assert audit.log == "log.example/statements"
    assert audit.issued == parse_time("2026-11-01T10:00:00Z")
    assert audit.not_before == parse_time("2026-01-01T00:00:00Z")
    assert audit.not_after == parse_time("2026-12-31T23:59:59Z")


def test_new_sign_in_two_steps_signs_the_bytes_as_they_are(
    keystead: CommandLine, key: Path, tmp_path: Path
) -> None:
    """What `new` writes, `sign` recognizes and signs without changing a byte."""
    payload, envelope = tmp_path / "payload.json", tmp_path / "envelope.json"
    keystead(
        "statement", "new", "service-audit", *ORIGIN, *AUDIT, "--founding-key", public(key), "--out", payload
    )
    payload.write_bytes(payload.read_bytes() + b"\n")

    ended = keystead("statement", "sign", payload, "--key", key, "--out", envelope, "--json")

    read = parse_envelope(envelope.read_bytes())
    assert ended.code == 0
    assert read.payload == payload.read_bytes()
    verify_envelope(read, load_spki(json.loads(payload.read_text())["founding_key"]))
    assert ended.document["kind"] == "service-audit"
    assert ended.document["payload_sha256"] == sha256(payload.read_bytes()).hexdigest()


def test_without_out_the_payload_is_on_stdout(keystead: CommandLine, key: Path) -> None:
    """A pipe gets the JSON and nothing else."""
    ended = keystead("statement", "new", "service-audit", *ORIGIN, *AUDIT, "--founding-key", public(key))

    assert json.loads(ended.out)["service_name"] == "Signhouse"
    assert ended.err == ""


def test_a_withdrawal_names_the_audit_by_its_file(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """The digest and the service come from the audit's payload, or from its envelope."""
    payload, envelope = tmp_path / "payload.json", tmp_path / "envelope.json"
    make = ("statement", "new", "service-audit", *ORIGIN, *AUDIT, "--founding-key", public(key))
    keystead(*make, "--out", payload)
    keystead(*make, "--sign", key, "--out", envelope)
    withdraw = ("statement", "new", "audit-withdrawal", *ORIGIN, "--from", "2026-06-01", "--reason", "gone")

    first, second = tmp_path / "one.json", tmp_path / "two.json"
    assert keystead(*withdraw, "--audit-file", payload, "--sign", key, "--out", first).code == 0
    assert keystead(*withdraw, "--audit-file", envelope, "--sign", key, "--out", second).code == 0

    withdrawal = signed(first)
    assert withdrawal == signed(second)
    assert isinstance(withdrawal, AuditWithdrawal)
    assert withdrawal.audit == sha256(payload.read_bytes()).digest()
    assert withdrawal.service == bytes.fromhex(json.loads(payload.read_text())["service"])


def test_devices_join_by_value_or_by_id(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """`SCHEME:VALUE` is hashed, `SCHEME=HEX` is taken as it is; the next key is a file."""
    out = tmp_path / "devices.json"
    ended = keystead(
        *("statement", "new", "service-devices", *ORIGIN, "--founding-key", public(key)),
        *(
            "--service-name",
            "Signhouse",
            "--join",
            "luna-serial:521174",
            "--leave",
            f"luna-serial={'ab' * 32}",
        ),
        *("--next-key", public(key), "--sign", key, "--out", out),
    )

    devices = signed(out)
    assert ended.code == 0
    assert isinstance(devices, ServiceDevices)
    assert [one.device_id for one in devices.join] == [device_id("luna-serial", "521174")]
    assert [one.device_id.hex() for one in devices.leave] == ["ab" * 32]
    assert devices.from_ == devices.issued
    assert devices.next_key is not None


@pytest.fixture
def chain(tmp_path: Path) -> tuple[Path, bytes]:
    """A chain as it was submitted, and the certificate's id."""
    ca = TestCertificateAuthority("Statement CA")
    der = ca.issue(ov_subject("Somebody", "SE"), derive_key(b"statement", "subscriber").spki)
    file = tmp_path / "chain.pem"
    file.write_text(to_pem(der) + to_pem(ca.intermediate_der))
    return file, certificate_id(ca.issuer_key_hash, log_tbs(parse_certificate(der)))


def test_a_binding_names_the_certificate_by_its_chain(
    keystead: CommandLine, key: Path, chain: tuple[Path, bytes], tmp_path: Path
) -> None:
    """The certificate id is computed from the chain; a service alone needs no device."""
    out = tmp_path / "binding.json"
    ended = keystead(
        *("statement", "new", "device-binding", *ORIGIN, "--chain", chain[0], "--index", 7),
        *("--service", "5a" * 32, "--method", "signingService", "--sign", key, "--out", out),
    )

    binding = signed(out)
    assert ended.code == 0
    assert isinstance(binding, DeviceBinding)
    assert binding.certificate == chain[1]
    assert binding.issuance_index == 7
    assert binding.devices == ()
    assert binding.service == bytes.fromhex("5a" * 32)
    assert binding.supersedes is None


def test_a_revocation_has_a_reason(
    keystead: CommandLine, key: Path, chain: tuple[Path, bytes], tmp_path: Path
) -> None:
    """The reason is a CRLReason by name or notIssued; the date is the statement's own by default."""
    out = tmp_path / "revoked.json"
    make = ("statement", "new", "certificate-revoked", *ORIGIN, "--index", 3, "--sign", key)

    assert keystead(*make, "--certificate", chain[1].hex(), "--reason", "notIssued", "--out", out).code == 0
    assert keystead(*make, "--certificate", chain[1].hex(), "--reason", "certificateHold").code == 2

    revoked = signed(out)
    assert isinstance(revoked, CertificateRevoked)
    assert revoked.on == revoked.issued
    assert revoked.reason.value == "notIssued"


def test_a_transfer_names_the_device_and_both_subscribers(
    keystead: CommandLine, key: Path, tmp_path: Path
) -> None:
    """The date is the statement's own by default; who had it comes first."""
    out = tmp_path / "transfer.json"
    ended = keystead(
        *("statement", "new", "device-transfer", *ORIGIN, "--device", "yubico-piv-serial:7"),
        *("--from", "aa" * 32, "--to", "bb" * 32, "--reason", "sold", "--sign", key, "--out", out),
    )

    transfer = signed(out)
    assert ended.code == 0
    assert isinstance(transfer, DeviceTransfer)
    assert transfer.device.device_id == device_id("yubico-piv-serial", "7")
    assert transfer.subscribers == (bytes.fromhex("aa" * 32), bytes.fromhex("bb" * 32))
    assert transfer.on == transfer.issued


def test_an_alias_names_two_subscribers_or_more(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """In the order given."""
    out = tmp_path / "alias.json"
    ended = keystead(
        *("statement", "new", "subscriber-alias", *ORIGIN, "--subscriber", "bb" * 32),
        *("--subscriber", "aa" * 32, "--reason", "renamed", "--sign", key, "--out", out),
    )

    alias = signed(out)
    assert ended.code == 0
    assert isinstance(alias, SubscriberAlias)
    assert alias.subscribers == (bytes.fromhex("bb" * 32), bytes.fromhex("aa" * 32))


def refused_arguments(key: Path, chain: Path) -> dict[str, tuple[Any, ...]]:
    """Command lines that cannot be obeyed, by what is wrong with them."""
    audit = ("service-audit", *ORIGIN, *AUDIT)
    devices = ("service-devices", *ORIGIN, "--service", "5a" * 32)
    binding = ("device-binding", *ORIGIN, "--index", 0, "--method", "itAudit", "--device", "luna-serial:1")
    return {
        "say which log": ("service-devices", "--service", "5a" * 32, "--join", "luna-serial:1"),
        "founding-key": audit,
        "no device joins or leaves": devices,
        "is not how luna-serial is written": (*devices, "--join", "luna-serial:01"),
        "64 hexadecimal digits": (*devices, "--join", "luna-serial=12"),
        "joins and leaves": (*devices, "--join", "luna-serial:1", "--leave", "luna-serial:1"),
        "say which service": ("service-devices", *ORIGIN, "--join", "luna-serial:1"),
        "is not the id that": (
            *devices,
            "--join",
            "luna-serial:1",
            "--founding-key",
            key,
            "--service-name",
            "x",
        ),
        "say which certificate": binding,
        "is not the id of": (*binding, "--chain", chain, "--certificate", "00" * 32),
        "say which audit": ("audit-withdrawal", *ORIGIN, "--from", "2026-01-01", "--reason", "x"),
        "needs --sign": (*devices, "--join", "luna-serial:1", "--submit"),
        "two subscribers or more": (
            *("subscriber-alias", *ORIGIN, "--subscriber", "aa" * 32, "--reason", "x"),
        ),
        "names a subscriber twice": (
            *("subscriber-alias", *ORIGIN, "--reason", "x"),
            *("--subscriber", "aa" * 32, "--subscriber", "aa" * 32),
        ),
        "to the same one": (
            *("device-transfer", *ORIGIN, "--device", "luna-serial:1", "--reason", "x"),
            *("--from", "aa" * 32, "--to", "aa" * 32),
        ),
        "YYYY-MM-DD": (*devices, "--join", "luna-serial:1", "--from", "yesterday"),
    }


@pytest.mark.parametrize("complaint", list(refused_arguments(Path(), Path())))
def test_what_cannot_be_stated_is_a_usage_error(
    keystead: CommandLine, key: Path, chain: tuple[Path, bytes], complaint: str
) -> None:
    """Each is exit code 2 with one sentence that says what is missing or wrong."""
    ended = keystead("statement", "new", *refused_arguments(public(key), chain[0])[complaint])

    assert ended.code == 2
    assert complaint in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("payload", ["", "{}", "[1]", '{"log":"x","issued":"2026-01-01T00:00:00Z"}', "\x00"])
def test_what_is_no_payload_is_not_signed(
    keystead: CommandLine, key: Path, tmp_path: Path, payload: str
) -> None:
    """A file that is no statement is an input error, and no signature comes out."""
    file = tmp_path / "payload.json"
    file.write_text(payload)

    ended = keystead("statement", "sign", file, "--key", key)

    assert ended.code == 2
    assert ended.out == ""


def test_sign_says_what_a_payload_of_a_kind_lacks(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """With --kind, the complaint is about that kind's members."""
    file = tmp_path / "payload.json"
    file.write_text('{"log":"x","issued":"2026-01-01T00:00:00Z"}')

    ended = keystead("statement", "sign", file, "--key", key, "--kind", "service-devices")

    assert ended.code == 2
    assert "service" in ended.err


def test_only_keys_that_sign_statements_are_taken(keystead: CommandLine, key: Path, tmp_path: Path) -> None:
    """A public key, an encrypted one, another curve and no key at all are refused by name."""
    payload = tmp_path / "payload.json"
    keystead(
        "statement", "new", "service-audit", *ORIGIN, *AUDIT, "--founding-key", public(key), "--out", payload
    )
    private = ec.derive_private_key(5, ec.SECP256K1())
    other_curve, encrypted, text = tmp_path / "curve.pem", tmp_path / "encrypted.pem", tmp_path / "text"
    other_curve.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    encrypted.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    text.write_text("hello")

    for wrong, complaint in (
        (public(key), "no private key"),
        (encrypted, "encrypted"),
        (other_curve, "Ed25519, P-256"),
        (text, "no private key"),
    ):
        ended = keystead("statement", "sign", payload, "--key", wrong)
        assert ended.code == 2
        assert complaint in ended.err
