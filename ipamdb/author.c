/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "author.h"

#include "closure.h"
#include "db.h"
#include "query.h"

void authors_init(struct ipamdb *db)
{
	map_init(&db->authors, &db->heap, ID_BYTES, sizeof(struct author), db->map_seed);
}

static size_t counted(size_t count, int by)
{
	WEFT_ASSERT(by >= 0 || count >= (size_t)-by);
	return count + (size_t)by;
}

void author_count(struct ipamdb *db, const struct id *id, int nets, int strange, int ended)
{
	struct author *author = map_insert(&db->authors, id, NULL);

	author->nets = counted(author->nets, nets);
	author->strange = counted(author->strange, strange);
	author->ended = counted(author->ended, ended);
	if (author->nets == 0 && author->strange == 0 && author->ended == 0 && !author->passed_over)
		map_remove(&db->authors, id);
}

void author_passed_over(struct ipamdb *db, const struct id *id)
{
	struct author *author = map_insert(&db->authors, id, NULL);

	author->passed_over = db->passed_over = true;
}

static bool may(struct ipamdb *db, const struct id *id, bool is_below)
{
	if (is_below && !closure_is_removed(db, id))
		return true;
	author_passed_over(db, id);
	return false;
}

bool author_may_name(struct ipamdb *db, const struct id *id)
{
	const struct author *author = map_find(&db->authors, id);

	return may(db, id, !author || author->nets < STRANGE_NETS_MAX);
}

bool author_may_claim(struct ipamdb *db, const struct id *id)
{
	const struct author *author = map_find(&db->authors, id);

	return may(db, id, !author || author->strange < STRANGE_CLAIMS_MAX);
}

bool author_has_enough(const struct ipamdb *db, const struct id *id)
{
	const struct author *author = map_find(&db->authors, id);

	return author && author->ended >= ENDED_MAX && !id_eq(id, &db->self);
}

void author_note(struct ipamdb *db, const struct claim *claim)
{
	struct author *author = map_find(&db->authors, &claim->author);

	if (!author || !author->passed_over || claim->generation > CLOSURE_GENERATION_MAX)
		return;
	if (claim->generation > author->top)
		author->top = claim->generation;
	if (claim->is_grant && claim->generation > author->granted_top)
		author->granted_top = claim->generation;
}

/* To whom he granted is not remembered: it may have been anybody. */
uint64_t authors_top(const struct ipamdb *db)
{
	const struct author *author;
	uint64_t top = 0;
	size_t pos = 0;

	while (db->passed_over && (author = map_next(&db->authors, &pos)) != NULL) {
		bool is_gone = closure_is_gone(db, &author->id);
		uint64_t his = is_gone ? author->top : author->granted_top;

		top = his > top ? his : top;
	}
	return top;
}

struct portion {
	void (*visit)(void *ctx, const struct row_view *row);
	void *ctx;
	size_t rows;
};

static void portion_visit(void *ctx, const struct row_view *row)
{
	struct portion *portion = ctx;

	portion->rows++;
	portion->visit(portion->ctx, row);
}

static void reading_begin(struct ipamdb *db, struct ipam_reading *reading)
{
	const struct author *author;
	size_t pos = 0;

	*reading = (struct ipam_reading){.is_up = true, .left = SIZE_MAX};
	vec_init(&reading->owners, &db->heap, sizeof(struct id));
	while (db->passed_over && (author = map_next(&db->authors, &pos)) != NULL)
		if (author->passed_over)
			vec_push(&reading->owners, &author->id);
}

bool ipamdb_read_passed(struct ipamdb *db, struct ipam_reading *reading,
			void (*visit)(void *ctx, const struct row_view *row), void *ctx,
			int64_t *again_ms)
{
	struct vec *owners = &reading->owners;
	size_t room = READING_PORTION;

	if (!reading->is_up)
		reading_begin(db, reading);
	while (owners->count > 0 && room > 0 && db->config.rows_of) {
		const struct id *owner = vec_at(owners, owners->count - 1);
		struct portion portion = {visit, ctx, 0};

		reading->left = db->config.rows_of(db->config.ctx, owner, reading->left, room,
						   portion_visit, &portion);
		reading->rows += portion.rows;
		room -= portion.rows < room ? portion.rows : room;
		if (reading->left > 0)
			continue;
		vec_remove(owners, owners->count - 1);
		reading->left = SIZE_MAX;
		room -= room > 0; /* to ask for one who has none is work as well */
	}
	if (owners->count > 0 && db->config.rows_of)
		return false;
	vec_close(owners);
	reading->is_up = false;
	*again_ms = reading->rows > 0 ? 100 + (int64_t)reading->rows / 500 : 0;
	return true;
}

void authors_check(const struct ipamdb *db, size_t nets, size_t strange, size_t ended)
{
	const struct author *author;
	size_t pos = 0;

	while ((author = map_next(&db->authors, &pos)) != NULL) {
		WEFT_ASSERT(author->nets <= nets && author->strange <= strange);
		WEFT_ASSERT(author->ended <= ended);
		WEFT_ASSERT(db->passed_over || !author->passed_over);
		nets -= author->nets;
		strange -= author->strange;
		ended -= author->ended;
	}
	WEFT_ASSERT(nets == 0 && strange == 0 && ended == 0);
}
