/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the files of the kernel thread share; nobody else includes this. */
#pragma once

#include "daemon/clock.h"
#include "daemon/kernel/kernel_thread.h"
#include "overlay/linux/linux.h"

struct kernel_thread {
	struct channel in, out;
	uv_thread_t thread;
	struct overlay *overlay;
	struct linux_kernel *kernel;
	struct boxes boxes;
	struct box opened;           /* between box_open and box_close */
	struct kernel_tell *applied; /* collects until it is full or the reconcile ends */
	struct channel_item *made;   /* of ASK_MAKE, until what comes after it */
	struct channel_item *later, **later_end; /* told once what came before them stands */
	struct overlay_sink sink;
	struct linux_watch *watch; /* while somebody wants it */
	uint64_t told_reconciles;  /* in the totals that were told last */
	bool ready;
	bool stop;
};

/* An empty message of a kind; never NULL. */
struct kernel_tell *kernel_tell_new(enum kernel_tell_kind kind);

/* Hands a message to the loop. */
void kernel_say(struct kernel_thread *kt, struct kernel_tell *tell);

/* Free a question or a message that nobody took, with what it holds open. */
void kernel_ask_free(struct channel_item *item);

/* Takes back what was made ahead of attaches that do not come any more. */
void kernel_unmake_all(struct kernel_thread *kt);
void kernel_tell_free(struct channel_item *item);

/* Where the overlay reports what became of a reconcile. */
void kernel_sink_init(struct kernel_thread *kt, bool tell_done);

/* Tells what was applied and not told yet. */
void kernel_flush_applied(struct kernel_thread *kt);

/* Hands a message to the loop after the reconcile of this turn. */
void kernel_say_later(struct kernel_thread *kt, struct kernel_tell *tell);

/* Takes one question into the overlay, or does the work that it asks for. */
void kernel_answer(struct kernel_thread *kt, struct kernel_ask *ask);
