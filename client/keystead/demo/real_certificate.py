# SPDX-License-Identifier: Apache-2.0
"""The story of a real certificate, with the published attestation of its key.

The certificate was issued to FEN SYSTEMS LTD., by a CA that knows nothing of Keystead, and its key was generated in a
YubiKey whose attestation was published beside it. With that evidence the certificate can be logged by anybody
who has both, and its device is proven; with the attestation of another key of the same device it is refused.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from keystead.certificate.name import display
from keystead.certificate.x509 import Certificate, certificates_from_pem, parse_certificate
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain
from keystead.client.trust import parse_trust
from keystead.demo.desk import Desk
from keystead.demo.folder import LOG_NAME, LOG_URL, DemoFolder
from keystead.demo.story import Chapter, Ending, NextStep, Teller
from keystead.demo.watch import Watch
from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.collect import collect
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.rfc3339 import format_time
from keystead.errors import RefusedError, UsageError, VerificationError
from keystead_server.main import EmbeddedLog

__all__ = ["tell_real_certificate"]

_PLACE = Path("attestation", "yubikey-piv", "ipxe-28557046")
_CERTIFICATE = "evcs.crt"
_CHAIN = "evcs.chain.pem"
_SLOT_9A = "attestation-9a.crt"
_SLOT_9C = "attestation-9c.crt"
_F9 = "attestation-intermediate.crt"

_POLICY = """\
# Whom this log admits: certificates under the real root, if evidence of their device is beside them.
[issuance]
roots = ["certificates/root.pem"]
backfill = "evidence"
"""


@dataclass(frozen=True, slots=True)
class _Samples:
    """What was published.

    Attributes:
        chain: the certificate, its CA, the root.
        right: the attestation of the certificate's key.
        wrong: that of another key of the same device.
    """

    chain: tuple[bytes, ...]
    right: Evidence
    wrong: Evidence

    @property
    def certificate(self) -> Certificate:
        """The first of the chain."""
        return parse_certificate(self.chain[0])


async def tell_real_certificate(folder: DemoFolder, samples: Path, tell: Teller) -> Ending:
    """Log the certificate with its evidence on a log of its own in `folder`.

    Args:
        folder: of the demonstration.
        samples: holds `attestation/`.
        tell: is told each chapter.

    Raises:
        UsageError: the samples are not there.
        KeysteadError: something did not happen as the story goes.
    """
    read = _read(samples / _PLACE)
    folder.write_chain("certificate", read.chain)
    folder.write_chain("root", read.chain[-1:])
    folder.write_evidence("slot-9a", read.right)
    folder.write_evidence("slot-9c", read.wrong)
    folder.policy.write_text(_POLICY, encoding="utf-8")
    tell(_certificate_chapter(read.certificate))
    tell(_evidence_chapter(read))
    async with (
        EmbeddedLog(folder.log, policy=folder.policy, name=LOG_NAME, period_ms=100) as log,
        HTTPFetcher(log.url) as fetcher,
    ):
        desk = Desk(fetcher, parse_trust(log.trust))
        tell(_logged_chapter(await desk.log_chain(read.chain, read.right), log.url))
        before = await desk.sizes()
        refusal = await desk.refused_chain(read.chain, read.wrong)
        if await desk.sizes() != before:
            raise VerificationError("something that was refused changed the log", check="demo")
        tell(_refused_chapter(refusal))
        findings = await Watch(folder, log.url).look()
    if findings:
        raise VerificationError(f"the monitor has findings: {findings[0].summary}", check="demo")
    tell(
        Chapter(
            "The monitor follows",
            (
                "It verified the tree, the certificate's entry and, under the maker's root that ships with "
                "Keystead, the evidence. One subscriber uses this device, so there is no finding. If anybody ever "
                "logs a certificate of another subscriber with a key in the same device, there will be one."
            ),
        )
    )
    return Ending((), _next_steps(folder))


def _read(place: Path) -> _Samples:
    try:
        files = {
            name: (place / name).read_bytes() for name in (_CERTIFICATE, _CHAIN, _SLOT_9A, _SLOT_9C, _F9)
        }
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read ({error.strerror}): --samples takes the folder that holds {_PLACE}"
        ) from error
    chain = certificates_from_pem(files[_CERTIFICATE]) + certificates_from_pem(files[_CHAIN])
    (right,) = collect({name: files[name] for name in (_SLOT_9A, _F9)}).pieces
    (wrong,) = collect({name: files[name] for name in (_SLOT_9C, _F9)}).pieces
    return _Samples(tuple(chain), right.evidence, wrong.evidence)


def _certificate_chapter(certificate: Certificate) -> Chapter:
    ended = certificate.not_after < time.time()
    return Chapter(
        "A real code-signing certificate",
        "Its CA knows nothing of Keystead, and the certificate says nothing about the device that its key is in."
        + (" It has expired; a log records history, so that is no reason to refuse it." if ended else ""),
        ("what", "is"),
        (
            ("subject", display(certificate.subject)),
            ("issuer", display(certificate.issuer)),
            ("valid", f"{format_time(certificate.not_before)} to {format_time(certificate.not_after)}"),
            ("key SHA-256", certificate.key_hash.hex()),
        ),
    )


def _evidence_chapter(read: _Samples) -> Chapter:
    attestation = verify_evidence(read.right, BUILTIN_ANCHORS)
    require_key(attestation, read.certificate.spki)
    (identity,) = attestation.identities
    return Chapter(
        "The attestation of its key",
        (
            "The holder published what the device says about the key. It is signed by the device, the device's "
            "certificate by its maker, and the key is the certificate's: generated inside, and it cannot leave."
        ),
        ("what", "is"),
        (
            ("device", f"{identity.scheme} {identity.value}"),
            ("device id", identity.device_id.hex()),
            ("model", f"{attestation.vendor} {attestation.model}"),
            ("firmware", attestation.firmware or "not stated"),
            ("certification", attestation.certification or "not stated"),
            ("slot", str(attestation.properties["slot"])),
            *((f"chain: {one.role}", one.name) for one in attestation.chain),
        ),
    )


def _logged_chapter(logged: LoggedChain, url: str) -> Chapter:
    return Chapter(
        "Logged, with its device proven",
        (
            f"A log at {url} accepts the root that the certificate leads to. The certificate was sent with the "
            "evidence; the log verified both, answered with its promise and a proof, and those were verified here."
        ),
        ("what", "is"),
        (
            ("certificate", f"entry {logged.entry.leaf_index}"),
            ("certificate id", logged.certificate_id.hex()),
            ("evidence", f"statement {logged.statement_index}"),
            *(("device id", device.hex()) for device in logged.devices),
        ),
    )


def _refused_chapter(refusal: RefusedError) -> Chapter:
    return Chapter(
        "The same device's attestation of another key is refused",
        "The certificate was sent again, with the attestation of slot 9c. Nothing in either log changed.",
        ("refused as", "because"),
        ((refusal.code, str(refusal)),),
    )


def _next_steps(folder: DemoFolder) -> tuple[NextStep, ...]:
    return (
        NextStep(
            "the evidence, verified by yourself",
            f"identify {folder.shown('evidence', 'slot-9a.evidence')} "
            f"--cert {folder.shown('certificates', 'certificate.pem')}",
        ),
        NextStep(
            "what its CA could have embedded",
            f"extension {folder.shown('evidence', 'slot-9a.evidence')}",
        ),
        NextStep("run the log again, in another terminal", f"serve --data {folder.shown('log')}"),
        NextStep(
            "follow it and judge",
            f"monitor --once --state {folder.shown('monitor')} --log {LOG_URL} "
            f"--trust {folder.shown('log', 'trust.json')}",
        ),
    )
