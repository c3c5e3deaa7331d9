/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What waits for the store. A group of writes is opened by whoever needs it; here it is remembered
 * what is to happen when the host says that it is durable, or that it is not.
 */
#include <stdio.h>
#include <string.h>

#include "admission_impl.h"
#include "gossip/base/pack.h"

static void pending_free(struct admission *adm, struct pending *pending)
{
	if (pending->text != NULL)
		heap_give(&adm->core->heap, pending->text, TOKEN_TEXT_MAX);
	pending->text = NULL;
}

void pending_close(struct admission *adm)
{
	for (size_t i = 0; i < adm->pending.count; i++)
		pending_free(adm, vec_at(&adm->pending, i));
	vec_close(&adm->pending);
}

bool pending_has(const struct admission *adm, enum pending_kind kind)
{
	for (size_t i = 0; i < adm->pending.count; i++) {
		const struct pending *pending = vec_at(&adm->pending, i);

		if (pending->kind == kind)
			return true;
	}
	return false;
}

bool admission_may_wait(const struct admission *adm)
{
	return adm->pending.count < PENDING_MAX;
}

void admission_wait(struct admission *adm, enum pending_kind kind, uint64_t token, uint64_t tag,
		    const struct id *id, const char *text)
{
	struct pending pending = {.kind = kind, .token = token, .tag = tag};

	WEFT_ASSERT(token != 0);
	if (id != NULL)
		pending.id = *id;
	if (text != NULL) {
		pending.text = heap_take(&adm->core->heap, TOKEN_TEXT_MAX);
		snprintf(pending.text, TOKEN_TEXT_MAX, "%s", text);
	}
	vec_push(&adm->pending, &pending);
}

void admission_meta(struct admission *adm, enum meta_key key, const void *bytes, size_t len)
{
	struct write write = {.kind = WRITE_META, .meta = key, .len = len};
	uint8_t *kept = len > 0 ? scratch_take(&adm->core->scratch, len) : NULL;

	if (len > 0)
		memcpy(kept, bytes, len);
	write.bytes = kept;
	if (write_is_secret(&write))
		scratch_note_secret(&adm->core->scratch);
	core_persist_write(adm->core, &write);
}

void admission_meta_uint(struct admission *adm, enum meta_key key, uint64_t value)
{
	uint8_t bytes[16];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_uint(&pack, value);
	admission_meta(adm, key, bytes, pack.len);
}

/* A command's row was stored, or not. */
static void answer_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct gossip_answer *answer = core_answer(adm->core, pending->tag);

	answer->id = pending->id;
	if (!ok) {
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the change could not be written; nobody was told of it");
	} else if (pending->text != NULL) {
		size_t len = strlen(pending->text) + 1;
		char *text = scratch_take(&adm->core->scratch, len);
		memcpy(text, pending->text, len);
		answer->bytes = (const uint8_t *)text;
		answer->len = len - 1;
	}
}

static void fence_durable(struct admission *adm, bool ok)
{
	if (!ok && adm->fence != FENCE_NONE)
		adm->fence_wanted = adm->fence; /* stored at the next tick */
}

static void pending_done(struct admission *adm, const struct pending *pending, bool ok)
{
	if (!ok)
		adm->retry_due = mono_add_ms(adm->core->now, RETRY_MS);
	switch (pending->kind) {
	case PENDING_INIT:
	case PENDING_RESTORE:
		founding_durable(adm, pending, ok);
		break;
	case PENDING_JOIN:
		joiner_durable(adm, pending, ok);
		break;
	case PENDING_EPOCH:
	case PENDING_RENEW:
		claim_durable(adm, pending, ok);
		break;
	case PENDING_ANSWER:
		answer_durable(adm, pending, ok);
		break;
	case PENDING_LEAVE:
		leave_durable(adm, pending, ok);
		break;
	case PENDING_FENCE:
		fence_durable(adm, ok);
		break;
	case PENDING_REFUSED:
		refusal_durable(adm, ok);
		break;
	case PENDING_REPLACE:
		judge_replaced(adm, pending->token, ok);
		break;
	case PENDING_RECOVER:
		recover_durable(adm, pending, ok);
		break;
	case PENDING_ADVERTISE:
		adm->publishing = false;
		adm->publish_wanted = adm->publish_wanted || !ok;
		if (pending->tag != 0)
			answer_durable(adm, pending, ok);
		break;
	}
}

void admission_durable(struct admission *adm, uint64_t token, bool ok)
{
	for (size_t i = 0; i < adm->pending.count; i++) {
		struct pending pending = *(struct pending *)vec_at(&adm->pending, i);
		if (pending.token != token)
			continue;
		vec_remove(&adm->pending, i);
		pending_done(adm, &pending, ok);
		pending_free(adm, &pending);
		return;
	}
}
