/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "daemon/api/names.h"
#include "test/base/cmocka_all.h"

static struct id id_of(const char *text)
{
	struct id id;

	assert_int_equal(id_parse(text, &id), 0);
	return id;
}

static int find(const char *text, struct id *id, struct weft_err *err)
{
	static const struct {
		const char *id, *name;
	} all[] = {{"aa000000000000000000000000000001", "blue"},
		   {"aa000000000000000000000000000002", "red"},
		   {"bb000000000000000000000000000003", "red"},
		   {"cc000000000000000000000000000004", "aa"},
		   {"dd000000000000000000000000000005", ""}};
	struct match match;

	match_begin(&match, text);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct id at = id_of(all[i].id);

		match_offer(&match, &at, all[i].name);
	}
	return match_end(&match, "network", "weft network ls", id, err);
}

static void a_name_an_id_or_a_unique_beginning_finds_one(void **state)
{
	static const struct {
		const char *text, *id;
	} rows[] = {
	    {"blue", "aa000000000000000000000000000001"},
	    {"bb", "bb000000000000000000000000000003"},
	    {"dd000000000000000000000000000005", "dd000000000000000000000000000005"},
	    /* A name goes before the beginning of an id. */
	    {"aa", "cc000000000000000000000000000004"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct id wanted = id_of(rows[i].id), id;
		struct weft_err err = {0};

		assert_int_equal(find(rows[i].text, &id, &err), 0);
		assert_true(id_eq(&id, &wanted));
	}
}

static void what_fits_several_lists_their_ids(void **state)
{
	struct weft_err err = {0};
	struct id id;

	(void)state;
	assert_int_equal(find("red", &id, &err), WEFT_E_AMBIGUOUS);
	assert_non_null(strstr(err.message, "aa000000000000000000000000000002"));
	assert_non_null(strstr(err.message, "bb000000000000000000000000000003"));
	assert_int_equal(find("aa00", &id, &err), WEFT_E_AMBIGUOUS);
	assert_non_null(strstr(err.message, "aa000000000000000000000000000001"));
}

static void what_fits_nothing_says_where_to_look(void **state)
{
	struct weft_err err = {0};
	struct id id;

	(void)state;
	assert_int_equal(find("green", &id, &err), WEFT_E_NOT_FOUND);
	assert_string_equal(err.message, "no network \"green\"; see weft network ls");
	assert_int_equal(find("", &id, &err), WEFT_E_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_an_id_or_a_unique_beginning_finds_one),
	    cmocka_unit_test(what_fits_several_lists_their_ids),
	    cmocka_unit_test(what_fits_nothing_says_where_to_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
