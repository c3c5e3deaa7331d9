# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What is told to people and programs that look for a fault: support bundle, weft path, metrics."""
import json
import re

from diag_kit import NET, assert_no_seed, diag, firewall, quiet, three, wrong  # noqa: F401: a fixture
from hosts import run, wait_for


def test_the_support_bundle_has_what_helps_and_no_secret(three):
    host = three[0]
    token = host.weft("token", "create").strip()
    path = host.dir / "bundle.json"
    assert diag(host, "-o", path)[0] == 0
    raw = path.read_bytes()
    bundle = json.loads(raw)
    assert path.stat().st_mode & 0o777 == 0o600
    assert bundle["weft"] and bundle["host"]["kernel"] and bundle["checks"]
    assert bundle["weftd"]["options"]["name"] == "h1"
    assert len(bundle["api"]["members"]["members"]) == 3
    assert len(bundle["rings"]) == 2
    assert "weft_" in bundle["metrics"]
    assert "wfbr" in bundle["kernel"]["links"] and "table inet weft" in bundle["kernel"]["nftables"]
    # Not the token, and none of the seeds in any of the ways in which bytes are written as text.
    assert token.encode() not in raw and token[6:46].encode() not in raw
    # A file that is there is not written over.
    assert diag(host, "-o", path)[0] == 4
    assert path.read_bytes() == raw
    host.stop()  # which has its store for itself
    assert_no_seed(raw, host.state / "weft.db")


def test_probes_go_only_to_who_answers_where_they_would_arrive(three):
    """A member whose row names another host's address makes nobody send probes there."""
    first, second, third = three
    second.stop()
    second.addr = third.addr
    second.start()
    wait_for("its row says so", lambda: first.json("path", "h2")["vtep"] == third.addr, 20, 0.2)
    third.exec("nft", "-f", "-", input=f"""table inet seen {{
        counter probes {{ }}
        chain c {{
            type filter hook prerouting priority -400;
            ip saddr {first.addr} udp dport 4789 counter name probes
        }}
    }}""")

    def probes():
        listed = json.loads(third.exec("nft", "-j", "reset", "counters", "table", "inet",
                                       "seen").stdout)
        return next(item["counter"]["packets"] for item in listed["nftables"]
                    if "counter" in item)

    diag(second)
    assert probes() == 0
    # Between hosts that are where they say, probes are sent back.
    diag(third)
    assert probes() >= 20


def test_path_tells_how_traffic_reaches_a_member(three):
    first, second, _ = three
    path = first.json("path", "h2")
    assert path["vtep"] == second.addr and path["source"] == first.addr
    assert path["direct"] is True and path["encryption"] == "none"
    assert path["mtu_bytes"] == 1500 and path["inner_mtu_bytes"] == 1450
    assert 0 < path["answer_ms"] < 1000 and abs(path["clock_ms"]) < 1000
    assert path["heard_ms"] < 5000
    assert first.refused("path", "h1").code == 2
    assert first.refused("path", "nobody").code == 3
    assert path["blocked"] == []
    firewall(second, f"ip saddr {first.addr} udp dport 4789 drop")
    path = first.json("path", "h2")
    assert path["blocked"] == ["4789/udp from here to there"]
    assert "4789/udp from here to there" in first.weft("path", "h2")
    assert second.json("path", "h1")["blocked"] == ["4789/udp from there to here"]
    second.exec("nft", "delete", "table", "inet", "fault")
    firewall(second, f"ip saddr {first.addr} udp dport 7947 drop")
    path = first.json("path", "h2")
    assert path["direct"] is False and path["helper"] == "h3"
    assert path["blocked"] is None


def test_the_ways_over_ipv6_are_looked_at_as_well(lab):
    """An underlay without IPv4."""
    hosts = [lab.host(start=False) for _ in range(2)]
    for host in hosts:
        host.addr = f"fd00::{host.index}"
        host.ip("-4", "addr", "flush", "dev", "eth0")
        host.ip("addr", "add", f"{host.addr}/64", "dev", "eth0", "nodad")
        host.start("--bind", "[::]:7947")
    hosts[1].weft("join", hosts[0].json("init", "--name", "lab")["token"])
    wait_for("both are there", lambda: hosts[0].members() == ["h1", "h2"], 10)
    hosts[0].weft("network", "create", "blue", "--subnet", NET)
    for host in hosts:
        host.attach("blue", host.box("a"))
    quiet(*hosts)
    lab.underlay.ip("link", "set", "p2", "mtu", "1400")
    assert wrong(diag(hosts[0])[1]) == [("mtu", "h2", "fail")]


def test_the_page_of_metrics_keeps_to_the_table(three):
    """Every sample under a head of its own, and what stands in the table is what is told."""
    wait_for("a round trip was measured",
             lambda: three[0].metric("weft_member_rtt_seconds", quantile="1") > 0, 15)
    text = run("curl", "-sf", "--unix-socket", three[0].socket, "http://weft/metrics").stdout
    types, helps, samples = {}, {}, []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert name not in helps, f"two heads of {name}"
            helps[name] = words
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split()
            types[name] = kind
            head = name
        else:
            found_line = re.fullmatch(
                r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\S+)', line)
            assert found_line, line
            assert found_line[1] == head, f"{line} stands under {head}"
            float(found_line[4])
            samples.append((found_line[1], found_line[2]))
    assert types.keys() == helps.keys() == {name for name, _ in samples}
    assert len(samples) == len(set(samples))
    for name, kind in types.items():
        assert name.endswith("_total") == (kind == "counter"), name
    listed = dict(line.split(None, 2)[:2] for line in three[0].weft("help", "metrics").splitlines()
                  if line.startswith("weft_"))
    # An age is told once there is one.
    assert listed.keys() - types.keys() <= {"weft_sync_age_seconds"}
    assert types.items() <= listed.items()
    reasons = {found[1] for name, labels in samples if name == "weft_gossip_dropped_total"
               and (found := re.fullmatch(r'\{reason="(\w+)"\}', labels))}
    explained = three[0].weft("help", "metrics").split("\nREASON ")[1].splitlines()[1:]
    assert reasons == {line.split()[0] for line in explained} and len(reasons) > 20
    assert three[0].metric("weft_members", state="alive") == 3
    assert three[0].metric("weft_ipam_addresses", network="blue", state="leased") > 0
