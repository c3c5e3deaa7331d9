/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What people are told of a fence. */
#include "api_kit.h"

/* What the core says: see CMakeLists. */
static struct id admitter, refuser;

enum node_fence __wrap_gossip_fence(const struct gossip *g);
bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by);
bool __wrap_gossip_refused_by(const struct gossip *g, struct id *by);

enum node_fence __wrap_gossip_fence(const struct gossip *g)
{
	(void)g;
	return FENCE_VOID;
}

bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by)
{
	(void)g;
	if (by != NULL)
		*by = admitter;
	return true;
}

bool __wrap_gossip_refused_by(const struct gossip *g, struct id *by)
{
	(void)g;
	*by = refuser;
	return !id_is_zero(by);
}

static int set_up(void **state)
{
	struct api_lab *lab = api_lab_new(3);

	admitter = gossip_self(node_gossip(lab->cluster->hosts[0].node));
	refuser = id_none;
	api_lab_be(lab, 2);
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

static struct weft_err fence(struct api_lab *lab)
{
	struct weft_err err = {0};

	assert_int_equal(api_fence(&lab->d, &err), WEFT_E_FENCED);
	assert_non_null(strstr(err.message, "fenced: host"));
	assert_non_null(strstr(err.message, "weft join with a fresh token"));
	return err;
}

static void who_is_refused_is_told_by_whom(void **state)
{
	struct api_lab *lab = *state;
	struct weft_err err;

	refuser = gossip_self(node_gossip(lab->cluster->hosts[1].node));
	err = fence(lab);
	assert_non_null(strstr(err.message, "so they refuse it; unless"));
	assert_non_null(strstr(err.message, " (host1 says so)"));
}

/* It may be known to all: what is said sends nobody to a reset as long as a word may come. */
static void who_was_not_told_is_not_said_to_be_refused(void **state)
{
	struct api_lab *lab = *state;
	struct weft_err err = fence(lab);

	assert_null(strstr(err.message, "refuse"));
	assert_null(strstr(err.message, "says so"));
	assert_non_null(strstr(err.message, "has heard of nobody else since: it waits for a "
					    "member's word"));
	assert_non_null(strstr(err.message, "(only if none ever speaks to it: detach"));
	assert_string_equal(strrchr(err.message, ')'), ")");
}

static void who_was_removed_need_not_have_admitted_it(void **state)
{
	struct api_lab *lab = *state;
	struct weft_err err = fence(lab);

	assert_non_null(strstr(err.message, "fenced: host0 admitted this node and was removed"));
	admitter = gossip_self(node_gossip(lab->cluster->hosts[1].node));
	err = fence(lab);
	assert_non_null(
	    strstr(err.message, "host1 admitted this node, or one through whom it came in, and"));
}

static void and_that_one_that_has_failed_is_to_be_removed(void **state)
{
	struct api_lab *lab = *state;
	struct weft_err err;

	refuser = gossip_self(node_gossip(lab->cluster->hosts[1].node));
	cluster_stop(lab->cluster, 1);
	cluster_run(lab->cluster, 20000);
	err = fence(lab);
	assert_non_null(strstr(err.message, "host1 says so, which has failed"));
	assert_non_null(strstr(err.message, "weft node rm host1 there ends it)"));
	cluster_start(lab->cluster, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(who_is_refused_is_told_by_whom),
	    TEST(who_was_not_told_is_not_said_to_be_refused),
	    TEST(who_was_removed_need_not_have_admitted_it),
	    TEST(and_that_one_that_has_failed_is_to_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
