# SPDX-License-Identifier: Apache-2.0
"""Keystead: a cross-CA transparency log for signing-device identities.

Three places to start:

* `keystead.devices` turns attestation evidence into device identities, with or without a log;
* `keystead.tlog` and `keystead.ct` verify what a log says: checkpoints, proofs, tiles, SCTs;
* `keystead.monitor` follows logs and judges what they hold.

The command line is `keystead` (`keystead --help`).
"""

__version__ = "0.1.0"
