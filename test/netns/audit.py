# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What has to hold in a cluster at rest, whatever happened before."""
import ipaddress
import json
import re

from hosts import wait_for

BOXES_A_FLUSH = 8


def settled(hosts, timeout):
    """Waits until all see all alive, are in sync, and have nothing left to do in their kernels."""
    names = sorted(host.label for host in hosts)

    def at_rest(host):
        status = host.json("status")
        assert host.members() == names, host.json("members")
        assert status["in_sync"] and status["warnings"] == [], status
        assert status["reconcile"]["pending"] == status["reconcile"]["failed"] == 0, status
        return True

    for host in hosts:
        wait_for(f"{host.name} is at rest", lambda: at_rest(host), timeout, every=0.05)


def clean(hosts):
    """`weft ipam check` finds nothing anywhere."""
    for host in hosts:
        report = host.json("ipam", "check")
        assert report["findings"] == [], (host.name, report)


def ranges(host, network):
    return [(part["first"], part["last"], part["holder"], part["generation"], part["state"])
            for part in host.json("ipam", "ring", network)["ranges"]]


def ring_whole(hosts, network, pool, timeout=10):
    """Within that time all see the same ranges; these follow each other without gap or overlap,
    make up the pool, and belong to members; what is in them is counted once."""
    wait_for("the ranges are whole", lambda: is_whole(hosts, network, pool), timeout, every=0.05)


def is_whole(hosts, network, pool):
    """The same as one look; members tidy their ranges even at rest, so two looks may differ."""
    parts = ranges(hosts[0], network)
    for host in hosts[1:]:
        assert ranges(host, network) == parts, host.name
    at = int(pool[0])
    for first, last, holder, _, state in parts:
        assert int(ipaddress.ip_address(first)) == at, parts
        at = int(ipaddress.ip_address(last)) + 1
        assert state == "held" and holder in [host.label for host in hosts], parts
    assert at == int(pool[-1]) + 1, parts
    rings = [host.json("ipam", "ring", network) for host in hosts]
    held = [sum(part["addresses"] for part in ring["ranges"] if part["holder"] == host.label)
            for host, ring in zip(hosts, rings)]
    for host, ring, count in zip(hosts, rings, held):
        here = ring["here"]
        assert here["held"] == count == sum(here[kind] for kind in (
            "leased", "cooling", "special", "free", "promised")), (host.name, ring)
        assert (ring["conflicts"], ring["frozen"], ring["blockers"]) == (0, 0, []), ring
    assert sum(held) == pool.num_addresses, rings
    return True


def leases(host, network):
    return [lease for lease in host.json("ipam", "ls", network) if lease["state"] == "leased"]


def devices(host):
    """The bridge and the VXLAN device of the one network that the host serves."""
    links = host.links()
    bridges = [name for name in links if name.startswith("wfbr")]
    vxlans = [name for name in links if name.startswith("wfvx")]
    assert len(bridges) == len(vxlans) == 1, sorted(links)
    return bridges[0], vxlans[0]


def kernel_as_leased(hosts, network, boxes, timeout=5):
    """Within that time each kernel forwards to what is leased on other hosts and has a port for
    what is leased here, no more and no less; each box has the address that it was given."""
    wait_for("the kernels are as leased", lambda: is_as_leased(hosts, network, boxes), timeout,
             every=0.1)


def is_as_leased(hosts, network, boxes):
    """The same as one look: the last attach may still be on its way to some."""
    leased = {host: {(lease["address"], lease["mac"]) for lease in leases(host, network)}
              for host in hosts}
    everything = [address for pairs in leased.values() for address, _ in pairs]
    assert len(everything) == len(set(everything)), sorted(everything)
    for host in hosts:
        bridge, vxlan = devices(host)
        own = json.loads(host.ip("-j", "link", "show", "dev", bridge).stdout)[0]["address"]
        fdb = json.loads(host.bridge("-j", "fdb", "show").stdout)
        remote = {(mac, other.addr) for other in hosts if other is not host
                  for _, mac in leased[other]}
        assert {(entry["mac"], entry["dst"]) for entry in fdb
                if entry["ifname"] == vxlan and "dst" in entry} == remote, host.name
        assert {entry["mac"] for entry in fdb if "static" in entry.get("state", "")
                and re.match("wfe", entry["ifname"])} == \
            {mac for _, mac in leased[host]} - {own}, host.name
        neighbours = json.loads(host.ip("-j", "neigh", "show", "dev", vxlan).stdout)
        assert {(entry["dst"], entry["lladdr"]) for entry in neighbours} == \
            {pair for other in hosts if other is not host for pair in leased[other]}, host.name
        ports = [name for name in host.links() if re.match("wfe", name)]
        assert len(ports) == len(leased[host]) - 1, (host.name, ports)
    for box, address in boxes.items():
        link = json.loads(box.ip("-j", "addr", "show", "dev", "eth0").stdout)[0]
        assert [info["local"] for info in link["addr_info"] if info["family"] == "inet"] == \
            [address], box.name
    assert set(boxes.values()) <= set(everything)
    return True


def all_reach_all(boxes):
    """One ping from each box to each, answered within a second. All namespaces of a machine have one
    table of neighbours, of 1,024 entries by default: n boxes would fill n * n of them at once."""
    script = "for a in \"$@\"; do ping -n -q -c1 -W1 $a >/dev/null || echo $a; done"
    for i, box in enumerate(boxes):
        lost = box.exec("sh", "-c", script, "sh", *boxes.values(), timeout=120).stdout.split()
        assert lost == [], (box.name, boxes[box], lost)
        for learnt in boxes if i % BOXES_A_FLUSH == BOXES_A_FLUSH - 1 else [box]:
            learnt.ip("neigh", "flush", "all")
