# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A member that is removed while it runs: nobody hears it, it is told, its addresses come back."""
import ipaddress

import pytest

import audit
from hosts import Failed, holds, wait_for

POOL = ipaddress.ip_network("10.64.1.0/27")


@pytest.fixture
def four(lab):
    """Four hosts, a box on each; the last is to be removed."""
    hosts = lab.cluster(4, "--cooldown", "1s")
    hosts[0].weft("network", "create", "blue", "--subnet", str(POOL))
    boxes = [host.box("a") for host in hosts]
    answers = [host.attach("blue", box) for host, box in zip(hosts, boxes)]
    assert boxes[0].ping(answers[3]["ip"]) is not None
    return hosts, boxes, answers


def ring(host):
    return host.json("ipam", "ring", "blue")


def fill(hosts):
    """Reserves until the pool is full, on one host after the other; the addresses that it gave."""
    taken = set()
    left = list(hosts)
    while left:
        try:
            address = left[0].json("ipam", "reserve", "blue")["address"]
        except Failed as failed:
            assert failed.code == 4 and "no free" in failed.stderr, failed
            left.pop(0)
            continue
        assert address not in taken
        taken.add(address)
    return taken


def cooled_down(hosts):
    """What was taken back may have been in use a moment ago, and is free when it has rested."""
    for host in hosts:
        wait_for("what was taken back has cooled down",
                 lambda: ring(host)["here"]["cooling"] == 0, 10)


def held_by(host, name):
    """Addresses that a host sees in the hands of a member or of one that was."""
    return {ipaddress.ip_address(number)
            for part in ring(host)["ranges"] if part["holder"] == name
            for number in range(int(ipaddress.ip_address(part["first"])),
                                int(ipaddress.ip_address(part["last"])) + 1)}


def tables(hosts):
    """What h4 would change if it were heard: members, networks, endpoints, its ranges."""
    return [(sorted((m["id"], m["state"], m["incarnation"]) for m in host.json("members")),
             host.json("network", "ls"), sorted(e["id"] for e in host.json("endpoint", "ls")),
             held_by(host, "h4")) for host in hosts]


def refusals(hosts):
    return sum(host.metric("weft_gossip_dropped_total", reason="removed") for host in hosts)


def usable():
    """Every address of the pool but its own, its broadcast and the gateway."""
    return {str(address) for address in POOL.hosts()} - {str(POOL[1])}


def test_the_addresses_of_a_removed_member_are_all_used_again(four):
    hosts, boxes, answers = four
    assert held_by(hosts[0], "h4"), "there is something to take back"
    hosts[0].weft("node", "rm", "h4")
    for host in hosts[:3]:
        wait_for("its space is taken back",
                 lambda: ring(host)["frozen"] == 0 and not held_by(host, "h4"), 10)
        assert ring(host)["blockers"] == []
    audit.settled(hosts[:3], 5)
    audit.ring_whole(hosts[:3], "blue", POOL)
    cooled_down(hosts[:3])
    taken = fill(hosts[:3])
    theirs = {lease["address"] for host in hosts[:3] for lease in audit.leases(host, "blue")}
    assert taken & theirs == set() and taken | theirs == usable()
    assert answers[3]["ip"] in taken
    audit.clean(hosts[:3])
    assert boxes[0].ping(answers[1]["ip"]) is not None


def test_a_removed_member_is_heard_by_nobody_and_told_why(lab, four):
    hosts, boxes, answers = four
    others, removed = hosts[:3], hosts[3]
    others[0].weft("node", "rm", "h4")
    for host in others:
        wait_for("it is removed", lambda: host.members() == ["h1", "h2", "h3"], 5)
    wait_for("it is told", lambda: [text for text in removed.json("status")["warnings"]
                                    if "removed" in text], 5)
    warning = next(text for text in removed.json("status")["warnings"] if "removed" in text)
    assert "weft reset" in warning, "it says how to go on"
    assert "removed" in removed.weft("status")
    assert "h4" in removed.members("removed") and "h4" not in removed.members()
    for command in (("attach", "blue", "--netns", removed.box("late").path),
                    ("network", "create", "red"), ("ipam", "reserve", "blue")):
        failed = removed.refused(*command)
        assert failed.code == 1 and "weft reset" in failed.stderr, failed

    # Its boxes are off the network, and no table or kernel of the others knows them.
    wait_for("its box is unplugged", lambda: "eth0" not in boxes[3].links(), 5)
    for host in others:
        wait_for("its endpoints are gone",
                 lambda: "h4" not in {e["host"] for e in host.json("endpoint", "ls")}, 5)
        wait_for("so are its entries",
                 lambda: removed.addr not in host.bridge("fdb", "show").stdout, 5)
    assert boxes[0].ping(answers[3]["ip"], wait=0.3) is None

    # Started again it knows, and says nothing to anybody.
    removed.kill()
    capture = lab.capture(lab.underlay, f"p{removed.index}",
                          f"udp port 7947 and src host {removed.addr}")
    removed.start()
    assert "removed" in removed.weft("status")
    wait_for("its space is taken back", lambda: ring(others[0])["frozen"] == 0, 10)
    audit.settled(others, 5)
    before = tables(others)
    holds("nothing changes", 3, lambda: tables(others) == before)
    capture.stop()
    assert capture.lines() == []


def test_who_was_off_when_it_was_removed_is_told_when_it_calls(four):
    hosts, boxes, _ = four
    others, removed = hosts[:3], hosts[3]
    removed.kill()
    others[0].weft("node", "rm", "h4")
    wait_for("its space is taken back", lambda: ring(others[0])["frozen"] == 0, 10)
    audit.settled(others, 5)
    before, dropped = tables(others), refusals(others)
    removed.start()
    wait_for("it is told", lambda: [text for text in removed.json("status")["warnings"]
                                    if "removed" in text], 10)
    assert refusals(others) > dropped, "what it said was dropped because it was removed"
    assert tables(others) == before
    wait_for("its box is unplugged", lambda: "eth0" not in boxes[3].links(), 5)
    for host in others:
        assert host.members() == ["h1", "h2", "h3"]
        assert removed.label not in {e["host"] for e in host.json("endpoint", "ls")}
    removed.weft("reset")
    removed.weft("join", others[0].json("token", "create")["token"])
    audit.settled(hosts, 10)
    wait_for("the network is known", lambda: removed.json("network", "ls"), 5)
    box = removed.box("new")
    answer = removed.attach("blue", box)
    assert boxes[0].ping(answer["ip"]) is not None, answer
    audit.ring_whole(hosts, "blue", POOL)
    audit.clean(hosts)


@pytest.mark.parametrize("end", ["comes back", "is removed too"])
def test_who_blocks_a_reclaim_is_named_until_it_comes_back_or_is_removed(four, end):
    hosts, _, answers = four
    down, removed = hosts[2], hosts[3]
    left = hosts[:2]
    down.kill()
    for host in left:
        wait_for("the failure is seen", lambda: host.members("failed") == ["h3"], 15)
    left[0].weft("node", "rm", "h4")
    for host in left:
        wait_for("the one that is down is named", lambda: ring(host)["blockers"] == [
            {"removed": "h4", "waits_for": ["h3"], "count": 1}], 10)
        assert ring(host)["frozen"] == len(held_by(host, "h4")) > 0
        wait_for("a person is told too", lambda: "removed h4 waits for h3" in
                 host.weft("ipam", "ring", "blue"), 1)
        status = host.json("status")
        assert any("weft ipam ring" in text for text in status["warnings"])
        assert (status["blockers"], status["conflicts"]) == (["h3"], 0)
        assert "frozen" in host.weft("ipam", "ring", "blue")

    # Meanwhile nothing of it is given away: the pool is full without it.
    frozen = held_by(left[0], "h4") | held_by(left[0], "h3")
    taken = fill(left)
    assert not taken & {str(address) for address in frozen}
    failed = left[0].refused("ipam", "reserve", "blue")
    assert failed.code == 4 and "h3" in failed.stderr and "h4" in failed.stderr

    members = left
    if end == "comes back":
        down.start("--cooldown", "1s")
        members = hosts[:3]
    else:
        left[0].weft("node", "rm", "h3")
    for host in members:
        wait_for("nobody blocks any more", lambda: ring(host)["blockers"] == [] and
                 ring(host)["frozen"] == 0, 15)
        assert host.json("status")["blockers"] == []
    audit.settled(members, 10)
    audit.ring_whole(members, "blue", POOL)
    cooled_down(members)
    taken |= fill(members)
    theirs = {lease["address"] for host in members for lease in audit.leases(host, "blue")}
    assert taken | theirs == usable()
    assert answers[3]["ip"] in taken
    audit.clean(members)
