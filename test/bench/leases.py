# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Durable leases beside etcd's create-if-absent and beside bare SQLite, on one file system.

One client program asks both, from files of prepared requests: weft over HTTP, etcd by gRPC as its
own clients do. What "durable" means is the same for all: the log is synced before the answer.
"""
import json
import sqlite3
import time

import peers
import proc
from figures import Goal, Row, in_turns, less
from hosts import BUILD, Namespace, run, wait_for

# Rounds in turns; requests of a round over many connections and over one; rounds of the store's own.
FULL = {"rounds": 7, "many": 20000, "one": 2000, "store_rounds": 12, "connections": 128}
SMOKE = {"rounds": 1, "many": 600, "one": 50, "store_rounds": 1, "connections": 16}
CONNECTIONS_GOAL = 128
ETCD_PORT = 2379
SUCCEEDED = 2  # the field of its answer to a transaction
LOAD = BUILD / "test" / "bench" / "bench_load"
STORE = BUILD / "test" / "bench" / "bench_store"
ETCD = peers.etcd(BUILD)


def load(space, process, protocol, target, connections, url, bodies, must):
    """What the client says, and the CPU that the server took for each lease."""
    before = proc.cpu_seconds(process.pid)
    done = space.exec(LOAD, protocol, target, connections, "POST", url, bodies, must, timeout=300)
    said = json.loads(done.stdout)
    assert said["failed"] == 0, f"{said}: {done.stderr}"
    said["cpu_us"] = 1e6 * (proc.cpu_seconds(process.pid) - before) / said["requests"]
    return said


def field(number, content):
    """A field of a protobuf message that has a length."""
    length, head = len(content), bytes([number << 3 | 2])
    return head + (bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])) \
        + content


class Weft:
    """One daemon, a cluster of one, a network with room for all leases of the run."""

    def __init__(self, lab):
        self.host = lab.host()
        self.host.weft("init", "--name", "bench")
        self.host.weft("network", "create", "blue", "--subnet", "10.0.0.0/9")
        self.bodies = lab.dir / "weft.requests"

    def leases(self, connections, first, count):
        self.bodies.write_text("".join(json.dumps({"name": f"box-{first + i}"}) + "\n"
                                       for i in range(count)))
        return load(self.host, self.host.daemon, "http", f"unix:{self.host.socket}", connections,
                    "/v1/networks/blue/leases", self.bodies, '"address"')


class Etcd:
    """One etcd, a cluster of one; a lease is a key that must not exist, with what a lease says."""

    def __init__(self, lab):
        self.space = Namespace(lab, "etcd")
        self.bodies = lab.dir / "etcd.requests"
        url = f"http://127.0.0.1:{ETCD_PORT}"
        peer = f"http://127.0.0.1:{ETCD_PORT + 1}"
        with open(lab.dir / "etcd.log", "ab") as log:
            self.process = self.space.popen(
                ETCD, "--data-dir", lab.dir / "etcd", "--listen-client-urls", url,
                "--advertise-client-urls", url, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
                "--log-level", "error", stdout=log, stderr=log)
        wait_for("etcd answers", lambda: self.space.exec("curl", "-sf", f"{url}/health",
                                                         check=False).returncode == 0, 20)

    @staticmethod
    def request(number):
        """A transaction in the protocol's own form: if the key was never created, put it."""
        key = f"/leases/blue/{number:010d}".encode()
        value = json.dumps({
            "name": f"box-{number}", "mac": f"02:00:{number:08x}", "endpoint": f"{number:032x}",
            "boot": "22" * 16, "since": 1700000000000 + number, "sequence": number,
        }).encode()
        created_never = b"\x10\x01" + field(3, key) + b"\x28\x00"  # target CREATE, revision 0
        put = field(1, key) + field(2, value)
        return field(1, created_never) + field(2, field(2, put))

    def leases(self, connections, first, count):
        self.bodies.write_text("".join(self.request(first + i).hex() + "\n" for i in range(count)))
        return load(self.space, self.process, "grpc", f"tcp:127.0.0.1:{ETCD_PORT}", connections,
                    "/etcdserverpb.KV/Txn", self.bodies, SUCCEEDED)


class Sqlite:
    """Inserts, each a transaction of its own: the least that a durable lease can cost here."""

    def __init__(self, lab):
        self.db = sqlite3.connect(lab.dir / "bare.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE leases (network BLOB, address BLOB, endpoint BLOB, mac BLOB,"
                        " name TEXT, boot BLOB, since_ms INTEGER, sequence INTEGER,"
                        " PRIMARY KEY (network, address)) WITHOUT ROWID")

    def leases(self, first, count):
        start = time.monotonic()
        for number in range(first, first + count):
            self.db.execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                            (b"\x11" * 16, number.to_bytes(16, "big"), number.to_bytes(16, "little"),
                             number.to_bytes(6, "big"), f"box-{number}", b"\x22" * 16,
                             1700000000000 + number, number))
        return count / (time.monotonic() - start)


def client_rows(connections, goal, few, ours, theirs, note=None):
    """What clients saw over so many connections: goal is (leases a second, ms of the slowest answer
    but for 1%), few says how many fewer connections than it speaks of."""
    rate, late = goal
    group = f"leases through the API, {connections} connection{'s' * (connections > 1)}"

    def row(measure, unit, figure, goal=None):
        return Row(group, measure, unit, [f[figure] for f in ours], "etcd",
                   [f[figure] for f in theirs], goal, note, short=few if goal else None)

    yield row("durable leases", "per s", "per_s", Goal("median", ">=", rate))
    yield row("answer, p50", "ms", "p50_ms")
    yield row("answer, p99", "ms", "p99_ms", Goal("median", "<=", late) if late else None)
    yield row("the server's CPU for a lease", "us", "cpu_us")


def rows(bench, plan):
    many, one = plan["connections"], 1
    found = {(who, connections): [] for who in ("weft", "etcd") for connections in (many, one)}
    bare = []
    with bench.lab() as lab:
        sqlite, weft = Sqlite(lab), Weft(lab)
        etcd = Etcd(lab) if ETCD else None
        at = 0
        servers = [("weft", weft), *([("etcd", etcd)] if etcd else [])]
        for turn in range(plan["rounds"]):
            for connections, count in ((many, plan["many"]), (one, plan["one"])):
                for name, server in in_turns(servers, turn):
                    found[name, connections].append(server.leases(connections, at, count))
                at += count
            bare.append(sqlite.leases(at, plan["one"]))
        sqlite.db.close()
    note = None if etcd else f"etcd {peers.ABSENT}"
    yield from client_rows(many, (20000, 10), less(many, CONNECTIONS_GOAL, "connections"),
                           found["weft", many], found["etcd", many], note)
    yield from client_rows(one, (2500, None), None, found["weft", one], found["etcd", one], note)
    yield Row("leases through the API, 1 connection", "durable leases", "per s",
              [f["per_s"] for f in found["weft", one]], "bare SQLite", bare)
    yield from store_rows(bench, plan)
    yield Row("leases by a CNI plugin", "one lease, the start of the program counted", "ms",
              missing="weft has no CNI plugin yet")


def store_rows(bench, plan):
    done = run(STORE, bench.dir, plan["store_rounds"], timeout=300)
    said = json.loads(done.stdout.splitlines()[-1])
    group = f"leases in the store, {said['batch']} a transaction"
    yield Row(group, "leases made durable", "per s", said["store"], "bare SQLite", said["plain"],
              Goal("ratio", ">=", 0.65))
    yield Row(group, "leases made durable", "per s", said["store"], "SQLite, same table",
              said["same"])
