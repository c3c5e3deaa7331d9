# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""weft-api(7) against the table that the daemon works by, and against what a daemon answers."""
import json
import re
import time

import pytest
from hosts import Api, Lab, Unanswered, run, wait_for
from reference import Reference

from test_pages import errors, table


@pytest.fixture(scope="module")
def reference():
    return Reference()


def test_the_page_has_every_method_and_error_and_no_others(reference):
    rows = table("gossip/base/api_methods.h", r'\w+, "(\w+)", "([^"]+)",')
    assert sorted(reference.methods) == sorted(f"{verb} {path}" for verb, path in rows)
    for head, method in reference.methods.items():
        assert set(re.findall(r"{(\w+)}", head)) == \
            {name for name, kind in method["fields"].items() if kind == "path: text, required"}
        assert ("Changes something." in method["words"]) == (not head.startswith("GET ")), head
        assert ("next" in method["keys"]) == ("Comes in pages." in method["words"]), head
    said = reference.text[reference.text.index("\nERRORS"):]
    for name, http, code, retry in errors():
        assert re.search(rf"^ {{7}}{name} \(exit code {code}"
                         + (f", HTTP status {http}" if http != "0" else "")
                         + (", retryable" if retry == "1" else "") + r"\)$", said, re.M), name


def test_the_daemon_takes_every_field_with_its_type_and_no_others(reference, tmp_path):
    """A value of the wrong type is refused by the field's name; so is a field that is not there."""
    world = Lab(tmp_path)
    try:
        host = world.host()
        for head, method in reference.methods.items():
            verb, path = head.split()
            path = re.sub(r"{\w+}", "x", path)
            if verb == "GET":
                continue
            for name, kind in method["fields"].items():
                if not kind.startswith("body: "):
                    continue
                kind = kind[6:].partition(",")[0]
                status, answer = host.call(verb, path, {name: 1 if kind != "number" else "1"})
                assert (status, answer["error"]["code"]) == (400, "invalid_argument"), head
                assert answer["error"]["message"].startswith(f"{name} must be "), head
            status, answer = host.call(verb, path, {"no_such_field": 1})
            assert answer["error"]["message"] == \
                'unknown field "no_such_field"; weft-api(7) lists the fields of each method', head
    finally:
        world.close()


class Caller:
    """Calls the API and holds each answer against the page."""

    def __init__(self, reference):
        self.reference = reference
        self.called = set()

    def __call__(self, host, verb, pattern, query="", body=None, **path):
        method = f"{verb} {pattern}"
        self.called.add(method)
        status, answer = host.call(verb, pattern.format(**path) + query, body)
        assert status == 200, f"{method}: {answer}"
        self.reference.check(method, answer)
        return answer


def test_every_answer_is_as_the_page_says(reference, tmp_path):
    world = Lab(tmp_path)
    try:
        call = Caller(reference)
        one, two, three = (world.host() for _ in range(3))
        talk(call, one, two, three)
        plain = {head for head, said in reference.methods.items()
                 if not said["keys"] and not said["object"] and "object" not in said["says"]}
        assert plain == {"GET /v1/events", "GET /metrics", "GET /healthz", "GET /readyz"}
        assert call.called == set(reference.methods) - plain
        # These only a cluster that was harmed has: test_addresses and test_recover harm one, and hold
        # what is answered then against the page.
        assert {(head, key.split(".")[0]) for head in call.called
                for key in reference.unseen(head)} == \
            {("POST /v1/ipam/check", "findings[]"), ("POST /v1/node/recover", "dropped[]")}
    finally:
        world.close()


def talk(call, one, two, three):
    """One life of a cluster in which every method has something to say."""
    call(one, "GET", "/v1/version")
    call(one, "GET", "/v1/status")
    call(one, "POST", "/v1/cluster/init", body={"name": "lab"})
    made = call(one, "POST", "/v1/tokens", body={"tags": {"rack": "r1"}, "ttl_ms": 60000})
    for host in (two, three):
        call(host, "POST", "/v1/cluster/join", body={"token": made["token"], "seeds": [one.addr]})
    for host in (one, two, three):
        wait_for("all see all", lambda: len(host.members()) == 3, 20)
    call(one, "GET", "/v1/tokens", "?limit=1")
    call(one, "GET", "/v1/members", "?limit=2")
    call(one, "GET", "/v1/members/{node}", node="h2")
    call(one, "GET", "/v1/members/{node}/path", node="h2")
    call(one, "GET", "/v1/diag")
    call(one, "POST", "/v1/admins", body={"node": "h2"})
    assert len(call(one, "GET", "/v1/admins")["admins"]) == 2
    sealed = call(one, "POST", "/v1/cluster/key/backup", body={"passphrase": "a long passphrase"})
    call(one, "DELETE", "/v1/admins/{node}", node="h2")
    call(one, "POST", "/v1/cluster/key/restore",
         body={"sealed": sealed["sealed"], "passphrase": "a long passphrase"})
    addresses(call, one, two)
    wait_for("it heard of it", lambda: call(two, "GET", "/v1/networks")["networks"], 20)
    assert call(three, "GET", "/v1/endpoints")["elsewhere"]
    call(one, "POST", "/v1/ipam/check", body={"fix": True})
    call(one, "POST", "/v1/ipam/confirm")
    call(one, "POST", "/v1/node/advertise", body={"address": one.addr})
    call(one, "POST", "/v1/node/recover", body={})
    endings(call, one, two, three, made)


def addresses(call, one, two):
    call(one, "POST", "/v1/networks", body={"name": "blue", "subnets": ["10.64.1.0/24"],
                                            "aux": ["10.64.1.7"], "labels": {"for": "test"}})
    call(one, "POST", "/v1/networks", body={"name": "gone", "internal": True})
    call(one, "GET", "/v1/networks/{network}", network="blue")
    call(one, "DELETE", "/v1/networks/{network}", network="gone")
    wait_for("it heard of it", lambda: call(two, "GET", "/v1/networks")["networks"], 20)
    for host in (one, two):
        call(host, "POST", "/v1/networks/{network}/endpoints", network="blue",
             body={"netns": host.box("b").path, "name": f"web{host.index}"})
    wait_for("both are known",
             lambda: len(call(one, "GET", "/v1/endpoints")["endpoints"]) == 4, 20)
    kept = call(one, "POST", "/v1/networks/{network}/leases", network="blue",
                body={"name": "printer"})
    assert {lease["state"] for lease in call(one, "GET", "/v1/ipam/leases")["leases"]} == \
        {"leased", "reserved"}
    call(one, "GET", "/v1/networks/{network}", network="blue")
    call(one, "GET", "/v1/endpoints/{endpoint}", endpoint="web1")
    call(one, "GET", "/v1/endpoints/{endpoint}", endpoint="web2")
    call(one, "DELETE", "/v1/networks/{network}/leases/{address}", network="blue",
         address=kept["address"])
    for _ in range(2):
        call(one, "DELETE", "/v1/networks/{network}/endpoints", "?name=web1", network="blue")


def answers(host):
    """The status of a host that may be between two lives."""
    try:
        return host.call("GET", "/v1/status")[1]
    except Unanswered as problem:
        raise AssertionError(problem) from problem


def endings(call, one, two, three, made):
    """Members go one after the other, in each of the ways."""
    call(one, "DELETE", "/v1/tokens/{token}", token=made["id"])
    two.kill()
    three.kill()
    wait_for("they failed", lambda: one.members("failed") == ["h2", "h3"], 20)
    call(one, "DELETE", "/v1/members/{node}", "?reason=test", node="h2")
    wait_for("what is to be reclaimed waits for h3", lambda: [
        block for block in call(one, "GET", "/v1/networks/{network}/ring", network="blue")["blocks"]
        if block["member"] == "h3"], 20)
    three.start()
    two.start()
    wait_for("it hears of it", lambda: call(two, "GET", "/v1/status")["node"]["removed"], 10)
    call(two, "POST", "/v1/cluster/reset")
    wait_for("it begins anew", lambda: not answers(two)["cluster"], 10)
    call(three, "POST", "/v1/backup", body={"file": str(three.dir / "backup")})
    call(three, "POST", "/v1/cluster/leave", body={"force": True})
    call(one, "GET", "/v1/status")
    call(three, "POST", "/v1/restore", body={"file": str(three.dir / "backup"), "force": True})
    assert wait_for("it begins anew", lambda: answers(three)["node"]["fence"], 10)


def lines_of(host, query, count, *kinds):
    """The first lines of the stream of events, or the first of these kinds."""
    api = Api(host.socket, 10)
    api.request("GET", f"/v1/events{query}")
    answer = api.getresponse()
    try:
        found, end = [], time.monotonic() + 20
        while len(found) < count:
            # An empty line only shows that the stream is still there.
            line = json.loads(answer.readline().strip() or "null")
            if line and (not kinds or line["event"] in kinds):
                found.append(line)
            assert time.monotonic() < end, f"no more events: {found}"
        return found
    finally:
        api.close()


def test_the_stream_of_events_is_as_the_page_says(reference, tmp_path):
    world = Lab(tmp_path)
    try:
        host = world.cluster(1)[0]
        host.weft("network", "create", "blue", "--subnet", "10.64.1.0/24")
        member, network, end = lines_of(host, "", 3)
        for line, kind in ((member, "member"), (network, "network")):
            assert sorted(line) == sorted(["event", "action", "at", kind])
            assert (line["event"], line["action"]) == (kind, "is")
            reference.check_object("events", "", reference.objects[kind], line[kind])
        assert (end["event"], end["action"]) == ("snapshot", "end")
        host.attach("blue", host.box("b"), "--name", "web")
        host.weft("detach", "blue", "--name", "web")
        # The host's own endpoint, then the box, which goes again. What else a stream may tell
        # between, of the member or the network, is not the matter here.
        seen = lines_of(host, f"?cursor={end['cursor']}", 3, "endpoint")
        assert all(sorted(line) == ["action", "at", "cursor", "endpoint", "event"] for line in seen)
        assert [line["action"] for line in seen] == ["added", "added", "removed"]
        for line in seen[:2]:
            reference.check_object("events", "", reference.objects["endpoint"], line["endpoint"])
        gone = seen[2]["endpoint"]
        assert sorted(gone) == ["host", "host_id", "id", "network", "network_id"]
        assert gone.items() <= seen[1]["endpoint"].items(), "it is where it was"
        again = lines_of(host, f"?cursor={seen[0]['cursor']}", 2, "endpoint")
        assert again == seen[1:]
    finally:
        world.close()


def test_the_pages_of_a_list_are_as_the_page_says(tmp_path):
    world = Lab(tmp_path)
    try:
        host = world.cluster(1)[0]
        for number in range(5):
            host.weft("network", "create", f"n{number}")
        found, after = [], ""
        for size in (2, 2, 1):
            status, answer = host.call("GET", f"/v1/networks?limit=2{after}")
            assert status == 200 and len(answer["networks"]) == size
            found += [network["name"] for network in answer["networks"]]
            after = f"&after={answer['next']}"
        assert answer["next"] is None
        assert sorted(found) == [f"n{number}" for number in range(5)]
    finally:
        world.close()


def test_the_call_in_the_synopsis_works(reference, tmp_path):
    world = Lab(tmp_path)
    try:
        host = world.cluster(1)[0]
        call = re.search(r"^ +(curl .*)$", reference.text, re.M)[1]
        call = call.replace("/run/weft/weft.sock", str(host.socket)).split()
        assert [one["name"] for one in json.loads(run(*call).stdout)["members"]] == ["h1"]
    finally:
        world.close()
