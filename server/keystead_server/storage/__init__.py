# SPDX-License-Identifier: Apache-2.0
"""Where a log is kept: two small stores, and what each is trusted with.

* `interface`  the two protocols, their rows, heads and errors
* `paths`      which names an object may have
* `directory`  objects as files of a directory
* `sqlite`     heads and rows in SQLite
* `memory`     both in memory, for tests
* `lock`       one server on one data folder

==================  ==================================  =====================================================
store               losing it                           altering it
==================  ==================================  =====================================================
`BlobStore`         ends the log: restore it from a     can at most stop the log: what is read back is checked
                    backup or a mirror                  against the signed roots before it is used
`HeadStore`         ends the log: without it nobody     can make the log sign a second history, or log a
                    knows what was signed last          duplicate: it is trusted
==================  ==================================  =====================================================

A `HeadStore` restored from an old backup is a loss, not a rescue: recovery refuses to run on one that is
older than what is published.
"""
