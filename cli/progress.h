/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What takes longer than a second says so on the terminal: one line on standard error that counts
 * the seconds and is gone when the answer comes.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "gossip/base/api.h"

#define PROGRESS_EVERY_MS 1000

/* What a command waits for, in words. */
const char *progress_words(enum api_id method);

/* Waits until fd can be read, at most for_ms (0: for ever), and tells out each time every_ms have
 * passed; out NULL: tells nobody. Milliseconds that are left, at least 1; 0 when for_ms was 0. */
int64_t progress_wait(int fd, int64_t for_ms, const char *words, int64_t every_ms, FILE *out);

/* A wait that looks by itself whether it is over: tick as often as it looks, end when it is over.
 * out NULL: tells nobody. */
struct progress {
	FILE *out;
	const char *words;
	int64_t began_ms, every_ms;
	long long told;
};

/* progress_end follows; words are borrowed until then. */
void progress_begin(struct progress *progress, const char *words, int64_t every_ms, FILE *out);
void progress_tick(struct progress *progress);
void progress_end(struct progress *progress);

/* Standard error if it is a terminal that can take a line back, else NULL. */
FILE *progress_terminal(void);
