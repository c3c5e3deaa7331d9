/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Records: golden vectors of wire version 1, hostile bytes, and each rule about values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "gossip/base/record.h"

#define WIRE_BYTES 2048

/* Any record, with its padding zeroed by memset so that two can be compared. */
union rec {
	struct rec_member member;
	struct rec_tags tags;
	struct rec_attachment attachment;
	struct rec_endpoint endpoint;
	struct rec_grant grant;
	struct rec_range range;
	struct rec_network network;
	struct rec_token token;
	struct rec_removal removal;
	struct rec_closure closure;
};

struct kind {
	const char *name;
	int (*encode)(const union rec *rec, uint8_t *out, size_t cap);
	int (*decode)(const uint8_t *bytes, size_t len, union rec *rec);
	void (*sample)(union rec *rec);
	const char *golden;
};

#define CODEC(kind_)                                                                \
	static int kind_##_encode(const union rec *rec, uint8_t *out, size_t cap)   \
	{                                                                           \
		return rec_##kind_##_encode(&rec->kind_, out, cap);                 \
	}                                                                           \
	static int kind_##_decode(const uint8_t *bytes, size_t len, union rec *rec) \
	{                                                                           \
		return rec_##kind_##_decode(bytes, len, &rec->kind_);               \
	}

CODEC(member)
CODEC(tags)
CODEC(attachment)
CODEC(endpoint)
CODEC(grant)
CODEC(range)
CODEC(network)
CODEC(token)
CODEC(removal)
CODEC(closure)

static struct inet inet_of(const char *text)
{
	struct inet ip;

	assert_int_equal(inet_parse(text, &ip), 0);
	return ip;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void label_set(struct rec_label *label, const char *key, const char *value)
{
	snprintf(label->key, sizeof(label->key), "%s", key);
	snprintf(label->value, sizeof(label->value), "%s", value);
}

static void member_sample(union rec *rec)
{
	struct rec_member *m = &rec->member;

	snprintf(m->name, sizeof(m->name), "host-1");
	for (size_t i = 0; i < PUBKEY_BYTES; i++)
		m->pubkey[i] = (uint8_t)i;
	m->gossip = (struct hostport){inet_of("192.0.2.1"), 7947};
	m->vtep = inet_of("2001:db8::1");
	m->wire_min = 1;
	m->wire_max = 2;
	m->chain_len = 3;
	memcpy(m->chain, "abc", 3);
}

static void tags_sample(union rec *rec)
{
	rec->tags.count = 2;
	label_set(&rec->tags.tags[0], "role", "web");
	label_set(&rec->tags.tags[1], "example.org/zone", "caf\xc3\xa9");
}

static void attachment_sample(union rec *rec)
{
	rec->attachment = (struct rec_attachment){1450, 9, 70000};
}

static void endpoint_sample(union rec *rec)
{
	struct rec_endpoint *e = &rec->endpoint;

	snprintf(e->name, sizeof(e->name), "web.1");
	e->mac = (struct mac){{0x02, 1, 2, 3, 4, 5}};
	e->is_host = true;
	e->addr_count = 2;
	e->addrs[0] = prefix_of("10.1.2.3/24");
	e->addrs[1] = prefix_of("fd00::3/64");
}

static void grant_sample(union rec *rec)
{
	memset(rec->grant.to.b, 0xa5, ID_BYTES);
	rec->grant.rests = true;
	rec->grant.recalls = true;
}

static void range_sample(union rec *rec)
{
	rec->range.rests_until.ms = INT64_C(1700000060000);
}

static void network_sample(union rec *rec)
{
	struct rec_network *n = &rec->network;

	snprintf(n->name, sizeof(n->name), "blue");
	n->vni = 0x123456;
	n->port = 4789;
	n->mtu_bytes = 1400;
	n->internal = true;
	n->encrypt = ENCRYPT_WIREGUARD;
	n->created.ms = INT64_C(1700000000000);
	n->pool_count = 2;
	n->pools[0].subnet = prefix_of("10.1.0.0/16");
	n->pools[0].gateway = inet_of("10.1.0.1");
	n->pools[0].ip_range = prefix_of("10.1.128.0/17");
	n->pools[0].aux_count = 1;
	n->pools[0].aux[0] = inet_of("10.1.0.2");
	n->pools[1].subnet = prefix_of("fd00:1::/64");
	n->pools[1].ip_range = prefix_of("fd00:1::/64");
	n->label_count = 1;
	label_set(&n->labels[0], "team", "");
}

static void token_sample(union rec *rec)
{
	rec->token.expires.ms = INT64_C(1700000086400);
	snprintf(rec->token.name_pattern, sizeof(rec->token.name_pattern), "web-*");
	rec->token.tag_count = 1;
	label_set(&rec->token.tags[0], "role", "web");
}

static void removal_sample(union rec *rec)
{
	snprintf(rec->removal.reason, sizeof(rec->removal.reason), "disk lost");
	rec->removal.at.ms = INT64_C(1700000000001);
}

static void closure_sample(union rec *rec)
{
	memset(rec->closure.view, 0x5a, DIGEST_BYTES);
	rec->closure.epoch = 3;
	rec->closure.sequence = 300;
	rec->closure.generation = 70000;
}

#define KIND(kind_, golden_)                                                    \
	{                                                                       \
#kind_, kind_##_encode, kind_##_decode, kind_##_sample, golden_ \
	}

/* The bytes of wire version 1. A change here breaks every cluster in the field. */
static const struct kind kinds[] = {
    KIND(member, "98a6686f73742d31c420000102030405060708090a0b0c0d0e0f10111213141516171819"
		 "1a1b1c1d1e1fc406c00002011f0bc41020010db80000000000000000000000010102c2c4"
		 "03616263"),
    KIND(tags, "919292a4726f6c65a377656292b06578616d706c652e6f72672f7a6f6e65a5636166c3a9"),
    KIND(attachment, "93cd05aa09ce00011170"),
    KIND(endpoint, "94a57765622e31c406020102030405c392c4050a01020318c411fd000000000000000000"
		   "00000000000340"),
    KIND(grant, "93c410a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5c3c3"),
    KIND(range, "91cf0000018bcfe65260"),
    KIND(network, "9ba4626c7565ce00123456cd12b5cd0578c3c2c201cf0000018bcfe568009294c4050a01"
		  "000010c4040a010001c4050a0180001191c4040a01000294c411fd000001000000000000"
		  "00000000000040c400c411fd00000100000000000000000000000040909192a47465616d"
		  "a0"),
    KIND(token, "93cf0000018bcfe6b980a57765622d2a9192a4726f6c65a3776562"),
    KIND(removal, "92a96469736b206c6f7374cf0000018bcfe56801"),
    KIND(closure, "94c4205a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a03"
		  "cd012cce00011170"),
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t sample_encode(const struct kind *kind, uint8_t out[WIRE_BYTES])
{
	union rec rec;
	int len;

	memset(&rec, 0, sizeof(rec));
	kind->sample(&rec);
	len = kind->encode(&rec, out, WIRE_BYTES);
	assert_true(len > 0);
	return (size_t)len;
}

static void hex(const uint8_t *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[2 * len] = '\0';
}

static void every_record_has_the_bytes_of_wire_version_1(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		char text[2 * WIRE_BYTES + 1];

		hex(wire, sample_encode(&kinds[i], wire), text);
		if (strcmp(text, kinds[i].golden) != 0)
			print_error("%s\n", kinds[i].name);
		assert_string_equal(text, kinds[i].golden);
	}
}

static void every_record_reads_back_as_it_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		union rec before, after;
		size_t len = sample_encode(&kinds[i], wire);

		memset(&before, 0, sizeof(before));
		memset(&after, 0, sizeof(after));
		kinds[i].sample(&before);
		assert_int_equal(kinds[i].decode(wire, len, &after), 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		union rec rec;
		size_t len = sample_encode(&kinds[i], wire);

		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(kinds[i].decode(wire, cut, &rec), WEFT_E_INVALID);
	}
}

static void every_buffer_that_is_too_small_is_said_to_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		union rec rec;
		size_t len = sample_encode(&kinds[i], wire);

		memset(&rec, 0, sizeof(rec));
		kinds[i].sample(&rec);
		for (size_t cap = 0; cap < len; cap++)
			assert_int_equal(kinds[i].encode(&rec, wire, cap), WEFT_E_LIMIT);
		assert_int_equal(kinds[i].encode(&rec, wire, len), (int)len);
	}
}

static void bytes_after_a_record_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		union rec rec;
		size_t len = sample_encode(&kinds[i], wire);

		wire[len] = 0xc0;
		assert_int_equal(kinds[i].decode(wire, len + 1, &rec), WEFT_E_INVALID);
	}
}

static void fields_of_a_later_version_are_passed_over(void **state)
{
	static const uint8_t more[] = {0xc0, 0x81, 0xa1, 'x', 0x92, 1, 2}; /* nil, {"x": [1, 2]} */

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES];
		union rec before, after;
		size_t len = sample_encode(&kinds[i], wire);

		memset(&before, 0, sizeof(before));
		memset(&after, 0, sizeof(after));
		kinds[i].sample(&before);
		assert_in_range(wire[0], 0x91, 0x9d); /* a short array: two more still fit */
		wire[0] = (uint8_t)(wire[0] + 2);
		memcpy(wire + len, more, sizeof(more));
		assert_int_equal(kinds[i].decode(wire, len + sizeof(more), &after), 0);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

static void a_changed_byte_is_refused_or_read_as_something_that_can_be_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		uint8_t wire[WIRE_BYTES], again[WIRE_BYTES];
		size_t len = sample_encode(&kinds[i], wire), read = 0;

		for (size_t at = 0; at < len; at++) {
			for (unsigned value = 0; value < 256; value++) {
				uint8_t kept = wire[at];
				union rec rec;

				wire[at] = (uint8_t)value;
				if (kinds[i].decode(wire, len, &rec) == 0) {
					assert_true(kinds[i].encode(&rec, again, WIRE_BYTES) > 0);
					read++;
				}
				wire[at] = kept;
			}
		}
		assert_true(read >= len); /* at least each byte as it was */
	}
}

/* Each changes a good record into one that no reader takes. */
#define BREAKS(name, kind_, change)                                                            \
	static void name(void **state)                                                         \
	{                                                                                      \
		uint8_t wire[WIRE_BYTES];                                                      \
		union rec rec;                                                                 \
		struct rec_##kind_ *r = &rec.kind_;                                            \
                                                                                               \
		(void)state;                                                                   \
		memset(&rec, 0, sizeof(rec));                                                  \
		kind_##_sample(&rec);                                                          \
		assert_true(rec_##kind_##_encode(r, wire, sizeof(wire)) > 0);                  \
		change;                                                                        \
		assert_int_equal(rec_##kind_##_encode(r, wire, sizeof(wire)), WEFT_E_INVALID); \
	}

BREAKS(a_member_needs_a_name, member, r->name[0] = '\0')
BREAKS(a_member_name_begins_with_a_letter_or_digit, member, r->name[0] = '-')
BREAKS(a_member_name_has_no_spaces, member, r->name[2] = ' ')
BREAKS(a_member_has_a_port, member, r->gossip.port = 0)
BREAKS(a_member_has_a_unicast_address, member, r->gossip.ip = inet_of("224.0.0.1"))
BREAKS(a_vtep_is_never_a_multicast_group, member, r->vtep = inet_of("ff02::1"))
BREAKS(wire_versions_are_a_range, member, r->wire_min = 3)
BREAKS(wire_version_0_does_not_exist, member, r->wire_min = 0)
BREAKS(a_tag_needs_a_key, tags, r->tags[0].key[0] = '\0')
BREAKS(a_tag_is_given_once, tags, snprintf(r->tags[1].key, sizeof(r->tags[1].key), "role"))
BREAKS(a_tag_has_no_control_characters, tags, r->tags[1].value[0] = '\n')
BREAKS(a_tag_is_utf_8, tags, r->tags[1].value[0] = '\xff')
BREAKS(a_link_carries_at_least_68_bytes, attachment, r->mtu_bytes = 67)
BREAKS(free_space_is_at_most_all_of_ipv6, attachment, r->free_log2 = 130)
BREAKS(an_endpoint_name_has_no_slash, endpoint, r->name[1] = '/')
BREAKS(an_endpoint_mac_is_not_a_group, endpoint, r->mac.b[0] = 3)
BREAKS(an_endpoint_mac_is_not_zero, endpoint, memset(&r->mac, 0, sizeof(r->mac)))
BREAKS(an_endpoint_address_is_unicast, endpoint, r->addrs[0] = prefix_of("239.1.1.1/8"))
BREAKS(an_ipv4_length_is_at_most_32, endpoint, r->addrs[0].bits = 90)
BREAKS(an_ipv6_length_is_at_most_128, endpoint, r->addrs[1].bits = 129)
BREAKS(a_grant_is_for_somebody, grant, memset(&r->to, 0, sizeof(r->to)))
BREAKS(a_network_needs_a_name, network, r->name[0] = '\0')
BREAKS(a_vni_has_24_bits, network, r->vni = 0x1000000)
BREAKS(a_vni_is_at_least_4096, network, r->vni = 4095)
BREAKS(a_network_has_a_port, network, r->port = 0)
BREAKS(a_network_mtu_is_none_or_at_least_68, network, r->mtu_bytes = 67)
BREAKS(an_unknown_encryption_is_refused, network, r->encrypt = ENCRYPT_AUTO + 1)
BREAKS(a_time_before_1970_is_refused, network, r->created.ms = -1)
BREAKS(a_subnet_is_aligned, network, r->pools[0].subnet = prefix_of("10.1.0.1/16"))
BREAKS(a_gateway_is_inside_its_subnet, network, r->pools[0].gateway = inet_of("10.2.0.1"))
BREAKS(an_ip_range_is_aligned, network, r->pools[0].ip_range = prefix_of("10.1.128.1/17"))
BREAKS(an_ip_range_is_inside_its_subnet, network, r->pools[0].ip_range = prefix_of("10.2.0.0/17"))
BREAKS(an_ip_range_is_not_wider_than_its_subnet, network,
       r->pools[0].ip_range = prefix_of("10.0.0.0/8"))
BREAKS(an_auxiliary_address_is_inside_its_subnet, network, r->pools[0].aux[0] = inet_of("10.2.0.2"))
BREAKS(pools_of_a_network_do_not_overlap, network,
       r->pools[1].subnet = r->pools[1].ip_range = prefix_of("10.1.2.0/24"))
BREAKS(a_token_pattern_has_no_slash, token,
       snprintf(r->name_pattern, sizeof(r->name_pattern), "a/b"))
BREAKS(a_removal_reason_is_one_line, removal, r->reason[4] = '\n')

static void a_member_without_vtep_and_an_endpoint_without_name_are_fine(void **state)
{
	uint8_t wire[WIRE_BYTES];
	union rec rec;

	(void)state;
	memset(&rec, 0, sizeof(rec));
	member_sample(&rec);
	memset(&rec.member.vtep, 0, sizeof(rec.member.vtep));
	assert_true(rec_member_encode(&rec.member, wire, sizeof(wire)) > 0);
	memset(&rec, 0, sizeof(rec));
	endpoint_sample(&rec);
	rec.endpoint.name[0] = '\0';
	rec.endpoint.addr_count = 0;
	assert_true(rec_endpoint_encode(&rec.endpoint, wire, sizeof(wire)) > 0);
}

static void a_grant_is_written_without_what_it_does_not_say(void **state)
{
	static const char golden[] = "91c410a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";
	uint8_t wire[WIRE_BYTES];
	char text[2 * WIRE_BYTES + 1];
	struct rec_grant back;
	union rec rec;
	int len;

	(void)state;
	memset(&rec, 0, sizeof(rec));
	grant_sample(&rec);
	rec.grant.rests = rec.grant.recalls = false;
	len = rec_grant_encode(&rec.grant, wire, sizeof(wire));
	assert_true(len > 0);
	hex(wire, (size_t)len, text);
	assert_string_equal(text, golden);
	assert_int_equal(rec_grant_decode(wire, (size_t)len, &back), 0);
	assert_false(back.rests || back.recalls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_record_has_the_bytes_of_wire_version_1),
	    cmocka_unit_test(every_record_reads_back_as_it_was_written),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_buffer_that_is_too_small_is_said_to_be),
	    cmocka_unit_test(bytes_after_a_record_are_refused),
	    cmocka_unit_test(fields_of_a_later_version_are_passed_over),
	    cmocka_unit_test(a_changed_byte_is_refused_or_read_as_something_that_can_be_written),
	    cmocka_unit_test(a_member_needs_a_name),
	    cmocka_unit_test(a_member_name_begins_with_a_letter_or_digit),
	    cmocka_unit_test(a_member_name_has_no_spaces),
	    cmocka_unit_test(a_member_has_a_port),
	    cmocka_unit_test(a_member_has_a_unicast_address),
	    cmocka_unit_test(a_vtep_is_never_a_multicast_group),
	    cmocka_unit_test(wire_versions_are_a_range),
	    cmocka_unit_test(wire_version_0_does_not_exist),
	    cmocka_unit_test(a_tag_needs_a_key),
	    cmocka_unit_test(a_tag_is_given_once),
	    cmocka_unit_test(a_tag_has_no_control_characters),
	    cmocka_unit_test(a_tag_is_utf_8),
	    cmocka_unit_test(a_link_carries_at_least_68_bytes),
	    cmocka_unit_test(free_space_is_at_most_all_of_ipv6),
	    cmocka_unit_test(an_endpoint_name_has_no_slash),
	    cmocka_unit_test(an_endpoint_mac_is_not_a_group),
	    cmocka_unit_test(an_endpoint_mac_is_not_zero),
	    cmocka_unit_test(an_endpoint_address_is_unicast),
	    cmocka_unit_test(an_ipv4_length_is_at_most_32),
	    cmocka_unit_test(an_ipv6_length_is_at_most_128),
	    cmocka_unit_test(a_grant_is_for_somebody),
	    cmocka_unit_test(a_grant_is_written_without_what_it_does_not_say),
	    cmocka_unit_test(a_network_needs_a_name),
	    cmocka_unit_test(a_vni_has_24_bits),
	    cmocka_unit_test(a_vni_is_at_least_4096),
	    cmocka_unit_test(a_network_has_a_port),
	    cmocka_unit_test(a_network_mtu_is_none_or_at_least_68),
	    cmocka_unit_test(an_unknown_encryption_is_refused),
	    cmocka_unit_test(a_time_before_1970_is_refused),
	    cmocka_unit_test(a_subnet_is_aligned),
	    cmocka_unit_test(a_gateway_is_inside_its_subnet),
	    cmocka_unit_test(an_ip_range_is_aligned),
	    cmocka_unit_test(an_ip_range_is_inside_its_subnet),
	    cmocka_unit_test(an_ip_range_is_not_wider_than_its_subnet),
	    cmocka_unit_test(an_auxiliary_address_is_inside_its_subnet),
	    cmocka_unit_test(pools_of_a_network_do_not_overlap),
	    cmocka_unit_test(a_token_pattern_has_no_slash),
	    cmocka_unit_test(a_removal_reason_is_one_line),
	    cmocka_unit_test(a_member_without_vtep_and_an_endpoint_without_name_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
