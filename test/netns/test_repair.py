# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What somebody deletes or adds by hand on weft's objects is put right within a second."""
import resource
from pathlib import Path

import pytest

from hosts import holds, wait_for

REPAIR_S = 1.0


@pytest.fixture
def pair(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [host.box("a") for host in hosts]
    answers = [host.attach("blue", box) for host, box in zip(hosts, boxes)]
    assert boxes[0].ping(answers[1]["ip"]) is not None
    return hosts, boxes, answers


def device(host, kind):
    found = [name for name in host.links() if name.startswith(kind)]
    assert len(found) == 1, found
    return found[0]


def fdb(host):
    return [line for line in host.bridge("fdb", "show", "dev", device(host, "wfvx"))
            .stdout.splitlines() if "dst" in line or "nhid" in line]


def rules(host):
    """Every table and rule, without what is counted or timed."""
    return host.exec("nft", "-s", "list", "ruleset").stdout


def test_a_deleted_forwarding_entry_comes_back(pair):
    hosts, boxes, answers = pair
    before = fdb(hosts[0])
    mac = answers[1]["mac"]
    hosts[0].bridge("fdb", "del", mac, "dev", device(hosts[0], "wfvx"))
    wait_for("the entry is back", lambda: sorted(fdb(hosts[0])) == sorted(before), REPAIR_S)
    assert boxes[0].ping(answers[1]["ip"]) is not None


def test_a_forged_forwarding_entry_is_removed(pair):
    hosts, _, _ = pair
    before = fdb(hosts[0])
    hosts[0].bridge("fdb", "add", "02:00:00:00:00:99", "dev", device(hosts[0], "wfvx"), "dst",
                    "10.199.0.77")
    wait_for("the entry is gone", lambda: sorted(fdb(hosts[0])) == sorted(before), REPAIR_S)


@pytest.mark.parametrize("kind", ["wfvx", "wfbr"])
def test_a_deleted_device_comes_back_and_carries_traffic(pair, kind):
    hosts, boxes, answers = pair
    hosts[0].ip("link", "del", device(hosts[0], kind))
    wait_for("traffic flows again", lambda: boxes[0].ping(answers[1]["ip"], wait=0.2), REPAIR_S)
    wait_for("so does the other way", lambda: boxes[1].ping(answers[0]["ip"], wait=0.2), REPAIR_S)


def test_a_device_taken_down_comes_up_again(pair):
    hosts, boxes, answers = pair
    hosts[0].ip("link", "set", device(hosts[0], "wfbr"), "down")
    wait_for("traffic flows again", lambda: boxes[0].ping(answers[1]["ip"], wait=0.2), REPAIR_S)


def test_flushed_rules_come_back(pair):
    hosts, _, _ = pair
    before = rules(hosts[0])
    assert "table inet weft {" in before and "drop" in before
    hosts[0].exec("nft", "flush", "ruleset")
    wait_for("the rules are back", lambda: rules(hosts[0]) == before, REPAIR_S)


def test_a_daemon_without_a_free_descriptor_repairs_and_lives_on(pair):
    hosts, boxes, answers = pair
    before = rules(hosts[0])
    pid = hosts[0].daemon.pid
    taken = {int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        hosts[0].exec("nft", "delete", "table", "inet", "weft")
        wait_for("the rules are back", lambda: rules(hosts[0]) == before, REPAIR_S)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert hosts[0].json("status")["reconcile"]["pending"] == 0
    assert boxes[0].ping(answers[1]["ip"]) is not None


def test_objects_of_others_are_untouched(pair):
    hosts, _, _ = pair
    host = hosts[0]
    host.ip("link", "add", "other0", "type", "bridge")
    host.ip("link", "add", "othervx", "type", "vxlan", "id", "77", "dstport", "4790", "nolearning")
    host.bridge("fdb", "add", "02:00:00:00:00:55", "dev", "othervx", "dst", "10.199.0.9")
    host.ip("addr", "add", "172.31.9.1/24", "dev", "other0")
    host.ip("neigh", "add", "172.31.9.9", "lladdr", "02:00:00:00:00:56", "dev", "other0")
    host.exec("nft", "add", "table", "inet", "mine")
    host.exec("nft", "add", "chain", "inet", "mine", "c")
    host.ip("link", "del", device(host, "wfvx"))
    wait_for("weft repaired its own", lambda: len(fdb(host)) > 0, REPAIR_S)
    host.kill()
    host.start()
    wait_for("it is ready", lambda: host.json("status")["in_sync"], 8)
    assert "othervx" in host.links() and "other0" in host.links()
    assert "02:00:00:00:00:55" in host.bridge("fdb", "show", "dev", "othervx").stdout
    assert "172.31.9.1/24" in host.ip("addr", "show", "dev", "other0").stdout
    assert "172.31.9.9" in host.ip("neigh", "show", "dev", "other0").stdout
    assert "table inet mine" in host.exec("nft", "list", "tables").stdout


def test_a_kernel_that_is_right_is_not_touched(pair):
    """After a repair weft comes to rest: no operation is sent while nothing changes."""
    hosts, _, _ = pair
    hosts[0].ip("link", "del", device(hosts[0], "wfvx"))
    wait_for("repaired", lambda: len(fdb(hosts[0])) > 0, REPAIR_S)
    wait_for("at rest", lambda: hosts[0].json("status")["reconcile"]["pending"] == 0, 2)
    assert hosts[0].json("status")["reconcile"]["failed"] == 0
    sent = hosts[0].metric("weft_overlay_operations_total")
    assert sent > 0
    looks = hosts[0].metric("weft_overlay_reconciles_total")
    hosts[0].ip("route", "add", "blackhole", "192.0.2.0/24")  # whose it is only a look tells
    wait_for("it has looked", lambda:
             hosts[0].metric("weft_overlay_reconciles_total") > looks, REPAIR_S)
    holds("no operation is sent", 2, lambda:
          hosts[0].metric("weft_overlay_operations_total") == sent)
