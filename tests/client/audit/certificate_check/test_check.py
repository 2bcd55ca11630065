# SPDX-License-Identifier: Apache-2.0
"""One certificate in a log: promises that are kept, promises that are not, and what is said about its device."""

from dataclasses import dataclass

import pytest

from keystead.audit.certificate_check.check import CertificateQuestion, verify_certificate
from keystead.audit.certificate_check.report import CertificateReport
from keystead.certificate.extension import Method, device_extension
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.devices.anchors import AnchorSet
from keystead.errors import ChainError, FetchError
from keystead.statements.dsse import sign_envelope
from keystead.statements.payloads import CertificateRevoked, DeviceReference, RevocationReason
from keystead.statements.statement_key import spki_of
from support.audited_history import AuditedHistory
from support.history import Issued, party_key, yubikey
from support.log_folder import ServedFiles, files_of


@dataclass
class Subject:
    """A certificate with a promise, in a log."""

    history: AuditedHistory
    issued: Issued
    certificate: Certificate

    async def verify(
        self,
        certificate: Certificate | None = None,
        *promises: bytes,
        fetcher: Fetcher | None = None,
        with_issuer: bool = True,
        anchors: AnchorSet | None = None,
        promises_only: bool = False,
    ) -> CertificateReport:
        """Ask about the certificate, or about another one."""
        log = self.history.log
        question = CertificateQuestion(
            certificate or self.certificate,
            parse_certificate(self.issued.ca.intermediate_der) if with_issuer else None,
            promises,
            self.history.vendor.anchors() if anchors is None else anchors,
            promises_only,
        )
        return await verify_certificate(question, [(log.trust, fetcher or log)])


def codes(report: CertificateReport) -> list[str]:
    """What is wrong."""
    return [problem.code for problem in report.problems]


@pytest.fixture
def subject() -> Subject:
    """A certificate whose precertificate was logged with its evidence, among others."""
    history = AuditedHistory()
    history.certificate("Omega AB", serial=9)
    with history.one_batch():
        issued, _ = history.naming("Alpha AB", 1, precertificate=True)
    history.certificate("Psi AB", serial=8)
    return Subject(history, issued, history.finish_with(issued, history.promise(issued.index)))


@pytest.mark.parametrize("with_issuer", [True, False])
async def test_a_promise_that_is_kept(subject: Subject, with_issuer: bool) -> None:
    """The promise is signed, the entry is there, the device is attested; the issuer may be found in the log."""
    report = await subject.verify(with_issuer=with_issuer)
    assert report.problems == ()
    assert report.certificate_id == subject.issued.certificate_id
    (promise,) = report.promises
    assert (promise.log, promise.embedded, promise.leaf_index, promise.tree_size) == (
        "log.example/issuance",
        True,
        1,
        3,
    )
    (piece,) = report.evidence
    assert (piece.verified, piece.own_anchors) == (True, True)
    claimed = {(one.device_id, one.value, one.assurance) for one in report.devices}
    assert claimed == {(yubikey(1), None, "ca-verified"), (yubikey(1), "1", "attested")}
    assert report.statements is not None
    assert [(one.kind, one.counts, one.party) for one in report.statements] == [
        ("device-evidence", True, None)
    ]
    assert not report.revoked
    document = report.to_json()
    assert document["entries"] == [{"origin": "log.example/issuance", "index": 1}]
    assert document["ok"] is True


async def test_promises_that_are_given(subject: Subject) -> None:
    """A promise beside the certificate counts: for a precertificate, a certificate, and a certificate of either."""
    history, issued = subject.history, subject.issued
    precertificate = parse_certificate(issued.chain[0])
    plain = parse_certificate(issued.ca.issue(**issued.reissue))  # type: ignore[arg-type]
    first = history.promise(issued.index)
    history.finish(issued)
    second = history.promise(3)
    for certificate, promise, index in ((precertificate, first, 1), (plain, first, 1), (plain, second, 3)):
        report = await subject.verify(certificate, promise)
        assert report.problems == ()
        assert [(one.embedded, one.leaf_index) for one in report.promises] == [(False, index)]
    # Embedded and given once more is one promise; the certificate's own and another are two.
    report = await subject.verify(None, first, second)
    assert [(one.embedded, one.kept) for one in report.promises] == [(True, True), (False, False)]
    assert codes(report) == ["sct-signature"], "the second is of the certificate without promises"


async def test_no_promise(subject: Subject) -> None:
    """A certificate without a promise of the log is not verified; one of another log says nothing here."""
    plain = parse_certificate(subject.issued.ca.issue(**subject.issued.reissue))  # type: ignore[arg-type]
    report = await subject.verify(plain)
    assert codes(report) == ["no-promise"]
    assert report.certificate_id == subject.issued.certificate_id
    assert [one.assurance for one in report.devices] == ["ca-verified", "attested"], (
        "what is said is told all the same"
    )
    other = AuditedHistory("other.example")
    other.certificate("Alpha AB", serial=1)
    report = await subject.verify(plain, other.promise(0), b"\x05 of a later version")
    assert codes(report) == ["no-promise"]
    assert [(one.log, one.kept) for one in report.promises] == [(None, False), (None, False)]


async def test_promises_that_are_not_the_logs(subject: Subject) -> None:
    """A promise that the log did not sign, or signed about another certificate, is worth nothing."""
    history, issued = subject.history, subject.issued
    promise = bytearray(history.promise(issued.index))
    promise[-1] ^= 1
    assert codes(await subject.verify(history.finish_with(issued, bytes(promise)))) == ["sct-signature"]
    of_another = history.promise(2)
    assert codes(await subject.verify(history.finish_with(issued, of_another))) == ["sct-signature"]
    without_index = history.promise(issued.index, extensions=b"")[:-1]
    assert codes(await subject.verify(history.finish_with(issued, without_index))) == ["no-promise"]


@pytest.mark.parametrize(
    ("index", "says"), [(0, "has another entry there"), (2, "has another"), (7, "has no such")]
)
async def test_a_wrong_leaf_index_in_an_sct(subject: Subject, index: int, says: str) -> None:
    """The log signed a promise of a place where the entry is not: both signed things are the proof."""
    history = subject.history
    lied = history.promise(subject.issued.index, leaf_index=index)
    report = await subject.verify(history.finish_with(subject.issued, lied))
    (problem,) = report.problems
    assert (problem.code, problem.index, problem.signed) == ("promise-not-kept", index, True)
    assert says in problem.sentence
    assert problem.evidence["sct"] == lied
    assert problem.evidence["checkpoint"] == history.log.issuance.checkpoint
    assert not report.promises[0].kept


async def test_an_entry_that_was_replaced(subject: Subject) -> None:
    """A log that signs a tree without the entry that it promised is caught."""
    history = subject.history
    history.relabel(
        subject.issued.index, timestamp=history.log.issuance.leaves[subject.issued.index].entry.timestamp - 1
    )
    history.log.publish()
    assert codes(await subject.verify()) == ["promise-not-kept"]
    history.log.issuance.sign(history.log.now_ms, size=1)
    assert codes(await subject.verify()) == ["promise-not-kept"]


async def test_files_that_are_wrong_or_missing(subject: Subject) -> None:
    """What the log does not show is named; nobody is accused for it, and the rest is told."""
    files = files_of(subject.history.log)
    extension = device_extension(subject.certificate)
    assert extension is not None
    assert extension.evidence_digest is not None
    evidence = f"evidence/{extension.evidence_digest.hex()}"
    policy = next(path for path in files if path.startswith("policy/"))
    cases: list[tuple[str, bytes | None, list[str]]] = [
        ("issuance/checkpoint", None, ["checkpoint-withheld"]),
        ("issuance/checkpoint", b"else", ["checkpoint-invalid"]),
        ("issuance/tile/data/000.p/3", None, ["bundle-withheld"]),
        ("issuance/tile/data/000.p/3", files["issuance/tile/data/000.p/3"][:-1], ["bundle-altered"]),
        ("issuance/tile/0/000.p/3", bytes(96), ["bundle-altered"]),
        ("statements/checkpoint", None, ["checkpoint-withheld"]),
        ("statements/tile/entries/000.p/4", None, ["statements-unreadable"]),
        (evidence, None, ["evidence-withheld"]),
        (evidence, b"else", ["evidence-altered"]),
        (policy, None, ["policy-withheld"]),
        (policy, b"{}", ["policy-altered"]),
    ]
    for path, data, expected in cases:
        changed = {name: value for name, value in files.items() if name != path}
        if data is not None:
            changed[path] = data
        report = await subject.verify(fetcher=ServedFiles(changed))
        assert codes(report) == expected, (path, report.problems)


async def test_an_issuer_that_the_log_does_not_know(subject: Subject) -> None:
    """Without the issuer at hand, an entry that leads elsewhere is named; a wrong issuer is refused."""
    history = subject.history
    east = history.certificate("East AB", serial=7, ca=history.east)
    assert east.index == 3
    lied = history.finish_with(subject.issued, history.promise(subject.issued.index, leaf_index=3))
    assert codes(await subject.verify(lied, with_issuer=False)) == ["issuer-unknown"]
    question = CertificateQuestion(
        subject.certificate, parse_certificate(history.east.intermediate_der), (), history.vendor.anchors()
    )
    with pytest.raises(ChainError):
        await verify_certificate(question, [(history.log.trust, history.log)])


async def test_a_log_that_cannot_be_reached(subject: Subject) -> None:
    """That is an error, and no verdict."""

    class Gone(ServedFiles):
        async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
            raise FetchError("nothing answers")

    with pytest.raises(FetchError):
        await subject.verify(fetcher=Gone({}))


async def test_whose_anchors_show_the_device(subject: Subject) -> None:
    """Under anchors that only the log's policy knows, evidence is the log's word, and never attested."""
    report = await subject.verify(anchors=AnchorSet(()))
    assert report.problems == ()
    assert [(one.assurance, one.value) for one in report.devices] == [
        ("ca-verified", None),
        ("ca-verified", "1"),
    ]
    assert [(one.verified, one.own_anchors) for one in report.evidence] == [(True, False)]


async def test_a_key_that_turned_bad_before(subject: Subject) -> None:
    """Evidence that rests on a key which the last policy distrusts is a bare claim."""
    history = subject.history
    history.day(1)
    history.policy(distrusted={history.vendor.anchor().key_hash: history.now - 10 * 86_400})
    report = await subject.verify()
    assert [(one.value, one.assurance) for one in report.devices] == [
        (None, "ca-verified"),
        ("1", "declared"),
    ]


async def test_what_a_ca_says_later(subject: Subject) -> None:
    """Bindings add devices and services, replace what was said before, and end with a revocation."""
    history, issued = subject.history, subject.issued
    service = history.service()
    first = history.bind(issued, serials=[5], method=Method.SHIPPED_BY_CA)
    history.bind(issued, serials=[6], service=service, supersedes=first)
    history.bind(issued, serials=[7], method=Method.DECLARED, supersedes_extension=True)
    history.revoke(issued)
    report = await subject.verify()
    assert report.problems == ()
    assert report.revoked
    assert report.services == (service.id,)
    assert {(one.device_id, one.assurance) for one in report.devices} == {
        (yubikey(1), "attested"),
        (yubikey(6), "ca-verified"),
        (yubikey(7), "declared"),
    }
    assert report.statements is not None
    assert [(one.kind, one.counts) for one in report.statements] == [
        ("device-evidence", True),
        ("device-binding", False),
        ("device-binding", True),
        ("device-binding", True),
        ("certificate-revoked", True),
    ]
    assert "it was replaced since" in report.statements[1].says
    assert "keyCompromise" in report.statements[4].says


async def test_what_nobody_may_say(subject: Subject) -> None:
    """A statement by somebody without the right is the log's fault, and counts for nothing."""
    history, issued = subject.history, subject.issued
    history.revoke(issued, by="South CA")
    history.bind(issued, serials=[5], by="Nobody")
    report = await subject.verify()
    assert codes(report) == ["not-the-issuer", "unknown-party"]
    assert not report.revoked
    assert {one.device_id for one in report.devices} == {yubikey(1)}


async def test_a_certificate_that_was_never_issued(subject: Subject) -> None:
    """`notIssued` ends a precertificate; held against the certificate itself it is void."""
    subject.history.revoke(subject.issued, RevocationReason.NOT_ISSUED)
    report = await subject.verify()
    assert not report.revoked
    assert report.statements is not None
    assert "void" in report.statements[-1].says
    precertificate = parse_certificate(subject.issued.chain[0])
    promise = subject.history.promise(subject.issued.index)
    assert (await subject.verify(precertificate, promise)).revoked


async def test_evidence_that_lies(subject: Subject) -> None:
    """What the log says about evidence is compared with the evidence, and a named piece is missed."""
    history = AuditedHistory()
    issued, _ = history.naming("Alpha AB", 1, record=False, precertificate=True)
    history.log.publish()
    lied = Subject(history, issued, history.finish_with(issued, history.promise(0)))
    assert codes(await lied.verify()) == ["evidence-missing"]
    history.evidence(issued, 1, devices=(DeviceReference("yubico-piv-serial", yubikey(2)),))
    report = await lied.verify()
    assert codes(report) == ["evidence-other-devices"]
    history.evidence(issued, 3)
    assert "evidence-contradicts-extension" in codes(await lied.verify())
    bad = history.vendor.yubikey(1).attest(spki_of(party_key("Nobody")))
    history.record_evidence(issued, bad)
    history.log.publish()
    report = await lied.verify()
    assert "evidence-key-mismatch" in codes(report)
    assert [piece.verified for piece in report.evidence] == [True, True, False]


async def test_promises_only(subject: Subject) -> None:
    """Without statements, nothing is said about them, and they are not fetched."""
    log = subject.history.log
    log.requests.clear()
    report = await subject.verify(promises_only=True)
    assert report.ok
    assert report.statements is None
    assert not [path for path in log.requests if not path.startswith("issuance/")]


async def test_escapes_in_a_payload(subject: Subject) -> None:
    """A statement is found however its signer wrote the JSON."""
    history, issued = subject.history, subject.issued
    statement = CertificateRevoked(
        history.origin,
        history.now,
        certificate=issued.certificate_id,
        issuance_index=issued.index,
        on=history.now,
        reason=RevocationReason.SUPERSEDED,
    )
    text, identifier = statement.encode(), issued.certificate_id.hex()
    escaped = text.replace(identifier.encode(), f"\\u{ord(identifier[0]):04x}{identifier[1:]}".encode())
    assert escaped != text
    history.add_envelope(sign_envelope(party_key("North CA"), statement.payload_type, escaped))
    history.log.publish()
    assert (await subject.verify()).revoked
