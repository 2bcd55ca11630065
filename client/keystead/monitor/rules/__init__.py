# SPDX-License-Identifier: Apache-2.0
"""One file a rule: from facts about one subject to the finding about it at a moment, or none.

Every rule is a pure function. What it says follows from the facts that it is given and the moment that it is asked
about; it reads no clock and remembers nothing.
"""
