/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fuzzer's bytes, read from the front: a number here, a piece there. Past the end are zeros,
 * so that every input means something.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *at;
	size_t len; /* left */
};

/* What libFuzzer calls; 0, always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the run as a crash does. */
#define FUZZ_MUST(expr) ((expr) ? (void)0 : __builtin_trap())

static inline uint64_t input_number(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	for (; bytes > 0; bytes--) {
		value = value << 8 | (in->len > 0 ? *in->at : 0);
		in->at += in->len > 0;
		in->len -= in->len > 0;
	}
	return value;
}

/* The next piece, at most len bytes of it; borrowed from the input. */
static inline const uint8_t *input_piece(struct input *in, size_t *len)
{
	const uint8_t *piece = in->at;

	if (*len > in->len)
		*len = in->len;
	in->at += *len;
	in->len -= *len;
	return piece;
}
