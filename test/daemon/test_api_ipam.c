/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "api_kit.h"
#include "daemon/node/finding.h"

static int set_up(void **state)
{
	struct api_lab *lab = api_lab_new(2);

	cluster_network(lab->cluster, 0, "blue", "10.64.1.0/28");
	cluster_run(lab->cluster, 1000);
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

static int reserve(struct api_lab *lab, const char *address, const char *name)
{
	json_t *fields = json_pack("{s:s,s:s}", "network", "blue", "name", name);

	if (address != NULL)
		json_object_set_new(fields, "address", json_string(address));
	return api_lab_call(lab, API_IPAM_RESERVE, fields);
}

static int release(struct api_lab *lab, const char *address, bool force)
{
	return api_lab_call(
	    lab, API_IPAM_RELEASE,
	    json_pack("{s:s,s:s,s:b}", "network", "blue", "address", address, "force", force));
}

static const json_t *lease_at(const struct api_lab *lab, const char *address)
{
	const json_t *lease;
	size_t i;

	json_array_foreach(json_object_get(lab->answer, "leases"), i, lease)
	{
		if (strcmp(json_string_value(json_object_get(lease, "address")), address) == 0)
			return lease;
	}
	return NULL;
}

static void a_reservation_is_a_lease_without_endpoint_and_mac(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(reserve(lab, "10.64.1.5", "printer"), 0);
	assert_string_equal(answer_text(lab, "address"), "10.64.1.5");
	assert_string_equal(answer_text(lab, "network"), "blue");
	assert_string_equal(answer_text(lab, "name"), "printer");
	assert_string_equal(answer_text(lab, "state"), "reserved");
	assert_true(json_is_null(json_object_get(lab->answer, "endpoint")));
	assert_true(json_is_null(json_object_get(lab->answer, "mac")));
}

static void leases_are_listed_of_all_networks_or_of_one(void **state)
{
	struct api_lab *lab = *state;

	cluster_network(lab->cluster, 0, "red", "10.64.2.0/28");
	assert_int_equal(reserve(lab, "10.64.1.5", "a"), 0);
	assert_int_equal(
	    api_lab_call(lab, API_IPAM_RESERVE,
			 json_pack("{s:s,s:s}", "network", "red", "address", "10.64.2.6")),
	    0);
	assert_int_equal(api_lab_call(lab, API_IPAM_LS, NULL), 0);
	assert_non_null(lease_at(lab, "10.64.1.5"));
	assert_non_null(lease_at(lab, "10.64.2.6"));
	assert_int_equal(api_lab_call(lab, API_IPAM_LS, json_pack("{s:s}", "network", "red")), 0);
	assert_null(lease_at(lab, "10.64.1.5"));
	assert_non_null(lease_at(lab, "10.64.2.6"));
}

static void what_cools_down_is_nobodys_lease(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(reserve(lab, "10.64.1.5", "a"), 0);
	assert_int_equal(release(lab, "10.64.1.5", false), 0);
	assert_int_equal(cluster_leases(lab->cluster, 0, true), 1);
	assert_int_equal(api_lab_call(lab, API_IPAM_LS, NULL), 0);
	assert_null(lease_at(lab, "10.64.1.5"));
}

static void an_address_that_is_taken_is_a_conflict_that_says_who_has_it(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(reserve(lab, "10.64.1.5", "printer"), 0);
	assert_int_equal(reserve(lab, "10.64.1.5", "scanner"), WEFT_E_ADDRESS_IN_USE);
	assert_non_null(strstr(lab->err.message, "10.64.1.5"));
	assert_non_null(strstr(lab->err.message, "printer"));
}

static void what_is_no_address_no_name_and_no_network_is_refused_with_what_would_be(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_IPAM_RESERVE,
		     json_pack("{s:s,s:s}", "network", "blue", "address", "10.64.1"),
		     WEFT_E_INVALID, "\"10.64.1\" is not an address; write ");
	assert_fails(lab, API_IPAM_RELEASE,
		     json_pack("{s:s,s:s}", "network", "blue", "address", "ten"), WEFT_E_INVALID,
		     "\"ten\" is not an address");
	assert_fails(lab, API_IPAM_RESERVE,
		     json_pack("{s:s,s:s}", "network", "blue", "name", "a b"), WEFT_E_INVALID,
		     "\"a b\" is not a name; use ");
	for (size_t i = 0; i < 3; i++) {
		static const enum api_id ids[] = {API_IPAM_LS, API_IPAM_RESERVE, API_IPAM_RELEASE};

		assert_fails(lab, ids[i],
			     json_pack("{s:s,s:s}", "network", "green", "address", "10.64.1.5"),
			     WEFT_E_NOT_FOUND, "no network \"green\"");
	}
	assert_int_equal(cluster_leases(lab->cluster, 0, false), 0);
}

static void the_address_of_a_box_is_not_released(void **state)
{
	struct api_lab *lab = *state;
	struct id network = cluster_network(lab->cluster, 0, "red", "10.64.2.0/28");
	struct node_answer box = cluster_attached(lab->cluster, 0, &network, 77);
	char address[INET_TEXT_BYTES];

	inet_format(&box.addrs[0].ip, address);
	assert_int_not_equal(
	    api_lab_call(lab, API_IPAM_RELEASE,
			 json_pack("{s:s,s:s}", "network", "red", "address", address)),
	    0);
	assert_int_equal(api_lab_call(lab, API_IPAM_LS, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(lease_at(lab, address), "state")),
			    "leased");
}

static void a_check_counts_leases_and_finds_nothing_where_all_is_well(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(reserve(lab, NULL, "a"), 0);
	assert_int_equal(reserve(lab, NULL, "b"), 0);
	assert_int_equal(api_lab_call(lab, API_IPAM_CHECK, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(lab->answer, "leases")), 2);
	assert_int_equal(json_array_size(json_object_get(lab->answer, "findings")), 0);
}

static void each_finding_has_a_word_and_names_the_other_host(void **state)
{
	static const char *const words[] = {"leak", "double", "stray", "conflict", "lost"};
	struct api_lab *lab = *state;
	struct node_finding findings[5] = {{0}};
	struct node_answer answer = {.finding_count = 5, .findings = findings};
	const json_t *list;

	for (size_t i = 0; i < 5; i++) {
		findings[i].kind = (enum node_finding_kind)(FINDING_LEAK + i);
		findings[i].address = inet_from_v4(0x0a400105);
		findings[i].network.b[0] = 9;
		if (i > 0)
			findings[i].other = lab->cluster->hosts[1].id;
		findings[i].fixed = i == 0;
		findings[i].remedy = (enum node_remedy)(REMEDY_RELEASE + i);
	}
	assert_int_equal(api_lab_call(lab, API_IPAM_CHECK, NULL), 0);
	json_decref(lab->answer);
	lab->answer = NULL;
	api_lab_answered(lab, &answer);
	list = json_object_get(lab->answer, "findings");
	assert_int_equal(json_array_size(list), 5);
	for (size_t i = 0; i < 5; i++) {
		const json_t *finding = json_array_get(list, i), *other, *remedy;

		other = json_object_get(finding, "other");
		remedy = json_object_get(finding, "remedy");
		assert_int_equal(json_is_string(remedy), i != 0);
		assert_string_equal(json_string_value(json_object_get(finding, "kind")), words[i]);
		assert_int_equal(json_is_true(json_object_get(finding, "fixed")), i == 0);
		assert_true(json_is_null(json_object_get(finding, "endpoint")));
		if (i > 0)
			assert_string_equal(json_string_value(other), "host1");
		else
			assert_true(json_is_null(other));
	}
}

static void a_repair_goes_further_only_where_there_is_one(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_IPAM_CHECK, json_pack("{s:b}", "force", true), WEFT_E_INVALID,
		     "--force says how far --fix may go");
	assert_int_equal(
	    api_lab_call(lab, API_IPAM_CHECK, json_pack("{s:b,s:b}", "fix", true, "force", true)),
	    0);
}

static void who_left_is_told_that_and_leases_nothing(void **state)
{
	struct api_lab *lab = *state;
	struct node_request leave = {.kind = NODE_LEAVE, .flag = true};

	assert_int_equal(cluster_call(lab->cluster, 1, &leave)->err.code, 0);
	api_lab_be(lab, 1);
	assert_fails(lab, API_IPAM_RESERVE, json_pack("{s:s}", "network", "blue"),
		     WEFT_E_NO_CLUSTER, "left its cluster");
	assert_fails(lab, API_IPAM_CHECK, NULL, WEFT_E_NO_CLUSTER, "weft reset");
	assert_fails(lab, API_IPAM_RELEASE,
		     json_pack("{s:s,s:s}", "network", "blue", "address", "10.64.1.5"),
		     WEFT_E_NO_CLUSTER, "left its cluster");
}

static void a_host_that_waits_leases_again_once_its_operator_says_so(void **state)
{
	struct api_lab *lab = *state;

	lab->cluster->hosts[0].unreachable = lab->cluster->hosts[0].marker_lost = true;
	cluster_stop(lab->cluster, 0);
	cluster_start(lab->cluster, 0);
	cluster_run(lab->cluster, 30000);
	api_lab_be(lab, 0);
	assert_int_equal(reserve(lab, NULL, "a"), WEFT_E_GUARDED);
	assert_non_null(strstr(lab->err.message, "weft ipam confirm"));
	assert_int_equal(api_lab_call(lab, API_IPAM_CONFIRM, NULL), 0);
	assert_int_equal(reserve(lab, NULL, "a"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(a_reservation_is_a_lease_without_endpoint_and_mac),
	    TEST(leases_are_listed_of_all_networks_or_of_one),
	    TEST(what_cools_down_is_nobodys_lease),
	    TEST(an_address_that_is_taken_is_a_conflict_that_says_who_has_it),
	    TEST(what_is_no_address_no_name_and_no_network_is_refused_with_what_would_be),
	    TEST(the_address_of_a_box_is_not_released),
	    TEST(a_check_counts_leases_and_finds_nothing_where_all_is_well),
	    TEST(each_finding_has_a_word_and_names_the_other_host),
	    TEST(a_repair_goes_further_only_where_there_is_one),
	    TEST(who_left_is_told_that_and_leases_nothing),
	    TEST(a_host_that_waits_leases_again_once_its_operator_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
