/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Instants. Monotonic time decides everything; wall-clock time is shown to people and bounds the
 * life of tokens. Both are wrapped so that the compiler keeps them apart. The core never reads a
 * clock: instants come in with each event.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* Nanoseconds since an arbitrary start; never goes back within one run of a process. */
struct mono {
	int64_t ns;
};

/* Milliseconds since 1970-01-01 UTC, as a host believes it to be. */
struct wall {
	int64_t ms;
};

#define MONO_NEVER ((struct mono){INT64_MAX})

/* Later by ns (earlier when negative); stays at the ends of time instead of wrapping. */
static inline struct mono mono_add_ns(struct mono t, int64_t ns)
{
	int64_t sum;

	if (__builtin_add_overflow(t.ns, ns, &sum))
		return ns > 0 ? MONO_NEVER : (struct mono){INT64_MIN};
	return (struct mono){sum};
}

static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
	int64_t ns;

	if (__builtin_mul_overflow(ms, NS_PER_MS, &ns))
		ns = ms > 0 ? INT64_MAX : INT64_MIN;
	return mono_add_ns(t, ns);
}

static inline int64_t mono_diff_ns(struct mono later, struct mono earlier)
{
	return later.ns - earlier.ns;
}

static inline int64_t mono_diff_ms(struct mono later, struct mono earlier)
{
	return (later.ns - earlier.ns) / NS_PER_MS;
}

static inline bool mono_is_due(struct mono deadline, struct mono now)
{
	return deadline.ns <= now.ns;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}

#define WALL_TEXT_BYTES 32 /* with the NUL */

/* An instant for people, as RFC 3339 has it: "2026-01-02T03:04:05.678Z". One outside the years
 * 0 to 9999 becomes a number of milliseconds. */
void wall_format(struct wall wall, char text[WALL_TEXT_BYTES]);
