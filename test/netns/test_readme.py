# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The tour of README.md, run word by word as it stands there.

Each ```sh block under "Five minutes" is run in one shell, in order; the ```text block behind it is
what it must print. The shell is root in mount, network and process namespaces of its own, with empty
/run and /tmp, and stands in a folder that holds nothing but build/. What is printed and what is
expected are masked where no two runs agree: ids, MACs, addresses, times. The addresses that the page
uses in later commands are replaced by those of this run.

Run as a program it prints the page with what a fresh run printed: what changed on purpose is
taken over by `python3 test/netns/test_readme.py >README.new`.
"""
import os
import re
import shlex
import subprocess
import sys
import time

import pytest

from hosts import BUILD, ROOT, WEFTD, line_of, run, wait_for

PAGE = ROOT / "README.md"
SHELL_BLOCK = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)

# A person reads before typing on; what only looks may be looked at again until it shows the page.
LOOK = re.compile(r"on h\d weft (members|status|endpoint ls|ipam ring|ipam check)\b.*|tail .*")
LOOK_SECONDS = 15
BLOCK_SECONDS = 120  # in which a block of the page says something, or has ended

MASKS = [(re.compile(pattern), mask) for pattern, mask in (
    (r"weft1-[\w-]+", "TOKEN"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT"),
    (r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC"),
    (r"\b[0-9a-f]{32}\b|(?<=\()[0-9a-f]{8}(?=\))|(?<=  )[0-9a-f]{8}(?=  )", "ID"),
    (r"VNI \d+", "VNI N"),
    # Said after 50 ms. When the first box of a further host comes, h1 lets that host in by setting its
    # firewall table anew, in three transactions of the kernel: some 10 ms on an idle machine, and more
    # than that where a whole suite runs. The next look of the tour waits for h1 to know.
    (r"Not yet known to: .*\n", ""),
    # How ranges were cut, and what is free in them, is chance; that they make up the pool is not.
    (r"10\.64\.1\.\d+ +10\.64\.1\.\d+ +\d+ +h\d +held +\d+ +\d+(?:\n(?=10\.))?", "RANGE "),
    (r"(?:RANGE ?)+", "RANGES"),
    (r"holds \d+ of 256: (\d+) leased, (\d+) cooling, \d+ free", r"holds N of 256: \1 leased"),
    (r"10\.64\.1\.\d+\b", "ADDRESS"),
    (r"last with h\d [\d.]+ m?s ago", "last with HOST"),
    (r"last reconcile \d+ ms|(?<=loop lag  )[\d.]+ ms|[\d./]+ ?ms\b", "TIME"),
    (r"[ -]{2,}", " "),
)]


def blocks(page):
    """The tour's blocks: (commands, expected output, where in the page the output stands)."""
    start = page.index("## Five minutes")
    end = page.index("\n## ", start)
    found = []
    for match in SHELL_BLOCK.finditer(page, start, end):
        span = match.span(2) if match.group(2) is not None else None
        found.append((match.group(1), match.group(2) or "", span))
    return found


def masked(text):
    """What must be equal in every run, without order: some tables are ordered by ids."""
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return sorted(line.strip() for line in text.splitlines())


# What the newcomer's machine is: this one, with nothing on it but a clone that was built.
CLEAN = f"""set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/clone/build
mount --bind {shlex.quote(str(BUILD))} /run/clone/build
mount -t tmpfs tmpfs /tmp
cd /run/clone
set +e
"""


class Tour:
    """A newcomer's root shell; all that it started ends with it."""

    def __init__(self):
        self.addresses = {}
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("WEFT_")} | {"LC_ALL": "C"}
        self.shell = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             "bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=environment)
        self.run(CLEAN)

    def attempt(self, commands):
        """Runs one block; how it ended and what it printed."""
        commands = self.translated(commands)
        self.shell.stdin.write(f"eval {shlex.quote(commands)} </dev/null\n"
                               "echo \"block ended with $?\"\n")
        self.shell.stdin.flush()
        output = ""
        while line := line_of(self.shell, self.shell.stdout, commands, BLOCK_SECONDS):
            if found := re.fullmatch(r"(.*)block ended with (\d+)\n", line):
                return int(found.group(2)), output + found.group(1)
            output += line

    def run(self, commands):
        """What a block printed that has to succeed."""
        code, output = self.attempt(commands)
        assert code == 0, f"{commands}exit {code}:\n{output}"
        return output

    def translated(self, text):
        """The page's addresses replaced by those of this run."""
        return re.sub(r"10\.64\.1\.\d+", lambda at: self.addresses.get(at[0], at[0]), text)

    def learn(self, expected, output):
        """Addresses that the page shows here stand for those of this run from now on."""
        pattern = r"(\S+)/24 on eth0"
        self.addresses.update(zip(re.findall(pattern, expected), re.findall(pattern, output)))

    def close(self):
        self.shell.kill()
        self.shell.communicate(timeout=10)


def only_looks(commands):
    return all(LOOK.fullmatch(line) for line in commands.splitlines())


def follow(tour, commands, expected):
    """Runs a block until it prints what the page says, if it only looks; else once."""
    deadline = time.monotonic() + LOOK_SECONDS
    while only_looks(commands) and time.monotonic() < deadline:
        code, output = tour.attempt(commands)
        if code == 0 and masked(output) == masked(expected):
            return output
        time.sleep(0.02)
    return tour.run(commands)


@pytest.fixture
def tour():
    newcomer = Tour()
    try:
        yield newcomer
    finally:
        newcomer.close()


def test_no_block_of_the_page_is_left_out():
    page = PAGE.read_text()
    found = blocks(page)
    tour, behind = page.split("\n## On real hosts\n")
    kinds = re.findall(r"^```(\w+)$", tour, re.MULTILINE)
    assert len(found) > 15
    assert kinds.count("sh") == len(found)
    assert kinds.count("text") == sum(span is not None for _, _, span in found)
    assert set(kinds) == {"sh", "text"}
    # How to start what was installed by hand: test/packaging/test_package.py does that.
    assert re.findall(r"^```(\w+)$", behind, re.MULTILINE) == ["sh", "yaml"]


def test_the_tour_in_the_readme_prints_what_it_says(tour):
    for commands, expected, _ in blocks(PAGE.read_text()):
        output = follow(tour, commands, expected)
        assert masked(output) == masked(expected), f"{commands}printed:\n{output}"
        tour.learn(expected, output)
    # Who was killed with -9 takes a moment to go.
    wait_for("no weft runs", lambda: tour.run("pgrep weft; true") == "", LOOK_SECONDS)
    assert tour.run("ip netns list; ls /tmp; pgrep weft; true") == "", "left behind"


def test_the_options_on_the_page_mean_the_same_three_times(tmp_path):
    said, flags, variables = re.search(
        r"```yaml\n(# the same as (--.*), and as (WEFT_.*)\n.*?)```", PAGE.read_text(),
        re.DOTALL).groups()
    file = tmp_path / "weft.yaml"
    file.write_text(said)

    def holds(*args, **env):
        printed = run(WEFTD, "--check", *args, env={"PATH": os.environ["PATH"]} | env).stdout
        # Behind each value stands where it came from.
        return re.findall(r"^([a-z-]+):? +(\S+)", printed, re.MULTILINE)

    empty = tmp_path / "empty.yaml"
    empty.touch()
    by_file = holds("--config", file)
    assert dict(by_file)["name"] == "h1" and dict(by_file)["log-format"] == "json"
    assert by_file == holds("--config", empty, *flags.split())
    variables = dict(re.findall(r"(WEFT_\w+)=(\S+)", variables))
    assert by_file == holds("--config", empty, **variables)


def rewrite():
    """The page with the outputs of a fresh run."""
    page = PAGE.read_text()
    written, at = [], 0
    tour = Tour()
    try:
        for commands, expected, span in blocks(page):
            output = follow(tour, commands, expected)
            if span:
                written += [tour.translated(page[at:span[0]]), output]
                at = span[1]
            tour.learn(expected, output)
    finally:
        tour.close()
    return "".join(written) + tour.translated(page[at:])


if __name__ == "__main__":
    sys.stdout.write(rewrite())
