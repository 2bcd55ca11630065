# SPDX-License-Identifier: Apache-2.0
"""The monitor: follows logs, keeps what it learned, and turns facts into findings.

From facts to findings, all pure: `model` (what is known of certificates, devices and services), `subscribers`
(who is whom), `coverage` (when an audited service covers a device for a certificate), `exposure` (when a device
serves several subscribers without that), `severity`, `rules` (one file a rule) and `findings` (what is reported).

The shell: `follow` (catch up with a log, trusting nothing but configured keys), `store` (the embedded database)
and `run` (one round of both, and the judging).
"""
