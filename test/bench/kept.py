# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What is promised and is no figure: which test keeps it, and how far."""
from figures import Row
from hosts import ROOT

FULL = SMOKE = {}

# What is promised; file and name of what keeps it; a word on it; what is less than promised.
PROMISES = (
    ("recorded datagrams, replayed after a restart, change nothing", "test/netns/test_replay.py",
     "test_a_recorded_cluster_replayed_at_a_restarted_daemon_changes_nothing", None, None),
    ("boxes ping: nothing else of the overlay is on the wire", "test/netns/test_traffic.py",
     "test_the_underlay_carries_the_pings_and_nothing_else_of_the_overlay", None, None),
    ("no address has two owners in 10^8 simulated operations", "test/sim/checks.h",
     "one-lease-an-address", "by hand, two weeks of one core: WEFT_SIM_SEEDS=830000 ctest -R sim_fresh", "10^5 of 10^8 operations a change"),
    ("no address is lost after heal and clean-up", "test/sim/checks.h", "sums-fit-pool",
     "the same seeds", None),
    ("the rules of ranges: 3 nodes, 4 addresses, 2 removals, a disk set back",
     "test/model/CMakeLists.txt", "holds_disk_set_back", "every state, with every change; where the rules end "
     "is shown by limit_guard_one and limit_lost_time", None),
    ("kill -9 at every write: leases and kernel agree after the restart",
     "test/netns/test_kill.py",
     "test_whoever_dies_at_any_point_comes_back_as_if_nothing_had_been", "by hand all: "
     "WEFT_KILL_ALL=1", "four passages of each point a change"),
    ("a full pool answers at once, and is usable after one release", "test/netns/test_addresses.py",
     "test_a_full_pool_answers_at_once_with_a_clear_error_and_is_usable_after_one_release", None,
     None),
)


def rows(bench, plan):
    for promise, path, name, note, short in PROMISES:
        assert name in (ROOT / path).read_text(), f"{path} has no {name}"
        yield Row("promises that are no figures", promise, "-", kept=f"{path}: {name}", note=note,
                  short=short)
