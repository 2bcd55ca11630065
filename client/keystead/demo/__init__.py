# SPDX-License-Identifier: Apache-2.0
"""The demonstration: two CAs, a shared device and an audited service, on a log of its own.

`shared_device` is the story with a test vendor, `real_certificate` the one with a published certificate and
attestation. Both do what their people would do, through the same packages as the command line, and leave a folder
behind. `cast` makes the people and their keys, `folder` says where things lie, `desk` talks to the log, `watch` is
the monitor's user, `story` is what the teller is told.
"""
