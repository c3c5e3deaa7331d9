/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Text is read strictly: no spaces, no signs, no leading zeros, no zone names, nothing behind. */
#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "err.h"

#define V4_BITS_BEFORE 96u

const struct id id_none;

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
static const char hex_digits[] = "0123456789abcdef";

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A decimal number up to max (< 100000), all of text. */
static int decimal_parse(const char *text, unsigned max, unsigned *value)
{
	unsigned n = 0;

	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return WEFT_E_INVALID;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return WEFT_E_INVALID;
		n = n * 10 + (unsigned)(*c - '0');
		if (n > max)
			return WEFT_E_INVALID;
	}
	*value = n;
	return 0;
}

void id_format(const struct id *id, char text[ID_TEXT_BYTES])
{
	for (size_t i = 0; i < ID_BYTES; i++) {
		text[2 * i] = hex_digits[id->b[i] >> 4];
		text[2 * i + 1] = hex_digits[id->b[i] & 15];
	}
	text[ID_TEXT_BYTES - 1] = '\0';
}

int id_parse(const char *text, struct id *id)
{
	struct id parsed;

	if (strnlen(text, ID_TEXT_BYTES) != ID_TEXT_BYTES - 1)
		return WEFT_E_INVALID;
	for (size_t i = 0; i < ID_BYTES; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return WEFT_E_INVALID;
		parsed.b[i] = (uint8_t)(high << 4 | low);
	}
	*id = parsed;
	return 0;
}

bool id_has_prefix(const struct id *id, const char *text)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (i == ID_TEXT_BYTES - 1)
			return false;
		if (hex_value(text[i]) != (i % 2 == 0 ? id->b[i / 2] >> 4 : id->b[i / 2] & 15))
			return false;
	}
	return i > 0;
}

bool inet_is_v4(const struct inet *ip)
{
	return memcmp(ip->b, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool inet_is_any(const struct inet *ip)
{
	static const struct inet none;

	return inet_eq(ip, &none) || (inet_is_v4(ip) && inet_v4(ip) == 0);
}

struct inet inet_from_v4(uint32_t host_order)
{
	struct inet ip;

	memcpy(ip.b, v4_mapped, sizeof(v4_mapped));
	for (unsigned i = 0; i < 4; i++)
		ip.b[12 + i] = (uint8_t)(host_order >> (24 - 8 * i));
	return ip;
}

uint32_t inet_v4(const struct inet *ip)
{
	WEFT_ASSERT(inet_is_v4(ip));
	return (uint32_t)ip->b[12] << 24 | (uint32_t)ip->b[13] << 16 | (uint32_t)ip->b[14] << 8 |
	       ip->b[15];
}

int inet_parse(const char *text, struct inet *ip)
{
	struct inet parsed;

	memcpy(parsed.b, v4_mapped, sizeof(v4_mapped));
	if (inet_pton(AF_INET, text, parsed.b + 12) != 1 &&
	    inet_pton(AF_INET6, text, parsed.b) != 1)
		return WEFT_E_INVALID;
	*ip = parsed;
	return 0;
}

void inet_format(const struct inet *ip, char text[INET_TEXT_BYTES])
{
	const char *done;

	if (inet_is_v4(ip))
		done = inet_ntop(AF_INET, ip->b + 12, text, INET_TEXT_BYTES);
	else
		done = inet_ntop(AF_INET6, ip->b, text, INET_TEXT_BYTES);
	WEFT_ASSERT(done != NULL);
}

struct inet inet_add(const struct inet *ip, int64_t n)
{
	struct inet sum;
	uint64_t low = (uint64_t)n; /* two's complement, extended by the sign above 64 bits */
	unsigned extend = n < 0 ? 0xff : 0;
	unsigned carry = 0;

	for (unsigned i = 0; i < 16; i++) {
		unsigned digit = i < 8 ? (unsigned)(low >> (8 * i) & 0xff) : extend;
		carry += ip->b[15 - i] + digit;
		sum.b[15 - i] = (uint8_t)carry;
		carry >>= 8;
	}
	return sum;
}

int hostport_parse(const char *text, uint16_t default_port, struct hostport *hp)
{
	char host[INET_TEXT_BYTES];
	struct hostport parsed = {.port = default_port};
	const char *start = text;
	const char *port = NULL;
	size_t len;

	if (text[0] == '[') {
		const char *close = strchr(text, ']');
		if (close == NULL || (close[1] != '\0' && close[1] != ':'))
			return WEFT_E_INVALID;
		start = text + 1;
		len = (size_t)(close - start);
		if (memchr(start, ':', len) == NULL)
			return WEFT_E_INVALID; /* brackets are for IPv6 */
		port = close[1] == ':' ? close + 2 : NULL;
	} else {
		const char *colon = strchr(text, ':');
		bool is_bare_v6 = colon != NULL && strchr(colon + 1, ':') != NULL;
		port = colon != NULL && !is_bare_v6 ? colon + 1 : NULL;
		len = port != NULL ? (size_t)(colon - text) : strnlen(text, sizeof(host));
	}
	if (len >= sizeof(host))
		return WEFT_E_INVALID;
	memcpy(host, start, len);
	host[len] = '\0';
	if (inet_parse(host, &parsed.ip) != 0)
		return WEFT_E_INVALID;
	if (port != NULL) {
		unsigned number;
		if (decimal_parse(port, UINT16_MAX, &number) != 0 || number == 0)
			return WEFT_E_INVALID;
		parsed.port = (uint16_t)number;
	}
	*hp = parsed;
	return 0;
}

void hostport_format(const struct hostport *hp, char text[HOSTPORT_TEXT_BYTES])
{
	char ip[INET_TEXT_BYTES];
	const char *fmt = inet_is_v4(&hp->ip) ? "%s:%u" : "[%s]:%u";
	int len;

	inet_format(&hp->ip, ip);
	len = snprintf(text, HOSTPORT_TEXT_BYTES, fmt, ip, (unsigned)hp->port);
	WEFT_ASSERT(len > 0 && len < HOSTPORT_TEXT_BYTES);
}

int prefix_parse(const char *text, struct prefix *prefix)
{
	char host[INET_TEXT_BYTES];
	const char *slash = strchr(text, '/');
	struct prefix parsed;
	bool is_dotted;
	unsigned len;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host))
		return WEFT_E_INVALID;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (inet_parse(host, &parsed.ip) != 0)
		return WEFT_E_INVALID;
	is_dotted = strchr(host, ':') == NULL;
	if (decimal_parse(slash + 1, is_dotted ? 32 : 128, &len) != 0)
		return WEFT_E_INVALID;
	parsed.bits = (uint8_t)(is_dotted ? V4_BITS_BEFORE + len : len);
	/* A mapped IPv4 address with a length outside its own 32 bits has no other spelling. */
	if (inet_is_v4(&parsed.ip) && parsed.bits < V4_BITS_BEFORE)
		return WEFT_E_INVALID;
	*prefix = parsed;
	return 0;
}

unsigned prefix_len(const struct prefix *prefix)
{
	WEFT_ASSERT(prefix->bits <= 128);
	if (inet_is_v4(&prefix->ip) && prefix->bits >= V4_BITS_BEFORE)
		return prefix->bits - V4_BITS_BEFORE;
	return prefix->bits;
}

void prefix_format(const struct prefix *prefix, char text[PREFIX_TEXT_BYTES])
{
	char ip[INET_TEXT_BYTES];
	int len;

	inet_format(&prefix->ip, ip);
	len = snprintf(text, PREFIX_TEXT_BYTES, "%s/%u", ip, prefix_len(prefix));
	WEFT_ASSERT(len > 0 && len < PREFIX_TEXT_BYTES);
}

/* The bits of byte i that belong to the host part. */
static uint8_t host_mask(const struct prefix *prefix, unsigned i)
{
	unsigned bits = prefix->bits;

	WEFT_ASSERT(bits <= 128);
	if (bits >= 8 * (i + 1))
		return 0;
	if (bits <= 8 * i)
		return 0xff;
	return (uint8_t)(0xff >> (bits - 8 * i));
}

struct inet prefix_base(const struct prefix *prefix)
{
	struct inet base;

	for (unsigned i = 0; i < 16; i++)
		base.b[i] = (uint8_t)(prefix->ip.b[i] & ~host_mask(prefix, i));
	return base;
}

struct inet prefix_last(const struct prefix *prefix)
{
	struct inet last;

	for (unsigned i = 0; i < 16; i++)
		last.b[i] = prefix->ip.b[i] | host_mask(prefix, i);
	return last;
}

bool prefix_has(const struct prefix *prefix, const struct inet *ip)
{
	for (unsigned i = 0; i < 16; i++) {
		if (((prefix->ip.b[i] ^ ip->b[i]) & ~host_mask(prefix, i) & 0xff) != 0)
			return false;
	}
	return true;
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->bits <= b->bits ? prefix_has(a, &b->ip) : prefix_has(b, &a->ip);
}

int mac_parse(const char *text, struct mac *mac)
{
	struct mac parsed;

	if (strnlen(text, MAC_TEXT_BYTES) != MAC_TEXT_BYTES - 1)
		return WEFT_E_INVALID;
	for (size_t i = 0; i < sizeof(parsed.b); i++) {
		int high = hex_value(text[3 * i]);
		int low = hex_value(text[3 * i + 1]);
		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return WEFT_E_INVALID;
		parsed.b[i] = (uint8_t)(high << 4 | low);
	}
	*mac = parsed;
	return 0;
}

void mac_format(const struct mac *mac, char text[MAC_TEXT_BYTES])
{
	for (size_t i = 0; i < sizeof(mac->b); i++) {
		text[3 * i] = hex_digits[mac->b[i] >> 4];
		text[3 * i + 1] = hex_digits[mac->b[i] & 15];
		text[3 * i + 2] = i < 5 ? ':' : '\0';
	}
}
