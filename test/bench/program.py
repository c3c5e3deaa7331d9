# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A network of many remote endpoints in the kernel, beside `bridge -batch` and `ip -batch`.

bench_overlay does the work, every measurement in a namespace and a process of its own; here its runs
become rows. The first variant is the one that weftd uses."""
import json

from figures import Goal, Row, less
from hosts import BUILD, run

FULL = {"endpoints": 100000, "rounds": 3}
SMOKE = {"endpoints": 500, "rounds": 1}
OVERLAY = BUILD / "test" / "bench" / "bench_overlay"
GOAL_ENDPOINTS = 100000
PEER = "bridge/ip -batch"
TWO = f"{PEER}, two entries"
NO_DAEMON = "the overlay alone"  # what goals for the daemon lack here; the group crowd has it
RECONCILE_WHY = (
    "two thirds are the kernel's dump of forwarding entries: 32 KiB a message, however large the "
    "reader's buffer, and for each it walks the device's entries from the first one, so that twice "
    "as many cost four times as much. No filter helps: all are of one device. Tried: to ask for "
    "each wanted entry, 0.4 of the dump's time, which does not see what is there unwanted; entries "
    "that name nexthops, of which the dump touches half as much, but which crash kernels before "
    "6.17")


def rows(bench, plan):
    runs = [json.loads(run(OVERLAY, "--json", *(("--last",) if turn % 2 else ()),
                           plan["endpoints"], timeout=600).stdout)
            for turn in range(plan["rounds"])]
    group = f"{plan['endpoints']:,} endpoints, forwarding and neighbour entries"
    short = less(plan["endpoints"], GOAL_ENDPOINTS, "endpoints")

    def variant(index, key):
        return [one["variants"][index][key] for one in runs]

    by_hand, by_hand_cpu, two, two_cpu = ([one[key] for one in runs] for key in (
        "by_hand_s", "by_hand_cpu_s", "two_by_hand_s", "two_by_hand_cpu_s"))
    yield Row(group, "programmed", "s", variant(0, "program_s"), PEER, by_hand,
              Goal("ratio", "<=", 0.3), short=short)
    yield Row(group, "programmed", "s of CPU", variant(0, "program_cpu_s"), PEER, by_hand_cpu,
              Goal("ratio", "<=", 0.3),
              "an administrator sets three entries for an endpoint, weftd two", short=short)
    yield Row(group, "programmed", "s of CPU", variant(0, "program_cpu_s"), TWO, two_cpu)
    yield Row(group, "programmed", "s", variant(0, "program_s"), TWO, two)
    yield Row(group, "full reconcile with nothing to do", "s", variant(0, "check_s"),
              goal=Goal("median", "<=", 0.5), short=short or NO_DAEMON, why=RECONCILE_WHY)
    yield Row(group, "full reconcile with nothing to do", "s of CPU", variant(0, "check_cpu_s"),
              goal=Goal("median", "<=", 0.5), short=short or NO_DAEMON, why=RECONCILE_WHY)
    yield Row(group, "one endpoint more", "ms", variant(0, "one_more_ms"))
    yield Row(group, "all withdrawn", "s", variant(0, "withdraw_s"))
    yield Row(group, "memory of an endpoint, the overlay's share", "B", variant(0, "bytes_each"),
              goal=Goal("median", "<=", 300), short=short or NO_DAEMON,
              note="the group crowd has all of it, the signed row in the tables as well")
    yield Row(group, "operations that the kernel refused", "of all", variant(0, "failed"),
              goal=Goal("worst", "<=", 0, "none"))
    for index in range(1, len(runs[0]["variants"])):
        name = runs[0]["variants"][index]["variant"]
        multicast = "on" if runs[0]["variants"][index]["multicast"] else "off"
        yield Row(f"{group}, other layouts", f"{name}, multicast {multicast}", "s of CPU",
                  variant(index, "program_cpu_s"), PEER, by_hand_cpu)
