# SPDX-License-Identifier: Apache-2.0
"""Certificate Transparency's structures: RFC 6962 section 3 with the profile of static-ct-api v1.1.0.

`extensions` holds a leaf's index, `leaf` is the entry that is hashed and signed, `tile_leaf` is how data
tiles keep it, and `sct` is the log's promise. Certificates are opaque here: `keystead.certificate` knows what
is in them.
"""
