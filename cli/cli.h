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

/* Help for all commands, or for one. */
void help_all(FILE *out);
void help_method(const struct api_method *method, FILE *out);

/* Commands whose words begin like these, for help: how many were printed. */
size_t help_group(const char *word, FILE *out);

/* Sends a call and prints its answer; the exit code of weft. */
int run_call(const struct cli_options *options, struct call *call);

/* Says what went wrong on one line of standard error; the exit code that belongs to it. */
int complain(const struct weft_err *err);

/* Prints an answer for people. */
void print_answer(const struct cli_options *options, const struct api_method *method,
		  const json_t *answer, FILE *out);

/* Prints one event of a stream for people. */
void print_event(const json_t *event, FILE *out);

/* Where join and the sealed key get what is no plain argument. */
int input_prepare(struct call *call, struct weft_err *err);
int input_finish(const struct call *call, const json_t *answer, struct weft_err *err);
