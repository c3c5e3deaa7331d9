/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/daemon/diag_kit.h"

#include <stdlib.h>
#include <string.h>

#include "test/base/cmocka_all.h"

struct diag_kit kit;

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
void __wrap_diag_wake(struct diag *diag);
struct mono __wrap_daemon_now(void);

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	(void)kt;
	assert_true(kit.ask_count < KIT_ASKS_MAX);
	kit.asks[kit.ask_count++] = ask;
}

void __wrap_diag_wake(struct diag *diag)
{
	(void)diag;
}

struct mono __wrap_daemon_now(void)
{
	return kit.now;
}

int kit_set_up(void **state)
{
	(void)state;
	memset(&kit, 0, sizeof(kit));
	kit.now = (struct mono){INT64_C(1000000000)};
	kit.diag = calloc(1, sizeof(*kit.diag));
	kit.diag->d = calloc(1, sizeof(*kit.diag->d));
	kit.diag->d->kernel = (struct kernel_thread *)kit.diag; /* never looked into */
	return 0;
}

int kit_tear_down(void **state)
{
	(void)state;
	kit_forget();
	free(kit.diag->slots);
	free(kit.diag->d);
	free(kit.diag);
	return 0;
}

void kit_forget(void)
{
	while (kit.ask_count > 0)
		free(kit.asks[--kit.ask_count]);
}
