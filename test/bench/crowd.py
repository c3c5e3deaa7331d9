# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A real daemon in a network of many remote endpoints, whose owners are members without daemons:
what an endpoint costs it, and whether its loop goes on answering while all of it is looked at."""
import subprocess
import time

import proc
from figures import Goal, Row, less
from hosts import BUILD, line_of, wait_for
from program import RECONCILE_WHY

# Members, endpoints of each (a member may have a thousand in a network), how many a second are told
# in all; and how long the daemon is left alone then: a full reconcile comes once a minute.
FULL = {"peers": 100, "each": 1000, "per_s": 2000, "alone_s": 66}
SMOKE = {"peers": 3, "each": 20, "per_s": 200, "alone_s": 1}
PEERS = BUILD / "test" / "bench" / "bench_peers"
GOAL_ENDPOINTS = 100000
GOAL_ALONE_S = 60
FIRST_PORT = 9000
PATIENCE_S, STEP_S = 20, 0.25
JOINED_S = 120  # bench_peers itself gives up before
MEMORY_WHY = (
    "at 100,000 some 440: the signed row 160, of which the signature is 64; the store that keeps equal "
    "rows once 77; the row's place in the tables 58; the overlay, which programs without them, 129. "
    "Tried: endpoints chained by their own links instead of maps of them, by which the overlay came "
    "down from 257")


class Crowd:
    def __init__(self, lab, plan):
        self.host = lab.host()
        token = self.host.json("init", "--name", "bench")["token"]
        self.host.weft("network", "create", "blue", "--subnet", "10.64.0.0/10")
        self.host.attach("blue", self.host.box("a"))
        network = self.host.json("network", "inspect", "blue")["id"]
        self.count = plan["peers"] * plan["each"]
        self.process = self.host.popen(
            PEERS, self.host.addr, FIRST_PORT, plan["peers"], token, network, "10.80.0.0",
            plan["each"], plan["per_s"], stdout=subprocess.PIPE, text=True)
        self.said("joined", JOINED_S)
        self.told_s = JOINED_S + 4 * self.count / plan["per_s"]

    def said(self, what, timeout):
        line = line_of(self.process, self.process.stdout, f"bench_peers: {what}", timeout).strip()
        assert line == what, f"bench_peers said {line!r} where it should say {what!r}"

    def metric(self, name):
        return self.host.metric(f"weft_{name}")

    def arrived(self):
        """How many are programmed once no more come: a machine too busy for the pace loses some,
        which come by no other way, since their owners are attached to nothing."""
        there, still = -1, 0
        while there < self.count and still < PATIENCE_S:
            time.sleep(STEP_S)
            before, there = there, self.metric("overlay_remotes")
            still = still + STEP_S if there == before else 0
        return there

    def dirty(self):
        return proc.private_dirty(self.host.daemon.pid)

    def cpu(self):
        return proc.cpu_seconds(self.host.daemon.pid)


def rows(bench, plan):
    with bench.lab() as lab:
        crowd = Crowd(lab, plan)
        dirty, cpu = crowd.dirty(), crowd.cpu()
        held = crowd.metric("overlay_held_bytes")
        crowd.said("told", crowd.told_s)
        there = crowd.arrived()
        cpu, dirty = crowd.cpu() - cpu, crowd.dirty() - dirty
        held = crowd.metric("overlay_held_bytes") - held
        busy, alone_since = crowd.metric("loop_lag_seconds"), time.monotonic()
        if plan["alone_s"] >= GOAL_ALONE_S:
            dumps = crowd.metric("overlay_dumps_total")
            wait_for("a full reconcile", lambda: crowd.metric("overlay_dumps_total") > dumps,
                     plan["alone_s"], every=0.5)
        reconcile = crowd.metric("overlay_reconcile_seconds")
        time.sleep(max(0, alone_since + plan["alone_s"] - time.monotonic()))
        alone = crowd.metric("loop_lag_seconds")
    assert there > 0, "not one endpoint came"
    few = less(int(there), GOAL_ENDPOINTS, "endpoints")
    short = few or less(plan["alone_s"], GOAL_ALONE_S, "s alone")
    group = f"{crowd.count:,} endpoints of {plan['peers']} members, a real daemon"
    yield Row(group, "the daemon's CPU for an endpoint, signature and entries", "us",
              [1e6 * cpu / there])
    yield Row(group, "memory of an endpoint, its signed row counted", "B", [dirty / there],
              goal=Goal("median", "<=", 300), short=few, why=MEMORY_WHY)
    yield Row(group, "of this, the overlay's share", "B", [held / there])
    yield Row(group, "longest turn of the loop while they come", "ms", [1000 * busy])
    yield Row(group, "full reconcile with nothing to do", "s", [reconcile],
              goal=Goal("worst", "<=", 0.5), short=short, why=RECONCILE_WHY)
    yield Row(group, "longest turn of the loop in the minute around it", "ms", [1000 * alone],
              goal=Goal("worst", "<=", 10), short=short)
