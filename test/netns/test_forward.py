# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Firewalls that drop what boxes send: weft diag finds each, and what it advises lets them through."""
import warnings

import pytest

from diag_kit import diag, found, wrong

OUTSIDE = "10.199.0.254"

DOCKER = """nft -f - <<'END'
table ip filter {
    chain DOCKER-USER { }
    chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; }
}
END
"""
FIREWALLS = {  # how it is set, what is said of it
    "iptables by its policy":
        ("iptables -P FORWARD DROP", "chain FORWARD of table ip filter drops what boxes send out "
                                     "by its policy"),
    "iptables by its last rule":
        ("iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT;"
         "iptables -A FORWARD -p tcp --dport 22 -j ACCEPT; iptables -A FORWARD -j REJECT",
         "what boxes send out by a rule"),
    "Docker": (DOCKER, "Docker set it"),
    "iptables by a state": ("iptables -A FORWARD -m conntrack --ctstate NEW -j DROP",
                            "what boxes send out by a rule"),
    "iptables-legacy by a state": ("iptables-legacy -A FORWARD -m state --state NEW -j DROP",
                                   "what boxes send out by a rule"),
    "iptables-legacy":
        ("iptables-legacy -P FORWARD DROP", "table ip filter (iptables-legacy)"),
    "a policy in family inet":
        ("nft -f - <<'END'\ntable inet fw {\nchain f {\ntype filter hook forward priority 0\n"
         "policy drop\niifname \"lan0\" accept\n}\n}\nEND", "chain f of table inet fw"),
    "a last rule of another chain":
        ("nft -f - <<'END'\ntable inet fw {\nchain last {\nlog\nreject with icmpx admin-prohibited\n"
         "}\nchain f {\ntype filter hook forward priority 0; policy accept\n"
         "ct state vmap { established : accept, related : accept, invalid : drop }\n"
         "jump last\n}\n}\nEND", "by a rule of chain last"),
    "answers alone":
        ("nft -f - <<'END'\ntable inet fw {\nchain f {\ntype filter hook forward priority 0\n"
         "policy drop\niifname \"wfbr*\" accept\n}\n}\nEND", "the answers to boxes"),
}


def no_legacy(host):
    if host.exec("iptables-legacy", "-S", check=False).returncode == 0:
        return False
    warnings.warn("the kernel has no tables of iptables-legacy: its rules are not tried")
    return True


@pytest.mark.parametrize("name", FIREWALLS)
def test_who_drops_what_boxes_send_out_is_found_and_the_remedy_helps(lab, name):
    commands, words = FIREWALLS[name]
    host = lab.host()
    host.weft("init", "--name", "lab")
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("a")
    host.attach("blue", box)
    if "legacy" in name and no_legacy(host):
        return
    assert box.ping(OUTSIDE) is not None
    assert diag(host)[0] == 0
    host.exec("sh", "-c", commands)
    assert box.ping(OUTSIDE) is None, "this firewall drops nothing"
    code, checks = diag(host)
    assert code == 1, checks
    assert wrong(checks) == [("forward", "", "fail")]
    assert words in found(checks, "forward")["measured"]
    host.exec("sh", "-c", found(checks, "forward")["remedy"])
    code, checks = diag(host)
    assert (code, wrong(checks)) == (0, [])
    assert box.ping(OUTSIDE) is not None, "the remedy does not help"


def test_a_firewall_between_the_ports_of_bridges_has_a_remedy_of_its_own(lab):
    host, other = lab.cluster(2)
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("a")
    host.attach("blue", box)
    there = other.attach("blue", other.box("b"))["ip"]
    assert box.ping(there) is not None
    host.exec("nft", "-f", "-", input="table bridge b {\nchain f {\ntype filter hook forward "
                                      "priority 0\npolicy drop\n}\n}\n")
    assert box.ping(there) is None
    code, checks = diag(host)
    assert code == 1, checks
    assert wrong(checks) == [("forward", "", "fail")]
    assert "do not reach each other" in found(checks, "forward")["measured"]
    host.exec("sh", "-c", found(checks, "forward")["remedy"])
    assert wrong(diag(host)[1]) == []
    assert box.ping(there) is not None


@pytest.mark.parametrize("program", ("iptables", "iptables-legacy"))
def test_states_that_let_boxes_through_are_no_finding(lab, program):
    host = lab.host()
    host.weft("init", "--name", "lab")
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("a")
    host.attach("blue", box)
    if "legacy" in program and no_legacy(host):
        return
    for rule in ("-m conntrack --ctstate NEW,ESTABLISHED,RELATED", "-m conntrack ! --ctstate INVALID",
                 "-m state --state NEW,ESTABLISHED"):
        host.exec("sh", "-c", f"{program} -P FORWARD DROP; {program} -F FORWARD;"
                              f"{program} -A FORWARD {rule} -j ACCEPT")
        assert box.ping(OUTSIDE) is not None, rule
        code, checks = diag(host)
        assert (code, wrong(checks)) == (0, []), rule
