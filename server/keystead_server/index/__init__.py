# SPDX-License-Identifier: Apache-2.0
"""The device index of a log (`specs/device-index.md`): built from its tiles, never from the write path.

The indexer runs in a process of its own. It follows both logs, keeps the map and the histories in files, and asks the
sequencer's process to append each `index-head`. Whoever serves HTTP reads the files: a head's nodes are not changed
while the head is kept, so no reader waits for the indexer, nor the indexer for readers.

* `mapped_records`  the map's nodes, in a file that processes share
* `database`        histories and heads, in SQLite
* `histories`       the histories of all keys: extended in batches, read in pages
* `log_tail`        both logs, read from their tiles and checked
* `versions`        the versions of the map that are kept
* `replica`         the index brought to the log's heads, one after another, by whoever can read the log
* `indexer`         where the log can be written: follow, compute, have the head appended, switch
* `head_request`    what it asks of the log
* `channel`         how it asks
* `appending`       the sequencer's part
* `process`         the program of the indexer
* `supervision`     starts it, and starts it again
* `reader`          answers

Losing any of the files, or all, loses nothing: the index is built again from the logs. Altering them can at most stop
the answers, because an answer is checked against its head before it is given, and every client checks it again.
"""
