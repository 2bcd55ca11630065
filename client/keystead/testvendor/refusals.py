# SPDX-License-Identifier: Apache-2.0
"""Evidence that must be refused: each piece differs from a good one in one thing, signed again where signed.

A format's module adds what is wrong in its own fields; here is what every format with certificates shares.
"""

from dataclasses import dataclass

from keystead.certificate.x509 import parse_vendor_certificate
from keystead.devices.evidence import Evidence
from keystead.testvendor.certificates import basic_constraints, certificate, common_name
from keystead.testvendor.keys import derive_key

__all__ = ["Refusal", "chain_refusals", "flip", "impostor", "stray_certificate"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A piece of evidence that is no good.

    Attributes:
        name: what is wrong, in a few words.
        evidence: the piece.
        check: the check that must refuse it.
        names: what the refusal's sentence must mention.
    """

    name: str
    evidence: Evidence
    check: str
    names: str


def flip(data: bytes, position: int, bits: int = 0x01) -> bytes:
    """`data` with bits of one byte turned over; a negative position counts from the end."""
    changed = bytearray(data)
    changed[position] ^= bits
    return bytes(changed)


def stray_certificate() -> bytes:
    """DER of a self-signed authority that nobody knows."""
    key = derive_key(b"stray", "stray")
    name = common_name("Stray Authority")
    return certificate(
        subject=name,
        spki=key.spki,
        issuer=name,
        key=key,
        not_before=0,
        not_after=2_000_000_000,
        extensions=(basic_constraints(),),
    )


def impostor(der: bytes) -> bytes:
    """DER of a certificate with the names of another and a key of its own, which signed it."""
    original, key = parse_vendor_certificate(der), derive_key(b"impostor", "impostor")
    return certificate(
        subject=original.subject,
        spki=key.spki,
        issuer=original.issuer,
        key=key,
        not_before=0,
        not_after=2_000_000_000,
        extensions=(basic_constraints(),),
    )


def chain_refusals(
    good: Evidence, root_der: bytes, *, stray: bytes | None = None, swapped: bytes | None = None
) -> list[Refusal]:
    """What can be wrong with a chain of certificates, whatever the format.

    Args:
        good: evidence that verifies.
        root_der: the certificate of the pinned key that its chain leads to.
        stray: a certificate of a `Stray`, where the format's are no X.509.
        swapped: likewise, one with the name of the chain's last and another key.
    """
    data, chain = good.data, good.chain

    def changed(chain: tuple[bytes, ...], data: bytes = data) -> Evidence:
        return Evidence(good.format, data, chain)

    stray, swapped = stray or stray_certificate(), swapped or impostor(chain[-1])
    refusals = [
        Refusal(
            "the format is unknown", Evidence("no-such-format", data, chain), "unknown-format", "no-such"
        ),
        Refusal(
            "the root is in the chain", changed((*chain, root_der)), "chain-includes-anchor", "pinned key"
        ),
        Refusal("a stray certificate ends the chain", changed((*chain, stray)), "stray-certificate", "Stray"),
        Refusal("a stray certificate starts it", changed((stray, *chain)), "stray-certificate", "Stray"),
        Refusal("a certificate is there twice", changed((*chain, chain[-1])), "chain-repeats", "twice"),
        Refusal(
            "a certificate is cut short", changed((*chain[:-1], chain[-1][:-1])), "malformed-chain", "element"
        ),
        Refusal(
            "a certificate is no certificate",
            changed((b"\x30\x00", *chain[1:])),
            "malformed-chain",
            "element 1",
        ),
        Refusal(
            "the chain is too long",
            changed(tuple(stray + bytes((n,)) for n in range(9))),
            "chain-too-long",
            "9",
        ),
        Refusal("the chain is missing", changed(()), "unknown-anchor", "neither in the chain"),
        Refusal(
            "the last certificate's signature is wrong",
            changed((*chain[:-1], flip(chain[-1], -1))),
            "wrong-signature",
            "did not sign",
        ),
        Refusal(
            "an intermediate is swapped", changed((*chain[:-1], swapped)), "wrong-signature", "did not sign"
        ),
    ]
    if len(chain) > 1:
        refusals += [
            Refusal("the chain is reversed", changed(chain[::-1]), "chain-order", "out of order"),
            Refusal(
                "the highest certificate is missing", changed(chain[:-1]), "unknown-anchor", "neither in"
            ),
        ]
    if len(chain) > 2:
        middle = changed((chain[0], *chain[2:]))
        refusals.append(Refusal("a certificate between is missing", middle, "missing-link", "follows"))
    return refusals
