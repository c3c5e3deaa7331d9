# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""What the tests of weft diag share: how it is run, and what of its answer is looked at."""
import base64
import json
import sqlite3

import pytest

from hosts import WEFT, run

NET = "10.64.1.0/24"


def diag(host, *extra, through=()):
    """Runs weft diag as the host would, by a command that runs it if one is given; (exit code,
    checks)."""
    done = run("nsenter", f"--net={host.path}", *through, WEFT, "--socket", host.socket, "--json",
               "diag", *extra, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout)["checks"]


def preloaded(folder, source):
    """The setting that puts a function of one's own before the C library's."""
    program = folder / "before.c"
    program.write_text(source)
    run("gcc", "-shared", "-fPIC", "-o", folder / "before.so", program, "-ldl")
    return f"LD_PRELOAD={folder / 'before.so'}"


def assert_no_seed(raw, store):
    """Bytes hold none of the seeds that a node keeps in its store (or in a backup of it), in none of
    the ways in which bytes are written as text: the node's own, and the cluster's where it was
    made, which is there."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as opened:
        seeds = [value for (value,) in
                 opened.execute("SELECT value FROM meta WHERE length(value) = 32")]
    assert len(seeds) >= 2
    for seed in seeds:
        # A base64 text that begins elsewhere has other digits: the three ways are tried.
        texts = [base64.b64encode(seed[at:])[:36] for at in range(3)]
        for form in (seed, seed.hex().encode(), seed.hex().upper().encode(), *texts,
                     *(text.replace(b"+", b"-").replace(b"/", b"_") for text in texts)):
            assert form not in raw


def wrong(checks):
    """(check, peer, verdict) of everything that is not well; how busy the machine is that runs the
    tests (loop-lag) is not the lab's matter."""
    return sorted((c["check"], c["peer"] or "", c["verdict"]) for c in checks
                  if c["verdict"] != "ok" and c["check"] != "loop-lag")


def found(checks, check, peer=None):
    """The one check of this name that is not well; it has a remedy."""
    fits = [c for c in checks if c["check"] == check and c["verdict"] != "ok"
            and (peer is None or c["peer"] == peer)]
    assert len(fits) == 1, checks
    assert fits[0]["remedy"], fits
    return fits[0]


@pytest.fixture
def three(lab):
    """Three hosts, a box on the first two, and another network that nobody is in."""
    hosts = lab.cluster(3)
    hosts[0].weft("network", "create", "blue", "--subnet", NET)
    hosts[0].weft("network", "create", "green", "--subnet", "10.65.0.0/24")
    for host in hosts[:2]:
        host.attach("blue", host.box("a"))
    return hosts


def firewall(host, rule, chain="input"):
    """A rule in a host's firewall; what passed before it was there is read when this returns."""
    host.exec("nft", "-f", "-", input=f"""table inet fault {{
        chain c {{ type filter hook {chain} priority 0; {rule}; }}
    }}""")
    for _ in range(2):  # turns of its loop
        host.json("status")


def quiet(*hosts):
    """None of these hosts has anything to say, and all were looked at."""
    for host in hosts:
        code, checks = diag(host)
        assert (code, wrong(checks)) == (0, []), host.label
