# SPDX-License-Identifier: Apache-2.0
"""What `/metrics` says of the device index."""

import asyncio
from pathlib import Path

from support.running_log import RunningLog, running_log


async def figures(log: RunningLog) -> dict[str, float]:
    """Every line about the index, by name and labels."""
    lines = (await log.get("/metrics")).body.decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("keystead_index"))
    }


async def test_without_an_index(tmp_path: Path) -> None:
    """A log that keeps no index says nothing of one, but that it answered no question."""
    async with running_log(tmp_path) as log:
        assert (await log.get("/index/v1/policies/")).code == "index-unavailable"
        found = await figures(log)
        assert set(found) == {
            'keystead_index_answers_total{outcome="index-unavailable"}',
            'keystead_index_answers_created{outcome="index-unavailable"}',
        }


async def test_with_an_index(tmp_path: Path) -> None:
    """Sizes, lag, age, keys and batches as of the served head; answers are counted by their outcome."""
    async with running_log(tmp_path, index_period_ms=20) as log:
        leaf = log.world.leaf("Alder AB", serial=5_000_001)
        await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 5_000_001)))
        async with asyncio.timeout(30):
            while (await figures(log)).get('keystead_index_size{log="issuance"}') != 1:
                await asyncio.sleep(0.02)
        assert (await log.get("/index/v1/policies/")).status == 200
        assert (await log.get("/index/v1/policies/?head=999")).status == 404
        assert (await log.get("/index/v1/policies/?limit=no")).status == 400
        assert (await log.get(f"/index/v1/device-certificates/{'00' * 32}")).status == 200
        found = await figures(log)
        assert found["keystead_index_lag"] == 0
        assert 0 <= found["keystead_index_head_age_seconds"] < 600
        # Certificate, key, subscriber and device; the device and the certificate in statements; the policy.
        assert found["keystead_index_keys"] == 7
        assert found["keystead_index_batches_total"] >= 1
        assert found["keystead_index_batch_seconds_total"] > 0
        assert found['keystead_index_size{log="statements"}'] >= 2
        answers = {
            name.split('"')[1]: value
            for name, value in found.items()
            if name.startswith("keystead_index_answers_total")
        }
        assert answers == {"found": 1, "absent": 1, "head-not-held": 1, "bad-parameter": 1}
