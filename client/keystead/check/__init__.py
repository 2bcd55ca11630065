# SPDX-License-Identifier: Apache-2.0
"""The CA's question before it issues: is this device seen under another subscriber? (`specs/check.md`)

* `question`    what is asked, in a form that can be kept
* `candidate`   the certificate that is asked about, as far as it is known
* `whole_log`   a log's index at one head, and what lies after it
* `gathering`   reads what bears on a question
* `tables`      that, judged by the monitor's own code, with the candidate among it
* `precedence`  which of two certificates stood on a device first
* `neighbours`  how each other certificate on a device stands to the one asked about
* `same_key`    whether the key is certified for another subscriber
* `reasons`     why, in words and sentences
* `decide`      the verdict
* `decision`    it as a value, and as JSON
* `answer`      the verdicts of several logs, and their worst

A check can be kept, and decided again offline:

* `record`        the document
* `recording`     makes it
* `recorded_log`  a log as a record shows it, every proof checked again
* `replay`        the same question, answered from it

`whole_log`, `gathering`, `answer` and `recording` talk to a log; the others decide, and do no input or output.
"""
