# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Datagrams recorded from a running cluster, sent again without any key at a node that restarted
alone: weft takes them for nothing, the peer takes a dead member for alive.

The recorded frames go out on the bridge's port of the host as they were seen there, with the
addresses of those who sent them then.
"""
import ipaddress
import json
import re
import subprocess
import sys
import time

import audit
from hosts import Namespace, run, wait_for

# Sends the frames of a file of hexadecimal lines out of a device. Sums that a virtual device left
# unfinished are cleared: UDP over IPv4 may go without.
INJECT = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for line in sys.stdin.read().split():
    frame = bytearray.fromhex(line)
    frame[40:42] = bytes(2)
    s.send(frame)
"""

SEALED = (0x11, 0x12)
TABLES = ("facts", "snapshot_rows", "leases", "endpoints")
COUNTED = ("datagrams_received", "dropped")
POOL = ipaddress.ip_network("10.64.1.0/24")
REPLAYED_S = 5
IN_COMPANY = 3  # rounds of all records
SERF_PORT = 7946
SERF_RECORDED = 24  # some twelve seconds; the longer the record, the longer it lasts
SERF_SHOWN_MIN_S = 3
SERF_SHOWN_MAX_S = 50


def frames(capture):
    """The Ethernet frames of a capture, without a library."""
    raw, at, found = capture.raw(), 24, []
    while at + 16 <= len(raw):
        size = int.from_bytes(raw[at + 8:at + 12], "little")
        found.append(raw[at + 16:at + 16 + size])
        at += 16 + size
    return found


def replay(lab, device, recorded):
    done = subprocess.run(["nsenter", f"--net={lab.underlay.path}", sys.executable, "-c", INJECT, device],
                          input="\n".join(f.hex() for f in recorded), text=True, capture_output=True,
                          timeout=30)
    assert done.returncode == 0, done.stderr


def source(frame):
    return ".".join(str(b) for b in frame[26:30])


def stored(host):
    """What the host's store holds of others and of the cluster, and its own rows but the one that
    every start renews."""
    with_own = [f"SELECT * FROM {name}" for name in TABLES]
    with_own.append("SELECT * FROM own_rows WHERE kind <> 1")
    db = host.state / "weft.db"
    return [run("sqlite3", "-readonly", "-quote", db, query).stdout for query in with_own]


def known(host):
    """All that weft says of members and tables, without instants."""
    answers = [host.json(*words) for words in (("members",), ("network", "ls"), ("endpoint", "ls"),
                                               ("ipam", "ls"), ("ipam", "ring", "blue"))]
    text = json.dumps(answers, sort_keys=True)
    return re.sub(r'"(heard|rtt|since|age)\w*": [^,}]*', "", text)


def test_a_recorded_cluster_replayed_at_a_restarted_daemon_changes_nothing(lab):
    hosts = [lab.host() for _ in range(3)]
    first = hosts[0]
    captures = [lab.capture(lab.underlay, f"p{host.index}", f"udp port 7947 and dst host {host.addr}")
                for host in hosts]
    token = first.json("init", "--name", "lab")["token"]
    for host in hosts[1:]:
        host.weft("join", token)
    first.weft("network", "create", "blue", "--subnet", str(POOL))
    for host in hosts:
        host.attach("blue", host.box("a"))
    hosts[1].kill()
    hosts[1].start()
    wait_for("all see all", lambda: all(h.members() == ["h1", "h2", "h3"] for h in hosts), 10)
    hosts[2].weft("network", "create", "red", "--subnet", "10.64.2.0/24")
    wait_for("it spread", lambda: len(first.json("network", "ls")) == 2, 5)
    for capture in captures:
        capture.stop()
    recorded, *_ = records = [frames(capture) for capture in captures]
    sealed = [f for f in recorded if f[42] in SEALED]
    assert {source(f) for f in sealed} == {hosts[1].addr, hosts[2].addr}
    for host in hosts:
        host.kill()
    first.start()
    first.stop()
    before = stored(first)
    first.start()
    wait_for("it goes on alone", lambda: first.members("failed") == ["h2", "h3"], 30)
    facts = known(first)
    heard = first.metric("weft_gossip_datagrams_received_total")
    dropped = first.metric("weft_gossip_dropped_total")
    rounds = 0
    until = time.monotonic() + REPLAYED_S  # a few periods of probes, for whatever may come of it
    while time.monotonic() < until:
        replay(lab, "p1", recorded)
        rounds += 1
        wait_for("all of them came in",
                 lambda: first.metric("weft_gossip_datagrams_received_total") >= heard + rounds * len(recorded), 5)
        assert first.members() == ["h1"]
        assert first.members("failed") == ["h2", "h3"]
    assert first.metric("weft_gossip_dropped_total") >= dropped + rounds * len(sealed)
    assert known(first) == facts
    assert first.json("ipam", "check")["findings"] == []
    first.stop()
    assert stored(first) == before
    print(f"\nweft: {len(recorded)} datagrams replayed {rounds} times, no dead member alive for a moment")
    for host in hosts:
        host.start()
    wait_for("the others are welcome", lambda: all(h.members() == ["h1", "h2", "h3"] for h in hosts), 20)

    # Once more with all of them back, each with what it was sent then.
    audit.settled(hosts, 10)
    audit.ring_whole(hosts, "blue", POOL)
    facts = [known(host) for host in hosts]
    before = [[host.metric(f"weft_gossip_{what}_total") for what in COUNTED] for host in hosts]
    for rounds in range(1, 1 + IN_COMPANY):
        for host, record in zip(hosts, records):
            replay(lab, f"p{host.index}", record)
        for host, record, (heard, _) in zip(hosts, records, before):
            wait_for("all of them came in", lambda: host.metric(
                f"weft_gossip_{COUNTED[0]}_total") >= heard + rounds * len(record), 5)
        assert all(h.members() == ["h1", "h2", "h3"] for h in hosts)
    for host, record, (_, dropped) in zip(hosts, records, before):
        assert host.metric(f"weft_gossip_{COUNTED[1]}_total") >= \
            dropped + IN_COMPANY * sum(f[42] in SEALED for f in record)
    assert [known(host) for host in hosts] == facts
    audit.settled(hosts, 5)
    audit.clean(hosts)


class Agent(Namespace):
    """A Serf agent of its own host, encrypted with a keyring; Serf's own timing for a LAN."""

    def __init__(self, lab, index, key):
        super().__init__(lab, f"s{index}")
        self.index = index
        self.addr = f"10.199.0.{index}"
        self.keyring = lab.dir / f"s{index}.keyring"
        self.keyring.write_text(json.dumps([key]))
        self.process = None
        lab.plug(self, self.addr)

    def start(self, *extra):
        log = open(self.lab.dir / f"s{self.index}.log", "ab")
        self.process = self.popen("serf", "agent", f"-node=s{self.index}", f"-bind={self.addr}:{SERF_PORT}",
                                  f"-keyring-file={self.keyring}", *extra, stdout=log, stderr=log)
        log.close()
        wait_for("serf answers", lambda: self.members() is not None, 10)

    def members(self):
        """Name and state of each member, None while the agent does not answer."""
        done = self.exec("serf", "members", "-format=json", check=False)
        if done.returncode != 0:
            return None
        return {m["name"]: m["status"] for m in json.loads(done.stdout)["members"]}

    def kill(self):
        self.process.kill()
        self.process.wait(10)


def test_the_peer_shows_a_dead_member_alive_after_the_same_replay(lab):
    key = run("serf", "keygen").stdout.strip()
    first, second = Agent(lab, 1, key), Agent(lab, 2, key)
    first.start()
    capture = lab.capture(lab.underlay, "p1", f"udp port {SERF_PORT} and dst host {first.addr}")
    second.start(f"-join={first.addr}")
    wait_for("both know both", lambda: first.members() == {"s1": "alive", "s2": "alive"}, 10)
    wait_for("a few probes have passed", lambda: len(frames(capture)) >= SERF_RECORDED, 30)
    capture.stop()
    recorded = frames(capture)
    second.kill()
    first.kill()
    first.start()
    assert first.members() == {"s1": "alive"}

    def shown():
        replay(lab, "p1", recorded)
        return first.members().get("s2") == "alive"

    _, came = wait_for("the dead member is shown alive", shown, 5)
    _, lasted = wait_for("it is found dead at last", lambda: not shown(), SERF_SHOWN_MAX_S, every=0.2)
    print(f"\nserf: {len(recorded)} datagrams replayed, a dead member alive after {came:.1f} s for {lasted:.1f} s")
    assert lasted > SERF_SHOWN_MIN_S
