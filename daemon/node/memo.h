/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers: on their way out, and remembered under the request id of whoever asked. A request whose
 * id was answered well gets the same answer again; one that failed is done anew. What is
 * remembered survives a restart by WRITE_ANSWER, for a day.
 */
#pragma once

#include "op.h"

/* Serves a request whose id is known: from memory, or with what the first of that id will be
 * answered. False when it is not: memo_begin remembers the op of the first. */
bool memo_serve(struct node *node, const char *request_id, uint64_t tag);
void memo_begin(struct node *node, struct op *op);

/* The op with a request id ends: op->answer is remembered when it is a good one. */
void memo_settle(struct node *node, const struct op *op);

/* Adds the write that remembers an answer; NULL: that none was given. */
void memo_commit(struct node *node, const char *request_id, const struct node_answer *answer,
		 struct commit *commit);

/* An endpoint ends that nobody asked to end: who was answered with it and asks again is to be
 * served anew. The write that forgets the answer; and, once that is durable, the end of it in
 * memory. */
void memo_commit_end(struct node *node, const struct id *endpoint, struct commit *commit);
void memo_end(struct node *node, const struct id *endpoint);

/* A stored WRITE_ANSWER: 0 or WEFT_E_INVALID. */
int memo_load(struct node *node, const struct write *write);
void memos_open(struct node *node, uint64_t seed);

/* An answer on its way out, copied; tag 0 goes nowhere. */
void answer_add(struct node *node, uint64_t tag, const struct node_answer *answer);

/* Moves waiting answers to the update, as far as it has room. */
void answers_flush(struct node *node);

/* The stored form: length, or WEFT_E_LIMIT; and back (text goes to text[0..cap)): 0, or
 * WEFT_E_INVALID; WEFT_E_NOT_FOUND when it says that no answer was given. */
int answer_encode(const struct node_answer *answer, uint8_t *out, size_t cap);
int answer_decode(const uint8_t *bytes, size_t len, struct node_answer *answer, char *text,
		  size_t cap);
