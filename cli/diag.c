/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft diag: what weftd found on the ways to others and what weft-hostcheck found here, a line each
 * with its remedy. Without weftd the checks of the host run all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "cli/list.h"

/* A check of weft's own. */
static void add_check(json_t *checks, const char *check, const char *verdict, const char *measured,
		      const char *remedy)
{
	json_array_append_new(checks,
			      json_pack("{s:s,s:n,s:s,s:s,s:s?}", "check", check, "peer", "verdict",
					verdict, "measured", measured, "remedy", remedy));
}

/* The host that is looked at has to be the one on which weftd runs. */
static void check_place(json_t *checks, const json_t *facts)
{
	json_int_t theirs = json_integer_value(json_object_get(facts, "netns_inode"));
	char remedy[160];
	struct stat own;

	if (stat("/proc/self/ns/net", &own) != 0 || (json_int_t)own.st_ino == theirs)
		return;
	snprintf(remedy, sizeof(remedy), "run it there: nsenter --net=/proc/%lld/ns/net weft diag",
		 (long long)json_integer_value(json_object_get(facts, "pid")));
	add_check(
	    checks, "place", "warn",
	    "weft runs in another network namespace than weftd: the checks of the host are of "
	    "this one",
	    remedy);
}

/* What to do stands behind the last semicolon of a message. */
static void add_unreached(json_t *checks, const struct weft_err *unreached)
{
	char what[WEFT_ERR_BYTES];
	char *todo;

	snprintf(what, sizeof(what), "%s", unreached->message);
	todo = strrchr(what, ';');
	if (todo)
		*todo = '\0';
	add_check(checks, "weftd", "fail", what,
		  todo ? todo + strspn(todo + 1, " ") + 1
		       : weft_code_info(unreached->code)->remedy);
}

static json_t *gather(const struct cli_options *options, const struct call *call,
		      struct weft_err *unreached, json_t **facts)
{
	struct weft_err err = {0};
	json_t *answer = call_ask(options, call, call->path, unreached);
	json_t *all = json_array(), *host;

	*facts = json_incref(json_object_get(answer, "host"));
	host = host_checks(*facts, &err);
	if (!answer)
		add_unreached(all, unreached);
	if (host)
		json_array_extend(all, host);
	else
		add_check(
		    all, "host", "warn", err.message,
		    err.code == WEFT_E_TIMEOUT
			? "run weft diag again when the host is calm; if it stays so, see which "
			  "of these hangs or takes long: df, ip addr, nft list ruleset"
			: "install weft whole");
	if (*facts)
		check_place(all, *facts);
	json_array_extend(all, json_object_get(answer, "checks"));
	json_decref(host);
	json_decref(answer);
	return all;
}

/* "ok", "warn" or "fail": the worst of all. */
static const char *worst_of(const json_t *checks)
{
	const char *worst = "ok";
	size_t i;
	json_t *check;

	json_array_foreach((json_t *)(uintptr_t)checks, i, check)
	{
		const char *verdict = text_at(check, "verdict", "");

		if (strcmp(verdict, "fail") == 0)
			worst = "fail";
		else if (strcmp(verdict, "warn") == 0 && strcmp(worst, "ok") == 0)
			worst = "warn";
	}
	return worst;
}

/* One line a check; remedies are not cut, whatever the terminal's width. */
static void print_checks(const struct cli_options *options, const json_t *checks, FILE *out)
{
	size_t i, warned = 0, failed = 0;
	json_t *check;

	json_array_foreach((json_t *)(uintptr_t)checks, i, check)
	{
		const char *verdict = text_at(check, "verdict", ""),
			   *peer = text_at(check, "peer", "");
		const char *remedy = text_at(check, "remedy", "");
		enum colour colour = colour_of(verdict);

		warned += strcmp(verdict, "warn") == 0;
		failed += strcmp(verdict, "fail") == 0;
		cell_print(verdict, colour, options->colour, out);
		fprintf(out, "%*s%s%s%s: %s", (int)(6 - strlen(verdict)), "",
			text_at(check, "check", ""), peer[0] ? " " : "", peer,
			text_at(check, "measured", ""));
		if (remedy[0])
			fprintf(out, " -> %s", remedy);
		fputc('\n', out);
	}
	if (failed + warned == 0)
		fprintf(out, "\n%zu checks, nothing is wrong\n", json_array_size(checks));
	else
		fprintf(out, "\n%zu checks: %zu failed, %zu warned; what to do stands behind ->\n",
			json_array_size(checks), failed, warned);
}

int run_diag(const struct cli_options *options, const struct call *call)
{
	const char *output = json_string_value(json_object_get(call->local, "output"));
	struct weft_err unreached = {0}, err = {0};
	json_t *facts = NULL;
	json_t *checks = gather(options, call, &unreached, &facts);
	const char *worst = worst_of(checks);
	int code = strcmp(worst, "fail") == 0 ? 1 : 0;
	size_t gaps = 0;

	if (options->json) {
		json_t *document = json_pack("{s:s,s:O}", "verdict", worst, "checks", checks);

		json_dumpf(document, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(document);
	} else {
		print_checks(options, checks, stdout);
	}
	if (output && bundle_write(options, output, checks, facts, &gaps, &err) != 0)
		code = complain(&err);
	else if (output && !options->json && gaps > 0)
		printf("the support bundle is in %s; %zu parts could not be had, and say why\n",
		       output, gaps);
	else if (output && !options->json)
		printf("the support bundle is in %s\n", output);
	if (unreached.code == WEFT_E_UNREACHABLE)
		code = weft_code_info(unreached.code)->exit_code;
	json_decref(facts);
	json_decref(checks);
	return code;
}
