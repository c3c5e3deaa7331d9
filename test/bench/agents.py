# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Fleets of gossiping agents in one network namespace of their own: weftd, and Serf beside it.

Every agent talks on 127.0.0.1 with a port of its own, so all their traffic, and nothing else,
passes the loopback of the namespace. When an agent learns of a member is taken from the lines that
both programs log for that anyway, stamped when they come out of the pipe: nobody is asked, so
measuring costs both the same, next to nothing.
"""
import json
import os
import random
import re
import selectors
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

import proc
from hosts import WEFT, WEFTD, Namespace, run, wait_for

GOSSIP_PORT = 8000
RPC_PORT = 9000
JOINED, FAILED = "joined", "failed"
# What an agent decided of another, told by its events; its log tells the same, but not always all.
HELD_FAILED, LISTENS, MISSED = "held for failed", "listens", "missed events"
# What a rumour missed comes by a comparison of tables: with Serf after 90 s among 100 agents.
PATIENCE_S = 180


class Watch:
    """Reads what agents log, in a thread, and keeps what each said of whom, and when."""

    def __init__(self):
        self.seen = {}  # (observer, event, subject) -> instants
        self.changed = threading.Condition()
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = os.pipe()
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def add(self, observer, pipe, parse):
        self.selector.register(pipe, selectors.EVENT_READ, [observer, parse, b""])
        os.write(self.wake_write, b"+")

    def _read(self):
        while True:
            for key, _ in self.selector.select():
                data = os.read(key.fd, 65536)
                at = time.monotonic()
                if key.data is None:
                    if b"." in data:
                        return
                    continue
                if not data:
                    self.selector.unregister(key.fileobj)
                    continue
                observer, parse, rest = key.data
                *lines, key.data[2] = (rest + data).split(b"\n")
                self._take(at, observer, filter(None, map(parse, lines)))

    def _take(self, at, observer, found):
        with self.changed:
            for event, subject in found:
                self.seen.setdefault((observer, event, subject), []).append(at)
            self.changed.notify_all()

    def after(self, observer, event, subject, since):
        """When the observer first said so after an instant, or None."""
        times = self.seen.get((observer, event, subject), ())
        return next((at for at in times if at >= since), None)

    def known(self, observers, event, subject, since, timeout):
        """Waits until all observers said so; how long after since the last of them did."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                times = {o: self.after(o, event, subject, since) for o in observers}
                missing = [o for o, at in times.items() if at is None]
                if not missing:
                    return max(times.values()) - since
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{subject} {event}: after {timeout} s not at {missing}")
                self.changed.wait(left)

    def count(self, event, subjects, since):
        """How often anybody said that of one of these."""
        with self.changed:
            return sum(at >= since for (_, e, subject), times in self.seen.items()
                       if e == event and subject in subjects for at in times)

    def close(self):
        os.write(self.wake_write, b".")
        self.thread.join(10)
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
        os.close(self.wake_read)
        os.close(self.wake_write)


class Agent:
    """One process of a fleet; subject is what the others call it in their logs."""

    def __init__(self, index):
        self.index = index
        self.name = f"n{index}"
        self.subject = None
        self.process = None


class Fleet:
    """Agents of one kind; the first is the one that the others join."""

    verdict = FAILED  # what counts as holding another for failed

    def __init__(self, lab):
        self.lab = lab
        self.space = Namespace(lab, f"{self.kind}{len(lab.namespaces)}")
        self.dir = lab.dir / self.space.label
        self.dir.mkdir()
        self.watch = Watch()
        self.agents = []

    def _spawn(self, agent, *args, **kw):
        agent.process = self.space.popen(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                         bufsize=0, **kw)
        self.watch.add(agent.name, agent.process.stdout, self.parse)

    def _answers(self, agent, ask):
        if agent.process.poll() is not None:
            raise RuntimeError(f"{self.kind} {agent.name} ended with {agent.process.returncode}")
        return ask()

    def add(self):
        """One agent more, which runs and is in no cluster yet."""
        agent = Agent(len(self.agents))
        self.agents.append(agent)
        self.start(agent)
        return agent

    def others(self, agent):
        return [other.name for other in self.agents if other is not agent]

    def grow(self, size):
        """Up to size agents, all known to all."""
        while len(self.agents) < size:
            agent = self.add()
            if agent.index > 0:
                self.join(agent)
        self.complete()

    def join_timed(self, timeout=PATIENCE_S):
        """One agent more joins; seconds from its command until all others know it."""
        agent = self.add()
        since = time.monotonic()
        self.join(agent)
        return self.watch.known(self.others(agent), JOINED, agent.subject, since, timeout)

    def kill_timed(self, agent, timeout=PATIENCE_S):
        """SIGKILL; seconds until all others hold the agent for failed. Then it comes back."""
        since = time.monotonic()
        agent.process.kill()
        agent.process.wait(10)
        took = self.watch.known(self.others(agent), FAILED, agent.subject, since, timeout)
        since = time.monotonic()
        self.start(agent, again=True)
        self.watch.known(self.others(agent), JOINED, agent.subject, since, timeout)
        return took

    def idle(self, seconds):
        """Bytes a second and share of a core of one agent over a while in which nothing happens."""
        witness = self.agents[0].process.pid
        bytes_before, cpu_before = proc.loopback_bytes(witness), self._cpu()
        start = time.monotonic()
        time.sleep(seconds)
        took = (time.monotonic() - start) * len(self.agents)
        return ((proc.loopback_bytes(witness) - bytes_before) / took,
                (self._cpu() - cpu_before) / took)

    def _cpu(self):
        return sum(proc.cpu_seconds(agent.process.pid) for agent in self.agents)

    def private_dirty(self):
        """Bytes of memory that are each agent's own."""
        return [proc.private_dirty(agent.process.pid) for agent in self.agents]

    def false_failures_stopped(self, share, stop_s, after_s, seed):
        """Stops a share of the agents for a while; how often one that ran was held for failed."""
        stopped = random.Random(seed).sample(self.agents, max(1, round(share * len(self.agents))))
        healthy = {agent.subject for agent in self.agents if agent not in stopped}
        with self.listening() as since:
            for agent in stopped:
                agent.process.send_signal(signal.SIGSTOP)
            try:
                time.sleep(stop_s)
            finally:
                for agent in stopped:
                    agent.process.send_signal(signal.SIGCONT)
            time.sleep(after_s)
        return self.watch.count(self.verdict, healthy, since)

    def false_failures_loss(self, percent, seconds):
        """Loses a share of all packets for a while; how often anybody was held for failed."""
        with self.listening() as since:
            self.space.exec("nft", "-f", "-", input=f"""table inet benchloss {{
                chain heard {{
                    type filter hook input priority -400;
                    meta l4proto {{ tcp, udp }} numgen random mod 100 < {percent} drop
                }}
            }}""")
            try:
                time.sleep(seconds)
            finally:
                self.space.exec("nft", "delete", "table", "inet", "benchloss")
        return self.watch.count(self.verdict, {agent.subject for agent in self.agents}, since)

    @contextmanager
    def listening(self):
        """While every verdict of every agent is heard; from when on. Serf logs each."""
        yield time.monotonic()

    def close(self):
        for agent in self.agents:
            if agent.process.poll() is None:
                agent.process.kill()
        for agent in self.agents:
            agent.process.wait(10)
        self.watch.close()
        for agent in self.agents:
            agent.process.stdout.close()


class WeftFleet(Fleet):
    """Daemons without networks: they touch no device."""

    kind = "weft"
    verdict = HELD_FAILED

    def start(self, agent, again=False):
        home = self.dir / agent.name
        home.mkdir(exist_ok=True)
        agent.socket = home / "weft.sock"
        address = f"127.0.0.1:{GOSSIP_PORT + agent.index}"
        self._spawn(agent, WEFTD, "--state-dir", home / "state", "--socket", agent.socket,
                    "--name", agent.name, "--bind", address, "--advertise", address)
        wait_for(f"{agent.name} answers", lambda: self._answers(
            agent, lambda: self.weft(agent, "version")), 20)
        if agent.index == 0 and not again:
            self.token = self.weft(agent, "init", "--name", "bench")["token"]
            agent.subject = self.weft(agent, "status")["node"]["id"]

    @staticmethod
    def parse(line):
        found = re.search(rb"member ([0-9a-f]{32}) (is alive at|failed)", line)
        if found:
            return FAILED if found.group(2) == b"failed" else JOINED, found.group(1).decode()
        return None

    @staticmethod
    def parse_event(line):
        said = json.loads(line or "{}")
        if not said:  # only to show that it is still there
            return None
        if said["event"] == "missed":
            return MISSED, None
        if said["event"] == "snapshot":
            return LISTENS, None
        if said["event"] == "member" and said["action"] == "failed":
            return HELD_FAILED, said["member"]["id"]
        return None

    @contextmanager
    def listening(self):
        """Lines about others are rationed in weftd's log, events are not."""
        since = time.monotonic()
        monitors = {}
        try:
            for agent in self.agents:
                monitor = self.space.popen(WEFT, "--socket", agent.socket, "monitor", "--json",
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                           bufsize=0)
                monitors[agent.name] = monitor
                self.watch.add(agent.name, monitor.stdout, self.parse_event)
            for name in monitors:
                self.watch.known([name], LISTENS, None, since, 60)
            yield time.monotonic()
            missed = self.watch.count(MISSED, {None}, since)
            assert missed == 0, f"{missed} times a listener was too slow for all events"
        finally:
            for monitor in monitors.values():
                monitor.kill()
                monitor.wait(10)

    @staticmethod
    def weft(agent, *args):
        done = run(WEFT, "--socket", agent.socket, *args, "--json", check=args[0] == "join")
        return json.loads(done.stdout) if done.stdout else None

    def join(self, agent):
        self.weft(agent, "join", self.token)
        agent.subject = self.weft(agent, "status")["node"]["id"]

    def complete(self):
        for agent in self.agents:
            wait_for(f"{agent.name} knows all", lambda: sum(
                m["state"] == "alive" for m in self.weft(agent, "members")) == len(self.agents), 60)


class SerfFleet(Fleet):
    """Agents with Serf's own timing for a LAN, encrypted with one key."""

    kind = "serf"

    def __init__(self, lab):
        super().__init__(lab)
        self.key = run("serf", "keygen").stdout.strip()

    def start(self, agent, again=False):
        agent.subject = agent.name
        agent.rpc = f"127.0.0.1:{RPC_PORT + agent.index}"
        join = [f"-join=127.0.0.1:{GOSSIP_PORT}"] if again else []
        self._spawn(agent, "serf", "agent", f"-node={agent.name}", "-profile=lan",
                    f"-bind=127.0.0.1:{GOSSIP_PORT + agent.index}", f"-rpc-addr={agent.rpc}",
                    f"-encrypt={self.key}", *join)
        wait_for(f"{agent.name} answers", lambda: self._answers(
            agent, lambda: self.members(agent)), 20)

    @staticmethod
    def parse(line):
        found = re.search(rb"serf: EventMember(Join|Failed): (\S+)", line)
        if found:
            return FAILED if found.group(1) == b"Failed" else JOINED, found.group(2).decode()
        return None

    def members(self, agent):
        done = self.space.exec("serf", "members", f"-rpc-addr={agent.rpc}", "-format=json",
                               check=False)
        return json.loads(done.stdout)["members"] if done.returncode == 0 else None

    def join(self, agent):
        self.space.exec("serf", "join", f"-rpc-addr={agent.rpc}", f"127.0.0.1:{GOSSIP_PORT}")

    def complete(self):
        for agent in self.agents:
            wait_for(f"{agent.name} knows all", lambda: sum(
                m["status"] == "alive" for m in self.members(agent)) == len(self.agents), 60)
