# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What the gossip port shows to strangers, and what strangers can do to it."""
import subprocess
import sys

from hosts import wait_for

FLOOD = """
import random, socket, sys
draw = random.Random(3)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
known = [bytes.fromhex(line) for line in sys.stdin.read().split()]
for i in range(3000):
    if known and i % 3 == 0:
        data = bytearray(draw.choice(known))
        if i % 2:
            data = data[:draw.randrange(len(data))]
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    else:
        data = draw.randbytes(draw.randrange(0, 1400))
        if data and i % 4:
            data = bytes([0x10 | draw.randrange(1, 8)]) + data[1:]
    s.sendto(bytes(data), (sys.argv[1], 7947))
"""


def payloads(capture):
    """UDP payloads in a pcap of an Ethernet device, without a library."""
    raw, at, found = capture.raw(), 24, []
    while at + 16 <= len(raw):
        size = int.from_bytes(raw[at + 8:at + 12], "little")
        frame = raw[at + 16:at + 16 + size]
        found.append(frame[42:])
        at += 16 + size
    return found


def test_nothing_readable_leaves_through_the_gossip_port(lab):
    hosts = [lab.host() for _ in range(3)]
    capture = lab.capture(lab.underlay, "br0", "udp port 7947")
    captures = [lab.capture(lab.underlay, f"p{host.index}", "udp port 7947") for host in hosts]
    token = hosts[0].json("init", "--name", "secretcluster")["token"]
    for host in hosts[1:]:
        host.weft("join", token)
    hosts[1].weft("network", "create", "secretnet", "--subnet", "10.64.1.0/24")
    answers = [host.attach("secretnet", host.box("a"), "--name", f"secretbox{host.index}")
               for host in hosts]
    wait_for("all is known everywhere",
             lambda: all(len([e for e in h.json("endpoint", "ls") if not e.get("is_host")]) == 3
                         for h in hosts), 3)
    needles = [b"secretcluster", b"secretnet", b"secretbox", token[6:60].encode()]
    needles += [bytes(map(int, a["ip"].split("."))) for a in answers]
    needles += [bytes(map(int, host.addr.split("."))) for host in hosts]
    needles += [bytes.fromhex(a["mac"].replace(":", "")) for a in answers]
    assert all(len(needle) > 3 for needle in needles), "three bytes occur by chance"
    seen = 0
    for one in captures + [capture]:
        one.stop()
        for payload in payloads(one):
            seen += 1
            for needle in needles:
                assert needle not in payload, needle
    assert seen > 30


def test_random_and_damaged_datagrams_are_counted_and_harm_nothing(lab):
    hosts = lab.cluster(3)
    capture = lab.capture(lab.underlay, "p1", "udp port 7947")
    hosts[0].weft("network", "create", "blue")
    wait_for("it spread", lambda: len(hosts[2].json("network", "ls")) == 1, 1)
    capture.stop()
    known = "\n".join(p.hex() for p in payloads(capture))
    assert known
    before = [h.json("members") for h in hosts]
    for host in hosts:
        done = subprocess.run(["nsenter", f"--net={lab.underlay.path}", sys.executable, "-c", FLOOD,
                               host.addr], input=known, text=True, capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
    for host in hosts:
        wait_for("drops are counted",
                 lambda: host.metric("weft_gossip_dropped_total") > 1000, 5)
        for reason in ("short", "version", "stale_key", "cert", "join"):
            assert host.metric("weft_gossip_dropped_total", reason=reason) > 0, reason
        assert host.daemon.poll() is None
    for host, members in zip(hosts, before):
        wait_for("all are alive", lambda: host.members() == ["h1", "h2", "h3"], 5)
        assert [m["id"] for m in host.json("members")] == [m["id"] for m in members]
    hosts[1].weft("network", "create", "red")
    wait_for("gossip goes on", lambda: len(hosts[0].json("network", "ls")) == 2, 1)
