/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Ids and addresses. Every node, network, endpoint and token has a 16-byte id, written as 32 hex
 * digits and accepted as any unique prefix. Internet addresses are kept as 16 bytes with IPv4 in
 * its mapped form (::ffff:a.b.c.d), so that both families take the same paths.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ID_BYTES 16
#define ID_TEXT_BYTES 33
#define INET_TEXT_BYTES 46
#define HOSTPORT_TEXT_BYTES 56 /* "[address]:port" and NUL */
#define PREFIX_TEXT_BYTES 50
#define MAC_TEXT_BYTES 18

struct id {
	uint8_t b[ID_BYTES];
};

struct inet {
	uint8_t b[16];
};

/* An address with its UDP or TCP port (host byte order). */
struct hostport {
	struct inet ip;
	uint16_t port;
};

/* An address and a prefix length over the 16-byte form: 10.0.0.0/24 has bits = 120. */
struct prefix {
	struct inet ip;
	uint8_t bits;
};

struct mac {
	uint8_t b[6];
};

/* No id at all: it names nothing, and as a topic the whole cluster's. */
extern const struct id id_none;

static inline int id_cmp(const struct id *a, const struct id *b)
{
	uint64_t x[2], y[2];
	size_t i;

	memcpy(x, a->b, ID_BYTES);
	memcpy(y, b->b, ID_BYTES);
	i = x[0] == y[0];
	if (x[i] == y[i])
		return 0;
	return be64toh(x[i]) < be64toh(y[i]) ? -1 : 1;
}

static inline bool id_eq(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_BYTES) == 0;
}

static inline bool id_is_zero(const struct id *id)
{
	return id_eq(id, &id_none);
}

void id_format(const struct id *id, char text[ID_TEXT_BYTES]);

/* Exactly 32 hex digits; 0 or WEFT_E_INVALID. */
int id_parse(const char *text, struct id *id);

/* True when text is 1 to 32 hex digits and the id begins with them. */
bool id_has_prefix(const struct id *id, const char *text);

bool inet_is_v4(const struct inet *ip);
static inline int inet_cmp(const struct inet *a, const struct inet *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

static inline bool inet_eq(const struct inet *a, const struct inet *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* :: or 0.0.0.0: everywhere to listen at, nowhere to be reached. */
bool inet_is_any(const struct inet *ip);

struct inet inet_from_v4(uint32_t host_order);
uint32_t inet_v4(const struct inet *ip); /* host byte order; ip must be IPv4 */
int inet_parse(const char *text, struct inet *ip);
void inet_format(const struct inet *ip, char text[INET_TEXT_BYTES]);

/* ip + n as one big-endian number over the 16 bytes; n may be negative. Wraps. */
struct inet inet_add(const struct inet *ip, int64_t n);

static inline bool hostport_eq(const struct hostport *a, const struct hostport *b)
{
	return a->port == b->port && inet_eq(&a->ip, &b->ip);
}

/* "addr", "addr:port", "[v6]:port"; a missing port becomes default_port. */
int hostport_parse(const char *text, uint16_t default_port, struct hostport *hp);
void hostport_format(const struct hostport *hp, char text[HOSTPORT_TEXT_BYTES]);

/* "a.b.c.d/n" or "v6/n"; bits below the length are kept (use prefix_base to clear them). */
int prefix_parse(const char *text, struct prefix *prefix);
void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_BYTES]);
struct inet prefix_base(const struct prefix *prefix);
struct inet prefix_last(const struct prefix *prefix);
bool prefix_has(const struct prefix *prefix, const struct inet *ip);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* The length as people write it: 24 for 10.0.0.0/24. */
unsigned prefix_len(const struct prefix *prefix);

int mac_parse(const char *text, struct mac *mac);
void mac_format(const struct mac *mac, char text[MAC_TEXT_BYTES]);

static inline bool mac_eq(const struct mac *a, const struct mac *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
