/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The parts of `weft`: words of the command line become a call by the API's table, the call goes
 * over the daemon's unix socket, its answer becomes a table, a few lines, or JSON.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "gossip/base/api.h"
#include "gossip/base/err.h"

#define SOCKET_PRESET "/run/weft/weft.sock"
#define CALL_PATH_BYTES 2048

/* Options that every command takes. */
struct cli_options {
	const char *socket;
	bool json;
	bool colour; /* standard output is a terminal, and NO_COLOR is not set */
	bool help;
	bool version;
};

/* One call, ready to be sent. */
struct call {
	const struct api_method *method;
	char path[CALL_PATH_BYTES]; /* with its query */
	json_t *body;               /* NULL for calls without one */
	json_t *local;              /* values that are not sent, by field name */
	int64_t deadline_ms;        /* for the whole answer */
};

/* Reads words behind the command by the method's fields. 0, or WEFT_E_INVALID with err. Options of
 * every command go to options. call_close follows in any case. */
int call_parse(const struct api_method *method, int argc, char *const *argv,
	       struct cli_options *options, struct call *call, struct weft_err *err);
void call_close(struct call *call);

/* Appends name=value to the query. */
int call_query(struct call *call, const char *name, const char *value, struct weft_err *err);

/* Options that are no field of a method: in front of the command, behind it, or both. */
enum common_place {
	COMMON_FRONT = 1,
	COMMON_BEHIND = 2,
	COMMON_CHANGES = 4, /* behind commands that change something, and only there */
};

struct common_option {
	struct api_field field;
	unsigned places; /* enum common_place */
};

/* The table of these, and one of them by the word that begins with it; value is what stands behind
 * "=", or NULL. NULL when there is none at this place. */
const struct common_option *common_options(size_t *count);
const struct common_option *common_find(const char *word, unsigned places, const char **value);

/* What became of a word that may be such an option. */
enum common_taken { COMMON_NONE = 0, COMMON_TAKEN, COMMON_LACKS_VALUE, COMMON_TAKES_NO_VALUE };

/* Takes a word into options when it is one; next is the word behind it or NULL, and *used_next says
 * that it was the value. Both are borrowed. Whatever is not COMMON_TAKEN changes nothing. */
enum common_taken common_take(const char *word, unsigned places, const char *next,
			      struct cli_options *options, bool *used_next);

/* What is wrong with a word that was not taken; the word stands behind it. */
const char *common_fault(enum common_taken taken);

/* May this option stand behind a command? */
bool common_is_behind(const struct common_option *option, const struct api_method *method);

/* Help for all commands, or for one. */
void help_all(FILE *out);

/* The command with its arguments, as help shows it. */
void help_synopsis(const struct api_method *method, char *out, size_t cap);
void help_method(const struct api_method *method, FILE *out);

/* What a field of a command is, with what holds for all of its type. */
#define HELP_FIELD_BYTES 192
void help_field(const struct api_field *field, char *out, size_t cap);

/* The table of metrics. */
void help_metrics(FILE *out);

/* Commands whose words begin like these, for help: how many were printed. */
size_t help_group(const char *word, FILE *out);

/* Sends a call and prints its answer; the exit code of weft. */
int run_call(const struct cli_options *options, struct call *call);

/* One request and its JSON answer, owned by the caller; NULL with err. */
json_t *call_ask(const struct cli_options *options, const struct call *call, const char *path,
		 struct weft_err *err);

/* weft diag: checks of the host and of the ways to others, and the support bundle. */
int run_diag(const struct cli_options *options, const struct call *call);

/* Says on one line of standard error what went wrong and what to do about it; the exit code that
 * belongs to it. */
int complain(const struct weft_err *err);

/* Prints an answer for people. */
void print_answer(const struct cli_options *options, const struct api_method *method,
		  const json_t *answer, FILE *out);

/* Prints one event of a stream for people. */
void print_event(const json_t *event, FILE *out);

/* Where join and the sealed key get what is no plain argument: 0, or a code with err. */
int input_prepare(struct call *call, struct weft_err *err);

/* Puts the sealed key of an answer into its file, which the answer names then. */
int input_finish(const struct call *call, json_t *answer, struct weft_err *err);
