# SPDX-License-Identifier: Apache-2.0
"""The page for people, the log list entry and the metrics."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from keystead.testvendor.certificates import name
from support.running_log import running_log

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202egnp.exe & \"quotes\" 'n' =1+1 {{ 7*7 }}"


async def test_the_page_shows_the_log_and_its_newest_entries(tmp_path: Path) -> None:
    """Name, sizes, keys, policy, entries with their proven devices, and how to use it."""
    async with running_log(tmp_path, name="log.example/one") as log:
        empty = (await log.get("/")).body.decode()
        assert "Nothing is logged yet" in empty
        leaf = log.world.leaf("Visible AB", serial=7)
        answer = await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 7)))
        page = await log.get("/")
        text = page.body.decode()
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        for expected in (
            "log.example/one",
            "Visible AB",
            answer.json["devices"][0],
            log.trust.issuance.key.vkey.encode().replace("+", "&#43;"),
            "Careful Audits",
            "keystead submit",
            (await log.get("/policy")).json["backfill"],
        ):
            assert expected in text or expected.replace("&#43;", "+") in text, expected
        assert (await log.get("/style.css")).headers["Content-Type"].startswith("text/css")


async def test_a_hostile_subject_is_text(tmp_path: Path) -> None:
    """No script runs, no markup is made, no control character arrives, no template is evaluated."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7, subject=name(("2.5.4.6", "SE"), ("2.5.4.10", HOSTILE)))
        assert (await log.add_pre_chain(leaf.body(leaf.precertificate))).status == 200
        page = await log.get("/")
        text = page.body.decode()
        assert "<script" not in text
        assert "&lt;script" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "{{ 7*7 }}" in text
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy


async def test_the_newest_twenty_are_shown_newest_first(tmp_path: Path) -> None:
    """Whatever the size of the log."""
    async with running_log(tmp_path, period_ms=1) as log:
        for number in range(23):
            leaf = log.world.leaf(f"Org {number:02}", serial=number + 1)
            await log.add_pre_chain(leaf.body(leaf.precertificate))
        text = (await log.get("/")).body.decode()
        shown = [number for number in range(23) if f"O=Org {number:02}" in text]
        assert shown == list(range(3, 23))
        assert text.index("Org 22") < text.index("Org 03")


async def test_ct_software_finds_what_it_needs(tmp_path: Path) -> None:
    """The log list entry names key, id, URLs and kind of log, as trust.json does."""
    async with running_log(tmp_path) as log:
        document = (await log.get("/issuance/log.v3.json")).json
        trust = (await log.get("/trust.json")).json["issuance"]
        assert (document["key"], document["log_id"]) == (trust["sct_key"], trust["log_id"])
        assert document["submission_url"] == document["monitoring_url"] == trust["url"] + "/"
        assert document["log_spec"] == "static-ct-api"
        assert document["status"] == "usable"
        assert "temporal_interval" not in document


async def metrics(log_get: object) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample, by name and labels."""
    answer = await log_get("/metrics")  # type: ignore[operator]
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


async def test_metrics_count_what_happens(tmp_path: Path) -> None:
    """Requests by route and status, sizes, batches; paths of strangers make no new series."""
    async with running_log(tmp_path) as log:
        leaf = log.world.leaf(serial=7)
        await log.add_pre_chain(leaf.body(leaf.precertificate, log.world.evidence(leaf, 7)))
        for number in range(5):
            await log.get(f"/no/such/path/{number}")
        seen = await metrics(log.get)
        pre = (("method", "POST"), ("route", "/issuance/ct/v1/add-pre-chain"), ("status", "200"))
        assert seen["keystead_requests_total", pre] == 1
        assert seen["keystead_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 5
        assert seen["keystead_tree_size", (("log", "issuance"),)] == 1
        assert seen["keystead_tree_size", (("log", "statements"),)] == 2
        assert seen["keystead_batches_total", ()] == 1
        assert seen["keystead_recovering", ()] == 0


async def test_every_front_end_answers_for_all(tmp_path: Path) -> None:
    """The counts of two processes are one."""
    async with running_log(tmp_path, front_ends=2) as log:
        for _ in range(10):
            await log.get("/issuance/checkpoint")
        seen = await metrics(log.get)
        route = (("method", "GET"), ("route", "/issuance/checkpoint"), ("status", "200"))
        assert seen["keystead_requests_total", route] == 10
