# SPDX-License-Identifier: Apache-2.0
"""The device index of a public log, built and served on another machine: from what the log serves to anybody.

* `copying`      both logs, copied into a folder: each file checked up to a signed root before it is written
* `published`    what the copy shows, as whoever answers sees it
* `application`  the index over HTTP, with the tiles that it was built from
* `run`          one round after another: copy, follow, serve

The folder can be thrown away: it comes back from the log. Nothing in it is secret, and whoever alters it can at most
stop the answers.
"""
