# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The AppArmor profiles parse, and give weftd and weft-netns what they use: all that strace sees of
them, in a host's life from its start to its end, is held against the rules."""
import json
import os
import signal
import socket
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hosts import BUILD, Lab, WEFT, Failed, run, wait_for

import apparmor

BACKUP = "/var/lib/weft/node.backup"
DAEMON, HELPER = "/opt/weft/sbin/weftd", "/opt/weft/libexec/weft/weft-netns"
# The places of an installed weftd, with nothing else in them; STAGE is where it was installed to. The
# namespaces of the lab stay where they are.
SCENE = """set -e
work=$1 stage=$2
shift 2
mkdir $work/netns
mount --rbind /run/netns $work/netns
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/weft /run/systemd/journal
mount --rbind $work/netns /run/netns
for name in notify journal/socket; do
    touch /run/systemd/$name
    mount --bind $work/$(basename $name) /run/systemd/$name
done
mount -t tmpfs tmpfs /var/lib
mkdir -m 700 /var/lib/weft
mount -t tmpfs tmpfs /opt
mkdir /opt/weft
mount --bind $stage/opt/weft /opt/weft
mount -t overlay overlay -o lowerdir=$stage/etc:/etc /etc
exec "$@"
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """What make install makes, below /opt/weft."""
    top = tmp_path_factory.mktemp("stage")
    run("cmake", "--install", BUILD, "--prefix", "/opt/weft",
        env=dict(os.environ, DESTDIR=str(top)))
    return top


@pytest.mark.parametrize("name", ["weftd", "weft-netns"])
def test_a_profile_compiles(stage, name):
    run("apparmor_parser", "--skip-kernel-load", "--skip-cache", stage / "etc/apparmor.d" / name)


def test_the_reader_of_rules_knows_what_they_match():
    for glob, fits, others in (
            ("/a/*", ["/a/b"], ["/a/", "/a/b/c"]), ("/a/**", ["/a/b/c"], ["/a/", "/ab"]),
            ("/a/{,**}", ["/a/", "/a/b"], ["/a"]), ("/a{b,c}/d", ["/ab/d"], ["/a/d"]),
            ("/[0-9]x", ["/1x"], ["/ax"]), ("/a.b", ["/a.b"], ["/acb"])):
        assert all(apparmor.pattern(glob).fullmatch(path) for path in fits), glob
        assert not any(apparmor.pattern(glob).fullmatch(path) for path in others), glob


def drained(path):
    """A socket that takes what is sent to it, as systemd's do; the list of what came."""
    sink, came = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), []
    sink.bind(str(path))

    def drain():
        while True:
            came.append(sink.recv(65536))

    threading.Thread(target=drain, daemon=True).start()
    return came


class Traced:
    """A weftd that is installed, under strace, on a host of the lab."""

    def __init__(self, host, work, stage):
        self.trace = work / "trace"
        self.told = drained(work / "notify")
        self.logged = drained(work / "socket")
        self.process = subprocess.Popen(
            ["nsenter", f"--net={host.path}", "unshare", "--mount", "--propagation", "slave",
             "bash", "-c", SCENE, "scene", work, stage, "strace", "-ff", "-qq", "-y", "-s", "400",
             "-e", f"trace={','.join(apparmor.TRACED)}", "-o", self.trace, DAEMON,
             "--log-format", "journal", "--metrics-listen", "127.0.0.1:9747", "--name", host.label, "--advertise", host.addr],
            stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"],
                                           "NOTIFY_SOCKET": "/run/systemd/notify"})
        wait_for("it is ready", lambda: any(b"READY=1" in said for said in self.told), 20)
        self.root = f"/proc/{self.process.pid}/root"
        self.first = self.trace.with_suffix(f".{self.daemon()}")

    def weft(self, *args):
        done = run(WEFT, "--socket", f"{self.root}/run/weft/weft.sock", *args, check=False,
                   timeout=60)
        if done.returncode != 0:
            raise Failed([str(arg) for arg in args], done)
        return done.stdout

    def node(self):
        """How this host stands, whatever the exit code says of it; KeyError where nobody answers."""
        done = run(WEFT, "--socket", f"{self.root}/run/weft/weft.sock", "status", "--json",
                   check=False)
        return json.loads(done.stdout or "{}")["node"]

    def daemon(self):
        """The id of weftd, whose parent is strace."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                   .read_text().split()[0])

    def stop(self):
        os.kill(self.daemon(), signal.SIGTERM)
        assert self.process.wait(30) == 0

    def close(self):
        if self.process.poll() is None:
            # Without strace the daemon would go on.
            os.kill(self.daemon(), signal.SIGKILL)
            self.process.wait(10)


def live(traced, near, far, box):
    """A host's life, in which everything is used that the profiles are about."""
    token = traced.trace.parent / "token"
    token.write_text(far.weft("token", "create"))
    traced.weft("join", f"@{token}")
    answer = json.loads(traced.weft("attach", "blue", "--netns", box.name, "--name", "web",
                                    "--timeout", "30s", "--json"))
    wait_for("the other host knows the box", lambda: far.forwards(answer), 20)
    assert box.ping(far.json("endpoint", "ls", "blue")[0]["addresses"][0].split("/")[0])
    traced.weft("network", "create", "red", "--subnet", "10.64.2.0/24")
    sleeper = near.box("c").popen("sleep", "600")
    traced.weft("attach", "red", "--netns", sleeper.pid, "--name", "by-id")
    traced.weft("detach", "red", "--name", "by-id")
    traced.weft("ipam", "reserve", "red", "--name", "kept")
    traced.weft("network", "create", "many", "--subnet", "10.64.3.0/24", "--multicast", "on")
    traced.weft("attach", "many", "--netns", sleeper.pid, "--name", "hears-all")
    traced.weft("path", "h1")
    try:
        traced.weft("diag")
    except Failed as found:
        # What it finds on a host whose /sys is this machine's is not the matter here.
        assert found.code == 1
    os.kill(traced.daemon(), signal.SIGHUP)
    traced.weft("network", "inspect", "blue")
    traced.weft("backup", BACKUP)
    traced.weft("restore", "--force", BACKUP)
    wait_for("it is a host whose disk went back", lambda: traced.node()["fence"] == "set_back", 20)
    traced.weft("node", "recover")
    traced.weft("leave", "--force")
    traced.weft("reset")
    wait_for("it begins anew",
             lambda: '"cluster": null' in traced.weft("status", "--json"), 20)


@pytest.fixture(scope="module")
def used(stage, tmp_path_factory):
    """All that weftd and its helper used in a life."""
    world = Lab(tmp_path_factory.mktemp("lab"))
    try:
        far = world.cluster(1)[0]
        far.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
        far.attach("blue", far.box("b"))
        near = world.host(start=False)
        box = near.box("b")  # before, as the scene does not hear of later ones
        with closing(Traced(near, tmp_path_factory.mktemp("work"), stage)) as traced:
            live(traced, near, far, box)
            traced.stop()
        assert traced.logged
        yield apparmor.uses(traced.first)
    finally:
        world.close()


@pytest.mark.parametrize("name, program", [("weftd", DAEMON), ("weft-netns", HELPER)])
def test_what_a_program_uses_its_profile_gives(stage, used, name, program):
    profile = apparmor.Profile(stage / "etc/apparmor.d" / name)
    files = {(thing, right) for who, kind, thing, right in used if (who, kind) == (program, "file")}
    sockets = {(thing, right) for who, kind, thing, right in used
               if (who, kind) == (program, "socket")}
    assert len(files) > 5 and len(sockets) > 0
    refused = [pair for pair in sorted(files) if profile.refuses(*pair)]
    assert refused == [], refused
    assert [pair for pair in sorted(sockets) if not profile.has_network(*pair)] == []


def test_the_life_that_was_seen_is_a_whole_one(used):
    """What the rules are there for was used, so that the test above says something."""
    files = {(who, thing, right) for who, kind, thing, right in used if kind == "file"}
    for thing, right in (("/etc/weft/weft.yaml", "r"), ("/run/weft/weft.sock", "w"),
                         ("/run/systemd/notify", "w"), ("/run/systemd/journal/socket", "w"),
                         (HELPER, "x"), (BACKUP, "w"), (BACKUP, "r")):
        assert (DAEMON, thing, right) in files, thing
    for beginning, right in (("/var/lib/weft/", "k"), ("/proc/sys/net/", "w")):
        assert any(who == DAEMON and thing.startswith(beginning) and right == had
                   for who, thing, had in files), beginning
    assert any(who == HELPER and thing.startswith("/run/netns/") for who, thing, _ in files)
    assert {("inet", "dgram"), ("inet", "stream"), ("netlink", "raw"), ("unix", "stream")} <= \
        {(thing, right) for who, kind, thing, right in used if (who, kind) == (DAEMON, "socket")}


def test_a_rule_that_is_missing_is_seen(stage, used, tmp_path):
    text = (stage / "etc/apparmor.d/weftd").read_text()
    less = tmp_path / "weftd"
    less.write_text(text.replace("  /var/lib/weft/{,**} rwkl,\n", ""))
    profile = apparmor.Profile(less)
    assert any(profile.refuses(thing, right) for who, kind, thing, right in used
               if (who, kind) == (DAEMON, "file"))
