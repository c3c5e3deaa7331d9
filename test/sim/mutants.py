#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Mutants of the real code, each of which a named checker of the simulator must catch.

mutants.txt describes them: a file, one piece of it (found exactly once), what stands there instead,
the checkers of which one must name the failure, and the seeds with their pinned options. For each
mutant this compiles the changed file alone, with the command that the build used, links a weft-sim
with it in a scratch folder and runs the seeds in order until the named checker fails one that the
unchanged weft-sim passes. A mutant that survives shows that a checker is missing or asleep, and so
does a checker that neither a mutant nor a made-up history (checks_selftest.c) names.

    mutants.py --build BUILD_DIR [--only NAME]... [--jobs N] [--list]
"""
import argparse
import concurrent.futures
import glob
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

LIBRARIES = ("daemon/libweft-node.a", "ipamdb/libweft-ipamdb.a", "gossip/libweft-gossip.a",
             "gossip/libweft-base.a")
PACKAGES = ("libsodium", "msgpack")
RUN_SECONDS = 60


class Broken(Exception):
    """The table, or the code it speaks of, is not as it should be."""


def table_read(path):
    """Reads the table: blocks of "word value" lines; text of the code in lines that begin with |"""
    mutants, block, text = [], None, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("|"):
                if text is None:
                    raise Broken(f"{path}:{number}: text of the code belongs to old or new")
                block[text] += line[1:] + "\n"
                continue
            text = None
            word, _, value = line.partition(" ")
            if not word or word.startswith("#"):
                continue
            if word == "mutant":
                block = {"name": value.strip(), "old": "", "new": ""}
                mutants.append(block)
            elif block is None:
                raise Broken(f"{path}:{number}: expected a mutant")
            elif word in ("old", "new"):
                text = word
            else:
                block[word] = value.strip()
    for block in mutants:
        for word in ("says", "file", "killers", "seeds", "old"):
            if not block.get(word):
                raise Broken(f"mutant {block['name']} lacks {word}")
    return mutants


def nameless(here, mutants):
    """The checkers that neither a mutant nor a made-up history is caught by."""
    with open(os.path.join(here, "checks.h"), encoding="utf-8") as file:
        checkers = dict(re.findall(r'X\(([A-Z_]+), "([a-z-]+)"', file.read()))
    checkers.pop("NAME", None)
    named = {killer for mutant in mutants for killer in mutant["killers"].split()}
    for path in glob.glob(os.path.join(here, "checks_selftest*.c")):
        with open(path, encoding="utf-8") as file:
            caught = re.findall(r"assert_caught\(CHECKER_([A-Z_]+)\)", file.read())
        named.update(checkers[name] for name in caught)
    return sorted(set(checkers.values()) - named)


def seeds_of(mutant):
    seeds = []
    for part in mutant["seeds"].split():
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def pins_of(mutant):
    # What a seed means shall not change when a fault is added to the draw.
    pins = ["plain=1", *mutant.get("set", "").split()]
    return [word for pin in pins for word in ("--set", pin)]


def mutate(source, mutant):
    with open(os.path.join(source, mutant["file"]), encoding="utf-8") as file:
        code = file.read()
    found = code.count(mutant["old"])
    if found != 1:
        raise Broken(f"mutant {mutant['name']}: its text was found {found} times in "
                     f"{mutant['file']}, not once; bring mutants.txt up to date")
    return code.replace(mutant["old"], mutant["new"])


class Build:
    """What the build knows: how a file is compiled, what weft-sim consists of."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        with open(os.path.join(self.folder, "compile_commands.json"), encoding="utf-8") as file:
            self.commands = json.load(file)
        self.simulator = os.path.join(self.folder, "bin", "weft-sim")
        packages = subprocess.run(["pkg-config", "--libs", *PACKAGES], check=True,
                                  capture_output=True, text=True)
        self.packages = packages.stdout.split()

    def output(self, command):
        words = command.get("arguments") or shlex.split(command["command"])
        return os.path.join(command["directory"], words[words.index("-o") + 1])

    def objects(self):
        return [self.output(command) for command in self.commands
                if "weft-sim.dir" in self.output(command)]

    def compile(self, path, code, scratch):
        """Compiles code in place of the file at path; returns the object."""
        command = next(c for c in self.commands if os.path.samefile(c["file"], path))
        words = command.get("arguments") or shlex.split(command["command"])
        changed = os.path.join(scratch, os.path.basename(path))
        with open(changed, "w", encoding="utf-8") as file:
            file.write(code)
        where = {"-o": changed + ".o", "-MF": changed + ".d"}
        out, skip = [], None
        for word in words:
            if skip:
                out.append(where[skip])
                skip = None
            elif word == command["file"]:
                out.append(changed)
            else:
                skip = word if word in where else None
                out.append(word)
        out += ["-iquote", os.path.dirname(path), "-Wno-error", "-w"]
        subprocess.run(out, cwd=command["directory"], check=True)
        return changed + ".o"

    def link(self, extra, scratch):
        """The object comes before the archives, whose own copy is then not taken."""
        program = os.path.join(scratch, "weft-sim")
        libraries = [os.path.join(self.folder, library) for library in LIBRARIES]
        subprocess.run(["cc", "-pie", "-o", program, *self.objects(), extra, *libraries,
                        *self.packages], check=True)
        return program


def run(program, seed, pins):
    """None when the seed passes, else the name of the checker that failed it, and its words."""
    try:
        result = subprocess.run([program, "--seeds", "1", "--first", str(seed), *pins],
                                capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "time-out", "the run did not end"
    if result.returncode == 0:
        return None
    words = result.stdout + result.stderr
    found = re.search(r"checker ([a-z-]+): (.*)", words)
    if found:
        return found.group(1), found.group(2)
    found = re.search(r"assertion failed: (.*)", words)
    if found:
        return "assertion", found.group(1)
    return "unnamed", words.strip().splitlines()[0] if words.strip() else "no words"


def judge(build, source, mutant):
    """Returns (good, line)."""
    began = time.monotonic()
    killers = mutant["killers"].split()
    pins = pins_of(mutant)
    with tempfile.TemporaryDirectory(prefix="weft-mutant-") as scratch:
        path = os.path.join(source, mutant["file"])
        changed = build.link(build.compile(path, mutate(source, mutant), scratch), scratch)
        others = []
        for seed in seeds_of(mutant):
            verdict = run(changed, seed, pins)
            if not verdict:
                continue
            if verdict[0] not in killers:
                others.append(f"seed {seed} by {verdict[0]}: {verdict[1]}")
                continue
            intact = run(build.simulator, seed, pins)
            if not intact:
                return True, (f"{mutant['name']}: killed by {verdict[0]} in seed {seed} "
                              f"({time.monotonic() - began:.1f} s)")
            others.append(f"seed {seed} also without the mutation by {intact[0]}: {intact[1]}")
    failed = "; failed " + "; ".join(others) if others else ""
    return False, f"{mutant['name']}: SURVIVED {mutant['killers']}{failed}"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--table", default=os.path.join(here, "mutants.txt"))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    source = os.path.dirname(os.path.dirname(here))
    asleep = nameless(here, table_read(args.table))
    if asleep:
        raise Broken("no mutant and no made-up history for " + ", ".join(asleep))
    mutants = [m for m in table_read(args.table) if not args.only or m["name"] in args.only]
    if not mutants:
        raise Broken("no such mutant")
    if args.list:
        for mutant in mutants:
            print(f"{mutant['name']:28} {mutant['killers']:40} {mutant['says']}")
        return 0
    build = Build(args.build)
    for mutant in mutants:
        mutate(source, mutant)
    good = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for fine, line in pool.map(lambda m: judge(build, source, m), mutants):
            print(line if fine else "FAILED " + line, flush=True)
            good += fine
    print(f"{good} of {len(mutants)} mutants killed")
    return 0 if good == len(mutants) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(f"mutants.py: {broken}", file=sys.stderr)
        sys.exit(2)
