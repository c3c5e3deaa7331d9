/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What one node says to another about ranges, about endpoints that it has applied, and for weft
 * diag: the decoders alone, then as messages from one whole node to another that has a network with
 * a box in it.
 */
#include <string.h>

#include "daemon/diag/diag_wire.h"
#include "daemon/node/ack.h"
#include "daemon/node/agenda.h"
#include "input.h"
#include "ipamdb/message.h"
#include "test/node/cluster.h"

#define MESSAGES_MAX 4

static void decode_diag(const uint8_t *bytes, size_t len)
{
	struct diag_message one, two;
	uint8_t again[MESSAGE_BYTES_MAX];
	int n;

	if (diag_decode(bytes, len, &one) != 0)
		return;
	n = diag_encode(&one, again, sizeof(again));
	FUZZ_MUST(n > 0 && diag_decode(again, (size_t)n, &two) == 0 && one.kind == two.kind);
}

static void decode(const uint8_t *bytes, size_t len)
{
	struct range_message one, two;
	uint8_t again[MESSAGE_BYTES_MAX];
	int n;

	decode_diag(bytes, len);
	if (range_message_decode(bytes, len, &one) != 0)
		return;
	n = range_message_encode(&one, again, sizeof(again));
	FUZZ_MUST(n > 0 && range_message_decode(again, (size_t)n, &two) == 0);
	FUZZ_MUST(one.kind == two.kind && one.refusal == two.refusal);
	FUZZ_MUST(refusal_text(one.refusal) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct cluster *cluster;
	struct id network;

	if (size == 0 || size > (size_t)MESSAGES_MAX * MESSAGE_BYTES_MAX)
		return 0;
	decode(data, size);
	cluster = cluster_new(2);
	network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	cluster_attached(cluster, 0, &network, 1);
	for (int i = 0; i < MESSAGES_MAX && in.len > 0; i++) {
		size_t len = (size_t)input_number(&in, 2) % (MESSAGE_BYTES_MAX + 1);
		struct agenda_item item = {
		    .kind = AGENDA_MESSAGE, .peer = cluster->hosts[0].id, .ttl_ms = 100};
		uint8_t bytes[MESSAGE_BYTES_MAX];
		const uint8_t *piece = input_piece(&in, &len);
		bool of_network = len >= 4 + ID_BYTES && piece[2] == 0x93 && piece[3] == 0xc4;

		if (len == 0)
			continue;
		memcpy(bytes, piece, len);
		/* A request asks for the network that there is, if it asks for one of zeros. */
		if (of_network && len >= 5 + ID_BYTES && piece[5] == 0)
			memcpy(bytes + 5, network.b, ID_BYTES);
		decode(bytes, len);
		item.bytes = bytes;
		item.len = len;
		agenda_add(cluster->hosts[1].node, &item);
		cluster_run(cluster, 10);
	}
	for (size_t i = 0; i < cluster->count; i++)
		node_check(cluster->hosts[i].node);
	cluster_free(cluster);
	return 0;
}
