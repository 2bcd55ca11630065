# SPDX-License-Identifier: Apache-2.0
"""Subjects of code-signing certificates as CAs write them (CSBR 7.1.4.2): EV, OV and IV.

Texts go in as given: hostile ones are for the tests to pass.
"""

from keystead.testvendor.certificates import name

__all__ = ["ev_subject", "iv_subject", "ov_subject"]

_PRINTABLE_STRING = 0x13

_COUNTRY = "2.5.4.6"
_STATE = "2.5.4.8"
_LOCALITY = "2.5.4.7"
_ORGANIZATION = "2.5.4.10"
_COMMON_NAME = "2.5.4.3"
_SERIAL_NUMBER = "2.5.4.5"
_BUSINESS_CATEGORY = "2.5.4.15"
_ORGANIZATION_IDENTIFIER = "2.5.4.97"
_GIVEN_NAME = "2.5.4.42"
_SURNAME = "2.5.4.4"
_JURISDICTION_LOCALITY = "1.3.6.1.4.1.311.60.2.1.1"
_JURISDICTION_STATE = "1.3.6.1.4.1.311.60.2.1.2"
_JURISDICTION_COUNTRY = "1.3.6.1.4.1.311.60.2.1.3"


def _subject(*attributes: tuple[str, str | None]) -> bytes:
    """A Name of the attributes that have a value; countries are PrintableString (RFC 5280 appendix A)."""
    stated = [(kind, text) for kind, text in attributes if text]
    return name(
        *(
            (kind, text, _PRINTABLE_STRING) if kind in {_COUNTRY, _JURISDICTION_COUNTRY} else (kind, text)
            for kind, text in stated
        )
    )


def ev_subject(
    organization: str,
    country: str,
    registration_number: str,
    *,
    jurisdiction_country: str | None = None,
    jurisdiction_state: str | None = None,
    jurisdiction_locality: str | None = None,
    organization_identifier: str | None = None,
    business_category: str = "Private Organization",
    state: str | None = None,
    locality: str | None = None,
    common_name: str | None = None,
) -> bytes:
    """DER of an EV subject (CSBR 7.1.4.2.4); the jurisdiction is the country's unless given."""
    return _subject(
        (_JURISDICTION_COUNTRY, jurisdiction_country or country),
        (_JURISDICTION_STATE, jurisdiction_state),
        (_JURISDICTION_LOCALITY, jurisdiction_locality),
        (_BUSINESS_CATEGORY, business_category),
        (_SERIAL_NUMBER, registration_number),
        (_ORGANIZATION_IDENTIFIER, organization_identifier),
        (_COUNTRY, country),
        (_STATE, state),
        (_LOCALITY, locality),
        (_ORGANIZATION, organization),
        (_COMMON_NAME, common_name or organization),
    )


def ov_subject(
    organization: str,
    country: str,
    *,
    state: str | None = None,
    locality: str | None = None,
    organization_identifier: str | None = None,
    common_name: str | None = None,
) -> bytes:
    """DER of a non-EV organization's subject (CSBR 7.1.4.2.3)."""
    return _subject(
        (_ORGANIZATION_IDENTIFIER, organization_identifier),
        (_COUNTRY, country),
        (_STATE, state),
        (_LOCALITY, locality),
        (_ORGANIZATION, organization),
        (_COMMON_NAME, common_name or organization),
    )


def iv_subject(
    given_name: str,
    surname: str,
    country: str,
    *,
    state: str | None = None,
    locality: str | None = None,
) -> bytes:
    """DER of an individual's subject: CAs repeat the person's name as the organization."""
    person = f"{given_name} {surname}"
    return _subject(
        (_COUNTRY, country),
        (_STATE, state),
        (_LOCALITY, locality),
        (_ORGANIZATION, person),
        (_GIVEN_NAME, given_name),
        (_SURNAME, surname),
        (_COMMON_NAME, person),
    )
