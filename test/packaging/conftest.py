# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "netns"))

import hosts  # noqa: E402
import machine  # noqa: E402


def pytest_configure(config):
    for tool in ("debootstrap", "dpkg-buildpackage", "dh", "lintian", "zsh", "fish", "man",
                 "apparmor_parser", "strace"):
        if not shutil.which(tool):
            pytest.exit(f"{tool} is missing: run `make deps` (it names every package)", 4)


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The package of this build and a newer one, made without a network."""
    found = []
    for version in ([], [machine.NEWER]):
        made = hosts.run("unshare", "--net", "bash", hosts.ROOT / "packaging/deb.sh", hosts.BUILD,
                         *version, timeout=120).stdout.strip()
        found.append(Path(made))
    return found


@pytest.fixture(scope="session")
def box_lab(tmp_path_factory):
    """A lab that lives as long as all tests of the package."""
    assert os.getuid() == 0, "run as root"
    world = hosts.Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield world
    finally:
        world.close()


@pytest.fixture(scope="session")
def clean(box_lab):
    """A clean Debian that runs."""
    root = box_lab.dir / "root"
    root.mkdir()
    # In memory: nothing of it is to last, and dpkg waits for disks at every step.
    hosts.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    box_lab.mounts.append(root)
    machine.debootstrap(root)
    booted = machine.Machine(box_lab, root)
    try:
        yield booted
    finally:
        booted.close()
