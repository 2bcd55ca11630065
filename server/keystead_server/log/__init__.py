# SPDX-License-Identifier: Apache-2.0
"""The log engine: two trees, one sequencer, one commit order.

* `keys`        the three keys of a log, each for one purpose
* `creation`    a log comes into being, or does not
* `tree`        a growing Merkle tree and its tiles
* `operations`  what waits to be sequenced, and what it became
* `batch`       pure: operations in, entries, tiles, rows and checkpoints out
* `stage`, `commit`  the durable order, and recovery from any instant of it
* `sequencer`   the one loop that turns the pool into batches
"""
