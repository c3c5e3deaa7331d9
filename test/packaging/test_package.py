# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""The package's life on a clean Debian with a systemd that runs: the tests follow one another."""
import json
import os
import re
from fnmatch import fnmatch

import pytest
from diag_kit import assert_no_seed
from hosts import BUILD, ROOT, Pinger, run, wait_for
from machine import NEWER

NET_ADMIN, NET_RAW, SYS_PTRACE, SYS_ADMIN = 1 << 12, 1 << 13, 1 << 19, 1 << 21
UNITS = ("weftd.service", "weft-netns.socket", "weft-netns@.service")


class Packaged:
    """What one test leaves to the next."""

    machine = far = token = box_far = box_here = None


def weft(machine, *args):
    return json.loads(machine.sh("weft", *args, "--json").stdout)


def capabilities(status):
    return {name: int(status[name], 16) for name in ("CapBnd", "CapEff", "CapPrm", "CapInh")}


def test_lintian_finds_nothing(debs):
    done = run("lintian", "--allow-root", "--fail-on", "error,warning", debs[0], check=False,
               timeout=120)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def test_the_package_lies_where_the_readme_takes_it_from(debs):
    named = re.search(r"`sudo apt install (\./\S+\.deb)`", (ROOT / "README.md").read_text())[1]
    assert fnmatch(f"./build/{debs[0].relative_to(BUILD)}", named)


def test_the_pages_link_to_what_is_there(debs, tmp_path):
    run("dpkg-deb", "-x", debs[0], tmp_path)
    pages = list((tmp_path / "usr/share/doc/weft").rglob("*.md"))
    assert len(pages) > 4, pages
    for page in pages:
        links = set(re.findall(r"\]\(([^):#]+)\)", page.read_text()))
        for link in links - {"CONTRIBUTING.md", "LICENSE"}:  # of the sources
            assert (page.parent / link).is_file(), (page, link)


def test_it_installs_on_a_clean_debian_and_runs(clean, debs):
    needs = ("sh", "-c", "for tool in ip bridge nft ss; do command -v $tool || echo no $tool; done")
    assert clean.sh(*needs).stdout == "no ip\nno bridge\nno nft\nno ss\n"
    clean.apt("update", net=False)
    clean.install(debs[0])
    assert "no " not in clean.sh(*needs).stdout
    assert clean.is_active("weftd.service"), clean.sh("journalctl", "-u", "weftd").stdout
    assert clean.is_active("weft-netns.socket")
    assert clean.systemctl("is-enabled", "weftd.service").stdout.strip() == "enabled"
    assert clean.sh("stat", "-c", "%U:%G %a", "/run/weft/weft.sock").stdout == "weft:weft 660\n"
    assert clean.sh("stat", "-c", "%U %a", "/var/lib/weft", "/run/weft-netns.sock").stdout == \
        "weft 700\nweft 600\n"
    assert weft(clean, "status")["cluster"] is None
    # What README.md points at is where it says.
    clean.sh("test", "-s", "/usr/share/doc/weft/OPERATING.md", "-a",
             "-s", "/usr/share/doc/weft/gossip/WIRE.md")
    runs = next(line for line in map(json.loads, clean.sh(
        "journalctl", "-u", "weftd", "-o", "json").stdout.splitlines()) if "WEFT_SOCKET" in line)
    assert (runs["WEFT_SOCKET"], runs["PRIORITY"]) == ("/run/weft/weft.sock", "6")


def test_the_units_are_right_and_hardly_exposed(clean):
    for unit in UNITS:
        path = f"/lib/systemd/system/{unit}"
        done = clean.sh("systemd-analyze", "verify", "--man=no", path)
        assert "weft" not in done.stderr + done.stdout, done.stderr + done.stdout
    for unit in ("weftd.service", "weft-netns@.service"):
        text = clean.sh("systemd-analyze", "security", "--offline=yes", "--no-pager",
                        f"/lib/systemd/system/{unit}").stdout
        score = re.search(r"exposure level for \S+: ([\d.]+)", text)
        assert score and float(score.group(1)) < 3, text


def test_a_box_is_attached_and_no_process_has_more_rights_than_it_needs(clean, box_lab):
    far = box_lab.host()
    Packaged.token = weft(clean, "init", "--name", "lab")["token"]
    far.weft("join", Packaged.token)
    far.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box_far = far.box("b")
    ip_far = far.attach("blue", box_far)["ip"]
    clean.sh("ip", "netns", "add", "box")
    wait_for("the machine knows the network", lambda: weft(clean, "network", "ls"), 20)
    answer = weft(clean, "attach", "blue", "--netns", "box")
    ip_here = answer["addresses"][0].split("/")[0]
    wait_for("the other host knows the box", lambda: far.forwards(answer), 20)
    clean.sh("ip", "netns", "exec", "box", "ping", "-n", "-c", "1", "-W", "2", ip_far)

    daemon = clean.status("weftd.service")
    assert capabilities(daemon) == dict.fromkeys(("CapBnd", "CapEff", "CapPrm", "CapInh"),
                                                 NET_ADMIN | NET_RAW)
    helpers = clean.sh("pgrep", "-x", "weft-netns", check=False).stdout.split() or \
        re.findall(r"Main PID: (\d+)", clean.systemctl("status", "weft-netns@*").stdout)
    assert len(helpers) == 1
    helper = clean.status(pid=helpers[0])
    assert capabilities(helper)["CapEff"] == NET_ADMIN | SYS_ADMIN | SYS_PTRACE
    assert capabilities(helper)["CapBnd"] == NET_ADMIN | SYS_ADMIN | SYS_PTRACE
    for status in (daemon, helper):
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    uid = clean.sh("id", "-u", "weft").stdout.strip()
    assert daemon["Uid"].split() == [uid] * 4
    # The kernel took every setting, also those below /proc/sys.
    assert weft(clean, "status")["reconcile"]["failed"] == 0
    assert "denied" not in clean.sh("journalctl", "-u", "weftd", "--no-pager").stdout.lower()
    Packaged.far, Packaged.box_far, Packaged.ip_here, Packaged.ip_far = far, box_far, ip_here, ip_far


def test_diag_finds_its_checker_and_sees_that_all_is_well_through_the_unit(clean):
    done = clean.sh("weft", "diag", "--json", check=False)
    checks = json.loads(done.stdout)["checks"]
    wrong = [check for check in checks if check["verdict"] != "ok"]
    # This machine shares the kernel, the size of its buffers and the time of its processors with the
    # one around it, which was busy with packages within the minute that weftd remembers.
    assert [check for check in wrong if check["check"] not in ("rmem", "loop-lag")] == []
    assert done.returncode == 0
    # Of weftd, of its checker, and of the way to the other host.
    assert {"cluster", "kernel", "disk", "forward", "kernel-feature"} <= \
        {check["check"] for check in checks if check["peer"] is None}
    assert [check["peer"] for check in checks if check["check"] == "peer"] == \
        [Packaged.far.label]


def test_the_support_bundle_has_the_journal_and_no_secret(clean):
    unsaid = weft(clean, "token", "create")["token"]
    clean.sh("weft", "diag", "-o", "/root/bundle.json", check=False)
    raw = (clean.root / "root/bundle.json").read_bytes()
    log = json.loads(raw)["kernel"]["log"]
    assert re.search(r"weftd\[\d+\]: weftd \S+ runs\b", log), log
    for token in (Packaged.token, unsaid):
        assert token.encode() not in raw and token[6:46].encode() not in raw
    weft(clean, "backup", "/root/state")
    assert_no_seed(raw, clean.root / "root/state")


def lossless(action):
    """Pings the machine's box from another host while something is done; none may be lost."""
    pinger = Pinger(Packaged.box_far, Packaged.ip_here, 0.02)
    try:
        action()
        Packaged.box_far.exec("ping", "-n", "-i", "0.02", "-c", "20", Packaged.ip_here)
    finally:
        sent, received = pinger.stop()
    assert sent == received


def test_a_box_of_another_users_process_is_attached(clean):
    clean.sh("sh", "-c", "setpriv --reuid=1234 --clear-groups unshare --user --net sleep 600 "
             "</dev/null >/dev/null 2>&1 & echo $! >/run/sleeper")
    pid = wait_for("the process sleeps", lambda: clean.sh(
        "sh", "-c", "grep -l sleep /proc/$(cat /run/sleeper)/comm && cat /run/sleeper",
        check=False).stdout.split()[-1:], 5)[0][0]
    weft(clean, "attach", "blue", "--netns", pid, "--name", "other")
    weft(clean, "detach", "blue", "--name", "other")
    clean.sh("sh", "-c", f"kill {pid}")


def test_traffic_stays_when_the_unit_restarts(clean):
    clean.systemctl("reload", "weftd.service")
    assert clean.is_active("weftd.service")
    lossless(lambda: clean.systemctl("restart", "weftd.service"))
    assert weft(clean, "status")["node"]["phase"] == "active"
    lossless(lambda: (clean.systemctl("stop", "weftd.service"),
                      clean.sh("test", "-s", "/run/weft/weft.sock.marker"),
                      clean.systemctl("start", "weftd.service")))
    # A restart is no reboot: leases go on at once.
    clean.sh("ip", "netns", "add", "box2")
    weft(clean, "attach", "blue", "--netns", "box2", "--name", "two")


def test_the_unit_starts_weftd_until_what_it_needs_is_there(clean):
    """An address to bind to that comes late; and a key of the file holds where the unit says nothing."""
    config = clean.root / "etc/weft/weft.yaml"
    shipped = config.read_text()
    config.write_text(f"bind: {clean.addr}\nhelper: /run/weft-netns.sock\n")
    clean.sh("ip", "addr", "del", f"{clean.addr}/24", "dev", "eth0")
    try:
        clean.systemctl("restart", "weftd.service", check=False)
        # More often than systemd allows in ten seconds where nothing else is said.
        wait_for("it was tried six times", lambda: int(clean.systemctl(
            "show", "--value", "--property=NRestarts", "weftd.service").stdout) >= 6, 40)
        assert not clean.is_active("weftd.service")
    finally:
        clean.sh("ip", "addr", "add", f"{clean.addr}/24", "dev", "eth0")
    wait_for("it runs", lambda: clean.is_active("weftd.service"), 10)
    config.write_text(shipped)
    clean.systemctl("restart", "weftd.service")
    wait_for("it is back", lambda: weft(clean, "status")["in_sync"], 20)
    wait_for("its box is reached", lambda: Packaged.box_far.ping(Packaged.ip_here), 10)


def test_root_backs_up_and_restores_to_places_that_the_unit_cannot_reach(clean):
    state = clean.sh("ls", "/var/lib/weft").stdout
    assert weft(clean, "backup", "/root/node.backup") == {"file": "/root/node.backup"}
    assert clean.sh("stat", "-c", "%U %a", "/root/node.backup").stdout == "root 600\n"
    again = clean.sh("weft", "backup", "/root/node.backup", check=False)
    assert again.returncode == 4 and "/root/node.backup exists already" in again.stderr
    assert weft(clean, "restore", "--force", "/root/node.backup") == {"file": "/root/node.backup"}
    assert clean.sh("weft", "restore", "/root/none", check=False).stderr == \
        ("weft: cannot read /root/none: No such file or directory; see that it is there and that "
         "root may use it\n")
    lossless(lambda: weft(clean, "node", "recover"))
    # A state that was replaced is put by; nothing else was left behind.
    assert "carried" not in clean.sh("ls", "/var/lib/weft").stdout
    assert set(clean.sh("ls", "/var/lib/weft").stdout.split()) >= set(state.split()) - {"open"}
    assert clean.sh("weft", "status").returncode == 0


def test_an_upgrade_under_pings_loses_none(clean, debs):
    before = clean.systemctl("show", "--value", "--property=MainPID", "weftd").stdout
    lossless(lambda: clean.install(debs[1]))
    assert clean.sh("dpkg-query", "-W", "-f", "${Version}", "weft").stdout == NEWER
    assert clean.is_active("weftd.service") and clean.is_active("weft-netns.socket")
    assert clean.systemctl("show", "--value", "--property=MainPID", "weftd").stdout != before
    clean.sh("ip", "netns", "add", "box3")
    weft(clean, "attach", "blue", "--netns", "box3", "--name", "three")


def kernel_of(machine):
    """Names of the devices and tables that a machine has."""
    links = {link["ifname"] for link in json.loads(machine.sh("ip", "-j", "link").stdout)}
    return links, machine.sh("nft", "list", "tables").stdout


@pytest.mark.parametrize("bound", ["nothing", "proc", "proc and run"])
def test_purging_in_a_chroot_leaves_the_machine_around_it_alone(clean, bound):
    clean.sh("sh", "-ec", f"""
        mkdir -p /run/twin/upper /run/twin/work /run/twin/root
        mount -t overlay overlay -o lowerdir=/,upperdir=/run/twin/upper,workdir=/run/twin/work \
            /run/twin/root
        case "{bound}" in proc*) mount --bind /proc /run/twin/root/proc ;; esac
        case "{bound}" in *run) mount --bind /run /run/twin/root/run ;; esac""")
    before = kernel_of(clean)
    assert any(name.startswith("weft") for name in before[0]) or "weft" in before[1]
    running = clean.systemctl("show", "--value", "--property=MainPID", "weftd").stdout
    try:
        lossless(lambda: clean.sh("chroot", "/run/twin/root", "dpkg", "--purge", "weft"))
        gone = clean.sh("ls", "/run/twin/root/var/lib/weft", "/run/twin/root/usr/sbin/weftd",
                        check=False)
        assert gone.stdout == ""
    finally:
        clean.sh("umount", "-R", "/run/twin/root")
        clean.sh("rm", "-rf", "/run/twin")
    assert kernel_of(clean) == before
    assert clean.systemctl("show", "--value", "--property=MainPID", "weftd").stdout == running
    assert weft(clean, "status")["reconcile"] | {"last_ms": 0} == \
        {"pending": 0, "failed": 0, "last_ms": 0}


def files_of_weft(machine):
    """By name, wherever they lie, but for what apt fetched."""
    return sorted(machine.sh(
        "find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/var/lib/apt", "-o", "-path",
        "/root", ")", "-prune", "-o", "-iname", "*weft*", "-print").stdout.split())


def test_removal_leaves_traffic_and_state(clean):
    lossless(lambda: clean.apt("remove", "weft"))
    assert not clean.is_active("weftd.service") and not clean.is_active("weft-netns.socket")
    assert clean.sh("ls", "/var/lib/weft").stdout
    lossless(lambda: clean.sh("true"))


def test_purging_leaves_nothing(clean):
    clean.apt("purge", "weft")
    assert files_of_weft(clean) == []
    assert clean.sh("find", "/run", "-name", "*weft*").stdout == ""
    # The account stays and can do nothing: what it may own elsewhere is not given to another.
    assert clean.sh("getent", "passwd", "weft").stdout.endswith(":/usr/sbin/nologin\n")
    assert re.match(r"weft:!", clean.sh("getent", "shadow", "weft").stdout)
    assert clean.sh("find", "/", "-xdev", "(", "-user", "weft", "-o", "-group", "weft", ")").stdout \
        == ""
    links, tables = kernel_of(clean)
    assert links == {"lo", "eth0"} and "weft" not in tables
    assert clean.systemctl("list-unit-files", "weft*", "--no-legend", check=False).stdout == ""


def test_it_installs_runs_and_goes_without_a_package_too(clean):
    """As README.md says; what it is linked with is there, since purging a package leaves that."""
    readme = (ROOT / "README.md").read_text()
    start = re.search(r"```sh\n(systemd-sysusers\n.*?)```", readme, re.DOTALL)[1]
    stop = re.search(r"`(systemctl disable [^`]*)`", readme)[1]
    env = dict(os.environ, DESTDIR=str(clean.root))
    run("cmake", "--install", BUILD, "--prefix", "/usr/local", env=env)
    clean.sh("sh", "-ec", start)
    assert clean.is_active("weftd.service"), clean.sh("journalctl", "-u", "weftd").stdout
    clean.sh("weft", "init", "--name", "lab")
    clean.sh("weft", "network", "create", "blue", "--subnet", "10.64.1.0/24")
    clean.sh("ip", "netns", "add", "by-hand")
    weft(clean, "attach", "blue", "--netns", "by-hand")
    clean.sh("weft", "leave", "--force")
    clean.sh("weft", "reset")
    clean.sh("sh", "-ec", stop)
    config = clean.root / "etc/weft/weft.yaml"
    shipped = config.read_text()
    config.write_text("name: mine\n")

    def left():
        return [path for path in files_of_weft(clean) if not path.startswith("/var/lib/weft")]
    uninstall = ("bash", ROOT / "packaging/uninstall.sh", BUILD, "/usr/local")
    assert f"{config} stays: it was changed" in run(*uninstall, env=env).stdout
    assert left() == ["/etc/weft", "/etc/weft/weft.yaml"]
    config.write_text(shipped)
    assert "files of weft removed: 1\n" in run(*uninstall, env=env).stdout
    assert left() == [] and clean.sh("ls", "/var/lib/weft").stdout
