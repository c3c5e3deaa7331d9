/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A diag of an empty daemon, whose kernel thread is the test: what it was asked waits here until
 * the test tells the answer. Linked with --wrap for kernel_thread_ask, diag_wake and, where the
 * clock is the test's, daemon_now.
 */
#pragma once

#include "daemon/diag/diag_impl.h"

#define KIT_ASKS_MAX 1500

struct diag_kit {
	struct diag *diag;
	struct mono now; /* of daemon_now */
	size_t ask_count;
	struct kernel_ask *asks[KIT_ASKS_MAX]; /* of the kernel thread */
};

extern struct diag_kit kit;

/* Before and after each test. */
int kit_set_up(void **state);
int kit_tear_down(void **state);

/* Forgets what the kernel thread was asked. */
void kit_forget(void);
