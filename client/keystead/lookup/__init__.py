# SPDX-License-Identifier: Apache-2.0
"""Asking a log's device index, and reading what it lists, with every proof checked (`specs/device-index.md`).

For one log, given its trust.json and a fetcher::

    index = LogIndex(trust, fetcher)                       # `log_index`: limits of age and lag are its arguments
    snapshot = await index.open(subject)                   # the first answer decides the head; all others are under it
    history = await snapshot.history(subject)              # all of a history, or its newest entries
    async for page in snapshot.pages(subject): ...         # the same, page by page, with memory for one page
    await snapshot.entries(history.entries)                # `proven`: issuance entries, hashed to the signed root
    await snapshot.statements(said.entries)                # statements, likewise
    snapshot.issuance_tail(), snapshot.statement_tail()    # what lies after the head; `await snapshot.renew()` first
                                                           # reads up to the log's newest checkpoints
    snapshot.documents                                     # every answer as it came, for a record

Everything about a device, a key, a subscriber, a service or a certificate, under one head, with all that is needed to
judge it, and what it means to a monitor::

    snapshot, found = await gather(index, Question(QuestionKind.DEVICE, device_id))
    with LookupTables(trust, found, anchors) as tables:
        views = tables.devices([device_id])                # `monitor.model.DeviceView`, and who is whom

`Gathering` does the same for several subjects at once: `take` each, then `complete`.

* `log_index`   one log's index: asks, and makes snapshots
* `snapshot`    several answers under one head, and the logs under its checkpoints
* `paging`      how the pages of a history join (pure)
* `reading`     what gathering needs of a log, whoever reads it
* `single_entry` an entry with its inclusion proof
* `proven`      entries and statements out of verified trees
* `questions`   which histories answer which question (pure)
* `gathered`    what was gathered, and what is missing from it (pure)
* `gathering`   gathers until nothing is missing
* `tables`      what was gathered, judged by the monitor's own code
* `look_up`     one question to several logs, for `keystead lookup`; `reporting` makes of what was gathered the values
                of `report` and `shown`, with `audits` (was its service audited then, and is it now) and `wording`
* `by_content`  a certificate whose issuer is not at hand

Everything raises errors of `keystead.errors`; a lie is a `VerificationError` whose `check` names what was found.
"""
