/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers: on their way out, and remembered under the request id of whoever asked. A request whose
 * id was answered well gets the same answer again; one that failed is done anew, and one that asks
 * something else is refused. What is remembered survives a restart by WRITE_ANSWER, for a day.
 */
#pragma once

#include "op.h"

/* Serves a request whose id is known: from memory, or with what the first of that id will be
 * answered; WEFT_E_CONFLICT when that asked something else. False when it is not known: memo_begin
 * remembers the op of the first. */
bool memo_serve(struct node *node, const struct node_request *request);
void memo_begin(struct node *node, struct op *op);

/* The op with a request id ends: op->answer is remembered when it is a good one. */
void memo_settle(struct node *node, const struct op *op);

/* Adds the write that remembers op->answer; and the one that unsays what a call was to be answered
 * with and failed, unless another has stored its answer under the id since. */
void memo_commit(struct node *node, const struct op *op, struct commit *commit);
void memo_commit_none(struct node *node, const char *request_id, struct commit *commit);

/* An endpoint ends that nobody asked to end: who was answered with it and asks again is to be
 * served anew. The write that forgets the answer; and, once that is durable, the end of it in
 * memory. */
void memo_commit_end(struct node *node, const struct id *endpoint, struct commit *commit);
void memo_end(struct node *node, const struct id *endpoint);

/* A stored WRITE_ANSWER: 0 or WEFT_E_INVALID. What another version of weft stored is forgotten. */
int memo_load(struct node *node, const struct write *write);
void memos_open(struct node *node, uint64_t seed);

/* An answer on its way out, copied; tag 0 goes nowhere. */
void answer_add(struct node *node, uint64_t tag, const struct node_answer *answer);

/* Moves waiting answers to the update, as far as it has room. */
void answers_flush(struct node *node);

/* The stored form of what was answered to what (answer NULL: nothing was): length, or WEFT_E_LIMIT;
 * and back (text goes to text[0..cap), the answer's bytes lie in these): 0, or WEFT_E_INVALID;
 * WEFT_E_NOT_FOUND when it says that no answer was given, or is of another version. */
int answer_encode(const struct node_answer *answer, const struct node_asked *asked, uint8_t *out,
		  size_t cap);
int answer_decode(const uint8_t *bytes, size_t len, struct node_answer *answer,
		  struct node_asked *asked, char *text, size_t cap);
