# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Puts what the benchmarks printed together: a table on stdout, and bench.json in the build.

usage: report.py BUILD_DIRECTORY STORE.json OVERLAY.json
"""
import datetime
import json
import os
import platform
import sqlite3
import subprocess
import sys
from pathlib import Path


def said_by(*command):
    """The first line that a command prints, or None where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return (done.stdout.splitlines() or [None])[0] if done.returncode == 0 else None


def machine():
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")),
                 platform.machine())
    release = Path("/etc/os-release").read_text().splitlines()
    system = next((line.split("=", 1)[1].strip('"') for line in release
                   if line.startswith("PRETTY_NAME=")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": os.cpu_count(), "memory_bytes": memory, "system": system,
            "kernel": platform.release(), "load_before": os.getloadavg()[1]}


def versions(build):
    root = Path(__file__).resolve().parents[2]
    return {"weft": said_by(build / "bin" / "weftd", "--version"),
            "commit": said_by("git", "-C", root, "describe", "--always", "--dirty"),
            "sqlite": sqlite3.sqlite_version, "iproute2": said_by("ip", "-V"),
            "compiler": said_by("cc", "--version")}


def store_rows(store):
    for key, peer in (("plain", "bare SQLite, a plain table"),
                      ("same", "bare SQLite, the store's table and index")):
        yield {"measure": f"leases made durable, {store['batch']} a transaction", "peer": peer,
               "unit": "per s", "better": "higher", "weft": store["store_per_s"],
               "by_peer": store[f"{key}_per_s"], "ratio": store[f"ratio_{key}"]}


def overlay_rows(overlay):
    for variant in overlay["variants"]:
        multicast = "on" if variant["multicast"] else "off"
        yield {"measure": f"{overlay['count']} endpoints: {variant['variant']}, "
                          f"multicast {multicast}",
               "peer": "bridge -batch and ip -batch", "unit": "s", "better": "lower",
               "weft": variant["program_s"], "by_peer": overlay["by_hand_s"],
               "ratio": variant["ratio"], "cpu_ratio": variant["cpu_ratio"],
               "more": {key: variant[key] for key in ("check_s", "one_more_ms", "withdraw_s",
                                                      "bytes_each", "operations", "failed")}}


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3f}"


def table(rows):
    lines = [("measure", "peer", "unit", "weft", "peer's", "ratio", "of CPU", "better",
              "check s", "one more ms", "withdraw s", "bytes each", "failed")]
    for row in rows:
        more = row.get("more")
        rest = ("-",) * 5 if more is None else (
            f"{more['check_s']:.3f}", f"{more['one_more_ms']:.2f}", f"{more['withdraw_s']:.3f}",
            f"{more['bytes_each']:.0f}", f"{more['failed']:.0f}")
        lines.append((row["measure"], row["peer"], row["unit"], number(row["weft"]),
                      number(row["by_peer"]), f"{row['ratio']:.2f}",
                      f"{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else "-", row["better"],
                      *rest))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column < 3 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(line, widths)))
                     for line in lines)


def main():
    build = Path(sys.argv[1])
    store, overlay = (json.loads(Path(name).read_text()) for name in sys.argv[2:4])
    rows = [*store_rows(store), *overlay_rows(overlay)]
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    report = {"at": now.replace("+00:00", "Z"), "machine": machine(), "versions": versions(build),
              "results": rows}
    target = build / "bench.json"
    target.write_text(json.dumps(report, indent=2) + "\n")
    print(" · ".join(str(value) for value in (report["machine"]["cpu"],
                                               f"{report['machine']['cores']} cores",
                                               report["machine"]["system"],
                                               f"Linux {report['machine']['kernel']}")))
    print(table(rows))
    print(f"all of it: {target}")


if __name__ == "__main__":
    main()
