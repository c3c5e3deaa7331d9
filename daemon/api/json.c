/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/api/json.h"

#include <stdio.h>
#include <string.h>

static const struct id topic_all;

json_t *json_id(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	id_format(id, text);
	return json_string(text);
}

json_t *json_inet(const struct inet *ip)
{
	char text[INET_TEXT_BYTES];

	inet_format(ip, text);
	return json_string(text);
}

json_t *json_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_BYTES];

	prefix_format(prefix, text);
	return json_string(text);
}

json_t *json_hostport(const struct hostport *hp)
{
	char text[HOSTPORT_TEXT_BYTES];

	hostport_format(hp, text);
	return json_string(text);
}

json_t *json_mac(const struct mac *mac)
{
	char text[MAC_TEXT_BYTES];

	mac_format(mac, text);
	return json_string(text);
}

json_t *json_wall(struct wall at)
{
	char text[WALL_TEXT_BYTES];

	if (at.ms == 0)
		return json_null();
	wall_format(at, text);
	return json_string(text);
}

json_t *json_name(const char *name)
{
	json_t *json = json_string(name);

	return json ? json : json_string("?");
}

json_t *json_labels(const struct rec_label *labels, size_t count)
{
	json_t *json = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(json, labels[i].key, json_name(labels[i].value));
	return json;
}

const char *member_state_name(enum member_state state)
{
	static const char *const names[] = {"unknown", "alive", "suspect",
					    "failed",  "left",  "removed"};

	return names[state];
}

const char *node_phase_name(enum node_phase phase)
{
	static const char *const names[] = {"no_cluster", "joining", "claiming", "active",
					    "left",       "removed", "copy"};

	return names[phase];
}

static const char *encrypt_name(uint8_t mode)
{
	static const char *const names[] = {"none", "wireguard", "ipsec", "auto"};

	return mode < 4 ? names[mode] : "unknown";
}

/* Only what keeps still while nothing happens: scripts compare this list with itself. */
json_t *json_member(struct daemon *d, const struct member_info *info)
{
	char label[NAME_BYTES + 8];
	struct rec_tags tags = {.count = 0};

	gossip_tags(node_gossip(d->node), &info->id, &tags);
	member_info_label(info, label);
	return json_pack("{s:o,s:o,s:o,s:s,s:I,s:o,s:i,s:b,s:b}", "name", json_name(label), "id",
			 json_id(&info->id), "addr", json_hostport(&info->addr), "state",
			 member_state_name(member_shown(d, info)), "incarnation",
			 (json_int_t)info->incarnation, "tags", json_labels(tags.tags, tags.count),
			 "version", info->wire_max, "admin", info->is_admin, "self", info->is_self);
}

void json_set_heard(json_t *member, const struct member_info *info)
{
	bool heard = !info->is_self && info->heard.ns != 0;

	json_object_set_new(member, "heard_ms",
			    heard ? json_integer(mono_diff_ms(daemon_now(), info->heard))
				  : json_null());
	json_object_set_new(member, "rtt_ms",
			    info->rtt_ns ? json_real((double)info->rtt_ns / NS_PER_MS)
					 : json_null());
}

struct attachment_count {
	struct daemon *d;
	const struct id *network;
	struct network_sums sums;
};

/* The higher, the better it is asked about a network: this host itself has nothing to say more. */
static int rank_of(const struct member_info *info)
{
	if (info->is_self)
		return 1;
	return info->state == MEMBER_ALIVE ? 3 : 2;
}

static bool count_attachment(void *ctx, const struct row_view *row)
{
	struct attachment_count *count = ctx;
	struct id network = row_key_id(row);
	struct rec_attachment rec;
	struct member_info info;

	if (!id_eq(&network, count->network) ||
	    rec_attachment_decode(row->value, row->value_len, &rec) != 0 ||
	    !gossip_member(node_gossip(count->d->node), &row->owner, &info) ||
	    info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED)
		return true;
	if (rank_of(&info) > count->sums.host_rank) {
		member_info_label(&info, count->sums.host);
		count->sums.host_rank = rank_of(&info);
	}
	count->sums.hosts++;
	count->sums.endpoints +=
	    info.is_self ? node_network_boxes(count->d->node, &network) : rec.endpoints;
	if (rec.mtu_bytes && (!count->sums.mtu_bytes || rec.mtu_bytes < count->sums.mtu_bytes))
		count->sums.mtu_bytes = rec.mtu_bytes;
	return true;
}

struct network_sums network_sums(struct daemon *d, const struct id *id)
{
	struct attachment_count count = {.d = d, .network = id};

	gossip_rows(node_gossip(d->node), &topic_all, ROW_ATTACHMENT, count_attachment, &count);
	return count.sums;
}

json_t *json_network(struct daemon *d, const struct id *id, const struct rec_network *rec)
{
	json_t *subnets = json_array();
	struct network_sums sums = network_sums(d, id);
	uint16_t mtu = rec->mtu_bytes ? rec->mtu_bytes : sums.mtu_bytes;
	uint32_t vni = node_network_vni(d->node, id);

	for (size_t i = 0; i < rec->pool_count; i++)
		json_array_append_new(subnets, json_prefix(&rec->pools[i].subnet));
	return json_pack("{s:o,s:o,s:i,s:o,s:s,s:o,s:b,s:i,s:i}", "name", json_name(rec->name),
			 "id", json_id(id), "vni", (int)(vni ? vni : rec->vni), "subnets", subnets,
			 "encrypt", encrypt_name(rec->encrypt), "mtu",
			 mtu ? json_integer(mtu) : json_null(), "internal", rec->internal,
			 "endpoints", (int)sums.endpoints, "hosts", (int)sums.hosts);
}

/* The name of a network, or its id where that is not known. */
static void network_label(struct daemon *d, const struct id *id, char out[NAME_BYTES])
{
	struct rec_network network;
	struct row_view row;
	char text[ID_TEXT_BYTES];

	id_format(id, text);
	if (!gossip_row(node_gossip(d->node), NULL, &topic_all, FACT_NETWORK, id->b, ID_BYTES,
			&row) ||
	    rec_network_decode(row.value, row.value_len, &network) != 0)
		snprintf(network.name, sizeof(network.name), "%s", text);
	snprintf(out, NAME_BYTES, "%s", network.name);
}

json_t *json_endpoint_gone(struct daemon *d, const struct endpoint_found *found)
{
	char host[NAME_BYTES + 8], network[NAME_BYTES];

	member_label(d, &found->owner, host);
	network_label(d, &found->network, network);
	return json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", json_id(&found->id), "network",
			 json_name(network), "network_id", json_id(&found->network), "host",
			 json_name(host), "host_id", json_id(&found->owner));
}

json_t *json_endpoint(struct daemon *d, const struct endpoint_found *found)
{
	json_t *addresses = json_array();
	char host[NAME_BYTES + 8], network[NAME_BYTES];
	struct member_info owner;
	bool known = gossip_member(node_gossip(d->node), &found->owner, &owner);

	for (size_t i = 0; i < found->rec.addr_count; i++)
		json_array_append_new(addresses, json_prefix(&found->rec.addrs[i]));
	member_label(d, &found->owner, host);
	network_label(d, &found->network, network);
	return json_pack(
	    "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:b}", "id", json_id(&found->id), "name",
	    json_name(found->rec.name), "network", json_name(network), "network_id",
	    json_id(&found->network), "addresses", addresses, "mac", json_mac(&found->rec.mac),
	    "host", json_name(host), "host_id", json_id(&found->owner), "state",
	    known ? member_state_name(owner.state) : "unknown", "is_host", found->rec.is_host);
}

/* Judged by what reads it on other hosts. */
static bool label_fits(const struct rec_label *label)
{
	struct rec_tags tags = {.count = 1, .tags = {*label}};
	uint8_t bytes[4 * NAME_BYTES];

	return rec_tags_encode(&tags, bytes, sizeof(bytes)) > 0;
}

int labels_from_json(json_t *json, struct rec_label *labels, size_t cap, size_t *count,
		     struct weft_err *err)
{
	const char *key;
	json_t *value;

	*count = 0;
	json_object_foreach(json, key, value)
	{
		const char *text = json_string_value(value);

		if (*count == cap)
			return weft_err_set(err, WEFT_E_LIMIT,
					    "more than %zu labels or tags; give fewer", cap);
		if (key[0] == '\0' || strlen(key) >= NAME_BYTES || strlen(text) >= NAME_BYTES)
			return weft_err_set(err, WEFT_E_INVALID,
					    "label \"%.64s\": key and value take at most %d bytes",
					    key, NAME_BYTES - 1);
		snprintf(labels[*count].key, NAME_BYTES, "%s", key);
		snprintf(labels[*count].value, NAME_BYTES, "%s", text);
		if (!label_fits(&labels[*count]))
			return weft_err_set(err, WEFT_E_INVALID,
					    "label \"%.64s\": a key is made of letters, digits, "
					    "dots, _, / and -, a value has no control characters",
					    key);
		(*count)++;
	}
	return 0;
}
