# SPDX-License-Identifier: Apache-2.0
"""X.509 certificates as a log of code-signing certificates reads them (RFC 5280, RFC 6962).

Pure: bytes and values in and out. `x509` walks the DER, `public_key` compares and uses keys, `chain` judges a
submitted chain, `precertificate` makes what is logged, `device_identifier` and `extension` hold the identity
of the signature creation device, `subscriber` and `name` say whose certificate it is, `lint` explains what is
wrong with one.
"""
