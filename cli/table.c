/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Tables fit the terminal: the last column is the one that takes the rest of a line, and goes on
 * below itself when that is too little; when even that does not help, the widest of the others are
 * cut, and at last each row becomes a block of its own. What explains words, in two columns without
 * titles, never cuts a word: a long one stands on a line of its own. Where the output is no
 * terminal nothing is cut: scripts and files have no width.
 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "gossip/base/check.h"

#define GAP 2
#define LAST_MIN 24   /* columns that the last one keeps, if it has so many */
#define OTHER_MIN 6   /* what the others are cut to at most */
#define TITLED_MIN 14 /* the same in tables that may become blocks */

void table_init(struct table *table, size_t columns)
{
	WEFT_ASSERT(columns > 0 && columns <= TABLE_COLUMNS_MAX);
	memset(table, 0, sizeof(*table));
	table->columns = columns;
}

void table_close(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->tint);
	memset(table, 0, sizeof(*table));
}

/* A copy in which every control character is a question mark; those from U+0080 on, which some
 * terminals obey as well, are two. */
static char *clean(const char *text)
{
	char *copy = strdup(text);

	WEFT_ASSERT(copy != NULL);
	for (char *at = copy; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if ((unsigned char)at[0] == 0xc2 && (unsigned char)at[1] >= 0x80 &&
			 (unsigned char)at[1] < 0xa0)
			at[0] = at[1] = '?';
	}
	return copy;
}

void table_add(struct table *table, const char *text, enum colour colour)
{
	if (table->count == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->cells = realloc(table->cells, table->cap * sizeof(*table->cells));
		table->tint = realloc(table->tint, table->cap);
		WEFT_ASSERT(table->cells != NULL && table->tint != NULL);
	}
	table->cells[table->count] = clean(text);
	table->tint[table->count] = (unsigned char)colour;
	table->count++;
}

/* The next character: its bytes, and how many places it takes. */
static size_t next_char(const char *text, mbstate_t *state, size_t *places)
{
	wchar_t wide;
	size_t n = mbrtowc(&wide, text, MB_CUR_MAX, state);
	int columns;

	/* What is no character here is shown byte by byte. */
	if (n == (size_t)-1 || n == (size_t)-2) {
		memset(state, 0, sizeof(*state));
		*places = 1;
		return 1;
	}
	columns = wcwidth(wide);
	*places = columns > 0 ? (size_t)columns : 0;
	return n;
}

size_t text_width(const char *text)
{
	size_t width = 0;
	mbstate_t state;

	memset(&state, 0, sizeof(state));
	while (*text) {
		size_t places;

		text += next_char(text, &state, &places);
		width += places;
	}
	return width;
}

/* Bytes from the beginning of text that fit into so many places; at least one character. */
static size_t bytes_that_fit(const char *text, size_t places)
{
	size_t len = 0, width = 0;
	mbstate_t state;

	memset(&state, 0, sizeof(state));
	while (text[len]) {
		size_t more, n = next_char(text + len, &state, &more);

		if (width + more > places && len > 0)
			break;
		width += more;
		len += n;
	}
	return len;
}

/* The same, back to the last space when there is one; *skip is that space. */
static size_t bytes_of_line(const char *text, size_t places, size_t *skip)
{
	size_t len = bytes_that_fit(text, places), at = len;

	*skip = 0;
	if (text[len] == '\0')
		return len;
	while (at > 0 && text[at] != ' ')
		at--;
	if (at == 0)
		return len;
	*skip = 1;
	return at;
}

static void spaces(size_t count, FILE *out)
{
	fprintf(out, "%*s", (int)count, "");
}

static void print_tinted(const char *text, size_t len, enum colour tint, bool colour, FILE *out)
{
	static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m"};
	bool tinted = colour && tint != COLOUR_NONE;

	fprintf(out, "%s%.*s%s", tinted ? codes[tint] : "", (int)len, text,
		tinted ? "\033[0m" : "");
}

void cell_print(const char *text, enum colour tint, bool colour, FILE *out)
{
	print_tinted(text, strlen(text), tint, colour, out);
}

static bool is_glossary(const struct table *table)
{
	return table->columns == 2 && !table->titled;
}

/* A cell that is not the last of its row, in exactly width places. */
static void print_inner(const struct table *table, size_t cell, size_t width, bool colour,
			FILE *out)
{
	const char *text = table->cells[cell], *dots = MB_CUR_MAX > 1 ? "\xe2\x80\xa6" : "~";
	enum colour tint = table->tint[cell];
	size_t have = text_width(text);

	if (have <= width) {
		print_tinted(text, strlen(text), tint, colour, out);
		spaces(width - have, out);
		return;
	}
	if (is_glossary(table)) {
		print_tinted(text, strlen(text), tint, colour, out);
		fputc('\n', out);
		spaces(width, out);
		return;
	}

	size_t len = bytes_that_fit(text, width - 1);
	char *cut = strndup(text, len);

	WEFT_ASSERT(cut != NULL);
	print_tinted(text, len, tint, colour, out);
	have = text_width(cut) + 1;
	fputs(dots, out);
	spaces(have < width ? width - have : 0, out);
	free(cut);
}

/* The last cell, which goes on below where it began. */
static void print_last(const struct table *table, size_t cell, size_t indent, size_t width,
		       bool colour, FILE *out)
{
	const char *text = table->cells[cell];

	for (;;) {
		size_t skip, len = bytes_of_line(text, width, &skip);

		print_tinted(text, len, table->tint[cell], colour, out);
		fputc('\n', out);
		text += len + skip;
		if (*text == '\0')
			return;
		spaces(indent, out);
	}
}

static void natural_widths(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	memset(widths, 0, TABLE_COLUMNS_MAX * sizeof(widths[0]));
	for (size_t i = 0; i < table->count; i++) {
		size_t width = text_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
}

static size_t sum(const size_t *widths, size_t count)
{
	size_t all = (count - 1) * GAP;

	for (size_t i = 0; i < count; i++)
		all += widths[i];
	return all;
}

/* Makes columns narrower, as far as they may be. */
static void shrink(size_t *widths, size_t count, size_t limit, size_t least)
{
	size_t last = count - 1, all = sum(widths, count);

	if (all <= limit)
		return;
	if (widths[last] > LAST_MIN) {
		size_t room = limit > all - widths[last] ? limit - (all - widths[last]) : 0;

		widths[last] = room > LAST_MIN ? room : LAST_MIN;
	}
	while (sum(widths, count) > limit) {
		size_t widest = 0;

		for (size_t i = 1; i < last; i++)
			if (widths[i] > widths[widest])
				widest = i;
		if (last == 0 || widths[widest] <= least)
			return;
		widths[widest]--;
	}
}

/* Each row as a small table of its titles and cells. */
static void print_blocks(const struct table *table, size_t limit, bool colour, FILE *out)
{
	for (size_t row = table->columns; row < table->count; row += table->columns) {
		struct table block;

		table_init(&block, 2);
		for (size_t i = 0; i < table->columns; i++) {
			table_add(&block, table->cells[i], COLOUR_NONE);
			table_add(&block, table->cells[row + i], (enum colour)table->tint[row + i]);
		}
		if (row > table->columns)
			fputc('\n', out);
		table_print_width(&block, limit, colour, out);
		table_close(&block);
	}
}

void table_print_width(const struct table *table, size_t limit, bool colour, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX], last = table->columns - 1, indent = last * GAP;

	WEFT_ASSERT(table->count % table->columns == 0);
	natural_widths(table, widths);
	if (limit > 0)
		shrink(widths, table->columns, limit, table->titled ? TITLED_MIN : OTHER_MIN);
	if (limit > 0 && table->titled && sum(widths, table->columns) > limit) {
		print_blocks(table, limit, colour, out);
		return;
	}
	for (size_t i = 0; i < last; i++)
		indent += widths[i];
	for (size_t i = 0; i < table->count; i++) {
		size_t column = i % table->columns;

		if (column == last) {
			print_last(table, i, indent, widths[last] > 0 ? widths[last] : 1, colour,
				   out);
			continue;
		}
		print_inner(table, i, widths[column], colour, out);
		spaces(GAP, out);
	}
}

void table_print(const struct table *table, bool colour, FILE *out)
{
	struct winsize window = {0};
	int fd = fileno(out);
	bool known = fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &window) == 0;

	table_print_width(table, known ? window.ws_col : 0, colour, out);
}
