/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * MessagePack in and out of bounded buffers.
 *
 * Packing goes through msgpack-c's packer callback into a caller's buffer; overflow is remembered
 * and asked for once, at the end. Reading is a cursor over borrowed bytes: no allocation, no
 * recursion, every length checked against what is left; one bad read makes all later ones fail, so
 * that a decoder reads straight down and asks cursor_ok once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_UINT_BYTES_MAX 9

struct pack {
	uint8_t *bytes;
	size_t len;
	size_t cap;
	bool overflow;
};

/* Packs into bytes[0..cap), owned by the caller. */
void pack_init(struct pack *pack, void *bytes, size_t cap);
bool pack_ok(const struct pack *pack);
void pack_array(struct pack *pack, size_t count);
void pack_uint(struct pack *pack, uint64_t value);
void pack_int(struct pack *pack, int64_t value);
void pack_bool(struct pack *pack, bool value);
void pack_nil(struct pack *pack);
void pack_bin(struct pack *pack, const void *bytes, size_t len);
void pack_str(struct pack *pack, const char *text); /* NUL-terminated */

/* Bytes as they are, already MessagePack or a fixed layout. */
void pack_raw(struct pack *pack, const void *bytes, size_t len);

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

/* Reads bytes[0..len), borrowed while the cursor is used. */
void cursor_init(struct cursor *cursor, const void *bytes, size_t len);

/* True when every read so far succeeded. */
bool cursor_ok(const struct cursor *cursor);

/* True when all is read and nothing failed. */
bool cursor_at_end(const struct cursor *cursor);

/* Element count of an array, at most max and at most the bytes left; 0 and bad otherwise. */
size_t cursor_array(struct cursor *cursor, size_t max);

/* At most max, else bad. */
uint64_t cursor_uint(struct cursor *cursor, uint64_t max);
int64_t cursor_int(struct cursor *cursor);
bool cursor_bool(struct cursor *cursor);

/* Borrowed bytes of a bin, *len at most max; NULL and bad otherwise. */
const uint8_t *cursor_bin(struct cursor *cursor, size_t max, size_t *len);

/* A bin of exactly len bytes, copied to out (zeroed when bad). */
void cursor_fixed(struct cursor *cursor, void *out, size_t len);

/* A str of at most cap - 1 bytes, copied with a NUL; valid UTF-8 without control characters. */
void cursor_text(struct cursor *cursor, char *out, size_t cap);

/* Exactly len raw bytes, borrowed; NULL and bad when fewer are left. */
const uint8_t *cursor_raw(struct cursor *cursor, size_t len);

/* Consumes nil and returns true, or leaves the cursor as it is. */
bool cursor_nil(struct cursor *cursor);

/* Passes over one value with all that it contains, at most 32 levels deep. */
void cursor_skip(struct cursor *cursor);
