# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What the command itself does: words in front of and behind it, the terminal, files, streams."""
import fcntl
import json
import os
import select
import subprocess
import termios
import time

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


def at_terminal(host, args, answers):
    """Runs weft where there is a terminal, and types when it asks: (exit code, what the terminal
    showed)."""
    master, slave = os.openpty()

    def take_terminal():
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    weft = subprocess.Popen([WEFT, "--socket", host.socket, *args], stdin=subprocess.DEVNULL,
                            stdout=slave, stderr=slave, start_new_session=True,
                            preexec_fn=take_terminal)
    os.close(slave)
    shown, end = "", time.monotonic() + TERMINAL_SECONDS
    try:
        while True:
            ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
            if not ready:
                weft.kill()
                weft.wait(10)
                raise AssertionError(f"weft {args} still runs after {TERMINAL_SECONDS} s: {shown}")
            shown += os.read(master, 4096).decode()
            if answers and shown.endswith(": "):
                os.write(master, f"{answers.pop(0)}\n".encode())
    except OSError:
        pass  # the last one at the terminal has gone
    finally:
        os.close(master)
    return weft.wait(10), shown


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
    assert first.refused("admin", "backup", key, "--passphrase-file", phrase).code == 2
    again = lab.dir / "again"
    first.weft("admin", "backup", again, "--passphrase-file", phrase)
    assert again.exists()

    code, shown = at_terminal(second, ["admin", "restore", key], ["a wrong passphrase"])
    assert code not in (0, 5)
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
