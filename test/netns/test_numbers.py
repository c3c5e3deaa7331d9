# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Two networks that were made with one VNI on the two sides of a cut: when it heals one of them moves,
on every host, and the other does not notice."""
from hosts import Pinger, wait_for

VNI = 5000


def number_of(host, network):
    return {n["name"]: n["vni"] for n in host.json("network", "ls")}.get(network)


def bridges(host):
    return {name: link["ifalias"] for name, link in host.links().items()
            if name.startswith("wfbr")}


def test_the_network_of_the_higher_id_moves_and_the_other_one_does_not_notice(lab):
    hosts = lab.cluster(4)
    sides = {"blue": hosts[:2], "red": hosts[2:]}
    subnets = {"blue": "10.64.1.0/24", "red": "10.64.2.0/24"}
    ids, boxes, answers = {}, {}, {}
    for host in hosts:
        host.deaf_to([other for side in sides.values() if host not in side for other in side])
    for name, side in sides.items():
        ids[name] = side[0].json("network", "create", name, "--vni", VNI, "--subnet",
                                 subnets[name])["id"]
        wait_for(f"{name} is known", lambda: number_of(side[1], name) == VNI, 5)
        boxes[name] = [host.box(name) for host in side]
        answers[name] = [host.attach(name, box, patient=False)
                         for host, box in zip(side, boxes[name])]
    stays, moves = sorted(ids, key=ids.get)
    pingers = {name: Pinger(boxes[name][0], answers[name][1]["ip"], 0.01) for name in ids}
    for host in hosts:
        host.heal()

    for host in hosts:
        wait_for("it knows both and agrees", lambda: number_of(host, stays) == VNI and
                 number_of(host, moves) not in (None, VNI), 20)
    assert len({number_of(host, moves) for host in hosts}) == 1
    moved = f"wfbr{number_of(hosts[0], moves):06x}"
    for host in sides[moves]:
        wait_for("its devices moved", lambda: bridges(host) == {moved: f"weft:{ids[moves]}"}, 5)
    for host in sides[stays]:
        assert bridges(host) == {f"wfbr{VNI:06x}": f"weft:{ids[stays]}"}
    wait_for("the other end is reached again", lambda: boxes[moves][0].ping(
        answers[moves][1]["ip"]) is not None, 5)
    sent, received = pingers[stays].stop()
    assert sent > 20 and received == sent
    sent, received = pingers[moves].stop()
    assert sent - received < 100, "it was away for a moment only"

    # Both on one host, side by side and apart.
    for name, host in ((stays, sides[moves][0]), (moves, sides[stays][0])):
        box = host.box("late")
        late = host.attach(name, box)
        assert boxes[name][1].ping(late["ip"]) is not None
        other = moves if name == stays else stays
        assert box.ping(answers[other][1]["ip"], wait=0.2) is None
        assert box.ping(answers[name][0]["ip"]) is not None
    for host in hosts:
        assert host.json("ipam", "check")["findings"] == []
        wait_for("it is at rest", lambda: host.json("status")["reconcile"]["pending"] == 0, 5)
