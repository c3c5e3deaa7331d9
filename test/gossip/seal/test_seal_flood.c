/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Floods from strangers at one of three whole nodes: 100,000 datagrams in a second of virtual time,
 * each from a source of its own unless said otherwise. Whatever is flooded with, what a stranger
 * can cost is bounded: memory, signatures and key agreements, bytes to addresses that proved
 * nothing. The three members notice nothing of it: their rows arrive within a few milliseconds and
 * nobody is suspected.
 */
#include "flood_kit.h"

#define FLOOD_MS 1000
#define ROW_EVERY_MS 100
#define ROW_WITHIN_MS 10
#define MEMORY_BYTES_MAX ((size_t)64 * 1024) /* blocks of a larger step, a page of blobs */
#define KIND_OF_LATER 40

/* What the flooded node spent. */
struct spent {
	uint64_t verified, agreed, dropped;
	size_t bytes;
};

static struct member *known(struct flood *f, size_t n)
{
	struct id id = gossip_self(f->c->nodes[n].g);

	return member_find(&victim(f)->members, &id);
}

static struct spent spent(struct flood *f)
{
	const struct cnode *node = &f->c->nodes[0];
	struct spent at = {
	    .verified = node->seeded.verified,
	    .agreed = node->seeded.agreed,
	    .bytes = node->g->core.heap.used_bytes + node->heap.used_bytes,
	};

	for (size_t i = 0; i < DROP_END_; i++)
		at.dropped += node->g->core.drops[i];
	return at;
}

static void row_put(struct flood *f)
{
	char value[24];
	struct row_view row = {.kind = KIND_OF_LATER, .key_len = 1, .value = (uint8_t *)value};

	f->row++;
	row.value_len = (size_t)snprintf(value, sizeof(value), "%llu", (unsigned long long)f->row);
	cluster_begin(f->c, 1,
		      (struct gossip_command){.kind = CMD_PUT, .row_count = 1, .rows = &row});
}

static bool row_came(struct flood *f)
{
	static const struct id cluster_wide;
	static const uint8_t key[1];
	struct id owner = gossip_self(f->c->nodes[1].g);
	struct row_view row;
	char value[24];

	if (!gossip_row(victim(f), &owner, &cluster_wide, KIND_OF_LATER, key, 1, &row))
		return false;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)f->row);
	return row.value_len == strlen(value) && memcmp(row.value, value, row.value_len) == 0;
}

/* The flood, members' traffic beside it, and what all of it may cost. */
static struct spent flood(struct flood *f, size_t (*make)(struct flood *f, uint8_t *bytes))
{
	struct spent before = spent(f);
	struct spent after;

	f->make = make;
	for (int ms = 0; ms < FLOOD_MS; ms++) {
		if (ms % ROW_EVERY_MS == 0)
			row_put(f);
		for (int i = 0; i < PER_MS; i++)
			one(f);
		cluster_run(f->c, 1);
		if (ms % ROW_EVERY_MS == ROW_WITHIN_MS)
			assert_true(row_came(f));
	}
	after = spent(f);
	for (size_t n = 0; n < NODES; n++)
		assert_int_equal(cluster_alive(f->c, n), NODES);
	assert_int_equal(f->c->traces[TRACE_MEMBER_SUSPECT], 0);
	assert_int_equal(f->c->traces[TRACE_ADDRESS_MOVED], 0);
	assert_int_equal(f->refused, 0);
	assert_true(after.bytes <= before.bytes + MEMORY_BYTES_MAX);
	return (struct spent){
	    .verified = after.verified - before.verified,
	    .agreed = after.agreed - before.agreed,
	    .dropped = after.dropped - before.dropped,
	    .bytes = after.bytes > before.bytes ? after.bytes - before.bytes : 0,
	};
}

static void counted(const struct spent *spent)
{
	assert_true(spent->dropped >= FLOOD_MS * PER_MS);
	print_message("  signatures %llu, agreements %llu, bytes kept %zu\n",
		      (unsigned long long)spent->verified, (unsigned long long)spent->agreed,
		      spent->bytes);
}

static size_t garbage(struct flood *f, uint8_t *bytes)
{
	size_t len = (size_t)rng_below(&f->rng, DATAGRAM_BYTES_MAX + 2);

	fill(f, bytes, len < 64 ? len : 64);
	if (len > 0 && rng_below(&f->rng, 4) != 0)
		bytes[0] = (uint8_t)(WIRE_VERSION << 4 | rng_below(&f->rng, 8));
	/* A whole HELLO is a question of its own. */
	return len == DATAGRAM_BYTES_MAX ? len - 1 : len;
}

static void garbage_costs_no_signature_and_no_key(void **state)
{
	struct spent cost = flood(*state, garbage);

	counted(&cost);
	assert_in_range(cost.verified, 0, 2 * FLOOD_MS / ROW_EVERY_MS);
	assert_int_equal(cost.agreed, 0);
}

static void requests_for_cookies_are_answered_some_thousand_times_and_kept_nowhere(void **state)
{
	struct flood *f = *state;
	struct spent cost = flood(f, hello);

	assert_in_range(cost.dropped, 90000, 100000);
	assert_int_equal(cost.agreed, 0);
	assert_in_range(f->bytes_back, 1, 3 * 1000 * DATAGRAM_BYTES_MAX);
}

/* Signed, and sealed to our key for all that can be seen: by nobody. */
static size_t first_contact(struct flood *f, uint8_t *bytes)
{
	struct cert cert = {.wire_min = 1, .wire_max = 1, .epoch = 1 + rng_below(&f->rng, 9)};
	uint8_t hint[HINT_BYTES];

	cert.cluster = victim(f)->core.self.cluster;
	fill(f, cert.node.b, ID_BYTES);
	fill(f, cert.key, KX_PUB_BYTES);
	hint_of(own_key(f)->key_id, hint);
	header_write(bytes, DGRAM_CERT_SEALED, hint, rng_u64(&f->rng), 1);
	memset(bytes + WIRE_HEADER_BYTES, 0, CERT_BYTES);
	bytes[WIRE_HEADER_BYTES] = 1;
	bytes[WIRE_HEADER_BYTES + 1] = bytes[WIRE_HEADER_BYTES + 2] = 1;
	memcpy(bytes + WIRE_HEADER_BYTES + 4, cert.cluster.b, ID_BYTES);
	memcpy(bytes + WIRE_HEADER_BYTES + 20, cert.node.b, ID_BYTES);
	wire_put(bytes + WIRE_HEADER_BYTES + 36, cert.epoch, 8);
	fill(f, bytes + WIRE_HEADER_BYTES + 44, 32 + SIG_BYTES + 60);
	return WIRE_HEADER_BYTES + CERT_BYTES + 60;
}

static void first_contacts_of_nobody_cost_a_few_key_agreements(void **state)
{
	struct spent cost = flood(*state, first_contact);

	counted(&cost);
	/* 50 a second and a burst of 50 of all; of 32 neighbourhoods one, and another in 2 s. */
	assert_in_range(cost.agreed, 1, 2 * 50 + 32 + 32 / 2 + 5);
	assert_in_range(cost.verified, 0, 2 * FLOOD_MS / ROW_EVERY_MS);
}

static size_t first_contact_from_one_place(struct flood *f, uint8_t *bytes)
{
	f->source.ip = inet_from_v4(0xc0000200 | (uint32_t)rng_below(&f->rng, 256));
	return first_contact(f, bytes);
}

/* Node 3 knows this one, which never heard of it. */
static void a_stranger_is_heard_while_one_place_floods_with_first_contacts(void **state)
{
	struct flood f = {.c = cluster_new(), .make = first_contact_from_one_place};
	struct id stranger;
	int ms = 0;

	(void)state;
	rng_init(&f.rng, 7);
	cluster_admit_unheard(f.c, false);
	cluster_kill(f.c, 1);
	stranger = gossip_self(f.c->nodes[3].g);
	for (int i = 0; i < 1000; i++)
		one(&f);
	f.c->nodes[0].cut = f.c->nodes[3].cut = false;
	for (; member_find(&victim(&f)->members, &stranger) == NULL; ms++) {
		assert_true(ms < 30000);
		for (int i = 0; i < PER_MS; i++)
			one(&f);
		cluster_run(f.c, 1);
	}
	print_message("  heard after %d ms\n", ms);
	cluster_free(f.c);
}

/* A member's certificate of a later start, but for the signature. */
static size_t forged_cert(struct flood *f, uint8_t *bytes)
{
	header_write(bytes, DGRAM_CERT, (const uint8_t[HINT_BYTES]){0}, 5, rng_u64(&f->rng));
	memcpy(bytes + WIRE_HEADER_BYTES, f->recorded.bytes + WIRE_HEADER_BYTES, CERT_BYTES);
	bytes[WIRE_HEADER_BYTES + 42] ^= 1;
	fill(f, bytes + WIRE_HEADER_BYTES + 44, KX_PUB_BYTES);
	return CERT_DGRAM_BYTES;
}

static void forged_certificates_of_members_cost_a_bounded_number_of_signatures(void **state)
{
	struct flood *f = *state;
	struct spent cost;

	assert_true(f->recorded.len > 0);
	cost = flood(f, forged_cert);
	counted(&cost);
	assert_in_range(cost.verified, 1000, 2000 + 50);
	assert_int_equal(cost.agreed, 0);
}

static size_t forged_cert_at_home(struct flood *f, uint8_t *bytes)
{
	f->source = f->c->nodes[2].addr;
	return forged_cert(f, bytes);
}

static void a_member_that_restarts_is_heard_while_its_certificates_are_forged(void **state)
{
	struct flood *f = *state;
	struct spent cost;

	/* Under the address of another member, whose own share alone that uses up. */
	cost = flood(f, forged_cert_at_home);
	assert_in_range(cost.verified, 1, 100);
	f->make = forged_cert;
	for (int i = 0; i < 5000; i++)
		one(f);
	cluster_start(f->c, 1);
	for (int ms = 0; ms < 50; ms++) {
		for (int i = 0; i < PER_MS; i++)
			one(f);
		cluster_run(f->c, 1);
	}
	assert_int_equal(gossip_phase(f->c->nodes[1].g), NODE_ACTIVE);
	assert_int_equal(known(f, 1)->epoch, f->c->nodes[1].g->core.self.epoch);
}

/* As if of the second member and from where it lives: only the seal is missing. */
static size_t forged_sealed(struct flood *f, uint8_t *bytes)
{
	uint8_t hint[HINT_BYTES];

	f->source = f->c->nodes[1].addr;
	hint_of(own_key(f)->key_id, hint);
	header_write(bytes, DGRAM_SEALED, hint, f->c->nodes[1].g->seal->own[OWN_CURRENT].key_id,
		     UINT64_C(1) << 40 | rng_u64(&f->rng) >> 24);
	fill(f, bytes + WIRE_HEADER_BYTES, 64);
	return WIRE_HEADER_BYTES + 64;
}

static void forged_datagrams_of_a_member_do_not_use_up_its_allowance(void **state)
{
	struct flood *f = *state;
	struct spent cost = flood(f, forged_sealed);

	counted(&cost);
	assert_true(victim(f)->core.drops[DROP_AUTH] >= FLOOD_MS * PER_MS);
	assert_int_equal(victim(f)->core.drops[DROP_RATE], 0);
	assert_int_equal(cost.agreed, 0);
}

/* The member at this address is said not to know our key. */
static size_t hint(struct flood *f, uint8_t *bytes)
{
	uint8_t own[HINT_BYTES];

	f->source = f->c->nodes[1].addr;
	hint_of(own_key(f)->key_id, own);
	memset(bytes, 0, HINT_DGRAM_BYTES);
	header_write(bytes, DGRAM_CERT, own, rng_u64(&f->rng), 1);
	return HINT_DGRAM_BYTES;
}

static void forged_hints_make_a_member_be_asked_four_times_a_second(void **state)
{
	struct flood *f = *state;
	struct spent before = spent(f);

	f->make = hint;
	for (int ms = 0; ms < FLOOD_MS; ms++) {
		for (int i = 0; i < PER_MS; i++)
			one(f);
		cluster_run(f->c, 1);
	}
	/* Its address is known and proven, so it is asked; but seldom. */
	assert_in_range(f->refused, 1, 5);
	assert_int_equal(spent(f).agreed, before.agreed);
	assert_true(spent(f).bytes <= before.bytes + MEMORY_BYTES_MAX);
	assert_int_equal(cluster_alive(f->c, 0), NODES);
}

static size_t genuine_cert(struct flood *f, uint8_t *bytes)
{
	header_write(bytes, DGRAM_CERT, (const uint8_t[HINT_BYTES]){0}, 5, rng_u64(&f->rng));
	memcpy(bytes + WIRE_HEADER_BYTES, f->recorded.bytes + WIRE_HEADER_BYTES, CERT_BYTES);
	return CERT_DGRAM_BYTES;
}

static void recorded_certificates_are_answered_in_kind_and_checked_once(void **state)
{
	struct flood *f = *state;
	struct spent cost = flood(f, genuine_cert);

	assert_in_range(cost.verified, 0, 2 * FLOOD_MS / ROW_EVERY_MS);
	assert_int_equal(cost.agreed, 0);
	/* 256 buckets of sources: bursts of 200, then 100 a second. */
	assert_in_range(f->bytes_back, 1, 256 * 301 * CERT_DGRAM_BYTES);
}

static size_t proof(struct flood *f, uint8_t *bytes)
{
	uint8_t hint_bytes[HINT_BYTES];

	hint_of(own_key(f)->key_id, hint_bytes);
	header_write(bytes, DGRAM_PROOF, hint_bytes, rng_u64(&f->rng), 1);
	wire_put(bytes + WIRE_HEADER_BYTES, (uint64_t)(f->c->now.ns / NS_PER_MS), 8);
	fill(f, bytes + WIRE_HEADER_BYTES + 8, COOKIE_BYTES - 8 + KX_PUB_BYTES + 100);
	return PROOF_AD_BYTES + 100;
}

static void proofs_under_forged_cookies_cost_a_hash(void **state)
{
	struct spent cost = flood(*state, proof);

	counted(&cost);
	assert_int_equal(cost.agreed, 0);
	assert_in_range(cost.verified, 0, 2 * FLOOD_MS / ROW_EVERY_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, flood_setup, flood_teardown)
	    TEST(garbage_costs_no_signature_and_no_key),
	    TEST(requests_for_cookies_are_answered_some_thousand_times_and_kept_nowhere),
	    TEST(first_contacts_of_nobody_cost_a_few_key_agreements),
	    cmocka_unit_test(a_stranger_is_heard_while_one_place_floods_with_first_contacts),
	    TEST(forged_certificates_of_members_cost_a_bounded_number_of_signatures),
	    TEST(a_member_that_restarts_is_heard_while_its_certificates_are_forged),
	    TEST(forged_datagrams_of_a_member_do_not_use_up_its_allowance),
	    TEST(forged_hints_make_a_member_be_asked_four_times_a_second),
	    TEST(recorded_certificates_are_answered_in_kind_and_checked_once),
	    TEST(proofs_under_forged_cookies_cost_a_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
