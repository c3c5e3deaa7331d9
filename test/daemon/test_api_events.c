/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>
#include <string.h>

#include "api_kit.h"

#define LINES_MAX 32

/* What a stream said, line by line. */
struct heard {
	struct api_lab *lab;
	size_t count;
	json_t *lines[LINES_MAX];
};

static void forget(struct heard *heard)
{
	for (size_t i = 0; i < heard->count; i++)
		json_decref(heard->lines[i]);
	heard->count = 0;
}

/* Reads what is there now. */
static void hear(struct heard *heard)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	forget(heard);
	while ((n = heard->lab->stream.fill(heard->lab->stream.ctx, text + len,
					    sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_true(heard->count < LINES_MAX);
		heard->lines[heard->count] =
		    json_loadb(line, (size_t)(strchr(line, '\n') - line), 0, NULL);
		assert_non_null(heard->lines[heard->count]);
		heard->count++;
	}
}

static const char *word(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

/* How many lines say this of such an object. */
static size_t said(const struct heard *heard, const char *event, const char *action)
{
	size_t count = 0;

	for (size_t i = 0; i < heard->count; i++)
		count += strcmp(word(heard->lines[i], "event"), event) == 0 &&
			 strcmp(word(heard->lines[i], "action"), action) == 0;
	return count;
}

/* A key of the object in the first line heard. */
static const char *of_object(const struct heard *heard, const char *key)
{
	assert_int_equal(heard->count, 1);
	return word(json_object_get(heard->lines[0], word(heard->lines[0], "event")), key);
}

static int set_up(void **state)
{
	struct heard *heard = calloc(1, sizeof(*heard));

	assert_non_null(heard);
	heard->lab = api_lab_new(2);
	*state = heard;
	return 0;
}

static int tear_down(void **state)
{
	struct heard *heard = *state;

	forget(heard);
	api_lab_free(heard->lab);
	free(heard);
	return 0;
}

/* Opens a stream and passes over what is. */
static void open_stream(struct heard *heard)
{
	(void)api_lab_call(heard->lab, API_EVENTS, NULL);
	hear(heard);
}

static void a_stream_begins_with_all_that_is_and_says_where_that_ends(void **state)
{
	struct heard *heard = *state;
	struct id network = cluster_network(heard->lab->cluster, 0, "blue", "10.64.1.0/24");

	(void)cluster_attached(heard->lab->cluster, 0, &network, 77);
	(void)api_lab_call(heard->lab, API_EVENTS, NULL);
	hear(heard);
	assert_int_equal(said(heard, "member", "is"), 2);
	assert_int_equal(said(heard, "network", "is"), 1);
	assert_int_equal(said(heard, "endpoint", "is"), 2); /* the box, and the host itself */
	assert_string_equal(word(heard->lines[heard->count - 1], "event"), "snapshot");
	assert_non_null(word(heard->lines[heard->count - 1], "cursor"));
}

static void who_comes_back_with_its_cursor_hears_only_what_followed(void **state)
{
	struct heard *heard = *state;
	struct gossip_change change = {.kind = CHANGE_PHASE};
	char cursor[64];

	open_stream(heard);
	snprintf(cursor, sizeof(cursor), "%s", word(heard->lines[heard->count - 1], "cursor"));
	heard->lab->stream.close(heard->lab->stream.ctx);
	heard->lab->stream.fill = NULL;
	api_event(&heard->lab->d, &change);
	(void)api_lab_call(heard->lab, API_EVENTS, json_pack("{s:s}", "cursor", cursor));
	hear(heard);
	assert_int_equal(heard->count, 1);
	assert_int_equal(said(heard, "node", "active"), 1);
}

static void a_cursor_of_another_run_begins_with_what_is(void **state)
{
	struct heard *heard = *state;

	(void)api_lab_call(heard->lab, API_EVENTS, json_pack("{s:s}", "cursor", "99.7"));
	hear(heard);
	assert_int_equal(said(heard, "member", "is"), 2);
	assert_int_equal(said(heard, "snapshot", "end"), 1);
}

static void a_member_that_changes_is_told_with_its_state_or_as_changed(void **state)
{
	struct heard *heard = *state;
	struct gossip_change change = {.kind = CHANGE_MEMBER,
				       .member = heard->lab->cluster->hosts[1].id,
				       .before = MEMBER_ALIVE,
				       .after = MEMBER_FAILED};

	open_stream(heard);
	api_event(&heard->lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "member", "failed"), 1);
	assert_string_equal(of_object(heard, "name"), "host1");
	change.after = MEMBER_ALIVE;
	api_event(&heard->lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "member", "changed"), 1);
}

static void who_is_not_known_and_what_nobody_sees_is_no_event(void **state)
{
	struct heard *heard = *state;
	struct gossip_change change = {.kind = CHANGE_MEMBER};

	open_stream(heard);
	api_event(&heard->lab->d, &change);
	change.kind = CHANGE_SYNCED;
	api_event(&heard->lab->d, &change);
	change.kind = CHANGE_ROW;
	change.row.kind = ROW_RANGE;
	api_event(&heard->lab->d, &change);
	hear(heard);
	assert_int_equal(heard->count, 0);
}

/* The row of a kind that one of the nodes shows. */
static bool take_row(void *ctx, const struct row_view *row)
{
	((struct gossip_change *)ctx)->row = *row;
	return false;
}

static void networks_come_and_go_as_events(void **state)
{
	struct heard *heard = *state;
	struct api_lab *lab = heard->lab;
	struct id network = cluster_network(lab->cluster, 0, "blue", "10.64.1.0/24"), topic = {{0}};
	struct gossip_change change = {.kind = CHANGE_ROW};
	char text[ID_TEXT_BYTES];

	id_format(&network, text);
	open_stream(heard);
	gossip_rows(node_gossip(lab->d.node), &topic, FACT_NETWORK, take_row, &change);
	api_event(&lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "network", "created"), 1);
	assert_string_equal(of_object(heard, "name"), "blue");
	change.row.kind = FACT_NETWORK_END;
	api_event(&lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "network", "removed"), 1);
	assert_string_equal(of_object(heard, "id"), text);
}

static void endpoints_come_and_go_as_events(void **state)
{
	struct heard *heard = *state;
	struct api_lab *lab = heard->lab;
	struct id network = cluster_network(lab->cluster, 0, "blue", "10.64.1.0/24");
	struct gossip_change change = {.kind = CHANGE_ROW};
	char text[ID_TEXT_BYTES];

	(void)cluster_attached(lab->cluster, 0, &network, 77);
	open_stream(heard);
	gossip_rows(node_gossip(lab->d.node), &network, ROW_ENDPOINT, take_row, &change);
	api_event(&lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "endpoint", "added"), 1);
	assert_string_equal(of_object(heard, "network"), "blue");
	change.row.deleted = true;
	api_event(&lab->d, &change);
	hear(heard);
	assert_int_equal(said(heard, "endpoint", "removed"), 1);
	id_format(&network, text);
	assert_string_equal(of_object(heard, "network_id"), text);
	assert_string_equal(of_object(heard, "network"), "blue");
	id_format(&change.row.owner, text);
	assert_string_equal(of_object(heard, "host_id"), text);
	assert_string_equal(of_object(heard, "host"), "host0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(a_stream_begins_with_all_that_is_and_says_where_that_ends),
	    TEST(who_comes_back_with_its_cursor_hears_only_what_followed),
	    TEST(a_cursor_of_another_run_begins_with_what_is),
	    TEST(a_member_that_changes_is_told_with_its_state_or_as_changed),
	    TEST(who_is_not_known_and_what_nobody_sees_is_no_event),
	    TEST(networks_come_and_go_as_events),
	    TEST(endpoints_come_and_go_as_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
