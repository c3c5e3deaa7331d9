/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Counter c has bit c % 64 of word (c / 64) % WINDOW_WORDS. When the top moves into new words
 * these are cleared first; the word that the top is in and the 17 before it are valid, so at least
 * 17 * 64 counters below the top are told apart, and whatever is older counts as seen.
 */
#include "window.h"

#include <string.h>

#include "gossip/base/check.h"

static uint64_t bit_of(uint64_t counter)
{
	return UINT64_C(1) << (counter % 64);
}

void window_init(struct window *window, uint64_t floor)
{
	window->top = floor;
	memset(window->words, 0xff, sizeof(window->words));
	/* Bits above the floor in its own word are of counters still to come. */
	window->words[floor / 64 % WINDOW_WORDS] = bit_of(floor) | (bit_of(floor) - 1);
}

bool window_is_fresh(const struct window *window, uint64_t counter)
{
	if (counter == 0)
		return false;
	if (counter > window->top)
		return true;
	if (window->top - counter >= WINDOW_COUNTERS)
		return false;
	return (window->words[counter / 64 % WINDOW_WORDS] & bit_of(counter)) == 0;
}

void window_take(struct window *window, uint64_t counter)
{
	WEFT_ASSERT(window_is_fresh(window, counter));
	if (counter > window->top) {
		uint64_t steps = counter / 64 - window->top / 64;
		if (steps > WINDOW_WORDS)
			steps = WINDOW_WORDS;
		for (uint64_t i = 0; i < steps; i++)
			window->words[(counter / 64 - i) % WINDOW_WORDS] = 0;
		window->top = counter;
	}
	window->words[counter / 64 % WINDOW_WORDS] |= bit_of(counter);
	WEFT_ASSERT(!window_is_fresh(window, counter));
}
