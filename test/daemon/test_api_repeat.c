/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "api_kit.h"

static int set_up(void **state)
{
	struct api_lab *lab = api_lab_new(3);

	cluster_network(lab->cluster, 0, "blue", "10.64.1.0/28");
	cluster_run(lab->cluster, 1000);
	lab->options.vxlan_port = 4789;
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

/* The answer to a call that has to succeed, a new reference. */
static json_t *answer_to(struct api_lab *lab, enum api_id id, const json_t *fields)
{
	if (api_lab_call(lab, id, json_deep_copy(fields)) != 0)
		fail_msg("%s: %s", api_method(id)->command, lab->err.message);
	assert_non_null(lab->answer);
	return json_incref(lab->answer);
}

/* Fields (taken over) are asked for twice, an hour apart, under one request id. */
static void assert_repeats(struct api_lab *lab, enum api_id id, json_t *fields)
{
	json_t *first, *again;

	json_object_set_new(fields, API_REQUEST_ID, json_string(api_method(id)->command));
	first = answer_to(lab, id, fields);
	cluster_run(lab->cluster, 3600000);
	again = answer_to(lab, id, fields);
	if (!json_equal(first, again))
		fail_msg("%s: %s, then %s", api_method(id)->command,
			 json_dumps(first, JSON_COMPACT), json_dumps(again, JSON_COMPACT));
	json_decref(first);
	json_decref(again);
	json_decref(fields);
}

static void a_repeat_is_answered_as_the_first_call_was(void **state)
{
	struct api_lab *lab = *state;
	char token[ID_TEXT_BYTES];

	assert_repeats(lab, API_TOKEN_CREATE, json_pack("{s:i}", "ttl_ms", 7200000));
	snprintf(token, sizeof(token), "%s", answer_text(lab, "id"));
	assert_repeats(lab, API_TOKEN_RM, json_pack("{s:s}", "token", token));
	assert_repeats(lab, API_ADMIN_ADD, json_pack("{s:s}", "node", "host1"));
	assert_repeats(lab, API_ADMIN_RM, json_pack("{s:s}", "node", "host1"));
	assert_repeats(lab, API_IPAM_RESERVE, json_pack("{s:s}", "network", "blue"));
	assert_repeats(lab, API_IPAM_RELEASE,
		       json_pack("{s:s,s:o}", "network", "blue", "address",
				 json_deep_copy(json_object_get(lab->answer, "address"))));
	assert_repeats(lab, API_DETACH, json_pack("{s:s,s:s}", "network", "blue", "name", "none"));
	assert_repeats(lab, API_NETWORK_CREATE, json_pack("{s:s}", "name", "red"));
	assert_repeats(lab, API_NETWORK_RM, json_pack("{s:s}", "network", "red"));
	assert_repeats(lab, API_NODE_RM, json_pack("{s:s}", "node", "host2"));
	assert_repeats(lab, API_LEAVE, json_pack("{s:b}", "force", true));
}

static void nothing_is_done_by_a_repeat(void **state)
{
	struct api_lab *lab = *state;
	json_t *create = json_pack("{s:s,s:s}", "name", "red", API_REQUEST_ID, "create");
	json_t *rm = json_pack("{s:s,s:s}", "network", "red", API_REQUEST_ID, "rm");

	json_decref(answer_to(lab, API_NETWORK_CREATE, create));
	json_decref(answer_to(lab, API_NETWORK_RM, rm));
	assert_int_equal(api_lab_call(lab, API_NETWORK_CREATE, json_pack("{s:s}", "name", "red")),
			 0);
	json_decref(answer_to(lab, API_NETWORK_RM, rm));
	assert_int_equal(
	    api_lab_call(lab, API_NETWORK_INSPECT, json_pack("{s:s}", "network", "red")), 0);
	json_decref(create);
	json_decref(rm);
}

static void another_call_under_the_same_id_is_refused(void **state)
{
	struct api_lab *lab = *state;

	assert_int_equal(api_lab_call(lab, API_TOKEN_CREATE,
				      json_pack("{s:s,s:i,s:{s:s,s:s}}", API_REQUEST_ID, "x",
						"ttl_ms", 5000, "tags", "a", "1", "b", "2")),
			 0);
	assert_fails(lab, API_NETWORK_RM,
		     json_pack("{s:s,s:s}", API_REQUEST_ID, "x", "network", "blue"),
		     WEFT_E_CONFLICT,
		     "request id x was given to another call before, weft token create; give each");
	/* Not even what remembers nothing itself, or would fail by what it is told. */
	assert_fails(lab, API_IPAM_CHECK, json_pack("{s:s}", API_REQUEST_ID, "x"), WEFT_E_CONFLICT,
		     "weft token create;");
	assert_fails(lab, API_NETWORK_RM,
		     json_pack("{s:s,s:s}", API_REQUEST_ID, "x", "network", "none"),
		     WEFT_E_CONFLICT, "weft token create;");
	assert_fails(lab, API_TOKEN_CREATE,
		     json_pack("{s:s,s:i,s:{s:s,s:s}}", API_REQUEST_ID, "x", "ttl_ms", 5000, "tags",
			       "a", "1", "b", "3"),
		     WEFT_E_CONFLICT, "weft token create with other arguments");
	assert_fails(lab, API_TOKEN_CREATE, json_pack("{s:s}", API_REQUEST_ID, "x"),
		     WEFT_E_CONFLICT, "with other arguments");
	/* The order in which a caller writes them says nothing. */
	assert_int_equal(api_lab_call(lab, API_TOKEN_CREATE,
				      json_pack("{s:{s:s,s:s},s:i,s:s}", "tags", "b", "2", "a", "1",
						"ttl_ms", 5000, API_REQUEST_ID, "x")),
			 0);
	assert_int_equal(
	    api_lab_call(lab, API_NETWORK_INSPECT,
			 json_pack("{s:s,s:s}", API_REQUEST_ID, "x", "network", "blue")),
	    0);
}

static struct node_asked asked_by(struct api_lab *lab, enum api_id id, json_t *fields)
{
	struct node_request request = {.kind = NODE_REPEAT};
	struct weft_err err = {0};

	json_decref(lab->fields);
	lab->fields = fields;
	lab->method = api_method(id);
	json_object_set_new(fields, API_REQUEST_ID, json_string("x"));
	assert_int_equal(repeat_note(&lab->d, (void *)lab, &request, &err), 0);
	assert_string_equal(request.request_id, "x");
	return request.asked;
}

static void what_is_no_part_of_the_question_may_differ(void **state)
{
	struct api_lab *lab = *state;
	struct node_asked one, other;

	one = asked_by(lab, API_ATTACH, json_pack("{s:s,s:i}", "netns", "a", "timeout_ms", 1));
	other = asked_by(lab, API_ATTACH, json_pack("{s:s,s:i}", "netns", "a", "timeout_ms", 2));
	assert_memory_equal(&one, &other, sizeof(one));
	other = asked_by(lab, API_ATTACH, json_pack("{s:s}", "netns", "b"));
	assert_memory_not_equal(&one, &other, sizeof(one));
	one = asked_by(lab, API_ADMIN_RESTORE,
		       json_pack("{s:s,s:s}", "sealed", "a", "passphrase", "c"));
	other = asked_by(lab, API_ADMIN_RESTORE,
			 json_pack("{s:s,s:s}", "sealed", "a", "passphrase", "d"));
	assert_memory_equal(&one, &other, sizeof(one));
	one = asked_by(lab, API_LEAVE, json_pack("{s:b}", "force", false));
	other = asked_by(lab, API_LEAVE, json_object());
	assert_memory_equal(&one, &other, sizeof(one));
	other = asked_by(lab, API_LEAVE, json_pack("{s:b}", "force", true));
	assert_memory_not_equal(&one, &other, sizeof(one));
}

static void a_request_id_that_is_too_long_is_refused_before_anything_is_done(void **state)
{
	char text[REQUEST_ID_BYTES + 1];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_fails(*state, API_IPAM_CHECK, json_pack("{s:s}", API_REQUEST_ID, text),
		     WEFT_E_INVALID, "at most 63 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_repeat_is_answered_as_the_first_call_was, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(nothing_is_done_by_a_repeat, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(another_call_under_the_same_id_is_refused, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(what_is_no_part_of_the_question_may_differ, set_up,
					    tear_down),
	    cmocka_unit_test_setup_teardown(
		a_request_id_that_is_too_long_is_refused_before_anything_is_done, set_up,
		tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
