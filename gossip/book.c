/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The address book: member records are stored as they come, not only with the snapshot of all rows
 * every half minute. A node that restarts must know whom to ask before it goes on; one that has
 * just admitted its first peer must not take itself for a cluster of one.
 */
#include <string.h>

#include "admission_impl.h"

#define ROWS_A_STEP 32
#define BOOK_MS 20 /* rows that arrive together are stored together */

void book_note(struct admission *adm, const struct id *member)
{
	/* While the store is loaded there is nothing to do; beyond the cap the snapshot has it. */
	if (!adm->started || adm->book.count >= adm->core->limits.members_max)
		return;
	if (adm->book.count == 0)
		adm->book_due = mono_add_ms(adm->core->now, BOOK_MS);
	vec_push(&adm->book, member);
}

static bool row_write(struct admission *adm, const struct id *member)
{
	static const struct id no_topic;
	struct write write = {.kind = WRITE_SNAPSHOT};
	struct row_view row;
	uint8_t *kept;

	if (!tables_row(adm->tables, member, &no_topic, ROW_MEMBER, no_topic.b, 0, &row))
		return false;
	write.len = row.signed_len + SIG_BYTES;
	kept = core_scratch(adm->core, write.len);
	memcpy(kept, row.sig - row.signed_len, write.len);
	write.bytes = kept;
	if (row_parse(kept, write.len, &write.row) != 0)
		return false;
	core_persist_write(adm->core, &write);
	return true;
}

void book_tick(struct admission *adm)
{
	size_t count = adm->book.count;
	struct core *core = adm->core;

	if (count == 0 || !mono_is_due(adm->book_due, core->now))
		return;
	if (count > ROWS_A_STEP)
		count = ROWS_A_STEP;
	adm->book_due = mono_add_ms(core->now, BOOK_MS);
	/* A write that fails or a member without a row is left to the next snapshot. */
	if (!core_has_room(core, 0, count, 0) || core_persist_begin(core, 0) == 0)
		return;
	for (size_t i = 0; i < count; i++)
		(void)row_write(adm, vec_at(&adm->book, i));
	memmove(adm->book.items, (struct id *)adm->book.items + count,
		(adm->book.count - count) * sizeof(struct id));
	adm->book.count -= count;
}

struct mono book_deadline(const struct admission *adm)
{
	return adm->book.count > 0 ? adm->book_due : MONO_NEVER;
}
