# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What the command itself does: words in front of and behind it, the terminal, files, streams."""
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

from hosts import WEFT, run, wait_for

TERMINAL_SECONDS = 60  # for all that a command has to say there
PHRASE = "correct horse battery staple"


@pytest.fixture
def host(lab):
    return lab.cluster(1)[0]


def says(*args, code=0):
    done = run(WEFT, *args, check=False, env={"PATH": os.environ["PATH"]})
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_what_is_no_command_is_refused_with_where_to_look():
    for words, said in ((["--wrong"], 'unknown option "--wrong"; see weft help'),
                        (["--socket"], 'a value is missing behind "--socket"; see weft help'),
                        (["--json=1"], 'this option takes no value: "--json=1"; see weft help'),
                        (["wrong"], 'unknown command "wrong"; see weft help'),
                        (["help", "wrong"], 'unknown command "wrong"; see weft help'),
                        (["token"], "token needs one of: create, ls, rm; see weft help token")):
        done = says(*words, code=2)
        assert done.stdout == "" and done.stderr == f"weft: {said}\n"


def test_help_is_there_in_each_way_that_people_ask_for_it():
    alone = says(code=2)
    assert alone.stdout == "" and alone.stderr == says("help").stdout == says("--help").stdout
    page = says("help", "token", "create").stdout
    assert page == says("token", "create", "--help").stdout == says("--help", "token", "create").stdout
    assert page.startswith("usage: weft token create")
    group = says("help", "token").stdout
    assert all(f"token {word}" in group for word in ("create", "ls", "rm"))
    assert "weft_members" in says("help", "metrics").stdout
    assert says("--version").stdout.startswith("weft ")


def test_an_answer_that_does_not_get_out_is_no_success(host):
    for words in (["status"], ["members", "--json"], ["monitor"], ["diag"], ["help"], ["--version"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([WEFT, "--socket", host.socket, *words], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("weft: standard output does not take the answer")
        assert done.stderr.endswith("; see where it goes\n") and done.stderr.count("\n") == 1


def test_an_endpoint_says_by_which_device_of_this_host_it_is_plugged_in(host):
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    host.attach("blue", host.box("b"), "--name", "web")
    port = host.json("endpoint", "inspect", "web")["here"]["host_ifname"]
    assert port in {link["ifname"] for link in json.loads(host.exec("ip", "-j", "link").stdout)}
    assert host.json("endpoint", "inspect", "h1")["here"]["host_ifname"] == ""


def test_the_monitor_follows_until_weftd_ends(lab, host):
    streams = [lab.dir / "people", lab.dir / "json"]
    monitors = []
    for path, words in zip(streams, ([], ["--json"])):
        with open(path, "wb") as out:
            monitors.append(host.popen(WEFT, "--socket", host.socket, "monitor", *words, stdout=out,
                                       stderr=subprocess.PIPE, text=True))
    wait_for("they see what is", lambda: all("snapshot" in path.read_text() or
                                             "h1" in path.read_text() for path in streams), 5)
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    host.attach("blue", host.box("b"), "--name", "web")
    wait_for("they see what changed", lambda: all("web" in path.read_text() for path in streams), 5)
    seen = [json.loads(line) for line in streams[1].read_text().splitlines()]
    assert [line["event"] for line in seen][:2] == ["member", "snapshot"]
    assert ("network", "created") in [(line["event"], line["action"]) for line in seen]
    host.stop()
    for monitor in monitors:
        assert monitor.wait(10) == 5
        assert monitor.stderr.read().startswith("weft: weftd ended the stream")


def at_terminal(host, args, answers=(), columns=0, no_color="1", term="xterm"):
    """Runs weft where there is a terminal, so many columns wide, and types when it asks; the
    terminal is as it was afterwards: (exit code, what it showed)."""
    master, slave = os.openpty()
    answers = list(answers)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def take_terminal():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where a shell runs us behind a "&"
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    weft = subprocess.Popen([WEFT, "--socket", host.socket, *args], stdin=subprocess.DEVNULL,
                            stdout=slave, stderr=slave, start_new_session=True,
                            preexec_fn=take_terminal,
                            env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": no_color,
                                 "TERM": term})
    os.close(slave)
    shown, end = b"", time.monotonic() + TERMINAL_SECONDS
    try:
        while True:
            ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
            if not ready:
                weft.kill()
                weft.wait(10)
                raise AssertionError(f"weft {args} still runs after {TERMINAL_SECONDS} s: {shown}")
            shown += os.read(master, 4096)
            if answers and shown.endswith(b": "):
                os.write(master, f"{answers.pop(0)}\n".encode())
    except OSError:
        pass  # the last one at the terminal has gone
    finally:
        assert termios.tcgetattr(master)[3] & termios.ECHO, "what is typed is no longer shown"
        os.close(master)
    return weft.wait(10), shown.decode().replace("\r\n", "\n")


def test_colour_is_for_a_terminal_that_wants_it(host):
    """An empty NO_COLOR says nothing, as https://no-color.org has it."""
    plain = host.weft("members")
    assert "\x1b" not in plain and "alive" in plain
    code, shown = at_terminal(host, ["members"], no_color="")
    assert code == 0 and "\x1b[" in shown
    code, shown = at_terminal(host, ["members"], no_color="1")
    assert code == 0 and "\x1b" not in shown and "alive" in shown
    for words in (["members", "--json"], ["status", "--json"]):
        assert "\x1b" not in at_terminal(host, words, no_color="")[1]


def test_what_takes_longer_than_a_second_counts_the_seconds(host):
    """One line at the terminal, which is gone when the answer comes; none where it could not go."""
    slow = ["attach", "none", "--netns", host.box("b").path, "--timeout", "3s"]
    code, shown = at_terminal(host, slow)
    told = [line for line in shown.split("\r") if line.startswith("attaching: ")]
    assert code == 3 and len(told) >= 2, shown
    assert [re.fullmatch(r"attaching: .*, (\d) s\x1b\[K", line)[1] for line in told] == \
        [str(number) for number in range(1, len(told) + 1)]
    assert re.search(r"\r\x1b\[Kweft: .*none.*\n$", shown) and shown.count("\n") == 1
    code, shown = at_terminal(host, slow, term="dumb")
    assert code == 3 and "attaching" not in shown and "\r" not in shown


def places(text):
    """How many columns a terminal needs for it."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def test_a_narrow_terminal_is_not_overrun(host):
    host.weft("network", "create", "a-network-with-a-long-name", "--subnet", "10.64.1.0/24",
              "--subnet", "10.64.2.0/24", "--label", "name=日本語日本語日本語日本語")
    host.attach("a-network-with-a-long-name", host.box("b"), "--name", "a-box-with-a-long-name")
    host.weft("token", "create", "--name-pattern", "a-host-with-a-long-name-*", "--tag",
              "name=日本語日本語日本語日本語日本語")
    for words in (["status"], ["members"], ["network", "ls"], ["endpoint", "ls"], ["ipam", "ls"],
                  ["network", "inspect", "a-network-with-a-long-name"], ["token", "ls"],
                  ["ipam", "ring", "a-network-with-a-long-name"], ["admin", "ls"],
                  ["endpoint", "inspect", "a-box-with-a-long-name"], ["help", "attach"],
                  ["help", "token"]):
        code, shown = at_terminal(host, words, columns=40)
        table = [line for line in shown.splitlines()  # sentences run on as they do anywhere
                 if (words[0] != "help" or line.startswith("  ")) and "this host holds" not in line]
        assert code == 0 and table
        assert all(places(line) <= 40 for line in table), f"{words}:\n{shown}"
    code, shown = at_terminal(host, ["members"], columns=40)
    assert shown.startswith("NAME     h1\nID       ") and "\nSTATE    alive\n" in shown


def test_who_interrupts_the_question_for_a_passphrase_has_changed_nothing(lab, host):
    key = lab.dir / "key"
    for keys, code in (("\x03", -signal.SIGINT), ("\x04", 2)):
        left, shown = at_terminal(host, ["admin", "backup", key], [keys])
        assert left == code and not key.exists(), shown


def test_the_cluster_key_is_saved_and_brought_back_by_a_passphrase_that_nobody_sees(lab):
    first, second = lab.cluster(2)
    key = lab.dir / "key"
    code, shown = at_terminal(first, ["admin", "backup", key], [PHRASE, "another"])
    assert code == 2 and "the passphrases differ" in shown and not key.exists()
    code, shown = at_terminal(first, ["admin", "backup", key], [PHRASE, PHRASE])
    assert code == 0 and key.stat().st_mode & 0o777 == 0o600
    assert PHRASE not in shown and PHRASE not in key.read_text()

    phrase = lab.dir / "phrase"
    phrase.write_text(PHRASE + "\n")
    failed = first.refused("admin", "backup", key, "--passphrase-file", phrase)
    assert failed.code == 4 and "exists already; name a new file" in failed.stderr
    code, shown = at_terminal(first, ["admin", "backup", key], [])
    assert code == 4 and "assphrase" not in shown
    failed = first.refused("admin", "backup", "/nonexistent/key", "--passphrase-file", phrase)
    assert failed.code == 2 and "name a file where you may write" in failed.stderr
    again = lab.dir / "again"
    assert first.json("admin", "backup", again, "--passphrase-file", phrase) == {"file": str(again)}
    assert again.stat().st_mode & 0o777 == 0o600

    code, shown = at_terminal(second, ["admin", "restore", key], ["a wrong passphrase"])
    assert code == 2 and "the passphrase is another one" in shown
    assert [admin["name"] for admin in second.json("admin", "ls")] == ["h1"]
    code, shown = at_terminal(second, ["admin", "restore", key], [PHRASE])
    assert code == 0 and PHRASE not in shown
    wait_for("both are admins", lambda: sorted(
        admin["name"] for admin in first.json("admin", "ls")) == ["h1", "h2"], 5)


def test_a_passphrase_cannot_be_asked_for_without_a_terminal(host):
    done = subprocess.run([WEFT, "--socket", host.socket, "admin", "backup", "/nonexistent/key"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          start_new_session=True, timeout=10, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("weft: no terminal to ask for the passphrase")


def test_a_file_that_holds_no_token_is_refused_before_anybody_is_asked(lab):
    host = lab.host()
    for content, said in (("", "is empty"), (" \n", "is empty"), ("x" * 9000, "is too long")):
        path = lab.dir / "token"
        path.write_text(content)
        failed = host.refused("join", f"@{path}")
        assert failed.code == 2 and said in failed.stderr
    assert host.refused("join", "@/nonexistent/token").code == 2


def test_a_host_without_a_cluster_can_be_used_as_soon_as_it_is_reset(lab):
    host = lab.host()
    for _ in range(3):
        host.weft("reset")
        assert host.json("status")["node"]["phase"] == "no_cluster"
    host.weft("init")
    assert host.json("status")["node"]["phase"] == "active"


def test_a_host_warns_when_it_does_not_have_the_address_that_others_are_told(host):
    assert host.json("status")["warnings"] == []
    host.weft("node", "advertise", "192.0.2.77")
    wait_for("it warns", lambda: "192.0.2.77, which this host does not have" in
             " ".join(host.json("status")["warnings"]), 5)
    found = [check for check in json.loads(diag_of(host))["checks"] if check["check"] == "advertise"]
    assert [check["verdict"] for check in found] == ["fail"] and "ip address" in found[0]["remedy"]
    host.weft("node", "advertise", host.addr)
    wait_for("it does not", lambda: host.json("status")["warnings"] == [], 5)


def diag_of(host):
    return host.exec(WEFT, "--socket", host.socket, "diag", "--json", check=False).stdout


def test_an_endpoint_is_counted_at_once_where_it_is(host):
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    for count in (1, 2, 3):
        host.attach("blue", host.box(f"b{count}"))
        assert [network["endpoints"] for network in host.json("network", "ls")] == [count]
