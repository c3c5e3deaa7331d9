/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Which probes are expected, and what came of them. A slot is one sender: it is wanted, asked of
 * the kernel thread with all others that are wanted in the same turn, counts, is read once, and is
 * free again. The watch is opened by the first and closed a while after the last; when it cannot be
 * opened it is not tried again for a while.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/diag/diag_impl.h"
#include "gossip/base/check.h"

#define KEEP_MS 10000  /* the watch, after the last slot */
#define AGAIN_MS 10000 /* after a failure */

uint64_t diag_nonce(void)
{
	uint64_t nonce = 0;

	WEFT_ASSERT(getrandom(&nonce, sizeof(nonce), 0) == (ssize_t)sizeof(nonce));
	return nonce;
}

/* Whoever knows a nonce may ask for it again, also one that a round of this host told it; the
 * kernel takes no two alike, nor anything that is asked for beside them. */
static bool is_expected(const struct diag *diag, const struct inet *from, uint64_t nonce)
{
	for (size_t i = 0; i < DIAG_SLOTS; i++) {
		const struct slot *slot = &diag->slots[i];

		if (slot->state != SLOT_FREE && slot->want.nonce == nonce &&
		    inet_eq(&slot->want.from, from))
			return true;
	}
	return false;
}

struct slot *slot_take(struct diag *diag, bool desk, const struct inet *from, uint64_t nonce)
{
	size_t first = desk ? 0 : DIAG_SLOTS_DESK, end = desk ? DIAG_SLOTS_DESK : DIAG_SLOTS;

	if (!diag->slots)
		diag->slots = calloc(DIAG_SLOTS, sizeof(*diag->slots));
	WEFT_ASSERT(diag->slots != NULL);
	if (is_expected(diag, from, nonce))
		return NULL;
	for (size_t i = first; i < end; i++) {
		struct slot *slot = &diag->slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		memset(slot, 0, sizeof(*slot));
		slot->want = (struct watch_want){++diag->next_slot, *from, nonce};
		slot->since = daemon_now();
		slot->state = SLOT_WANTED;
		if (!diag->d->kernel)
			snprintf(diag->why, sizeof(diag->why), "weftd may not change the kernel");
		if (!diag->d->kernel || !mono_is_due(diag->watch_again, slot->since))
			slot->state = SLOT_FAILED;
		diag_wake(diag);
		return slot;
	}
	return NULL;
}

void slot_read(struct slot *slot)
{
	WEFT_ASSERT(slot->state == SLOT_ON && !slot->dropped);
	slot->state = SLOT_DUE;
}

void slot_drop(struct slot *slot)
{
	if (!slot)
		return;
	WEFT_ASSERT(slot->state != SLOT_FREE && !slot->dropped);
	slot->dropped = true;
	if (slot->state == SLOT_ON)
		slot->state = SLOT_DUE;
	else if (slot->state == SLOT_WANTED || slot->state == SLOT_SEEN ||
		 slot->state == SLOT_FAILED)
		slot->state = SLOT_FREE;
}

uint32_t slot_count(const struct slot *slot, uint16_t port, uint16_t size)
{
	uint16_t bytes = probe_udp_bytes(&slot->want.from, size);

	for (size_t i = 0; i < slot->seen_count; i++) {
		const struct watch_seen *seen = &slot->seen[i];

		if (seen->to_port == port && seen->bytes == bytes)
			return seen->packets > UINT32_MAX ? UINT32_MAX : (uint32_t)seen->packets;
	}
	return 0;
}

/* One question for those in a state; false when there are none. */
static bool ask_kernel(struct diag *diag, enum slot_state from, enum slot_state to,
		       enum kernel_ask_kind kind)
{
	struct kernel_ask *ask = NULL;

	for (size_t i = 0; i < DIAG_SLOTS; i++) {
		struct slot *slot = &diag->slots[i];

		if (slot->state != from)
			continue;
		if (!ask) {
			ask = kernel_ask_new(kind);
			ask->tag = DIAG_TAG | ++diag->next_tag;
		}
		ask->rec.wants.list[ask->rec.wants.count++] = slot->want;
		slot->tag = ask->tag;
		slot->state = to;
		if (ask->rec.wants.count == KERNEL_WANTS_MAX)
			break;
	}
	if (!ask)
		return false;
	diag->watching = true;
	kernel_thread_ask(diag->d->kernel, ask);
	return true;
}

bool slots_turn(struct diag *diag)
{
	bool used = false;

	if (!diag->slots)
		return false;
	while (ask_kernel(diag, SLOT_DUE, SLOT_READING, ASK_SEEN))
		;
	while (ask_kernel(diag, SLOT_WANTED, SLOT_ASKED, ASK_WATCH))
		;
	for (size_t i = 0; i < DIAG_SLOTS; i++)
		used = used || diag->slots[i].state != SLOT_FREE;
	if (used)
		diag->watch_until = mono_add_ms(daemon_now(), KEEP_MS);
	if (!mono_is_due(diag->watch_until, daemon_now()))
		return true;
	if (diag->watching)
		kernel_thread_ask(diag->d->kernel, kernel_ask_new(ASK_UNWATCH));
	diag->watching = false;
	free(diag->slots);
	diag->slots = NULL;
	return false;
}

/* Each set of the kernel is told whole, one after the other. */
static void take_seen(struct slot *slot, const struct kernel_tell *tell)
{
	for (size_t i = 0; i < tell->seen_count && slot->seen_count < WATCH_SEEN_MAX; i++) {
		if (tell->seen[i].number == slot->want.number)
			slot->seen[slot->seen_count++] = tell->seen[i];
	}
}

static void slot_told(struct slot *slot, const struct kernel_tell *tell)
{
	bool asked = slot->state == SLOT_ASKED;

	WEFT_ASSERT(asked || slot->state == SLOT_READING);
	if (tell->err.code != 0)
		slot->state = SLOT_FAILED;
	else
		slot->state = asked ? SLOT_ON : SLOT_SEEN;
	if (slot->state == SLOT_SEEN)
		take_seen(slot, tell);
	if (slot->dropped)
		slot->state = slot->state == SLOT_ON ? SLOT_DUE : SLOT_FREE;
}

void slots_told(struct diag *diag, const struct kernel_tell *tell)
{
	if (tell->err.code != 0) {
		snprintf(diag->why, sizeof(diag->why), "%.199s", tell->err.message);
		diag->watch_again = mono_add_ms(daemon_now(), AGAIN_MS);
	}
	for (size_t i = 0; diag->slots && i < DIAG_SLOTS; i++) {
		struct slot *slot = &diag->slots[i];

		if ((slot->state == SLOT_ASKED || slot->state == SLOT_READING) &&
		    slot->tag == tell->tag)
			slot_told(slot, tell);
	}
}
