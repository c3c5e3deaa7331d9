# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Gossip beside Serf: how soon a join and a death are known, what idling costs, what is mistaken."""
import random
import shutil
import statistics
import time
from contextlib import closing

import peers
from agents import SerfFleet, WeftFleet
from figures import Goal, Row, in_turns, less

# Sizes of fleets, runs of the whole, joins and kills in each (kills_most at the largest size, where
# the goal speaks of 20), seconds of idling before and while it is measured, and of stopped agents
# and lost packets (0: not measured).
FULL = {"sizes": (25, 50, 100), "rounds": 2, "joins": 5, "kills": 4, "kills_most": 10,
        "settle_s": 10, "idle_s": 30, "faults_s": 20}
SMOKE = {"sizes": (4,), "rounds": 1, "joins": 2, "kills": 1, "kills_most": 1, "settle_s": 0.5,
         "idle_s": 1, "faults_s": 0.5}
KILLS_GOAL = 20
AGENTS_GOAL = 100
CONSTANT = 1.1  # times the idle traffic among the fewest: what counts as constant in their number
STOPPED_SHARE = 0.1
LOSS_PERCENT = 25
REFILL_S = 5  # in which weftd's ration of log lines about others is full again

MEASURES = ("join", "kill", "bytes", "cpu", "dirty", "stopped", "loss")


def measure(fleet, size, plan, seed, found, say):
    """Everything of one fleet, in an order in which nothing disturbs what follows."""
    chance = random.Random(seed)
    is_largest = size == max(plan["sizes"])
    fleet.grow(size - plan["joins"])
    time.sleep(min(REFILL_S, plan["settle_s"]))
    for _ in range(plan["joins"]):
        found["join"].append(fleet.join_timed())
        time.sleep(plan["settle_s"] / 10)
    fleet.complete()
    time.sleep(plan["settle_s"])
    rate, cpu = fleet.idle(plan["idle_s"])
    found["bytes"].append(rate)
    found["cpu"].append(100 * cpu)
    found["dirty"] += [size / 2**20 for size in fleet.private_dirty()]
    for _ in range(plan["kills_most" if is_largest else "kills"]):
        found["kill"].append(fleet.kill_timed(chance.choice(fleet.agents[1:])))
        time.sleep(plan["settle_s"] / 5)
    if plan["faults_s"] and is_largest:
        found["stopped"].append(fleet.false_failures_stopped(
            STOPPED_SHARE, plan["faults_s"], plan["faults_s"], seed))
        time.sleep(plan["faults_s"])
        found["loss"].append(fleet.false_failures_loss(LOSS_PERCENT, plan["faults_s"]))
    say(f"{fleet.kind}, {size} agents: " + ", ".join(
        f"{name} {values[-1]:.3g}" for name, values in found.items() if values))


def rows(bench, plan):
    """The whole; each round brings up our fleet and the peer's, one at a time, in turns."""
    kinds = (WeftFleet, SerfFleet) if shutil.which("serf") else (WeftFleet,)
    idle = {}  # of each size and kind
    for size in plan["sizes"]:
        found = {kind: {name: [] for name in MEASURES} for kind in kinds}
        for turn in range(plan["rounds"]):
            for kind in in_turns(kinds, turn):
                try:
                    with bench.lab() as lab, closing(kind(lab)) as fleet:
                        measure(fleet, size, plan, turn, found[kind], bench.say)
                except AssertionError as problem:  # what was measured until then counts
                    bench.fault(f"{kind.kind}, {size} agents: {problem}")
        idle[size] = {kind: values["bytes"] for kind, values in found.items()}
        yield from size_rows(size, found, size == max(plan["sizes"]), plan)
    yield growth_row(idle)


def growth_row(idle):
    """Idle traffic of a node among more agents by that among the fewest, one sample a size."""
    def growth(kind):
        medians = [statistics.median(idle[size][kind]) for size in sorted(idle)
                   if idle[size].get(kind)]
        return [more / medians[0] for more in medians[1:]]

    sizes = ", ".join(map(str, sorted(idle)))
    missing = None if len(idle) > 1 else "one size shows no growth yet"
    return Row(f"gossip, {sizes} agents", "idle traffic of a node by that among the fewest", "times",
               growth(WeftFleet), "serf", growth(SerfFleet),
               Goal("worst", "<=", CONSTANT, f"constant: each <= {CONSTANT:g}"), missing=missing,
               short=less(len(idle), 3, "sizes") or less(max(idle), AGENTS_GOAL, "agents"))


def size_rows(size, found, is_largest, plan):
    ours, theirs = found[WeftFleet], found.get(SerfFleet, {name: [] for name in MEASURES})
    absent = None if SerfFleet in found else f"serf {peers.ABSENT}"

    def row(measure, unit, name, *goals):
        for goal in goals or (None,):
            yield Row(f"gossip, {size} agents", measure, unit, ours[name], "serf", theirs[name],
                      goal, absent,
                      short=less(size, AGENTS_GOAL, "agents") if goal else None)

    if is_largest:
        yield from row("join known to all", "s", "join", Goal("median", "<=", 0.15))
        yield from row("SIGKILL until failed at all", "s", "kill",
                       Goal("median", "<=", 3, runs=KILLS_GOAL),
                       Goal("worst", "<=", 4.5, runs=KILLS_GOAL))
    else:
        yield from row("join known to all", "s", "join")
        yield from row("SIGKILL until failed at all", "s", "kill")
    yield from row("idle traffic of a node, all headers", "B/s", "bytes", Goal("median", "<=", 300))
    yield from row("idle CPU of a node", "% of a core", "cpu", Goal("median", "<=", 0.1))
    yield from row("Private_Dirty of a node", "MiB", "dirty", Goal("median", "<=", 4))
    if plan["faults_s"] and ours["stopped"]:
        yield from row(f"healthy ones held for failed, {STOPPED_SHARE:.0%} stopped "
                       f"{plan['faults_s']:g} s", "verdicts", "stopped",
                       no_more_than(theirs["stopped"]))
        yield from row(f"held for failed, {LOSS_PERCENT}% of packets lost {plan['faults_s']:g} s",
                       "verdicts", "loss", no_more_than(theirs["loss"]))


def no_more_than(theirs):
    if not theirs:
        return None
    return Goal("median", "<=", statistics.median(theirs), "<= the peer's")
