# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Boxes come and go on five hosts while everything fails that can fail.

Workers attach and detach boxes through the API. Meanwhile daemons are killed with -9, hosts are cut
off from each other in every shape, one host's disk fills, one is away for long, one is removed and
joins anew. All the while and at the end no two endpoints hold one address; after calm the ranges
make up the pool, every box reaches every box, and each kernel holds what the leases say.

A seed chooses what happens: WEFT_SOAK_SEED, else what the repository holds, so that each change has
a turmoil of its own. It does not choose how the machine interleaves it, so a failure may take more
than one run with its seed. By hand also WEFT_SOAK_OPERATIONS=20000.
"""
import collections
import ipaddress
import itertools
import json
import os
import random
import threading
import time

import audit
from hosts import Failed, Unanswered, content, leftovers, run, wait_for

SEED = os.environ.get("WEFT_SOAK_SEED") or content()[:12]
OPERATIONS = int(os.environ.get("WEFT_SOAK_OPERATIONS", "2000"))
BOXES = 6          # a host
WORKERS = 2        # a host
DISK = 16 << 20    # of the host that runs out of it
CALM_S = 30        # bound on convergence once nothing fails any more
POOL = "10.64.1.0/25"
ENDPOINTS = "/v1/networks/blue/endpoints"

# What a host may answer while hosts are away, ranges cannot be asked for, or the disk is full.
REFUSALS = {"pool_full", "no_peer", "timeout", "busy", "restart_guard", "store_failed", "store_full"}
# What one may answer that is being removed.
LOCKED_OUT = {"removed", "fenced", "no_cluster"}


class Ledger:
    """Who held which address when, by what the holders said.

    A proof says that an endpoint held an address at some instant between two others. Between the
    instants that are proven for it, an endpoint held its address all the time: an id is never used
    again.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.held = collections.defaultdict(dict)
        self.ends = {}
        self.proofs = 0

    def proof(self, host, address, endpoint, earliest, latest):
        with self.lock:
            # What a removed host says is not heeded: others may have its addresses.
            if earliest >= self.ends.get(host, earliest + 1):
                return
            first, last = self.held[address].get(endpoint, (latest, earliest))
            self.held[address][endpoint] = (min(first, latest), max(last, earliest))
            self.proofs += 1

    def end(self, host):
        with self.lock:
            self.ends[host] = time.monotonic()

    def begin(self, host):
        """From now on the host counts again: it is another member."""
        with self.lock:
            del self.ends[host]

    def doubles(self):
        with self.lock:
            for address, endpoints in self.held.items():
                certain = sorted((first, last, endpoint)
                                 for endpoint, (first, last) in endpoints.items() if first <= last)
                for one, next_one in itertools.pairwise(certain):
                    if next_one[0] <= one[1]:
                        yield address, one, next_one


class Plug:
    """A box, and what its worker knows of it."""

    def __init__(self, host, box):
        self.host = host
        self.box = box
        self.answer = None   # of the attach that holds
        self.request = None  # id of an attach whose answer is not known
        self.leaves = False  # a detach was asked for


class World:
    """Hosts, workers, and what befalls them."""

    def __init__(self, lab, seed, operations):
        self.lab = lab
        self.seed = seed
        self.operations = operations
        self.hosts = lab.cluster(3, "--cooldown", "1s")
        self.token = self.hosts[0].json("token", "create")["token"]
        for disk in (DISK, None):
            host = lab.host(start=False)
            if disk:
                host.small_disk(disk)
            host.start("--cooldown", "1s").weft("join", self.token)
            self.hosts.append(host)
        self.hosts[0].weft("network", "create", "blue", "--subnet", POOL)
        self.hosts[0].weft("admin", "add", "h2")
        self.ledger = Ledger()
        self.over = threading.Event()
        self.failures = []
        self.notes = collections.deque(maxlen=400)
        self.counts = collections.Counter()
        self.lock = threading.Lock()
        self.up = {host: threading.Event() for host in self.hosts}
        self.hands = {host: threading.Lock() for host in self.hosts}
        self.turns = {(host, number): threading.Lock()
                      for host in self.hosts for number in range(WORKERS)}
        self.removed = set()
        self.plugs = {host: [Plug(host, host.box(f"b{i}")) for i in range(BOXES)]
                      for host in self.hosts}
        for host in self.hosts:
            self.up[host].set()
            wait_for("the network is known", lambda: host.json("network", "ls"), 5)

    def draw(self, *who):
        return random.Random("-".join(map(str, (self.seed, *who))))

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def note(self, *what):
        """Shown when the test fails: what was done last, and when."""
        self.notes.append((f"{time.time() % 86400:.3f}", *what))

    def done(self):
        return self.counts["attach"] + self.counts["detach"]

    def run_threads(self, targets):
        """Runs all until the first is over; a failure in any ends all."""

        def guarded(target, *args):
            try:
                target(*args)
            except Exception as problem:  # pylint: disable=broad-except
                self.failures.append(problem)
                self.over.set()

        threads = [threading.Thread(target=guarded, args=target) for target in targets]
        for thread in threads:
            thread.start()
        threads[0].join()
        self.over.set()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    # Daemons die and return.

    def take_down(self, host):
        self.up[host].clear()
        host.kill()

    def bring_up(self, host):
        host.start("--cooldown", "1s")
        self.up[host].set()

    def killer(self):
        draw = self.draw("killer")
        while not self.over.wait(draw.uniform(0.1, 1.0)):
            victims = list(self.hosts) if draw.random() < 0.15 else [draw.choice(self.hosts)]
            victims = [host for host in victims if self.hands[host].acquire(blocking=False)]
            try:
                for host in victims:
                    self.take_down(host)
                    self.count("kill -9")
                self.over.wait(draw.choice((0, 0.2, 1, 4)))
                for host in victims:
                    self.bring_up(host)
            finally:
                for host in victims:
                    self.hands[host].release()

    # The underlay is cut.

    def cutter(self):
        draw = self.draw("cutter")
        shapes = []
        while not self.over.wait(draw.uniform(0.2, 1.0)):
            shapes = shapes or draw.sample(("split", "one way", "alone"), 3)
            shape = shapes.pop()
            order = draw.sample(self.hosts, len(self.hosts))
            size = draw.randrange(1, len(order)) if shape != "alone" else 1
            some, rest = order[:size], order[size:]
            for host in some:
                host.deaf_to(rest)
            for host in rest if shape != "one way" else ():
                host.deaf_to(some)
            self.count(f"cut: {shape}")
            self.over.wait(draw.choice((0.3, 1, 3, 6)))
            for host in self.hosts:
                host.heal()

    # Boxes come and go.

    def worker(self, host, number):
        draw = self.draw(host.label, "worker", number)
        plugs = self.plugs[host][number::WORKERS]
        while not self.over.wait(draw.uniform(0, 0.2)):
            if not self.up[host].wait(0.1):
                continue
            with self.turns[host, number]:
                open_ends = [plug for plug in plugs if plug.request or plug.leaves]
                self.turn((open_ends or [draw.choice(plugs)])[0], draw)

    def turn(self, plug, draw):
        """Attaches what is detached and the other way round, or asks again what was not answered."""
        try:
            if plug.answer or plug.leaves:
                self.detach(plug)
            else:
                again = plug.request is not None
                plug.request = plug.request or f"{draw.getrandbits(64):x}"
                self.attach(plug, again)
        except Unanswered:
            self.note(plug.box.label, "unanswered", plug.request)
            self.count("unanswered")

    def attach(self, plug, again=False):
        host = plug.host
        status, answer = host.call("POST", ENDPOINTS, {
            "netns": plug.box.path, "request_id": plug.request})
        self.note(plug.box.label, "attach", plug.request, status, answer)
        if status != 200:
            if not answer["error"]["retryable"]:
                plug.request = None
            self.refused(host, answer)
            return
        now = time.monotonic()
        plug.request, plug.answer = None, answer
        address = answer["addresses"][0].split("/")[0]
        self.ledger.proof(host, address, answer["endpoint"], now, now)
        self.count("attach")
        if again:
            self.count("asked again")
            assert has_address(plug.box, address), (plug.box.name, answer)

    def detach(self, plug):
        host, answer = plug.host, plug.answer
        if answer:
            now = time.monotonic()
            self.ledger.proof(host, answer["addresses"][0].split("/")[0], answer["endpoint"],
                              now, now)
        plug.answer, plug.leaves = None, True
        status, answer = host.call("DELETE", f"{ENDPOINTS}?netns={plug.box.path}")
        self.note(plug.box.label, "detach", status, answer)
        if status != 200:
            self.refused(host, answer)
            return
        plug.leaves = False
        self.count("detach")

    def refused(self, host, answer):
        code = answer["error"]["code"]
        self.count(f"refused: {code}")
        if code in LOCKED_OUT:
            self.over.wait(0.5)  # who was removed has nothing to gain by asking often
        allowed = REFUSALS | LOCKED_OUT if host in self.removed else REFUSALS
        assert code in allowed, (host.label, answer)

    # Somebody watches.

    def watcher(self):
        while not self.over.wait(0.1):
            for host in self.hosts:
                try:
                    self.look(host)
                except Unanswered:
                    pass
            assert list(self.ledger.doubles()) == []

    def look(self, host):
        before = time.monotonic()
        status, answer = host.call("GET", "/v1/ipam/leases?limit=1000")
        after = time.monotonic()
        if status != 200 or host in self.removed:
            return
        assert answer.get("next") is None
        for lease in answer["leases"]:
            self.ledger.proof(host, lease["address"], lease["endpoint"], before, after)

    # What happens once, by how much is done.

    def story(self):
        full, away, removed = self.hosts[3], self.hosts[2], self.hosts[4]
        steps = [(0.10, self.leave_for_long, away), (0.25, self.fill, full),
                 (0.40, self.remove, removed), (0.50, self.free, full),
                 (0.70, self.come_back, away), (0.75, self.rejoin, removed), (1.0, None, None)]
        for share, step, host in steps:
            wait_for(f"{share:.0%} of the operations are done",
                     lambda: self.over.is_set() or self.done() >= share * self.operations, 300)
            if self.over.is_set() or step is None:
                return
            step(host)

    def leave_for_long(self, host):
        self.hands[host].acquire()
        self.take_down(host)

    def come_back(self, host):
        self.bring_up(host)
        self.hands[host].release()

    def fill(self, host):
        """A store whose log is long needs no room for a while, so it begins a new one first. It is
        left alive until a call has failed of it."""
        with self.hands[host]:
            self.up[host].clear()
            host.stop()
            host.start("--cooldown", "1s")
            host.fill_disk()
            self.up[host].set()
            wait_for("calls fail of it", lambda: self.over.is_set() or
                     self.counts["refused: store_full"] > 0, CALM_S)

    def free(self, host):
        host.free_disk()

    def remove(self, host):
        """Two admins remove it, each without the other."""
        self.hands[host].acquire()
        self.removed.add(host)
        self.ledger.end(host)
        for admin in self.hosts[:2]:
            wait_for("it is removed", lambda: self.tried(admin, "node", "rm", host.label), CALM_S)

    def rejoin(self, host):
        """The removed one wipes its state and joins as somebody new, under its old name."""
        self.up[host].clear()
        wait_for("the removed one is told", lambda: any(
            "removed" in text for text in host.json("status")["warnings"]), CALM_S)
        wait_for("its boxes are off", lambda: self.tried(host, "reset"), CALM_S)
        wait_for("it joins anew", lambda: self.tried(host, "join", self.token), CALM_S)
        wait_for("the network is known", lambda: host.json("network", "ls"), CALM_S)
        wait_for("its boxes are unplugged",
                 lambda: not any("eth0" in plug.box.links() for plug in self.plugs[host]), CALM_S)
        for number in range(WORKERS):
            with self.turns[host, number]:
                for plug in self.plugs[host][number::WORKERS]:
                    plug.answer, plug.request, plug.leaves = None, None, False
        self.removed.discard(host)
        self.ledger.begin(host)
        self.up[host].set()
        self.hands[host].release()

    def tried(self, host, *args):
        """A command on a host that may be down or cut off: done, or what says to try again."""
        try:
            host.weft(*args)
        except Failed as failed:
            self.note(host.label, *args[:2], failed.stderr)
            assert failed.code in (5, 6), failed
            return False
        return True

    # Nothing fails any more.

    def settle(self):
        """Asks again what was not answered, then attaches every box that is free."""
        for plug in itertools.chain(*self.plugs.values()):
            if plug.leaves:
                self.detach(plug)
            if not plug.answer:
                plug.request = plug.request or f"last-{plug.box.label}"
                self.attach(plug)
            assert plug.answer, plug.box.label

    def boxes(self):
        return {plug.box: plug.answer["addresses"][0].split("/")[0]
                for plug in itertools.chain(*self.plugs.values())}


def has_address(box, address):
    links = json.loads(box.ip("-j", "addr").stdout)
    return any(info["local"] == address for link in links for info in link["addr_info"])


def turmoil(world):
    world.run_threads(
        [(world.story,), (world.killer,), (world.cutter,), (world.watcher,)] +
        [(world.worker, host, number) for host in world.hosts for number in range(WORKERS)])
    audit.settled(world.hosts, CALM_S)
    world.settle()
    audit.settled(world.hosts, CALM_S)
    audit.clean(world.hosts)
    audit.kernel_as_leased(world.hosts, "blue", world.boxes())
    audit.all_reach_all(world.boxes())
    assert list(world.ledger.doubles()) == []
    # Each fault happened, and the calls were there to meet it.
    for fault in ("kill -9", "cut: split", "cut: one way", "cut: alone", "unanswered",
                  "asked again", "refused: removed", "refused: store_full"):
        assert world.counts[fault] > 0, fault
    audit.ring_whole(world.hosts, "blue", ipaddress.ip_network(POOL))
    for host in world.hosts:
        host.stop()


def test_no_address_is_given_twice_whatever_fails(lab, capsys):
    world = World(lab, SEED, OPERATIONS)
    with capsys.disabled():
        print(f" WEFT_SOAK_SEED={SEED} ", end="", flush=True)
    try:
        turmoil(world)
    except BaseException:
        print(*world.notes, sep="\n")
        raise
    finally:
        with capsys.disabled():
            print(dict(sorted(world.counts.items())), end=" ", flush=True)
    for space in lab.namespaces:
        assert run("ip", "netns", "pids", space.name).stdout == "", space.name
    lab.close()
    assert leftovers(lab) == []
