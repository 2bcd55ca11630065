# SPDX-License-Identifier: Apache-2.0
"""Between admission and the sequencer: what an admitted submission adds to the log, and what it is answered.

Here it is decided what is a duplicate, what is new, and what must wait for another submission. There is one
intake for a log, in the process of its sequencer; front ends reach it directly or through a channel.
"""
