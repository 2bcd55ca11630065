# SPDX-License-Identifier: Apache-2.0
"""The audit schemes that statements can name.

Which of them can qualify is policy. By default those do that the CSBR accept for signing services (version
3.10.0, section 8.4.2): WebTrust for CSBR together with WebTrust for network security, or ETSI EN 319 411-1.
"""

from enum import StrEnum

__all__ = ["QUALIFYING_BY_DEFAULT", "AuditScheme"]


class AuditScheme(StrEnum):
    """A scheme, by the name that statements use."""

    WEBTRUST_CSBR_NETSEC = "webtrust-csbr-netsec"
    ETSI_EN_319_411_1 = "etsi-en-319-411-1"
    SOC2 = "soc2"
    ISO27001 = "iso27001"
    FEDRAMP = "fedramp"
    OTHER = "other"


QUALIFYING_BY_DEFAULT = (AuditScheme.WEBTRUST_CSBR_NETSEC, AuditScheme.ETSI_EN_319_411_1)
