# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
import os
import shutil

import pytest

import hosts


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("these tests make network namespaces: run them as root (sudo make test)", 4)
    for tool in ("ip", "bridge", "nft", "tcpdump", "ping", "nsenter", "unshare", "mount", "umount",
                 "sysctl", "pgrep", "curl", "sqlite3", "gcc", "man", "serf"):
        if not shutil.which(tool):
            pytest.exit(f"{tool} is missing: run `make deps` (it names every package)", 4)
    for binary in (hosts.WEFT, hosts.WEFTD):
        if not binary.exists():
            pytest.exit(f"{binary} is missing: run `make` first", 4)


def pytest_collection_modifyitems(items):
    """The long ones first, so that no worker has one left when the others have nothing any more."""
    items.sort(key=lambda item: item.path.stem not in ("test_kill", "test_soak"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get("lab")
    if report.failed and lab:
        for host in lab.hosts:
            if host.log.exists():
                tail = host.log.read_text(errors="replace")[-4000:]
                report.sections.append((f"log of {host.label}", tail))


@pytest.fixture
def lab(tmp_path):
    world = hosts.Lab(tmp_path)
    try:
        yield world
    finally:
        world.close()
