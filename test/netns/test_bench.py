# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""`make bench` in tiny sizes: each of its rows works and yields a figure, and nothing is left
behind, also when it is interrupted. What the figures say is not judged here."""
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hosts import BUILD, ROOT, run, wait_for

BENCH = ROOT / "test" / "bench" / "bench.py"
sys.path.insert(0, str(BENCH.parent))

import agents  # noqa: E402
import report  # noqa: E402
from figures import Goal, Row  # noqa: E402

GROUPS = ("gossip", "leases", "attach", "program", "crowd", "traffic", "simulated", "kept")


def command(tmp_path, *args):
    return [sys.executable, BENCH, "--build", BUILD, "--smoke", "--json", tmp_path / "bench.json",
            *args]


def left_by(pid):
    """What a run made on the machine: namespaces, processes that know its directory, and that."""
    found = [name for name in run("ip", "netns", "list").stdout.split()
             if name.startswith(f"weft{pid}x")]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"weft-bench-{pid}-" in words:
            found.append(words)
    return found + list(Path("/var/tmp").glob(f"weft-bench-{pid}-*"))


@pytest.mark.parametrize("group", GROUPS)
def test_each_row_yields_a_figure_and_nothing_is_left(tmp_path, group):
    bench = subprocess.Popen(command(tmp_path, "--only", group), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = bench.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        bench.send_signal(signal.SIGINT)  # so that it takes its world along
        pytest.fail(f"it still runs: {bench.communicate(timeout=60)[0]}")
    assert bench.returncode == 0, said
    assert left_by(bench.pid) == []
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["smoke"] and report["machine"]["cores"] and report["versions"]["weft"]
    rows = report["results"]
    assert [row for row in rows if not row["missing"]], "nothing of it is there"
    for row in rows:
        if row["missing"]:
            assert row["missing"].endswith(" yet"), row
            continue
        if row["kept"]:
            assert row["kept"] in said
            continue
        assert "make peers" not in (row["note"] or ""), row
        assert row["weft"]["runs"] > 0 and row["measure"] in said
        assert row["weft"]["min"] <= row["weft"]["median"] <= row["weft"]["max"]
        if row["peer"]:
            assert row["peer"]["runs"] > 0, row
            assert row["peer"]["median"] == 0 or row["ratio"] > 0, row


def test_less_than_a_goal_speaks_of_can_miss_it_but_not_meet_it():
    goal = Goal("worst", "<=", 4, runs=3)
    assert Row("g", "m", "s", [1, 2, 3], goal=goal).verdict() == "met"
    few = Row("g", "m", "s", [1, 2], goal=goal)
    assert (few.is_met(), few.verdict()) == (None, "so far (2 of 3 runs)")
    assert Row("g", "m", "s", [1, 5], goal=goal).verdict() == "MISSED"
    part = Row("g", "m", "s", [1, 2, 3], goal=goal, short="6 of 24 h")
    assert (part.is_met(), part.as_json()["short"]) == (None, "6 of 24 h")


def test_who_reads_of_a_missed_goal_reads_the_reason_and_of_a_met_one_does_not():
    goal = Goal("worst", "<=", 4)
    missed = Row("g", "m", "s", [5], goal=goal, why="the kernel; tried: a sieve")
    met = Row("g", "n", "s", [3], goal=goal, why="nobody reads this")
    said = report.table([missed, met])
    assert "the kernel; tried: a sieve" in said and "nobody" not in said
    assert (missed.as_json()["why"], met.as_json()["why"]) == (missed.why, None)


def verdicts(fleet, agent):
    """How often an agent has held another for failed, as it counts itself."""
    page = run("curl", "-sf", "--unix-socket", agent.socket, "http://weft/metrics").stdout
    return int(re.search(r"^weft_gossip_failures_total (\d+)$", page, re.M)[1])


def test_each_verdict_of_each_agent_is_counted(lab):
    with closing(agents.WeftFleet(lab)) as fleet:
        fleet.grow(4)
        victim = fleet.agents[2]
        others = [agent for agent in fleet.agents if agent is not victim]
        subjects = {agent.subject for agent in fleet.agents}
        with fleet.listening() as since:
            before = sum(verdicts(fleet, agent) for agent in others)
            victim.process.kill()
            for other in others:
                fleet.watch.known([other.name], fleet.verdict, victim.subject, since, 30)
            # Three, unless the machine stands still so long that one of them is held for failed too.
            wait_for("as many are heard as were made", lambda: fleet.watch.count(
                fleet.verdict, subjects, since) == sum(
                    verdicts(fleet, agent) for agent in others) - before, 30, 0.1)


def test_a_run_that_is_interrupted_leaves_nothing(tmp_path):
    with open(tmp_path / "said", "wb") as said:
        bench = subprocess.Popen(command(tmp_path, "--only", "traffic", "--only", "program"),
                                 stdout=said, stderr=said, start_new_session=True)
    try:
        wait_for("it made its world", lambda: len(left_by(bench.pid)) > 4, 30)
        os.killpg(bench.pid, signal.SIGINT)  # as Ctrl-C: all that it runs hear it too
        assert bench.wait(30) == 1, (tmp_path / "said").read_text()
    finally:
        if bench.poll() is None:
            bench.kill()
            bench.wait(10)
    assert left_by(bench.pid) == []
    said = (tmp_path / "said").read_text()
    assert "ended by SIGINT" in said and "bench: program" not in said
