# SPDX-License-Identifier: Apache-2.0
"""What somebody with bad intent would send, and how the log refuses it."""

import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.client.submission import LoggedChain
from keystead.demo.cast import AUDITOR, Cast
from keystead.demo.desk import Desk
from keystead.errors import RefusedError
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.payloads import CertificateRevoked, RevocationReason, ServiceAudit, sign_statement
from keystead.statements.statement_key import spki_of
from keystead.testvendor.keys import SigningKey
from keystead.testvendor.subjects import ov_subject
from keystead.testvendor.vendor import TestVendor

__all__ = ["Forgery", "try_forgeries"]

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Forgery:
    """Something refused.

    Attributes:
        what: was sent.
        refusal: the log's answer.
    """

    what: str
    refusal: RefusedError


async def try_forgeries(cast: Cast, desk: Desk, valid: tuple[int, int], logged: LoggedChain) -> list[Forgery]:
    """Send them all.

    Args:
        cast: the honest people.
        desk: reaches their log.
        valid: of the certificate that is sent with forged evidence, in seconds.
        logged: a certificate of the northern CA.
    """
    # A certificate whose key is in no device at all; its CA was told otherwise.
    software_key = SigningKey(Ed25519PrivateKey.generate())
    ca = cast.north.ca
    certificate = ca.issue(
        ov_subject("Elm Trading LLC", "US"), software_key.spki, not_before=valid[0], not_after=valid[1]
    )
    chain = (certificate, *ca.chain)

    device = cast.vendor.yubikey(70_000_003)
    borrowed = device.attest(device.generate("9a").spki, "9a")
    home_made = TestVendor("made at home", "ec-p256").yubikey(70_000_003).attest(software_key.spki, "9a")

    origin = desk.trust.statements.key.origin
    now = int(time.time())
    impostor = Ed25519PrivateKey.generate()
    audit = ServiceAudit(
        origin,
        now,
        service=cast.service,
        service_name=cast.service_name,
        founding_key=spki_of(cast.operator_key),
        operator_name=cast.operator,
        operator_key=spki_of(impostor),
        scheme=AuditScheme.WEBTRUST_CSBR_NETSEC,
        auditor=AUDITOR,
        not_before=now - _DAY,
        not_after=now + 300 * _DAY,
    )
    revocation = CertificateRevoked(
        origin,
        now,
        certificate=logged.certificate_id,
        issuance_index=logged.entry.leaf_index,
        on=now,
        reason=RevocationReason.KEY_COMPROMISE,
    )
    return [
        Forgery(
            "a certificate, with a device's true attestation of another key",
            await desk.refused_chain(chain, borrowed),
        ),
        Forgery(
            "the same, with an attestation of its key that was made at home",
            await desk.refused_chain(chain, home_made),
        ),
        Forgery(
            f"an audit that names {AUDITOR} and is signed by somebody else",
            await desk.refused_statement(sign_statement(impostor, audit)),
        ),
        Forgery(
            f"{cast.south.name} revokes a certificate of {cast.north.name}",
            await desk.refused_statement(sign_statement(cast.south.key, revocation)),
        ),
    ]
