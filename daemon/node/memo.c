/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers by request id, so that who asks again gets the same and nothing is done twice.
 *
 *   under way  has an op; who asks meanwhile follows that op
 *   answered   kept with the stored form of the answer, for a day, the last MEMOS_MAX of them
 *   failed     is forgotten, to be tried again
 *
 * An answer is committed with what it tells, or before it is told. It is that of one call: who asks
 * something else under its id is refused. One of an earlier run may name an endpoint that was
 * committed and never plugged: while this node has that, it is given only when the kernel does,
 * too.
 */
#include "memo.h"

#include <string.h>

#include "box.h"
#include "commit.h"

#define MEMOS_MAX 8192 /* some MiB; a host that makes more a day forgets the oldest earlier */
#define KEPT_MS INT64_C(86400000) /* a day: longer than anybody repeats a call */

struct memo_key {
	char id[REQUEST_ID_BYTES];
};

/* A place in the order in which answers are forgotten. */
struct memo_kept {
	struct memo_key key;
	uint64_t serial;
};

struct memo {
	struct memo_key key;
	uint64_t serial; /* of its place; 0: under way, none yet */
	uint64_t op;     /* under way; 0: answered */
	struct node_asked asked;
	struct wall at;
	struct id endpoint; /* that was answered with; zero: none */
	bool is_earlier;    /* of an earlier run, which may have died before its box was plugged */
	size_t len;
	uint8_t *bytes; /* the stored form */
};

static struct memo_key key_of(const char *request_id)
{
	struct memo_key key = {{0}};

	memcpy(key.id, request_id, strnlen(request_id, sizeof(key.id) - 1));
	return key;
}

static void memo_drop(struct node *node, const struct memo_key *key)
{
	struct memo *memo = map_find(&node->memos, key);

	if (memo == NULL)
		return;
	heap_give(&node->heap, memo->bytes, memo->len);
	map_remove(&node->memos, key);
}

/* Makes room: the oldest answers go first. Those under way are bounded by their ops, and have no
 * place yet; of what was forgotten before, and perhaps asked for anew since, the place is void. */
static void memos_trim(struct node *node)
{
	while (node->memos_kept.count > MEMOS_MAX) {
		const struct memo_kept kept = *(struct memo_kept *)fifo_at(&node->memos_kept, 0);
		const struct memo *memo = map_find(&node->memos, &kept.key);

		fifo_pop(&node->memos_kept);
		if (memo != NULL && memo->serial == kept.serial)
			memo_drop(node, &kept.key);
	}
}

/* May an endpoint that an earlier run committed be answered with? Once it is known that the kernel
 * has it. One that is gone was taken away at somebody's request: else its answer went with it. */
static int endpoint_judge(const struct node *node, const struct id *endpoint, struct weft_err *err)
{
	const struct box *box = box_find(node, endpoint);

	if (box == NULL || (node->looked && box->state == BOX_UP && box->op == 0))
		return 0;
	return weft_err_set(err, WEFT_E_BUSY,
			    "weftd has just started and looks whether it plugged this endpoint "
			    "before it ended; try again");
}

static bool is_forgotten(const struct node *node, const struct memo *memo)
{
	return memo == NULL || (memo->op == 0 && memo->at.ms + KEPT_MS < node->wall.ms);
}

static int asked_judge(const struct memo *memo, const struct node_asked *asked,
		       struct weft_err *err)
{
	bool is_method = strcmp(memo->asked.method, asked->method) == 0;

	if (is_method && id_eq(&memo->asked.args, &asked->args))
		return 0;
	return weft_err_set(err, WEFT_E_CONFLICT,
			    "request id %s was given to another call before, weft %s%s; give each "
			    "call an id of its own",
			    memo->key.id, memo->asked.method,
			    is_method ? " with other arguments" : "");
}

bool node_remembers(const struct node *node, const char *request_id)
{
	struct memo_key key = key_of(request_id);

	return !is_forgotten(node, map_find(&node->memos, &key));
}

static void answer_again(struct node *node, const struct memo *memo, uint64_t tag)
{
	struct node_answer answer;
	struct node_asked asked;
	char text[TOKEN_TEXT_MAX + 1];
	int rc = answer_decode(memo->bytes, memo->len, &answer, &asked, text, sizeof(text));

	WEFT_ASSERT(rc == 0);
	answer_add(node, tag, &answer);
}

bool memo_serve(struct node *node, const struct node_request *request)
{
	struct memo_key key = key_of(request->request_id);
	const struct memo *memo = map_find(&node->memos, &key);
	struct weft_err err = {0};

	if (is_forgotten(node, memo)) {
		memo_drop(node, &key);
		return false;
	}
	if (asked_judge(memo, &request->asked, &err) == 0 && memo->op == 0 && memo->is_earlier &&
	    !id_is_zero(&memo->endpoint))
		(void)endpoint_judge(node, &memo->endpoint, &err);
	if (err.code != 0)
		answer_now(node, request->tag, &err);
	else if (memo->op != 0)
		op_new(node, OP_FOLLOW, request->tag)->parent = memo->op;
	else
		answer_again(node, memo, request->tag);
	return true;
}

void memo_begin(struct node *node, struct op *op)
{
	struct memo_key key = key_of(op->request_id);
	struct memo *memo = map_insert(&node->memos, &key, NULL);

	WEFT_ASSERT(memo->op == 0 && memo->bytes == NULL);
	memo->op = op->id;
	memo->asked = op->asked;
	memo->at = node->wall;
}

static void memo_keep(struct node *node, struct memo *memo, const struct node_answer *answer,
		      const uint8_t *bytes, size_t len)
{
	struct memo_kept kept = {memo->key, ++node->memo_serial};

	heap_give(&node->heap, memo->bytes, memo->len);
	memo->op = 0;
	memo->serial = kept.serial;
	memo->endpoint = answer->endpoint.id;
	memo->is_earlier = !node->started;
	memo->len = len;
	memo->bytes = heap_take(&node->heap, len);
	memcpy(memo->bytes, bytes, len);
	fifo_push(&node->memos_kept, &kept);
	memos_trim(node);
}

void memo_settle(struct node *node, const struct op *op)
{
	struct memo_key key = key_of(op->request_id);
	struct memo *memo = map_find(&node->memos, &key);
	struct node_answer answer = op->answer;
	uint8_t bytes[ANSWER_BYTES_MAX];
	int len;

	if (memo == NULL || memo->op != op->id)
		return;
	answer.text = op->text;
	answer.bytes = op->bytes;
	answer.len = op->bytes_len;
	len = op->answer.err.code == 0 ? answer_encode(&answer, &op->asked, bytes, sizeof(bytes))
				       : -1;
	if (len > 0)
		memo_keep(node, memo, &answer, bytes, (size_t)len);
	else
		memo_drop(node, &key);
}

static void commit_bytes(struct node *node, const char *request_id, const uint8_t *bytes, int len,
			 struct commit *commit)
{
	struct write write = {.kind = WRITE_ANSWER, .bytes = bytes, .len = (size_t)len};

	WEFT_ASSERT(len > 0);
	memcpy(write.answer.request, request_id, strnlen(request_id, REQUEST_ID_BYTES - 1));
	write.answer.at = node->wall;
	commit_write(commit, &write);
}

void memo_commit(struct node *node, const struct op *op, struct commit *commit)
{
	uint8_t bytes[ANSWER_BYTES_MAX];
	int len = answer_encode(&op->answer, &op->asked, bytes, sizeof(bytes));

	commit_bytes(node, op->request_id, bytes, len, commit);
}

static void commit_none(struct node *node, const char *request_id, struct commit *commit)
{
	uint8_t bytes[1];

	commit_bytes(node, request_id, bytes, answer_encode(NULL, NULL, bytes, sizeof(bytes)),
		     commit);
}

void memo_commit_none(struct node *node, const char *request_id, struct commit *commit)
{
	struct memo_key key = key_of(request_id);
	const struct memo *memo = map_find(&node->memos, &key);

	/* Who has the id since and has stored nothing yet stores it behind this. */
	if (memo == NULL || (memo->op != 0 && !op_find(node, memo->op)->answer_stored))
		commit_none(node, request_id, commit);
}

/* The one that was answered with this endpoint, or NULL. */
static struct memo *memo_of_endpoint(const struct node *node, const struct id *endpoint)
{
	struct memo *memo;

	for (size_t at = 0; (memo = map_next(&node->memos, &at)) != NULL;)
		if (memo->op == 0 && id_eq(&memo->endpoint, endpoint))
			return memo;
	return NULL;
}

void memo_commit_end(struct node *node, const struct id *endpoint, struct commit *commit)
{
	const struct memo *memo = memo_of_endpoint(node, endpoint);

	if (memo != NULL)
		commit_none(node, memo->key.id, commit);
}

void memo_end(struct node *node, const struct id *endpoint)
{
	const struct memo *memo = memo_of_endpoint(node, endpoint);
	struct memo_key key;

	if (memo == NULL)
		return;
	key = memo->key;
	memo_drop(node, &key);
}

int memo_load(struct node *node, const struct write *write)
{
	struct memo_key key = key_of(write->answer.request);
	struct node_answer answer;
	struct node_asked asked;
	char text[TOKEN_TEXT_MAX + 1];
	struct memo *memo;
	int rc = answer_decode(write->bytes, write->len, &answer, &asked, text, sizeof(text));

	if (rc == WEFT_E_NOT_FOUND)
		return 0;
	if (rc != 0)
		return rc;
	memo = map_insert(&node->memos, &key, NULL);
	memo->at = write->answer.at;
	memo->asked = asked;
	memo_keep(node, memo, &answer, write->bytes, write->len);
	return 0;
}

void memos_open(struct node *node, uint64_t seed)
{
	map_init(&node->memos, &node->heap, sizeof(struct memo_key), sizeof(struct memo), seed);
	fifo_init(&node->memos_kept, &node->heap, sizeof(struct memo_kept));
}
