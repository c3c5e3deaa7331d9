/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers on their way out, and their stored form: a MessagePack array {version, method, hash of
 * the arguments, id, text, bytes, addresses, gateway, MTU, endpoint}, of which an endpoint is an
 * array {id, network, name, interface, interface of the host, MAC} or nil; a bare nil says that no
 * answer was given, and so does a form of another version: one of the first does not say what was
 * asked.
 */
#include <string.h>

#include "gossip/base/pack.h"
#include "memo.h"

#define ANSWER_VERSION 2
#define ANSWER_FIELDS 10
#define ANSWER_FIELDS_MAX 32 /* of any version */
#define ENDPOINT_FIELDS 6

struct answer_out {
	struct node_answer answer;
	char *text;
	size_t text_bytes;
	struct node_finding *findings;
	size_t finding_bytes;
	uint8_t *bytes;
};

static void *keep(struct node *node, const void *bytes, size_t len)
{
	void *copy;

	if (len == 0)
		return NULL;
	copy = heap_take(&node->heap, len);
	memcpy(copy, bytes, len);
	return copy;
}

void answer_add(struct node *node, uint64_t tag, const struct node_answer *answer)
{
	struct answer_out *out;

	if (tag == 0)
		return;
	out = heap_take(&node->heap, sizeof(*out));
	out->answer = *answer;
	out->answer.tag = tag;
	out->text_bytes = answer->text != NULL ? strlen(answer->text) + 1 : 0;
	out->text = keep(node, answer->text, out->text_bytes);
	out->finding_bytes = answer->finding_count * sizeof(struct node_finding);
	out->findings = keep(node, answer->findings, out->finding_bytes);
	out->bytes = keep(node, answer->bytes, answer->len);
	fifo_push(&node->answers, &out);
}

void answer_now(struct node *node, uint64_t tag, const struct weft_err *err)
{
	struct node_answer answer = {.tag = tag};

	if (err != NULL)
		answer.err = *err;
	answer_add(node, tag, &answer);
}

static void answer_free(struct node *node, struct answer_out *out)
{
	heap_give(&node->heap, out->text, out->text_bytes);
	heap_give(&node->heap, out->findings, out->finding_bytes);
	heap_give(&node->heap, out->bytes, out->answer.len);
	heap_give(&node->heap, out, sizeof(*out));
}

void answers_flush(struct node *node)
{
	struct node_update *update = &node->update;

	while (node->answers.count > 0 && update->answer_count < NODE_ANSWERS) {
		struct answer_out *out = *(struct answer_out **)fifo_at(&node->answers, 0);
		struct node_answer *answer = &update->answers[update->answer_count++];

		*answer = out->answer;
		answer->text = scratch_copy(&node->scratch, out->text, out->text_bytes);
		answer->findings = scratch_copy(&node->scratch, out->findings, out->finding_bytes);
		answer->bytes = scratch_copy(&node->scratch, out->bytes, out->answer.len);
		answer_free(node, out);
		fifo_pop(&node->answers);
	}
}

int answer_encode(const struct node_answer *answer, const struct node_asked *asked, uint8_t *out,
		  size_t cap)
{
	struct pack pack;

	pack_init(&pack, out, cap);
	if (answer == NULL) {
		pack_nil(&pack);
		return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
	}
	WEFT_ASSERT(answer->err.code == 0);
	pack_array(&pack, ANSWER_FIELDS);
	pack_uint(&pack, ANSWER_VERSION);
	pack_str(&pack, asked->method);
	pack_bin(&pack, asked->args.b, ID_BYTES);
	pack_bin(&pack, answer->id.b, ID_BYTES);
	pack_str(&pack, answer->text != NULL ? answer->text : "");
	pack_bin(&pack, answer->bytes, answer->len);
	pack_array(&pack, answer->endpoint_addr_count);
	for (size_t i = 0; i < answer->endpoint_addr_count; i++) {
		pack_array(&pack, 2);
		pack_bin(&pack, answer->addrs[i].ip.b, sizeof(answer->addrs[i].ip.b));
		pack_uint(&pack, answer->addrs[i].bits);
	}
	pack_bin(&pack, answer->gateway.b, sizeof(answer->gateway.b));
	pack_uint(&pack, answer->mtu_bytes);
	if (id_is_zero(&answer->endpoint.id)) {
		pack_nil(&pack);
	} else {
		pack_array(&pack, ENDPOINT_FIELDS);
		pack_bin(&pack, answer->endpoint.id.b, ID_BYTES);
		pack_bin(&pack, answer->endpoint.network.b, ID_BYTES);
		pack_str(&pack, answer->endpoint.name);
		pack_str(&pack, answer->endpoint.ifname);
		pack_str(&pack, answer->endpoint.host_ifname);
		pack_bin(&pack, answer->endpoint.mac.b, sizeof(answer->endpoint.mac.b));
	}
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

static void endpoint_decode(struct cursor *cursor, struct local_endpoint *endpoint)
{
	if (cursor_nil(cursor))
		return;
	if (cursor_array(cursor, ENDPOINT_FIELDS) != ENDPOINT_FIELDS)
		cursor->bad = true;
	cursor_fixed(cursor, endpoint->id.b, ID_BYTES);
	cursor_fixed(cursor, endpoint->network.b, ID_BYTES);
	cursor_text(cursor, endpoint->name, sizeof(endpoint->name));
	cursor_text(cursor, endpoint->ifname, sizeof(endpoint->ifname));
	cursor_text(cursor, endpoint->host_ifname, sizeof(endpoint->host_ifname));
	cursor_fixed(cursor, endpoint->mac.b, sizeof(endpoint->mac.b));
}

int answer_decode(const uint8_t *bytes, size_t len, struct node_answer *answer,
		  struct node_asked *asked, char *text, size_t cap)
{
	struct cursor cursor;
	size_t count;

	*answer = (struct node_answer){.tag = 0};
	cursor_init(&cursor, bytes, len);
	if (cursor_nil(&cursor))
		return cursor_at_end(&cursor) ? WEFT_E_NOT_FOUND : WEFT_E_INVALID;
	count = cursor_array(&cursor, ANSWER_FIELDS_MAX);
	if (cursor_uint(&cursor, UINT16_MAX) != ANSWER_VERSION && !cursor.bad)
		return WEFT_E_NOT_FOUND;
	if (count != ANSWER_FIELDS)
		cursor.bad = true;
	cursor_text(&cursor, asked->method, sizeof(asked->method));
	cursor_fixed(&cursor, asked->args.b, ID_BYTES);
	cursor_fixed(&cursor, answer->id.b, ID_BYTES);
	cursor_text(&cursor, text, cap);
	answer->bytes = cursor_bin(&cursor, VALUE_BYTES_MAX, &answer->len);
	answer->endpoint_addr_count = cursor_array(&cursor, ENDPOINT_ADDRS_MAX);
	for (size_t i = 0; i < answer->endpoint_addr_count; i++) {
		if (cursor_array(&cursor, 2) != 2)
			cursor.bad = true;
		cursor_fixed(&cursor, answer->addrs[i].ip.b, sizeof(answer->addrs[i].ip.b));
		answer->addrs[i].bits = (uint8_t)cursor_uint(&cursor, 128);
	}
	cursor_fixed(&cursor, answer->gateway.b, sizeof(answer->gateway.b));
	answer->mtu_bytes = (uint16_t)cursor_uint(&cursor, UINT16_MAX);
	endpoint_decode(&cursor, &answer->endpoint);
	answer->endpoint.addr_count = answer->endpoint_addr_count;
	memcpy(answer->endpoint.addrs, answer->addrs, sizeof(answer->addrs));
	if (!cursor_at_end(&cursor))
		return WEFT_E_INVALID;
	answer->text = text[0] != '\0' ? text : NULL;
	return 0;
}
