# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""State directories that were copied, put back, or came out of a backup: the original is unharmed,
nothing is leased twice, and the host is told how to go on."""
import ipaddress
import json
import shutil

import pytest

import audit
from hosts import WEFTD, Pinger, holds, wait_for

RAISED_MAX = 2 * 8 + 1  # epochs that two claim against each other
POOL = ipaddress.ip_network("10.64.1.0/26")


@pytest.fixture
def three(lab):
    """Three hosts with a box each; the second is the one whose state is copied."""
    hosts = lab.cluster(3, "--cooldown", "1s")
    hosts[0].weft("network", "create", "blue", "--subnet", str(POOL))
    boxes = [host.box("a") for host in hosts]
    answers = [host.attach("blue", box) for host, box in zip(hosts, boxes)]
    return hosts, boxes, answers


def copy_state(host, place):
    """A copy of a state directory, taken while nothing writes to it."""
    host.stop()
    shutil.copytree(host.state, place)
    host.start("--cooldown", "1s")
    wait_for("it is back", lambda: host.json("status")["in_sync"], 10)


def put_back(host, place):
    host.stop()
    shutil.rmtree(host.state)
    shutil.copytree(place, host.state)
    host.start("--cooldown", "1s")


def warning_of(host, word, timeout=10):
    found, _ = wait_for(f"{host.name} says {word}", lambda: [
        text for text in host.json("status")["warnings"] if word in text], timeout)
    return found[0]


def rows_of(host, owner):
    """What a host knows of a member: how it is reached and what it has."""
    return ([(m["addr"], m["state"]) for m in host.json("members") if m["id"] == owner],
            sorted((e["id"], tuple(e["addresses"])) for e in host.json("endpoint", "ls")
                   if e["host"] == "h2"))


@pytest.mark.parametrize("place", ["elsewhere", "under the original's address"])
def test_a_copy_beside_the_original_is_refused_and_harms_nobody(lab, three, place):
    hosts, boxes, answers = three
    original, others = hosts[1], [hosts[0], hosts[2]]
    copy = lab.host(start=False)
    copy_state(original, copy.state)
    audit.settled(hosts, 10)
    owner = original.json("status")["node"]["id"]
    before = [rows_of(host, owner) for host in others]
    leases = original.json("ipam", "ls")
    pingers = [Pinger(boxes[0], answers[1]["ip"], 0.01),
               Pinger(boxes[1], answers[2]["ip"], 0.01)]
    copy.label = original.label
    copy.start("--cooldown", "1s", *(("--advertise", original.addr) if place != "elsewhere"
                                     else ()))
    text = warning_of(copy, "copy")
    assert "weft reset" in text and "weft join" in text, "it says how to go on"
    assert copy.json("status")["node"]["phase"] == "copy"
    late = copy.box("late")
    for command in (("attach", "blue", "--netns", late.path), ("network", "create", "red"),
                    ("ipam", "reserve", "blue"), ("token", "create")):
        failed = copy.refused(*command)
        assert failed.code == 4 and "copy" in failed.stderr and "weft reset" in failed.stderr
    assert [name for name in copy.links() if name.startswith("wf")] == []

    # Nobody noticed: not even a suspicion, not one ping, not one row.
    holds("the original is alive to all", 3, lambda: all(
        host.members() == ["h1", "h2", "h3"] for host in hosts))
    new = original.attach("blue", original.box("new"))
    assert boxes[2].ping(new["ip"]) is not None
    original.weft("detach", "blue", "--endpoint", new["endpoint"])
    copy.kill()
    copy.start("--cooldown", "1s")
    warning_of(copy, "copy")
    for pinger in pingers:
        sent, received = pinger.stop()
        assert sent > 20 and received == sent
    assert original.json("ipam", "ls") == leases
    for host, rows in zip(others, before):
        wait_for("it knows the original as before", lambda: rows_of(host, owner) == rows, 5)
    audit.settled(hosts, 5)
    audit.clean(hosts)

    # Reset and joined anew the copy's host is a member like any other.
    copy.weft("reset")
    copy.stop()
    copy.label = "h4"
    copy.start("--cooldown", "1s")
    copy.weft("join", hosts[0].json("token", "create")["token"])
    audit.settled(hosts + [copy], 10)
    wait_for("the network is known", lambda: copy.json("network", "ls"), 5)
    assert boxes[0].ping(copy.attach("blue", copy.box("b"))["ip"]) is not None
    audit.ring_whole(hosts + [copy], "blue", POOL)


def is_fenced(twin):
    """As which of the two it is depends on what it was shown first: a later epoch, a row that it
    never wrote, or two keys of one epoch."""
    return twin.json("status")["node"]["fence"] in ("clone", "set_back")


def raised(twins):
    """How many epochs they have claimed since they were fenced."""
    return sum(twin.log.read_text().count("epoch raised to") for twin in twins)


def test_two_that_were_both_agreed_to_in_a_cut_both_stop_until_one_recovers(lab, three):
    """Original and copy start in two halves of a cluster, and each finds a member that agrees."""
    hosts, boxes, answers = three
    original, others = hosts[1], [hosts[0], hosts[2]]
    copy = lab.host(start=False)
    copy.label = original.label
    original.stop()
    shutil.copytree(original.state, copy.state)
    halves = [hosts[:2], [hosts[2], copy]]
    for half, other in (halves, halves[::-1]):
        for host in half:
            host.deaf_to(other)
    twins = [original, copy]
    for twin in twins:
        twin.start("--cooldown", "1s")
    for twin in twins:
        wait_for("it was agreed to", lambda: twin.json("status")["in_sync"], 20)
    news = [twin.box("new") for twin in twins]
    new, stray = [twin.attach("blue", box, patient=False) for twin, box in zip(twins, news)]
    for host in hosts + [copy]:
        host.heal()

    # Each is fenced or, at the word of who still hears the other one, takes itself for the copy.
    late = original.box("late")
    for twin in twins:
        wait_for("it has stopped", lambda: is_fenced(twin) or
                 twin.json("status")["node"]["phase"] == "copy", 20)
        assert twin.json("status")["warnings"]
        for command in (("attach", "blue", "--netns", late.path), ("ipam", "reserve", "blue")):
            failed = twin.refused(*command)
            assert (failed.code, "weft node recover" in failed.stderr) == (1, True) or \
                (failed.code, "weft reset" in failed.stderr) == (4, True), failed
    for host in others:
        assert host.json("status")["node"]["fence"] is None
        assert not {new["ip"], stray["ip"]} & {host.json("ipam", "reserve", "blue")["address"]
                                               for _ in range(4)}

    # They do not count on against each other: each knows by then that there is another.
    for twin in twins:
        wait_for("it knows", lambda: (node := twin.json("status")["node"]) and (
            node["fence"] == "clone" or node["phase"] == "copy"), 40)
    holds("they claim no more epochs", 2, lambda: raised(twins) <= RAISED_MAX)

    # The operator knows which of them is the copy: it goes, and the other one asks anew.
    copy.stop()
    original.stop()
    original.start("--cooldown", "1s")
    wait_for("it is heard, and fenced all the same", lambda: is_fenced(original) and
             original.json("status")["node"]["phase"] == "active", 20)
    for host in others:
        wait_for("it is known where the original lives", lambda: f"{original.addr}:7947" in [
            member["addr"] for member in host.json("members")], 10)
    done = original.json("node", "recover")
    assert done["recovered"]
    assert stray["endpoint"] in [d["endpoint"] for d in done["dropped"]]
    audit.settled(hosts, 10)
    last = original.attach("blue", late)
    addresses = {box: answer["ip"] for box, answer in
                 zip([*boxes, news[0], late], [*answers, new, last])}
    audit.settled(hosts, 10)
    audit.clean(hosts)
    audit.ring_whole(hosts, "blue", POOL)
    audit.kernel_as_leased(hosts, "blue", addresses)
    audit.all_reach_all(addresses)


def test_a_copy_on_the_original_s_own_machine_cannot_start(lab, three):
    hosts, boxes, answers = three
    original = hosts[1]
    twin = lab.dir / "twin"
    copy_state(original, twin)
    pinger = Pinger(boxes[0], answers[1]["ip"])
    process = original.popen(WEFTD, "--state-dir", twin, "--socket",
                             lab.dir / "twin.sock", "--name", "h2", "--advertise", original.addr,
                             stdout=-1, stderr=-1, text=True)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 1 and "7947" in errors and "in use" in errors, errors
    sent, received = pinger.stop()
    assert received == sent
    audit.settled(hosts, 10)
    audit.clean(hosts)


@pytest.mark.parametrize("starts, way", [(0, "copy"), (1, "copy"), (3, "copy"), (0, "backup"),
                                         (1, "backup")])
def test_a_state_that_was_put_back_is_fenced_until_it_is_recovered(lab, three, starts, way):
    """By hand, or by weft backup and weft restore of a daemon that runs."""
    hosts, boxes, answers = three
    victim, others = hosts[1], [hosts[0], hosts[2]]
    old = lab.dir / "old"
    if way == "copy":
        copy_state(victim, old)
    else:
        victim.weft("backup", old)
    for _ in range(starts):
        victim.kill()
        victim.start("--cooldown", "1s")
        wait_for("it is back", lambda: victim.json("status")["in_sync"], 10)
    late = victim.box("late")
    forgotten = victim.attach("blue", late)
    assert boxes[0].ping(forgotten["ip"]) is not None
    for host in others:
        wait_for("it is known", lambda: forgotten["endpoint"] in
                 {e["id"] for e in host.json("endpoint", "ls")}, 5)
    pingers = [Pinger(boxes[0], answers[1]["ip"], 0.01),
               Pinger(boxes[1], answers[2]["ip"], 0.01)]
    unforgotten = Pinger(boxes[0], forgotten["ip"], 0.01)
    if way == "copy":
        put_back(victim, old)
    else:
        victim.weft("restore", "--force", old)

    text = warning_of(victim, "went back")
    assert "weft node recover" in text, "it says how to go on"
    assert victim.json("status")["node"]["fence"] == "set_back"
    wait_for("its epoch is claimed", lambda: victim.json("status")["node"]["phase"] == "active", 10)
    box = victim.box("b")
    for command in (("attach", "blue", "--netns", box.path), ("ipam", "reserve", "blue")):
        failed = victim.refused(*command)
        assert failed.code == 1 and "went back in time" in failed.stderr, failed
        assert failed.stderr.strip().endswith("run weft node recover"), failed
    for host in hosts:
        wait_for("it is a member all the while", lambda: host.members() == ["h1", "h2", "h3"], 5)
    # Others do not get what it may have leased meanwhile.
    assert forgotten["ip"] not in {host.json("ipam", "reserve", "blue")["address"]
                                   for host in others for _ in range(4)}

    # A box that it does not know any more keeps its port while it is fenced.
    wait_for("its kernel was looked at", lambda: victim.json("status")["in_sync"], 10)
    holds("the box is reached", 1, lambda: boxes[1].ping(forgotten["ip"]) is not None)
    sent, received = unforgotten.stop()
    assert sent > 20 and received == sent

    victim.weft("node", "recover")
    audit.settled(hosts, 10)
    answer = victim.attach("blue", box)
    assert boxes[0].ping(answer["ip"]) is not None and boxes[1].ping(answer["ip"]) is not None
    for pinger in pingers:
        sent, received = pinger.stop()
        assert sent > 20 and received == sent
    for host in others:
        wait_for("what was given up is gone", lambda: forgotten["endpoint"] not in
                 {e["id"] for e in host.json("endpoint", "ls")}, 5)
    audit.settled(hosts, 10)
    audit.clean(hosts)
    audit.ring_whole(hosts, "blue", POOL)
    audit.kernel_as_leased(hosts, "blue", {boxes[1]: answers[1]["ip"], box: answer["ip"]})


def own_address(host):
    """What the host itself has in the only network."""
    [mine] = [e for e in host.json("endpoint", "ls") if e["is_host"] and e["host"] == host.label]
    return mine["addresses"][0].split("/")[0]


def reached(box, address):
    """The MAC that a box has found an address at."""
    [found] = json.loads(box.ip("-j", "neigh", "show", "to", address).stdout)
    return found["lladdr"]


def test_addresses_that_went_elsewhere_after_the_backup_stay_there(lab, three):
    """weft restore under a box that lives on: by the backup it and its host have two addresses that
    were given back since and that boxes of another host have now."""
    hosts, boxes, answers = three
    victim, third, box = hosts[1], hosts[2], boxes[1]
    given_back = [answers[1]["ip"], own_address(victim)]
    victim.weft("backup", lab.dir / "old")
    victim.weft("detach", "blue", "--endpoint", answers[1]["endpoint"])
    wait_for("the host left the network and all has cooled down", lambda: [
        victim.json("ipam", "ring", "blue")["here"][kind] for kind in ("leased", "cooling")
    ] == [0, 0], 20)
    holders = [third.box(name) for name in "xy"]
    for holder, address in zip(holders, given_back):
        assert third.attach("blue", holder, "--ip", address)["ip"] == address
    forgotten = victim.attach("blue", box)
    assert not {forgotten["ip"], own_address(victim)} & set(given_back)
    pingers = [Pinger(boxes[0], address, 0.01) for address in given_back]
    pingers += [Pinger(holder, answers[0]["ip"], 0.01) for holder in holders]
    of_the_box = [Pinger(boxes[0], forgotten["ip"], 0.01), Pinger(box, given_back[0], 0.01)]
    victim.weft("restore", "--force", lab.dir / "old")

    # Fenced it takes nothing from those who have them now, nor from the box, which has another.
    warning_of(victim, "went back")
    wait_for("its kernel was looked at", lambda: victim.json("status")["in_sync"], 10)
    box.ip("neigh", "flush", "all")
    holds("all goes on", 1, lambda: box.ping(given_back[0]) is not None and
          all(boxes[2].ping(address) is not None for address in given_back))
    # Nor for itself: its boxes reach who has its former address, not its own bridge.
    assert box.ping(given_back[1]) is not None
    assert reached(box, given_back[1]) == holders[1].links()["eth0"]["address"]
    for pinger in of_the_box:
        sent, received = pinger.stop()
        assert sent > 20 and received == sent, pinger.what
    found = victim.json("ipam", "check")["findings"]
    assert ("stray", given_back[1], "h3") in [(f["kind"], f["address"], f["other"]) for f in found]

    done = victim.json("node", "recover")
    assert {(d["why"], d["address"], d["other"]) for d in done["dropped"]} == {
        ("not_ours", given_back[1], "h3"), ("unknown_here", forgotten["ip"], None)}
    audit.settled(hosts, 10)
    for pinger in pingers:
        sent, received = pinger.stop()
        assert sent > 20 and received == sent, pinger.what
    answer = victim.attach("blue", box)
    audit.settled(hosts, 10)
    audit.clean(hosts)
    audit.ring_whole(hosts, "blue", POOL)
    addresses = {boxes[0]: answers[0]["ip"], box: answer["ip"], boxes[2]: answers[2]["ip"],
                 **dict(zip(holders, given_back))}
    audit.kernel_as_leased(hosts, "blue", addresses)
    audit.all_reach_all(addresses)


def rules_of(host):
    return host.exec("nft", "list", "table", "inet", "weft").stdout


def test_a_network_joined_after_the_copy_stays_whole_and_apart_while_fenced(lab, three):
    hosts, boxes, answers = three
    victim, other = hosts[1], hosts[0]
    copy_state(victim, lab.dir / "old")
    victim.weft("network", "create", "red", "--subnet", "10.64.2.0/24")
    near, far = victim.box("near"), other.box("far")
    red = victim.attach("red", near)
    wait_for("red is known", lambda: len(other.json("network", "ls")) == 2, 5)
    far_ip = other.attach("red", far)["ip"]
    assert near.ping(far_ip) is not None
    before = rules_of(victim)
    pinger = Pinger(far, red["ip"], 0.01)
    put_back(victim, lab.dir / "old")
    warning_of(victim, "went back")
    wait_for("its kernel was looked at", lambda: victim.json("status")["in_sync"], 10)
    holds("it is reached and apart", 1, lambda: near.ping(far_ip) is not None and
          near.ping(answers[1]["ip"], wait=0.1) is None)
    assert boxes[1].ping(red["ip"], wait=0.1) is None
    assert boxes[0].ping(answers[1]["ip"]) is not None
    for word in set(before.split()):
        if "001" in word or "10.64." in word:
            assert word in rules_of(victim), word
    sent, received = pinger.stop()
    assert sent > 20 and received == sent
    victim.weft("node", "recover")
    audit.settled(hosts, 10)
    wait_for("what it gave up is gone", lambda: len(
        [name for name in victim.links() if name.startswith("wfbr")]) == 1, 5)
    wait_for("its rules too", lambda: "10.64.2." not in rules_of(victim), 5)
    audit.clean(hosts)


def test_nothing_goes_before_somebody_was_met_who_knows_better(lab, three):
    """Put back, and alone at first: what it does not know it may have made."""
    hosts, boxes, answers = three
    victim, others = hosts[1], [hosts[0], hosts[2]]
    copy_state(victim, lab.dir / "old")
    late = victim.box("late")
    forgotten = victim.attach("blue", late)
    for host in others:
        wait_for("it is known", lambda: forgotten["endpoint"] in
                 {e["id"] for e in host.json("endpoint", "ls")}, 5)
    pinger = Pinger(boxes[1], forgotten["ip"], 0.01)
    victim.deaf_to(others)
    put_back(victim, lab.dir / "old")
    wait_for("it went on alone", lambda: victim.json("status")["node"]["phase"] == "active", 10)
    wait_for("its kernel was looked at", lambda: victim.metric("weft_overlay_reconciles_total") > 0, 10)
    warning_of(victim, "restart guard")
    holds("the box is reached", 1, lambda: boxes[1].ping(forgotten["ip"]) is not None)
    victim.heal()
    warning_of(victim, "went back")
    holds("the box is reached", 1, lambda: boxes[1].ping(forgotten["ip"]) is not None)
    sent, received = pinger.stop()
    assert sent > 20 and received == sent
    victim.weft("node", "recover")
    audit.settled(hosts, 10)
    audit.clean(hosts)
    audit.kernel_as_leased(hosts, "blue", {boxes[1]: answers[1]["ip"]})


def test_a_second_start_after_the_disk_went_back_waits_as_well(lab, three):
    """Each start commits; none may pass for the one that this boot saw last before a member was met
    who knows better."""
    hosts, boxes, _ = three
    victim, others = hosts[1], [hosts[0], hosts[2]]
    copy_state(victim, lab.dir / "old")
    forgotten = victim.attach("blue", victim.box("late"))
    reserved = victim.json("ipam", "reserve", "blue")["address"].split("/")[0]
    box = victim.box("b")
    victim.deaf_to(others)
    put_back(victim, lab.dir / "old")
    for _ in range(2):
        wait_for("it went on alone", lambda: victim.json("status")["node"]["phase"] == "active", 10)
        warning_of(victim, "restart guard")
        for command in (("attach", "blue", "--netns", box.path, "--timeout", "1s"),
                        ("ipam", "reserve", "blue")):
            assert "new leases wait for a sync with a member" in victim.refused(*command).stderr
        victim.kill()
        victim.start("--cooldown", "1s")
    held = {lease["address"] for lease in victim.json("ipam", "ls")}
    assert not held & {forgotten["ip"], reserved}
    victim.heal()
    warning_of(victim, "went back")
    victim.weft("node", "recover")
    audit.settled(hosts, 10)
    answer = victim.attach("blue", box)
    assert boxes[0].ping(answer["ip"]) is not None
    audit.clean(hosts)
    audit.ring_whole(hosts, "blue", POOL)


def test_a_state_directory_put_back_without_news_serves_on_by_itself(lab, three):
    """Nothing was written between the copy and its return: it is not behind."""
    hosts, boxes, answers = three
    victim = hosts[1]
    pinger = Pinger(boxes[0], answers[1]["ip"])
    victim.stop()
    shutil.copytree(victim.state, lab.dir / "old")
    shutil.rmtree(victim.state)
    shutil.copytree(lab.dir / "old", victim.state)
    victim.start("--cooldown", "1s")
    audit.settled(hosts, 10)
    answer = victim.attach("blue", victim.box("b"))
    assert boxes[0].ping(answer["ip"]) is not None
    sent, received = pinger.stop()
    assert received == sent
    audit.clean(hosts)
