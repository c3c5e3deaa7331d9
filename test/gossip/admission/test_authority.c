/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/admission/authority.h"
#include "gossip/base/pack.h"
#include "test/gossip/seeded.h"
#include "test/base/cmocka_all.h"

#define CLUSTER 1
#define ADMIN 2
#define NODE 3
#define STRANGER 4

struct fixture {
	struct seeded seeded;
	struct core core;
	struct gossip_update update;
	struct heap blob_heap;
	struct blob_store blobs;
	struct member_table members;
	struct chain_ctx ctx;
	uint8_t pub[8][SIGN_PUB_BYTES], sec[8][SIGN_SEC_BYTES];
	struct id id[8];
	struct admin_path path;
	uint8_t value[ADMIN_VALUE_MAX];
	struct row_view row;
	uint8_t found[SIGN_PUB_BYTES];
};

static int setup(void **state)
{
	static struct fixture f;
	const struct admin_path none = {.len = 0};
	struct gossip_config config = {.pages = page_source_mmap(), .blobs = &f.blobs};

	memset(&f, 0, sizeof(f));
	heap_init(&f.blob_heap, &config.pages);
	blob_store_init(&f.blobs, &f.blob_heap, 1);
	config.crypto = seeded_init(&f.seeded, 3);
	core_init(&f.core, &config, &f.update);
	member_table_init(&f.members, &f.core);
	f.ctx.crypto = config.crypto;
	for (uint8_t i = 0; i < 8; i++) {
		seeded_pair(config.crypto, i, f.pub[i], f.sec[i]);
		f.id[i] = chain_node_id(config.crypto, f.pub[i]);
	}
	f.ctx.cluster_pub = f.pub[CLUSTER];
	path_extend(&f.ctx, &none, f.sec[CLUSTER], f.pub[ADMIN], (struct wall){1}, &f.path);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	member_table_close(&f->members);
	core_close(&f->core);
	assert_int_equal(f->blobs.count, 0);
	blob_store_close(&f->blobs);
	heap_close(&f->blob_heap);
	return 0;
}

static enum drop_reason check(struct fixture *f)
{
	return authority_check(&f->ctx, &f->core, &f->members, &f->row, f->found);
}

/* A fact of this kind about NODE by the author, with the path given. */
static void fact(struct fixture *f, uint16_t kind, int author, const struct admin_path *path)
{
	struct rec_token token = {.expires = {5}};
	struct rec_removal removal = {.reason = "sold", .at = {7}};
	uint8_t rec[300];
	int rec_len = 0;
	int len;

	if (kind == FACT_TOKEN)
		rec_len = rec_token_encode(&token, rec, sizeof(rec));
	else if (kind == FACT_REMOVAL)
		rec_len = rec_removal_encode(&removal, rec, sizeof(rec));
	len = authority_value(rec_len > 0 ? rec : NULL, (size_t)rec_len, path, f->value,
			      sizeof(f->value));
	assert_true(len > 0);
	f->row = (struct row_view){.kind = kind,
				   .owner = f->id[author],
				   .key_len = ID_BYTES,
				   .value = f->value,
				   .value_len = (size_t)len};
	memcpy(f->row.key, f->id[NODE].b, ID_BYTES);
}

static void a_fact_with_its_authors_path_needs_nothing_else_to_be_believed(void **state)
{
	static const uint16_t kinds[] = {FACT_TOKEN, FACT_TOKEN_END, FACT_ADMIN_END, FACT_REMOVAL};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		fact(f, kinds[i], ADMIN, &f->path);
		assert_int_equal(check(f), DROP_NONE);
		assert_memory_equal(f->found, f->pub[ADMIN], SIGN_PUB_BYTES);
	}
}

static void the_record_of_a_fact_is_read_past_the_path_behind_it(void **state)
{
	struct fixture *f = *state;
	struct rec_removal removal;

	fact(f, FACT_REMOVAL, ADMIN, &f->path);
	assert_int_equal(rec_removal_decode(f->row.value, f->row.value_len, &removal), 0);
	assert_string_equal(removal.reason, "sold");
}

static void somebody_elses_path_makes_nobody_an_admin(void **state)
{
	struct fixture *f = *state;

	fact(f, FACT_REMOVAL, STRANGER, &f->path);
	assert_int_equal(check(f), DROP_ROW_SIG);
}

static void a_path_that_the_cluster_key_did_not_sign_is_refused(void **state)
{
	const struct admin_path none = {.len = 0};
	struct fixture *f = *state;
	struct admin_path forged;

	path_extend(&f->ctx, &none, f->sec[STRANGER], f->pub[STRANGER], (struct wall){1}, &forged);
	fact(f, FACT_REMOVAL, STRANGER, &forged);
	assert_int_equal(check(f), DROP_ROW_SIG);
}

static void values_cut_or_without_a_path_are_malformed(void **state)
{
	struct fixture *f = *state;
	size_t len;

	fact(f, FACT_REMOVAL, ADMIN, &f->path);
	len = f->row.value_len;
	for (f->row.value_len = 0; f->row.value_len < len; f->row.value_len++)
		assert_int_equal(check(f), DROP_ROW);
	f->row.value_len = len;
	f->row.key_len = 15;
	assert_int_equal(check(f), DROP_ROW);
}

static void a_new_admins_path_must_end_in_the_key_of_the_fact(void **state)
{
	struct fixture *f = *state;
	struct admin_path subject;
	uint8_t rec[PATH_BYTES_MAX + 8];
	struct pack pack;
	int len;

	path_extend(&f->ctx, &f->path, f->sec[ADMIN], f->pub[NODE], (struct wall){2}, &subject);
	pack_init(&pack, rec, sizeof(rec));
	pack_array(&pack, 1);
	pack_bin(&pack, subject.bytes, subject.len);
	fact(f, FACT_ADMIN_END, ADMIN, &f->path);
	len = authority_value(rec, pack.len, &f->path, f->value, sizeof(f->value));
	f->row.kind = FACT_ADMIN;
	f->row.value_len = (size_t)len;
	assert_int_equal(check(f), DROP_NONE);
	memcpy(f->row.key, f->id[STRANGER].b, ID_BYTES);
	assert_int_equal(check(f), DROP_ROW_SIG);
}

static void rows_of_unknown_owners_wait_and_those_of_members_carry_their_key(void **state)
{
	static const uint16_t kinds[] = {ROW_ENDPOINT, ROW_RANGE, FACT_NETWORK, 40, 90};
	struct rec_member rec = {.name = "n", .wire_min = 1, .wire_max = 1};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		f->row = (struct row_view){.kind = kinds[i], .owner = f->id[NODE]};
		assert_int_equal(check(f), DROP_ROW_OWNER);
	}
	memcpy(rec.pubkey, f->pub[NODE], SIGN_PUB_BYTES);
	member_apply_record(&f->members, member_intern(&f->members, &f->id[NODE]), &rec, 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		f->row = (struct row_view){.kind = kinds[i], .owner = f->id[NODE]};
		assert_int_equal(check(f), DROP_NONE);
		assert_memory_equal(f->found, f->pub[NODE], SIGN_PUB_BYTES);
	}
}

static void a_closure_is_written_by_the_closer_that_its_key_names_alone(void **state)
{
	struct rec_member rec = {.name = "n", .wire_min = 1, .wire_max = 1};
	struct fixture *f = *state;

	memcpy(rec.pubkey, f->pub[NODE], SIGN_PUB_BYTES);
	member_apply_record(&f->members, member_intern(&f->members, &f->id[NODE]), &rec, 1);
	f->row =
	    (struct row_view){.kind = FACT_CLOSURE, .owner = f->id[NODE], .key_len = 2 * ID_BYTES};
	memcpy(f->row.key, f->id[CLUSTER].b, ID_BYTES);
	memcpy(f->row.key + ID_BYTES, f->id[NODE].b, ID_BYTES);
	assert_int_equal(check(f), DROP_NONE);
	f->row.key[2 * ID_BYTES - 1] ^= 1;
	assert_int_equal(check(f), DROP_ROW_SIG);
	f->row.key_len = 3;
	assert_int_equal(check(f), DROP_ROW_SIG);
}

static size_t member_value(struct fixture *f, const char *name, int key, uint8_t *out)
{
	struct rec_member rec = {.wire_min = 1, .wire_max = 1};
	int len;

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	memcpy(rec.pubkey, f->pub[key], SIGN_PUB_BYTES);
	hostport_parse("10.0.0.1:7947", 0, &rec.gossip);
	rec.vtep = rec.gossip.ip;
	rec.chain_len = chain_root_encode(&f->ctx, f->sec[CLUSTER], f->pub[NODE], "box",
					  (struct wall){1}, rec.chain);
	len = rec_member_encode(&rec, out, VALUE_BYTES_MAX);
	assert_true(len > 0);
	return (size_t)len;
}

static void a_member_row_needs_a_chain_for_its_key_and_its_name(void **state)
{
	struct fixture *f = *state;
	uint8_t value[VALUE_BYTES_MAX];

	f->row = (struct row_view){.kind = ROW_MEMBER, .owner = f->id[NODE], .value = value};
	f->row.value_len = member_value(f, "box", NODE, value);
	assert_int_equal(check(f), DROP_NONE);
	f->row.value_len = member_value(f, "bob", NODE, value);
	assert_int_equal(check(f), DROP_ROW_SIG);
	f->row.value_len = member_value(f, "box", STRANGER, value);
	assert_int_equal(check(f), DROP_ROW_SIG);
	f->row.owner = f->id[STRANGER];
	assert_int_equal(check(f), DROP_ROW_SIG);
	f->row.owner = f->id[NODE];
	f->row.value_len = 10;
	assert_int_equal(check(f), DROP_ROW);
}

static void nobody_becomes_a_member_over_the_cap(void **state)
{
	struct fixture *f = *state;
	uint8_t value[VALUE_BYTES_MAX];

	f->core.limits.members_max = 1;
	member_intern(&f->members, &f->id[STRANGER]);
	f->row = (struct row_view){.kind = ROW_MEMBER, .owner = f->id[NODE], .value = value};
	f->row.value_len = member_value(f, "box", NODE, value);
	assert_int_equal(check(f), DROP_ROW_CAP);
}

/* The row of NODE with a chain whose admitter is this key. */
static void admitted_by(struct fixture *f, int admitter, uint8_t *value)
{
	struct rec_member rec = {.name = "box", .wire_min = 1, .wire_max = 1};
	struct admission_sig sig = {.at = {4}};
	struct token_cert cert = {.id = {{7}}, .expires = {5}};
	uint8_t bind[SIG_BYTES], name_hash[NAME_HASH_BYTES];
	int len;

	memcpy(cert.pub, f->pub[5], SIGN_PUB_BYTES);
	token_cert_sign(&f->ctx, &f->path, f->sec[ADMIN], &cert);
	chain_bind(&f->ctx, &cert.id, f->sec[5], f->pub[NODE], bind);
	memcpy(sig.admitter, f->pub[admitter], SIGN_PUB_BYTES);
	chain_name_hash(f->ctx.crypto, "box", name_hash);
	chain_admit(&f->ctx, &cert, f->pub[NODE], name_hash, f->sec[admitter], &sig);
	memcpy(rec.pubkey, f->pub[NODE], SIGN_PUB_BYTES);
	hostport_parse("10.0.0.1:7947", 0, &rec.gossip);
	rec.chain_len = chain_token_encode(&f->path, &cert, bind, &sig, rec.chain);
	len = rec_member_encode(&rec, value, VALUE_BYTES_MAX);
	assert_true(len > 0);
	f->row = (struct row_view){
	    .kind = ROW_MEMBER, .owner = f->id[NODE], .value = value, .value_len = (size_t)len};
}

static enum introduction introduction(struct fixture *f, int by)
{
	struct id admitter;
	enum introduction found = authority_introduction(&f->core, &f->members, &f->row, &admitter);

	if (by == 0)
		assert_true(id_is_zero(&admitter));
	else
		assert_memory_equal(admitter.b, f->id[by].b, ID_BYTES);
	return found;
}

static void nobody_introduces_itself_by_the_word_of_a_stranger(void **state)
{
	struct fixture *f = *state;
	uint8_t value[VALUE_BYTES_MAX];

	/* The holder of an old token lets itself in by a key of its own: the chain is whole. */
	admitted_by(f, STRANGER, value);
	assert_int_equal(check(f), DROP_NONE);
	assert_int_equal(introduction(f, STRANGER), INTRODUCTION_STRANGE);
	f->core.self.id = f->id[STRANGER]; /* unless it was this node that admitted it */
	assert_int_equal(introduction(f, STRANGER), INTRODUCTION_GOOD);
	f->row.value_len = member_value(f, "box", NODE, value);
	assert_int_equal(introduction(f, 0), INTRODUCTION_GOOD); /* or the cluster key */
	f->row.kind = ROW_TAGS;
	assert_int_equal(introduction(f, 0), INTRODUCTION_STRANGE);
}

static void
a_removed_node_admits_nobody_by_whatever_date_while_members_still_tell_of_them(void **state)
{
	struct rec_member rec = {.name = "r", .wire_min = 1, .wire_max = 1};
	struct fixture *f = *state;
	uint8_t value[VALUE_BYTES_MAX];
	struct member *admitter;

	admitted_by(f, STRANGER, value);
	memcpy(rec.pubkey, f->pub[STRANGER], SIGN_PUB_BYTES);
	admitter = member_intern(&f->members, &f->id[STRANGER]);
	assert_int_equal(introduction(f, STRANGER), INTRODUCTION_STRANGE);
	member_apply_record(&f->members, admitter, &rec, 1);
	assert_int_equal(introduction(f, STRANGER), INTRODUCTION_GOOD);
	member_set_state(&f->members, admitter, MEMBER_REMOVED);
	assert_int_equal(introduction(f, STRANGER), INTRODUCTION_VOID);
	assert_int_equal(check(f), DROP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_fact_with_its_authors_path_needs_nothing_else_to_be_believed),
	    TEST(the_record_of_a_fact_is_read_past_the_path_behind_it),
	    TEST(somebody_elses_path_makes_nobody_an_admin),
	    TEST(a_path_that_the_cluster_key_did_not_sign_is_refused),
	    TEST(values_cut_or_without_a_path_are_malformed),
	    TEST(a_new_admins_path_must_end_in_the_key_of_the_fact),
	    TEST(rows_of_unknown_owners_wait_and_those_of_members_carry_their_key),
	    TEST(a_closure_is_written_by_the_closer_that_its_key_names_alone),
	    TEST(a_member_row_needs_a_chain_for_its_key_and_its_name),
	    TEST(nobody_introduces_itself_by_the_word_of_a_stranger),
	    TEST(a_removed_node_admits_nobody_by_whatever_date_while_members_still_tell_of_them),
	    TEST(nobody_becomes_a_member_over_the_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
