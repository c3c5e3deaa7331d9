# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Death, restart, leave: what survives, what is withdrawn, and how quiet a restart is."""
import signal
import subprocess
import threading

from hosts import Pinger, wait_for


def network_with_boxes(lab, count):
    hosts = lab.cluster(count)
    hosts[0].weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    boxes = [host.box("a") for host in hosts]
    answers = [host.attach("blue", box) for host, box in zip(hosts, boxes)]
    return hosts, boxes, answers


class Monitor:
    """A command that prints what the kernel says, from its start on."""

    def __init__(self, host, *command):
        self.process = host.popen(*command, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def heard(self, word):
        return any(word in line for line in self.lines)

    def end(self):
        self.process.kill()
        self.process.wait(5)
        self.reader.join(5)
        return self.lines


def kernel_monitor(host):
    """ip monitor and bridge monitor on a host; stop() gives the lines about weft that they printed."""
    monitors = [Monitor(host, "ip", "monitor", "link", "address", "route", "neigh"),
                Monitor(host, "bridge", "monitor", "link", "fdb")]

    def mark(name):
        """A port of our own that comes and goes until both monitors have told of it."""
        def told():
            host.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}x")
            host.ip("link", "set", name, "master", "markbr")
            host.ip("link", "del", name)
            return all(monitor.heard(name) for monitor in monitors)
        wait_for(f"both monitors tell of {name}", told, 10)

    host.ip("link", "add", "markbr", "type", "bridge")
    mark("markbegin")

    def stop():
        mark("markend")
        host.ip("link", "del", "markbr")
        return [line for monitor in monitors for line in monitor.end() if "wf" in line]

    return stop


def test_a_killed_daemon_loses_no_ping_and_restarts_without_touching_the_kernel(lab):
    hosts, boxes, answers = network_with_boxes(lab, 3)
    victim = hosts[1]
    before = {"id": victim.json("status")["node"]["id"],
              "leases": victim.json("ipam", "ls"),
              "endpoints": sorted(e["id"] for e in victim.json("endpoint", "ls"))}
    pingers = [Pinger(boxes[0], answers[1]["ip"]), Pinger(boxes[1], answers[2]["ip"])]
    stop_monitor = kernel_monitor(victim)
    victim.kill()
    for other in (hosts[0], hosts[2]):
        wait_for("the failure is seen", lambda: other.members("failed") == ["h2"], 15)
    victim.start()
    for host in hosts:
        wait_for("it is back", lambda: host.members() == ["h1", "h2", "h3"], 5)
    wait_for("it is ready", lambda: victim.json("status")["in_sync"], 8)
    wait_for("it has reconciled",
             lambda: victim.json("status")["reconcile"]["pending"] == 0, 8)
    for pinger in pingers:
        sent, received = pinger.stop()
        assert sent > 20 and received == sent
    assert stop_monitor() == []
    after = {"id": victim.json("status")["node"]["id"],
             "leases": victim.json("ipam", "ls"),
             "endpoints": sorted(e["id"] for e in victim.json("endpoint", "ls"))}
    assert after == before


def test_all_daemons_killed_at_once_come_back_by_themselves(lab):
    hosts, boxes, answers = network_with_boxes(lab, 3)
    pinger = Pinger(boxes[0], answers[2]["ip"], 0.005)
    for host in hosts:
        host.kill()
    for host in hosts:
        host.start()
    for host in hosts:
        wait_for("all are back", lambda: host.members() == ["h1", "h2", "h3"], 15)
    extra = hosts[1].attach("blue", hosts[1].box("new"))
    took = boxes[0].ping(extra["ip"])
    assert took is not None and took < 50
    sent, received = pinger.stop()
    assert received == sent


def test_leave_with_force_withdraws_everything_and_hands_the_ranges_over(lab):
    hosts, boxes, answers = network_with_boxes(lab, 3)
    leaver = hosts[1]
    failed = leaver.refused("leave")
    assert failed.code == 4 and "endpoint" in failed.stderr
    leaver.weft("leave", "--force")
    for host in (hosts[0], hosts[2]):
        wait_for("the others see it left", lambda: host.members("left") == ["h2"], 3)
        wait_for("its endpoints are gone",
                 lambda: answers[1]["endpoint"] not in
                 [e["id"] for e in host.json("endpoint", "ls")], 3)
        wait_for("the rest holds every address",
                 lambda: {r["holder"] for r in host.json("ipam", "ring", "blue")["ranges"]}
                 <= {"h1", "h3"}, 5)
    wait_for("its devices are gone",
             lambda: not [n for n in leaver.links() if n.startswith("wf")], 3)
    assert boxes[0].ping(answers[2]["ip"]) is not None
    assert boxes[0].ping(answers[1]["ip"], wait=0.3) is None
    for host in (hosts[0], hosts[2]):
        fdb = host.bridge("fdb", "show").stdout
        assert leaver.addr not in fdb


def test_a_stopped_daemon_leaves_traffic_alone(lab):
    hosts, boxes, answers = network_with_boxes(lab, 2)
    pinger = Pinger(boxes[0], answers[1]["ip"])
    hosts[1].stop()
    hosts[1].start()
    wait_for("it is back", lambda: hosts[0].members() == ["h1", "h2"], 5)
    sent, received = pinger.stop()
    assert received == sent


def quiet(host):
    """Attaching and detaching adds nothing to the log."""
    before = host.log.stat().st_size
    box = host.box(f"q{before}")
    endpoint = host.attach("blue", box)["endpoint"]
    host.weft("detach", "blue", "--endpoint", endpoint)
    return host.log.stat().st_size == before


def test_a_reload_takes_over_the_level_of_the_log(lab):
    host = lab.host(False)
    config = lab.dir / "weft.yaml"

    def lines(level):
        return [line for line in host.log.read_text().splitlines() if line.split()[1] == level]

    def reload(text, answer):
        config.write_text(text)
        told = host.log.read_text().count(answer)
        host.daemon.send_signal(signal.SIGHUP)
        wait_for(answer, lambda: host.log.read_text().count(answer) > told, 10)

    config.write_text("log-level: info\n")
    host.start("--config", config)
    host.weft("init", "--name", "lab")
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    host.attach("blue", host.box("a"))
    assert lines("debug") == [] and lines("info") != []

    # Also what another thread does is told from now on.
    reload("log-level: debug\n", "configuration read again; log level is debug")
    host.weft("network", "create", "red", "--subnet", "10.64.2.0/24")
    host.attach("red", host.box("b"))
    wait_for("operations are told", lambda: [line for line in lines("debug")
                                             if "kernel operation" in line], 10)

    # What is wrong changes nothing.
    reload("log-level: loud\n", "the configuration stays as it was: log-level (from the file): "
           '"loud" is none of error|warning|info|debug')
    told = len(lines("debug"))
    host.attach("blue", host.box("c"))
    wait_for("it is as it was", lambda: len(lines("debug")) > told, 10)

    # The last word of the level itself is not told any more.
    config.write_text("log-level: error\n")
    host.daemon.send_signal(signal.SIGHUP)
    wait_for("it says less", lambda: quiet(host), 10)
