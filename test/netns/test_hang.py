# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A kernel that hangs while it plugs a box in: nobody hears that the time is up of what may come to
stay."""
import time

import pytest

import audit
from hosts import wait_for
from test_kill import Mortal, build  # noqa: F401: a fixture

STALL_MS = 13000  # longer than a plug may take


@pytest.fixture
def slow(lab, build):  # noqa: F811
    """A host whose kernel hangs in the next plug once its stall file is there, and a box of it."""
    host = Mortal(lab, 1)
    host.stall = lab.dir / "stall"
    host.environment = {"WEFT_STALL_AT": f"plug-before:{STALL_MS}",
                        "WEFT_STALL_FILE": str(host.stall)}
    lab.hosts.append(host)
    host.start()
    host.json("init", "--name", "lab")
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    host.attach("blue", host.box("a"))
    return host


def standing(host):
    """What there is of endpoints: in the tables, among the leases, in the kernel."""
    return (host.json("endpoint", "ls"), host.json("ipam", "ls"),
            sorted(name for name in host.links() if name.startswith("wf")))


def attach(host, box, request):
    return host.call("POST", "/v1/networks/blue/endpoints",
                     {"netns": box.path, "request_id": request}, timeout=40)


def attach_late(host, box, request):
    """An attach in which the kernel hangs; what its caller hears while it still does."""
    host.stall.touch()
    start = time.monotonic()
    status, answer = attach(host, box, request)
    assert not host.stall.exists() and time.monotonic() - start < STALL_MS / 1000 - 1
    assert (status, answer["error"]["code"]) == (504, "timeout"), answer
    assert "the kernel did not make the devices" in answer["error"]["message"]


def test_who_hears_that_the_kernel_took_too_long_finds_nothing_and_may_ask_again(slow):
    before, box = standing(slow), slow.box("b")
    attach_late(slow, box, "one")
    assert standing(slow)[:2] == before[:2]

    # It is served behind what hangs and is taken back.
    status, answer = attach(slow, box, "one")
    assert status == 200, answer
    assert box.links()["eth0"]["address"] == answer["mac"]
    assert len(standing(slow)[2]) == len(before[2]) + 1
    audit.settled([slow], 10)
    audit.clean([slow])


def test_a_death_in_a_plug_that_was_given_up_leaves_nothing(slow):
    before, box = standing(slow), slow.box("b")
    attach_late(slow, box, "one")
    slow.kill()
    slow.start()
    wait_for("all is as before", lambda: standing(slow) == before, 10)
    assert sorted(box.links()) == ["lo"]
    assert attach(slow, box, "one")[0] == 200
    audit.settled([slow], 10)
    audit.clean([slow])
