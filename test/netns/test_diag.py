# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""weft diag finds what is wrong, each fault made for real, says what to do, and is quiet otherwise."""
import json
import re
import subprocess
import warnings

import pytest

from diag_kit import diag, firewall, found, preloaded, quiet, three, wrong  # noqa: F401: a fixture
from hosts import BUILD, line_of, run, wait_for


def calm_text(host):
    """What weft diag shows a person once it has nothing to say of how busy the machine is, which it
    remembers for a minute."""
    def text():
        said = host.weft("diag")
        return "weftd's loop stood still" not in said and said
    return wait_for("a minute in which the loop turned", text, 180, 1)[0]


def test_a_healthy_host_is_told_so(three):
    for host in three:
        code, checks = diag(host)
        assert wrong(checks) == []
        assert code == 0
        assert sorted(c["peer"] for c in checks if c["check"] == "peer") == \
            sorted(h.label for h in three if h is not host)
    text = calm_text(three[0])
    assert "nothing is wrong" in text
    assert re.search(r"^ok +peer h2: gossip and VXLAN \(4789/udp\) pass both ways with 1500 bytes",
                     text, re.M)
    # What watched for probes is gone soon after.
    wait_for("the watch ends",
             lambda: "weft_diag" not in three[1].exec("nft", "list", "tables").stdout, 30, 0.5)


def settled(*hosts):
    """Waits until these hosts have done what was to do: kernel, and space of who has gone."""
    for host in hosts:
        wait_for(f"{host.name} has settled", lambda: host.json("status")["reconcile"]["pending"] == 0
                 and not host.json("ipam", "ring", "n1")["blocks"]
                 and not host.json("ipam", "ring", "n2")["blocks"], 30, 0.1)


DOCKER = """
table ip filter {
    chain DOCKER { }
    chain DOCKER-ISOLATION-STAGE-1 { }
    chain DOCKER-USER {
        iifname "wfbr*" accept
        oifname "wfbr*" ct state established,related accept
        return
    }
    chain FORWARD {
        type filter hook forward priority 0; policy drop;
        jump DOCKER-USER
        jump DOCKER-ISOLATION-STAGE-1
        oifname "docker0" ct state established,related accept
        iifname "docker0" accept
    }
}
table ip nat {
    chain POSTROUTING {
        type nat hook postrouting priority 100; policy accept;
        ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
    }
}
table inet firewalld {
    chain in {
        type filter hook input priority 10; policy accept;
        ct state established,related accept
        ip saddr 10.199.0.0/24 udp dport { 4789, 7947 } accept
        ct state invalid drop
    }
}
table bridge filter {
    chain f { type filter hook forward priority 0; policy accept; }
}
"""


def bridged_frames_pass_iptables(host):
    """As Docker has it; said out loud where the kernel lacks the module."""
    setting = "net.bridge.bridge-nf-call-iptables"
    if host.exec("sysctl", "-n", setting, check=False).returncode != 0:
        warnings.warn("br_netfilter is not loaded: hosts whose bridged frames pass iptables are not "
                      "tried (modprobe br_netfilter)")
        return
    host.exec("sysctl", "-qw", f"{setting}=1")


def test_hosts_of_all_shapes_are_told_nothing_while_they_are_healthy(lab):
    alone = lab.host()
    quiet(alone)
    alone.weft("init", "--name", "lab")
    quiet(alone)
    alone.weft("network", "create", "n0", "--subnet", "10.64.0.0/24")
    alone.attach("n0", alone.box("a"))
    quiet(alone)
    token = alone.weft("token", "create").strip()
    hosts = [alone]
    for _ in range(3):
        hosts.append(lab.host())
        hosts[-1].weft("join", token)
    wait_for("all are there", lambda: all(len(h.members()) == 4 for h in hosts), 10)
    _, second, third, fourth = hosts
    # Docker's firewall, a firewall for the host itself, bridged frames that pass iptables.
    second.ip("link", "add", "docker0", "type", "bridge")
    second.ip("addr", "add", "172.17.0.1/16", "dev", "docker0")
    second.exec("nft", "-f", "-", input=DOCKER)
    bridged_frames_pass_iptables(second)
    # Many networks on six ports, two of which have boxes, and one has many.
    for i in range(1, 40):
        alone.weft("network", "create", f"n{i}", "--subnet", f"10.64.{i}.0/24",
                   *(["--port", str(4789 + i % 6)] if i % 6 else []))
    for i in range(60):
        alone.attach("n1", alone.box(f"w{i}"), patient=False)
    for host in (second, third):
        host.attach("n1", host.box("a"))
        host.attach("n2", host.box("b"))
    settled(*hosts)
    quiet(*hosts)
    # One leaves; what it had goes to others, and nobody misses it. It is in no cluster any more.
    third.weft("leave", "--force")
    wait_for("all know",
             lambda: all(h.members("left") == ["h3"] for h in (alone, second, fourth)), 10)
    settled(alone, second, fourth)
    quiet(alone, second, fourth, third)
    # One is gone for good.
    fourth.kill()
    wait_for("it failed", lambda: "h4" in alone.members("failed"), 20)
    alone.weft("node", "rm", "h4", "--reason", "test")
    wait_for("both have heard", lambda: all("h4" in h.members("removed") for h in (alone, second)),
             10)
    for host in (alone, second):
        wait_for("nothing is left to do", lambda: wrong(diag(host)[1]) == [], 30, 0.5)
    quiet(alone, second)


def test_everything_of_a_long_list_is_checked(lab):
    host = lab.host(start=False)
    host.ip("route", "add", "10.77.99.0/24", "via", "10.199.0.254")
    words = [word for i in range(100)
             for word in ("--subnet", f"10.77.{i}.0/24", "--port", str(20000 + i))]
    server = host.popen("python3", "-c", "import signal, socket; s = socket.socket(socket.AF_INET6, "
                        "socket.SOCK_DGRAM); s.bind(('::', 20099)); print('up', flush=True); "
                        "signal.pause()", stdout=subprocess.PIPE)
    assert line_of(server, server.stdout, "the port is taken", 10) == b"up\n"
    checks = json.loads(host.exec(BUILD / "libexec" / "weft-hostcheck", *words).stdout)
    assert wrong([{**c, "peer": None} for c in checks]) == \
        [("foreign-vxlan", "", "fail"), ("overlap", "", "fail")]
    assert "10.77.99.0/24" in found(checks, "overlap")["measured"]
    assert "20099" in found(checks, "foreign-vxlan")["measured"]


def test_a_blocked_vxlan_port_is_found_with_its_direction(three):
    first, second, _ = three
    firewall(second, f"ip saddr {first.addr} udp dport 4789 drop")
    code, checks = diag(first)
    assert code == 1
    assert wrong(checks) == [("vxlan-port", "h2", "fail")]
    there = found(checks, "vxlan-port", "h2")
    assert "from here to there" in there["measured"]
    assert "firewall of h2" in there["remedy"]
    # The other side sees the same from its end; the third nothing.
    assert "from there to here" in found(diag(second)[1], "vxlan-port", "h1")["measured"]
    assert wrong(diag(three[2])[1]) == []


def test_of_many_ports_those_in_use_here_are_probed(three):
    """Four are at a time: in whatever order networks are read, these are among them."""
    first, second, _ = three
    for port in range(5001, 5011):
        first.weft("network", "create", f"n{port}", "--subnet", f"10.66.{port - 5000}.0/24", "--port",
                   str(port))
    for network in ("n5009", "n5010"):
        first.attach(network, first.box(network))
    quiet(first)
    firewall(second, "udp dport { 5009, 5010 } drop")
    code, checks = diag(first)
    assert code == 1
    blocked = [c["measured"] for c in checks if c["check"] == "vxlan-port" and c["verdict"] == "fail"]
    assert wrong(checks) == [("vxlan-port", "h2", "fail")] * 2
    assert any("5009" in text for text in blocked) and any("5010" in text for text in blocked)


def test_a_vxlan_port_that_the_own_firewall_closes_is_found(three):
    firewall(three[0], "udp dport 4789 drop", "output")
    code, checks = diag(three[0])
    assert code == 1
    assert wrong(checks) == [("vxlan-port", "h2", "fail"), ("vxlan-port", "h3", "fail")]
    assert "OUTPUT" in found(checks, "vxlan-port", "h2")["remedy"]


@pytest.mark.parametrize("deaf", ["here", "there"])
def test_a_blocked_gossip_port_is_found_with_its_direction(three, deaf):
    first, second, _ = three
    ear, mouth = (first, second) if deaf == "here" else (second, first)
    firewall(ear, f"ip saddr {mouth.addr} udp dport 7947 drop")
    code, checks = diag(first)
    assert code == 1
    gossip = found(checks, "gossip", "h2")
    assert ("from there to here" if deaf == "here" else "from here to there") in gossip["measured"]
    assert "7947" in gossip["remedy"]
    assert ("this host's firewall" if deaf == "here" else "firewall of h2") in gossip["remedy"]
    assert [w for w in wrong(checks) if w[1] != "h2" and w[0] != "members"] == []


def test_a_small_mtu_in_the_middle_is_found(lab, three):
    lab.underlay.ip("link", "set", "p2", "mtu", "1400")
    code, checks = diag(three[0])
    assert code == 1
    assert wrong(checks) == [("mtu", "h2", "fail")]
    mtu = found(checks, "mtu", "h2")
    assert "1400 bytes pass, of 1500 bytes not" in mtu["measured"]
    assert "mtu 1400" in mtu["remedy"]
    path = three[0].json("path", "h2")
    assert (path["mtu_bytes"], path["interface_mtu_bytes"]) == (1400, 1500)


def test_a_missing_kernel_feature_is_found(three, tmp_path):
    """A kernel without VXLAN: this one cannot be changed, so its answer is."""
    novxlan = preloaded(tmp_path, r"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <string.h>
        #include <sys/socket.h>
        ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
            static ssize_t (*next)(int, const struct msghdr *, int);
            struct msghdr copy = *m;
            struct iovec part = m->msg_iov[0];
            char bytes[4096], *kind;
            if (!next) next = dlsym(RTLD_NEXT, "sendmsg");
            if (part.iov_len > sizeof(bytes)) return next(fd, m, flags);
            memcpy(bytes, part.iov_base, part.iov_len);
            kind = memmem(bytes, part.iov_len, "vxlan", 6);
            if (kind) memcpy(kind, "vxnot", 6);   /* a kind that no kernel has */
            part.iov_base = bytes;
            copy.msg_iov = &part;
            return next(fd, &copy, flags);
        }
        ssize_t sendto(int fd, const void *b, size_t n, int flags, const struct sockaddr *to,
                       socklen_t len) {
            struct iovec part = {(void *)b, n};
            struct msghdr m = {.msg_name = (void *)to, .msg_namelen = len, .msg_iov = &part,
                               .msg_iovlen = 1};
            return sendmsg(fd, &m, flags);
        }
        ssize_t send(int fd, const void *b, size_t n, int flags) {
            return sendto(fd, b, n, flags, 0, 0);
        }
    """)
    code, checks = diag(three[0], through=["env", novxlan])
    assert code == 1
    assert wrong(checks) == [("kernel-feature", "", "fail")]
    feature = found(checks, "kernel-feature")
    assert "refuses vxlan" in feature["measured"]
    assert "modprobe" in feature["remedy"]
    # Nothing of the trial is left, which has names like a network's.
    assert not [name for name in three[0].links() if "trial" in name]
    assert three[0].json("status")["reconcile"]["pending"] == 0


def test_a_kernel_without_what_multicast_needs_is_warned_of(three, tmp_path):
    """It answers as one from before 5.16 does to a chain on the hook egress."""
    noegress = preloaded(tmp_path, r"""
        #define _GNU_SOURCE
        #include <arpa/inet.h>
        #include <dlfcn.h>
        #include <linux/netfilter.h>
        #include <linux/netfilter/nf_tables.h>
        #include <linux/netfilter/nfnetlink.h>
        #include <linux/netlink.h>
        #include <sys/socket.h>
        static struct nlattr *find(char *at, int left, int type) {
            for (; left >= (int)sizeof(struct nlattr);) {
                struct nlattr *attr = (void *)at;
                if (attr->nla_len < sizeof(*attr)) return 0;
                if ((attr->nla_type & NLA_TYPE_MASK) == type) return attr;
                at += NLA_ALIGN(attr->nla_len);
                left -= NLA_ALIGN(attr->nla_len);
            }
            return 0;
        }
        static void spoil(struct nlmsghdr *message) {
            struct nfgenmsg *head = NLMSG_DATA(message);
            struct nlattr *hook, *number;
            if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
                head->nfgen_family != NFPROTO_NETDEV) return;
            hook = find((char *)(head + 1), NLMSG_PAYLOAD(message, sizeof(*head)), NFTA_CHAIN_HOOK);
            number = hook ? find((char *)(hook + 1), hook->nla_len - sizeof(*hook),
                                 NFTA_HOOK_HOOKNUM) : 0;
            if (number && *(unsigned *)(number + 1) == htonl(NF_NETDEV_EGRESS))
                *(unsigned *)(number + 1) = htonl(7);   /* a hook that no kernel has */
        }
        ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
            static ssize_t (*next)(int, const struct msghdr *, int);
            if (!next) next = dlsym(RTLD_NEXT, "sendmsg");
            for (size_t i = 0; i < m->msg_iovlen; i++) {
                struct nlmsghdr *message = m->msg_iov[i].iov_base;
                int left = m->msg_iov[i].iov_len;
                for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
                    spoil(message);
            }
            return next(fd, m, flags);
        }
    """)
    code, checks = diag(three[0], through=["env", noegress])
    assert code == 0
    assert wrong(checks) == [("kernel-feature", "", "warn")]
    feature = found(checks, "kernel-feature")
    assert "which networks with --multicast need" in feature["measured"]
    assert "5.16" in feature["remedy"]


def test_a_wrong_clock_is_found(lab, tmp_path, monkeypatch):
    name, path = preloaded(tmp_path, r"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <time.h>
        int clock_gettime(clockid_t id, struct timespec *ts) {
            static int (*next)(clockid_t, struct timespec *);
            int rc;
            if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
            rc = next(id, ts);
            if (id == CLOCK_REALTIME) ts->tv_sec += 3600;
            return rc;
        }
    """).split("=")
    first, second = lab.cluster(2)
    second.stop()
    monkeypatch.setenv(name, path)
    second.start()
    monkeypatch.delenv(name)
    wait_for("both are there", lambda: first.members() == ["h1", "h2"], 10)
    code, checks = diag(first)
    assert code == 1
    assert wrong(checks) == [("clock", "h2", "fail")]
    clock = found(checks, "clock", "h2")
    assert re.search(r"3(600|599)\.\d s ahead", clock["measured"])
    assert "NTP" in clock["remedy"]
    assert re.search(r"3(600|599)\.\d s behind", found(diag(second)[1], "clock", "h1")["measured"])


def test_a_full_disk_is_found(lab):
    host = lab.host(start=False)
    host.small_disk(80 << 20)
    host.start()
    host.weft("init", "--name", "lab")
    assert wrong(diag(host)[1]) == []
    host.fill_disk()
    code, checks = diag(host)
    assert code == 1
    disk = found(checks, "disk")
    assert disk["verdict"] == "fail"
    assert "is full" in disk["measured"] and "free space" in disk["remedy"]
    host.free_disk()
    wait_for("all is well again", lambda: wrong(diag(host)[1]) == [], 20, 0.5)


def test_low_neighbour_limits_are_found(three, tmp_path):
    """The limits are of the whole machine: only what one weft diag hears of them is lower."""
    low = preloaded(tmp_path, r"""
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <linux/neighbour.h>
        #include <linux/netlink.h>
        #include <linux/rtnetlink.h>
        #include <string.h>
        #include <sys/socket.h>
        static void lower(struct nlmsghdr *message) {
            struct rtattr *attr = (void *)((char *)NLMSG_DATA(message) +
                                           NLMSG_ALIGN(sizeof(struct ndtmsg)));
            int left = NLMSG_PAYLOAD(message, sizeof(struct ndtmsg));
            for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
                if (attr->rta_type == NDTA_THRESH3) *(unsigned *)RTA_DATA(attr) = 1000;
        }
        ssize_t recvfrom(int fd, void *bytes, size_t room, int flags, struct sockaddr *from,
                         socklen_t *from_len) {
            static ssize_t (*next)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
            struct nlmsghdr *message = bytes;
            ssize_t len;
            if (!next) next = dlsym(RTLD_NEXT, "recvfrom");
            len = next(fd, bytes, room, flags, from, from_len);
            if (!from || from->sa_family != AF_NETLINK) return len;
            for (int left = len; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
                if (message->nlmsg_type == RTM_NEWNEIGHTBL) lower(message);
            return len;
        }
    """)
    code, checks = diag(three[0], through=["env", low])
    assert code == 0
    assert wrong(checks) == [("neighbours", "", "warn")]
    low = found(checks, "neighbours")
    assert "holds 1000" in low["measured"]
    assert "gc_thresh3=" in low["remedy"]
    # More boxes and members than entries is a failure.
    assert wrong(diag(three[0])[1]) == []


def test_settings_and_neighbours_on_the_host_are_found(three):
    host = three[0]
    host.exec("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
    host.ip("link", "add", "flannel.1", "type", "vxlan", "id", "1", "dstport", "4789", "local",
            host.addr)
    host.ip("route", "add", "10.64.1.64/26", "via", "10.199.0.254")
    code, checks = diag(host)
    assert code == 1
    assert wrong(checks) == [("foreign-vxlan", "", "warn"), ("overlap", "", "fail"),
                             ("rp-filter", "", "warn")]
    assert "flannel.1" in found(checks, "foreign-vxlan")["measured"]
    assert "10.64.1.64/26" in found(checks, "overlap")["measured"]
    assert "rp_filter=2" in found(checks, "rp-filter")["remedy"]


def test_a_member_that_is_gone_is_found_and_a_fenced_node_says_so(three):
    first, second, third = three
    third.kill()
    wait_for("it failed", lambda: "h3" in first.members("failed"), 20)
    code, checks = diag(first)
    assert code == 1
    assert wrong(checks) == [("gossip", "h3", "fail"), ("members", "", "warn")]
    gone = found(checks, "gossip", "h3")
    assert "neither here nor to h2" in gone["measured"]
    assert "weft node rm h3" in gone["remedy"]
    first.weft("node", "rm", "h2", "--reason", "test")
    wait_for("it knows", lambda: second.json("status")["node"]["phase"] == "removed", 10)
    code, checks = diag(second)
    assert code == 1
    assert "removed by h1" in found(checks, "fence")["measured"]
    assert "weft reset" in found(checks, "fence")["remedy"]


def test_without_weftd_the_host_is_checked_all_the_same(lab):
    host = lab.host(start=False)
    code, checks = diag(host)
    assert code == 5
    assert wrong(checks) == [("weftd", "", "fail")]
    assert {"disk", "neighbours", "kernel-feature", "forward"} <= {c["check"] for c in checks}
