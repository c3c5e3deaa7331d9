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

static char *print_width(const struct table *table, size_t limit)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	table_print_width(table, limit, false, out);
	fclose(out);
	return text;
}

static void add_row(struct table *table, const char *a, const char *b, const char *c)
{
	table_add(table, a, COLOUR_NONE);
	table_add(table, b, COLOUR_NONE);
	table_add(table, c, COLOUR_NONE);
}

static void a_long_last_cell_goes_on_below_itself(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 2);
	table_add(&table, "warning", COLOUR_NONE);
	table_add(&table, "the quick brown fox jumps over the lazy dog", COLOUR_NONE);
	text = print_width(&table, 33);
	assert_string_equal(text, "warning  the quick brown fox\n"
				  "         jumps over the lazy dog\n");
	free(text);
	text = print_width(&table, 0);
	assert_string_equal(text, "warning  the quick brown fox jumps over the lazy dog\n");
	free(text);
	table_close(&table);
}

static void the_widest_of_the_others_are_cut(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 3);
	add_row(&table, "NAME", "ADDRESS", "STATE");
	add_row(&table, "a-host-with-a-long-name", "192.0.2.1:7947", "alive");
	text = print_width(&table, 32);
	assert_string_equal(text, "NAME         ADDRESS       STATE\n"
				  "a-host-wit\xe2\x80\xa6  192.0.2.1:7\xe2\x80\xa6  alive\n");
	free(text);
	table_close(&table);
}

static void wide_characters_are_never_cut_in_half(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 3);
	add_row(&table, "日本語日本語日本語", "e\xcc\x81x", "z");
	for (size_t limit = 1; limit < 28; limit++) {
		size_t wide = 0, dots = 0;

		text = print_width(&table, limit);
		assert_true(text_width(text) >= 1);
		for (const char *at = text; *at; at++) {
			wide += (unsigned char)*at == 0xe6 || (unsigned char)*at == 0xe8;
			dots += strncmp(at, "\xe2\x80\xa6", 3) == 0;
		}
		assert_true(wide > 0 && mbstowcs(NULL, text, 0) != (size_t)-1);
		assert_int_equal(dots, limit < 25 ? 1 : 0);
		assert_non_null(strstr(text, "e\xcc\x81x  z\n"));
		free(text);
	}
	table_close(&table);
}

static void what_explains_words_cuts_none_of_them(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 2);
	table_add(&table, "--name", COLOUR_NONE);
	table_add(&table, "the name that it is to have", COLOUR_NONE);
	table_add(&table, "--passphrase-file FILE", COLOUR_NONE);
	table_add(&table, "where it is", COLOUR_NONE);
	text = print_width(&table, 36);
	assert_string_equal(text, "--name      the name that it is to\n"
				  "            have\n"
				  "--passphrase-file FILE\n"
				  "            where it is\n");
	free(text);
	table_close(&table);
}

static void a_word_that_is_too_long_is_broken(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 1);
	table_add(&table, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", COLOUR_NONE);
	text = print_width(&table, 26);
	assert_string_equal(text, "abcdefghijklmnopqrstuvwxyz\nabcdefghijklmnopqrstuvwxyz\n");
	free(text);
	table_close(&table);
}

static void a_table_that_is_too_wide_becomes_blocks(void **state)
{
	struct table table;
	char *text;

	(void)state;
	table_init(&table, 3);
	table.titled = true;
	add_row(&table, "NAME", "ADDRESS", "STATE");
	add_row(&table, "a-host-with-a-long-name", "192.0.2.1:7947", "alive");
	add_row(&table, "h2", "192.0.2.2:7947", "a state that takes more than a line");
	text = print_width(&table, 34);
	assert_string_equal(text, "NAME     a-host-with-a-long-name\n"
				  "ADDRESS  192.0.2.1:7947\n"
				  "STATE    alive\n"
				  "\n"
				  "NAME     h2\n"
				  "ADDRESS  192.0.2.2:7947\n"
				  "STATE    a state that takes more\n"
				  "         than a line\n");
	free(text);
	table.titled = false; /* nothing says what the cells are: they stay in their columns */
	text = print_width(&table, 34);
	assert_non_null(strstr(text, "a-hos\xe2\x80\xa6"));
	free(text);
	table_close(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_aligned_also_with_wide_characters),
	    cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	    cmocka_unit_test(colour_is_only_there_when_asked_for),
	    cmocka_unit_test(a_long_last_cell_goes_on_below_itself),
	    cmocka_unit_test(the_widest_of_the_others_are_cut),
	    cmocka_unit_test(wide_characters_are_never_cut_in_half),
	    cmocka_unit_test(what_explains_words_cuts_none_of_them),
	    cmocka_unit_test(a_word_that_is_too_long_is_broken),
	    cmocka_unit_test(a_table_that_is_too_wide_becomes_blocks),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
