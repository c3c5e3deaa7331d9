# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""A clean Debian in a folder, and a systemd that runs on it in namespaces of its own."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

from hosts import Namespace, run, wait_for

NEWER = "0.1.0+newer"  # than the package of this build
HERE = Path(__file__).resolve().parent
# What weft depends on is not among it: the package has to bring that along. ping is the tests'.
INCLUDED = "systemd,systemd-sysv,dbus,iputils-ping"


def sources():
    """Where this machine's own packages come from: (release, address) of its first archive."""
    release = next(line.split("=")[1] for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("VERSION_CODENAME="))
    # Which archives there are apt knows from their lists, which a machine may not have yet.
    for _ in range(2):
        targets = run("apt-get", "indextargets", "--format",
                      "$(SITE)|$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)").stdout
        for line in targets.splitlines():
            site, *rest = line.split("|")
            if rest == ["Debian", release, "main", "Packages"]:
                return release, site
        run("apt-get", "-q", "-y", "update", timeout=300)
    raise AssertionError("apt knows no archive of this release")


def debootstrap(root):
    """A root file system that holds the least of Debian, systemd, and this machine's sources."""
    release, site = sources()
    done = run("debootstrap", "--variant=minbase", f"--include={INCLUDED}", release, root, site,
               timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for name in ("sources.list", "sources.list.d", "auth.conf.d", "trusted.gpg.d", "keyrings"):
        here, there = Path("/etc/apt") / name, root / "etc/apt" / name
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            shutil.copy(here, there)
    (root / "etc/apt/apt.conf.d/as-this-machine").write_text(
        run("apt-config", "dump", "Acquire").stdout)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)


def cgroup_root():
    """Where the one hierarchy that a systemd needs is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    raise AssertionError("no cgroup2 is mounted here, which systemd needs")


class Machine(Namespace):
    """A booted machine, which is a host of the lab as well."""

    def __init__(self, lab, root):
        super().__init__(lab, "m")
        self.index = 99
        self.addr = f"10.199.0.{self.index}"
        self.root = root
        lab.plug(self, self.addr)
        self.cgroup = cgroup_root() / self.name
        self.cgroup.mkdir()
        self.log = open(lab.dir / "boot.log", "wb")

        def enter():
            (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

        self.pid = None
        self.process = subprocess.Popen(
            ["nsenter", f"--net={self.path}", "unshare", "--mount", "--pid", "--fork", "--uts",
             "--ipc", "--cgroup", "--kill-child", "bash", HERE / "boot.sh", root],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=enter)
        try:
            self.pid = wait_for("an init", self.find_init, 10)[0]
            wait_for("the machine is up", lambda: self.systemctl(
                "is-active", "basic.target", check=False).stdout.strip() == "active", 30)
        except BaseException:
            self.close()
            raise

    def find_init(self):
        assert self.process.poll() is None, (self.lab.dir / "boot.log").read_text()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for child in children.split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return None

    def sh(self, *args, net=True, **kw):
        """Runs a command on the machine; without net it has this machine's way to the archive."""
        spaces = ["-m", "-p", "-u", "-i", "-C"] + (["-n"] if net else [])
        return run("nsenter", "-t", self.pid, *spaces, "--root", "--wd", "env", "-i", "HOME=/root",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                   "DEBIAN_FRONTEND=noninteractive", *args, **kw)

    def systemctl(self, *args, **kw):
        return self.sh("systemctl", *args, **kw)

    def apt(self, *args, net=True):
        return self.sh("apt-get", "-q", "-y", "--no-install-recommends", *args, net=net,
                       timeout=300)

    def install(self, deb):
        """Installs a package file; what it depends on is fetched before, from outside."""
        shutil.copy(deb, self.root / "root" / deb.name)
        self.apt("install", "--download-only", f"/root/{deb.name}", net=False)
        self.apt("install", f"/root/{deb.name}")

    def is_active(self, unit):
        return self.systemctl("is-active", unit, check=False).stdout.strip() == "active"

    def status(self, unit=None, pid=None):
        """The lines of /proc/PID/status of a unit's main process, as that machine sees it."""
        if unit:
            pid = self.systemctl("show", "--value", "--property=MainPID", unit).stdout.strip()
        text = self.sh("cat", f"/proc/{pid}/status").stdout
        return {line.split(":")[0]: line.split(":")[1].strip() for line in text.splitlines()}

    def close(self):
        if self.process.poll() is None:
            # With its init the kernel ends all that runs in the namespace.
            os.kill(self.pid or self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        self.log.close()
        wait_for("its control groups are empty", self.sweep, 10)

    def sweep(self):
        for folder, _, _ in os.walk(self.cgroup, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                return False
        return not self.cgroup.exists()
