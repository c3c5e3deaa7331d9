-- SPDX-License-Identifier: Apache-2.0
-- Copyright The weft authors
--
-- What survives a restart of a node. Ids and addresses are blobs of 16 bytes (IPv4 mapped), MAC
-- addresses of 6; instants are milliseconds since 1970. A version is two big-endian numbers of 8
-- bytes (epoch and sequence), or the counter of a fact before its author, so that the larger blob
-- is the newer row.

-- Small single values by enum meta_key.
CREATE TABLE meta (
    key INTEGER PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

-- Rows that this node signed; bytes is the exact signed row.
CREATE TABLE own_rows (
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    topic BLOB NOT NULL CHECK (length(topic) = 16),
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    version BLOB NOT NULL CHECK (length(version) = 16),
    bytes BLOB NOT NULL,
    PRIMARY KEY (owner, topic, kind, key)
) STRICT, WITHOUT ROWID;

-- What belongs to nobody: the greatest (counter, author) of each fact.
CREATE TABLE facts (
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    version BLOB NOT NULL CHECK (length(version) = 24),
    bytes BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- Copies of other nodes' rows, for a quick start. Losing them costs a sync and nothing else.
CREATE TABLE snapshot_rows (
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    topic BLOB NOT NULL CHECK (length(topic) = 16),
    kind INTEGER NOT NULL,
    key BLOB NOT NULL,
    version BLOB NOT NULL CHECK (length(version) = 16),
    bytes BLOB NOT NULL,
    PRIMARY KEY (owner, topic, kind, key)
) STRICT, WITHOUT ROWID;

-- Addresses that this host leased. No endpoint: reserved by hand.
CREATE TABLE leases (
    network BLOB NOT NULL CHECK (length(network) = 16),
    address BLOB NOT NULL CHECK (length(address) = 16),
    endpoint BLOB CHECK (length(endpoint) = 16),
    mac BLOB NOT NULL CHECK (length(mac) = 6),
    name TEXT NOT NULL,
    boot BLOB NOT NULL CHECK (length(boot) = 16),
    since_ms INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    cooling INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    cool_until_ms INTEGER NOT NULL,
    PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;

-- An endpoint has an address once. The address comes first: addresses are handed out in order and
-- ids are random, so that a batch of leases touches a few pages of the index instead of one each.
CREATE UNIQUE INDEX leases_by_endpoint ON leases (address, endpoint) WHERE endpoint IS NOT NULL;

-- Endpoints of this host; addrs is 17 bytes each, address and length over the 16-byte form.
CREATE TABLE endpoints (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    network BLOB NOT NULL CHECK (length(network) = 16),
    name TEXT NOT NULL,
    ifname TEXT NOT NULL,
    host_ifname TEXT NOT NULL,
    netns TEXT NOT NULL,
    netns_dev INTEGER NOT NULL,
    netns_inode INTEGER NOT NULL,
    mac BLOB NOT NULL CHECK (length(mac) = 6),
    is_host INTEGER NOT NULL,
    addrs BLOB NOT NULL CHECK (length(addrs) % 17 = 0),
    boot BLOB NOT NULL CHECK (length(boot) = 16),
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers to changing requests, by request id, so that asking twice changes once.
CREATE TABLE answers (
    request TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_age ON answers (at_ms);
