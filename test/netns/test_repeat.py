# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Every changing call twice under one request id: the second answer is the first one, and nothing
is done twice; also after a restart. The id is refused to whatever else is asked."""
import re
import time

import pytest

from hosts import ROOT, wait_for

# What these say is of the moment, or ends the memory: each is done again.
DONE_AGAIN = {"reset", "restore", "backup", "admin backup", "node recover", "ipam check",
              "ipam confirm"}
# What an answer tells of others, or of what has gone since, is as it is when it is given.
OF_NOW = {"join": {"members"}, "attach": {"peers_pending"},
          "ipam reserve": {"endpoint", "mac", "name", "network_id", "since", "state"}}


def changing():
    """The commands that change something, from the table of the API."""
    rows = re.split(r"\tX\(", (ROOT / "gossip/base/api_methods.h").read_text())[1:]
    return {re.findall(r'"([^"]*)"', row)[2] for row in rows if "API_CHANGES" in row}


def state(host):
    """What a call could have changed a second time."""
    return {
        "node": host.json("status")["node"],
        "members": [(m["id"], m["state"]) for m in host.json("members")],
        "admins": [a["id"] for a in host.json("admin", "ls")],
        "tokens": host.json("token", "ls"),
        "networks": [n["id"] for n in host.json("network", "ls")],
        "endpoints": [e["id"] for e in host.json("endpoint", "ls") if not e["is_host"]],
        "reserved": [lease["address"] for lease in host.json("ipam", "ls")
                     if lease["state"] == "reserved"],
    }


class Repeater:
    def __init__(self):
        self.calls = []  # (host, command, args, answer)
        self.commands = sorted(changing(), key=len, reverse=True)

    def twice(self, host, *args):
        """The answer to a call that is made twice under one id, which nothing else may have then."""
        command = next(c for c in self.commands if " ".join(args).startswith(c))
        args = (*args, "--request-id", f"{command} {len(self.calls)}")
        first = host.json(*args)
        before = state(host)
        time.sleep(0.01)  # instants in an answer are of the first call
        self.same(command, first, host.json(*args), {"peers_pending"})
        assert state(host) == before, command
        other = ("leave",) if command == "network rm" else ("network", "rm", "none")
        refused = host.refused(*other, *args[-2:])
        assert refused.code == 4 and f"weft {command};" in refused.stderr
        refused = host.refused("token", "rm", "0", *args[-2:])
        assert refused.code == 4
        assert state(host) == before, command
        self.calls.append((host, command, args, first))
        return first

    def again(self, host):
        """All that was asked of a host, once more."""
        before = state(host)
        for at, command, args, first in self.calls:
            if at is host:
                self.same(command, first, host.json(*args), OF_NOW.get(command, set()))
        assert state(host) == before

    @staticmethod
    def same(command, first, second, but):
        one, two = ({k: v for k, v in answer.items() if k not in but} for answer in (first, second))
        assert one == two, command


@pytest.fixture
def repeater():
    return Repeater()


def test_a_call_that_is_repeated_is_answered_again_and_done_once(lab, repeater, tmp_path):
    f, j, k = (lab.host() for _ in range(3))
    twice = repeater.twice
    key, phrase = tmp_path / "key", tmp_path / "phrase"
    phrase.write_text("correct horse battery\n")

    token = twice(f, "init", "--name", "lab")["token"]
    twice(j, "join", token)
    twice(k, "join", token)
    for host in (f, j, k):
        wait_for("all are alive", lambda: len(host.members()) == 3, 10)
    twice(f, "token", "rm", twice(f, "token", "create", "--ttl", "2h")["id"])
    twice(f, "admin", "add", j.label)
    twice(f, "admin", "rm", j.label)
    f.weft("admin", "backup", key, "--passphrase-file", phrase)
    twice(k, "admin", "restore", str(key), "--passphrase-file", str(phrase))
    twice(f, "node", "advertise", f.addr)
    twice(f, "network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = f.box("a")
    endpoint = twice(f, "attach", "blue", "--netns", box.path, "--name", "a")["endpoint"]
    assert twice(f, "detach", "blue", "--name", "a") == {"detached": True, "endpoint": endpoint}
    assert not twice(f, "detach", "blue", "--name", "b")["detached"]
    address = twice(f, "ipam", "reserve", "blue", "--name", "printer")["address"]
    twice(f, "ipam", "release", "blue", address)
    twice(f, "network", "rm", "blue")
    twice(f, "network", "create", "blue", "--subnet", "10.64.2.0/24")
    twice(f, "node", "rm", k.label)
    twice(j, "leave")
    assert {command for _, command, _, _ in repeater.calls} | DONE_AGAIN == changing()

    for host in (f, j):
        repeater.again(host)
        host.stop()
        host.start()
    wait_for("it serves", lambda: f.json("status")["node"]["phase"] == "active", 10)
    for host in (f, j):
        repeater.again(host)
    assert [n["subnets"] for n in f.json("network", "ls")] == [["10.64.2.0/24"]]
    assert "eth0" not in box.links()


def test_a_call_that_was_refused_is_done_anew_under_its_id(lab):
    (host,) = lab.cluster(1)
    refused = host.refused("network", "rm", "blue", "--request-id", "x")
    assert refused.code == 3
    host.weft("network", "create", "blue", "--request-id", "x")
    refused = host.refused("network", "rm", "blue", "--request-id", "x")
    assert refused.code == 4 and "weft network create;" in refused.stderr
    refused = host.refused("network", "create", "blue", "--internal", "--request-id", "x")
    assert refused.code == 4 and "weft network create with other arguments" in refused.stderr
    host.weft("network", "rm", "blue", "--request-id", "y")
    assert host.json("network", "ls") == []
