# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""`make demo`: the script runs to its end, says what it lacks, and leaves nothing on the machine."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from hosts import BUILD, ROOT, run, wait_for

DEMO = ROOT / "packaging" / "demo.sh"
DEMO_SECONDS = 120


class Demo:
    """The script, as make runs it; in a process group of its own, as at a terminal."""

    def __init__(self, tmp_path):
        self.out = tmp_path / "out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(["bash", DEMO, BUILD], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True)
        self.prefix = f"weftdemo{self.process.pid}"

    def said(self):
        return self.out.read_text()

    def left(self):
        """What it made: namespaces, files, processes that know them."""
        found = [name for name in run("ip", "netns", "list").stdout.split()
                 if name.startswith(f"{self.prefix}-")]
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"{self.prefix}." in words:
                found.append(words)
        return found + list(Path("/tmp").glob(f"{self.prefix}.*"))

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@pytest.fixture
def demo(tmp_path):
    made = Demo(tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_the_demo_runs_to_its_end_and_leaves_nothing(demo):
    assert demo.process.wait(DEMO_SECONDS) == 0, demo.said()
    assert re.findall(r"^ ?(\d+)\. ", demo.said(), re.M) == [str(n) for n in range(1, 10)]
    assert demo.said().endswith("namespaces, daemons and files of this demo go now\n")
    # Every box has pinged every box, and none was unanswered while a daemon was away.
    assert len(re.findall(r"\d ms\b", demo.said())) >= 36
    sent, answered = re.search(r"(\d+) pings sent, (\d+) answered", demo.said()).groups()
    assert sent == answered
    assert demo.left() == []


def test_a_demo_that_is_interrupted_says_so_and_leaves_nothing(demo):
    wait_for("its daemons run", lambda: "berlin makes a cluster" in demo.said(), DEMO_SECONDS)
    assert demo.left()
    os.killpg(demo.process.pid, signal.SIGTERM)
    assert demo.process.wait(30) == 130, demo.said()
    # A weft that was being started just then may still say behind it that its daemon is gone.
    assert demo.said().count("\nInterrupted; cleaning up\n") == 1
    assert "The demo failed" not in demo.said()
    assert demo.left() == []


def test_make_runs_it_on_what_it_has_built():
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    planned = run("make", "--dry-run", "demo", cwd=ROOT, env=env).stdout.splitlines()
    assert planned[-1] == "bash packaging/demo.sh </dev/null"
    assert "packaging/deps.sh" in planned[0] and any("cmake --build" in line for line in planned)


@pytest.mark.parametrize("missing", ["root", "build"])
def test_the_demo_says_what_it_lacks_and_nothing_else(missing, tmp_path):
    """And does not speak of a step that failed."""
    user = ["setpriv", "--reuid=65534", "--clear-groups"] if missing == "root" else []
    done = run(*user, "bash", DEMO, tmp_path / "none", check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == {
        "root": "demo.sh makes network namespaces: run it as root\n",
        "build": f"{tmp_path}/none/bin/weft is missing: run make\n"}[missing]
