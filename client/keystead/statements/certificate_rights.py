# SPDX-License-Identifier: Apache-2.0
"""A CA speaks of logged certificates under its own issuing keys only (`specs/statements.md`, section 6.3)."""

from keystead.statements.case import Case, Speaker, refuse

__all__ = ["require_own_certificate"]


def require_own_certificate(certificate: bytes, issuance_index: int, speaker: Speaker, case: Case) -> None:
    """Refuse a statement about a certificate that is not logged there, or not the speaker's.

    Args:
        certificate: certificate id.
        issuance_index: where the statement says that it is logged.

    Raises:
        StatementError: `certificate-not-logged` or `not-the-issuer`.
    """
    # (1) The entry exists, and is one of this certificate.
    logged = case.view.certificate_at(issuance_index)
    if logged is None or logged.certificate_id != certificate:
        refuse(
            case,
            "certificate-not-logged",
            f"issuance entry {issuance_index} is not one of the certificate that the statement names",
        )
    # (2) The policy lists its issuing key for the party that speaks.
    if speaker.party is None or logged.issuer_key_hash not in speaker.party.issuers:
        refuse(
            case,
            "not-the-issuer",
            "the policy in force does not list this certificate's issuing key for the signer",
        )
