/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/api/pager.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

struct page_key page_key_of(const struct id *first, const void *second_16)
{
	struct page_key key = {{0}};

	memcpy(key.b, first->b, 16);
	if (second_16)
		memcpy(key.b + 16, second_16, 16);
	return key;
}

static void key_format(const struct page_key *key, char out[2 * ID_TEXT_BYTES])
{
	struct id half;

	memcpy(half.b, key->b, 16);
	id_format(&half, out);
	memcpy(half.b, key->b + 16, 16);
	id_format(&half, out + ID_TEXT_BYTES - 1);
}

static bool key_parse(const char *text, struct page_key *key)
{
	char part[ID_TEXT_BYTES] = "";
	struct id half;

	if (strlen(text) != 2 * (ID_TEXT_BYTES - 1))
		return false;
	for (size_t i = 0; i < 2; i++) {
		memcpy(part, text + i * (ID_TEXT_BYTES - 1), ID_TEXT_BYTES - 1);
		if (id_parse(part, &half) != 0)
			return false;
		memcpy(key->b + 16 * i, half.b, 16);
	}
	return true;
}

int pager_begin(struct pager *pager, const struct request *req, struct weft_err *err)
{
	const char *after;

	memset(pager, 0, sizeof(*pager));
	pager->limit = api_page(req, &after);
	if (after && !key_parse(after, &pager->after))
		return weft_err_set(err, WEFT_E_INVALID,
				    "after is no cursor; take it from \"next\" of a page");
	pager->has_after = after != NULL;
	pager->items = calloc(pager->limit + 1, sizeof(*pager->items));
	WEFT_ASSERT(pager->items != NULL);
	return 0;
}

static int key_cmp(const struct page_key *a, const struct page_key *b)
{
	return memcmp(a->b, b->b, PAGE_KEY_BYTES);
}

bool pager_wants(struct pager *pager, const struct page_key *key)
{
	if (pager->has_after && key_cmp(key, &pager->after) <= 0)
		return false;
	if (pager->count < pager->limit)
		return true;
	pager->more = true;
	return key_cmp(key, &pager->items[pager->count - 1].key) < 0;
}

void pager_add(struct pager *pager, const struct page_key *key, json_t *json)
{
	size_t low = 0, high = pager->count;

	WEFT_ASSERT(pager->count <= pager->limit);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (key_cmp(&pager->items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&pager->items[low + 1], &pager->items[low],
		(pager->count - low) * sizeof(*pager->items));
	pager->items[low] = (struct page_item){*key, json};
	pager->count++;
	if (pager->count > pager->limit)
		json_decref(pager->items[--pager->count].json);
}

void pager_answer(struct pager *pager, struct request *req)
{
	json_t *list = json_array();
	char next[2 * ID_TEXT_BYTES];

	for (size_t i = 0; i < pager->count; i++)
		json_array_append_new(list, pager->items[i].json);
	if (pager->count > 0)
		key_format(&pager->items[pager->count - 1].key, next);
	api_answer_list(req, list, pager->more && pager->count > 0 ? next : NULL, pager->beside);
	pager->beside = NULL;
	free(pager->items);
	pager->items = NULL;
	pager->count = 0;
}
