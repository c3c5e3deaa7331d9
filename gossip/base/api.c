/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "api.h"

#include <string.h>

#include "check.h"
#include "err.h"

#define F(name, type, place, required, option, arg, help)                     \
	{                                                                     \
		name, API_##type, API_IN_##place, required, option, arg, help \
	}
#define F_NETWORK F("network", TEXT, PATH, true, NULL, "NETWORK", "name, id or prefix of an id")
#define F_NODE F("node", TEXT, PATH, true, NULL, "NODE", "name, id or prefix of an id")

#define F_PASSFILE                                                            \
	F("passphrase_file", TEXT, LOCAL, false, "--passphrase-file", "FILE", \
	  "read the passphrase from here")
#define NO_FIELDS(sym) static const struct api_field fields_##sym[] = {}

NO_FIELDS(STATUS);
NO_FIELDS(TOKEN_LS);
NO_FIELDS(ADMIN_LS);
NO_FIELDS(MEMBERS);
NO_FIELDS(NETWORK_LS);
NO_FIELDS(IPAM_CONFIRM);
NO_FIELDS(VERSION);
NO_FIELDS(METRICS);
NO_FIELDS(HEALTHZ);
NO_FIELDS(READYZ);

static const struct api_field fields_INIT[] = {
    F("name", TEXT, BODY, false, "--name", "CLUSTER", "name of the cluster; default: weft"),
};
static const struct api_field fields_JOIN[] = {
    F("token", TEXT, BODY, true, NULL, "TOKEN|-|@FILE", "the token, - for stdin, or a file"),
    F("seeds", TEXTS, BODY, false, NULL, "ADDR", "members to try besides those in the token"),
    F("replace", FLAG, BODY, false, "--replace", NULL, "remove the member that has this name"),
};
static const struct api_field fields_LEAVE[] = {
    F("force", FLAG, BODY, false, "--force", NULL, "detach the endpoints that are still here"),
};
static const struct api_field fields_RESET[] = {
    F("force", FLAG, BODY, false, "--force", NULL, "wipe, whatever boxes or devices are left"),
};
static const struct api_field fields_TOKEN_CREATE[] = {
    F("ttl_ms", DURATION, BODY, false, "--ttl", "24h", "how long it admits; default 24h"),
    F("name_pattern", TEXT, BODY, false, "--name-pattern", "P", "names it admits, with * and ?"),
    F("tags", LABELS, BODY, false, "--tag", "k=v", "tags of those it admits"),
};
static const struct api_field fields_TOKEN_RM[] = {
    F("token", TEXT, PATH, true, NULL, "ID", "id of the token or a prefix"),
};
static const struct api_field fields_ADMIN_ADD[] = {
    F("node", TEXT, BODY, true, NULL, "NODE", "name, id or prefix of an id"),
};
static const struct api_field fields_ADMIN_RM[] = {F_NODE};
static const struct api_field fields_ADMIN_BACKUP[] = {
    F("file", TEXT, LOCAL, true, NULL, "FILE", "where the sealed key goes"),
    F("passphrase", TEXT, BODY, true, "", NULL, "what seals it; asked for on the terminal"),
    F_PASSFILE,
};
static const struct api_field fields_ADMIN_RESTORE[] = {
    F("file", TEXT, LOCAL, true, NULL, "FILE", "the sealed key"),
    F("sealed", TEXT, BODY, true, "", NULL, "content of that file"),
    F("passphrase", TEXT, BODY, true, "", NULL, "what sealed it; asked for on the terminal"),
    F_PASSFILE,
};
static const struct api_field fields_NODE_INSPECT[] = {F_NODE};
static const struct api_field fields_NODE_RM[] = {
    F_NODE,
    F("reason", TEXT, QUERY, false, "--reason", "TEXT", "why, told to everybody"),
};
static const struct api_field fields_NODE_ADVERTISE[] = {
    F("address", TEXT, BODY, true, NULL, "ADDR[:PORT]", "where others reach this node"),
};
static const struct api_field fields_NODE_RECOVER[] = {
    F("force", FLAG, BODY, false, "--force", NULL, "without members that do not answer"),
};
static const struct api_field fields_BACKUP[] = {
    F("file", TEXT, BODY, true, NULL, "FILE", "a new file; it holds this node's secrets"),
};
static const struct api_field fields_RESTORE[] = {
    F("file", TEXT, BODY, true, NULL, "FILE", "what weft backup made"),
    F("force", FLAG, BODY, false, "--force", NULL, "although this host is in a cluster"),
};
static const struct api_field fields_NETWORK_CREATE[] = {
    F("name", TEXT, BODY, true, NULL, "NAME", "1 to 63 of letters, digits, dot, _ and -"),
    F("subnets", TEXTS, BODY, false, "--subnet", "CIDR", "a pool; default: a free 10.x.y.0/24"),
    F("gateways", TEXTS, BODY, false, "--gateway", "ADDR", "gateway; default: first address"),
    F("ip_ranges", TEXTS, BODY, false, "--ip-range", "CIDR", "lease only from this part"),
    F("aux", TEXTS, BODY, false, "--aux", "ADDR", "an address that is never leased"),
    F("internal", FLAG, BODY, false, "--internal", NULL, "no way out of the network"),
    F("mtu_bytes", UINT, BODY, false, "--mtu", "BYTES", "default: what all hosts can carry"),
    F("vni", UINT, BODY, false, "--vni", "N", "VXLAN id, 4096 to 16777214; default: from its id"),
    F("port", UINT, BODY, false, "--port", "N",
      "UDP port of its VXLAN; default: that of weftd, 4789"),
    F("encrypt", TEXT, BODY, false, "--encrypt", "none",
      "none; wireguard, ipsec and auto are not there yet"),
    F("multicast", TEXT, BODY, false, "--multicast", "on|off",
      "flood broadcast and multicast; default off"),
    F("labels", LABELS, BODY, false, "--label", "k=v", "a label"),
    F("force", FLAG, BODY, false, "--force", NULL, "although its pool overlaps another"),
};
static const struct api_field fields_NETWORK_INSPECT[] = {F_NETWORK};
static const struct api_field fields_NETWORK_RM[] = {
    F_NETWORK,
    F("force", FLAG, QUERY, false, "--force", NULL, "although it has endpoints"),
};
static const struct api_field fields_ATTACH[] = {
    F_NETWORK,
    F("netns", TEXT, BODY, true, "--netns", "PATH|NAME|PID", "the namespace"),
    F("ifname", TEXT, BODY, false, "--ifname", "eth0", "name of the interface in it; default eth0"),
    F("addresses", TEXTS, BODY, false, "--ip", "ADDR", "this address; default: any free one"),
    F("mac", TEXT, BODY, false, "--mac", "MAC", "default: from the endpoint's id"),
    F("name", TEXT, BODY, false, "--name", "NAME", "name of the endpoint"),
    F("timeout_ms", DURATION, BODY, false, "--timeout", "10s",
      "how long to wait for the network; default 10s"),
};
static const struct api_field fields_DETACH[] = {
    F_NETWORK,
    F("netns", TEXT, QUERY, false, "--netns", "PATH|NAME|PID", "the endpoint in this namespace"),
    F("endpoint", TEXT, QUERY, false, "--endpoint", "ID", "the endpoint with this id"),
    F("name", TEXT, QUERY, false, "--name", "ENDPOINT", "the endpoint with this name"),
};
static const struct api_field fields_ENDPOINT_LS[] = {
    F("network", TEXT, QUERY, false, NULL, "NETWORK", "only those of this network"),
};
static const struct api_field fields_ENDPOINT_INSPECT[] = {
    F("endpoint", TEXT, PATH, true, NULL, "ENDPOINT", "name, id or prefix of an id"),
};
static const struct api_field fields_IPAM_LS[] = {
    F("network", TEXT, QUERY, false, NULL, "NETWORK", "only those of this network"),
};
static const struct api_field fields_IPAM_RING[] = {F_NETWORK};
static const struct api_field fields_IPAM_RESERVE[] = {
    F_NETWORK,
    F("address", TEXT, BODY, false, "--ip", "ADDR", "this address; default: any free one"),
    F("name", TEXT, BODY, false, "--name", "NAME", "what it is for"),
};
static const struct api_field fields_IPAM_RELEASE[] = {
    F_NETWORK,
    F("address", TEXT, PATH, true, NULL, "ADDR", "the address"),
    F("force", FLAG, QUERY, false, "--force", NULL,
      "although it was leased for an endpoint, which is gone"),
};
static const struct api_field fields_IPAM_CHECK[] = {
    F("fix", FLAG, BODY, false, "--fix", NULL,
      "release leases that nothing here uses: leaks, and strays and doubles without an endpoint "
      "or a reservation"),
    F("force", FLAG, BODY, false, "--force", NULL,
      "with --fix: also give up endpoints and reservations here of addresses that another host "
      "owns"),
};
static const struct api_field fields_PATH[] = {F_NODE};
static const struct api_field fields_DIAG[] = {
    F("output", TEXT, LOCAL, false, "-o", "FILE", "also write a support bundle, without secrets"),
};
static const struct api_field fields_EVENTS[] = {
    F("cursor", TEXT, QUERY, false, "--cursor", "C", "resume after this event, no snapshot"),
};

#define METHOD(sym, verb, path, command, list, deadline, flags, help) \
	{API_##sym, verb,  path, command,      list,                  \
	 deadline,  flags, help, fields_##sym, sizeof(fields_##sym) / sizeof(struct api_field)},

static const struct api_method methods[API_METHOD_COUNT] = {API_METHODS(METHOD)};

const struct api_method *api_method(enum api_id id)
{
	WEFT_ASSERT(id >= 0 && id < API_METHOD_COUNT);
	return &methods[id];
}

const struct api_field *api_field_find(const struct api_method *method, const char *name)
{
	for (size_t i = 0; i < method->field_count; i++) {
		if (strcmp(method->fields[i].name, name) == 0)
			return &method->fields[i];
	}
	return NULL;
}

/* One part of a pattern against one part of a path; a part in braces takes any value that fits. */
static bool part_fits(const struct api_method *method, const char *pattern, size_t pattern_len,
		      const char *text, size_t len, struct api_path *path)
{
	if (pattern[0] != '{')
		return pattern_len == len && memcmp(pattern, text, len) == 0;
	if (len == 0 || len >= API_PART_BYTES || path->count == API_PATH_PARTS_MAX)
		return false;

	char name[API_PART_BYTES] = {0};

	memcpy(name, pattern + 1, pattern_len - 2);
	path->names[path->count] = api_field_find(method, name)->name;
	memcpy(path->values[path->count], text, len);
	path->values[path->count][len] = '\0';
	path->count++;
	return true;
}

static bool path_fits(const struct api_method *method, const char *text, struct api_path *path)
{
	const char *pattern = method->path;

	path->count = 0;
	while (*pattern == '/' && *text == '/') {
		size_t pattern_len = strcspn(++pattern, "/");
		size_t len = strcspn(++text, "/");

		if (!part_fits(method, pattern, pattern_len, text, len, path))
			return false;
		pattern += pattern_len;
		text += len;
	}
	return *pattern == '\0' && *text == '\0';
}

const struct api_method *api_find(const char *verb, const char *text, struct api_path *path,
				  bool *other_verb)
{
	*other_verb = false;
	for (size_t i = 0; i < API_METHOD_COUNT; i++) {
		if (!path_fits(&methods[i], text, path))
			continue;
		if (strcmp(methods[i].verb, verb) == 0)
			return &methods[i];
		*other_verb = true;
	}
	path->count = 0;
	return NULL;
}

/* How many words of a command begin words; 0 when they do not. */
static size_t command_words(const char *command, const char *const *words, size_t count)
{
	size_t used = 0;

	while (*command) {
		size_t len = strcspn(command, " ");

		if (used == count || strlen(words[used]) != len ||
		    memcmp(words[used], command, len) != 0)
			return 0;
		used++;
		command += len;
		command += *command == ' ';
	}
	return used;
}

const struct api_method *api_find_command(const char *const *words, size_t count, size_t *used)
{
	for (size_t i = 0; i < API_METHOD_COUNT; i++) {
		if (!methods[i].command)
			continue;
		*used = command_words(methods[i].command, words, count);
		if (*used)
			return &methods[i];
	}
	*used = 0;
	return NULL;
}

int api_duration_parse(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
		     {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	int64_t value = 0;
	size_t digits = 0;

	while (text[digits] >= '0' && text[digits] <= '9' && digits < 12) {
		value = value * 10 + (text[digits] - '0');
		digits++;
	}
	if (digits == 0)
		return WEFT_E_INVALID;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].ms, &value))
			return WEFT_E_INVALID;
		*ms = value;
		return 0;
	}
	return WEFT_E_INVALID;
}
