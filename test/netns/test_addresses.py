# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Many at once over one small pool: no double owner, none lost, a clear answer when it is full."""
import collections
import ipaddress
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from hosts import Failed, wait_for
from reference import Reference


def leases(hosts):
    return [(lease["address"], lease["endpoint"]) for host in hosts
            for lease in host.json("ipam", "ls")]


def check_clean(hosts):
    for host in hosts:
        report = host.json("ipam", "check")
        assert report["findings"] == [], report


def test_two_hundred_attaches_and_detaches_at_once_never_share_an_address(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [[host.box(f"b{i}") for i in range(8)] for host in hosts]
    draw = random.Random(7)

    def churn(job):
        host, box = hosts[job % 2], boxes[job % 2][job // 2 % 8]
        ifname = f"e{job}"
        answer = host.attach("blue", box, "--ifname", ifname)
        if draw.random() < 0.5:
            host.weft("detach", "blue", "--endpoint", answer["endpoint"])
            return None
        return answer["ip"]

    with ThreadPoolExecutor(8) as pool:
        kept = [ip for ip in pool.map(churn, range(200)) if ip]
    assert len(kept) == len(set(kept)) and len(kept) > 50
    held = collections.Counter(address for address, _ in leases(hosts))
    assert [a for a, n in held.items() if n > 1] == []
    assert set(kept) <= set(held)
    check_clean(hosts)
    for host in hosts:
        wait_for("all are seen everywhere", lambda: set(kept) <= {
            a.split("/")[0] for e in host.json("endpoint", "ls", "blue") for a in e["addresses"]},
            3)


def test_a_full_pool_answers_at_once_with_a_clear_error_and_is_usable_after_one_release(lab):
    hosts = lab.cluster(2, "--cooldown", "1s")
    hosts[0].weft("network", "create", "tiny", "--subnet", "10.64.1.0/28")
    taken = []
    failed = None
    for i in range(20):
        host = hosts[i % 2]
        start = time.monotonic()
        try:
            taken.append(host.json("ipam", "reserve", "tiny", "--name", f"r{i}"))
        except Failed as problem:
            failed = problem
            assert time.monotonic() - start < 2.5
            break
    assert failed is not None and failed.code == 4
    assert "no free IPv4 address" in failed.stderr and "tiny" in failed.stderr
    assert "h1" in failed.stderr and "h2" in failed.stderr, "it says who holds what"
    # 16 addresses less network, broadcast and gateway; nobody has attached, so no host lease.
    assert len(taken) == 13, taken
    check_clean(hosts)

    freed = taken[0]["address"].split("/")[0]
    holder = next(host for host in hosts if freed in [address for address, _ in leases([host])])
    holder.weft("ipam", "release", "tiny", freed)

    def given_again():
        try:
            return holder.json("ipam", "reserve", "tiny", "--name", "again")["address"]
        except Failed:
            return None

    again, _ = wait_for("what was released is leased again", given_again, 5)
    assert again.split("/")[0] == freed
    check_clean(hosts)


def test_a_wanted_address_is_given_or_refused_with_its_holder(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box, other = hosts[1].box("a"), hosts[0].box("b")
    assert hosts[1].attach("blue", box, "--ip", "10.64.1.77")["ip"] == "10.64.1.77"
    failed = hosts[0].refused("attach", "blue", "--netns", other.path, "--ip", "10.64.1.77")
    assert failed.code == 4 and "10.64.1.77" in failed.stderr
    failed = hosts[0].refused("attach", "blue", "--netns", other.path, "--ip", "10.65.0.1")
    assert failed.code == 2 and "10.65.0.1" in failed.stderr
    assert "eth0" not in other.links()
    assert hosts[0].attach("blue", other)["ip"] != "10.64.1.77"


def test_a_repeated_request_id_gives_the_same_endpoint(lab):
    (host,) = lab.cluster(1)
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("a")
    first = host.attach("blue", box, "--request-id", "once")
    assert host.attach("blue", box, "--request-id", "once") == first
    assert len([e for e in host.json("endpoint", "ls") if not e.get("is_host")]) == 1


def test_a_failed_attach_leaves_nothing_behind(lab):
    (host,) = lab.cluster(1)
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("a")
    host.attach("blue", box)
    before = (host.json("ipam", "ls"), host.json("endpoint", "ls"), sorted(host.links()))
    failed = host.refused("attach", "blue", "--netns", box.path)
    assert failed.code == 4 and "eth0" in failed.stderr
    failed = host.refused("attach", "blue", "--netns", "/run/netns/there-is-none")
    assert failed.code == 3 and "there-is-none" in failed.stderr
    failed = host.refused("attach", "none", "--netns", box.path, "--timeout", "200ms")
    assert failed.code == 3 and "none" in failed.stderr
    wait_for("nothing is left behind", lambda: before == (
        host.json("ipam", "ls"), host.json("endpoint", "ls"), sorted(host.links())), 2)


def test_an_overlapping_pool_is_refused_unless_forced(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    wait_for("seen", lambda: hosts[1].json("network", "ls"), 1)
    failed = hosts[1].refused("network", "create", "red", "--subnet", "10.64.0.0/16")
    assert failed.code == 4 and "blue" in failed.stderr
    failed = hosts[1].refused("network", "create", "red", "--subnet", "10.199.0.0/24")
    assert failed.code == 4 and "10.199.0.0/24" in failed.stderr
    assert [n["name"] for n in hosts[0].json("network", "ls")] == ["blue"]


def packed(like, address):
    """An address as the store has them, where another one is known."""
    return like[:-4] + ipaddress.ip_address(address).packed


def spoil(host, moved, elsewhere, leaked):
    """Writes what weft never does to the store of a host that is down: a box with another host's
    address, a reservation of the next one, and a lease of nothing."""
    with closing(sqlite3.connect(host.state / "weft.db")) as store:
        like, = store.execute("SELECT address FROM leases LIMIT 1").fetchone()
        was, becomes, near, loose = (packed(like, address) for address in
                                     (moved, elsewhere, ipaddress.ip_address(elsewhere) + 1, leaked))
        store.execute("INSERT INTO leases SELECT network, ?, endpoint, mac, 'stray', boot, since_ms, "
                      "sequence + 1000, cooling, reserved, cool_until_ms FROM leases WHERE address = ?",
                      (near, loose))
        store.execute("UPDATE leases SET reserved = 0, endpoint = randomblob(16) "
                      "WHERE address = ?", (loose,))
        store.execute("UPDATE leases SET address = ? WHERE address = ?", (becomes, was))
        done = store.execute("UPDATE endpoints SET addrs = CAST(? || substr(addrs, 17) AS BLOB) "
                             "WHERE substr(addrs, 1, 16) = ?", (becomes, was))
        assert done.rowcount == 1
        store.commit()


def test_a_check_finds_what_is_wrong_and_repairs_what_it_may(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = hosts[0].attach("blue", hosts[0].box("a"))
    there = hosts[1].attach("blue", hosts[1].box("b"))
    leaked = hosts[0].json("ipam", "reserve", "blue", "--name", "leak")["address"]
    near = str(ipaddress.ip_address(there["ip"]) + 1)
    hosts[0].stop()
    spoil(hosts[0], box["ip"], there["ip"], leaked)
    hosts[0].start()
    wait_for("the hosts are one again", lambda: hosts[0].members() == ["h1", "h2"], 10)

    reference, check = Reference(), "POST /v1/ipam/check"

    def found(*more):
        report = hosts[0].json("ipam", "check", *more)
        reference.check(check, report)
        return {(finding["kind"], finding["address"], finding["other"]): finding["fixed"]
                for finding in report["findings"]}

    wrong = {("leak", leaked, None): False, ("stray", near, "h2"): False,
             ("stray", there["ip"], "h2"): False, ("double", there["ip"], "h2"): False}
    wait_for("all of it is found", lambda: found() == wrong, 10)
    assert reference.unseen(check) == set()
    report = hosts[0].json("ipam", "check")
    assert {finding["network"] for finding in report["findings"]} == {"blue"}
    remedies = {finding["address"]: finding["remedy"] for finding in report["findings"]}
    assert remedies == {leaked: "weft ipam check --fix",
                        near: "weft ipam release it, or weft ipam check --fix --force",
                        there["ip"]: "detach it, or weft ipam check --fix --force"}
    assert {finding["endpoint"] for finding in report["findings"]
            if finding["address"] == there["ip"]} == {box["endpoint"]}
    for _ in range(2):  # a repeat looks anew: none must hear that nothing is wrong
        assert found("--request-id", "once") == wrong
    table = hosts[0].weft("ipam", "check")
    assert table.split("\n")[0].split()[-1] == "REMEDY" and "detach it, or" in table

    # What is of nothing goes; no box or reservation loses its address unless that was said.
    fixed = {key: key[1] == leaked for key in wrong}
    assert found("--fix", "--request-id", "fix") == fixed
    left = {key: False for key in wrong if key[1] != leaked}
    assert found("--fix", "--request-id", "fix") == left
    assert box["endpoint"] in {endpoint["id"] for endpoint in hosts[0].json("endpoint", "ls", "blue")}
    left = {key: True for key in wrong if key[1] != leaked}
    assert found("--fix", "--force") == left
    wait_for("the box is gone everywhere", lambda: box["endpoint"] not in
             {endpoint["id"] for endpoint in hosts[1].json("endpoint", "ls", "blue")}, 5)
    check_clean(hosts)
    assert hosts[0].refused("ipam", "check", "--force").code == 2
