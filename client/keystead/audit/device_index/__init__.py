# SPDX-License-Identifier: Apache-2.0
"""The device index of a log, built again from its entries and compared with what the log committed to.

* `listing`     what entries are listed under, until a head covers them
* `histories`   the history of every key, in the state of an audit
* `position`    how far that came
* `map_file`    memory for the map, in a file without a name
* `heads`       head after head, compared
"""
