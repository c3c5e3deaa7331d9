# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Prints which lines and branches of each folder the tests reached; fails below the house's bound.

usage: coverage.py ROOT BUILD

BUILD is a build of the preset `coverage` whose tests have run. Counts come from gcovr.
"""
import json
import subprocess
import sys
from collections import defaultdict

# A folder of logic has at least this share of its lines run by a test.
LINES_PERCENT_MIN = 85.0
FOLDERS = ("gossip/base", "gossip", "ipamdb", "store", "overlay", "daemon/node", "daemon/netns",
           "daemon", "cli")


def folder_of(name):
    return next((folder for folder in sorted(FOLDERS, key=len, reverse=True)
                 if name.startswith(folder + "/")), None)


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main(root, build):
    out = subprocess.run(["gcovr", "--root", root, build, "--json-summary", "-",
                          "--exclude-unreachable-branches", "--exclude-throw-branches",
                          "--exclude", ".*/test/.*", "--exclude-lines-by-pattern", ".*WEFT_ASSERT.*"],
                         capture_output=True, text=True, check=True).stdout
    sums, files = defaultdict(lambda: [0, 0, 0, 0]), []
    for entry in json.loads(out)["files"]:
        folder = folder_of(entry["filename"])
        if not folder or not entry["line_total"]:
            continue
        counts = [entry[key] for key in ("line_covered", "line_total", "branch_covered",
                                         "branch_total")]
        sums[folder] = [a + b for a, b in zip(sums[folder], counts)]
        files.append((percent(counts[0], counts[1]), counts[1] - counts[0], entry["filename"]))
    print(f"{'FOLDER':<14}{'LINES':>8}{'REACHED':>9}{'BRANCHES':>10}{'REACHED':>9}")
    low = []
    for folder in FOLDERS:
        lines, all_lines, branches, all_branches = sums[folder]
        print(f"{folder:<14}{all_lines:>8}{percent(lines, all_lines):>8.1f}%"
              f"{all_branches:>10}{percent(branches, all_branches):>8.1f}%")
        if percent(lines, all_lines) < LINES_PERCENT_MIN:
            low.append(folder)
    print("\nleast reached:")
    for share, missed, name in sorted(files)[:15]:
        print(f"  {name:<40}{share:>6.1f}%, {missed} lines not")
    if low:
        print(f"\nbelow {LINES_PERCENT_MIN:.0f}% of lines: {', '.join(low)}", file=sys.stderr)
    return 1 if low or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
