/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Assertions that stay on in release builds. They guard weft's own invariants and never judge
 * foreign input: what a peer, a user or a disk sends is a verdict or an error instead.
 */
#pragma once

/* Prints the failed expression and aborts. */
_Noreturn void weft_assert_failed(const char *expr, const char *file, int line);

#define WEFT_ASSERT(expr) ((expr) ? (void)0 : weft_assert_failed(#expr, __FILE__, __LINE__))
