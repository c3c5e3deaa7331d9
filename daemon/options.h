/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The daemon's options. Each is one row of OPTIONS (options_rows.h) and can be given as a flag
 * (--state-dir), an environment variable (WEFT_STATE_DIR) or a key of the configuration file
 * (state-dir); the first of these wins. Texts are collected first and judged once, so that an error
 * names where its value came from.
 */
#pragma once

#include <stdio.h>

#include "daemon/log.h"
#include "daemon/options_rows.h"
#include "gossip/gossip.h"
#include "ipamdb/ipamdb.h"

#define OPTION_TEXT_BYTES 256
#define SOCKET_PATH_BYTES 104
#define OPTIONS_CONFIG_DEFAULT "/etc/weft/weft.yaml"

enum option_id {
#define OPTION_ENUM_(sym, name, arg, def, help) OPTION_##sym,
	OPTIONS(OPTION_ENUM_)
#undef OPTION_ENUM_
	    OPTION_COUNT
};

struct option_info {
	const char *name;
	const char *arg;
	const char *preset; /* the default, or NULL */
	const char *help;
};

enum option_source { FROM_NOWHERE = 0, FROM_DEFAULT, FROM_FILE, FROM_ENV, FROM_FLAG };

/* The texts of all options and where each came from. */
struct option_texts {
	char config[OPTION_TEXT_BYTES];
	bool config_given;
	enum option_source source[OPTION_COUNT];
	char text[OPTION_COUNT][OPTION_TEXT_BYTES];
};

struct options {
	char state_dir[OPTION_TEXT_BYTES];
	char socket[SOCKET_PATH_BYTES];
	char group[NAME_BYTES];
	bool all_read; /* readers: all */
	bool has_metrics_listen;
	struct hostport metrics_listen;
	struct hostport bind;
	bool has_advertise;
	struct hostport advertise;
	char name[NAME_BYTES];
	enum gossip_profile profile;
	int64_t sync_wait_ms;
	enum restart_guard guard;
	int64_t cooldown_ms;
	uint16_t vxlan_port;
	char helper[OPTION_TEXT_BYTES];
	enum log_level log_level;
	enum log_format log_format;
};

/* What the command line asks for. */
enum options_want { WANT_RUN = 0, WANT_CHECK, WANT_HELP, WANT_VERSION };

/* The row of an option (id < OPTION_COUNT); never NULL. */
const struct option_info *option_info(enum option_id id);

/* Takes a value unless one of a stronger source is there: 0, or WEFT_E_INVALID when too long. */
int options_set(struct option_texts *texts, enum option_id id, enum option_source source,
		const char *value, struct weft_err *err);

/* Reads the command line (argv[1..]). */
int options_flags(struct option_texts *texts, int argc, char *const *argv, enum options_want *want,
		  struct weft_err *err);

/* Reads WEFT_* of an environment, and what a service manager says in it. */
int options_env(struct option_texts *texts, char *const *environ_list, struct weft_err *err);

/* Reads texts->config; a missing file is an error only when it was named. */
int options_file(struct option_texts *texts, struct weft_err *err);

/* The same for YAML in memory; name is shown in errors. */
int options_yaml(struct option_texts *texts, const char *yaml, size_t len, const char *name,
		 struct weft_err *err);

/* Judges all texts, defaults filled in: 0 or WEFT_E_INVALID with a line that names the option, its
 * source, its value and what would be right. */
int options_judge(struct option_texts *texts, struct options *options, struct weft_err *err);

/* Can others reach this host at an address, as far as one sees by it? Loopback is fine among nodes
 * of one host, who are bound to it. */
bool advertise_is_reachable(const struct inet *advertise, const struct inet *bind);

/* What the command line takes besides the options; arg is NULL for what takes no value. */
const struct option_info *options_extra(size_t *count);

/* "state-dir" as "WEFT_STATE_DIR". */
#define OPTION_ENV_BYTES 64
void option_env_name(const char *name, char out[OPTION_ENV_BYTES]);

/* Prints every option with its value and source, or the help. */
void options_print(const struct option_texts *texts, FILE *out);
void options_help(FILE *out);
