/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What observers show of rows.
 *
 * The world keeps each version that an owner ever handed to its disk: the hash of its text, and
 * whether the disk has it. Whatever another host shows must be one of these, byte by byte, and
 * durable at its owner by then: this is at once "no row that its owner did not write", "one text a
 * version" and "advertised means durable".
 *
 * Each observer keeps what it showed last of each row since its start. A start begins with what its
 * disk says: the copies of others' rows in memory are not durable, so an observer may know less
 * after a crash, but never less than was stored. A host that quits a network forgets its rows, and
 * begins anew when it comes back.
 *
 * What a node's own rows were when others saw them is kept as well: when it starts, its disk must
 * have all of that.
 */
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"

#define TEXT_SEED 21
#define PLACE_SEED 22

/* A version of a row as its owner wrote it. Key first. */
struct text_key {
	struct id owner, topic; /* facts: the author, and the place in topic */
	uint64_t epoch, sequence;
};

struct text {
	struct text_key key;
	uint64_t hash;
	bool deleted, durable;
	bool left;
	bool doubled; /* by two processes with one identity: either text may be seen */
};

/* A version that orders like row_version_cmp. */
struct seen {
	uint64_t place; /* key */
	uint64_t major, minor;
	struct id owner, topic;
	bool deleted;
	bool left; /* a member's row that says that its owner left: above all that do not */
};

struct rows_checks {
	struct map texts; /* struct text */
	struct map told;  /* struct seen: own rows at their newest that others showed */
	struct map *seen; /* of each host: struct seen */
	size_t count;
};

static uint64_t place_of(const struct row_view *row)
{
	uint8_t bytes[2 * ID_BYTES + 2 + KEY_BYTES_MAX] = {0};

	if (!row_is_fact(row)) {
		memcpy(bytes, row->owner.b, ID_BYTES);
		memcpy(bytes + ID_BYTES, row->topic.b, ID_BYTES);
	}
	bytes[2 * ID_BYTES] = (uint8_t)(row->kind >> 8);
	bytes[2 * ID_BYTES + 1] = (uint8_t)row->kind;
	memcpy(bytes + 2 * ID_BYTES + 2, row->key, row->key_len);
	return map_hash(bytes, 2 * ID_BYTES + 2 + row->key_len, PLACE_SEED);
}

static struct text_key key_of(const struct row_view *row, uint64_t place)
{
	struct text_key key = {.owner = row->owner, .topic = row->topic};

	key.epoch = row->epoch;
	key.sequence = row->sequence;
	if (row_is_fact(row))
		memcpy(key.topic.b, &place, sizeof(place));
	return key;
}

/* An observer's view has no frame any more; the signature speaks for it. */
static uint64_t text_hash(const struct row_view *row)
{
	return map_hash(row->value, row->value_len, map_hash(row->sig, ROW_SIG_BYTES, TEXT_SEED));
}

static bool says_left(const struct row_view *row)
{
	struct rec_member rec;

	return row->kind == ROW_MEMBER && !row->deleted &&
	       rec_member_decode(row->value, row->value_len, &rec) == 0 && rec.left;
}

static struct seen seen_of(const struct row_view *row, uint64_t place)
{
	struct seen seen = {.place = place, .owner = row->owner, .topic = row->topic};

	seen.deleted = row->deleted;
	seen.left = says_left(row);
	seen.major = row_is_fact(row) ? row->sequence : row->epoch;
	seen.minor = row->sequence;
	if (row_is_fact(row)) {
		seen.minor = 0;
		for (size_t i = 0; i < sizeof(seen.minor); i++)
			seen.minor = seen.minor << 8 | row->owner.b[i];
	}
	return seen;
}

/* A leave stays, also over what was signed later on a disk that knew nothing of it. */
static int seen_cmp(const struct seen *a, const struct seen *b)
{
	if (a->left != b->left)
		return a->left ? 1 : -1;
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	return (a->minor > b->minor) - (a->minor < b->minor);
}

bool rows_were_durable(const struct sim *sim, const struct row_view *row)
{
	struct text_key key = key_of(row, place_of(row));
	const struct text *text = map_find(&sim->checks->rows->texts, &key);

	return text != NULL && text->durable && text->hash == text_hash(row);
}

void rows_checks_open(struct sim *sim)
{
	struct rows_checks *rows = calloc(1, sizeof(*rows));

	WEFT_ASSERT(rows != NULL);
	rows->count = sim->opt.hosts + sim->opt.spares;
	map_init(&rows->texts, &sim->heap, sizeof(struct text_key), sizeof(struct text),
		 sim->opt.seed);
	map_init(&rows->told, &sim->heap, sizeof(uint64_t), sizeof(struct seen), sim->opt.seed);
	rows->seen = calloc(rows->count, sizeof(*rows->seen));
	WEFT_ASSERT(rows->seen != NULL);
	for (size_t i = 0; i < rows->count; i++)
		map_init(&rows->seen[i], &sim->heap, sizeof(uint64_t), sizeof(struct seen),
			 sim->opt.seed + i);
	sim->checks->rows = rows;
}

void rows_checks_close(struct sim *sim)
{
	struct rows_checks *rows = sim->checks->rows;

	for (size_t i = 0; i < rows->count; i++)
		map_close(&rows->seen[i]);
	free(rows->seen);
	map_close(&rows->told);
	map_close(&rows->texts);
	free(rows);
	sim->checks->rows = NULL;
}

static void row_words(const struct row_view *row, char out[96])
{
	char owner[ID_TEXT_BYTES];

	id_format(&row->owner, owner);
	snprintf(out, 96, "row of kind %u of %.8s, version %llu.%llu", row->kind, owner,
		 (unsigned long long)row->epoch, (unsigned long long)row->sequence);
}

/* --- what owners write ------------------------------------------------------------------------ */

void check_wrote(struct sim *sim, const struct row_view *row, bool durable)
{
	uint64_t place = place_of(row), hash = text_hash(row);
	struct text_key key = key_of(row, place);
	struct text *text;
	char words[96];
	bool fresh;

	text = map_insert(&sim->checks->rows->texts, &key, &fresh);
	check_look(sim, CHECKER_SAME_BYTES);
	/* The counter of a fact that no disk has may be used again. */
	if (fresh || (row_is_fact(row) && !text->durable)) {
		text->hash = hash;
		text->deleted = row->deleted;
		text->left = says_left(row);
	} else if (text->hash != hash) {
		const struct sim_host *owner = check_host(sim, &row->owner);
		/* A copy that reaches nobody cannot know which epochs the original has claimed. */
		text->doubled = owner && owner->was_astray;
	}
	if (text->hash != hash && !text->doubled) {
		row_words(row, words);
		check_fail(sim, CHECKER_SAME_BYTES, "its owner wrote two texts for a %s", words);
		return;
	}
	text->durable |= durable;
}

static bool is_row_write(const struct write *write)
{
	return write->kind == WRITE_OWN_ROW || write->kind == WRITE_FACT;
}

static void batch_note(struct sim *sim, const struct id *self, const struct node_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct write *write = &batch->writes[i];
		struct row_view row;

		if (!is_row_write(write))
			continue;
		WEFT_ASSERT(row_parse(write->bytes, write->len, &row) == 0);
		if (id_eq(&row.owner, self))
			check_wrote(sim, &row, false);
	}
}

void rows_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	struct id self = gossip_self(node_gossip(host->node));
	struct row_view row;

	if (!is_row_write(write) || host->mad)
		return;
	WEFT_ASSERT(row_parse(write->bytes, write->len, &row) == 0);
	if (id_eq(&row.owner, &self))
		check_wrote(sim, &row, true);
}

/* --- what observers show ---------------------------------------------------------------------- */

/* A foreign row: its owner wrote this text, and its disk has it. */
static void foreign_look(struct sim *sim, struct sim_host *host, const struct row_view *row,
			 const struct text *text)
{
	char words[96];

	check_look(sim, CHECKER_WRITTEN);
	check_look(sim, CHECKER_ADVERTISED);
	if (text && (text->hash == text_hash(row) || text->doubled) && text->durable)
		return;
	row_words(row, words);
	if (!text)
		check_fail(sim, CHECKER_WRITTEN, "host %zu shows a %s that nobody wrote",
			   host->index, words);
	else if (text->hash != text_hash(row))
		check_fail(sim, CHECKER_SAME_BYTES, "host %zu shows another text of a %s",
			   host->index, words);
	else
		check_fail(sim, CHECKER_ADVERTISED, "host %zu shows a %s that its disk lacks",
			   host->index, words);
}

static void told_note(struct sim *sim, const struct seen *now)
{
	struct seen *told = map_insert(&sim->checks->rows->told, &now->place, NULL);

	if (seen_cmp(now, told) >= 0)
		*told = *now;
}

/* Did its owner use this version for another text as well? Only one of the two stays, and in the
 * place of the other one stands what was there before (gossip/tables/receive.c). */
static bool was_doubled(const struct sim *sim, const struct seen *seen)
{
	struct text_key key = {seen->owner, seen->topic, seen->major, seen->minor};
	const struct text *text = map_find(&sim->checks->rows->texts, &key);

	return text && text->doubled;
}

/* The order of versions that one observer shows. */
static void order_look(struct sim *sim, struct sim_host *host, const struct row_view *row,
		       const struct seen *now)
{
	struct seen *last;
	char words[96];
	bool fresh;

	last = map_insert(&sim->checks->rows->seen[host->index], &now->place, &fresh);
	check_look(sim, CHECKER_VERSION_BACK);
	fresh = fresh || (!row_is_fact(row) && was_doubled(sim, last));
	if (!fresh && last->deleted && !now->deleted) {
		check_look(sim, CHECKER_RESURRECTION);
		if (seen_cmp(now, last) <= 0) {
			row_words(row, words);
			check_fail(sim, CHECKER_RESURRECTION,
				   "host %zu shows a %s again although it was deleted at %llu.%llu",
				   host->index, words, (unsigned long long)last->major,
				   (unsigned long long)last->minor);
			return;
		}
	}
	if (!fresh && seen_cmp(now, last) < 0) {
		row_words(row, words);
		check_fail(sim, CHECKER_VERSION_BACK, "host %zu shows a %s after %llu.%llu",
			   host->index, words, (unsigned long long)last->major,
			   (unsigned long long)last->minor);
		return;
	}
	*last = *now;
}

/* The host quits a network, or takes part in it again: it begins without rows of others. */
static void topic_forget(struct sim *sim, struct sim_host *host, const struct id *topic)
{
	struct map *seen = &sim->checks->rows->seen[host->index];
	const struct seen *entry;
	struct vec places;

	vec_init(&places, &sim->heap, sizeof(uint64_t));
	for (size_t at = 0; (entry = map_next(seen, &at)) != NULL;)
		if (id_eq(&entry->topic, topic) && !id_eq(&entry->owner, &host->id))
			vec_push(&places, &entry->place);
	for (size_t i = 0; i < places.count; i++)
		map_remove(seen, vec_at(&places, i));
	vec_close(&places);
}

static void change_look(struct sim *sim, struct sim_host *host, const struct id *self,
			const struct row_view *row)
{
	uint64_t place = place_of(row);
	struct text_key key = key_of(row, place);
	const struct text *text = map_find(&sim->checks->rows->texts, &key);
	const struct sim_host *owner = check_host(sim, &row->owner);
	struct seen now = seen_of(row, place);
	struct id topic = row_key_id(row);

	/* A mad observer quits networks and comes back like anybody. */
	if (id_eq(&row->owner, self) && row->kind == ROW_ATTACHMENT)
		topic_forget(sim, host, &topic);
	/* What a mad owner wrote is not known. */
	if (owner && owner->mad)
		return;
	/* An observer may take away a row that is not there any more, without its tombstone. */
	if (text) {
		now.deleted = text->deleted;
		now.left = row->deleted ? text->left : now.left;
	}
	if (!id_eq(&row->owner, self)) {
		foreign_look(sim, host, row, text);
		if (!row_is_fact(row))
			told_note(sim, &now);
	}
	if (check_is_observer(sim, host))
		order_look(sim, host, row, &now);
}

void rows_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	struct id self = gossip_self(node_gossip(host->node));

	for (size_t i = 0; i < update->batch_count && !host->mad; i++)
		batch_note(sim, &self, &update->batches[i]);
	for (size_t i = 0; i < update->change_count && !sim->failed; i++)
		if (update->changes[i].kind == CHANGE_ROW)
			change_look(sim, host, &self, &update->changes[i].row);
}

/* --- starts ----------------------------------------------------------------------------------- */

struct loading {
	struct sim *sim;
	struct sim_host *host;
};

static int load_note(void *ctx, const struct write *write)
{
	struct loading *loading = ctx;
	struct row_view row;
	struct seen now, *entry;

	if (!is_row_write(write) && write->kind != WRITE_SNAPSHOT)
		return 0;
	WEFT_ASSERT(row_parse(write->bytes, write->len, &row) == 0);
	now = seen_of(&row, place_of(&row));
	entry =
	    map_insert(&loading->sim->checks->rows->seen[loading->host->index], &now.place, NULL);
	if (seen_cmp(&now, entry) >= 0)
		*entry = now;
	return 0;
}

void rows_start(struct sim *sim, struct sim_host *host)
{
	struct rows_checks *rows = sim->checks->rows;
	struct loading loading = {sim, host};
	struct map *seen = &rows->seen[host->index];
	const struct seen *told;

	if (!check_is_observer(sim, host))
		return;
	map_close(seen);
	map_init(seen, &sim->heap, sizeof(uint64_t), sizeof(struct seen), sim->opt.seed);
	(void)disk_load(&host->disk, load_note, &loading);
	for (size_t at = 0; !host->was_astray && (told = map_next(&rows->told, &at)) != NULL;) {
		const struct seen *here;

		if (!id_eq(&told->owner, &host->id))
			continue;
		check_look(sim, CHECKER_OWN_LOST);
		here = map_find(seen, &told->place);
		if (here ? seen_cmp(here, told) >= 0 : told->deleted)
			continue;
		check_fail(sim, CHECKER_OWN_LOST,
			   "host %zu starts without version %llu.%llu of a row that others saw",
			   host->index, (unsigned long long)told->major,
			   (unsigned long long)told->minor);
		return;
	}
}

bool rows_show_member(const struct sim *sim, const struct sim_host *by,
		      const struct sim_host *member)
{
	const struct row_view row = {.kind = ROW_MEMBER, .owner = member->id};
	const uint64_t place = place_of(&row);
	const struct seen *seen = map_find(&sim->checks->rows->seen[by->index], &place);

	return seen != NULL && !seen->deleted;
}

/* Others may know more of this node from now on than its disk does. */
void rows_replaced(struct sim *sim, struct sim_host *host)
{
	struct map *told = &sim->checks->rows->told;
	const struct seen *entry;
	struct vec places;

	vec_init(&places, &sim->heap, sizeof(uint64_t));
	for (size_t at = 0; (entry = map_next(told, &at)) != NULL;)
		if (id_eq(&entry->owner, &host->id))
			vec_push(&places, &entry->place);
	for (size_t i = 0; i < places.count; i++)
		map_remove(told, vec_at(&places, i));
	vec_close(&places);
}
