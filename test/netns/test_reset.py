# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""weft reset beside a kernel or a disk that is slow or refuses: the state goes with all that it
explains, or it stays and the host works on."""
import json
import shutil
import signal
import socket
import subprocess

import pytest

from diag_kit import preloaded
from hosts import WEFT, wait_for

# A kernel cannot be told to refuse: what weftd asks of it is held up, or goes to another device; and
# so is what it asks of its disk.
KERNEL = r"""
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <linux/netlink.h>
    #include <linux/rtnetlink.h>
    #include <signal.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <unistd.h>
    static int mood(void) {
        FILE *file = fopen(MOOD, "r");
        int first = file ? fgetc(file) : 0;
        if (file) fclose(file);
        return first;
    }
    ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
                   socklen_t to_len) {
        static ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
        struct nlmsghdr *message = (void *)bytes;
        int left = to && to->sa_family == AF_NETLINK ? (int)len : 0;
        if (!next) next = dlsym(RTLD_NEXT, "sendto");
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != RTM_DELLINK) continue;
            while (mood() == 'h') usleep(fclose(fopen(BEGUN, "w")) == 0 ? 1000 : 0);
            if (mood() == 'r') ((struct ifinfomsg *)NLMSG_DATA(message))->ifi_index = 1; /* lo */
        }
        return next(fd, bytes, len, flags, to, to_len);
    }
    static int sync_by(const char *name, int fd) {
        int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
        while (mood() == 'd') usleep(fclose(fopen(BEGUN, "w")) == 0 ? 1000 : 0);
        return next(fd);
    }
    int fsync(int fd) { return sync_by("fsync", fd); }
    int fdatasync(int fd) { return sync_by("fdatasync", fd); }
    int unlink(const char *path) {
        static int (*next)(const char *);
        size_t len = strlen(path);
        if (!next) next = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
        while (mood() == 'w' && len > 3 && strcmp(path + len - 3, ".db") == 0)
            usleep(fclose(fopen(BEGUN, "w")) == 0 ? 1000 : 0);
        return next(path);
    }
    void uv_stop(void *loop) { /* in the turn that ends a run */
        void (*next)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, "uv_stop");
        if (mood() == 's' && remove(MOOD) == 0) kill(getpid(), SIGTERM);
        next(loop);
    }
"""


def devices(host):
    return [name for name in host.links() if name.startswith("wf")]


def node(host):
    return host.json("status")["node"]


class Kernel:
    """How the kernel of a host takes the end of a device."""

    def __init__(self, folder):
        self.mood = folder / "mood"
        self.begun = folder / "begun"
        source = KERNEL
        for word, value in (("MOOD", str(self.mood)), ("BEGUN", str(self.begun))):
            source = source.replace(word, json.dumps(value))
        self.setting, self.library = preloaded(folder, source).split("=")

    def refuses(self):
        self.mood.write_text("refuses")

    def holds(self):
        self.mood.write_text("holds")

    def holds_up_the_disk(self):
        self.mood.write_text("disk")

    def holds_up_a_wipe(self):
        self.mood.write_text("wipe")

    def signals_at_the_end_of_a_run(self):
        self.mood.write_text("signal")

    def is_itself(self):
        self.mood.unlink()


@pytest.fixture
def outcast(lab, tmp_path, monkeypatch):
    """h4, which h2 admitted while h1 removed h2, and h3, which is down and knows h4: until h3 is
    back h4 does not count, and has a network in its kernel still."""
    kernel = Kernel(tmp_path)
    one, two, three = lab.cluster(3, "--cooldown", "1s")
    one.weft("network", "create", "blue", "--subnet", "10.64.1.0/27")
    two.attach("blue", two.box("a"))
    token = one.json("token", "create")["token"]
    monkeypatch.setenv(kernel.setting, kernel.library)
    four = lab.host(True, "--cooldown", "1s")
    monkeypatch.delenv(kernel.setting)
    one.deaf_to((two, three, four))
    for host in (two, three, four):
        host.deaf_to((one,))
    one.weft("node", "rm", "h2")
    four.weft("join", token, two.addr)
    wait_for("the network is known", lambda: four.json("network", "ls"), 5)
    box = four.box("a")
    four.attach("blue", box, "--timeout", "20s", patient=False)
    wait_for("h3 knows it", lambda: "h4" in three.members(), 5)
    for host in (two, three):
        host.stop()
    for host in (one, three, four):
        host.heal()
    wait_for("it is told that it does not count", lambda: node(four)["fence"] == "void", 20)
    four.weft("detach", "blue", "--netns", box.path)
    assert len(devices(four)) == 2, "its last box is detached for less than 10 s"
    return one, three, four, kernel


@pytest.fixture
def leaver(lab, tmp_path, monkeypatch):
    """A host that left; the workers of a backup of its keys live on in its daemon."""
    kernel = Kernel(tmp_path)
    monkeypatch.setenv(kernel.setting, kernel.library)
    host = lab.cluster(1)[0]
    monkeypatch.delenv(kernel.setting)
    phrase = tmp_path / "phrase"
    phrase.write_text("a phrase that nobody guesses\n")
    phrase.chmod(0o600)
    host.weft("admin", "backup", tmp_path / "key", "--passphrase-file", phrase)
    host.weft("leave", "--force")
    return host, kernel


def reset(host):
    return host.popen(WEFT, "--socket", host.socket, "reset", stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True)


def test_a_reset_that_the_kernel_refuses_wipes_nothing_and_harms_nobody(outcast):
    one, three, four, kernel = outcast
    before = node(four)["id"]
    kernel.refuses()
    refused = four.refused("reset")
    assert refused.code == 1 and "weft reset --force" in refused.stderr
    assert len(devices(four)) == 2 and node(four)["id"] == before
    kernel.is_itself()
    wait_for("it is tried again", lambda: devices(four) == [], 2)

    # Who knows it comes back: it counts again, and its networks are where they were.
    three.start("--cooldown", "1s")
    wait_for("it counts", lambda: node(four)["fence"] is None, 20)
    wait_for("who has addresses is there", lambda: four.members() == ["h1", "h3", "h4"], 20)
    box = four.box("b")
    answer = four.attach("blue", box)
    near = one.box("b")
    one.attach("blue", near)
    assert near.ping(answer["ip"]) is not None
    assert four.refused("reset").code == 4, "it is a member"


def test_resets_at_once_of_which_one_caller_goes_away_wipe_all_that_is_there(outcast):
    _, _, four, kernel = outcast
    kernel.holds()
    callers = [reset(four) for _ in range(3)]
    wait_for("the kernel works on it", kernel.begun.exists, 5)
    wait_for("all wait", lambda: four.metric("weft_api_pending") == 3, 10)
    callers[0].kill()
    kernel.is_itself()
    said = [caller.communicate(timeout=20)[0] for caller in callers[1:]]
    assert all("This host's state is wiped" in text for text in said), said
    wait_for("it begins anew", lambda: node(four)["phase"] == "no_cluster", 5)
    assert devices(four) == []


def test_a_wipe_that_began_is_done_though_weftd_is_to_stop(outcast):
    _, _, four, kernel = outcast
    kernel.holds_up_a_wipe()
    caller = reset(four)
    wait_for("the state is about to go", kernel.begun.exists, 20)
    four.daemon.terminate()
    kernel.is_itself()
    assert four.daemon.wait(10) == 0, four.tail()
    caller.kill()
    caller.wait()
    four.start()
    assert node(four)["phase"] == "no_cluster"


def reset_that_ends_the_run(host, kernel):
    """A reset that is held up behind the end of the run; its caller."""
    caller = reset(host)
    wait_for("the run ended by it", lambda: "is about to be wiped by request" in host.tail(), 20)
    wait_for("it is held up", kernel.begun.exists, 5)
    return caller


@pytest.mark.parametrize("held_up", (Kernel.holds_up_a_wipe, Kernel.holds_up_the_disk))
def test_no_thread_takes_a_signal_that_stops_weftd_during_a_wipe(leaver, held_up):
    host, kernel = leaver
    held_up(kernel)
    caller = reset_that_ends_the_run(host, kernel)
    host.daemon.terminate()
    kernel.is_itself()
    assert host.daemon.wait(10) == 0, host.tail()
    caller.kill()
    caller.wait()
    host.start()
    assert node(host)["phase"] == "no_cluster"


def test_a_reload_during_a_wipe_is_done_after_it(leaver):
    host, kernel = leaver
    kernel.holds_up_a_wipe()
    caller = reset_that_ends_the_run(host, kernel)
    host.daemon.send_signal(signal.SIGHUP)
    kernel.is_itself()
    said = caller.communicate(timeout=20)[0]
    assert "This host's state is wiped" in said, said
    assert node(host)["phase"] == "no_cluster"
    wait_for("it is reloaded", lambda: "configuration read again" in host.tail(), 5)


def test_a_signal_in_the_turn_that_ends_a_run_stops_the_next_run(leaver):
    host, kernel = leaver
    kernel.signals_at_the_end_of_a_run()
    caller = reset(host)
    assert host.daemon.wait(20) == 0, host.tail()
    caller.kill()
    caller.wait()
    host.start()
    assert node(host)["phase"] == "no_cluster"


def test_a_reset_waits_for_the_boxes_of_a_removed_host(lab, tmp_path, monkeypatch):
    kernel = Kernel(tmp_path)
    one = lab.cluster(1)[0]
    one.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    monkeypatch.setenv(kernel.setting, kernel.library)
    two = lab.host(True)
    two.weft("join", one.json("token", "create")["token"], one.addr)
    wait_for("the network is known", lambda: two.json("network", "ls"), 5)
    two.attach("blue", two.box("a"))
    kernel.holds_up_the_disk()
    one.weft("node", "rm", "h2")
    wait_for("its box is being detached", kernel.begun.exists, 5)
    wait_for("it knows that it was removed", lambda: node(two)["removed"], 5)
    caller = reset(two)
    wait_for("it waits", lambda: two.metric("weft_api_pending") == 1, 10)
    kernel.is_itself()
    said = caller.communicate(timeout=20)[0]
    assert "This host's state is wiped" in said, said
    wait_for("it begins anew", lambda: node(two)["phase"] == "no_cluster", 5)
    assert devices(two) == []


def test_what_no_state_explains_is_looked_for_before_anything_goes(lab):
    one, host = lab.cluster(2)
    token = one.json("token", "create")["token"]
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/27")
    box = host.box("a")
    host.attach("blue", box)
    before = devices(host)
    host.stop()
    shutil.rmtree(host.state)
    host.start()
    refused = host.refused("join", token, one.addr)
    assert "--replace" in refused.stderr, refused
    for _ in range(2):
        refused = host.refused("reset")
        assert refused.code == 4 and "1 box is plugged in" in refused.stderr, refused
    assert devices(host) == before and "eth0" in box.links()

    host.weft("reset", "--force")
    assert devices(host) == [] and "eth0" not in box.links()
    wait_for("it begins anew", lambda: node(host)["phase"] == "no_cluster", 5)
    host.refused("join", token, one.addr)
    host.weft("reset")
    wait_for("it begins anew", lambda: node(host)["phase"] == "no_cluster", 5)


def test_whoever_started_weftd_hears_of_an_end_only_when_it_ends(lab, monkeypatch, tmp_path):
    """A service manager that is told of one kills what still runs when its patience is over."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        host = lab.cluster(1)[0]
        monkeypatch.delenv("NOTIFY_SOCKET")
        assert manager.recv(100) == b"READY=1"
        host.weft("backup", tmp_path / "backup")
        host.weft("restore", "--force", tmp_path / "backup")
        assert manager.recv(100) == b"READY=1"
        wait_for("it is there, and fenced",
                 lambda: (node(host)["phase"], node(host)["fence"]) == ("active", "set_back"), 10)
        host.weft("node", "recover")
        host.weft("leave")
        host.weft("reset")
        assert manager.recv(100) == b"READY=1"
        host.stop()
        assert manager.recv(100) == b"STOPPING=1"
