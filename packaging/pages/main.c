/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft-pages TEMPLATE: prints the filled template. */
#include <stdlib.h>
#include <string.h>

#include "packaging/pages/pages.h"

struct part {
	const char *mark;
	void (*print)(FILE *out);
};

static const struct part parts[] = {
    {"@COMMANDS@\n", man_commands},
    {"@COMMON@\n", man_common},
    {"@ERRORS@\n", man_errors},
    {"@DROPS@\n", man_drops},
    {"@FLAGS@\n", man_flags},
    {"@KEYS@\n", man_keys},
    {"@TABLE@\n", completion_table},
    {"@YAML@\n", yaml_keys},
    {"@QUOTED_TABLE@\n", completion_table_quoted},
    {"@API_TYPES@\n", man_api_types},
    {"@API_METHODS@\n", man_api_methods},
    {"@API_OBJECTS@\n", man_api_objects},
};

static const char version_mark[] = "@VERSION@";

static void copy_line(const char *line, FILE *out)
{
	const char *at = strstr(line, version_mark);

	if (!at) {
		fputs(line, out);
		return;
	}
	fprintf(out, "%.*s" WEFT_VERSION "%s", (int)(at - line), line,
		at + sizeof(version_mark) - 1);
}

static void fill_line(const char *line, FILE *out)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(line, parts[i].mark) == 0) {
			parts[i].print(out);
			return;
		}
	}
	copy_line(line, out);
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
	char *line = NULL;
	size_t cap = 0;
	int failed;

	if (!in) {
		fputs("usage: weft-pages TEMPLATE\n", stderr);
		return 2;
	}
	while (getline(&line, &cap, in) >= 0)
		fill_line(line, stdout);
	failed = ferror(in) || fflush(stdout) != 0;
	fclose(in);
	free(line);
	return failed;
}
