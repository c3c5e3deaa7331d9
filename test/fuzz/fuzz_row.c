/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Rows and facts. The first byte chooses: the tables get rows whose signatures all fit, or a
 * decoder of one kind of value gets the rest. What a decoder takes, its encoder writes, and what
 * is written reads back the same.
 */
#include <string.h>

#include "gossip/base/row.h"
#include "input.h"
#include "test/gossip/tables/tables_net.h"

#define ROWS_MAX 8

TNET_ADMISSION

#define AGAIN(kind)                                                                   \
	static void again_##kind(const uint8_t *bytes, size_t len)                    \
	{                                                                             \
		static struct rec_##kind one, two;                                    \
		uint8_t first[ROW_BYTES_MAX], second[ROW_BYTES_MAX];                  \
		int n;                                                                \
                                                                                      \
		if (rec_##kind##_decode(bytes, len, &one) != 0)                       \
			return;                                                       \
		n = rec_##kind##_encode(&one, first, sizeof(first));                  \
		if (n == WEFT_E_LIMIT)                                                \
			return;                                                       \
		FUZZ_MUST(n > 0 && rec_##kind##_decode(first, (size_t)n, &two) == 0); \
		FUZZ_MUST(rec_##kind##_encode(&two, second, sizeof(second)) == n);    \
		FUZZ_MUST(memcmp(first, second, (size_t)n) == 0);                     \
	}

AGAIN(member)
AGAIN(tags)
AGAIN(attachment)
AGAIN(endpoint)
AGAIN(grant)
AGAIN(range)
AGAIN(network)
AGAIN(token)
AGAIN(removal)
AGAIN(closure)

static void again_range_key(const uint8_t *bytes, size_t len)
{
	uint8_t again[RANGE_KEY_BYTES];
	struct range_key key;

	if (range_key_decode(bytes, len, &key) != 0)
		return;
	range_key_encode(&key, again);
	FUZZ_MUST(len == RANGE_KEY_BYTES && memcmp(bytes, again, len) == 0);
}

static void (*const decoders[])(const uint8_t *bytes, size_t len) = {
    again_member,  again_tags,  again_attachment, again_endpoint, again_grant,     again_range,
    again_network, again_token, again_removal,    again_closure,  again_range_key,
};
#define DECODERS (sizeof(decoders) / sizeof(decoders[0]))

static int every_signature_fits(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg,
				size_t len, const uint8_t sig[SIG_BYTES])
{
	(void)ctx, (void)pub, (void)msg, (void)len, (void)sig;
	return 0;
}

/* Bytes as a row, with a signature behind them; a row that is taken is told to the other node. */
static void receive(struct tnet *net, const uint8_t *piece, size_t len)
{
	uint8_t bytes[ROW_BYTES_MAX + ROW_SIG_BYTES + 1] = {0};
	uint8_t again[ROW_BYTES_MAX];
	struct row_view row;
	int n;

	if (len > ROW_BYTES_MAX + 1)
		len = ROW_BYTES_MAX + 1;
	memcpy(bytes, piece, len);
	tnet_receive(net, 1, 2, bytes, len + ROW_SIG_BYTES);
	if (row_parse(bytes, len + ROW_SIG_BYTES, &row) != 0)
		return;
	FUZZ_MUST(row.signed_len + ROW_SIG_BYTES == len + ROW_SIG_BYTES);
	n = row_encode(&row, again, sizeof(again));
	FUZZ_MUST(n > 0);
	for (size_t i = 0; i < DECODERS; i++)
		decoders[i](row.value, row.value_len);
	again_range_key(row.key, row.key_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t choice = (size_t)input_number(&in, 1);
	struct tnet net;

	if (choice >= 1 && choice <= DECODERS) {
		decoders[choice - 1](in.at, in.len);
		return 0;
	}
	tnet_open(&net, 2, 1);
	for (size_t i = 0; i < net.count; i++)
		net.nodes[i].kit.crypto.verify = every_signature_fits;
	for (int i = 0; i < ROWS_MAX && in.len > 0; i++) {
		size_t len = (size_t)input_number(&in, 2) % (ROW_BYTES_MAX + 2);
		const uint8_t *piece = input_piece(&in, &len);

		receive(&net, piece, len);
		tnet_run(&net, 1);
	}
	tnet_close(&net);
	return 0;
}
