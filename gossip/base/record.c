/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The tables of all records and what must hold between their fields. The order of fields is the
 * wire: new ones are appended, none is ever moved or reused.
 */
#include "record.h"

#include <string.h>

#include "check.h"
#include "err.h"
#include "record_codec.h"

#define VNI_MIN 4096u
#define VNI_MAX 0xffffffu
#define MTU_BYTES_MIN 68u  /* what IPv4 asks of every link, RFC 791 */
#define FREE_LOG2_MAX 129u /* a whole IPv6 space */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SHAPE(rec, table, check)                                                                   \
	{                                                                                          \
		.fields = (table), .count = COUNT(table), .size = sizeof(rec), .is_valid = (check) \
	}
#define BARE(type_, table)                                                         \
	{                                                                          \
		.fields = (table), .count = 1, .size = sizeof(type_), .bare = true \
	}
#define AT(rec, member) .at = offsetof(rec, member)
#define COUNTED(rec, counter, cap, element) \
	.count_at = offsetof(rec, counter), .max = (cap), .of = (element)

static const struct inet no_address;

static bool inet_is_none(const struct inet *ip)
{
	return inet_eq(ip, &no_address);
}

static bool prefix_is_aligned(const struct prefix *prefix)
{
	struct inet base = prefix_base(prefix);

	return inet_eq(&base, &prefix->ip);
}

/* Labels, shared by networks, tags and tokens. */
static const struct field label_fields[] = {
    {FIELD_KEY, AT(struct rec_label, key)},
    {FIELD_TEXT, AT(struct rec_label, value)},
};
static const struct shape label_shape = SHAPE(struct rec_label, label_fields, NULL);

static bool labels_differ(const struct rec_label *labels, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(labels[i].key, labels[j].key) == 0)
				return false;
	return true;
}

/* Member. */
static bool member_is_valid(const void *rec)
{
	const struct rec_member *member = rec;

	return member->wire_min <= member->wire_max &&
	       (inet_is_none(&member->vtep) || inet_is_unicast(&member->vtep));
}

static const struct field member_fields[] = {
    {FIELD_NAME, AT(struct rec_member, name), .min = 1},
    {FIELD_FIXED, AT(struct rec_member, pubkey), .max = PUBKEY_BYTES},
    {FIELD_HOSTPORT, AT(struct rec_member, gossip)},
    {FIELD_INET, AT(struct rec_member, vtep)},
    {FIELD_U8, AT(struct rec_member, wire_min), .min = 1, .max = UINT8_MAX},
    {FIELD_U8, AT(struct rec_member, wire_max), .min = 1, .max = UINT8_MAX},
    {FIELD_BOOL, AT(struct rec_member, left)},
    {FIELD_BYTES, AT(struct rec_member, chain),
     COUNTED(struct rec_member, chain_len, CHAIN_BYTES_MAX, NULL)},
};
static const struct shape member_shape = SHAPE(struct rec_member, member_fields, member_is_valid);

/* Tags. */
static bool tags_is_valid(const void *rec)
{
	const struct rec_tags *tags = rec;

	return labels_differ(tags->tags, tags->count);
}

static const struct field tags_fields[] = {
    {FIELD_LIST, AT(struct rec_tags, tags),
     COUNTED(struct rec_tags, count, TAGS_MAX, &label_shape)},
};
static const struct shape tags_shape = SHAPE(struct rec_tags, tags_fields, tags_is_valid);

/* Attachment. */
static const struct field attachment_fields[] = {
    {FIELD_U16, AT(struct rec_attachment, mtu_bytes), .min = MTU_BYTES_MIN, .max = UINT16_MAX},
    {FIELD_U8, AT(struct rec_attachment, free_log2), .max = FREE_LOG2_MAX},
    {FIELD_U32, AT(struct rec_attachment, endpoints), .max = UINT32_MAX},
};
static const struct shape attachment_shape = SHAPE(struct rec_attachment, attachment_fields, NULL);

/* Endpoint. */
static bool endpoint_is_valid(const void *rec)
{
	const struct rec_endpoint *endpoint = rec;

	for (size_t i = 0; i < endpoint->addr_count; i++)
		if (!inet_is_unicast(&endpoint->addrs[i].ip))
			return false;
	return true;
}

static const struct field endpoint_addr_fields[] = {{FIELD_PREFIX, .at = 0}};
static const struct shape endpoint_addr_shape = BARE(struct prefix, endpoint_addr_fields);
static const struct field endpoint_fields[] = {
    {FIELD_NAME, AT(struct rec_endpoint, name)},
    {FIELD_MAC, AT(struct rec_endpoint, mac)},
    {FIELD_BOOL, AT(struct rec_endpoint, is_host)},
    {FIELD_LIST, AT(struct rec_endpoint, addrs),
     COUNTED(struct rec_endpoint, addr_count, ENDPOINT_ADDRS_MAX, &endpoint_addr_shape)},
};
static const struct shape endpoint_shape =
    SHAPE(struct rec_endpoint, endpoint_fields, endpoint_is_valid);

/* Grant. */
static bool grant_is_valid(const void *rec)
{
	return !id_is_zero(&((const struct rec_grant *)rec)->to);
}

static const struct field grant_fields[] = {
    {FIELD_FIXED, AT(struct rec_grant, to), .max = ID_BYTES},
    {FIELD_BOOL, AT(struct rec_grant, rests)},
    {FIELD_BOOL, AT(struct rec_grant, recalls)},
};
static const struct shape grant_shape = {
    .fields = grant_fields,
    .count = COUNT(grant_fields),
    .optional = 2,
    .size = sizeof(struct rec_grant),
    .is_valid = grant_is_valid,
};

static const struct field range_fields[] = {
    {FIELD_WALL, AT(struct rec_range, rests_until), .max = INT64_MAX},
};
static const struct shape range_shape = SHAPE(struct rec_range, range_fields, NULL);

/* Network. */
static bool pool_is_valid(const void *rec)
{
	const struct rec_pool *pool = rec;

	if (!prefix_is_aligned(&pool->subnet) || !prefix_is_aligned(&pool->ip_range))
		return false;
	if (pool->ip_range.bits < pool->subnet.bits ||
	    !prefix_has(&pool->subnet, &pool->ip_range.ip))
		return false;
	if (!inet_is_none(&pool->gateway) && !prefix_has(&pool->subnet, &pool->gateway))
		return false;
	for (size_t i = 0; i < pool->aux_count; i++)
		if (!prefix_has(&pool->subnet, &pool->aux[i]))
			return false;
	return true;
}

static bool network_is_valid(const void *rec)
{
	const struct rec_network *network = rec;

	for (size_t i = 1; i < network->pool_count; i++)
		for (size_t j = 0; j < i; j++)
			if (prefix_overlaps(&network->pools[i].subnet, &network->pools[j].subnet))
				return false;
	return (network->mtu_bytes == 0 || network->mtu_bytes >= MTU_BYTES_MIN) &&
	       labels_differ(network->labels, network->label_count);
}

static const struct field aux_fields[] = {{FIELD_INET, .at = 0, .min = 1}};
static const struct shape aux_shape = BARE(struct inet, aux_fields);
static const struct field pool_fields[] = {
    {FIELD_PREFIX, AT(struct rec_pool, subnet)},
    {FIELD_INET, AT(struct rec_pool, gateway)},
    {FIELD_PREFIX, AT(struct rec_pool, ip_range)},
    {FIELD_LIST, AT(struct rec_pool, aux),
     COUNTED(struct rec_pool, aux_count, AUX_MAX, &aux_shape)},
};
static const struct shape pool_shape = SHAPE(struct rec_pool, pool_fields, pool_is_valid);
static const struct field network_fields[] = {
    {FIELD_NAME, AT(struct rec_network, name), .min = 1},
    {FIELD_U32, AT(struct rec_network, vni), .min = VNI_MIN, .max = VNI_MAX},
    {FIELD_U16, AT(struct rec_network, port), .min = 1, .max = UINT16_MAX},
    {FIELD_U16, AT(struct rec_network, mtu_bytes), .max = UINT16_MAX},
    {FIELD_BOOL, AT(struct rec_network, internal)},
    {FIELD_BOOL, AT(struct rec_network, multicast)},
    {FIELD_BOOL, AT(struct rec_network, forced)},
    {FIELD_U8, AT(struct rec_network, encrypt), .max = ENCRYPT_AUTO},
    {FIELD_WALL, AT(struct rec_network, created), .max = INT64_MAX},
    {FIELD_LIST, AT(struct rec_network, pools),
     COUNTED(struct rec_network, pool_count, POOLS_MAX, &pool_shape)},
    {FIELD_LIST, AT(struct rec_network, labels),
     COUNTED(struct rec_network, label_count, LABELS_MAX, &label_shape)},
};
static const struct shape network_shape =
    SHAPE(struct rec_network, network_fields, network_is_valid);

/* Token. */
static bool token_is_valid(const void *rec)
{
	const struct rec_token *token = rec;

	return labels_differ(token->tags, token->tag_count);
}

static const struct field token_fields[] = {
    {FIELD_WALL, AT(struct rec_token, expires), .max = INT64_MAX},
    {FIELD_PATTERN, AT(struct rec_token, name_pattern)},
    {FIELD_LIST, AT(struct rec_token, tags),
     COUNTED(struct rec_token, tag_count, COUNT(((struct rec_token *)0)->tags), &label_shape)},
};
static const struct shape token_shape = SHAPE(struct rec_token, token_fields, token_is_valid);

/* Removal and closure. */
static const struct field removal_fields[] = {
    {FIELD_TEXT, AT(struct rec_removal, reason)},
    {FIELD_WALL, AT(struct rec_removal, at), .max = INT64_MAX},
};
static const struct shape removal_shape = SHAPE(struct rec_removal, removal_fields, NULL);

static const struct field closure_fields[] = {
    {FIELD_FIXED, AT(struct rec_closure, view), .max = DIGEST_BYTES},
    {FIELD_U64, AT(struct rec_closure, epoch), .max = UINT64_MAX},
    {FIELD_U64, AT(struct rec_closure, sequence), .max = UINT64_MAX},
    {FIELD_U64, AT(struct rec_closure, generation), .max = CLOSURE_GENERATION_MAX},
};
static const struct shape closure_shape = SHAPE(struct rec_closure, closure_fields, NULL);

#define RECORD(name)                                                                      \
	int rec_##name##_encode(const struct rec_##name *rec, uint8_t *out, size_t cap)   \
	{                                                                                 \
		return shape_encode(&name##_shape, rec, out, cap);                        \
	}                                                                                 \
	int rec_##name##_decode(const uint8_t *bytes, size_t len, struct rec_##name *rec) \
	{                                                                                 \
		return shape_decode(&name##_shape, bytes, len, rec);                      \
	}

RECORD(member)
RECORD(tags)
RECORD(attachment)
RECORD(endpoint)
RECORD(grant)
RECORD(range)
RECORD(network)
RECORD(token)
RECORD(removal)
RECORD(closure)

/* The key of a range is of fixed length, so that keys sort by network, address and generation. */
static bool range_key_is_valid(const struct range_key *key)
{
	if (key->range.bits > 128 || key->generation == 0)
		return false;
	if (inet_is_v4(&key->range.ip) && key->range.bits < 96)
		return false;
	return prefix_is_aligned(&key->range);
}

void range_key_encode(const struct range_key *key, uint8_t out[RANGE_KEY_BYTES])
{
	WEFT_ASSERT(range_key_is_valid(key));
	memcpy(out, key->network.b, ID_BYTES);
	memcpy(out + 16, key->range.ip.b, 16);
	out[32] = key->range.bits;
	for (int i = 0; i < 8; i++)
		out[33 + i] = (uint8_t)(key->generation >> (56 - 8 * i));
}

int range_key_decode(const uint8_t *bytes, size_t len, struct range_key *key)
{
	if (len != RANGE_KEY_BYTES)
		return WEFT_E_INVALID;
	memcpy(key->network.b, bytes, ID_BYTES);
	memcpy(key->range.ip.b, bytes + 16, 16);
	key->range.bits = bytes[32];
	key->generation = 0;
	for (int i = 0; i < 8; i++)
		key->generation = key->generation << 8 | bytes[33 + i];
	return range_key_is_valid(key) && key->generation <= GENERATION_MAX ? 0 : WEFT_E_INVALID;
}
