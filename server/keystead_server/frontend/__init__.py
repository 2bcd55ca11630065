# SPDX-License-Identifier: Apache-2.0
"""Front ends: processes that speak HTTP, admit, sign and read, beside the one that sequences.

A front end is stateless. It reads both stores, and reaches the sequencer's intake through a channel:

* `followed`  what is published, read from the stores
* `channel`   frames between a front end and the sequencer's process
* `values`    submissions and promises as they travel in them
* `process`   the program of a front end
* `pool`      starts them, starts a dead one again, stops them
"""
