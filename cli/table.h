/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Aligned columns of text for people. Widths count what a terminal shows (wide characters take two
 * places, combining ones none); control characters never get through.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

enum colour { COLOUR_NONE = 0, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

struct table {
	size_t columns;
	size_t count; /* of cells */
	size_t cap;
	bool titled;         /* the first row is one of titles */
	char **cells;        /* owned, row by row */
	unsigned char *tint; /* enum colour of each */
};

/* A table of so many columns, at most TABLE_COLUMNS_MAX; table_close frees its cells. */
void table_init(struct table *table, size_t columns);
void table_close(struct table *table);

/* Adds the next cell, from left to right; text is copied. */
void table_add(struct table *table, const char *text, enum colour colour);

/* Prints all rows, cells two spaces apart, nothing behind the last one; not wider than the
 * terminal, if out is one. */
void table_print(const struct table *table, bool colour, FILE *out);

/* The same in at most limit places, as far as that can be: long last cells go on below, others are
 * cut; rows of a table with titles that has too many columns for that become blocks of a line for
 * each column. 0: as wide as they are. */
void table_print_width(const struct table *table, size_t limit, bool colour, FILE *out);

/* Prints a text in a colour, when colour says so. */
void cell_print(const char *text, enum colour tint, bool colour, FILE *out);

/* Columns that a terminal needs for the text. */
size_t text_width(const char *text);
