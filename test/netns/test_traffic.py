# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""One network over three hosts: first pings, ways out, silence on the wire, isolation."""
import ipaddress
import itertools

import pytest

from hosts import wait_for

FIRST_PING_MS = 50


def network_listed(host, name):
    return [n for n in host.json("network", "ls") if n["name"] == name]


@pytest.fixture
def three(lab):
    return lab.cluster(3)


def test_a_network_is_listed_everywhere_within_half_a_second(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    for host in three:
        listed, took = wait_for("blue is listed", lambda: network_listed(host, "blue"), 0.5)
        assert listed[0]["subnets"] == ["10.64.1.0/24"]
        assert listed[0]["vni"] >= 4096 and listed[0]["encrypt"] == "none"


def test_boxes_that_never_spoke_are_answered_at_the_first_ping(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [(host.box("a"), host) for host in three]
    answers = [host.attach("blue", box) for box, host in boxes]
    addresses = [answer["ip"] for answer in answers]
    assert len(set(addresses)) == 3
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network("10.64.1.0/24")
               for a in addresses)
    for (box, _), address in itertools.product(boxes, addresses):
        took = box.ping(address)
        assert took is not None and took < FIRST_PING_MS, (box.name, address, took)


def test_an_attach_is_reachable_as_soon_as_it_is_answered(three):
    """From each host that the answer does not name: one that is too busy to apply an endpoint within
    50 ms is named, and is here no matter."""
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    probe = three[0].box("probe")
    three[0].attach("blue", probe)
    three[2].attach("blue", three[2].box("z"))
    prompt = 0
    for i in range(30):
        answer = three[1].attach("blue", three[1].box(f"b{i}"), patient=False)
        if "h1" not in answer["peers_pending"]:
            took = probe.ping(answer["ip"])
            assert took is not None and took < FIRST_PING_MS, (i, took)
            prompt += 1
        if prompt == 10:
            return
    raise AssertionError(f"of 30 answers only {prompt} did not name h1")


def test_hosts_reach_boxes_and_boxes_reach_hosts(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [(host.box("a"), host) for host in three]
    addresses = [host.attach("blue", box)["ip"] for box, host in boxes]
    for host, address in itertools.product(three, addresses):
        done = host.exec("ping", "-n", "-c1", "-W1", address, check=False)
        assert done.returncode == 0, (host.name, address, done.stdout)
    own = [e for e in three[0].json("endpoint", "ls", "blue") if e.get("is_host")]
    assert len(own) == 3
    for (box, _), endpoint in itertools.product(boxes, own):
        address = endpoint["addresses"][0].split("/")[0]
        took = box.ping(address)
        assert took is not None and took < FIRST_PING_MS, (box.name, address, took)


def test_boxes_reach_the_outside_through_the_gateway_and_internal_ones_do_not(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    three[0].weft("network", "create", "inside", "--subnet", "10.64.2.0/24", "--internal")
    out, inside = three[1].box("out"), three[1].box("in")
    answer = three[1].attach("blue", out)
    three[1].attach("inside", inside)
    assert answer["gateway"] == "10.64.1.1"
    assert out.ping("10.64.1.1") is not None
    assert out.ping("10.199.0.254") is not None, "the outside was not reached"
    assert inside.ping("10.199.0.254") is None


def test_the_underlay_carries_the_pings_and_nothing_else_of_the_overlay(lab, three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [(host.box("a"), host) for host in three]
    addresses = [host.attach("blue", box)["ip"] for box, host in boxes]
    captures = [lab.capture(lab.underlay, f"p{host.index}", "udp port 4789") for host in three]
    for (box, _), address in itertools.product(boxes, addresses):
        assert box.ping(address) is not None
    frames = 0
    for capture in captures:
        capture.stop()
        lines = capture.lines()
        inner = [line for line in lines if "VXLAN" not in line]
        assert len(inner) == len(lines) - len(inner), lines
        assert [line for line in inner if "ICMP echo re" not in line] == []
        frames += len(inner)
    # Six ordered pairs of hosts, a request and a reply each, seen where they enter and leave.
    assert frames == 6 * 2 * 2


def test_two_networks_never_reach_each_other(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    three[0].weft("network", "create", "red", "--subnet", "10.64.2.0/24")
    for host in three:
        host.exec("sysctl", "-qw", "net.ipv4.ip_forward=1")
    blues = [(host.box("b"), host) for host in three[:2]]
    reds = [(host.box("r"), host) for host in three[:2]]
    blue_addresses = [host.attach("blue", box)["ip"] for box, host in blues]
    red_addresses = [host.attach("red", box)["ip"] for box, host in reds]
    gateways = ["10.64.1.1", "10.64.2.1"]
    for box, _ in blues:
        for address in red_addresses + [gateways[1]]:
            assert box.ping(address, wait=0.3) is None, (box.name, address)
    for box, _ in reds:
        for address in blue_addresses + [gateways[0]]:
            assert box.ping(address, wait=0.3) is None, (box.name, address)
    own = [e["addresses"][0].split("/")[0] for e in three[0].json("endpoint", "ls", "red")
           if e.get("is_host")]
    for (box, _), address in itertools.product(blues, own):
        assert box.ping(address, wait=0.3) is None, (box.name, address)
    assert blues[0][0].ping(blue_addresses[1]) is not None


def test_detached_boxes_are_gone_and_detach_is_idempotent(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    a, b = three[0].box("a"), three[1].box("b")
    first, second = three[0].attach("blue", a), three[1].attach("blue", b)
    assert a.ping(second["ip"]) is not None
    three[1].weft("detach", "blue", "--netns", b.path)
    three[1].weft("detach", "blue", "--netns", b.path)
    assert "eth0" not in b.links()
    wait_for("the others forget it",
             lambda: second["endpoint"] not in [e["id"] for e in three[0].json("endpoint", "ls")],
             1)
    assert a.ping(second["ip"], wait=0.3) is None
    assert three[0].json("endpoint", "inspect", first["endpoint"])["addresses"] == \
        first["addresses"]


def test_a_network_is_removed_only_when_nobody_uses_it(three):
    three[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = three[1].box("a")
    three[1].attach("blue", box)
    failed, _ = wait_for("refused", lambda: three[2].refused("network", "rm", "blue"), 2)
    assert failed.code == 4 and "h2" in failed.stderr
    three[1].weft("detach", "blue", "--netns", box.path)
    wait_for("removed", lambda: three[2].weft("network", "rm", "blue") is not None, 3)
    for host in three:
        wait_for("gone", lambda: not network_listed(host, "blue"), 1)
        wait_for("no device left", lambda: not [n for n in host.links() if n.startswith("wf")], 2)
