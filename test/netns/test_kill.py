# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A daemon that dies at any commit, send or change of the kernel, and what its next start makes of it.

The daemons are those of the preset `kill`: WEFT_KILL_AT ends one at the n-th passage of a point
(gossip/base/kill_point.h). A story of two hosts is told once to count the passages, then once for
each death: when the one who is to die is gone, it is started again, everything is compared, and the
story goes on with the call that was not answered. A shorter story has a backup, the way back to it
and a recovery. By hand, every passage of every point:

    WEFT_KILL_ALL=1 python3 -m pytest test/netns/test_kill.py

WEFT_KILL_ONLY=commit-after:12 tells the story with that death alone, WEFT_KILL_ONLY=commit with those
at the points of that beginning. Else a few of each point are tried, others with each change of the
tree: WEFT_KILL_SEED, which a run prints, tries the same again.

How often a point is passed differs with the speed of the machine (probes, retries), so that a passage
which was drawn may never come. Such a telling is whole, so it says how many there are at least, and
another passage of the same part of the story is drawn among those.
"""
import collections
import contextlib
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

import hosts
from hosts import Failed, Host, content, wait_for

KILL_BUILD = Path(os.environ.get("WEFT_KILL_BUILD", hosts.ROOT / "build-kill"))
KILL_WEFTD = KILL_BUILD / "bin" / "weftd"
POINTS = ("commit-before", "commit-after", "send-before", "send-after", "netlink-before",
          "netlink-after", "wipe")
SEED = os.environ.get("WEFT_KILL_SEED") or content()
SAMPLES = 4  # passages of a point that are tried unless all are asked for
BACK_SAMPLES = {"restore": 3, "commit-before": 2, "commit-after": 2}  # the same of the short story


class Mortal(Host):
    """A host whose daemon is of the kill build, with an environment of its own."""

    def __init__(self, lab, index):
        super().__init__(lab, index)
        self.environment = {}

    def start(self, *extra, wait=True):
        environment = os.environ | {"WEFT_HELPER": str(hosts.BUILD / "libexec" / "weft-netns"),
                                    "WEFT_COOLDOWN": "1s", **self.environment}
        with open(self.log, "ab") as log:
            self.daemon = self.popen(KILL_WEFTD, "--state-dir", self.state, "--socket",
                                     self.socket, "--name", self.label, "--advertise", self.addr,
                                     *extra, stdout=log, stderr=log, env=environment)
        if wait:
            wait_for(f"{self.name} answers", self.answers, 10)
        return self

    def is_dead(self):
        return self.daemon is not None and self.daemon.poll() is not None


class NameHeld(Exception):
    """A joiner died between its admission and its own commit: for a minute nobody joins under its
    name. The refusal says what helps at once, another name."""


class Story:
    """What happens to two hosts, of which one may die once."""

    def __init__(self, lab, victim, environment):
        self.founder, self.joiner = self.hosts = [Mortal(lab, 1), Mortal(lab, 2)]
        lab.hosts.extend(self.hosts)
        self.victim = self.hosts[victim]
        self.victim.environment = environment
        self.died_in = None  # the call that was under way
        self.endpoints = {}  # what attach answered and nobody detached, by name
        self.unsure = set()  # names whose attach or detach was not answered
        self.reserved = {}   # address -> host
        self.members = []    # hosts that are in the cluster, when that is certain
        self.boxes = {}
        self.call = "start"
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            self.wait(f"{host.name} answers", lambda: not host.is_dead() and host.answers(), 10)

    def rise(self, call):
        """Starts the victim again, this time for good, and compares everything."""
        assert self.died_in is None, f"{self.victim.name} died again:\n{self.victim.tail()}"
        assert self.victim.daemon.returncode == -9, self.victim.tail()
        self.died_in = call
        self.victim.environment = {}
        self.victim.start()
        wait_for("it has asked whether it may go on",
                 lambda: self.victim.json("status")["node"]["phase"] != "claiming", 10)
        self.compare()

    def look(self):
        """Starts the victim again if it has died just now."""
        if self.died_in is None and self.victim.is_dead():
            self.rise(self.call)

    def wait(self, what, probe, timeout):
        """Waits for a state, which the victim's death may delay."""
        def seen():
            self.look()
            return probe()
        wait_for(what, seen, timeout)

    def do(self, host, *args, already=()):
        """One call, repeated with the same request id when the victim died meanwhile; what a
        repetition may be refused with is in already."""
        self.call = f"{host.label}: {' '.join(map(str, args))}"
        try:
            return self.answer_of(host, args)
        except Failed:
            if self.died_in != self.call:
                raise
        try:
            return host.json(*args)
        except Failed as failed:
            if any(text in failed.stderr for text in already):
                return None
            if "is joining under the name" in failed.stderr:
                raise NameHeld from failed
            raise

    def answer_of(self, host, args):
        """The answer to a call; while it waits for the victim, that may die and rise again."""
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(host.json, *args)
            while not wait([answer], 0.02).done:
                self.look()
            if answer.exception():
                # Who loses its connection sees that before the kernel tells us of the end.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.victim.daemon.wait(0.2)
                self.look()
            return answer.result()

    def attach(self, host, network, name, *extra):
        box = self.boxes[name] = host.box(name)
        self.unsure.add(name)
        answer = self.do(host, "attach", network, "--netns", box.path, "--name", name,
                         "--request-id", f"attach-{name}", *extra)
        self.unsure.discard(name)
        answer["ip"] = answer["addresses"][0].split("/")[0]
        answer.update(host=host, box=box, network=network)
        self.endpoints[name] = answer
        return answer

    def detach(self, name):
        answer = self.endpoints.pop(name)
        self.unsure.add(name)
        done = self.do(answer["host"], "detach", answer["network"], "--name", name,
                       "--request-id", f"detach-{name}")
        assert done == {"detached": True, "endpoint": answer["endpoint"]}
        self.unsure.discard(name)

    def reserve(self, host, network, address):
        self.do(host, "ipam", "reserve", network, "--ip", address, "--request-id",
                f"reserve-{address}")
        self.reserved[address] = host

    def ping(self, one, other):
        a, b = self.endpoints[one], self.endpoints[other]
        self.wait(f"{one} reaches {other}", lambda: a["box"].ping(b["ip"]) is not None, 3)

    def compare(self):
        """Leases, endpoints and kernel of every host say the same, and nothing that was answered
        is missing."""
        for host in self.members:
            self.wait(f"{host.name} knows all", lambda: host.json("status")["in_sync"], 10)
            self.wait(f"{host.name} has settled", lambda: agrees(self, host), 10)
        for name, answer in self.endpoints.items():
            if answer["host"] in self.members:
                inside = answer["box"].ip("addr", "show", "eth0").stdout
                assert answer["ip"] in inside and answer["mac"] in inside, (name, inside)

    def tell(self):
        f, j = self.founder, self.joiner
        self.do(f, "init", "--name", "lab", already=("in cluster lab already",))
        self.members = [f]
        self.join("one")
        self.do(f, "network", "create", "blue", "--subnet", "10.64.1.0/24", "--request-id", "blue")
        self.do(j, "network", "create", "red", "--subnet", "10.64.2.0/24", "--request-id", "red")
        self.attach(f, "blue", "a")
        self.attach(j, "blue", "b")
        self.attach(j, "blue", "c", "--ip", "10.64.1.77")
        self.reserve(j, "blue", "10.64.1.99")
        self.reserve(f, "blue", "10.64.1.200")
        self.ping("a", "b")
        self.ping("c", "a")
        self.detach("c")
        self.attach(j, "red", "d")
        self.detach("d")
        self.do(f, "network", "rm", "red", "--request-id", "rm-red")
        self.depart()
        self.join("two")
        self.attach(j, "blue", "e")
        self.ping("e", "a")
        self.compare()
        self.remove()
        self.end_network("blue")
        self.wait("nothing is left", lambda: traces(f) == [], 5)
        self.compare()
        assert self.do(f, "endpoint", "ls") == [] and self.do(f, "ipam", "ls") == []
        self.dissolve()

    def dissolve(self):
        """The last member goes, and its host begins anew as somebody else."""
        f = self.founder
        before = self.do(f, "status")["node"]["id"]
        self.members = []
        self.do(f, "leave", already=("left",))
        self.do(f, "reset", already=("no cluster",))
        assert self.do(f, "status")["node"]["phase"] == "no_cluster" and traces(f) == []
        self.do(f, "init", "--name", "anew", already=("in cluster anew already",))
        assert self.do(f, "status")["node"]["id"] != before

    def end_network(self, network):
        """Takes everything in it along: until that is answered it is there or gone, then gone."""
        ended = {name for name, a in self.endpoints.items() if a["network"] == network}
        self.unsure |= ended
        self.endpoints = {n: a for n, a in self.endpoints.items() if n not in ended}
        self.reserved = {}
        self.do(self.founder, "network", "rm", network, "--force", "--request-id", f"rm-{network}")
        self.wait("its endpoints are gone", lambda: not ended & {
            e["name"] for e in self.founder.json("endpoint", "ls")}, 5)
        self.unsure -= ended

    def join(self, number):
        f, j = self.founder, self.joiner
        token = self.do(f, "token", "create", "--request-id", f"token-{number}")["token"]
        try:
            self.do(j, "join", token, already=("already",))
        except NameHeld:
            j.stop()
            j.label += "b"
            j.start()
            self.do(j, "join", token)
        self.members = [f, j]
        for host in self.members:
            self.wait("all are alive", lambda: host.members() == [f.label, j.label], 15)

    def depart(self):
        f, j = self.founder, self.joiner
        self.members = [f]
        del self.endpoints["b"], self.reserved["10.64.1.99"]
        self.do(j, "leave", "--force", already=("left",))
        self.wait("it is known for good", lambda: j.json("status")["node"]["fence"] == "left", 20)
        self.wait("it is gone", lambda: j.label in f.members("left"), 5)
        self.do(j, "reset", already=("no cluster",))
        assert traces(j) == []

    def remove(self):
        f, j = self.founder, self.joiner
        self.members = [f]
        del self.endpoints["e"]
        self.unsure.add("e")
        self.do(f, "node", "rm", j.label, already=("removed",))
        self.wait("it knows", lambda: j.json("status")["node"]["phase"] == "removed", 15)
        self.wait("it gave everything up", lambda: not traces(j), 10)
        self.do(j, "reset", already=("no cluster",))
        self.unsure.discard("e")


class WayBack(Story):
    """One of two hosts is taken back to an earlier state and recovers; it may die from the backup
    on."""

    def __init__(self, lab, victim, environment):
        self.forgot = None  # what the box has that is attached between backup and restore
        super().__init__(lab, victim, {})
        self.armed = environment

    def rise(self, call):
        """A restore is decided by its first rename: then the next start does it, else nothing."""
        super().rise(call)
        if call.split()[1] == "restore":
            decided = passed(Path(self.armed["WEFT_KILL_LOG"]))["restore"] > 1
            fence = self.victim.json("status")["node"]["fence"]
            assert fence == ("set_back" if decided else None)

    def compare(self):
        """A host that forgot something says and does so until it has recovered: its boxes are as
        they were."""
        members, forgot = self.members, self.forgot
        if forgot is not None:
            self.members = [host for host in members if host is not self.victim]
            for box, address in forgot.items():
                assert address in box.ip("addr", "show", "eth0").stdout, box.name
        super().compare()
        self.members = members

    def tell(self):
        f, j, v = self.founder, self.joiner, self.victim
        self.do(f, "init", "--name", "lab")
        self.members = [f]
        self.join("one")
        self.do(f, "network", "create", "blue", "--subnet", "10.64.1.0/24")
        self.attach(f, "blue", "a")
        self.attach(j, "blue", "b")
        self.reserve(v, "blue", "10.64.1.99")
        v.stop()
        v.environment = self.armed
        v.start(wait=False)
        self.wait("it is back", lambda: not v.is_dead() and v.json("status")["in_sync"], 10)
        old = v.dir / "old"
        self.do(v, "backup", old, already=("exists",))
        self.attach(v, "blue", "c")
        for name in "ab":
            if self.endpoints[name]["host"] is not v:
                self.ping("c", name)
        self.go_back(old)
        self.attach(v, "blue", "d")
        self.ping("d", "a")
        self.ping("b", "d")
        self.release("10.64.1.99")
        self.compare()

    def go_back(self, old):
        v = self.victim
        mine = {answer["box"]: answer["ip"] for answer in self.endpoints.values()
                if answer["host"] is v}
        self.forgot = mine
        self.do(v, "restore", "--force", old)
        self.wait("it is heard", lambda: v.json("status")["node"]["phase"] == "active", 10)
        assert self.do(v, "status")["node"]["fence"] == "set_back"
        gone = self.endpoints.pop("c")
        self.unsure.add("c")
        self.forgot = {box: ip for box, ip in mine.items() if box is not gone["box"]}
        self.do(v, "node", "recover")
        assert self.do(v, "status")["node"]["fence"] is None
        self.forgot = None
        self.unsure.discard("c")

    def release(self, address):
        del self.reserved[address]
        self.do(self.victim, "ipam", "release", "blue", address, already=("not leased",))


def traces(host):
    """Devices of weft's on a host."""
    return [name for name in host.links() if name.startswith("wf")]


def agrees(story, host):
    """Leases = endpoints = kernel, as an assertion for each."""
    everything = host.json("endpoint", "ls")
    mine = [e for e in everything if e["host"] == host.label]
    networks = {e["network_id"] for e in mine}
    others = [e for e in everything if e["host"] != host.label and e["network_id"] in networks]
    assert host.json("status")["reconcile"]["pending"] == 0
    assert host.json("ipam", "check")["findings"] == []

    leases = host.json("ipam", "ls")
    assert sorted((l["network_id"], l["address"], l["endpoint"]) for l in leases
                  if l["state"] == "leased") == \
        sorted((e["network_id"], a.split("/")[0], e["id"]) for e in mine for a in e["addresses"])
    assert {l["address"] for l in leases if l["state"] == "reserved"} >= \
        {address for address, owner in story.reserved.items() if owner is host}

    promised = {a["endpoint"] for a in story.endpoints.values() if a["host"] is host}
    plugged = {e["id"]: e["name"] for e in mine if not e["is_host"]}
    assert promised <= set(plugged)
    assert {name for id_, name in plugged.items() if id_ not in promised} <= story.unsure

    links = host.links()
    devices = [name for name in links if name.startswith("wf")]
    assert sorted(links[n]["ifalias"] for n in devices if n.startswith("wfbr")) == \
        sorted(f"weft:{network}" for network in networks)
    assert sorted(n for n in devices if n[:4] not in ("wfbr", "wfvx")) == \
        sorted("wfe" + id_[:12] for id_ in plugged)
    for name, box in story.boxes.items():
        if box.name.startswith(host.name):
            assert ("eth0" in box.links()) == (name in plugged.values()), name

    addr = {other.label: other.addr for other in story.hosts}
    fdb = [line.split() for line in host.bridge("fdb", "show").stdout.splitlines()]
    assert sorted((f[0], f[f.index("dst") + 1]) for f in fdb if f[2].startswith("wfvx") and
                  "dst" in f) == sorted((e["mac"], addr[e["host"]]) for e in others)
    neighbours = [line.split() for line in host.ip("neigh", "show").stdout.splitlines()]
    assert sorted((n[0], n[n.index("lladdr") + 1]) for n in neighbours
                  if n[2].startswith("wfvx")) == \
        sorted((a.split("/")[0], e["mac"]) for e in others for a in e["addresses"])
    return True


@pytest.fixture(scope="module")
def build():
    assert KILL_WEFTD.exists(), f"{KILL_WEFTD} is missing: run `make build-kill` first"


@pytest.fixture
def story(build, tmp_path):
    """Makes labs of its own: each death has a world for itself."""
    labs = []

    def make(victim, environment, kind=Story):
        directory = tmp_path / str(len(labs))
        directory.mkdir()
        labs.append(hosts.Lab(directory))
        return kind(labs[-1], victim, environment)

    def end():
        labs[-1].close()

    make.end = end
    yield make
    for lab in labs:
        lab.close()


def passages(story, victim, log, kind=Story):
    told = story(victim, {"WEFT_KILL_LOG": str(log)}, kind)
    told.tell()
    story.end()
    return passed(log)


def passed(log):
    return collections.Counter(log.read_text().split() if log.exists() else ())


class Draw:
    """One passage of each of some equal parts of a point's passages, or of all."""

    def __init__(self, point, victim, count, samples=SAMPLES):
        self.point, self.count = point, count
        self.parts = count if os.environ.get("WEFT_KILL_ALL") else samples
        self.dice = random.Random(f"{SEED} {point} {victim}")
        self.tried = set()

    def of(self, part):
        """A passage of this part that was not tried, or None where there is none."""
        left = [n for n in range(1 + self.count * part // self.parts,
                                 1 + self.count * (part + 1) // self.parts) if n not in self.tried]
        drawn = self.dice.choice(left) if left else None
        self.tried.add(drawn)
        return drawn


class Deaths:
    """Tells the story for one death after the other."""

    def __init__(self, story, victim, folder, kind=Story):
        self.story, self.victim, self.folder, self.kind = story, victim, folder, kind
        self.died, self.problems = [], []

    def tell(self, point, passage):
        """None if the victim died there, else how often it passed the point in this telling."""
        death = f"{point}:{passage}"
        log = self.folder / death
        told = self.story(self.victim, {"WEFT_KILL_AT": death, "WEFT_KILL_LOG": str(log)},
                          self.kind)
        found = len(self.problems)
        for part in (told.tell, lambda: self.see(told, log, point, passage), self.story.end):
            try:
                part()
            except Exception as problem:
                problem.add_note(f"WEFT_KILL_ONLY={death}; died in: {told.died_in}")
                for host in told.hosts:
                    if host.log.exists():
                        problem.add_note(f"{host.label}:\n{host.tail()}")
                self.problems.append(problem)
        print(death, "died in", told.died_in, flush=True)
        if told.died_in is not None or len(self.problems) > found:
            self.died.append(death)
            return None
        return passed(log)[point]

    @staticmethod
    def see(told, log, point, passage):
        """Who came to the passage died, be it behind the last call."""
        if told.died_in is None and passed(log)[point] >= passage:
            told.victim.daemon.wait(10)
            told.look()

    def tell_all(self, draw):
        """A death in each part of a point's passages, among as many as every telling has had."""
        for part in range(draw.parts):
            while (passage := draw.of(part)) is not None:
                count = self.tell(draw.point, passage)
                if count is None:
                    break
                draw.count = min(draw.count, count)


def try_deaths(deaths, counts, samples):
    """Tells of deaths at the points that samples names, that often each."""
    only = os.environ.get("WEFT_KILL_ONLY", "")
    print("WEFT_KILL_SEED=" + SEED, dict(counts))
    if ":" in only:
        point, passage = only.split(":")
        count = deaths.tell(point, int(passage))
        if count is not None:
            pytest.skip(f"{only} did not come: this telling had {count} passages")
    else:
        for point, parts in samples.items():
            if point.startswith(only):
                draw = Draw(point, deaths.victim, counts[point], parts)
                before = len(deaths.died)
                deaths.tell_all(draw)
                assert len(deaths.died) > before, point
    if deaths.problems:
        raise ExceptionGroup(f"{len(deaths.problems)} of {len(deaths.died)} deaths were noticed",
                             deaths.problems)


@pytest.mark.parametrize("victim", (0, 1), ids=("founder", "joiner"))
def test_whoever_dies_at_any_point_comes_back_as_if_nothing_had_been(story, victim, tmp_path):
    counts = passages(story, victim, tmp_path / "passages")
    try_deaths(Deaths(story, victim, tmp_path), counts, dict.fromkeys(POINTS, SAMPLES))


def test_who_dies_on_the_way_back_to_a_backup_gets_there_all_the_same(story, tmp_path):
    victim = random.Random(SEED).randrange(2)
    counts = passages(story, victim, tmp_path / "passages", WayBack)
    try_deaths(Deaths(story, victim, tmp_path, WayBack), counts, BACK_SAMPLES)


class Halfway(Story):
    """Sees what the victim left behind, before it starts again."""

    def rise(self, call):
        box = self.boxes["b"]
        self.left = [name for name in traces(self.victim) if name.startswith("wfe")]
        self.inside = box.ip("addr", "show", "eth0").stdout
        super().rise(call)


@pytest.mark.usefixtures("build")
@pytest.mark.parametrize("point", ("make-after", "plug-before"))
def test_who_dies_with_a_veth_made_ahead_leaves_none_and_no_address_twice(lab, point):
    """While the lease is on its way to the disk, which stands still, and once it is there."""
    stall = lab.dir / "stall"
    told = Halfway(lab, 0, {})
    f, j = told.hosts
    told.do(f, "init", "--name", "lab")
    told.join("one")
    told.do(f, "network", "create", "blue", "--subnet", "10.64.1.0/24")
    told.attach(f, "blue", "a")
    f.stop()
    f.environment = {"WEFT_KILL_AT": f"{point}:1", "WEFT_STALL_AT": "commit-before:1000",
                     "WEFT_STALL_FILE": str(stall)}
    f.start()
    told.wait("it has come back", lambda: f.json("status")["in_sync"], 10)
    told.compare()
    if point == "make-after":
        stall.touch()
    told.attach(f, "blue", "b")
    assert told.died_in and "--name b" in told.died_in
    assert len(told.left) == 2 and "state DOWN" in told.inside and "inet" not in told.inside
    told.attach(j, "blue", "c")
    told.attach(f, "blue", "d")
    for other in "acd":
        told.ping("b", other)
    told.compare()
    assert len({endpoint["ip"] for endpoint in told.endpoints.values()}) == 4
