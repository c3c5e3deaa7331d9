/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdlib.h>

#include "cli/cli.h"
#include "test/base/cmocka_all.h"

static char *print(enum api_id method, const char *json)
{
	struct cli_options options = {.colour = false};
	json_t *answer = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(answer);
	print_answer(&options, api_method(method), answer, out);
	fclose(out);
	json_decref(answer);
	return text;
}

static void answers_are_shown_to_people(void **state)
{
	static const struct {
		enum api_id method;
		const char *json, *text;
	} rows[] = {
	    {API_MEMBERS, "[]", "no members: this host is in no cluster\n"},
	    {API_ADMIN_LS,
	     "[{\"name\":\"h1\",\"id\":\"00112233445566778899aabbccddeeff\",\"state\":\"alive\"}]",
	     "NAME  ID        STATE\nh1    00112233  alive\n"},
	    {API_NETWORK_LS,
	     "[{\"name\":\"blue\",\"id\":\"00112233445566778899aabbccddeeff\",\"vni\":4096,"
	     "\"subnets\":[\"10.0.0.0/24\",\"10.1.0.0/24\"],\"endpoints\":0,\"hosts\":2,"
	     "\"encrypt\":\"none\"}]",
	     "NAME  ID        VNI   SUBNETS                   ENDPOINTS  HOSTS  ENCRYPT\n"
	     "blue  00112233  4096  10.0.0.0/24, 10.1.0.0/24  0          2      none\n"},
	    {API_TOKEN_CREATE, "{\"token\":\"weft1-x\",\"expires\":\"soon\"}", "weft1-x\n"},
	    {API_DETACH, "{\"detached\":false}", "Nothing to detach.\n"},
	    {API_LEAVE, "{\"known\":true}",
	     "This host has left its cluster; weft reset wipes what it keeps of it.\n"},
	    {API_LEAVE, "{\"known\":false}",
	     "This host has left its cluster, but no member has confirmed yet that it has that on "
	     "its disk.\n"
	     "weftd goes on telling them, and weft status says when they know. After weft reset "
	     "nobody\n"
	     "tells them: they take this host for failed until weft node rm.\n"},
	    {API_RESET, "{}", "This host's state is wiped; weft init or weft join begins anew.\n"},
	    {API_IPAM_CHECK, "{\"findings\":[],\"leases\":3}", "3 leases checked, nothing found\n"},
	    {API_IPAM_CHECK, "{\"findings\":[],\"leases\":1}", "1 lease checked, nothing found\n"},
	    {API_JOIN, "{\"name\":\"c\",\"members\":1}", "Joined cluster c with 1 member.\n"},
	    {API_JOIN, "{\"name\":\"c\",\"members\":2}", "Joined cluster c with 2 members.\n"},
	    {API_TOKEN_RM, "{\"admitted_count\":1,\"admitted\":[\"h2\"]}",
	     "Revoked. 1 member was admitted by it and stays: h2\n"},
	    {API_NODE_RECOVER, "{\"recovered\":true,\"kept\":1,\"dropped\":[]}",
	     "Recovered: this node leases again; 1 lease was kept.\n"},
	    {API_NODE_INSPECT, "{\"name\":\"h1\",\"tags\":{},\"x\":{\"y\":[1]},\"rtt_ms\":1.5}",
	     "name    h1\ntags    -\nx.y     ...\nrtt_ms  1.50\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = print(rows[i].method, rows[i].json);

		assert_string_equal(text, rows[i].text);
		free(text);
	}
}

static void a_long_value_is_whole(void **state)
{
	char list[4096] = "", json[5000];
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"10.0.%d.0/24\"",
			 i ? ", " : "", i);
	snprintf(json, sizeof(json), "[{\"name\":\"blue\",\"subnets\":[%s]}]", list);
	text = print(API_NETWORK_LS, json);
	assert_non_null(strstr(text, ", 10.0.99.0/24  "));
	free(text);
}

static void an_event_names_its_object_and_says_where_it_is(void **state)
{
	static const struct {
		const char *kind, *action, *object;
		const char *text;
	} rows[] = {
	    {"endpoint", "added",
	     "{\"name\":\"web\",\"id\":\"0011223344\",\"network\":\"blue\",\"host\":\"h1\","
	     "\"addresses\":[\"10.0.0.1/24\",\"10.1.0.1/24\"]}",
	     "now endpoint added    web 00112233 10.0.0.1/24, 10.1.0.1/24 in blue on h1\n"},
	    {"endpoint", "removed",
	     "{\"id\":\"0011223344\",\"network\":\"blue\",\"network_id\":\"55\",\"host\":\"h1\"}",
	     "now endpoint removed  - 00112233 in blue on h1\n"},
	    {"endpoint", "is", "{\"name\":\"\",\"id\":\"0011\",\"addresses\":[\"10.0.0.1/24\"]}",
	     "now endpoint is       - 0011 10.0.0.1/24\n"},
	    {"member", "is",
	     "{\"name\":\"h1\",\"id\":\"0011\",\"addr\":\"192.0.2.1:7947\",\"state\":\"failed\"}",
	     "now member   is       h1 0011 192.0.2.1:7947 failed\n"},
	    {"member", "failed",
	     "{\"name\":\"h1\",\"id\":\"0011\",\"addr\":\"192.0.2.1:7947\",\"state\":\"failed\"}",
	     "now member   failed   h1 0011 192.0.2.1:7947\n"},
	    {"network", "created",
	     "{\"name\":\"blue\",\"id\":\"0011\",\"subnets\":[\"10.0.0.0/24\"]}",
	     "now network  created  blue 0011 10.0.0.0/24\n"},
	    {"node", "fenced", "{}", "now node     fenced\n"},
	    {"snapshot", "end", "{}", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *object = json_loads(rows[i].object, 0, NULL);
		json_t *event = json_pack("{s:s,s:s,s:s,s:o}", "event", rows[i].kind, "action",
					  rows[i].action, "at", "now", rows[i].kind, object);
		char *text;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		assert_non_null(out);
		print_event(event, out);
		fclose(out);
		assert_string_equal(text, rows[i].text);
		free(text);
		json_decref(event);
	}
}

static void lists_are_in_the_order_in_which_people_look(void **state)
{
	char *text =
	    print(API_ADMIN_LS, "[{\"name\":\"b\",\"id\":\"1\"},{\"name\":\"a\",\"id\":\"2\"},"
				"{\"name\":\"c\",\"id\":\"0\"},{\"name\":\"a\",\"id\":\"3\"}]");

	(void)state;
	assert_string_equal(text, "NAME  ID  STATE\na     2   -\na     3   -\nb     1   -\n"
				  "c     0   -\n");
	free(text);
}

static void endpoints_are_in_order_of_network_and_then_name(void **state)
{
	char *text =
	    print(API_ENDPOINT_LS, "[{\"name\":\"b\",\"network\":\"red\",\"host\":\"h1\"},"
				   "{\"name\":\"c\",\"network\":\"blue\",\"host\":\"h1\"},"
				   "{\"name\":\"a\",\"network\":\"red\",\"host\":\"h3\"},"
				   "{\"name\":\"a\",\"network\":\"blue\",\"host\":\"h2\"}]");

	(void)state;
	assert_string_equal(text, "NAME  ID  NETWORK  ADDRESSES  MAC  HOST  STATE\n"
				  "a     -   blue     -          -    h2    -\n"
				  "c     -   blue     -          -    h1    -\n"
				  "a     -   red      -          -    h3    -\n"
				  "b     -   red      -          -    h1    -\n");
	free(text);
}

static void an_answer_without_the_expected_keys_is_shown_all_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);
		char *text = print((enum api_id)i, method->list_key ? "[{}]" : "{}");

		assert_non_null(text);
		assert_null(strstr(text, "(null)"));
		free(text);
	}
}

static void a_status_names_who_failed_and_warns(void **state)
{
	char *text = print(
	    API_STATUS,
	    "{\"cluster\":{\"name\":\"lab\"},\"node\":{\"name\":\"h1\",\"id\":\"0011223344\","
	    "\"addr\":\"192.0.2.1:7947\",\"phase\":\"active\"},\"members\":{\"alive\":2,"
	    "\"suspect\":1,\"failed\":7,\"left\":0,\"removed\":1,\"failed_names\":[\"h3\","
	    "\"h4\"]},\"networks\":2,\"in_sync\":true,\"sync\":{\"with\":\"h2\",\"age_ms\":400},"
	    "\"reconcile\":{\"pending\":0,\"failed\":0,\"last_ms\":2},\"loop_lag_ms\":0.25,"
	    "\"warnings\":[\"something is wrong\"]}");

	(void)state;
	assert_string_equal(
	    text, "cluster   lab\n"
		  "node      h1 (00112233) at 192.0.2.1:7947, active\n"
		  "members   2 alive, 1 suspect, 7 failed (h3, h4, ...), 0 left, 1 removed\n"
		  "networks  2\n"
		  "sync      in sync, last with h2 0.4 s ago\n"
		  "kernel    0 pending, 0 failed, last reconcile 2 ms\n"
		  "loop lag  0.25 ms\n"
		  "warning   something is wrong\n");
	free(text);
}

static void a_removal_says_what_is_still_under_way(void **state)
{
	char *text;

	(void)state;
	text = print(API_NODE_RM, "{}");
	assert_non_null(strstr(text, "weft ipam ring NETWORK says whom that waits for"));
	free(text);
}

static void a_path_says_what_was_measured_and_what_was_not(void **state)
{
	static const char head[] =
	    "{\"name\":\"h2\",\"id\":\"0011223344\",\"addr\":\"192.0.2.2:7947\",\"source\":"
	    "\"192.0.2.1\",\"vtep\":\"192.0.2.2\",\"encryption\":\"none\","
	    "\"interface_mtu_bytes\":1500,";
	char json[1024];
	char *text;

	(void)state;
	snprintf(
	    json, sizeof(json),
	    "%s\"state\":\"alive\",\"direct\":true,\"rtt_ms\":0.5,\"heard_ms\":20,"
	    "\"mtu_bytes\":1400,\"inner_mtu_bytes\":1350,\"version\":\"0.1.0\",\"clock_ms\":-3,"
	    "\"blocked\":[\"4789/udp from here to there\"],\"helper\":null}",
	    head);
	text = print(API_PATH, json);
	assert_string_equal(text,
			    "node        h2 (00112233)\n"
			    "state       alive\n"
			    "boxes       VXLAN from 192.0.2.1 to 192.0.2.2\n"
			    "gossip      192.0.2.2:7947, directly\n"
			    "round trip  0.50 ms, last heard 20 ms ago\n"
			    "blocked     4789/udp from here to there; weft diag says what to do\n"
			    "MTU         1400 bytes pass of 1500, 1350 for boxes\n"
			    "encryption  none\n"
			    "weftd       0.1.0\n"
			    "clock       -3 ms from the one here\n");
	free(text);
	snprintf(json, sizeof(json),
		 "%s\"state\":\"failed\",\"direct\":false,\"rtt_ms\":null,\"heard_ms\":null,"
		 "\"mtu_bytes\":null,\"version\":null,\"clock_ms\":null,\"helper\":\"h3\"}",
		 head);
	text = print(API_PATH, json);
	assert_non_null(strstr(text, "not directly"));
	assert_non_null(strstr(text, "asked through h3\n"));
	assert_non_null(strstr(text, "round trip  -, last heard -\n"));
	assert_non_null(strstr(text, "not measured; the interface here has 1500 bytes\n"));
	assert_null(strstr(text, "clock"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_shown_to_people),
	    cmocka_unit_test(a_long_value_is_whole),
	    cmocka_unit_test(an_event_names_its_object_and_says_where_it_is),
	    cmocka_unit_test(lists_are_in_the_order_in_which_people_look),
	    cmocka_unit_test(endpoints_are_in_order_of_network_and_then_name),
	    cmocka_unit_test(a_status_names_who_failed_and_warns),
	    cmocka_unit_test(a_removal_says_what_is_still_under_way),
	    cmocka_unit_test(a_path_says_what_was_measured_and_what_was_not),
	    cmocka_unit_test(an_answer_without_the_expected_keys_is_shown_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
