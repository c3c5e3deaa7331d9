# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Init, join by token, and everything that must be refused without a trace."""
import time

from hosts import wait_for


def state_of(host):
    """What a refused call must leave as it was: identity, members, networks."""
    return (host.json("members"), host.json("network", "ls"), host.json("status")["cluster"])


def test_three_daemons_joined_by_one_token_see_each_other_within_two_seconds(lab):
    hosts = [lab.host() for _ in range(3)]
    answer = hosts[0].json("init", "--name", "lab")
    assert {"cluster", "name", "id", "token"} <= answer.keys()
    start = time.monotonic()
    for host in hosts[1:]:
        host.weft("join", answer["token"])
    for host in hosts:
        wait_for("three alive", lambda: host.members() == ["h1", "h2", "h3"], 2)
    assert time.monotonic() - start < 2


def test_the_token_comes_from_a_file_or_standard_input_too(lab):
    first, second, third = (lab.host() for _ in range(3))
    token = first.json("init")["token"]
    path = lab.dir / "token"
    path.write_text(token + "\n")
    second.weft("join", f"@{path}")
    third.weft("join", "-", stdin=token + "\n")
    wait_for("three alive", lambda: first.members() == ["h1", "h2", "h3"], 2)


def test_a_damaged_token_is_refused_and_changes_nothing(lab):
    first, second = lab.host(), lab.host()
    token = first.json("init")["token"]
    before = state_of(first)
    for damaged in (token[:-1], token[:10] + ("A" if token[10] != "A" else "B") + token[11:],
                    "nonsense", token + token):
        failed = second.refused("join", damaged)
        assert failed.code == 1, failed.stderr
        assert "token" in failed.stderr
    assert second.json("status")["cluster"] is None
    assert state_of(first)[1:] == before[1:] and first.members() == ["h1"]
    second.weft("join", token)


def test_an_expired_token_is_refused_with_both_clocks(lab):
    first, second = lab.host(), lab.host()
    first.json("init")
    token = first.json("token", "create", "--ttl", "1s")["token"]
    end = time.monotonic() + 1.1
    wait_for("a second passes", lambda: time.monotonic() > end, 2)
    failed = second.refused("join", token)
    assert failed.code == 1 and "expired" in failed.stderr and "clock" in failed.stderr
    assert second.json("status")["cluster"] is None and first.members() == ["h1"]


def test_a_revoked_token_and_one_of_another_cluster_are_refused(lab):
    first, second, third = (lab.host() for _ in range(3))
    first.json("init", "--name", "one")
    foreign = second.json("init", "--name", "two")["token"]
    revoked = first.json("token", "create")["token"]
    listed = first.json("token", "ls")
    for token in listed:
        first.weft("token", "rm", token["id"])
    failed = third.refused("join", revoked)
    assert failed.code == 1 and "revoked" in failed.stderr
    second.stop()
    failed = third.refused("join", foreign, first.addr)
    assert failed.code == 4 and "another cluster" in failed.stderr
    assert third.json("status")["cluster"] is None


def test_a_taken_name_is_refused_until_replace(lab):
    first, second, third = (lab.host() for _ in range(3))
    token = first.json("init")["token"]
    second.weft("join", token)
    twin = lab.host(start=False)
    twin.label = "h2"
    twin.start()
    failed = twin.refused("join", token)
    assert failed.code == 4 and "h2" in failed.stderr
    assert twin.json("status")["cluster"] is None
    assert first.members() == ["h1", "h2"]
    failed = twin.refused("join", token, "--replace")
    assert failed.code == 4 and "running" in failed.stderr, "a live member is not replaced"
    second.kill()
    wait_for("the old one fails", lambda: first.members("failed") == ["h2"], 15)
    twin.weft("join", token, "--replace")
    wait_for("the newcomer has the name",
             lambda: [m["addr"] for m in first.json("members")
                      if m["name"] == "h2" and m["state"] == "alive"] == [f"{twin.addr}:7947"], 5)
    assert third.json("status")["cluster"] is None


def test_joining_twice_is_refused_and_reset_needs_leave_first(lab):
    first, second = lab.cluster(2)
    token = first.json("token", "create")["token"]
    assert second.refused("join", token).code == 4
    assert second.refused("reset").code == 4
    assert second.weft("leave").startswith("This host has left its cluster; weft reset")
    wait_for("the others know", lambda: first.members("left") == ["h2"], 3)
    assert second.weft("reset").startswith("This host's state is wiped; weft init or weft join")
    second.weft("join", token)
    wait_for("it is back", lambda: first.members() == ["h1", "h2"], 3)
