/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Version 1 of the wire: the datagram header, the kinds of datagrams, the frames inside sealed
 * ones and the numbers behind them. Told in gossip/WIRE.md, vectors in test/gossip/vectors.
 *
 *   header, 20 bytes, all authenticated:
 *     0      version (high nibble, 1) and type (low nibble, enum datagram_type)
 *     1..3   recipient key hint: first bytes of the recipient's key id; zero where there is none
 *     4..11  sender key id: first 8 bytes of hash("weft key id", ephemeral public key)
 *     12..19 counter, big-endian; never repeats under one key
 *   then ciphertext and a tag of 16 bytes.
 *
 * Sealed content is a sequence of frames: type 1 byte, length 2 bytes big-endian, body.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gossip/base/check.h"
#include "gossip/base/drop.h"

#define WIRE_VERSION 1
#define WIRE_HEADER_BYTES 20
#define WIRE_OVERHEAD_BYTES 36 /* header and tag */
#define FRAME_HEADER_BYTES 3
#define WIRE_PAYLOAD_MAX (1232 - WIRE_OVERHEAD_BYTES)

enum datagram_type {
	DGRAM_SEALED = 1,      /* frames, under the pair's key */
	DGRAM_CERT_SEALED = 2, /* header, certificate of the sender, then frames */
	DGRAM_CERT = 3,   /* answer to an unknown or stale key: the certificate of the sender */
	DGRAM_HELLO = 4,  /* joiner -> seed: ephemeral key, padded, nothing else readable */
	DGRAM_COOKIE = 5, /* seed -> joiner: certificate and stateless cookie */
	DGRAM_PROOF = 6,  /* joiner -> seed: sealed token proof, identity, name */
	DGRAM_ADMIT = 7,  /* seed -> joiner: sealed countersigned admission, or refusal */
};

enum frame_type {
	/* session (seal, claim) */
	FRAME_CERT = 1,      /* newer certificate of the sender */
	FRAME_CHALLENGE = 2, /* 8 random bytes: prove that you hear at this address */
	FRAME_RESPONSE = 3,
	FRAME_CLAIM = 4, /* newcomer claims its epoch */
	FRAME_CLAIM_ANSWER = 5,
	FRAME_REMOVED = 6,  /* the removal fact, to a removed node or to whom that one admitted */
	FRAME_CLONE = 7,    /* two certificates of one node and epoch */
	FRAME_SET_BACK = 8, /* a newer certificate of the claimer itself, or only its epoch */
	FRAME_PAD = 9,      /* zeros, so that what answers it may be as long */
	/* membership (swim) */
	FRAME_PING = 16,
	FRAME_ACK = 17,
	FRAME_PING_REQ = 18,
	FRAME_NACK = 19,
	FRAME_SUSPECT = 20,
	FRAME_FAILED = 21,
	FRAME_ALIVE = 22, /* a refutation: incarnation of the sender */
	FRAME_INCARNATIONS =
	    23, /* of members that are alive, where two nodes knew different ones */
	/* tables (spread, repair) */
	FRAME_ROW = 32,    /* one signed row or fact */
	FRAME_DIGEST = 33, /* per topic: hash and counts */
	FRAME_BUCKETS = 34,
	FRAME_MARKS = 35,    /* owners with watermarks */
	FRAME_PULL = 36,     /* asks for rows: owner, topic, sequences */
	FRAME_PULL_END = 37, /* the answer is complete up to here */
	/* addressed messages */
	FRAME_REQUEST = 48,
	FRAME_ANSWER = 49,
	FRAME_ANSWER_ACK = 50,
};

/* Who goes first when a packet is too small for all, with the share each is sure of. */
enum frame_class {
	CLASS_CONTROL = 0, /* session, probes: always */
	CLASS_MEMBER = 1,
	CLASS_OWN = 2, /* own rows */
	CLASS_ROW = 3, /* forwarded rows */
	CLASS_REPAIR = 4,
	CLASS_MESSAGE = 5,
	CLASS_COUNT = 6
};

/* A number of 1 to 8 bytes, big-endian, as all fixed fields on the wire are. */
static inline void wire_put(uint8_t *at, uint64_t value, size_t bytes)
{
	WEFT_ASSERT(bytes >= 1 && bytes <= 8);
	for (size_t i = bytes; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

static inline uint64_t wire_get(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	WEFT_ASSERT(bytes >= 1 && bytes <= 8);
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

/* Writes a frame with its header to at (room is the caller's business); returns its length. */
size_t wire_put_frame(uint8_t *at, uint8_t type, const void *body, size_t len);
