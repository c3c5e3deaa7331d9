# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Metrics over TCP: for everybody who comes, three pages and nothing else; nothing at all where it is
not configured."""
import os

from hosts import WEFTD, run, wait_for

PORT = 9747


def listens(host):
    return [line.split()[3] for line in host.exec("ss", "-Hltn").stdout.splitlines()]


def asks(host, path, *more):
    """What the wire's namespace is answered: (HTTP status, body)."""
    done = host.lab.underlay.exec("curl", "-s", "-m", "20", "-w", "\n%{http_code}", *more,
                                  f"http://{host.addr}:{PORT}{path}")
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


def test_over_tcp_three_pages_are_read_and_nothing_is_changed(lab):
    host = lab.host(False)
    host.start("--metrics-listen", f"{host.addr}:{PORT}")
    assert asks(host, "/healthz") == (200, "ok\n")
    assert asks(host, "/readyz")[0] == 503
    host.weft("init", "--name", "lab")
    host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
    box = host.box("b")
    assert asks(host, "/readyz") == (200, "ready\n")
    status, page = asks(host, "/metrics")
    assert status == 200 and '\nweft_members{state="alive"} 1\n' in page

    before = host.json("network", "ls"), host.json("ipam", "ls")
    attach = f'{{"netns": "{box.path}"}}'
    for path, *more in (("/v1/status",), ("/",), ("/metrics", "-d", "{}"),
                        ("/v1/networks/blue/endpoints", "-d", attach),
                        ("/v1/networks/blue/leases", "-d", "{}"),
                        ("/v1/networks/blue?force=true", "-X", "DELETE"),
                        ("/v1/cluster/leave", "-d", '{"force": true}')):
        assert asks(host, path, *more)[0] == 404, path
    assert (host.json("network", "ls"), host.json("ipam", "ls")) == before
    assert "eth0" not in box.links()

    # A run that begins anew listens anew.
    host.weft("leave")
    host.weft("reset")
    wait_for("it begins anew", lambda: host.json("status")["cluster"] is None, 10)
    assert asks(host, "/readyz")[0] == 503
    assert listens(host) == [f"{host.addr}:{PORT}"]


def test_nothing_listens_on_tcp_that_was_not_asked_for(lab):
    assert listens(lab.host()) == []


def test_where_one_cannot_listen_weftd_says_so(lab):
    wrong = run(WEFTD, "--check", "--metrics-listen", "all", check=False)
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert wrong.stderr == ('weftd: metrics-listen (from the command line): "all" is not an address '
                            "with a port; write ADDR:PORT or [ADDR]:PORT\n")
    checked = run(WEFTD, "--check", env=dict(os.environ, WEFT_METRICS_LISTEN=f"[::]:{PORT}"))
    assert any(line.split() == ["metrics-listen", f"[::]:{PORT}", "(environment)"]
               for line in checked.stdout.splitlines())

    host = lab.host(False)
    host.start("--metrics-listen", f"192.0.2.1:{PORT}", wait=False)
    assert host.daemon.wait(10) == 1
    assert f"cannot listen on TCP 192.0.2.1:{PORT} for metrics: Cannot assign requested address; " \
        "choose another with --metrics-listen" in host.tail()
    assert not host.socket.exists()
