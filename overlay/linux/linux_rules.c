/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * nftables, by libnftables, on weft's own two tables only.
 *
 * A table is replaced as a whole in one transaction. How to know later that it still stands as it
 * was set, across a restart and whatever a version of the library prints? After setting it, the
 * table is listed and a seal is added to it: an empty chain whose name carries two hashes, one of
 * the text that was set and one of the listing. A table is right when its seal names the text that
 * is wanted and its listing still has the listing's hash.
 *
 * The library opens a socket with each of its contexts, and another one where a rule that it lists
 * has the index of a device (weft's have names, those of others in weft's table may not); and it
 * ends the process where none is to be had. A daemon that has run out of descriptors is to go on:
 * the context is made at the start and kept, and beside it one descriptor is held that makes room
 * for a moment whenever the library works. Where it could not be taken again rules are refused.
 * That another thread takes it in that very moment, and the library needs it, is left to chance.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <malloc.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter.h> /* after netinet/in.h, which it would clash with */

#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"
#include "linux_parts.h"

#define SEAL_BYTES 64
#define COMMAND_BYTES 160
#define SEAL_SEED UINT64_C(0x7765667473656c)

static const char *const table_names[KRULES_COUNT] = {
    [KRULES_HOST] = "inet weft", [KRULES_PORTS] = "netdev weft"};

/* A socket like those of the library: where there is one there can be another in its place. */
static int spare_take(struct linux_kernel *kernel)
{
	if (kernel->nft_spare < 0)
		kernel->nft_spare = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	return kernel->nft_spare < 0 ? -errno : 0;
}

static void spare_give(struct linux_kernel *kernel)
{
	if (kernel->nft_spare >= 0)
		close(kernel->nft_spare);
	kernel->nft_spare = -1;
}

/* Afterwards there are a context and the spare, or it says why not. */
static int context(struct linux_kernel *kernel)
{
	int status = spare_take(kernel);

	if (status != 0 || kernel->nft != NULL)
		return status;
	spare_give(kernel);
	kernel->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (kernel->nft == NULL)
		return -ENOMEM;
	nft_ctx_output_set_flags(kernel->nft,
				 NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
	(void)nft_ctx_buffer_output(kernel->nft);
	(void)nft_ctx_buffer_error(kernel->nft);
	return spare_take(kernel);
}

void linux_rules_open(struct linux_kernel *kernel)
{
	kernel->nft = NULL;
	kernel->nft_spare = -1;
	(void)context(kernel); /* a kernel without nftables is told of when rules are set */
}

static void context_end(struct linux_kernel *kernel)
{
	if (kernel->nft != NULL)
		nft_ctx_free(kernel->nft);
	kernel->nft = NULL;
}

void linux_rules_close(struct linux_kernel *kernel)
{
	context_end(kernel);
	spare_give(kernel);
}

/* A resting daemon need not hold what the library read of the kernel's tables, which goes with a
 * command that fails, nor the megabyte of freed blocks that it leaves behind. */
static void forget(struct nft_ctx *nft)
{
	(void)nft_run_cmd_from_buffer(nft, "?");
	(void)nft_ctx_get_error_buffer(nft); /* read is gone */
	(void)malloc_trim(0);
}

/* Runs commands as one transaction; *out (may be NULL) is what they print, to be freed. */
static int run(struct linux_kernel *kernel, const char *commands, char **out, char *why, size_t cap)
{
	int status = context(kernel);
	const char *printed, *error;

	if (status != 0) {
		(void)snprintf(why, cap, "%s", strerror(-status));
		return status;
	}
	spare_give(kernel);
	status = nft_run_cmd_from_buffer(kernel->nft, commands) == 0 ? 0 : -EIO;
	printed = nft_ctx_get_output_buffer(kernel->nft);
	error = nft_ctx_get_error_buffer(kernel->nft);
	if (status != 0)
		(void)snprintf(why, cap, "%.*s", (int)strcspn(error, "\n"), error);
	else if (out != NULL)
		*out = strdup(printed);
	forget(kernel->nft);
	(void)spare_take(kernel); /* if not now, then before the next command */
	return status;
}

/* One that failed may have left answers behind that the next would take for its own. */
static int change(struct linux_kernel *kernel, const char *commands, char *why, size_t cap)
{
	int status;

	KILL_POINT(NETLINK_BEFORE);
	status = run(kernel, commands, NULL, why, cap);
	KILL_POINT(NETLINK_AFTER);
	if (status != 0)
		context_end(kernel);
	return status;
}

/* The listing without its seal and blank lines, hashed; the seal's name goes to seal. */
static uint64_t read_listing(const char *listing, char seal[SEAL_BYTES])
{
	uint64_t hash = 0;
	bool in_seal = false;

	seal[0] = '\0';
	for (const char *line = listing; *line != '\0';) {
		size_t len = strcspn(line, "\n");

		if (strncmp(line, "\tchain seal_", 12) == 0) {
			size_t name = strcspn(line + 7, " ");

			(void)snprintf(seal, SEAL_BYTES, "%.*s", (int)name, line + 7);
			in_seal = true;
		} else if (in_seal) {
			in_seal = strncmp(line, "\t}", 2) != 0;
			if (in_seal && len > 0)
				hash = map_hash(line, len, hash); /* rules in a seal: not weft's */
		} else if (len > 0) {
			hash = map_hash(line, len, hash);
		}
		line += len + (line[len] != '\0');
	}
	return hash;
}

static void seal_name(const char *text, uint64_t listing, char seal[SEAL_BYTES])
{
	uint64_t wanted = map_hash(text, strlen(text), SEAL_SEED);

	(void)snprintf(seal, SEAL_BYTES, "seal_%016llx_%016llx", (unsigned long long)wanted,
		       (unsigned long long)listing);
}

static void each_ignored(void *arg, struct nlmsghdr *nlh)
{
	(void)arg;
	(void)nlh;
}

/* 0 when the table stands, -ENOENT when not, or why that cannot be told. A listing also fails where
 * the library lacks something or cannot read what somebody else put in. */
static int look_for(enum krules table)
{
	const struct nfgenmsg head = {.nfgen_family =
					  table == KRULES_HOST ? NFPROTO_INET : NFPROTO_NETDEV,
				      .version = NFNETLINK_V0};
	struct chan chan;
	struct nl_msg *msg;
	int status = chan_open(&chan, NETLINK_NETFILTER, -1);

	if (status == -EPROTONOSUPPORT)
		return -ENOENT; /* not even nfnetlink */
	if (status != 0)
		return status;
	msg =
	    chan_begin(&chan, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0, &head, sizeof(head));
	(void)nla_put_string(msg, NFTA_TABLE_NAME, "weft");
	status = chan_get(&chan, each_ignored, NULL);
	chan_close(&chan);
	return status == -EINVAL || status == -EOPNOTSUPP ? -ENOENT : status; /* no nftables here */
}

/* 0 with the listing, to be freed; -ENOENT when the table does not stand, -EAGAIN when it does and
 * what is in it cannot be told, or why neither is known. */
static int list(struct linux_kernel *kernel, enum krules table, char **listing)
{
	char command[COMMAND_BYTES];
	int status;

	*listing = NULL;
	(void)snprintf(command, sizeof(command), "list table %s", table_names[table]);
	if (run(kernel, command, listing, NULL, 0) == 0)
		return 0;
	status = look_for(table);
	if (status != -ENOENT)
		context_end(kernel); /* it may have been broken off, with answers to come */
	return status == 0 ? -EAGAIN : status;
}

int linux_rules_match(void *ctx, enum krules table, const char *text)
{
	char seal[SEAL_BYTES], wanted[SEAL_BYTES], *listing;
	int status = list(ctx, table, &listing);
	uint64_t hash;

	if (status != 0)
		return text[0] == '\0' && status == -ENOENT;
	hash = read_listing(listing, seal);
	free(listing);
	if (text[0] == '\0')
		return 0;
	seal_name(text, hash, wanted);
	return strcmp(seal, wanted) == 0;
}

static void each_generation(void *arg, struct nlmsghdr *nlh)
{
	struct nlattr *attrs[NFTA_GEN_MAX + 1];

	if (nlmsg_parse(nlh, sizeof(struct nfgenmsg), attrs, NFTA_GEN_MAX, NULL) == 0 &&
	    attrs[NFTA_GEN_ID] != NULL)
		*(uint32_t *)arg = ntohl(nla_get_u32(attrs[NFTA_GEN_ID]));
}

static uint32_t generation(void)
{
	const struct nfgenmsg head = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	uint32_t now = 0;
	struct chan chan;

	if (chan_open(&chan, NETLINK_NETFILTER, -1) != 0)
		return 0;
	(void)chan_begin(&chan, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, &head, sizeof(head));
	(void)chan_get(&chan, each_generation, &now);
	chan_close(&chan);
	return now;
}

/* Replaces the table and seals it; *commits counts the transactions that changed something. */
static int replace(struct linux_kernel *kernel, enum krules table, const char *text,
		   uint32_t *commits, char *why, size_t cap)
{
	const char *name = table_names[table];
	size_t len = strlen(text) + COMMAND_BYTES;
	char seal[SEAL_BYTES], *listing, *commands = malloc(len);
	uint64_t hash;
	int status;

	if (commands == NULL)
		abort();
	/* adding it first makes the deletion valid whether it stands or not */
	(void)snprintf(commands, len, "add table %s\ndelete table %s\n%s", name, name, text);
	status = change(kernel, commands, why, cap);
	*commits += status == 0;
	if (status == 0 && text[0] != '\0') {
		if (list(kernel, table, &listing) != 0) {
			free(commands);
			return -EAGAIN;
		}
		hash = read_listing(listing, seal);
		free(listing);
		seal_name(text, hash, seal);
		(void)snprintf(commands, len, "add chain %s %s", name, seal);
		status = change(kernel, commands, why, cap);
		*commits += status == 0;
	}
	free(commands);
	return status;
}

int linux_rules_set(void *ctx, enum krules table, const char *text, char *why, size_t cap)
{
	struct linux_kernel *kernel = ctx;
	uint32_t before = generation(), commits = 0;
	int status = replace(kernel, table, text, &commits, why, cap);

	WEFT_ASSERT(table < KRULES_COUNT);
	kernel->rules_generation = generation();
	if (kernel->rules_generation != before + commits)
		kernel->rules_touched = true;
	return status;
}

int linux_rules_add(void *ctx, enum krules table, const char *text, char *why, size_t cap)
{
	struct linux_kernel *kernel = ctx;
	uint32_t before = generation();
	char *listing;
	int status = list(kernel, table, &listing);

	WEFT_ASSERT(table < KRULES_COUNT);
	free(listing);
	if (status != 0 || text[0] == '\0')
		return status;
	status = change(kernel, text, why, cap);
	kernel->rules_generation = generation();
	if (kernel->rules_generation != before + (status == 0))
		kernel->rules_touched = true;
	return status;
}
