# SPDX-License-Identifier: Apache-2.0
"""How fast the monitor catches up with a local log, how that grows, and what memory it takes: one JSON line.

    python tests/bench/bench_monitor.py [--plain N] [--evidence N] [--shared N] [--memory N] [--only NAME …]

Logs in folders are followed from nothing and judged, each by a new process; making them is not counted. Every
certificate has a key of its own.

* `plain`: precertificates of as many subscribers, each on a device of its own, on one core;
* `evidence`: likewise, with evidence beside each, on one core and (`evidence_two_cores`) on two;
* `one_device`: all on one device, at N, twice N and four times N: of a hundred subscribers who share it, and each of
  another (`one_device_each`);
* `memory`: N entries, a device for every ten of them; on one device of a hundred there is a second subscriber.

`per_second` is by the clock; `per_cpu_second` by the time that processes were at it, which a busy machine bends less.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from monitored_log import Shape, write_log

from support.history import milliseconds

_NAMES = ("plain", "evidence", "one_device", "one_device_each", "memory")
_FOLLOWED = Path(__file__).with_name("followed.py")


def follow(folder: Path, jobs: int = 1) -> dict[str, float]:
    """What it takes a new monitor to follow the log in a folder."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, _FOLLOWED, folder, state, "--now", milliseconds(150), "--jobs", jobs]
        done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def measure(shape: Shape, *jobs: int) -> list[dict[str, float]]:
    """The same for a log of some shape, once for each number of processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "log"
        write_log(folder, shape)
        return [follow(folder, number) for number in jobs or (1,)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plain", type=int, default=20_000)
    parser.add_argument("--evidence", type=int, default=8_000)
    parser.add_argument("--shared", type=int, default=1_000)
    parser.add_argument("--memory", type=int, default=100_000)
    parser.add_argument("--only", nargs="*", choices=_NAMES, default=_NAMES)
    arguments = parser.parse_args()
    figures: dict[str, object] = {"bench": "monitor"}
    if "plain" in arguments.only:
        count = arguments.plain
        (figures["plain"],) = measure(Shape(count, count, count))
    if "evidence" in arguments.only:
        count = arguments.evidence
        shape = Shape(count, count, count, evidence=True)
        figures["evidence"], figures["evidence_two_cores"] = measure(shape, 1, 2)
    for name, of_each in (("one_device", False), ("one_device_each", True)):
        if name in arguments.only:
            figures[name] = [
                *(
                    measure(Shape(count, 1, count if of_each else 100))[0]
                    for count in (arguments.shared, 2 * arguments.shared, 4 * arguments.shared)
                )
            ]
    if "memory" in arguments.only:
        count = arguments.memory
        (figures["memory"],) = measure(Shape(count, count // 10, count // 10, strangers=100))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
