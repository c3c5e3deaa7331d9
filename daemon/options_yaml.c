/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The configuration file. The YAML library sees every option as a text; what it has to say about a
 * file is collected and worded here by key, since its own lines name C types and its line numbers
 * are off for values.
 */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/options.h"

#define CONFIG_BYTES_MAX 65536

struct yaml_values {
	char *text[OPTION_COUNT];
};

/* What the library reported while it loaded. */
struct yaml_trouble {
	char key[NAME_BYTES]; /* the key it was at */
	char line[128];       /* its first complaint */
};

static const cyaml_schema_field_t yaml_fields[] = {
#define OPTION_FIELD_(sym, option, arg, def, help)                               \
	CYAML_FIELD_STRING_PTR(option, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
			       struct yaml_values, text[OPTION_##sym], 0, CYAML_UNLIMITED),
    OPTIONS(OPTION_FIELD_)
#undef OPTION_FIELD_
	CYAML_FIELD_END};

static const cyaml_schema_value_t yaml_top = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_values, yaml_fields)};

static void yaml_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct yaml_trouble *trouble = ctx;
	char line[256];
	const char *at;

	vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	at = strncmp(line, "Load: ", 6) == 0 ? line + 6 : line;
	if (level == CYAML_LOG_INFO && at[0] == '[')
		snprintf(trouble->key, sizeof(trouble->key), "%.*s", (int)strcspn(at + 1, "]"),
			 at + 1);
	else if (level >= CYAML_LOG_WARNING && trouble->line[0] == '\0' && at[0] != ' ' &&
		 strncmp(at, "Backtrace", 9) != 0) /* its lines are indented */
		snprintf(trouble->line, sizeof(trouble->line), "%.127s", at);
}

/* Of some faults (aliases, too deep) the library tells no more than their class. */
static const char *yaml_reason(cyaml_err_t code, const struct yaml_trouble *trouble)
{
	if (trouble->line[0] == '\0')
		return code == CYAML_ERR_ALIAS ? "aliases are not taken"
					       : "expected lines of the form \"option: value\"";
	return strncmp(trouble->line, "libyaml: ", 9) == 0 ? trouble->line + 9 : trouble->line;
}

static int yaml_word(cyaml_err_t code, const struct yaml_trouble *trouble, const char *name,
		     struct weft_err *err)
{
	switch (code) {
	case CYAML_ERR_INVALID_KEY:
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s: unknown option \"%s\"; weftd --help lists the options",
				    name, trouble->key);
	case CYAML_ERR_UNEXPECTED_EVENT:
		return weft_err_set(err, WEFT_E_INVALID, "%s: \"%s\" is given twice; keep one",
				    name, trouble->key);
	case CYAML_ERR_INVALID_VALUE:
		if (trouble->key[0])
			return weft_err_set(err, WEFT_E_INVALID,
					    "%s: \"%s\" takes one value, not a list or a map", name,
					    trouble->key);
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s: expected lines of the form \"option: value\"", name);
	default:
		return weft_err_set(err, WEFT_E_INVALID, "%s: not readable as YAML%s%s: %s", name,
				    trouble->key[0] ? " after the option " : "", trouble->key,
				    yaml_reason(code, trouble));
	}
}

int options_yaml(struct option_texts *texts, const char *yaml, size_t len, const char *name,
		 struct weft_err *err)
{
	struct yaml_trouble trouble = {0};
	struct yaml_values *values = NULL;
	cyaml_config_t config = {.log_fn = yaml_log,
				 .log_ctx = &trouble,
				 .mem_fn = cyaml_mem,
				 .log_level = CYAML_LOG_INFO,
				 .flags = CYAML_CFG_NO_ALIAS};
	cyaml_err_t code = cyaml_load_data((const uint8_t *)yaml, len, &config, &yaml_top,
					   (cyaml_data_t **)&values, NULL);
	int rc = 0;

	if (code != CYAML_OK)
		return yaml_word(code, &trouble, name, err);
	for (size_t i = 0; values && rc == 0 && i < OPTION_COUNT; i++) {
		if (values->text[i])
			rc = options_set(texts, (enum option_id)i, FROM_FILE, values->text[i], err);
	}
	cyaml_free(&config, &yaml_top, values, 0);
	return rc;
}

int options_file(struct option_texts *texts, struct weft_err *err)
{
	static const char preset[] = OPTIONS_CONFIG_DEFAULT;
	const char *path = texts->config_given ? texts->config : preset;
	char yaml[CONFIG_BYTES_MAX];
	/* A pipe that nobody writes to would hold the start for ever. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat stat;

	if (!file) {
		if (errno == ENOENT && !texts->config_given)
			return 0;
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "cannot read %s: %s; see that weftd may read it, or name another --config",
		    path, strerror(errno));
	}

	if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
		fclose(file);
		return weft_err_set(err, WEFT_E_INVALID, "%s is not a file; name another --config",
				    path);
	}

	size_t len = fread(yaml, 1, sizeof(yaml), file);
	int failed = ferror(file);

	fclose(file);
	if (failed)
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "cannot read %s: %s; see that weftd may read it, or name another --config",
		    path, strerror(errno));
	if (len == sizeof(yaml))
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s is larger than 64 KiB; keep what are options", path);
	return options_yaml(texts, yaml, len, path, err);
}
