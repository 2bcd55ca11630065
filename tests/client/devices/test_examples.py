# SPDX-License-Identifier: Apache-2.0
"""The examples in the documentation of modules run as written."""

import doctest
from types import ModuleType

import pytest

import keystead.devices
from keystead.devices import evidence
from keystead.testvendor import vendor


@pytest.mark.parametrize("module", [keystead.devices, evidence, vendor], ids=lambda one: one.__name__)
def test_examples_run(module: ModuleType) -> None:
    """Every example gives what the text says."""
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
