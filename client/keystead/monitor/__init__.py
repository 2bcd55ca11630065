# SPDX-License-Identifier: Apache-2.0
"""The monitor: follows logs, keeps what it learned, and turns facts into findings (`specs/monitor.md`).

The way of a fact, and where to look:

1. `follow` catches up with a log, trusting nothing but configured keys; `issuance_entries` and `facts` read issuance
   entries, `statement_entries` has statements read (`statement_reading`) and evidence examined (`evidence`) by other
   processes, `replay` and `statement_facts` judge statements again in the order of the log;
2. `recording`, `profile_rows`, `rows` and `store` keep it, unjudged, in an embedded database; `misbehaviour` keeps what
   logs did wrong, `migrations` takes over what an earlier version kept;
3. `views` reads what bears on a device, a key, a subscriber; `knowledge` and `assembly` say what it means at a moment
   of knowing, as the values of `model`;
4. `profiles`, `grouping` and `subscribers` (who is whom), `coverage` (when an audited service covers a device),
   `standing`, `crowd` and `exposure` (when a device serves several), `succession` and `handovers` (when one after
   another), `spans` and `course` (when a fact holds) are what `rules` are made of, one file a rule, with `severity`,
   `settling` and `showing`;
5. `findings` is what is reported, `found` what it shows; `units` says what needs judging, `judging` judges it; `run` is
   one round of all of it.

Steps 1 and 2, `views`, `units`, `judging` and `run` do input and output; all else is pure, and so are `facts`,
`statement_reading` and `evidence`.
"""
