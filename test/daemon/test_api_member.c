/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "api_kit.h"
#include "daemon/api/json.h"

static int set_up(void **state)
{
	*state = api_lab_new(3);
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

static const json_t *listed(const struct api_lab *lab, const char *name)
{
	const json_t *list = json_object_get(lab->answer, "members"), *member;
	size_t i;

	json_array_foreach(list, i, member)
	{
		if (strcmp(json_string_value(json_object_get(member, "name")), name) == 0)
			return member;
	}
	return NULL;
}

static void assert_state(struct api_lab *lab, const char *name, const char *state)
{
	assert_int_equal(api_lab_call(lab, API_MEMBERS, NULL), 0);
	assert_non_null(listed(lab, name));
	assert_string_equal(json_string_value(json_object_get(listed(lab, name), "state")), state);
}

static void members_are_listed_with_this_one_and_its_rights_marked(void **state)
{
	struct api_lab *lab = *state;

	assert_state(lab, "host0", "alive");
	assert_state(lab, "host2", "alive");
	assert_int_equal(json_array_size(json_object_get(lab->answer, "members")), 3);
	assert_true(json_is_true(json_object_get(listed(lab, "host0"), "self")));
	assert_true(json_is_true(json_object_get(listed(lab, "host0"), "admin")));
	assert_true(json_is_false(json_object_get(listed(lab, "host1"), "self")));
	assert_true(json_is_false(json_object_get(listed(lab, "host1"), "admin")));
}

static void a_member_is_shown_by_its_name_its_id_or_the_beginning_of_that(void **state)
{
	struct api_lab *lab = *state;
	char id[ID_TEXT_BYTES], begin[9];

	id_format(&lab->cluster->hosts[1].id, id);
	snprintf(begin, sizeof(begin), "%.8s", id);
	for (size_t i = 0; i < 3; i++) {
		const char *text = (const char *const[]){"host1", id, begin}[i];

		assert_int_equal(
		    api_lab_call(lab, API_NODE_INSPECT, json_pack("{s:s}", "node", text)), 0);
		assert_string_equal(answer_text(lab, "id"), id);
		assert_string_equal(answer_text(lab, "vtep"), "10.0.0.2");
		assert_true(json_is_integer(json_object_get(lab->answer, "heard_ms")));
	}
}

static void nobody_hears_itself(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(api_lab_call(lab, API_NODE_INSPECT, json_pack("{s:s}", "node", "host0")),
			 0);
	assert_true(json_is_null(json_object_get(lab->answer, "heard_ms")));
	assert_true(json_is_null(json_object_get(lab->answer, "rtt_ms")));
}

static void a_member_that_nobody_knows_is_not_found(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_NODE_INSPECT, json_pack("{s:s}", "node", "hots1"), WEFT_E_NOT_FOUND,
		     "no member \"hots1\"; see weft members");
	assert_fails(lab, API_NODE_RM, json_pack("{s:s}", "node", "hots1"), WEFT_E_NOT_FOUND,
		     "no member \"hots1\"");
}

static void a_member_that_is_removed_is_so_for_all_and_knows_it(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(api_lab_call(lab, API_NODE_RM,
				      json_pack("{s:s,s:s}", "node", "host2", "reason", "burnt")),
			 0);
	cluster_run(lab->cluster, 1000);
	assert_state(lab, "host2", "removed");
	api_lab_be(lab, 2);
	assert_fails(lab, API_NODE_RM, json_pack("{s:s}", "node", "host1"), WEFT_E_REMOVED,
		     "removed by host0 at ");
	assert_non_null(strstr(lab->err.message, ": burnt; run weft reset"));
}

static void only_an_admin_removes_and_nobody_itself(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_NODE_RM, json_pack("{s:s}", "node", "host0"), WEFT_E_INVALID,
		     "use weft leave");
	api_lab_be(lab, 1);
	assert_int_equal(api_lab_call(lab, API_NODE_RM, json_pack("{s:s}", "node", "host2")),
			 WEFT_E_DENIED);
	api_lab_be(lab, 0);
	assert_state(lab, "host2", "alive");
}

static void a_reason_that_no_record_holds_is_refused_before_anybody_is_removed(void **state)
{
	struct api_lab *lab = *state;
	char reason[NAME_BYTES + 1];

	memset(reason, 'x', NAME_BYTES);
	reason[NAME_BYTES] = '\0';
	assert_fails(lab, API_NODE_RM, json_pack("{s:s,s:s}", "node", "host2", "reason", reason),
		     WEFT_E_INVALID, "--reason has at most");
	cluster_run(lab->cluster, 1000);
	assert_state(lab, "host2", "alive");
}

static void an_address_that_others_cannot_use_is_refused(void **state)
{
	static const char *const texts[] = {"nonsense", "0.0.0.0", "127.0.0.1", "10.0.0.9:99999"};
	struct api_lab *lab = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_fails(lab, API_NODE_ADVERTISE, json_pack("{s:s}", "address", texts[i]),
			     WEFT_E_INVALID, texts[i]);
		assert_false(lab->d.advertise_chosen);
	}
}

static void an_address_that_is_chosen_is_told_to_others(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(
	    api_lab_call(lab, API_NODE_ADVERTISE, json_pack("{s:s}", "address", "10.0.0.77")), 0);
	assert_true(lab->d.advertise_chosen);
	cluster_run(lab->cluster, 1000);
	api_lab_be(lab, 1);
	assert_int_equal(api_lab_call(lab, API_NODE_INSPECT, json_pack("{s:s}", "node", "host0")),
			 0);
	assert_string_equal(answer_text(lab, "vtep"), "10.0.0.77");
}

/* Who has just begun to take part in a network knows none of its endpoints yet. */
static void who_is_named_to_list_a_network_is_another_host_if_there_is_one(void **state)
{
	struct api_lab *lab = *state;
	const struct id network = cluster_network(lab->cluster, 0, "blue", "10.64.1.0/24");

	cluster_run(lab->cluster, 1000);
	cluster_attached(lab->cluster, 0, &network, 21);
	cluster_run(lab->cluster, 1000);
	for (size_t i = 0; i < 3; i++) {
		api_lab_be(lab, i);
		assert_string_equal(network_sums(&lab->d, &network).host, "host0");
	}
	cluster_attached(lab->cluster, 1, &network, 22);
	cluster_attached(lab->cluster, 2, &network, 23);
	cluster_run(lab->cluster, 1000);
	for (size_t i = 0; i < 3; i++) {
		char self[8];

		snprintf(self, sizeof(self), "host%zu", i);
		api_lab_be(lab, i);
		assert_string_not_equal(network_sums(&lab->d, &network).host, self);
	}
}

static bool is_warned(struct api_lab *lab, const char *words)
{
	const json_t *list, *text;
	size_t i;

	assert_int_equal(api_lab_call(lab, API_STATUS, NULL), 0);
	list = json_object_get(lab->answer, "warnings");
	assert_true(json_is_array(list));
	json_array_foreach(list, i, text)
	{
		if (strstr(json_string_value(text), words) != NULL)
			return true;
	}
	return false;
}

/* It believes few strangers meanwhile, so that it may have nobody else. */
static void a_newcomer_that_has_not_met_its_admitter_says_what_it_waits_for(void **state)
{
	struct api_lab *lab = *state;
	struct cluster *cluster = lab->cluster;
	const size_t newcomer = cluster_add(cluster);
	struct host *host = &cluster->hosts[newcomer];
	struct node_request join = {.kind = NODE_JOIN, .text = cluster->token};

	cluster_ask(cluster, newcomer, &join);
	for (int ms = 0; gossip_phase(node_gossip(host->node)) != NODE_ACTIVE; ms++) {
		assert_true(ms < 10000);
		cluster_run(cluster, 1);
	}
	cluster->hosts[0].unreachable = true;
	api_lab_be(lab, newcomer);
	assert_true(is_warned(lab, "waits for a first sync with host0, which admitted it"));
	cluster_run(cluster, 60000);
	assert_true(is_warned(lab,
			      "start that host again, or remove it with weft node rm if it "
			      "is gone for good, or weft reset here and join through another"));
	cluster->hosts[0].unreachable = false;
	cluster_run(cluster, 60000);
	assert_false(is_warned(lab, "first sync"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(members_are_listed_with_this_one_and_its_rights_marked),
	    TEST(a_member_is_shown_by_its_name_its_id_or_the_beginning_of_that),
	    TEST(nobody_hears_itself),
	    TEST(a_member_that_nobody_knows_is_not_found),
	    TEST(a_member_that_is_removed_is_so_for_all_and_knows_it),
	    TEST(only_an_admin_removes_and_nobody_itself),
	    TEST(a_reason_that_no_record_holds_is_refused_before_anybody_is_removed),
	    TEST(an_address_that_others_cannot_use_is_refused),
	    TEST(who_is_named_to_list_a_network_is_another_host_if_there_is_one),
	    TEST(an_address_that_is_chosen_is_told_to_others),
	    TEST(a_newcomer_that_has_not_met_its_admitter_says_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
