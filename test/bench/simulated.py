# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What only virtual time can show: thousands of nodes, days, partitions. Measured by weft-sim."""
from figures import Row

FULL = {}
SMOKE = {}
GROUP = "simulated"

# Goals for which the simulator has no run yet.
NOT_YET = (
    ("one change known to 99.9% of 10,000 nodes", "ms"),
    ("10,000 nodes, simulated seconds a second of one core", "of real time"),
    ("resync of 100,000 rows of which one differs", "datagrams"),
    ("healthy ones held for failed, 128 nodes, 24 h, 5% loss, 32 stalled", "verdicts"),
    ("heal of a partition after 7 days, 100,000 changed rows", "s"),
)


def rows(bench, plan):
    for measure, unit in NOT_YET:
        yield Row(GROUP, measure, unit, missing="weft-sim has no run for this yet")
