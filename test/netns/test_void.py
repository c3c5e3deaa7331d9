# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Admitted by a member that was removed before the others heard of the newcomer: it does not count,
is told so by them, and joins anew."""
import ipaddress

import pytest

import audit
from diag_kit import diag, found
from hosts import WEFT, run, wait_for

POOL = ipaddress.ip_network("10.64.1.0/27")


def heal(hosts):
    for host in hosts:
        host.heal()


@pytest.fixture
def island(lab):
    """h1 and h3 have removed h2, which has not heard of it, and on the other side of a cut has
    admitted h4 and given it addresses."""
    one, two, three = lab.cluster(3, "--cooldown", "1s")
    one.weft("network", "create", "blue", "--subnet", str(POOL))
    box = one.box("a")
    one.attach("blue", box)
    two.attach("blue", two.box("a"))
    token = one.json("token", "create")["token"]
    four = lab.host(True, "--cooldown", "1s")
    for side, other in (((one, three), (two, four)), ((two, four), (one, three))):
        for host in side:
            host.deaf_to(other)
    one.weft("node", "rm", "h2", "--reason", "stolen")
    wait_for("h3 knows", lambda: "h2" in three.members("removed"), 5)
    assert four.json("join", token, two.addr)["name"] == "lab"
    wait_for("the network is known", lambda: four.json("network", "ls"), 5)
    inside = four.box("a")
    answer = four.attach("blue", inside, "--timeout", "20s", patient=False)
    return (one, three, four), two, box, inside, answer


def leftovers(host):
    """What of weft's stands in a host's kernel."""
    tables = [line for line in host.exec("nft", "list", "tables").stdout.splitlines() if "weft" in line]
    return [name for name in host.links() if name.startswith("wf")] + tables


def fence(host):
    return host.json("status")["node"]["fence"]


def test_who_was_admitted_by_a_removed_member_is_fenced_says_why_and_joins_anew(island):
    hosts, removed, box, inside, answer = island
    one, three, four = hosts
    assert fence(four) is None
    heal(hosts + (removed,))
    wait_for("it is told that it does not count", lambda: fence(four) == "void", 20)

    # It says so, and what to do.
    said = [text for text in four.json("status")["warnings"] if "h2 admitted this node" in text]
    assert len(said) == 1 and "weft reset" in said[0] and "fresh token" in said[0], said
    status = run("nsenter", f"--net={four.path}", WEFT, "--socket", four.socket, "status",
                 check=False)
    assert status.returncode == 1 and "h2 admitted this node" in status.stdout
    code, checks = diag(four)
    assert code == 1 and "weft reset" in found(checks, "fence")["remedy"]
    refused = four.refused("attach", "blue", "--netns", four.box("late").path)
    assert "fenced" in refused.stderr and "weft reset" in refused.stderr, refused

    # To the others it never was, and what was given to it is theirs.
    for host in (one, three):
        assert "h4" not in {member["name"] for member in host.json("members")}
        assert answer["endpoint"] not in {e["id"] for e in host.json("endpoint", "ls")}
    wait_for("h2 knows", lambda: fence(removed) == "removed", 10)
    audit.settled((one, three), 10)
    audit.ring_whole((one, three), "blue", POOL)
    assert box.ping(answer["ip"], wait=0.3) is None

    old = four.json("status")["node"]["id"]
    refused = four.refused("reset")
    assert refused.code == 4 and "1 endpoint is attached" in refused.stderr, refused
    four.weft("detach", "blue", "--netns", inside.path)
    wait_for("its box is unplugged", lambda: "eth0" not in inside.links(), 5)
    wait_for("its host is attached still", lambda: leftovers(four), 1)
    four.weft("reset")
    assert leftovers(four) == [], "its last box is detached for less than 10 s"
    four.weft("join", one.json("token", "create")["token"])
    audit.settled(hosts, 10)
    assert four.json("status")["node"]["id"] != old
    wait_for("the network is known", lambda: four.json("network", "ls"), 5)
    anew = four.attach("blue", inside)
    assert box.ping(anew["ip"]) is not None
    audit.ring_whole(hosts, "blue", POOL)
    audit.clean(hosts)
