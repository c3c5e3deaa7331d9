# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A box gets its interface: `weft attach` beside the CNI bridge plugin with host-local, and beside
the commands that an administrator would type.

Each is what its caller runs: a program, from its start to its end. Weft's attach ends when the
other hosts can reach the box too; the others know of one host only. After each attach a box of
another host that never spoke to the new one sends it one ping, and none may be lost.
"""
import json
import os
import time

import peers
import proc
from figures import Goal, Row, in_turns, quantile
from hosts import WEFT, Namespace, run

# Boxes attached in turns by each; hosts that take part in the network; boxes that stay on one host
# while some more come and go.
FULL = {"boxes": 100, "warm": 5, "hosts": 3, "crowd": 200, "more": 50}
SMOKE = {"boxes": 3, "warm": 1, "hosts": 2, "crowd": 4, "more": 2}


ATTACH_WHY = (
    "under strace the lease's commit takes 2.8 ms, of which the disk's sync is 0.9, the interface 2.4 "
    "in a dozen questions to the kernel, one after the other, and entering the box's namespace 1.2. "
    "Tried: four messages to the kernel as two, which gained nothing")


def timed(space, *args, **kw):
    """Milliseconds from the start to the end of a program in a namespace, and what it printed."""
    start = time.monotonic()
    done = space.exec(*args, **kw)
    return 1000 * (time.monotonic() - start), done.stdout


SETTLE_S = 0.1  # in which notifications of an attach are heard and answered


class Weft:
    name = "weft attach"

    def __init__(self, lab, hosts):
        self.hosts = lab.cluster(hosts)
        self.host = self.hosts[0]
        self.host.weft("network", "create", "blue", "--subnet", "10.64.0.0/16")
        boxes = [host.box("pinger") for host in self.hosts[1:]]
        for host, box in zip(self.hosts[1:], boxes):
            host.attach("blue", box)
        self.pinger = boxes[0]
        self.reached = []  # milliseconds from the attach's start to the first ping's answer
        self.lost = self.pending = 0

    def add(self, box):
        start = time.monotonic()
        took, out = timed(self.host, WEFT, "--socket", self.host.socket, "attach", "blue",
                          "--netns", box.path, "--json")
        answer = json.loads(out)
        self.pending += len(answer["peers_pending"]) > 0
        if self.pinger.ping(answer["addresses"][0].split("/")[0]) is None:
            self.lost += 1
        else:
            self.reached.append(1000 * (time.monotonic() - start))
        return took

    def remove(self, box):
        self.host.weft("detach", "blue", "--netns", box.path)


class Cni:
    """The plugins as a runtime calls them, and their bridge in a host of their own."""

    name = "CNI bridge + host-local"

    def __init__(self, lab):
        self.space = Namespace(lab, "cni")
        self.config = json.dumps({
            "cniVersion": "1.0.0", "name": "bench", "type": "bridge", "bridge": "cni0",
            "isGateway": True, "ipMasq": False, "hairpinMode": False,
            "ipam": {"type": "host-local", "dataDir": str(lab.dir / "cni"),
                     "ranges": [[{"subnet": "10.65.0.0/16"}]],
                     "routes": [{"dst": "0.0.0.0/0"}]}})

    def call(self, command, box):
        environment = {**os.environ, "CNI_COMMAND": command, "CNI_CONTAINERID": box.name,
                       "CNI_NETNS": box.path, "CNI_IFNAME": "eth0", "CNI_PATH": str(peers.CNI)}
        return timed(self.space, peers.CNI / "bridge", input=self.config, env=environment)[0]

    def add(self, box):
        return self.call("ADD", box)

    def remove(self, box):
        self.call("DEL", box)


class ByHand:
    """A veth, its place in a bridge, an address and a route, one command each."""

    name = "ip commands"

    def __init__(self, lab):
        self.space = Namespace(lab, "byhand")
        self.count = 0
        self.space.ip("link", "add", "br0", "type", "bridge")
        self.space.ip("addr", "add", "10.66.0.1/16", "dev", "br0")
        self.space.ip("link", "set", "br0", "up")

    def add(self, box):
        self.count += 1
        port, inside = f"v{self.count}", f"ip -n {box.name}"
        high, low = divmod(self.count + 1, 256)
        return timed(self.space, "sh", "-ec", f"""
            ip link add {port} type veth peer name eth0 netns {box.name}
            ip link set {port} master br0
            ip link set {port} up
            {inside} addr add 10.66.{high}.{low}/16 dev eth0
            {inside} link set eth0 up
            {inside} route add default via 10.66.0.1
        """)[0]

    def remove(self, box):
        run("ip", "-n", box.name, "link", "del", "eth0")


def crowd_rows(bench, plan):
    """What one more costs where many are: nothing of theirs is to be read or written for it."""
    took, cpu = {"first": [], "last": []}, {"first": [], "last": []}
    with bench.lab() as lab:
        host = lab.host()
        host.weft("init", "--name", "bench")
        host.weft("network", "create", "blue", "--subnet", "10.64.0.0/16")
        host.attach("blue", host.box("warm"))

        def measure(when):
            for number in range(plan["more"]):
                box = host.box(f"{when}{number}")
                before = proc.cpu_seconds(host.daemon.pid)
                took[when].append(timed(host, WEFT, "--socket", host.socket, "attach", "blue",
                                        "--netns", box.path)[0])
                time.sleep(SETTLE_S)
                cpu[when].append(1000 * (proc.cpu_seconds(host.daemon.pid) - before))
                host.weft("detach", "blue", "--netns", box.path)
                box.delete()
                lab.namespaces.remove(box)

        measure("first")
        for number in range(plan["crowd"]):
            host.attach("blue", host.box(f"c{number}"))
        measure("last")
    group = f"attach on a host with {plan['crowd']} boxes"
    peer = "on a host with one"
    yield Row(group, "a box attached, p50", "ms", took["last"], peer, took["first"],
              Goal("median", "<=", 5), why=ATTACH_WHY)
    yield Row(group, "weftd's CPU for it, all that follows counted", "ms", cpu["last"], peer,
              cpu["first"])


def rows(bench, plan):
    yield from group_rows(bench, plan)
    yield from crowd_rows(bench, plan)


def group_rows(bench, plan):
    with bench.lab() as lab:
        weft = Weft(lab, plan["hosts"])
        ways = [weft, *([Cni(lab)] if (peers.CNI / "bridge").exists() else []), ByHand(lab)]
        took = {way: [] for way in ways}
        empty = []
        for number in range(plan["warm"] + plan["boxes"]):
            for way in in_turns(ways, number):
                box = weft.host.box(f"b{ways.index(way)}n{number}")
                took[way].append(way.add(box))
                way.remove(box)
                box.delete()
                lab.namespaces.remove(box)
            empty.append(timed(weft.host, "true")[0])
    for way in ways:
        del took[way][:plan["warm"]]
    group = f"attach on one of {plan['hosts']} hosts"
    note = None if (peers.CNI / "bridge").exists() else f"the CNI bridge plugin {peers.ABSENT}"
    for way in ways[1:]:
        yield Row(group, "a box attached, p50", "ms", took[weft], way.name, took[way],
                  Goal("median", "<=", 5), note, why=ATTACH_WHY)
        yield Row(group, "a box attached, p99", "ms", [quantile(took[weft], 0.99)], way.name,
                  [quantile(took[way], 0.99)], Goal("median", "<=", 20))
    yield Row(group, "of this, starting a program", "ms", empty)
    yield Row(group, "answers that name a host which does not know it yet", "boxes",
              [weft.pending])
    yield Row(group, "first ping by IPv4 from another host lost", "boxes", [weft.lost],
              goal=Goal("worst", "<=", 0, "none"))
    yield Row(group, "first ping by IPv6 from another host lost", "boxes",
              missing="networks have no IPv6 pools yet")
    yield Row(group, "a container started by docker run --net", "ms",
              missing="weft has no Docker plugin yet")
    for share in (0.5, 0.99):
        yield Row(group, f"attach begun until first ping answered, p{100 * share:.0f}", "ms",
                  [quantile(weft.reached, share)] if weft.reached else [],
                  goal=Goal("median", "<=", 50))
