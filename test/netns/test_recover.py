# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Fences and the way out, as an operator meets them: what weft says, and with which exit code."""
import json

from hosts import WEFT, run, wait_for
from reference import Reference


def status(host):
    """The status of a host in whatever state, its exit code with it."""
    done = run(WEFT, "--socket", host.socket, "status", "--json", check=False)
    return json.loads(done.stdout), done.returncode


def phase_of(host, phase):
    wait_for(f"{host.name} is {phase}",
             lambda: status(host)[0]["node"]["phase"] == phase, 15)


def test_a_removed_node_is_told_by_whom_when_and_why(lab):
    hosts = lab.cluster(3)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/26")
    box = hosts[2].box("a")
    hosts[2].attach("blue", box)
    hosts[2].kill()
    hosts[0].weft("node", "rm", "h3", "--reason", "broken fan")
    hosts[2].start(wait=False)
    wait_for("it listens", lambda: status(hosts[2])[0], 10)
    phase_of(hosts[2], "removed")
    answer, code = status(hosts[2])
    assert code == 1
    assert answer["node"]["removed"]["by"] == "h1"
    assert answer["node"]["removed"]["reason"] == "broken fan"
    text = [w for w in answer["warnings"] if "removed by h1 at " in w]
    assert text and "broken fan" in text[0] and "weft reset" in text[0]
    refused = hosts[2].refused("attach", "blue", "--netns", box.path)
    assert refused.code == 1 and "removed by h1" in refused.stderr
    refused = hosts[2].refused("node", "recover")
    assert refused.code == 1 and "weft reset" in refused.stderr
    assert hosts[0].members() == ["h1", "h2"]
    hosts[2].weft("reset")
    token = hosts[0].json("token", "create")["token"]
    hosts[2].weft("join", token)
    answer, code = status(hosts[2])
    assert code == 0 and answer["node"]["removed"] is None


def test_a_restored_backup_is_fenced_until_it_is_recovered(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/26")
    boxes = [host.box("a") for host in hosts]
    answers = [host.attach("blue", box) for host, box in zip(hosts, boxes)]
    backup = lab.dir / "h2.backup"
    hosts[1].weft("backup", backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert hosts[1].refused("backup", backup).code == 4
    late = hosts[1].box("late")
    lost = hosts[1].attach("blue", late)
    assert hosts[1].refused("restore", backup).code == 4
    hosts[1].weft("restore", "--force", backup)
    phase_of(hosts[1], "active")
    answer, code = status(hosts[1])
    assert code == 1 and answer["node"]["fence"] == "set_back"
    assert any("weft node recover" in w for w in answer["warnings"])
    assert boxes[0].ping(answers[1]["ip"]) is not None
    assert hosts[1].refused("attach", "blue", "--netns", late.path).code == 1
    done = hosts[1].json("node", "recover")
    assert done["recovered"] and done["fence"] == "set_back"
    reference, recover = Reference(), "POST /v1/node/recover"
    reference.check(recover, done)
    assert reference.unseen(recover) == set()
    assert [(d["why"], d["network"], d["address"], d["endpoint"]) for d in done["dropped"]] == \
        [("unknown_here", "blue", lost["ip"], lost["endpoint"])]
    assert hosts[1].json("node", "recover")["recovered"] is False
    assert status(hosts[1])[1] == 0
    assert hosts[1].json("ipam", "check")["findings"] == []
    assert boxes[0].ping(answers[1]["ip"]) is not None
    hosts[1].attach("blue", hosts[1].box("new"))


def test_after_a_reboot_alone_nothing_is_leased_before_a_member_or_the_operator_agrees(lab):
    hosts = lab.cluster(2)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/26")
    boxes = [host.box("a") for host in hosts]
    for host, box in zip(hosts, boxes):
        host.attach("blue", box)
    hosts[0].kill()
    marker = hosts[1].socket.with_name(hosts[1].socket.name + ".marker")

    # The marker is there: the disk is the one that was used last, and it goes on at once.
    hosts[1].kill()
    hosts[1].start()
    phase_of(hosts[1], "active")
    hosts[1].attach("blue", hosts[1].box("b"))

    # A reboot: the runtime directory is empty.
    hosts[1].kill()
    marker.unlink()
    hosts[1].start()
    phase_of(hosts[1], "active")
    box = hosts[1].box("c")
    refused = hosts[1].refused("attach", "blue", "--netns", box.path)
    assert refused.code == 6 and "weft ipam confirm" in refused.stderr
    assert any("restart guard" in w for w in status(hosts[1])[0]["warnings"])
    hosts[1].weft("ipam", "confirm")
    hosts[1].attach("blue", box)

    # Again, and a member comes: no operator is needed.
    hosts[1].kill()
    marker.unlink()
    hosts[1].start()
    phase_of(hosts[1], "active")
    hosts[0].start()
    wait_for("the guard ends", lambda: not any(
        "restart guard" in w for w in status(hosts[1])[0]["warnings"]), 20)
    hosts[1].attach("blue", hosts[1].box("d"))


def test_without_the_guard_nobody_is_waited_for(lab):
    hosts = lab.cluster(2, "--restart-guard", "off")
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/26")
    for host in hosts:
        host.attach("blue", host.box("a"))
    hosts[0].kill()
    hosts[1].kill()
    hosts[1].socket.with_name(hosts[1].socket.name + ".marker").unlink()
    hosts[1].start("--restart-guard", "off")
    phase_of(hosts[1], "active")
    hosts[1].attach("blue", hosts[1].box("b"))


def is_guarded(host):
    return any("restart guard" in w for w in status(host)[0]["warnings"])


def test_with_guard_all_a_host_leases_nothing_before_it_met_every_member(lab):
    hosts = lab.cluster(3)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/26")
    for host in hosts:
        host.attach("blue", host.box("a"))
    victim, box = hosts[1], hosts[1].box("b")
    marker = victim.socket.with_name(victim.socket.name + ".marker")
    hosts[2].kill()
    victim.kill()
    marker.unlink()
    victim.start("--restart-guard", "all")
    wait_for("it has met one", lambda: status(victim)[0]["in_sync"], 10)
    refused = victim.refused("attach", "blue", "--netns", box.path)
    assert refused.code == 6 and "weft ipam confirm" in refused.stderr
    hosts[2].start()
    wait_for("it has met the other", lambda: not is_guarded(victim), 20)
    victim.attach("blue", box)

    # One who does not come back holds it up until the operator says so.
    hosts[2].kill()
    victim.kill()
    marker.unlink()
    victim.start("--restart-guard", "all")
    wait_for("it has met one", lambda: status(victim)[0]["in_sync"], 10)
    late = victim.box("c")
    assert victim.refused("attach", "blue", "--netns", late.path).code == 6
    victim.weft("ipam", "confirm")
    assert not is_guarded(victim)
    victim.attach("blue", late, patient=False)


def test_a_revoked_token_names_whom_it_admitted(lab):
    hosts = lab.cluster(2)
    token = hosts[0].json("token", "ls")[0]["id"]
    answer = hosts[0].json("token", "rm", token)
    assert answer["admitted"] == ["h2"] and answer["admitted_count"] == 1
