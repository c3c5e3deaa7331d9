/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses. Those of the Internet are kept as 16 bytes with IPv4 in its mapped form
 * (::ffff:a.b.c.d), so that both families take the same paths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "id.h"

#define INET_TEXT_BYTES 46
#define HOSTPORT_TEXT_BYTES 56 /* "[address]:port" and NUL */
#define PREFIX_TEXT_BYTES 50
#define MAC_TEXT_BYTES 18

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

bool inet_is_v4(const struct inet *ip);

static inline int inet_cmp(const struct inet *a, const struct inet *b)
{
	return bytes16_cmp(a->b, b->b);
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
