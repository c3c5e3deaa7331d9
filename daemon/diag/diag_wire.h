/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What two hosts say to each other for `weft diag` and `weft path`: addressed messages (version,
 * kind, MessagePack; see ipamdb/message.h), each question with its answer under the kind that
 * follows. All are arrays; one may have more elements in later versions, which are passed over.
 * Who does not know a kind does not answer.
 *
 *   HELLO {nonce}
 *       -> {wall clock ms, version str, VTEP bin16, MTU of its interface, that nonce}
 *   WATCH {nonce}: expect probes with it from my VTEP
 *       -> {enum diag_watches}
 *   COUNT {nonce, ports that probes with it went to, their sizes}: send me such
 *       -> {were probes sent, triples of port, size, count that came}
 *   ABOUT {member bin16}: when did you hear it last? Greet it
 *       -> {ms or nil}
 *   RELAY {member bin16}: ask it ABOUT me
 *       -> {did it answer, ms or nil}
 *
 * Sizes are those of whole IP packets in bytes.
 */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/instant.h"
#include "gossip/base/record.h"

#define DIAG_PORTS_MAX 4
#define DIAG_SIZES_MAX 12
#define DIAG_NEVER INT64_MAX /* was not heard at all */
#define DIAG_VERSION_BYTES 32

enum diag_kind {
	DIAG_HELLO = 32,
	DIAG_COUNT = 34,
	DIAG_ABOUT = 36,
	DIAG_RELAY = 38,
	DIAG_WATCH = 40
};

/* Whether probes are expected: it cannot see any, or is asked for too much at once. */
enum diag_watches { DIAG_WATCHES = 0, DIAG_BLIND, DIAG_CROWDED };

struct diag_seen {
	uint16_t port, size;
	uint32_t count;
};

struct diag_message {
	uint8_t kind;     /* enum diag_kind, or that plus 1 */
	uint64_t nonce;   /* HELLO and its answer, WATCH, COUNT */
	struct wall wall; /* answer to HELLO, like the three behind it */
	char version[DIAG_VERSION_BYTES];
	struct inet vtep;
	uint16_t mtu_bytes;
	enum diag_watches watches; /* answer to WATCH */
	bool sent;                 /* answer to COUNT */
	int64_t heard_ms;          /* or DIAG_NEVER; answers to ABOUT and RELAY */
	size_t port_count, size_count, seen_count;
	uint16_t ports[DIAG_PORTS_MAX];
	uint16_t sizes[DIAG_SIZES_MAX];
	struct diag_seen seen[DIAG_PORTS_MAX * DIAG_SIZES_MAX];
	struct id member; /* ABOUT, RELAY */
	bool reached;     /* answer to RELAY */
};

/* Writes into out[0..cap); the length, or WEFT_E_LIMIT. */
int diag_encode(const struct diag_message *message, uint8_t *out, size_t cap);

/* Reads foreign bytes: 0, or WEFT_E_INVALID. */
int diag_decode(const uint8_t *bytes, size_t len, struct diag_message *message);
