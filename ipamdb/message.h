/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What two nodes say to each other about ranges, in addressed messages that gossip carries without
 * looking inside. Every message begins with two raw bytes, version (1) and kind; the rest is
 * MessagePack. A message of another version or an unknown kind is refused by its reader, never
 * guessed at.
 *
 *   request  array of 3: network bin16, family uint (4 or 6), address bin16 or nil (any)
 *   grant    array of 1: range key bin41; the donor's ROW_GRANT for it is durable
 *   refuse   array of 1: reason uint
 *   parting  array of 2: epoch uint, sequence uint; has the reader the asker's rows up to this?
 *   parted   array of 2: epoch uint, sequence uint; it has them
 *
 * A range that is given back or handed over needs no message: the donor's ROW_GRANT says it.
 * Kinds from 16 up are used by daemon/node, from 32 up by daemon/diag/diag_wire.h.
 */
#pragma once

#include "gossip/base/record.h"

#define NODE_MESSAGE_VERSION 1
#define NODE_MESSAGE_HEADER_BYTES 2

enum range_message_kind {
	RANGE_MESSAGE_REQUEST = 1,
	RANGE_MESSAGE_GRANT = 2,
	RANGE_MESSAGE_REFUSE = 3,
	RANGE_MESSAGE_PARTING = 4,
	RANGE_MESSAGE_PARTED = 5,
};

/* Why a range is not granted; numbers are part of the wire. */
enum refusal {
	REFUSAL_NONE = 0,
	REFUSAL_FULL = 1,      /* nothing free to give */
	REFUSAL_NOT_OWNER = 2, /* the address is not ours */
	REFUSAL_LEASED = 3,    /* it is leased, reserved or never leased */
	REFUSAL_COOLING = 4,   /* it was released a moment ago */
	REFUSAL_BUSY = 5,      /* fenced, guarded or out of room: ask again later */
	REFUSAL_INVALID = 6,   /* the request makes no sense here */
};

struct range_message {
	enum range_message_kind kind;
	struct id network;        /* request */
	bool v4;                  /* request */
	bool has_address;         /* request */
	struct inet address;      /* request, when has_address */
	struct range_key key;     /* grant */
	enum refusal refusal;     /* refuse */
	uint64_t epoch, sequence; /* parting, parted */
};

/* Writes into out[0..cap); the length, or WEFT_E_LIMIT. */
int range_message_encode(const struct range_message *message, uint8_t *out, size_t cap);

/* Reads foreign bytes: 0, or WEFT_E_INVALID. */
int range_message_decode(const uint8_t *bytes, size_t len, struct range_message *message);

/* A refusal in words, to stand after a name: "has nothing free". */
const char *refusal_text(enum refusal refusal);
