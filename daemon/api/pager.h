/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One page of a long list: of all that is offered, in any order, the first `limit` behind the
 * cursor. The cursor is the key of the last item, so a page stays right when the list changes.
 */
#pragma once

#include "daemon/api/api.h"

#define PAGE_KEY_BYTES 32

struct page_key {
	uint8_t b[PAGE_KEY_BYTES];
};

struct page_item {
	struct page_key key;
	json_t *json;
};

struct pager {
	struct page_key after;
	bool has_after;
	bool more; /* something did not fit */
	size_t limit, count;
	struct page_item *items; /* in order of key */
	json_t *beside;          /* further keys of the answer; owned, may be NULL */
};

struct page_key page_key_of(const struct id *first, const void *second_16);

/* Reads limit and after of a request: 0, and pager_answer follows; or WEFT_E_INVALID. */
int pager_begin(struct pager *pager, const struct request *req, struct weft_err *err);

/* Would an item with this key be on the page? Ask before making its JSON. */
bool pager_wants(struct pager *pager, const struct page_key *key);
void pager_add(struct pager *pager, const struct page_key *key, json_t *json);

/* Answers with the page and closes it. */
void pager_answer(struct pager *pager, struct request *req);
