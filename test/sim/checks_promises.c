/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a node's word stands on, looked at when it hands the word in to its disk.
 *
 *   closure        FACT_CLOSURE: the members and removals of its view are on its disk before. The
 *                  view is a digest; where all that the node knows now makes the same one, that is
 *                  what it closed with.
 *   introduction   META_INTRODUCED: the removals that it knows are on its disk before. One that the
 *                  same step brought may have come after it was decided.
 *   leave          the record that says so: rows on its disk name every member that it knows.
 *
 * A crash takes back what is not on the disk, and nobody else knows then that the word goes too
 * far. Harm comes of it in few worlds of many; that it could come shows in each such word.
 */
#include <string.h>

#include "checks_parts.h"
#include "gossip/base/pack.h"
#include "sim_crypto.h"

/* Somebody on whom a word stands. */
struct support {
	struct id id;
	bool is_removal, has_left;
	bool is_found;
};

struct word {
	struct vec supports; /* struct support */
	const struct id *self;
};

static void support_add(struct word *word, const struct id *id, bool is_removal, bool has_left)
{
	struct support support = {*id, is_removal, has_left, false};

	vec_push(&word->supports, &support);
}

static struct support *support_find(struct word *word, const struct id *id, bool is_removal)
{
	for (size_t i = 0; i < word->supports.count; i++) {
		struct support *support = vec_at(&word->supports, i);
		if (support->is_removal == is_removal && id_eq(&support->id, id))
			return support;
	}
	return NULL;
}

static bool removal_visit(void *ctx, const struct row_view *row)
{
	struct id id = row_key_id(row);

	support_add(ctx, &id, true, false);
	return true;
}

static void members_add(const struct gossip *gossip, struct word *word)
{
	struct member_info info;

	for (size_t at = 0; gossip_member_next(gossip, &at, &info);)
		if (!info.is_self && !support_find(word, &info.id, true))
			support_add(word, &info.id, false, info.state == MEMBER_LEFT);
}

static void removals_add(const struct gossip *gossip, struct word *word)
{
	static const struct id topic_all;

	gossip_rows(gossip, &topic_all, FACT_REMOVAL, removal_visit, word);
}

/* What of it is on the disk. */
static int stored_visit(void *ctx, const struct write *write)
{
	struct word *word = ctx;
	struct support *support = NULL;
	struct rec_member rec;
	struct id id;

	if (write->row.kind == FACT_REMOVAL) {
		id = row_key_id(&write->row);
		support = support_find(word, &id, true);
	} else if (write->row.kind == ROW_MEMBER &&
		   rec_member_decode(write->row.value, write->row.value_len, &rec) == 0) {
		support = support_find(word, &write->row.owner, false);
		if (support && support->has_left && !rec.left)
			return 0;
	}
	if (support)
		support->is_found = true;
	return 0;
}

/* Whom the rows of one who leaves name. */
static int named_visit(void *ctx, const struct write *write)
{
	struct word *word = ctx;
	struct support *support;
	struct cursor cursor;
	const uint8_t *ids;
	size_t len = 0;

	if (write->row.kind != ROW_PARTING || write->row.deleted)
		return 0;
	cursor_init(&cursor, write->row.value, write->row.value_len);
	ids = cursor_bin(&cursor, write->row.value_len, &len);
	for (size_t at = 0; ids && at + ID_BYTES <= len; at += ID_BYTES) {
		struct id id;

		memcpy(id.b, ids + at, ID_BYTES);
		support = support_find(word, &id, false);
		if (support)
			support->is_found = true;
	}
	return 0;
}

static void word_judge(struct sim *sim, const struct sim_host *host, const struct word *word,
		       enum checker checker, const char *what)
{
	check_look(sim, checker);
	for (size_t i = 0; i < word->supports.count; i++) {
		const struct support *support = vec_at(&word->supports, i);
		const struct sim_host *about = check_host(sim, &support->id);

		if (support->is_found)
			continue;
		check_fail(sim, checker, "host %zu %s, and its disk lacks %s %zd", host->index,
			   what, support->is_removal ? "the removal of" : "member",
			   about ? (ssize_t)about->index : -1);
		return;
	}
}

/* The view of a closure by who knows these. */
static void view_of(struct sim *sim, const struct word *word, uint8_t view[DIGEST_BYTES])
{
	static const size_t half = DIGEST_BYTES / 2;
	const struct gossip_crypto *crypto = sim_crypto_table(sim->crypto);
	uint8_t hash[HASH_BYTES];
	char mark = 'm';

	crypto_hash_label(crypto, "weft closure", &mark, 1, word->self->b, ID_BYTES, hash);
	memset(view, 0, DIGEST_BYTES);
	memcpy(view, hash, half);
	for (size_t i = 0; i < word->supports.count; i++) {
		const struct support *support = vec_at(&word->supports, i);

		mark = support->is_removal ? 'r' : support->has_left ? 'l' : 'm';
		crypto_hash_label(crypto, "weft closure", &mark, 1, support->id.b, ID_BYTES, hash);
		for (size_t at = 0; at < half; at++)
			view[(support->is_removal ? half : 0) + at] ^= hash[at];
	}
}

static void closure_look(struct sim *sim, struct sim_host *host, struct word *word,
			 const struct row_view *row)
{
	const struct gossip *gossip = node_gossip(host->node);
	uint8_t view[DIGEST_BYTES];
	struct rec_closure rec;

	if (rec_closure_decode(row->value, row->value_len, &rec) != 0)
		return;
	removals_add(gossip, word);
	members_add(gossip, word);
	view_of(sim, word, view);
	if (memcmp(view, rec.view, DIGEST_BYTES) != 0)
		return; /* something came since */
	disk_walk(&host->disk, 1u << WRITE_FACT | 1u << WRITE_SNAPSHOT, stored_visit, word);
	word_judge(sim, host, word, CHECKER_WORD, "closes");
}

static void introduction_look(struct sim *sim, struct sim_host *host, struct word *word,
			      const struct node_update *update)
{
	removals_add(node_gossip(host->node), word);
	for (size_t i = 0; i < update->change_count; i++) {
		const struct gossip_change *change = &update->changes[i];
		struct support *news = NULL;

		if (change->kind == CHANGE_ROW && change->row.kind == FACT_REMOVAL) {
			struct id id = row_key_id(&change->row);
			news = support_find(word, &id, true);
		}
		if (news)
			news->is_found = true;
	}
	disk_walk(&host->disk, 1u << WRITE_FACT, stored_visit, word);
	word_judge(sim, host, word, CHECKER_WORD, "counts as introduced");
}

static void leave_look(struct sim *sim, struct sim_host *host, struct word *word,
		       const struct row_view *row)
{
	struct rec_member rec;

	if (rec_member_decode(row->value, row->value_len, &rec) != 0 || !rec.left)
		return;
	removals_add(node_gossip(host->node), word);
	for (size_t i = 0; i < word->supports.count; i++) /* need not be named */
		((struct support *)vec_at(&word->supports, i))->is_found = true;
	members_add(node_gossip(host->node), word);
	disk_walk(&host->disk, 1u << WRITE_OWN_ROW, named_visit, word);
	word_judge(sim, host, word, CHECKER_NAMED, "leaves");
}

/* A row that the node has shown already is not its word now: it is stored because others have shown
 * it to a node whose disk went back. */
static bool is_news(const struct gossip *gossip, const struct row_view *row)
{
	static const struct id topic_all;
	struct row_view held;

	return !gossip_row(gossip, row_is_fact(row) ? NULL : &row->owner, &topic_all, row->kind,
			   row->key, row->key_len, &held) ||
	       row_version_cmp(row, &held) > 0;
}

static void write_look(struct sim *sim, struct sim_host *host, const struct node_update *update,
		       const struct write *write)
{
	const struct gossip *gossip = node_gossip(host->node);
	struct id self = gossip_self(gossip);
	struct word word = {.self = &self};

	vec_init(&word.supports, &sim->heap, sizeof(struct support));
	if (write->kind == WRITE_META && write->meta == META_INTRODUCED)
		introduction_look(sim, host, &word, update);
	else if (write->kind == WRITE_FACT && write->row.kind == FACT_CLOSURE &&
		 id_eq(&write->row.owner, &self) && is_news(gossip, &write->row))
		closure_look(sim, host, &word, &write->row);
	else if (write->kind == WRITE_OWN_ROW && write->row.kind == ROW_MEMBER &&
		 is_news(gossip, &write->row))
		leave_look(sim, host, &word, &write->row);
	vec_close(&word.supports);
}

void promises_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	for (size_t b = 0; b < update->batch_count; b++)
		for (size_t i = 0; i < update->batches[b].count && !sim->failed; i++)
			write_look(sim, host, update, &update->batches[b].writes[i]);
}
