/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sealing: one-way datagrams between members under signed ephemeral keys. Owns this node's current
 * key and certificate, the certificates and pair keys of the others, counters, replay windows,
 * rate limits and provisional addresses. Frames 1 to 3, 6 and 7 are its own.
 */
#pragma once

#include "member.h"

struct seal;

/* Frames of an opened datagram, borrowed until the next call of seal_open. */
struct opened {
	struct member *from;
	const uint8_t *frames;
	size_t len;
	bool provisional; /* from an address not confirmed yet: answer, but do not follow */
};

struct seal *seal_new(struct core *core, struct member_table *members);
void seal_free(struct seal *seal);

/* Makes a fresh key and certificate for core->self.epoch; called at start, join and every 24 h. */
void seal_renew(struct seal *seal);

/* Judges a datagram of type SEALED, CERT_SEALED or CERT: DROP_NONE with *out filled (len 0 when
 * there was nothing inside), or the reason, already counted. Certificates are answered here. */
enum drop_reason seal_open(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			   size_t len, struct opened *out);

/* Seals frames to a member and adds the datagram to the update's sends; via may be NULL. Without a
 * key for the member it asks for its certificate, keeps these frames (one datagram a member) and
 * sends them when the certificate comes. 0, or WEFT_E_LIMIT when the update is full. */
int seal_send(struct seal *seal, struct member *to, const struct hostport *via,
	      const uint8_t *frames, size_t len);

/* A frame of the sealing layer from an opened datagram. */
enum drop_reason seal_frame(struct seal *seal, const struct opened *in, const struct hostport *from,
			    uint8_t type, const uint8_t *body, size_t len);

/* Forgets keys of a member that was removed. */
void seal_forget(struct seal *seal, struct member *member);
void seal_tick(struct seal *seal);
struct mono seal_deadline(const struct seal *seal);

/* Payload bytes that fit one datagram to this member now (a certificate takes room). */
size_t seal_room(const struct seal *seal, const struct member *to);
