# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What weftd may do, as the kernel sees it, that its helper keeps what weftd gives up, and who may do
what with weftd."""
import grp
import os
import signal
import tempfile
from pathlib import Path

from hosts import run, wait_for

STRANGER = 64123  # nobody's id
SYS_PTRACE, SYS_ADMIN, NET_ADMIN, NET_RAW = 19, 21, 12, 13


def sets(pid, task=None):
    """The capability sets of a thread, by name."""
    path = Path(f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status")
    return {line.split(":")[0]: int(line.split(":")[1], 16)
            for line in path.read_text().splitlines() if line.startswith("Cap")}


def helper_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [int(child) for child in children
             if Path(f"/proc/{child}/comm").read_text().strip() == "weft-netns"]
    return found[0] if found else None


def test_no_thread_of_weftd_may_enter_namespaces_and_attach_works_all_the_same(lab):
    host = lab.cluster(1)[0]
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    host.attach("blue", host.box("a"))
    pid = host.daemon.pid
    assert Path(f"/proc/{pid}/comm").read_text().strip() == "weftd"
    for task in os.listdir(f"/proc/{pid}/task"):
        for name, value in sets(pid, task).items():
            if name != "CapBnd":
                assert value & (1 << SYS_ADMIN | 1 << SYS_PTRACE) == 0, (task, name)
    assert sets(pid)["CapEff"] & 1 << NET_ADMIN and sets(pid)["CapEff"] & 1 << NET_RAW

    # The helper has them, and the next one too.
    helper = helper_of(pid)
    assert sets(helper)["CapEff"] & 1 << SYS_ADMIN
    os.kill(helper, signal.SIGKILL)
    wait_for("the helper is gone", lambda: not Path(f"/proc/{helper}/exe").exists(), 2)
    box = host.box("b")
    host.attach("blue", box)
    assert "eth0" in box.links() and helper_of(pid) != helper


def asks(host, verb, path, uid, gid, *groups):
    """What another user is answered: an HTTP status; 0 where there is no connection."""
    more = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    done = run("setpriv", "--reuid", uid, "--regid", gid, *more, "curl", "-s", "-o", "/dev/null",
               "-w", "%{http_code}", "-X", verb, "--unix-socket", host.socket, f"http://weft{path}",
               check=False)
    assert done.returncode in (0, 7), done.stderr  # 7: curl was not connected
    return int(done.stdout)


def test_reading_may_be_opened_wider_and_changing_never(lab):
    host = lab.host(False)
    member = grp.getgrnam("daemon").gr_gid
    who = {"stranger": (STRANGER, STRANGER), "member": (STRANGER, member),
           "also member": (STRANGER, STRANGER, STRANGER + 1, member), "root": (0, 0)}
    with tempfile.TemporaryDirectory() as public:  # where others may go
        os.chmod(public, 0o755)
        host.socket = Path(public) / "weft.sock"
        for readers, read, change in ((), 0, 0), (("--readers", "all"), 200, 403):
            host.start("--group", "daemon", *readers)
            if not readers:
                host.weft("init", "--name", "lab")
                host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
            for name, ids in who.items():
                strange = name == "stranger"
                assert asks(host, "GET", "/v1/status", *ids) == (read if strange else 200), name
                assert asks(host, "POST", "/v1/networks/blue/leases", *ids) == \
                    (change if strange else 200), name
            assert len(host.json("ipam", "ls")) == (6 if readers else 3)
            host.stop()
