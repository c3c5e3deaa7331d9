/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A sliding window of datagram counters: each is accepted once, and none that is older than the
 * window (RFC 4303, 3.4.3; the ring of words is RFC 6479's). Peeking comes before the seal is
 * checked and changes nothing; only a counter whose datagram opened is taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_WORDS 18
#define WINDOW_COUNTERS ((WINDOW_WORDS - 1) * 64) /* 1,088 counters behind the highest */

struct window {
	uint64_t top; /* highest taken */
	uint64_t words[WINDOW_WORDS];
};

/* A window in which everything up to and including floor counts as seen. */
void window_init(struct window *window, uint64_t floor);

/* True when this counter was not taken and is not too old. Counter 0 is never fresh. */
bool window_is_fresh(const struct window *window, uint64_t counter);

/* Takes a counter that is fresh. */
void window_take(struct window *window, uint64_t counter);
