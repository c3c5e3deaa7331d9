/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/host.h"
#include "cli/http.h"
#include "gossip/base/instant.h"

#define TOOL_BYTES_MAX (2u << 20)
#define TOOL_MS_MAX 30000
#define TOOL_WORDS 8

/* What the API gives without a name; the answers hold no secrets (tokens are listed by id). */
static const enum api_id asked[] = {API_VERSION,     API_STATUS,  API_MEMBERS,  API_NETWORK_LS,
				    API_ENDPOINT_LS, API_IPAM_LS, API_TOKEN_LS, API_ADMIN_LS};

/* What stands in the kernel, as the tools say it; where one is lacking, that is said. */
static const struct {
	const char *name;
	const char *words[TOOL_WORDS];
} tools[] = {
    {"links", {"ip", "-d", "-s", "link"}},
    {"addresses", {"ip", "addr"}},
    {"routes", {"ip", "route", "show", "table", "all"}},
    {"rules", {"ip", "rule"}},
    {"neighbours", {"ip", "neigh", "show", "nud", "all"}},
    {"forwarding", {"bridge", "fdb", "show"}},
    {"bridge_ports", {"bridge", "-d", "link"}},
    {"nftables", {"nft", "list", "ruleset"}},
    {"sockets", {"ss", "-uanp"}},
    {"modules", {"cat", "/proc/modules"}},
    {"memory", {"cat", "/proc/meminfo"}},
    {"clock", {"timedatectl", "show"}},
    {"log", {"journalctl", "-u", "weftd", "-n", "2000", "--no-pager"}},
};

/* Stands in the place of what could not be had; the bundle counts them. */
static json_t *absent(json_t *bundle, const struct weft_err *err)
{
	json_int_t count = json_integer_value(json_object_get(bundle, "absent"));

	json_object_set_new(bundle, "absent", json_integer(count + 1));
	return json_pack("{s:s}", "error", err->message);
}

/* The pages behind the first one of a list; where they end early, it is said in it and counted. */
static void add_pages(json_t *bundle, json_t *list, const struct cli_options *options,
		      struct call *call)
{
	const struct api_method *method = call->method;
	json_t *all = json_object_get(list, method->list_key);
	const char *next = json_string_value(json_object_get(list, "next"));
	struct weft_err err = {0};
	json_t *page;

	while (next) {
		snprintf(call->path, sizeof(call->path), "%s", method->path);
		page = call_query(call, "after", next, &err) == 0
			   ? call_ask(options, call, call->path, &err)
			   : NULL;
		if (!page) {
			json_t *gap = absent(bundle, &err);

			json_object_update(list, gap);
			json_decref(gap);
			return;
		}
		json_array_extend(all, json_object_get(page, method->list_key));
		json_object_set_new(list, "next",
				    json_incref(json_object_get(page, "next")
						    ? json_object_get(page, "next")
						    : json_null()));
		next = json_string_value(json_object_get(list, "next"));
		json_decref(page);
	}
}

static void add_api(json_t *bundle, const struct cli_options *options)
{
	json_t *api = json_object();

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		const struct api_method *method = api_method(asked[i]);
		struct call call = {.method = method, .deadline_ms = method->deadline_ms};
		struct weft_err err = {0};
		json_t *answer = call_ask(options, &call, method->path, &err);

		if (answer && (method->flags & API_LIST))
			add_pages(bundle, answer, options, &call);
		json_object_set_new(api, method->command, answer ? answer : absent(bundle, &err));
	}
	json_object_set_new(bundle, "api", api);
}

static void add_metrics(json_t *bundle, const struct cli_options *options)
{
	const struct api_method *method = api_method(API_METRICS);
	struct http_reply reply = {.status = 0};
	struct weft_err err = {0};
	int fd = http_connect(options->socket, &err);

	if (fd >= 0 && http_send(fd, method->verb, method->path, NULL, &err) == 0 &&
	    http_receive(fd, method->deadline_ms, NULL, &reply, &err) == 0 && reply.status != 200)
		weft_err_set(&err, WEFT_E_INTERNAL, "weftd answered with status %d", reply.status);
	json_object_set_new(bundle, "metrics",
			    err.code == 0 ? json_string(reply.body) : absent(bundle, &err));
	if (fd >= 0)
		close(fd);
	http_reply_close(&reply);
}

/* Ring of every network: who owns which addresses. */
static void add_rings(json_t *bundle, const struct cli_options *options)
{
	const struct api_method *method = api_method(API_IPAM_RING);
	const json_t *list = json_object_get(
	    json_object_get(json_object_get(bundle, "api"), "network ls"), "networks");
	json_t *rings = json_object();
	size_t i;
	json_t *network;

	json_array_foreach((json_t *)(uintptr_t)list, i, network)
	{
		const char *id = json_string_value(json_object_get(network, "id"));
		struct call call = {.method = method, .deadline_ms = method->deadline_ms};
		struct weft_err err = {0};
		json_t *answer;

		snprintf(call.path, sizeof(call.path), "/v1/networks/%s/ring", id ? id : "");
		answer = call_ask(options, &call, call.path, &err);
		if (id)
			json_object_set_new(rings, id, answer ? answer : absent(bundle, &err));
		else
			json_decref(answer);
	}
	json_object_set_new(bundle, "rings", rings);
}

static void add_tools(json_t *bundle)
{
	json_t *outputs = json_object();

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		struct weft_err err = {0};
		int code = 0;
		char *text = host_output(tools[i].words, "gathering the support bundle",
					 TOOL_MS_MAX, TOOL_BYTES_MAX, &code);
		json_t *value = text && code == 0 ? json_string(text) : NULL;

		if (!text)
			weft_err_set(&err, WEFT_E_UNSUPPORTED, "%s cannot be run",
				     tools[i].words[0]);
		else if (code == HOST_TOO_LONG)
			weft_err_set(&err, WEFT_E_TIMEOUT,
				     "%s was ended, as it was not done after %d s; run it by hand",
				     tools[i].words[0], TOOL_MS_MAX / 1000);
		else if (code != 0)
			weft_err_set(&err, WEFT_E_INTERNAL, "%s ended with %d", tools[i].words[0],
				     code);
		else if (!value)
			weft_err_set(&err, WEFT_E_INTERNAL, "%s wrote what is no UTF-8",
				     tools[i].words[0]);
		else if (strlen(text) == TOOL_BYTES_MAX - 1)
			weft_err_set(&err, WEFT_E_LIMIT,
				     "%s wrote more than is kept; run it by hand",
				     tools[i].words[0]);
		if (err.code != 0) {
			json_t *gap = absent(bundle, &err);

			if (value)
				json_object_set_new(gap, "begins", value);
			value = gap;
		}
		json_object_set_new(outputs, tools[i].name, value);
		free(text);
	}
	json_object_set_new(bundle, "kernel", outputs);
}

static void add_head(json_t *bundle)
{
	char made[WALL_TEXT_BYTES];
	struct utsname host;

	wall_format((struct wall){(int64_t)time(NULL) * 1000}, made);
	json_object_set_new(bundle, "made", json_string(made));
	json_object_set_new(bundle, "weft", json_string(WEFT_VERSION));
	if (uname(&host) == 0)
		json_object_set_new(bundle, "host",
				    json_pack("{s:s,s:s,s:s,s:s}", "name", host.nodename, "kernel",
					      host.release, "version", host.version, "machine",
					      host.machine));
}

static int write_file(const char *path, const json_t *bundle, struct weft_err *err)
{
	int fd = file_make(AT_FDCWD, path, err);
	bool written;

	if (fd < 0)
		return fd;
	written = json_dumpfd(bundle, fd, JSON_INDENT(1)) == 0 && fsync(fd) == 0;
	if (close(fd) == 0 && written)
		return 0;
	weft_err_set(err, WEFT_E_STORE, "cannot write %s: %s; see that its disk has room", path,
		     strerror(errno));
	unlink(path);
	return err->code;
}

int bundle_write(const struct cli_options *options, const char *path, const json_t *checks,
		 const json_t *facts, size_t *gaps, struct weft_err *err)
{
	const struct weft_err unheard = {WEFT_E_UNREACHABLE, "weftd does not answer"};
	json_t *bundle = json_object();
	int rc;

	add_head(bundle);
	json_object_set_new(bundle, "absent", json_integer(0));
	json_object_set(bundle, "checks", (json_t *)(uintptr_t)checks);
	if (facts)
		json_object_set(bundle, "weftd", (json_t *)(uintptr_t)facts);
	else
		json_object_set_new(bundle, "weftd", absent(bundle, &unheard));
	add_api(bundle, options);
	add_rings(bundle, options);
	add_metrics(bundle, options);
	add_tools(bundle);
	rc = write_file(path, bundle, err);
	*gaps = (size_t)json_integer_value(json_object_get(bundle, "absent"));
	json_decref(bundle);
	return rc;
}
