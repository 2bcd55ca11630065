# SPDX-License-Identifier: Apache-2.0
"""The device index (`specs/device-index.md`): a Merkle map from what people look up to histories of log entries.

* `kinds`          what can be looked up, and the map's keys
* `mapping`        the frozen rule: which entry stands under which keys
* `history`        the list of entries under one key: its root, its pages
* `map_hash`       leaf and inner nodes, hashed
* `map_proof`      presence and absence, verified
* `map_nodes`      where the nodes of a map lie, many versions in one place
* `map_build`      a map from sorted keys, in one pass
* `map_update`     the next version of a map
* `map_replay`     a map computed again, by whoever compares it with what a log committed to
* `map_prove`      proofs, made
* `answer`         one answer as a JSON document
* `verification`   such a document verified, offline

Pure: memory, files and clocks are the caller's.
"""
