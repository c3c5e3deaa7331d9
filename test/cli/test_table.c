/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/table.h"
#include "test/base/cmocka_all.h"

static char *print(const struct table *table, bool colour)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	table_print(table, colour, out);
	fclose(out);
	return text;
}

static void columns_are_aligned_also_with_wide_characters(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 2);
	table_add(&table, "NAME", COLOUR_NONE);
	table_add(&table, "X", COLOUR_NONE);
	table_add(&table, "日本語", COLOUR_NONE);
	table_add(&table, "1", COLOUR_NONE);
	table_add(&table, "e\xcc\x81", COLOUR_NONE);
	table_add(&table, "2", COLOUR_NONE);
	text = print(&table, false);
	assert_string_equal(text, "NAME    X\n日本語  1\ne\xcc\x81       2\n");
	free(text);
	table_close(&table);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 1);
	table_add(&table, "a\033[31mb\nc", COLOUR_NONE);
	text = print(&table, false);
	assert_string_equal(text, "a?[31mb?c\n");
	free(text);
	table_close(&table);
}

static void colour_is_only_there_when_asked_for(void **state)
{
	struct table table;
	char *plain, *coloured;

	(void)state;
	table_init(&table, 2);
	table_add(&table, "failed", COLOUR_RED);
	table_add(&table, "x", COLOUR_NONE);
	plain = print(&table, false);
	coloured = print(&table, true);
	assert_string_equal(plain, "failed  x\n");
	assert_string_equal(coloured, "\033[31mfailed\033[0m  x\n");
	free(plain);
	free(coloured);
	table_close(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_aligned_also_with_wide_characters),
	    cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	    cmocka_unit_test(colour_is_only_there_when_asked_for),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
