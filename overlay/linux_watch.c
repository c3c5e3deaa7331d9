/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/linux_watch.h"

#include <errno.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define COMMANDS_BYTES 2048
#define SET_KINDS 4096 /* of datagrams; later ones are not counted */
#define COUNTER_WORDS " counter packets "

struct linux_watch {
	struct nft_ctx *nft; /* its socket owns the table */
};

static int run(struct linux_watch *watch, const char *commands)
{
	return nft_run_cmd_from_buffer(watch->nft, commands) == 0 ? 0 : -EIO;
}

/* One set an address family. Priorities of firewalls are far below. */
static void table_text(char out[COMMANDS_BYTES])
{
	static const char *const families[] = {"ip", "ip6"};
	size_t len = (size_t)snprintf(out, COMMANDS_BYTES, "table inet weft_diag { flags owner;\n");

	for (size_t i = 0; i < 2; i++)
		len +=
		    (size_t)snprintf(out + len, COMMANDS_BYTES - len,
				     "set seen_%s { typeof %s saddr . udp sport . udp dport . udp "
				     "length; flags dynamic; size %d; counter; }\n",
				     families[i], families[i], SET_KINDS);
	len += (size_t)snprintf(out + len, COMMANDS_BYTES - len, "chain seen {\n");
	for (size_t i = 0; i < 2; i++)
		len += (size_t)snprintf(
		    out + len, COMMANDS_BYTES - len,
		    "add @seen_%s { %s saddr . udp sport . udp dport . udp length }\n", families[i],
		    families[i]);
	len += (size_t)snprintf(out + len, COMMANDS_BYTES - len,
				"}\nchain input { type filter hook input priority 2147483000; "
				"policy accept;\nudp length >= %d @th,64,64 0x%016llx jump seen\n}"
				"\n}\n",
				WATCH_UDP_BYTES + WATCH_PROBE_BYTES,
				(unsigned long long)WATCH_PROBE_HEADER);
	WEFT_ASSERT(len < COMMANDS_BYTES);
}

struct linux_watch *linux_watch_open(char *why)
{
	struct linux_watch *watch = calloc(1, sizeof(*watch));
	char commands[COMMANDS_BYTES];

	WEFT_ASSERT(watch != NULL);
	watch->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (watch->nft == NULL) {
		(void)snprintf(why, WATCH_WHY_BYTES, "no socket to nftables");
		free(watch);
		return NULL;
	}
	nft_ctx_output_set_flags(watch->nft, NFT_CTX_OUTPUT_NUMERIC_ALL);
	(void)nft_ctx_buffer_output(watch->nft);
	(void)nft_ctx_buffer_error(watch->nft);
	table_text(commands);
	if (run(watch, commands) == 0)
		return watch;
	(void)snprintf(why, WATCH_WHY_BYTES, "%s", nft_ctx_get_error_buffer(watch->nft));
	why[strcspn(why, "\n")] = '\0';
	linux_watch_close(watch);
	return NULL;
}

int watch_seen_parse(const char *text, struct watch_seen *seen)
{
	char ip[INET_TEXT_BYTES];
	unsigned from, to, bytes;
	unsigned long long packets;

	if (sscanf(text, "%45s . %u . %u . %u" COUNTER_WORDS "%llu", ip, &from, &to, &bytes,
		   &packets) != 5 ||
	    from > UINT16_MAX || to > UINT16_MAX || bytes > UINT16_MAX ||
	    inet_parse(ip, &seen->from) != 0)
		return -EINVAL;
	seen->from_port = (uint16_t)from;
	seen->to_port = (uint16_t)to;
	seen->bytes = (uint16_t)bytes;
	seen->packets = packets;
	return 0;
}

/* Where the element begins whose counter stands at here: behind the last brace, comma or blank that
 * no dot belongs to. */
static const char *element_begin(const char *begin, const char *here)
{
	while (here > begin && !strchr("{,\n", here[-1]))
		here--;
	return here;
}

size_t linux_watch_read(struct linux_watch *watch, struct watch_seen *out, size_t cap)
{
	const char *listing, *at;
	size_t count = 0;

	WEFT_ASSERT(watch != NULL && (out != NULL || cap == 0));
	if (run(watch, "list table inet weft_diag") != 0)
		return 0;
	listing = nft_ctx_get_output_buffer(watch->nft);
	for (at = listing; (at = strstr(at, COUNTER_WORDS)) != NULL; at++) {
		if (count < cap && watch_seen_parse(element_begin(listing, at), &out[count]) == 0)
			count++;
	}
	return count;
}

void linux_watch_close(struct linux_watch *watch)
{
	if (watch == NULL)
		return;
	nft_ctx_free(watch->nft);
	free(watch);
	/* the library leaves a megabyte of freed blocks behind */
	(void)malloc_trim(0);
}
