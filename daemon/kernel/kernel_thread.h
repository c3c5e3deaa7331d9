/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The kernel thread: owns the overlay and the attach helper. The loop asks it by values (rows,
 * work, questions) and hears back by values; neither ever waits for the other.
 */
#pragma once

#include "daemon/kernel/kernel_message.h"

/* A plug or unplug that nobody can do, because the kernel could not be opened. */
struct kernel_refusal {
	struct id endpoint;
	bool is_plug;
};

struct kernel_thread;

struct kernel_config {
	struct overlay_config overlay; /* kernel, box_* are filled in by the thread */
	const char *helper;
	bool tell_done; /* TELL_DONE is wanted */
};

/* Opens the kernel and starts the thread; NULL with err. */
struct kernel_thread *kernel_thread_new(const struct kernel_config *config, struct weft_err *err);

/* Finishes what is under way and ends; the kernel keeps every object. NULL is allowed. */
void kernel_thread_free(struct kernel_thread *kt);

/* A zeroed question of a kind; never NULL. */
struct kernel_ask *kernel_ask_new(enum kernel_ask_kind kind);

/* Hands a question over. */
void kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);

/* How many questions wait. */
size_t kernel_thread_waiting(struct kernel_thread *kt);

/* Readable when kernel_thread_drain has something to tell. */
int kernel_thread_fd(const struct kernel_thread *kt);
void kernel_thread_drain(struct kernel_thread *kt, void *ctx,
			 void (*each)(void *ctx, const struct kernel_tell *tell));
