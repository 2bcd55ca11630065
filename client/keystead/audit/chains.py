# SPDX-License-Identifier: Apache-2.0
"""The chains above logged certificates, verified once each (`specs/log.md`, section 6).

A data tile names each chain by fingerprints, its anchor last. That a chain holds, link by link, depends on nothing but
its certificates; whether its anchor was accepted, the policy in force says, later (`rules`). So one verdict serves for
every leaf below the same chain.

Invariant: what is remembered is bounded, and nothing is remembered of a chain of which a certificate was missing.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from keystead.certificate.chain import MAX_ISSUERS, verify_issuers
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.errors import ChainError, ParseError, SignatureError

__all__ = ["ChainVerdict", "Chains", "split_chain"]

_FINGERPRINT = 32


def split_chain(chain: bytes) -> list[bytes]:
    """The fingerprints of a chain, issuer first."""
    return [chain[at : at + _FINGERPRINT] for at in range(0, len(chain), _FINGERPRINT)]


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What is known of a chain.

    Attributes:
        issuer: the certificate that issues leaves; None if it is missing or cannot be read.
        code: by which rule the chain should not have been admitted; empty if it holds, or if certificates of it are
            missing, which is somebody else's complaint.
        sentence: why, for people.
        size: bytes of its certificates without the anchor, which a submitter can leave out.
    """

    issuer: Certificate | None
    code: str = ""
    sentence: str = ""
    size: int = 0


class Chains:
    """Remembers verdicts.

    Args:
        capacity: how many; the least recently used is forgotten.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._known: OrderedDict[bytes, ChainVerdict] = OrderedDict()

    def judge(self, chain: bytes, issuers: Mapping[bytes, bytes]) -> ChainVerdict:
        """The verdict on a chain.

        Args:
            chain: its fingerprints, one after the other.
            issuers: DER by fingerprint, each with that hash; what is missing is missing.
        """
        fingerprints = split_chain(chain)
        if not fingerprints:
            return ChainVerdict(None, "chain-empty", "its chain has no certificate")
        if len(fingerprints) > MAX_ISSUERS:
            return ChainVerdict(None, "chain-too-long", f"its chain has more than {MAX_ISSUERS} issuers")
        ders = [issuers[fingerprint] for fingerprint in fingerprints if fingerprint in issuers]
        if len(ders) < len(fingerprints):
            return _incomplete(issuers.get(fingerprints[0]))
        verdict = self._known.get(chain)
        if verdict is None:
            verdict = self._known[chain] = _judge(ders)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(chain)
        return verdict


def _judge(ders: list[bytes]) -> ChainVerdict:
    size = sum(len(der) for der in ders[:-1])
    try:
        certificates = [parse_certificate(der) for der in ders]
    except ParseError as error:
        return ChainVerdict(
            _incomplete(ders[0]).issuer, "chain-malformed", f"an issuer cannot be read: {error}", size
        )
    anchor = certificates[-1]
    try:
        # The leaf is not read where there are issuers; the last of these is what this chain ends at.
        verify_issuers(certificates[0], certificates, {anchor.fingerprint: anchor})
    except (ChainError, SignatureError) as error:
        return ChainVerdict(certificates[0], error.check, str(error), size)
    return ChainVerdict(certificates[0], size=size)


def _incomplete(der: bytes | None) -> ChainVerdict:
    """What is left of a chain that is not whole: who issued, perhaps."""
    try:
        return ChainVerdict(None if der is None else parse_certificate(der))
    except ParseError:
        return ChainVerdict(None)
