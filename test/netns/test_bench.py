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
import gossip  # noqa: E402
import kept  # noqa: E402
import leases  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import simulated  # noqa: E402
from figures import Goal, Row, less  # noqa: E402

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


def figures_of_the_simulator(what, *args):
    """What bench_core would say of a world in which every goal is met."""
    if what == "change":
        return {"nodes": args[0], "changes": [[7.0, 12.0]] * args[1], "idle_speed": 2.0,
                "peak_mib": 100 * args[0]**2 / 2**20}
    if what == "kill":
        return {"seconds": [2.0] * args[1]}
    if what == "stall":
        return {"nodes": args[0], "stalling": args[1], "hours": args[2], "verdicts": 0}
    if what == "resync":
        return {"rows": args[0], "datagrams": [(20, 15)] * args[1]}
    return {"nodes": args[0], "hours": args[1], "rows": args[2], "seconds": [1.0] * 4}


def simulated_verdicts(monkeypatch, **changes):
    monkeypatch.setattr(simulated, "core", figures_of_the_simulator)
    return {(row.group, row.measure, row.goal.text): row.verdict()
            for row in simulated.rows(None, {**simulated.FULL, **changes}) if row.goal}


def test_the_simulated_goals_are_met_by_what_they_speak_of(monkeypatch):
    said = simulated_verdicts(monkeypatch, spread_nodes=10000, kill_nodes=(100,), stall_hours=24)
    assert len(said) == 11 and set(said.values()) == {"met"}, said


@pytest.mark.parametrize("less_of, rows, verdict", (
    ({"spread_nodes": 1000}, 6, "so far (1,000 of 10,000 nodes)"),
    ({"kill_nodes": (25,)}, 2, "so far (25 of 100 nodes)"),
    ({"kills": 19}, 2, "so far (19 of 20 runs)"),
    ({"stall_hours": 6}, 1, "so far (6 of 24 h)"),
    ({"stall_nodes": 64}, 1, "so far (64 of 128 nodes)"),
    ({"stalling": 31}, 1, "so far (31 of 32 that stall)"),
    ({"resync_rows": 1000}, 1, "so far (1,000 of 100,000 rows)"),
    ({"heal_hours": 24}, 1, "so far (24 of 168 h)"),
    ({"heal_rows": 1000}, 1, "so far (1,000 of 100,000 rows)")))
def test_a_smaller_world_meets_no_simulated_goal(monkeypatch, less_of, rows, verdict):
    whole = {"spread_nodes": 10000, "kill_nodes": (100,), "stall_hours": 24}
    said = list(simulated_verdicts(monkeypatch, **{**whole, **less_of}).values())
    assert said.count(verdict) == rows and said.count("met") == 11 - rows, said


def idle(*sizes, more=1.0):
    """Idle traffic that is more times as much in the largest fleet; Serf's grows with the agents."""
    return {size: {agents.WeftFleet: [200 * (more if size == max(sizes) else 1)],
                   agents.SerfFleet: [10 * size]} for size in sizes}


def test_idle_traffic_is_constant_when_it_is_in_all_sizes():
    assert gossip.growth_row(idle(25, 50, 100)).verdict() == "met"
    assert gossip.growth_row(idle(25, 50, 100)).theirs == [2, 4]
    assert gossip.growth_row(idle(25, 50, 100, more=1.2)).verdict() == "MISSED"
    assert gossip.growth_row(idle(25, 100)).verdict() == "so far (2 of 3 sizes)"
    assert gossip.growth_row(idle(10, 25, 50)).verdict() == "so far (50 of 100 agents)"
    assert gossip.growth_row(idle(100)).verdict() == "not measured"


@pytest.mark.parametrize("size, verdict", ((100, "met"), (50, "so far (50 of 100 agents)")))
@pytest.mark.parametrize("is_largest", (True, False))
def test_what_a_smaller_fleet_needs_meets_no_goal(size, verdict, is_largest):
    found = {agents.WeftFleet: {name: [0.01] * gossip.KILLS_GOAL for name in gossip.MEASURES}}
    rows = gossip.size_rows(size, found, is_largest, {**gossip.FULL, "faults_s": 0})
    said = {(row.measure, row.goal.text): row.verdict() for row in rows if row.goal}
    assert len(said) == (6 if is_largest else 3) and set(said.values()) == {verdict}, said


def test_fewer_connections_than_the_goal_speaks_of_do_not_meet_it():
    seen = [{"per_s": 30000, "p50_ms": 1, "p99_ms": 2, "cpu_us": 3}]
    for few, verdict in ((None, "met"), (less(16, leases.CONNECTIONS_GOAL, "connections"),
                                         "so far (16 of 128 connections)")):
        rows = leases.client_rows(16, (20000, 10), few, seen, seen)
        assert [row.verdict() for row in rows if row.goal] == [verdict] * 2


def test_what_the_overlay_alone_needs_meets_no_goal_of_the_daemon(monkeypatch):
    variant = {"variant": "proxy", "multicast": False, "program_s": 0.1, "program_cpu_s": 0.1,
               "check_s": 0.1, "check_cpu_s": 0.1, "one_more_ms": 1, "withdraw_s": 1,
               "bytes_each": 129, "failed": 0}
    said = {"by_hand_s": 1, "by_hand_cpu_s": 1, "two_by_hand_s": 1, "two_by_hand_cpu_s": 1,
            "variants": [variant]}
    monkeypatch.setattr(program, "run", lambda *args, **kw: subprocess.CompletedProcess(
        args, 0, json.dumps(said)))
    found = {row.measure: row.verdict() for row in program.rows(None, program.FULL) if row.goal}
    assert found == {"programmed": "met", "operations that the kernel refused": "met",
                     "full reconcile with nothing to do": "so far (the overlay alone)",
                     "memory of an endpoint, the overlay's share": "so far (the overlay alone)"}


def test_a_promise_that_a_test_keeps_in_part_says_in_which():
    assert Row("g", "m", "-", kept="a test").verdict() == "by a test"
    assert Row("g", "m", "-", kept="a test", short="1 of 2").verdict() == "by a test, so far 1 of 2"
    partly = [row.measure for row in kept.rows(None, {}) if row.short]
    assert "no address has two owners in 10^8 simulated operations" in partly
    assert less(2, 2, "h") is None and less(1000, 2000, "h") == "1,000 of 2,000 h"


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
