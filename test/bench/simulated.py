# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What only virtual time can show: many nodes, days, partitions. bench_core runs the cores."""
import json
import statistics

from figures import Goal, Row, less
from hosts import BUILD, run

# Nodes and changes of the spreading; sizes and deaths; nodes, how many of them stall, and hours of
# the long run (the goal's 24 take half an hour); rows of the comparison, and how often; nodes, hours
# and rows of the partition. What is less than a goal speaks of cannot meet it.
FULL = {"spread_nodes": 1000, "spread_changes": 20, "kill_nodes": (25, 50, 100), "kills": 20,
        "stall_nodes": 128, "stalling": 32, "stall_hours": 6, "resync_rows": 100000,
        "resync_turns": 51, "heal_nodes": 16, "heal_hours": 168, "heal_rows": 100000}
SMOKE = {"spread_nodes": 20, "spread_changes": 2, "kill_nodes": (8,), "kills": 2,
         "stall_nodes": 12, "stalling": 3, "stall_hours": 0.02, "resync_rows": 400,
         "resync_turns": 3, "heal_nodes": 4, "heal_hours": 0.02, "heal_rows": 100}
CORE = BUILD / "test" / "bench" / "bench_core"
GOAL_NODES = 10000
GOAL_MIB = 14 * 1024
GOAL_KILLS = 20
GOAL_KILL_NODES = 100
GOAL_STALL_NODES, GOAL_STALLING, GOAL_STALL_HOURS = 128, 32, 24
GOAL_HEAL_HOURS = 168
GOAL_ROWS = 100000
MEMORY_WHY = (
    "each node keeps of each other who it is, how it stands, its key and its place in the tables, "
    "in structures of 40 to 160 bytes and their indexes. Tried: rows are stored once for all "
    "nodes, keys of pairs are kept for 256 peers of a node")
RESYNC_WHY = (
    "to find and fetch the row takes 6; whoever has taken one begins its pauses between comparisons "
    "anew, so that what others lack as well comes to them within seconds, and that takes the rest. "
    "Tried: without it, 6 in all")
LOSS_PERCENT = 25
SPREAD_MS, ALL_MS = 100, 1000  # the second is the bound under loss, too
STALL_LOSS_PERCENT = 5


def core(*args):
    return json.loads(run(CORE, *args, timeout=7200).stdout)


def spread_rows(plan):
    nodes = plan["spread_nodes"]
    calm = core("change", nodes, plan["spread_changes"], 0)
    lossy = core("change", nodes, plan["spread_changes"], LOSS_PERCENT)
    group = f"simulated, {nodes:,} nodes, links of 0.2 to 0.6 ms"
    short = less(nodes, GOAL_NODES, "nodes")
    for said, where, bounds in (
            (calm, "", (Goal("median", "<=", SPREAD_MS), Goal("worst", "<=", ALL_MS))),
            (lossy, f", {LOSS_PERCENT}% lost", 2 * (Goal("worst", "<=", ALL_MS),))):
        for index, whom in enumerate(("99.9%", "all")):
            yield Row(group, f"one change known to {whom}{where}", "ms",
                      [took[index] for took in said["changes"]], goal=bounds[index], short=short)
    yield Row(group, "idle, simulated seconds a second of one core", "s/s", [calm["idle_speed"]],
              goal=Goal("median", ">=", 1), short=short)
    pair = 1024 * 1024 * calm["peak_mib"] / nodes**2
    yield Row(group, "memory, by pair of nodes", "B", [pair],
              goal=Goal("median", "<=", GOAL_MIB * 2**20 / GOAL_NODES**2,
                        f"{GOAL_NODES:,} nodes in 14 GiB: <= 150"), short=short, why=MEMORY_WHY,
              note=f"{calm['peak_mib']:,.0f} MiB in all; {GOAL_NODES:,} nodes would take "
                   f"{pair * GOAL_NODES**2 / 2**30:,.0f} GiB")
    if nodes < GOAL_NODES:
        yield Row(group, f"the same with {GOAL_NODES:,} nodes", "-",
                  missing="they do not fit into this machine's memory yet")


def kill_rows(plan):
    """The same as with real daemons, but for the machine: what the protocol alone takes."""
    for nodes in plan["kill_nodes"]:
        took = core("kill", nodes, plan["kills"])["seconds"]
        for goal in (Goal("median", "<=", 3, runs=GOAL_KILLS),
                     Goal("worst", "<=", 4.5, runs=GOAL_KILLS)):
            yield Row(f"simulated, {nodes} nodes", "one dies until failed at all", "s", took,
                      goal=goal, short=less(nodes, GOAL_KILL_NODES, "nodes"))


def rows(bench, plan):
    yield from spread_rows(plan)
    yield from kill_rows(plan)
    said = core("stall", plan["stall_nodes"], plan["stalling"], plan["stall_hours"],
                STALL_LOSS_PERCENT)
    yield Row("simulated, long", f"healthy ones held for failed: {said['nodes']} nodes, "
              f"{said['hours']:g} h, {STALL_LOSS_PERCENT}% lost, {said['stalling']} stall",
              "verdicts", [said["verdicts"]], goal=Goal("worst", "<=", 0, "none"),
              short=less(said["hours"], GOAL_STALL_HOURS, "h") or
              less(said["nodes"], GOAL_STALL_NODES, "nodes") or
              less(said["stalling"], GOAL_STALLING, "that stall"))
    said = core("resync", plan["resync_rows"], plan["resync_turns"])
    missed, nothing = zip(*said["datagrams"])
    yield Row("simulated, long", f"{said['rows']:,} rows, one differs: more than if none did",
              "datagrams", [statistics.median(missed) - statistics.median(nothing)],
              goal=Goal("worst", "<=", 10), short=less(said["rows"], GOAL_ROWS, "rows"), why=RESYNC_WHY,
              note=f"of a node in the 5 s after it was cut off for 3 s: median "
                   f"{statistics.median(missed):g} when it missed one row, "
                   f"{statistics.median(nothing):g} when none")
    said = core("heal", plan["heal_nodes"], plan["heal_hours"], plan["heal_rows"])
    yield Row("simulated, long", f"{said['nodes']} nodes parted for {said['hours']:g} h, "
              f"{said['rows']:,} rows changed: healed, tables equal", "s", said["seconds"],
              goal=Goal("worst", "<=", 10), note="halves, one alone, thirds, everybody alone: "
              + ", ".join(f"{took:g} s" for took in said["seconds"]),
              short=less(said["rows"], GOAL_ROWS, "rows") or
              less(said["hours"], GOAL_HEAL_HOURS, "h"))
