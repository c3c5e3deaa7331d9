/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdio.h>

#include "daemon/api/pager.h"
#include "test/base/cmocka_all.h"

/* Fields of the request under test, instead of those of a connection: see CMakeLists. */
static const char *after;
static uint64_t limit;
static json_t *answered;
static const char *next;

const char *__wrap_request_text(const struct request *req, const char *name);
bool __wrap_request_uint(const struct request *req, const char *name, uint64_t *value);
const struct api_method *__wrap_request_method(const struct request *req);
void __wrap_request_answer(struct request *req, json_t *json);

const char *__wrap_request_text(const struct request *req, const char *name)
{
	(void)req;
	return strcmp(name, "after") == 0 ? after : NULL;
}

bool __wrap_request_uint(const struct request *req, const char *name, uint64_t *value)
{
	(void)req;
	(void)name;
	*value = limit;
	return true;
}

const struct api_method *__wrap_request_method(const struct request *req)
{
	(void)req;
	return api_method(API_MEMBERS);
}

void __wrap_request_answer(struct request *req, json_t *json)
{
	(void)req;
	json_decref(answered);
	answered = json;
	next = json_string_value(json_object_get(json, "next"));
}

static void page_of(size_t count)
{
	struct weft_err err = {0};
	struct pager pager;

	assert_int_equal(pager_begin(&pager, NULL, &err), 0);
	/* In an order that is not that of the keys. */
	for (size_t i = 0; i < count; i++) {
		struct id id = {{0}};
		struct page_key key;

		id.b[0] = (uint8_t)(i * 7 % count);
		key = page_key_of(&id, NULL);
		if (pager_wants(&pager, &key))
			pager_add(&pager, &key, json_integer(id.b[0]));
	}
	pager_answer(&pager, NULL);
}

static void pages_give_everything_once_and_in_order(void **state)
{
	int expected = 0;

	(void)state;
	limit = 10;
	after = NULL;
	do {
		size_t i;
		json_t *item;

		page_of(95);
		json_array_foreach(json_object_get(answered, "members"), i, item)
		    assert_int_equal(json_integer_value(item), expected++);
		after = next;
	} while (after);
	assert_int_equal(expected, 95);
	json_decref(answered);
	answered = NULL;
}

static void a_page_that_holds_all_has_no_next(void **state)
{
	(void)state;
	limit = 10;
	after = NULL;
	page_of(10);
	assert_null(next);
	assert_int_equal(json_array_size(json_object_get(answered, "members")), 10);
	page_of(1);
	assert_null(next);
	json_decref(answered);
	answered = NULL;
}

static void a_broken_cursor_is_refused(void **state)
{
	static const char *const texts[] = {"", "12", "zz000000000000000000000000000000"};
	struct weft_err err = {0};
	struct pager pager;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		after = texts[i];
		assert_int_equal(pager_begin(&pager, NULL, &err), WEFT_E_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_give_everything_once_and_in_order),
	    cmocka_unit_test(a_page_that_holds_all_has_no_next),
	    cmocka_unit_test(a_broken_cursor_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
