/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "gossip/base/check.h"

void table_init(struct table *table, size_t columns)
{
	WEFT_ASSERT(columns > 0 && columns <= TABLE_COLUMNS_MAX);
	memset(table, 0, sizeof(*table));
	table->columns = columns;
}

void table_close(struct table *table)
{
	for (size_t i = 0; i < table->rows; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->tint);
	memset(table, 0, sizeof(*table));
}

/* A copy in which every control byte is a question mark. */
static char *clean(const char *text)
{
	char *copy = strdup(text);

	WEFT_ASSERT(copy != NULL);
	for (char *at = copy; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	return copy;
}

void table_add(struct table *table, const char *text, enum colour colour)
{
	if (table->rows == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->cells = realloc(table->cells, table->cap * sizeof(*table->cells));
		table->tint = realloc(table->tint, table->cap);
		WEFT_ASSERT(table->cells != NULL && table->tint != NULL);
	}
	table->cells[table->rows] = clean(text);
	table->tint[table->rows] = (unsigned char)colour;
	table->rows++;
}

size_t text_width(const char *text)
{
	size_t width = 0;
	mbstate_t state;

	memset(&state, 0, sizeof(state));
	while (*text) {
		wchar_t wide;
		size_t n = mbrtowc(&wide, text, MB_CUR_MAX, &state);
		int columns;

		/* What is no character here is shown byte by byte. */
		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			n = 1;
			width++;
		} else {
			columns = wcwidth(wide);
			width += columns > 0 ? (size_t)columns : 0;
		}
		text += n;
	}
	return width;
}

void cell_print(const char *text, enum colour tint, bool colour, FILE *out)
{
	static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m"};

	if (colour && tint != COLOUR_NONE)
		fprintf(out, "%s%s\033[0m", codes[tint], text);
	else
		fputs(text, out);
}

void table_print(const struct table *table, bool colour, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	WEFT_ASSERT(table->rows % table->columns == 0);
	for (size_t i = 0; i < table->rows; i++) {
		size_t width = text_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < table->rows; i++) {
		size_t column = i % table->columns;

		cell_print(table->cells[i], table->tint[i], colour, out);
		if (column + 1 == table->columns) {
			fputc('\n', out);
			continue;
		}
		for (size_t pad = text_width(table->cells[i]); pad < widths[column] + 2; pad++)
			fputc(' ', out);
	}
}
