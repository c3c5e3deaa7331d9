# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Wrong input to a running daemon: one line that says what and why, the exit code, nothing done."""
import os

import pytest

BAD_ATTACH = [
    (("--ifname", "all"), "not a name for an interface"),
    (("--ifname", "default"), "not a name for an interface"),
    (("--ifname", "e\x1b[31m"), "not a name for an interface"),
    (("--ifname", "é"), "not a name for an interface"),
    (("--mac", "00:00:00:00:00:00"), "not the MAC of one station"),
    (("--ip", "10.64.1.9", "--ip", "10.64.1.9"), "given twice"),
    (("--timeout", "1d"), "at most 10m"),
]

BAD_CREATE = [
    (("--subnet", "224.0.0.0/24"), "no hosts'"),
    (("--subnet", "240.0.0.0/24"), "no hosts'"),
    (("--subnet", "10.9.0.0/24", "--gateway", "10.9.0.0"), "the gateway"),
    (("--subnet", "10.9.0.0/24", "--gateway", "10.9.0.255"), "the gateway"),
    (("--subnet", "10.9.0.0/24", "--gateway", "10.9.0.1", "--gateway", "10.9.0.2"),
     "second --gateway"),
    (("--subnet", "10.9.0.0/24", "--ip-range", "10.9.0.0/25", "--ip-range", "10.9.0.128/25"),
     "second --ip-range"),
    (("--subnet", "10.9.0.0/24", "--ip-range", "10.9.0.0/32"), "no address that could be leased"),
    (("--subnet", "10.9.0.0/24", "--port", "7947"), "choose another --port"),
]


@pytest.fixture
def host(lab):
    host = lab.cluster(1)[0]
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    return host


def test_bad_options_of_attach_are_refused_and_nothing_is_attached(host):
    box = host.box("b")
    for options, why in BAD_ATTACH:
        failed = host.refused("attach", "blue", "--netns", box.path, *options)
        assert failed.code == 2 and why in failed.stderr, failed.stderr
    assert host.json("endpoint", "ls") == [] and host.json("ipam", "ls") == []
    assert sorted(box.links()) == ["lo"]


def test_bad_options_of_network_create_are_refused_and_nothing_is_made(host):
    for options, why in BAD_CREATE:
        failed = host.refused("network", "create", "red", *options)
        assert failed.code == 2 and why in failed.stderr, failed.stderr
    assert [network["name"] for network in host.json("network", "ls")] == ["blue"]


def test_a_mac_of_another_host_in_the_network_is_refused(lab):
    first, second = lab.cluster(2)
    first.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    there = first.attach("blue", first.box("a"), "--mac", "02:00:00:00:00:01")
    second.attach("blue", second.box("a"))
    box = second.box("b")
    failed = second.refused("attach", "blue", "--netns", box.path, "--mac", "02:00:00:00:00:01")
    assert failed.code == 4 and there["endpoint"] in failed.stderr and "h1" in failed.stderr
    assert sorted(box.links()) == ["lo"]


def test_an_empty_option_of_detach_fits_nothing(host):
    host.attach("blue", host.box("b"))
    for option in ("--name", "--endpoint", "--netns"):
        failed = host.refused("detach", "blue", option, "")
        assert failed.code == 2 and "empty" in failed.stderr
    assert len([e for e in host.json("endpoint", "ls") if not e["is_host"]]) == 1


def test_a_relative_path_means_the_same_to_attach_and_detach(host, monkeypatch):
    box = host.box("b")
    directory, name = os.path.split(box.path)
    monkeypatch.chdir(directory)
    host.weft("attach", "blue", "--netns", f"./{name}")
    assert "eth0" in box.links()
    assert host.json("detach", "blue", "--netns", f"./{name}")["detached"]
    assert "eth0" not in box.links()


def test_a_network_with_reservations_is_removed_by_force_only(host):
    for name in ("fax", "r1", "r2", "r3", "r4"):
        host.weft("ipam", "reserve", "blue", "--name", name)
    kept = [lease["address"] for lease in host.json("ipam", "ls")]
    failed = host.refused("network", "rm", "blue")
    assert failed.code == 4 and "and 1 more; weft ipam release blue" in failed.stderr
    assert [address in failed.stderr for address in kept].count(True) == 4
    for address in kept[1:]:
        host.weft("ipam", "release", "blue", address)
    failed = host.refused("network", "rm", "blue")
    assert f"keeps reserved: {kept[0]} (" in failed.stderr and "more" not in failed.stderr
    host.weft("network", "rm", "blue", "--force")
    assert host.json("network", "ls") == []


def test_an_address_that_no_other_host_reaches_is_not_advertised(host):
    before = host.json("status")["node"]["addr"]
    for address in ("127.0.0.1", "0.0.0.0", "::1"):
        failed = host.refused("node", "advertise", address)
        assert failed.code == 2 and f"{address} is not an address at which" in failed.stderr
    assert host.json("status")["node"]["addr"] == before


def test_a_network_shows_the_mtu_of_its_boxes_before_the_first_one(host):
    host.weft("network", "create", "small", "--mtu", "1300")
    shown = {network["name"]: network["mtu"] for network in host.json("network", "ls")}
    assert shown == {"small": 1300, "blue": None}, "no number is made up in a list"
    before = host.json("network", "inspect", "blue")["mtu"]
    assert host.attach("blue", host.box("b"))["mtu"] == before > 1300
    assert host.json("network", "inspect", "blue")["mtu"] == before
    assert before in [network["mtu"] for network in host.json("network", "ls")]


def test_the_last_admin_does_not_leave_the_others_alone_by_mistake(lab):
    first, second = lab.cluster(2)
    failed = first.refused("leave")
    assert failed.code == 4 and "last admin" in failed.stderr
    first.weft("admin", "add", "h2")
    first.weft("leave")
    assert second.json("token", "create")["token"]
    second.weft("leave")
