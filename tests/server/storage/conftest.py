# SPDX-License-Identifier: Apache-2.0
"""Every test here that asks for `site` runs on each pair of stores."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.store_sites import SITES, Site, StorePair


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A place with both stores, empty."""
    return SITES[request.param](tmp_path)


@pytest.fixture
def stores(site: Site) -> Iterator[StorePair]:
    """Both stores of `site`, opened."""
    pair = site.open()
    yield pair
    pair.close()
