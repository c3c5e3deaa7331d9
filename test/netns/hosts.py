# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Hosts made of network namespaces: an underlay bridge, daemons, boxes, and the real CLI.

Everything here belongs to one test and is gone after it, also when it fails: namespaces carry the
prefix of their lab, processes are ended by id, files live in the test's own directory.
"""
import errno
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("WEFT_BUILD", ROOT / "build"))
WEFT = BUILD / "bin" / "weft"
WEFTD = BUILD / "bin" / "weftd"

CUT = "labcut"  # the table of a lab's own that cuts a host off
PINGS = 25  # answered ones at least, of a row of them
MARK_TYPE = 0x88b5  # of Ethernet, for experiments
MARK_TEXT = b"all before this was seen"
MARK = f"""
import socket, sys
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
out.send(bytes(12) + int(sys.argv[2]).to_bytes(2, "big") + {MARK_TEXT!r}.ljust(64))
"""
CAPTURE_KIB = 16384  # what tcpdump may be behind by

# What only a defect writes into a log: failed asserts, findings of the sanitizers.
DEFECTS = re.compile(r"assert|Sanitizer|runtime error|internal error", re.IGNORECASE)

_labs = itertools.count(1)


def run(*args, check=True, timeout=30, **kw):
    """Runs a command and returns it finished; its output is part of the failure."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True,
                          timeout=timeout, **kw)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))}: exit {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def wait_for(what, probe, timeout, every=0.01):
    """Polls probe until it gives something true; returns it and how long it took, in seconds.

    However long a look takes: one that begins when the time is up is the last one."""
    start = time.monotonic()
    last = None
    while True:
        is_last = time.monotonic() - start >= timeout
        try:
            last = probe()
            if last:
                return last, time.monotonic() - start
        except (AssertionError, KeyError, json.JSONDecodeError) as problem:
            last = problem
        if is_last:
            raise AssertionError(f"{what}: not within {timeout} s; last seen: {last!r}")
        time.sleep(every)


def holds(what, seconds, probe):
    """Looks again and again for so long, and each time probe must be true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert probe(), f"{what}: no longer"
        time.sleep(0.05)


def line_of(process, pipe, what, timeout):
    """The next line from a process that a test started; one that says none in time is killed."""
    late = threading.Timer(timeout, process.kill)
    late.start()
    try:
        line = pipe.readline()
    finally:
        late.cancel()
    assert line, f"{what}: it ended, or said nothing within {timeout} s"
    return line


class Failed(AssertionError):
    """A weft command that failed, with what a person would have seen."""

    def __init__(self, args, done):
        super().__init__(f"weft {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
        self.code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr


class Unanswered(Exception):
    """The daemon went away before it answered: what was asked for may have happened or not."""


class Api(http.client.HTTPConnection):
    """One connection to a daemon's socket."""

    def __init__(self, path, timeout):
        super().__init__("weft", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Namespace:
    """A network namespace of the lab."""

    def __init__(self, lab, name):
        self.lab = lab
        self.label = name
        self.name = f"{lab.prefix}{name}"
        lab.namespaces.append(self)  # before it is there: what is interrupted here goes as well
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    @property
    def path(self):
        return f"/run/netns/{self.name}"

    def ip(self, *args, **kw):
        return run("ip", "-n", self.name, *args, **kw)

    def bridge(self, *args, **kw):
        return run("bridge", "-n", self.name, *args, **kw)

    def exec(self, *args, **kw):
        return run("nsenter", f"--net={self.path}", *args, **kw)

    def popen(self, *args, **kw):
        process = subprocess.Popen(["nsenter", f"--net={self.path}", *map(str, args)],
                                   stdin=subprocess.DEVNULL, **kw)
        self.lab.processes.append(process)
        return process

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.ip("-j", "-d", "link").stdout)}

    def delete(self):
        run("ip", "netns", "del", self.name, check=False)


class Box(Namespace):
    """What a container would be: a namespace that weft plugs into a network."""

    def ping(self, address, count=1, wait=1):
        """One ping, as `ping -c1 -W1`; returns its round trip in ms or None."""
        done = self.exec("ping", "-n", "-c", str(count), "-W", str(wait), address, check=False)
        found = re.search(r"time=([\d.]+) ms", done.stdout)
        return float(found.group(1)) if done.returncode == 0 and found else None


class Pinger:
    """Pings from a namespace until stopped; tells how many went unanswered."""

    def __init__(self, space, address, interval=0.05):
        self.what = f"{space.name} is answered by {address}"
        # In a file, since ping sends nothing more when nobody reads a full pipe.
        self.file = space.lab.dir / f"ping{len(space.lab.processes)}"
        with open(self.file, "wb") as file:
            self.process = space.popen("ping", "-n", "-i", str(interval), address, stdout=file,
                                       stderr=file)
        self.wait_for_answers(1)

    def wait_for_answers(self, count):
        wait_for(self.what, lambda: self.file.read_text().count("time=") >= count, 10)

    def stop(self):
        """Stops between two pings, once enough were answered to say something; returns (sent,
        received)."""
        self.wait_for_answers(PINGS)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
        text = self.file.read_text()
        found = re.search(r"(\d+) packets transmitted, (\d+) received", text)
        assert found, text
        # The last ping may still be on its way when the signal comes.
        sent, received = int(found.group(1)), int(found.group(2))
        lines = [int(n) for n in re.findall(r"icmp_seq=(\d+)", text)]
        if lines and received == sent - 1 and max(lines) == sent - 1:
            sent -= 1
        return sent, received


class Host(Namespace):
    """A host: a namespace with an underlay address and a daemon of its own."""

    def __init__(self, lab, index):
        super().__init__(lab, f"h{index}")
        self.index = index
        self.addr = f"10.199.0.{index}"
        self.dir = lab.dir / f"h{index}"
        self.dir.mkdir()
        self.state = self.dir / "state"
        self.socket = self.dir / "run" / "weft.sock"
        self.socket.parent.mkdir()
        self.log = self.dir / "weftd.log"
        self.daemon = None
        lab.plug(self, self.addr)

    def start(self, *extra, wait=True):
        with open(self.log, "ab") as log:
            self.daemon = self.popen(WEFTD, "--state-dir", self.state, "--socket", self.socket,
                                     "--name", self.label, "--advertise", self.addr, *extra,
                                     stdout=log, stderr=log)
        if wait:
            wait_for(f"{self.name} answers", lambda: self.answers(), 10)
        return self

    def answers(self):
        if self.daemon.poll() is not None:
            raise RuntimeError(f"weftd of {self.name} ended with {self.daemon.returncode}:\n"
                               f"{self.tail()}")
        return run(WEFT, "--socket", self.socket, "version", check=False).returncode == 0

    def kill(self):
        """Kills the daemon with -9; it must have lived until then."""
        assert self.daemon.poll() is None, \
            f"weftd of {self.name} ended with {self.daemon.returncode}: {self.tail()}"
        self.daemon.kill()
        self.daemon.wait(10)

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def defects(self):
        """What the daemon's log has that only a defect writes."""
        if not self.log.exists():
            return []
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if DEFECTS.search(line)]

    def stop(self):
        self.daemon.terminate()
        assert self.daemon.wait(10) == 0, self.tail()

    def call(self, verb, path, body=None, timeout=30):
        """One call of the API without a process for it: (HTTP status, answer), or Unanswered."""
        api = Api(self.socket, timeout)
        try:
            api.request(verb, path, json.dumps(body) if body is not None else None)
            answer = api.getresponse()
            return answer.status, json.loads(answer.read())
        except TimeoutError:
            raise AssertionError(f"{self.name}: {verb} {path}: no answer in {timeout} s") from None
        except (OSError, http.client.HTTPException) as problem:
            raise Unanswered(f"{self.name}: {verb} {path}: {problem!r}") from problem
        finally:
            api.close()

    def weft(self, *args, timeout=30, stdin=None):
        """Runs weft here; its output as text, or Failed. The exit code of `weft status` says how
        the node stands; what it prints is its output all the same."""
        args = [str(a) for a in args]
        done = run("nsenter", f"--net={self.path}", WEFT, "--socket", self.socket, *args,
                   check=False, timeout=timeout, input=stdin)
        if done.returncode != 0 and not (args[0] == "status" and done.stdout):
            raise Failed(args, done)
        return done.stdout

    def json(self, *args, **kw):
        return json.loads(self.weft(*args, "--json", **kw))

    def refused(self, *args, **kw):
        """A command that must fail with exactly one line on stderr; returns the Failed."""
        try:
            out = self.weft(*args, **kw)
        except Failed as failed:
            lines = failed.stderr.strip().splitlines()
            assert len(lines) == 1, failed.stderr
            assert failed.stdout == "", failed.stdout
            return failed
        raise AssertionError(f"weft {args} was not refused: {out}")

    def members(self, state="alive"):
        return sorted(m["name"] for m in self.json("members") if m["state"] == state)

    def deaf_to(self, others):
        """From now on this host hears nothing from those; they may hear it."""
        self.heal()
        self.exec("nft", "-f", "-", input=f"""table inet {CUT} {{
            chain heard {{
                type filter hook input priority -400;
                ip saddr {{ {", ".join(other.addr for other in others)} }} drop
            }}
        }}""")

    def heal(self):
        self.exec("nft", "delete", "table", "inet", CUT, check=False)

    def small_disk(self, size):
        """Before the first start: the state directory is a file system of that many bytes."""
        self.state.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", self.state)
        self.lab.mounts.append(self.state)

    def fill_disk(self):
        """Not one byte is left where the daemon keeps its state."""
        with open(self.state / "filler", "ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                try:
                    while filler.write(bytes(size)) > 0:
                        pass
                except OSError as problem:
                    assert problem.errno == errno.ENOSPC, problem

    def free_disk(self):
        (self.state / "filler").unlink()

    def box(self, name):
        return Box(self.lab, f"h{self.index}{name}")

    def attach(self, network, box, *extra, patient=True):
        """Attaches a box; the answer of weft attach, its first address without length as ip.

        On a busy machine the answer names hosts that do not know the endpoint yet: they are waited
        for unless the test is about that."""
        answer = self.json("attach", network, "--netns", box.path, *extra)
        answer["ip"] = answer["addresses"][0].split("/")[0]
        for host in self.lab.hosts if patient else ():
            if host.label in answer["peers_pending"]:
                wait_for(f"{host.name} knows {answer['ip']}", lambda: host.forwards(answer), 5)
        return answer

    def forwards(self, answer):
        """This host's kernel sends to an endpoint of another host."""
        return answer["mac"] in self.bridge("fdb", "show").stdout and \
            answer["mac"] in self.ip("neigh", "show", "nud", "permanent").stdout and \
            self.json("status")["reconcile"]["pending"] == 0

    def metric(self, name, **labels):
        """Sum of a metric's samples whose labels fit."""
        text = run("curl", "-sf", "--unix-socket", self.socket, "http://weft/metrics").stdout
        total = 0.0
        for line in text.splitlines():
            found = re.match(rf"{name}(?:{{(.*)}})? (\S+)$", line)
            if found and all(f'{k}="{v}"' in (found.group(1) or "") for k, v in labels.items()):
                total += float(found.group(2))
        return total


def content():
    """What names the content of this repository, so that each change draws anew; the same for all
    where no git says it."""
    tree = run("git", "-c", "safe.directory=*", "-C", ROOT, "rev-parse", "HEAD^{tree}", check=False)
    return tree.stdout.strip() or "no git"


class Lab:
    """One test's world."""

    def __init__(self, directory):
        self.prefix = f"weft{os.getpid()}x{next(_labs)}"
        self.dir = Path(directory)
        self.namespaces = []
        self.processes = []
        self.hosts = []
        self.mounts = []
        try:
            self.underlay = Namespace(self, "u")
            self.underlay.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
            self.underlay.ip("addr", "add", "10.199.0.254/24", "dev", "br0")
            self.underlay.ip("link", "set", "br0", "up")
        except BaseException:
            self.close()
            raise

    def plug(self, space, address):
        port = f"p{space.index}"
        self.underlay.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
                         space.name)
        self.underlay.ip("link", "set", port, "master", "br0", "up")
        space.ip("addr", "add", f"{address}/24", "dev", "eth0")
        space.ip("link", "set", "eth0", "up")
        space.ip("route", "add", "default", "via", "10.199.0.254")

    def host(self, start=True, *extra):
        host = Host(self, len(self.hosts) + 1)
        self.hosts.append(host)
        return host.start(*extra) if start else host

    def cluster(self, count, *extra):
        """That many hosts in one cluster, each of which sees all alive."""
        hosts = [self.host(True, *extra) for _ in range(count)]
        token = hosts[0].json("init", "--name", "lab")["token"]
        for host in hosts[1:]:
            host.weft("join", token)
        names = sorted(h.label for h in hosts)
        for host in hosts:
            wait_for(f"{host.name} sees all", lambda: host.members() == names, 5)
        return hosts

    def capture(self, space, device, expression):
        return Capture(self, space, device, expression)

    def close(self):
        """Daemons that still run are asked to end, as they are, and must; the rest is killed."""
        running = [host for host in self.hosts if host.daemon and host.daemon.poll() is None]
        for host in running:
            host.daemon.send_signal(signal.SIGCONT)
            host.daemon.terminate()
        unclean = [f"{host.label}: {host.tail()}" for host in running
                   if not ended_well(host.daemon)]
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        defects = [(host.label, line) for host in self.hosts for line in host.defects()]
        for mount in self.mounts:
            run("umount", "-l", mount, check=False)
        for space in reversed(self.namespaces):
            space.delete()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert not unclean, f"ended badly when asked to: {unclean}"
        assert not defects, f"in the logs: {defects}"


def ended_well(process):
    try:
        return process.wait(10) == 0
    except subprocess.TimeoutExpired:
        return False


def leftovers(lab):
    """What a closed lab left on the machine: namespaces, mounts, processes that know its place."""
    found = [name for name in run("ip", "netns", "list").stdout.split()
             if name.startswith(lab.prefix)]
    found += [line for line in Path("/proc/mounts").read_text().splitlines()
              if str(lab.dir) in line]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(lab.dir) in command:
            found.append(f"{entry.parent.name}: {command}")
    return found


class Capture:
    """tcpdump on a device, as text lines and as raw bytes.

    What it says of how many packets it has had counts also those that passed before its filter
    stood. So at the end a frame of the lab's own follows what is to be seen: once that is in the
    file, so is all before it."""

    def __init__(self, lab, space, device, expression):
        self.space, self.device, self.expression = space, device, expression
        self.file = lab.dir / f"capture{len(lab.processes)}.pcap"
        self.process = space.popen("tcpdump", "-Z", "root", "-i", device, "--immediate-mode", "-U",
                                   "-B", str(CAPTURE_KIB), "-n", "-w", self.file,
                                   f"({expression}) or ether proto {MARK_TYPE}",
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "listening on" not in line_of(self.process, self.process.stderr, "tcpdump listens",
                                            60):
            pass

    def stop(self):
        """Ends once all that has passed the device until now stands in the file."""
        whole = self.file.with_suffix(".whole")
        self.space.exec(sys.executable, "-c", MARK, self.device, str(MARK_TYPE))
        wait_for("all that passed is written", lambda: MARK_TEXT in self.file.read_bytes(), 30)
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=10)[1]
        assert re.search(r"^0 packets dropped by kernel", said, re.M), said
        run("tcpdump", "-Z", "root", "-n", "-r", self.file, "-w", whole, self.expression)
        whole.replace(self.file)

    def lines(self):
        return run("tcpdump", "-n", "-t", "-e", "-r", self.file).stdout.splitlines()

    def raw(self):
        return self.file.read_bytes()
