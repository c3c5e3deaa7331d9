# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Where the peers are on this machine, and which versions; `make peers` brings them."""
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

PACKAGES = ("serf", "containernetworking-plugins", "iperf3", "iproute2")
CNI = Path("/usr/lib/cni")
ROOT = Path(__file__).resolve().parents[2]
ABSENT = "is not on this machine: make peers"


def etcd(build):
    """The path of etcd, or None. Its package is only unpacked, into the build: installed, it would
    start a service of its own."""
    places = (f"{build}/peers/usr/bin", f"{ROOT}/build/peers/usr/bin", os.environ["PATH"])
    return shutil.which("etcd", path=":".join(places))


def said_by(*command):
    """The first line that a command prints, or None where there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return (done.stdout.splitlines() or [None])[0] if done.returncode == 0 else None


def versions(build):
    packages = {name: said_by("dpkg-query", "-W", "-f", "${Version}", name) for name in PACKAGES}
    found = etcd(build)
    return {**packages, "etcd": said_by(found, "--version") if found else None,
            "sqlite": sqlite3.sqlite_version}
