/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "author.h"

#include "closure.h"
#include "db.h"

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

struct reading {
	void (*visit)(void *ctx, const struct row_view *row);
	void *ctx;
	size_t rows;
};

static void reading_visit(void *ctx, const struct row_view *row)
{
	struct reading *reading = ctx;

	reading->rows++;
	reading->visit(reading->ctx, row);
}

size_t authors_read(struct ipamdb *db, void (*visit)(void *ctx, const struct row_view *row),
		    void *ctx)
{
	struct reading reading = {visit, ctx, 0};
	const struct author *author;
	struct vec ids;
	size_t pos = 0;

	if (!db->passed_over || !db->config.rows_of)
		return 0;
	/* Whoever visits counts what it reads. */
	vec_init(&ids, &db->heap, sizeof(struct id));
	while ((author = map_next(&db->authors, &pos)) != NULL)
		if (author->passed_over)
			vec_push(&ids, &author->id);
	for (size_t i = 0; i < ids.count; i++)
		db->config.rows_of(db->config.ctx, vec_at(&ids, i), reading_visit, &reading);
	vec_close(&ids);
	return reading.rows;
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
