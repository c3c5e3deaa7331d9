#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright The weft authors
"""Writes the seeds of the corpus from the golden vectors: run it when a vector or a form changed.

Files that a fuzzer found beyond these lie beside them under other names and stay.
"""
import json
import pathlib
import re
import struct

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
CORPUS = HERE / "corpus"
TEXTS = r'((?:"[^"]*"\s*)+)'


def joined(literals):
    return "".join(re.findall(r'"([^"]*)"', literals))


def vectors():
    text = (TESTS / "gossip/vectors/wire_v1.h").read_text()
    return {n: joined(t) for n, t in re.findall(r"vector_(\w+)\[\] =\s*" + TEXTS, text)}


def records():
    text = (TESTS / "base/test_record.c").read_text()
    return {n: bytes.fromhex(joined(t)) for n, t in re.findall(r"KIND\((\w+), " + TEXTS, text)}


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def piece(data):
    return struct.pack(">H", len(data)) + data


def record(way, data, pause=1):
    return bytes([way, pause]) + piece(data)


def frame(kind, body=b""):
    return bytes([kind]) + piece(body)


def row(kind, value, fact=False):
    """The MessagePack part of a row, in the shape of row.h."""
    def b(data):
        return b"\xc4" + bytes([len(data)]) + data
    epoch = b"\x00" if fact else b"\x01"
    topic = bytes(16) if kind != 3 else b"\x70" * 16
    head = b"\x99\xcd" + struct.pack(">H", kind) + b(b"\x02" + bytes(15)) + b(topic)
    if kind < 128:
        head = b"\x99" + bytes([kind]) + b(b"\x02" + bytes(15)) + b(topic)
    elif kind < 256:
        head = b"\x99\xcc" + bytes([kind]) + b(b"\x02" + bytes(15)) + b(topic)
    return head + b(b"\x33" * 16) + epoch + b"\x01\xc2\xcf" + struct.pack(">Q", 1795 << 30) + b(value)


def rows(golden):
    order = ["member", "tags", "attachment", "endpoint", "grant", "network", "token", "removal",
             "closure"]
    seeds = {name: bytes([i + 1]) + golden[name] for i, name in enumerate(order) if name in golden}
    seeds["range_key"] = b"\x0a" + b"\x11" * 16 + b"\x00" * 10 + b"\xff\xff\x0a\x01\x00\x00" + b"\x78" + struct.pack(">Q", 1)
    kinds = (TESTS.parent / "gossip/base/kinds.h").read_text()
    numbers = re.findall(r"(ROW_\w+|FACT_\w+) = (\d+)", kinds)
    for name, number in numbers:
        word = name.split("_")[-1].lower()
        value = golden.get(word, b"\x90")
        seeds["told_" + name.lower()] = b"\x00" + piece(row(int(number), value, int(number) >= 64))
    return seeds


def datagrams(golden, wire):
    frames = {
        "challenge": frame(2, bytes(8)), "response": frame(3, bytes(8)),
        "claim": frame(4, bytes(24)), "claim_answer": frame(5, bytes(24)),
        "ping": frame(16, bytes(4)), "ack": frame(17, bytes(4)),
        "ping_req": frame(18, bytes(20)), "nack": frame(19, bytes(4)),
        "suspect": frame(20, b"\x03" * 16 + bytes(8) + b"\x02" * 16), "failed": frame(21, b"\x03" * 16 + bytes(8)),
        "alive": frame(22, bytes(8)),
        "request": frame(48, bytes(8) + b"\x01\x01"), "answer": frame(49, bytes(8) + b"\x01"),
        "answer_ack": frame(50, bytes(8)),
    }
    for number, name in ((33, "digest"), (34, "buckets"), (35, "marks"), (36, "pull"),
                         (37, "pull_end")):
        frames[name] = frame(number, bytes.fromhex(wire[name]))
    cert = bytes.fromhex(wire["cert"])
    frames["cert"] = frame(1, cert)
    frames["clone"] = frame(7, cert + cert)
    seeds = {"frame_" + name: record(2, data) for name, data in frames.items()}
    seeds["raw_sealed"] = record(0, bytes.fromhex(wire["sealed"]))
    seeds["raw_hello"] = record(1, b"\x14" + bytes(11) + b"\x01" * 8 + b"\x05" * 32 + bytes(1180))
    seeds["raw_cert"] = record(1, b"\x13" + bytes(19) + cert)
    seeds["cert_newer"] = record(7, b"\x00\x01" + b"\x09" * 32)
    seeds["cert_elsewhere"] = record(7, b"\x02\x01" + b"\x09" * 32, 7)
    seeds["cert_claim"] = record(7, b"\x02\x05" + b"\x09" * 32, 0xf7)
    seeds["cert_clone"] = record(7, b"\x00\x00" + b"\x09" * 32, 0xf1) + record(7, b"\x02\x00" + b"\x08" * 32, 0xf7)
    seeds["member_moved"] = record(8, b"\x06\x1f\x0c\x0a\x00\x00\x09")
    seeds["member_left"] = record(8, b"\x01")
    seeds["changed"] = record(4, b"\x00\x15\x01") + record(4, b"\x00\x00\x00\x40")
    for number, name in ((1, "member"), (2, "tags"), (3, "endpoint"), (4, "network")):
        if name in golden:
            seeds["row_" + name] = record(5, bytes([number, 4, 0, 9]) + b"\x33" * 16 + golden[name])
            seeds["fact_" + name] = record(6, bytes([number, 5, 0, 9]) + b"\x33" * 16 + golden[name])
    return seeds


def messages():
    network = b"\xc4\x10" + bytes(16)
    key = b"\xc4\x29" + bytes(26) + b"\xff\xff\x0a\x01\x00\x00"[:6] + b"\x78" + struct.pack(">Q", 1)
    return {
        "request": piece(b"\x01\x01\x93" + network + b"\x04\xc0"),
        "request_address": piece(b"\x01\x01\x93" + network + b"\x04\xc4\x10" + bytes(10)
                                 + b"\xff\xff\x0a\x01\x00\x05"),
        "grant": piece(b"\x01\x02\x91" + key),
        "refuse": piece(b"\x01\x03\x91\x01"),
        "ack": piece(b"\x01\x10\x91\x93\xc4\x10" + b"\x22" * 16 + b"\x01\x02"),
        "diag_hello": piece(b"\x01\x20\x91\x09"),
        "diag_hello_answer": piece(b"\x01\x21\x95\x09\xa1\x31\xc4\x10" + bytes(16)
                                   + b"\xcd\x05\xdc\x09"),
        "diag_count": piece(b"\x01\x22\x93\x09\x91\xcd\x12\xb5\x91\xcd\x05\xdc"),
        "diag_count_answer": piece(b"\x01\x23\x92\xc3\x91\x93\xcd\x12\xb5\xcd\x05\xdc\x03"),
        "diag_about": piece(b"\x01\x24\x91\xc4\x10" + b"\x22" * 16),
        "diag_about_answer": piece(b"\x01\x25\x91\xc0"),
        "diag_relay_answer": piece(b"\x01\x27\x92\xc3\x09"),
        "diag_watch_answer": piece(b"\x01\x29\x91\x01"),
        "twice": 2 * piece(b"\x01\x01\x93" + network + b"\x06\xc0"),
    }


def requests():
    def seed(line, query="", body=None):
        return (line + "\n" + query + "\n" + ("" if body is None else json.dumps(body))).encode()
    return {
        "status": seed("GET /v1/status"),
        "members": seed("GET /v1/members", "limit=10&after=a"),
        "token": seed("POST /v1/tokens", "", {"ttl": 60000, "name": "web*", "tags": {"a": "b"}}),
        "join": seed("POST /v1/cluster/join", "", {"token": "weft1-x", "replace": True,
                                                   "seeds": ["10.0.0.1:7947"]}),
        "network": seed("POST /v1/networks", "", {"name": "blue", "subnets": ["10.1.0.0/24"],
                                                  "gateways": ["10.1.0.1"], "mtu": 1450,
                                                  "labels": {"team": "a"}, "internal": True}),
        "attach": seed("POST /v1/networks/blue/endpoints", "",
                       {"netns": "/run/netns/a", "mac": "02:00:00:00:00:01", "ip": ["10.1.0.5"],
                        "name": "web", "request_id": "1"}),
        "detach": seed("DELETE /v1/networks/blue/endpoints", "netns=/run/netns/a&force=true"),
        "release": seed("DELETE /v1/networks/blue/leases/10.1.0.5"),
        "remove": seed("DELETE /v1/members/h1", "force=1&reason=lost"),
        "advertise": seed("POST /v1/node/advertise", "", {"address": "[fd00::1]:7947"}),
        "events": seed("GET /v1/events", "types=member"),
        "wrong": b"PUT /v1/status\n\n{\"a\": [1, {\"b\": null}]",
    }


def handlers():
    """One after another: a request whose answer the next one needs is there already."""
    def one(line, query="", body=None):
        return (line + "\n" + query + "\n" + ("" if body is None else json.dumps(body))).encode()
    def several(*requests):
        return b"\0".join(requests)
    attach = one("POST /v1/networks/blue/endpoints", "",
                 {"netns": "/run/netns/b", "name": "web", "addresses": ["10.1.0.9"]})
    return {
        "looks": several(one("GET /v1/status"), one("GET /v1/members"), one("GET /v1/networks"),
                         one("GET /v1/networks/blue")),
        "looks_more": several(one("GET /v1/endpoints"), one("GET /v1/endpoints/box1"),
                              one("GET /v1/networks/blue/leases"), one("GET /v1/networks/blue/ring")),
        "pages": several(one("GET /metrics"), one("GET /healthz"), one("GET /readyz"),
                         one("GET /v1/version")),
        "box": several(attach, attach, one("DELETE /v1/networks/blue/endpoints", "name=web"),
                       one("DELETE /v1/networks/blue/endpoints", "netns=/run/netns/b")),
        "mac": several(one("POST /v1/networks/blue/endpoints", "",
                           {"netns": "9", "mac": "02:00:00:00:00:01", "ifname": "eth1"}),
                       one("GET /v1/events", "since=0")),
        "network": several(one("POST /v1/networks", "", {"name": "red"}),
                           one("POST /v1/networks", "", {"name": "green", "subnets": ["10.2.0.0/24"],
                                                         "gateways": ["10.2.0.1"], "labels": {"a": "b"}}),
                           one("DELETE /v1/networks/red"), one("DELETE /v1/networks/blue", "force=true")),
        "addresses": several(one("POST /v1/networks/blue/leases", "", {"address": "10.1.0.7", "name": "x"}),
                             one("DELETE /v1/networks/blue/leases/10.1.0.7"),
                             one("POST /v1/ipam/check", "", {"fix": True}),
                             one("POST /v1/ipam/confirm", "", {})),
        "tokens": several(one("POST /v1/tokens", "", {"ttl": 60000, "name": "web*", "tags": {"a": "b"}}),
                          one("GET /v1/tokens"), one("GET /v1/admins"),
                          one("POST /v1/admins", "", {"node": "h1"})),
        "members": several(one("GET /v1/members/h1"), one("DELETE /v1/members/h1", "reason=lost"),
                           one("GET /v1/members"), one("POST /v1/node/recover", "", {"force": True})),
        "leave": several(one("POST /v1/node/advertise", "", {"address": "10.0.0.9:7947"}),
                         one("POST /v1/cluster/leave", "", {"force": True}), attach,
                         one("POST /v1/cluster/reset", "", {"force": True})),
        "cluster": several(one("POST /v1/cluster/init", "", {"name": "lab"}),
                           one("POST /v1/cluster/join", "", {"token": "weft1-AAAA", "seeds": ["10.0.0.2:7947"]})),
    }


def owners(golden):
    """Rows of the mad host: kind, shape (1 fact, 2 deleted, 4 key is an id), sequence, key, value."""
    def one(kind, shape, key, value=b"", pause=1):
        head = bytes([kind, shape]) + b"\x00\x01"
        if not shape & 4:
            head += bytes([len(key)])
        return record(0, head + key + value, pause)
    def span(last, prefix, generation):
        address = bytes(10) + b"\xff\xff\x0a\x01\x00" + bytes([last])
        return b"\x03" * 16 + address + bytes([96 + prefix]) + struct.pack(">Q", generation)
    host0, host1, network = b"\x01" * 16, b"\x02" * 16, b"\x03" * 16
    nil = b"\xc0"
    seeds = {
        "ranges": one(5, 0, span(0, 24, 1), nil) + one(5, 0, span(128, 25, 9), nil)
                  + one(5, 2, span(128, 25, 9), nil),
        "twice_held": one(5, 0, span(0, 25, 2), nil) + one(5, 0, span(0, 26, 2), nil, 9),
        "removal": one(6, 5, host0, golden.get("removal", nil)) + one(6, 5, host1, golden.get("removal", nil)),
        "closure": one(7, 1, host0 + host1, golden.get("closure", nil), 9),
        "network": one(0, 5, network, golden.get("network", nil)) + one(1, 5, network, nil, 9),
        "endpoint": one(4, 4, b"\x33" * 16, golden.get("endpoint", nil))
                    + one(4, 6, b"\x33" * 16, b""),
        "attachment": one(3, 4, network, golden.get("attachment", nil)) + one(3, 6, network),
        "member": one(1, 0, b"", golden.get("member", nil)) + one(2, 0, b"", golden.get("tags", nil)),
        "asks": record(1, b"\x01\x01\x93\xc4\x10" + network + b"\x04\xc0", 3)
                + record(1, b"\x01\x10\x91\x93\xc4\x10" + b"\x22" * 16 + b"\x01\x02", 3),
    }
    if "grant" in golden:
        seeds["grant"] = one(6, 0, span(64, 26, 2), golden["grant"]) + one(6, 2, span(64, 26, 2))
    return seeds


def joins(wire):
    def one(way, data):
        return bytes([way]) + piece(data)
    return {
        "genuine": one(1, b"\x00\x00\x01"),
        "twice": 2 * one(1, b"\x00\x00\x01"),
        "name_taken": one(1, b"\x00\x02\x01h0\0") + one(1, b"\x00\x03\x02h0\0"),
        "path": one(1, b"\x00\x04\x01\x00\x20"), "expired": one(1, b"\x00\x20\x01" + b"\xff" * 5),
        "terms": one(1, b"\x00\x10\x01\x01"), "elsewhere": one(1, b"\x00\x40\x01\x0a\x00\x00\x09\x1f\x0b"),
        "binding": one(1, b"\x00\x80\x01"), "token_sig": one(1, b"\x01\x00\x01"),
        "any": one(0, bytes.fromhex(wire["proof"]) if "proof" in wire else b"\x9b"),
        "refused": one(2, b"\x98\x00\x17\xa2no\x01\x00\xc4\x00\xc4\x06\x0a\x00\x00\x01\x1f\x0b\xa3lab"),
        "cookie": one(3, b"\x00\x30\x01") + one(3, b"\x00\xf0\x01"),
    }


def configs():
    options = (TESTS.parent / "daemon/options_rows.h").read_text()
    names = re.findall(r'X\(\w+, "([a-z-]+)", "[^"]*", ("[^"]*"|NULL)', options)
    whole = "".join(f"{name}: {json.dumps(value.strip(chr(34)))}\n" for name, value in names
                    if value != "NULL")
    return {
        "whole": whole.encode(),
        "addresses": b"bind: '[::]:7947'\nadvertise: 192.0.2.1\nname: web-1\n",
        "times": b"sync-wait: 250ms\ncooldown: 7d\nvxlan-port: 8472\n",
        "alias": b"bind: &a x\nname: *a\n",
        "nested": b"bind: {a: [b, {c: d}]}\n---\n- e\n",
        "folded": b"name: >-\n  web\n# remark\nstate-dir: |\n  /x\n",
    }


def main():
    wire, golden = vectors(), records()
    cert = bytes.fromhex(wire["cert"])
    write("certificate", {"golden": cert, "epoch": cert[:36] + b"\xff" * 8 + cert[44:]})
    write("token", {"text": b"\x00" + wire["token"].encode(),
                    "spaces": b"\x00 \t" + wire["token"].encode() + b"\r\n",
                    "body": b"\x01\x97\x01\xc4\x20" + bytes(32)})
    write("row", rows(golden))
    write("message", messages())
    write("request", requests())
    write("join", joins(wire))
    write("owner", owners(golden))
    write("handler", handlers())
    write("config", configs())
    write("datagram", datagrams(golden, wire))


if __name__ == "__main__":
    main()
