/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "linux_watch.h"

#include <errno.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define WANT_COMMANDS_BYTES 512 /* for one that is expected */
#define COUNTER_WORDS " counter packets "

struct linux_watch {
	struct nft_ctx *nft; /* its socket owns the table */
};

/* Priorities of firewalls are far below. */
static const char table_text[] =
    "table inet weft_diag { flags owner;\n"
    "map from_ip { typeof ip saddr . @th,128,64 : verdict; }\n"
    "map from_ip6 { typeof ip6 saddr . @th,128,64 : verdict; }\n"
    "chain expected { ip saddr . @th,128,64 vmap @from_ip\n"
    "ip6 saddr . @th,128,64 vmap @from_ip6\n }\n"
    "chain input { type filter hook input priority 2147483000; policy accept;\n"
    "udp length >= %d @th,64,64 0x%016llx jump expected\n }\n}\n";

struct text {
	size_t len, cap;
	char *bytes;
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text->bytes + text->len, text->cap - text->len, fmt, args);
	va_end(args);
	WEFT_ASSERT(n >= 0 && text->len + (size_t)n < text->cap);
	text->len += (size_t)n;
}

static struct text text_for(size_t wants)
{
	struct text text = {.cap = (wants + 1) * WANT_COMMANDS_BYTES};

	text.bytes = calloc(1, text.cap);
	WEFT_ASSERT(text.bytes != NULL);
	return text;
}

static int run(struct linux_watch *watch, const char *commands, char *why)
{
	if (nft_run_cmd_from_buffer(watch->nft, commands) == 0)
		return 0;
	(void)snprintf(why, WATCH_WHY_BYTES, "%s", nft_ctx_get_error_buffer(watch->nft));
	why[strcspn(why, "\n")] = '\0';
	return -EIO;
}

struct linux_watch *linux_watch_open(char *why)
{
	struct linux_watch *watch = calloc(1, sizeof(*watch));
	struct text text = text_for(2);
	int status;

	WEFT_ASSERT(watch != NULL);
	watch->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (watch->nft == NULL) {
		(void)snprintf(why, WATCH_WHY_BYTES, "no socket to nftables");
		free(text.bytes);
		free(watch);
		return NULL;
	}
	nft_ctx_output_set_flags(watch->nft, NFT_CTX_OUTPUT_NUMERIC_ALL);
	(void)nft_ctx_buffer_output(watch->nft);
	(void)nft_ctx_buffer_error(watch->nft);
	add(&text, table_text, WATCH_UDP_BYTES + WATCH_PROBE_BYTES,
	    (unsigned long long)WATCH_PROBE_HEADER);
	status = run(watch, text.bytes, why);
	free(text.bytes);
	if (status == 0)
		return watch;
	linux_watch_close(watch);
	return NULL;
}

/* The element that leads to what counts for this one; with its verdict when it is made. */
static void add_element(struct text *text, const char *verb, const struct watch_want *want,
			const char *verdict)
{
	char ip[INET_TEXT_BYTES];

	inet_format(&want->from, ip);
	add(text, "%s element inet weft_diag from_%s { %s . 0x%016llx%s", verb,
	    inet_is_v4(&want->from) ? "ip" : "ip6", ip, (unsigned long long)want->nonce, verdict);
	if (verdict[0] != '\0')
		add(text, "%u", want->number);
	add(text, " }\n");
}

int linux_watch_add(struct linux_watch *watch, const struct watch_want *wants, size_t count,
		    char *why)
{
	struct text text = text_for(count);
	int status;

	WEFT_ASSERT(watch != NULL && count > 0);
	for (size_t i = 0; i < count; i++) {
		add(&text,
		    "add set inet weft_diag s%u { typeof udp dport . udp length; flags dynamic; "
		    "size %d; counter; }\n"
		    "add chain inet weft_diag c%u\n"
		    "add rule inet weft_diag c%u add @s%u { udp dport . udp length }\n",
		    wants[i].number, WATCH_SEEN_MAX, wants[i].number, wants[i].number,
		    wants[i].number);
		add_element(&text, "add", &wants[i], " : goto c");
	}
	status = run(watch, text.bytes, why);
	free(text.bytes);
	return status;
}

int watch_seen_parse(const char *text, struct watch_seen *seen)
{
	unsigned to, bytes;
	unsigned long long packets;

	if (sscanf(text, "%u . %u" COUNTER_WORDS "%llu", &to, &bytes, &packets) != 3 ||
	    to > UINT16_MAX || bytes > UINT16_MAX)
		return -EINVAL;
	seen->to_port = (uint16_t)to;
	seen->bytes = (uint16_t)bytes;
	seen->packets = packets;
	return 0;
}

/* Where the element begins whose counter stands at here: behind the last brace, comma or end of
 * line. */
static const char *element_begin(const char *begin, const char *here)
{
	while (here > begin && !strchr("{,\n", here[-1]))
		here--;
	return here;
}

/* One set; the library fetches no other. */
static int read_one(struct linux_watch *watch, uint32_t number, struct watch_seen *out,
		    size_t *count, char *why)
{
	char command[64];
	const char *listing, *at;
	int status;

	*count = 0;
	(void)snprintf(command, sizeof(command), "list set inet weft_diag s%u", number);
	status = run(watch, command, why);
	if (status != 0)
		return status;
	listing = nft_ctx_get_output_buffer(watch->nft);
	for (at = listing; (at = strstr(at, COUNTER_WORDS)) != NULL; at++) {
		if (*count == WATCH_SEEN_MAX ||
		    watch_seen_parse(element_begin(listing, at), &out[*count]) != 0)
			continue;
		out[(*count)++].number = number;
	}
	return 0;
}

int linux_watch_take(struct linux_watch *watch, const struct watch_want *wants, size_t count,
		     struct watch_seen *out, size_t *seen_count, char *why)
{
	struct text text = text_for(count);
	int status = 0, ended;

	WEFT_ASSERT(watch != NULL && count > 0);
	*seen_count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t more = 0;

		if (status == 0)
			status = read_one(watch, wants[i].number, out + *seen_count, &more, why);
		*seen_count += more;
		add_element(&text, "delete", &wants[i], "");
		add(&text,
		    "flush chain inet weft_diag c%u\ndelete chain inet weft_diag c%u\n"
		    "delete set inet weft_diag s%u\n",
		    wants[i].number, wants[i].number, wants[i].number);
	}
	ended = run(watch, text.bytes, why);
	free(text.bytes);
	return status != 0 ? status : ended;
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
