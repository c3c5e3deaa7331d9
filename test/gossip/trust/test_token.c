/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "gossip/trust/token.h"
#include "test/gossip/seeded.h"
#include "test/gossip/vectors/wire_v1.h"
#include "test/base/cmocka_all.h"

struct fixture {
	struct seeded seeded;
	struct chain_ctx ctx;
	uint8_t cluster_pub[SIGN_PUB_BYTES], cluster_sec[SIGN_SEC_BYTES];
	uint8_t admin_pub[SIGN_PUB_BYTES], admin_sec[SIGN_SEC_BYTES];
	struct admin_path path;
	struct rec_token terms;
	struct token token;
	char text[TOKEN_TEXT_MAX];
	struct weft_err err;
};

static int setup(void **state)
{
	static struct fixture f;
	const struct gossip_crypto *crypto;
	struct admin_path none = {.len = 0};

	memset(&f, 0, sizeof(f));
	crypto = seeded_init(&f.seeded, 42);
	seeded_pair(crypto, 1, f.cluster_pub, f.cluster_sec);
	seeded_pair(crypto, 2, f.admin_pub, f.admin_sec);
	f.ctx = (struct chain_ctx){.crypto = crypto, .cluster_pub = f.cluster_pub};
	path_extend(&f.ctx, &none, f.cluster_sec, f.admin_pub, (struct wall){5}, &f.path);
	f.terms = (struct rec_token){.expires = {86400000}, .name_pattern = "web*"};
	f.terms.tag_count = 1;
	snprintf(f.terms.tags[0].key, sizeof(f.terms.tags[0].key), "%s", "role");
	snprintf(f.terms.tags[0].value, sizeof(f.terms.tags[0].value), "%s", "web");
	assert_int_equal(token_make(&f.ctx, &f.path, f.admin_sec, &f.terms, &f.token, &f.err), 0);
	f.token.addr_count = 2;
	hostport_parse("192.0.2.1:7947", 0, &f.token.addrs[0]);
	hostport_parse("[2001:db8::1]:7948", 0, &f.token.addrs[1]);
	assert_true(token_format(crypto, &f.token, f.text, &f.err) > 0);
	*state = &f;
	return 0;
}

static int parse(struct fixture *f, const char *text, struct token *token)
{
	f->err = (struct weft_err){0};
	return token_parse(f->ctx.crypto, text, token, &f->err);
}

static void a_token_reads_back_as_it_was_written(void **state)
{
	struct fixture *f = *state;
	struct token read;

	assert_int_equal(parse(f, f->text, &read), 0);
	assert_memory_equal(read.cluster_pub, f->cluster_pub, SIGN_PUB_BYTES);
	assert_memory_equal(read.seed, f->token.seed, SEED_BYTES);
	assert_true(id_eq(&read.cert.id, &f->token.cert.id));
	assert_int_equal(read.cert.expires.ms, 86400000);
	assert_string_equal(read.terms.name_pattern, "web*");
	assert_int_equal(read.terms.tag_count, 1);
	assert_string_equal(read.terms.tags[0].value, "web");
	assert_int_equal(read.addr_count, 2);
	assert_true(hostport_eq(&read.addrs[0], &f->token.addrs[0]));
	assert_true(hostport_eq(&read.addrs[1], &f->token.addrs[1]));
}

static size_t large_wipes;

static void wipe_counted(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 0, len);
	large_wipes += len > 500; /* the bytes of a token, or a struct token */
}

static void nothing_of_a_token_that_is_refused_stays_in_memory(void **state)
{
	static const char *const damaged[] = {"", "weft1-", "weft1-AAAA", "weft2-AAAA"};
	struct fixture *f = *state;
	struct gossip_crypto crypto = *f->ctx.crypto;
	struct token token, zero;

	crypto.wipe = wipe_counted;
	memset(&zero, 0, sizeof(zero));
	for (size_t i = 0; i <= sizeof(damaged) / sizeof(damaged[0]); i++) {
		memset(&token, 0xaa, sizeof(token));
		f->text[60] ^= 1;
		large_wipes = 0;
		assert_int_equal(
		    token_parse(&crypto, i > 0 ? damaged[i - 1] : f->text, &token, &f->err),
		    WEFT_E_TOKEN_INVALID);
		assert_int_equal(large_wipes, 2);
		assert_memory_equal(&token, &zero, sizeof(token));
		f->text[60] ^= 1;
	}
	large_wipes = 0;
	assert_int_equal(token_parse(&crypto, f->text, &token, &f->err), 0);
	assert_int_equal(large_wipes, 1);
}

static void a_token_is_one_line_of_printable_text(void **state)
{
	struct fixture *f = *state;

	assert_memory_equal(f->text, "weft1-", 6);
	for (const char *c = f->text; *c != '\0'; c++)
		assert_true((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_');
}

static void spaces_and_line_ends_around_a_token_do_not_matter(void **state)
{
	struct fixture *f = *state;
	char wide[TOKEN_TEXT_MAX + 16];
	struct token read;

	snprintf(wide, sizeof(wide), " \t%s\r\n", f->text);
	assert_int_equal(parse(f, wide, &read), 0);
}

static void every_changed_missing_or_doubled_character_is_found(void **state)
{
	struct fixture *f = *state;
	size_t len = strlen(f->text);
	char text[TOKEN_TEXT_MAX + 2];
	struct token read;

	for (size_t i = 6; i < len; i++) {
		snprintf(text, sizeof(text), "%s", f->text);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(parse(f, text, &read), WEFT_E_TOKEN_INVALID);
		assert_non_null(strstr(f->err.message, "damaged"));
		memmove(text + i, f->text + i + 1, len - i);
		assert_int_equal(parse(f, text, &read), WEFT_E_TOKEN_INVALID);
		snprintf(text, sizeof(text), "%s", f->text);
		memmove(text + i + 1, f->text + i, len - i + 1);
		assert_int_equal(parse(f, text, &read), WEFT_E_TOKEN_INVALID);
	}
}

static void what_is_no_token_is_told_from_a_damaged_one(void **state)
{
	static const char *const texts[] = {"", "weft", "SWMTKN-1-abc", "weft2-AAAA"};
	struct fixture *f = *state;
	struct token read;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(f, texts[i], &read), WEFT_E_TOKEN_INVALID);
		assert_non_null(strstr(f->err.message, "no join token"));
	}
	assert_int_equal(parse(f, "weft1-", &read), WEFT_E_TOKEN_INVALID);
	assert_non_null(strstr(f->err.message, "damaged"));
}

static void a_token_of_somebody_who_is_no_admin_is_refused(void **state)
{
	struct fixture *f = *state;
	struct token read;

	/* Signed anew in every part that the forger can sign, checksum included. */
	token_cert_sign(&f->ctx, &f->path, f->cluster_sec, &f->token.cert);
	assert_true(token_format(f->ctx.crypto, &f->token, f->text, &f->err) > 0);
	assert_int_equal(parse(f, f->text, &read), WEFT_E_TOKEN_INVALID);
	assert_non_null(strstr(f->err.message, "not signed by an admin"));
}

static void a_longer_life_than_the_admin_signed_is_refused(void **state)
{
	struct fixture *f = *state;
	struct token read;

	f->token.cert.expires.ms += 1;
	assert_true(token_format(f->ctx.crypto, &f->token, f->text, &f->err) > 0);
	assert_int_equal(parse(f, f->text, &read), WEFT_E_TOKEN_INVALID);
}

static void a_long_token_gives_up_addresses_before_it_fails(void **state)
{
	struct fixture *f = *state;
	struct admin_path deep = f->path;
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	struct rec_token terms = {.expires = {1}, .tag_count = 4};
	struct token token, read;

	seeded_pair(f->ctx.crypto, 3, pub, sec);
	assert_int_equal(path_extend(&f->ctx, &f->path, f->admin_sec, pub, (struct wall){6}, &deep),
			 0);
	f->path = deep;
	assert_int_equal(path_extend(&f->ctx, &f->path, sec, f->admin_pub, (struct wall){7}, &deep),
			 0);
	for (int i = 0; i < 4; i++) {
		snprintf(terms.tags[i].key, NAME_BYTES, "key%d", i);
		memset(terms.tags[i].value, 'v', 62);
	}
	assert_int_equal(token_make(&f->ctx, &deep, f->admin_sec, &terms, &token, &f->err), 0);
	token.addr_count = TOKEN_SEEDS_MAX;
	for (int i = 0; i < TOKEN_SEEDS_MAX; i++)
		hostport_parse("[2001:db8::1]:7948", 0, &token.addrs[i]);
	assert_true(token_format(f->ctx.crypto, &token, f->text, &f->err) > 0);
	assert_int_equal(parse(f, f->text, &read), 0);
	assert_in_range(read.addr_count, 1, TOKEN_SEEDS_MAX);
}

static void terms_too_long_for_a_proof_are_refused_when_the_token_is_made(void **state)
{
	struct fixture *f = *state;
	struct token token;

	f->terms.tag_count = 4;
	for (int i = 0; i < 4; i++) {
		memset(f->terms.tags[i].key, 'a' + i, 62);
		memset(f->terms.tags[i].value, 'v', 62);
	}
	assert_int_equal(token_make(&f->ctx, &f->path, f->admin_sec, &f->terms, &token, &f->err),
			 WEFT_E_INVALID);
	assert_non_null(strstr(f->err.message, "shorter tags"));
}

static void the_text_of_a_token_is_that_of_version_1(void **state)
{
	struct fixture *f = *state;

	if (strcmp(f->text, vector_token) != 0)
		print_error("%s\n", f->text);
	assert_string_equal(f->text, vector_token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_token_reads_back_as_it_was_written, setup),
	    cmocka_unit_test_setup(nothing_of_a_token_that_is_refused_stays_in_memory, setup),
	    cmocka_unit_test_setup(a_token_is_one_line_of_printable_text, setup),
	    cmocka_unit_test_setup(spaces_and_line_ends_around_a_token_do_not_matter, setup),
	    cmocka_unit_test_setup(every_changed_missing_or_doubled_character_is_found, setup),
	    cmocka_unit_test_setup(what_is_no_token_is_told_from_a_damaged_one, setup),
	    cmocka_unit_test_setup(a_token_of_somebody_who_is_no_admin_is_refused, setup),
	    cmocka_unit_test_setup(a_longer_life_than_the_admin_signed_is_refused, setup),
	    cmocka_unit_test_setup(a_long_token_gives_up_addresses_before_it_fails, setup),
	    cmocka_unit_test_setup(terms_too_long_for_a_proof_are_refused_when_the_token_is_made,
				   setup),
	    cmocka_unit_test_setup(the_text_of_a_token_is_that_of_version_1, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
