# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Prints which lines and branches of each room the tests reached; fails below the house's bound.

usage: coverage.py ROOT BUILD

BUILD is a build of the preset `coverage` whose tests have run. A room is a folder with sources: each
is judged by itself, and one of which nothing was counted fails as well. Counts come from gcov, which writes
them to its output and no file; lines of WEFT_ASSERT, which only a defect can take both ways, and
branches of lines without a word do not count.
"""
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

# A room has at least this share of its lines run by a test.
LINES_PERCENT_MIN = 85.0
HOUSE = ("gossip", "ipamdb", "store", "overlay", "daemon", "cli", "packaging")
GCOV = ("gcov", "--json-format", "--stdout", "--branch-probabilities")
FILES_A_RUN = 50  # of counts, so that no command line is too long
LEAST_SHOWN = 15


def rooms_of(root):
    return sorted({str(path.parent.relative_to(root)) for part in HOUSE
                   for path in (root / part).rglob("*.[ch]")})


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def counted(build):
    """What gcov says of each source, one object a compilation."""
    counts = sorted(str(path) for path in Path(build).resolve().rglob("*.gcda"))
    for at in range(0, len(counts), FILES_A_RUN):
        out = subprocess.run([*GCOV, *counts[at:at + FILES_A_RUN]], cwd=build, capture_output=True,
                             text=True, check=True).stdout
        for line in filter(None, out.splitlines()):
            yield from json.loads(line)["files"]


class Source:
    """One file: a header's lines are counted in every unit that includes it, and so summed."""

    def __init__(self, path):
        self.text = path.read_text().splitlines()
        self.lines = defaultdict(int)
        self.branches = defaultdict(list)

    def add(self, line):
        number = line["line_number"]
        text = self.text[number - 1] if number <= len(self.text) else ""
        if "WEFT_ASSERT" in text:
            return
        self.lines[number] += line["count"]
        if re.search(r"\w", text):
            here = self.branches[number]
            for nth, branch in enumerate(line["branches"]):
                if nth == len(here):
                    here.append(0)
                here[nth] += branch["count"]

    def sums(self):
        """(lines reached, lines, branches reached, branches)"""
        branches = [count for here in self.branches.values() for count in here]
        return (sum(count > 0 for count in self.lines.values()), len(self.lines),
                sum(count > 0 for count in branches), len(branches))


def sources_of(root, build):
    """Sources of the house by name; gcov names them as the compiler was told to, below the root."""
    root, found = Path(root).resolve(), {}
    for entry in counted(build):
        path = root / entry["file"]
        if not path.is_relative_to(root) or not path.is_file():
            continue
        name = str(path.relative_to(root))
        if name.split("/")[0] in HOUSE:
            source = found.setdefault(name, None) or Source(path)
            found[name] = source
            for line in entry["lines"]:
                source.add(line)
    return found


def main(root, build):
    files, low = [], []
    sums = {room: (0, 0, 0, 0) for room in rooms_of(Path(root).resolve())}
    for name, source in sources_of(root, build).items():
        here, room = source.sums(), str(Path(name).parent)
        sums[room] = tuple(map(sum, zip(sums[room], here)))
        files.append((percent(here[0], here[1]), here[1] - here[0], name))
    print(f"{'ROOM':<18}{'LINES':>8}{'REACHED':>9}{'BRANCHES':>10}{'REACHED':>9}")
    for room, (lines, all_lines, branches, all_branches) in sums.items():
        print(f"{room:<18}{all_lines:>8}{percent(lines, all_lines):>8.1f}%"
              f"{all_branches:>10}{percent(branches, all_branches):>8.1f}%")
        if all_lines == 0 or percent(lines, all_lines) < LINES_PERCENT_MIN:
            low.append(room)
    print("\nleast reached:")
    for share, missed, name in sorted(files)[:LEAST_SHOWN]:
        print(f"  {name:<40}{share:>6.1f}%, {missed} lines not")
    if low:
        print(f"\nbelow {LINES_PERCENT_MIN:.0f}% of lines: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
