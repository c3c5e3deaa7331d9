/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/hostcheck/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>
#include <stdlib.h>
#include <string.h>

#include "test/base/cmocka_all.h"

#define BIT(state) XT_CONNTRACK_STATE_BIT(state)

/* Reads a copy that ends where the bytes do, and holds it against this text; NULL: it is not read.
 */
static void expect_read(const char *match, unsigned revision, const void *info, size_t bytes,
			const char *wanted)
{
	char *copy = malloc(bytes > 0 ? bytes : 1), *text;
	json_t *list;

	assert_non_null(copy);
	memcpy(copy, info, bytes);
	list = conntrack_read(match, revision, copy, bytes);
	free(copy);
	if (!wanted) {
		assert_null(list);
		return;
	}
	text = json_dumps(list, JSON_COMPACT);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(list);
}

#define IN(op, states)                                                                            \
	"[{\"match\":{\"op\":\"" op "\",\"left\":{\"ct\":{\"key\":\"state\"}},\"right\":[" states \
	"]}}]"

static void states_of_each_revision_are_read(void **state)
{
	const struct xt_conntrack_mtinfo1 first = {.match_flags = XT_CONNTRACK_STATE,
						   .state_mask = BIT(IP_CT_NEW)};
	const struct xt_conntrack_mtinfo2 second = {.match_flags = XT_CONNTRACK_STATE,
						    .invert_flags = XT_CONNTRACK_STATE,
						    .state_mask = XT_CONNTRACK_STATE_UNTRACKED |
								  XT_CONNTRACK_STATE_INVALID};
	const struct xt_conntrack_mtinfo3 third = {
	    .match_flags = XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS,
	    .invert_flags = XT_CONNTRACK_PROTO,
	    .state_mask = BIT(IP_CT_ESTABLISHED) | BIT(IP_CT_RELATED) | XT_CONNTRACK_STATE_SNAT |
			  XT_CONNTRACK_STATE_DNAT};
	const struct xt_state_info old = {.statemask = BIT(IP_CT_NEW) | XT_STATE_UNTRACKED};

	(void)state;
	expect_read("conntrack", 1, &first, sizeof(first), IN("in", "\"new\""));
	expect_read("conntrack", 2, &second, sizeof(second), IN("!=", "\"invalid\",\"untracked\""));
	expect_read("conntrack", 3, &third, sizeof(third),
		    IN("in", "\"established\",\"related\",\"snat\",\"dnat\""));
	expect_read("state", 0, &old, sizeof(old), IN("in", "\"new\",\"untracked\""));
}

static void what_else_is_asked_for_is_not_judged(void **state)
{
	const struct xt_conntrack_mtinfo3 asked = {.match_flags = XT_CONNTRACK_DIRECTION};

	(void)state;
	expect_read("conntrack", 3, &asked, sizeof(asked),
		    "[{\"xt\":{\"type\":\"match\",\"name\":\"conntrack by others\"}}]");
	assert_true(conntrack_is("conntrack") && conntrack_is("state"));
	assert_false(conntrack_is("conntrack by others") || conntrack_is(""));
}

static void bytes_that_are_cut_or_of_other_revisions_are_not_read(void **state)
{
	const size_t sizes[] = {0, sizeof(struct xt_conntrack_mtinfo1),
				sizeof(struct xt_conntrack_mtinfo2),
				sizeof(struct xt_conntrack_mtinfo3)};
	unsigned char bytes[256];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	for (unsigned revision = 1; revision <= 3; revision++) {
		for (size_t len = 0; len < sizes[revision]; len++)
			expect_read("conntrack", revision, bytes, len, NULL);
	}
	for (size_t len = 0; len < sizeof(struct xt_state_info); len++)
		expect_read("state", 0, bytes, len, NULL);
	expect_read("conntrack", 0, bytes, sizeof(bytes), NULL);
	expect_read("conntrack", 4, bytes, sizeof(bytes), NULL);
	expect_read("conntrack", UINT32_MAX, bytes, sizeof(bytes), NULL);
	expect_read("state", 1, bytes, sizeof(bytes), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_of_each_revision_are_read),
	    cmocka_unit_test(what_else_is_asked_for_is_not_judged),
	    cmocka_unit_test(bytes_that_are_cut_or_of_other_revisions_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
