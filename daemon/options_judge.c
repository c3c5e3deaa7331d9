/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The judgement of option texts: each option has a kind that says what its text must be. Errors
 * read "bind (from the file): "x" is not an address; write ADDR or ADDR:PORT".
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/options.h"
#include "gossip/base/api.h"

struct choice {
	const char *text;
	int value;
};

static const struct choice profiles[] = {
    {"lan", PROFILE_LAN}, {"wan", PROFILE_WAN}, {"local", PROFILE_LOCAL}, {NULL, 0}};
static const struct choice guards[] = {
    {"one", GUARD_ONE}, {"all", GUARD_ALL}, {"off", GUARD_OFF}, {NULL, 0}};
static const struct choice readers[] = {{"group", false}, {"all", true}, {NULL, 0}};
static const struct choice levels[] = {{"error", LOG_LEVEL_ERROR},
				       {"warning", LOG_LEVEL_WARNING},
				       {"info", LOG_LEVEL_INFO},
				       {"debug", LOG_LEVEL_DEBUG},
				       {NULL, 0}};
static const struct choice formats[] = {
    {"text", LOG_TEXT}, {"json", LOG_JSON}, {"journal", LOG_JOURNAL}, {NULL, 0}};

static int bad(const struct option_texts *texts, enum option_id id, const char *right,
	       struct weft_err *err)
{
	static const char *const sources[] = {"unset", "default", "from the file",
					      "from the environment", "from the command line"};

	return weft_err_set(err, WEFT_E_INVALID, "%s (%s): \"%s\" %s", option_info(id)->name,
			    sources[texts->source[id]], texts->text[id], right);
}

static int judge_choice(const struct option_texts *texts, enum option_id id,
			const struct choice *choices, int *value, struct weft_err *err)
{
	char right[128];

	for (size_t i = 0; choices[i].text; i++) {
		if (strcmp(choices[i].text, texts->text[id]) == 0) {
			*value = choices[i].value;
			return 0;
		}
	}
	snprintf(right, sizeof(right), "is none of %s", option_info(id)->arg);
	return bad(texts, id, right, err);
}

static int judge_path(const struct option_texts *texts, enum option_id id, char *out, size_t cap,
		      struct weft_err *err)
{
	if (texts->text[id][0] != '/')
		return bad(texts, id, "is not an absolute path", err);
	if (strlen(texts->text[id]) >= cap)
		return bad(texts, id, "is too long for a path of this kind", err);
	snprintf(out, cap, "%s", texts->text[id]);
	return 0;
}

static int judge_duration(const struct option_texts *texts, enum option_id id, int64_t *ms,
			  struct weft_err *err)
{
	if (api_duration_parse(texts->text[id], ms) != 0)
		return bad(texts, id, "is not a duration; write 250ms, 5s, 10m or 24h", err);
	return 0;
}

static bool address_is_loopback(const struct inet *ip)
{
	static const struct inet one6 = {.b = {[15] = 1}};

	return inet_is_v4(ip) ? inet_v4(ip) >> 24 == 127 : inet_eq(ip, &one6);
}

bool advertise_is_reachable(const struct inet *advertise, const struct inet *bind)
{
	if (inet_is_any(advertise))
		return false;
	return !address_is_loopback(advertise) || address_is_loopback(bind);
}

static int judge_addresses(const struct option_texts *texts, struct options *options,
			   struct weft_err *err)
{
	if (hostport_parse(texts->text[OPTION_BIND], GOSSIP_PORT, &options->bind) != 0)
		return bad(texts, OPTION_BIND, "is not an address; write ADDR or ADDR:PORT", err);
	options->has_advertise = texts->text[OPTION_ADVERTISE][0] != '\0';
	if (!options->has_advertise)
		return 0;
	if (hostport_parse(texts->text[OPTION_ADVERTISE], options->bind.port,
			   &options->advertise) != 0)
		return bad(texts, OPTION_ADVERTISE, "is not an address; write ADDR or ADDR:PORT",
			   err);
	if (!advertise_is_reachable(&options->advertise.ip, &options->bind.ip))
		return bad(texts, OPTION_ADVERTISE,
			   "is not an address at which other hosts reach this one; write one of "
			   "its own (ip address shows them)",
			   err);
	return 0;
}

static int judge_metrics(const struct option_texts *texts, struct options *options,
			 struct weft_err *err)
{
	options->has_metrics_listen = texts->text[OPTION_METRICS_LISTEN][0] != '\0';
	if (options->has_metrics_listen &&
	    (hostport_parse(texts->text[OPTION_METRICS_LISTEN], 0, &options->metrics_listen) != 0 ||
	     options->metrics_listen.port == 0))
		return bad(texts, OPTION_METRICS_LISTEN,
			   "is not an address with a port; write ADDR:PORT or [ADDR]:PORT", err);
	return 0;
}

static int judge_names(struct option_texts *texts, struct options *options, struct weft_err *err)
{
	if (texts->text[OPTION_NAME][0] == '\0') {
		char *name = texts->text[OPTION_NAME];

		gethostname(name, NAME_BYTES - 1);
		name[strcspn(name, ".")] = '\0';
		texts->source[OPTION_NAME] = FROM_DEFAULT;
	}
	if (!name_is_valid(texts->text[OPTION_NAME]))
		return bad(texts, OPTION_NAME,
			   "is not a name; use 1 to 63 letters, digits, dots, _ and -", err);
	if (strlen(texts->text[OPTION_GROUP]) >= sizeof(options->group))
		return bad(texts, OPTION_GROUP, "is too long for a group", err);
	snprintf(options->name, sizeof(options->name), "%.63s", texts->text[OPTION_NAME]);
	snprintf(options->group, sizeof(options->group), "%.63s", texts->text[OPTION_GROUP]);
	return 0;
}

static int judge_port(const struct option_texts *texts, struct options *options,
		      struct weft_err *err)
{
	char *end = NULL;
	unsigned long port = strtoul(texts->text[OPTION_VXLAN_PORT], &end, 10);

	if (end == texts->text[OPTION_VXLAN_PORT] || *end || port == 0 || port > 65535)
		return bad(texts, OPTION_VXLAN_PORT, "is not a port; write 1 to 65535", err);
	options->vxlan_port = (uint16_t)port;
	return 0;
}

static int judge_choices(const struct option_texts *texts, struct options *options,
			 struct weft_err *err)
{
	int profile, guard, level, format, all_read;
	int rc = judge_choice(texts, OPTION_PROFILE, profiles, &profile, err);

	if (rc == 0)
		rc = judge_choice(texts, OPTION_RESTART_GUARD, guards, &guard, err);
	if (rc == 0)
		rc = judge_choice(texts, OPTION_LOG_LEVEL, levels, &level, err);
	if (rc == 0)
		rc = judge_choice(texts, OPTION_LOG_FORMAT, formats, &format, err);
	if (rc == 0)
		rc = judge_choice(texts, OPTION_READERS, readers, &all_read, err);
	if (rc != 0)
		return rc;
	options->profile = (enum gossip_profile)profile;
	options->guard = (enum restart_guard)guard;
	options->all_read = all_read != 0;
	options->log_level = (enum log_level)level;
	options->log_format = (enum log_format)format;
	return 0;
}

/* A process with no right to enter namespaces can start none that has it, and asks the service
 * manager for one. */
static bool may_enter_namespaces(void)
{
	return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1;
}

/* weft-netns stands beside weftd in a build tree (../libexec) and after an installation
 * (../libexec/weft); the first that is there is taken. */
static void default_helper(char out[OPTION_TEXT_BYTES])
{
	static const char *const places[] = {"../libexec/weft-netns", "../libexec/weft/weft-netns",
					     "weft-netns"};
	char self[OPTION_TEXT_BYTES - 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!may_enter_namespaces()) {
		snprintf(out, OPTION_TEXT_BYTES, OPTIONS_HELPER_SOCKET);
		return;
	}
	if (n <= 0)
		n = 0;
	self[n] = '\0';
	*(strrchr(self, '/') ? strrchr(self, '/') : self) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(out, OPTION_TEXT_BYTES, "%s/%s", self, places[i]);
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, OPTION_TEXT_BYTES, "/usr/libexec/weft/weft-netns");
}

int options_judge(struct option_texts *texts, struct options *options, struct weft_err *err)
{
	memset(options, 0, sizeof(*options));
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char *preset = option_info((enum option_id)i)->preset;

		if (texts->source[i] == FROM_NOWHERE && preset) {
			snprintf(texts->text[i], OPTION_TEXT_BYTES, "%s", preset);
			texts->source[i] = FROM_DEFAULT;
		}
	}
	if (texts->text[OPTION_HELPER][0] == '\0') {
		default_helper(texts->text[OPTION_HELPER]);
		texts->source[OPTION_HELPER] = FROM_DEFAULT;
	}

	int rc = judge_path(texts, OPTION_STATE_DIR, options->state_dir, sizeof(options->state_dir),
			    err);

	if (rc == 0)
		rc =
		    judge_path(texts, OPTION_SOCKET, options->socket, sizeof(options->socket), err);
	if (rc == 0)
		rc =
		    judge_path(texts, OPTION_HELPER, options->helper, sizeof(options->helper), err);
	if (rc == 0)
		rc = judge_addresses(texts, options, err);
	if (rc == 0)
		rc = judge_metrics(texts, options, err);
	if (rc == 0)
		rc = judge_names(texts, options, err);
	if (rc == 0)
		rc = judge_choices(texts, options, err);
	if (rc == 0)
		rc = judge_duration(texts, OPTION_SYNC_WAIT, &options->sync_wait_ms, err);
	if (rc == 0)
		rc = judge_duration(texts, OPTION_COOLDOWN, &options->cooldown_ms, err);
	if (rc == 0)
		rc = judge_port(texts, options, err);
	return rc;
}
