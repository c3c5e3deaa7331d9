#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Measures weft beside its peers: one table for people, one JSON file for machines.

Peers come from Debian's packages and run in the same run, in turns with weft. No figure makes it
fail; what could not be measured is a row that says why. Everything that is started or made here
carries the prefix of this run and is gone afterwards, also after a failure or an interruption.
"""
import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "netns"))


class Stopped(BaseException):
    """Somebody wants this to end."""


class Bench:
    """What the groups of measures get: a place for files, worlds that vanish, and a voice."""

    def __init__(self, directory, is_smoke):
        self.dir = directory
        self.is_smoke = is_smoke
        self.is_whole = True  # nothing went wrong until now

    @contextlib.contextmanager
    def lab(self):
        """A world of namespaces of its own, see hosts.Lab."""
        from hosts import Lab
        place = Path(tempfile.mkdtemp(prefix="lab", dir=self.dir))
        lab = Lab(place)
        try:
            yield lab
        except BaseException:
            # What ended this is what is to be told, and not that daemons were interrupted as well.
            with undisturbed(), contextlib.suppress(AssertionError):
                lab.close()
            raise
        with undisturbed():
            lab.close()

    def fault(self, text):
        """Something that should have been measured was not."""
        self.is_whole = False
        self.say(text)

    @staticmethod
    def say(text):
        print(f"bench: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def undisturbed():
    """What cleans up is not interrupted by a second Ctrl-C."""
    before = [(number, signal.signal(number, signal.SIG_IGN))
              for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def on_signal(number, _frame):
    raise Stopped(signal.Signals(number).name)


def arguments(groups):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=HERE.parents[1] / "build",
                        help="the build directory")
    parser.add_argument("--only", action="append", choices=groups, default=None,
                        help="only this group; may be given several times")
    parser.add_argument("--smoke", action="store_true",
                        help="tiny sizes: shows that every row works, its figures say nothing")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="change a number of the group's plan, e.g. kills=20 or sizes=100")
    parser.add_argument("--json", type=Path, help="where the JSON goes; default: BUILD/bench.json")
    parser.add_argument("--dir", type=Path, default=Path("/var/tmp"),
                        help="a directory on the file system that is measured, with a short path")
    return parser.parse_args()


def changed(plan, changes):
    """The plan with what the command line says of it; a tuple is given as 25,50."""
    plan = dict(plan)
    for change in changes:
        name, value = change.split("=", 1)
        if name not in plan:
            continue
        plan[name] = tuple(map(int, value.split(","))) if isinstance(plan[name], tuple) \
            else type(plan[name])(float(value))
    return plan


def run_group(name, module, bench, args, found):
    from figures import Row
    plan = changed(module.SMOKE if args.smoke else module.FULL, args.set)
    bench.say(f"{name}: {', '.join(f'{key} {value}' for key, value in plan.items())}")
    try:
        for row in module.rows(bench, plan):
            found.append(row)
    except Exception as problem:
        traceback.print_exc()
        found.append(Row(name, "the rest of this group", "-", missing=f"it failed: {problem}"))
        bench.is_whole = False


def main():
    import importlib
    names = ("gossip", "leases", "attach", "program", "crowd", "traffic", "simulated",
             "kept")
    args = arguments(names)
    if os.geteuid() != 0:
        sys.exit("bench: makes network namespaces: run it as root")
    os.environ["WEFT_BUILD"] = str(args.build.resolve())
    for tool in ("weft", "weftd"):
        if not (args.build / "bin" / tool).exists():
            sys.exit(f"bench: {args.build}/bin/{tool} is missing: run `make` first")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    import report
    modules = {name: importlib.import_module(name) for name in args.only or names}
    known = {key for module in modules.values() for key in module.FULL}
    for change in args.set:
        if change.split("=")[0] not in known or "=" not in change:
            sys.exit(f"bench: --set {change}: there are {', '.join(sorted(known))}")
    found = []
    head = report.head(args.build)
    directory = Path(tempfile.mkdtemp(prefix=f"weft-bench-{os.getpid()}-", dir=args.dir))
    bench = Bench(directory, args.smoke)
    try:
        for name, module in modules.items():
            run_group(name, module, bench, args, found)
    except Stopped as stopped:
        bench.say(f"ended by {stopped}: what was measured until now follows")
        bench.is_whole = False
    finally:
        with undisturbed():
            shutil.rmtree(directory, ignore_errors=True)
    report.write(args.json or args.build / "bench.json", head, found, args.smoke)
    sys.exit(0 if bench.is_whole else 1)


if __name__ == "__main__":
    main()
