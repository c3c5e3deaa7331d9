# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The table on stdout and the JSON file: machine, versions, date, every figure, ratio and goal."""
import datetime
import json
import os
import platform
import statistics
from pathlib import Path

import peers

ROOT = Path(__file__).resolve().parents[2]
BUSY_LOAD = 1.5


def machine():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")),
                 platform.machine())
    release = Path("/etc/os-release").read_text().splitlines()
    system = next((line.split("=", 1)[1].strip('"') for line in release
                   if line.startswith("PRETTY_NAME=")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": os.cpu_count(), "memory_bytes": memory, "system": system,
            "kernel": platform.release(), "load_before": os.getloadavg()[0]}


def head(build):
    """What holds for the whole run, taken before it begins."""
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return {"at": now.replace("+00:00", "Z"), "machine": machine(), "versions": {
        "weft": peers.said_by(build / "bin" / "weftd", "--version"),
        "commit": peers.said_by("git", "-C", ROOT, "describe", "--always", "--dirty"),
        "compiler": peers.said_by("cc", "--version"), **peers.versions(build)}}


def number(value):
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def figure(values):
    """The median, and between what the runs lay."""
    if not values:
        return "-"
    middle = number(statistics.median(values))
    if min(values) == max(values):
        return middle
    return f"{middle} ({number(min(values))}-{number(max(values))})"


def table(rows):
    lines = [("measure", "unit", "weft", "peer", "peer's", "ratio", "goal", "")]
    group = None
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append((group.upper(),) + ("",) * 7)
        ratio = row.ratio()
        lines.append((f"  {row.measure}", row.unit, figure(row.ours), row.peer or "-",
                      figure(row.theirs), "-" if ratio is None else f"{ratio:.2f}",
                      row.goal.text if row.goal else "-", row.verdict()))
        lines += [(f"      {text}",) for text in (row.missing or row.note, row.kept, row.why)
                  if text]
    widths = [max(len(line[column]) for line in lines if len(line) > 1) for column in range(8)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def write(path, start, rows, is_smoke):
    report = {**start, "smoke": is_smoke, "load_after": os.getloadavg()[0],
              "results": [row.as_json() for row in rows]}
    path.write_text(json.dumps(report, indent=2) + "\n")
    box = report["machine"]
    print(" · ".join((box["cpu"], f"{box['cores']} cores", box["system"], f"Linux {box['kernel']}",
                      f"load {box['load_before']:.1f}", report["at"])))
    if is_smoke:
        print("Tiny sizes: this shows that every row works; the figures say nothing.")
    if box["load_before"] > BUSY_LOAD:
        print("The machine was busy when this began: figures by the clock say little, those of CPU "
              "and of virtual time more.")
    print("Median (min-max). Each peer was measured in the same run, in turns.")
    print(table(rows))
    print(f"all of it: {path}")
