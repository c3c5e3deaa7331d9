/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/diag_judge.h"

#include <stdlib.h>
#include <string.h>

#include "test/base/cmocka_all.h"

/* A pair of which all is well; tests spoil it. */
struct scene {
	struct judge_pair pair;
	struct diag_round round;
	struct diag_peer peer;
	json_t *checks;
};

static void fill(uint32_t counts[DIAG_PORTS_MAX][DIAG_SIZES_MAX], const struct probe *probe,
		 uint16_t up_to)
{
	memset(counts, 0, sizeof(uint32_t) * DIAG_PORTS_MAX * DIAG_SIZES_MAX);
	for (size_t p = 0; p < probe->port_count; p++)
		for (size_t s = 0; s < probe->size_count; s++)
			counts[p][s] = probe->sizes[s] <= up_to ? PROBE_COPIES : 0;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	*state = scene;
	scene->pair = (struct judge_pair){.label = "h2",
					  .helper = "h3",
					  .state = MEMBER_ALIVE,
					  .own = {inet_from_v4(0x0a000001), 7947},
					  .version = "0.1.0"};
	scene->round.mtu_bytes = scene->round.need_bytes = 1500;
	scene->peer.addr = (struct hostport){inet_from_v4(0x0a000002), 7947};
	scene->peer.answered = scene->peer.told = scene->peer.counted = true;
	scene->peer.sent = scene->peer.back_seen = true;
	scene->peer.heard = true;
	memcpy(scene->peer.version, "0.1.0", 6);
	scene->peer.probe.from = inet_from_v4(0x0a000001);
	scene->peer.probe.to = inet_from_v4(0x0a000002);
	scene->peer.probe.port_count = 1;
	scene->peer.probe.ports[0] = 4789;
	probe_sizes(&scene->peer.probe, 1500, 1500);
	fill(scene->peer.there, &scene->peer.probe, 1500);
	fill(scene->peer.back, &scene->peer.probe, 1500);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	json_decref(scene->checks);
	free(scene);
	return 0;
}

static const char *text_of(const struct scene *scene, size_t nth, const char *key)
{
	const char *text =
	    json_string_value(json_object_get(json_array_get(scene->checks, nth), key));

	return text ? text : "";
}

/* Judges, and expects one line: its check and verdict, and words of what was measured. */
static void expect(struct scene *scene, const char *check, const char *verdict, const char *words)
{
	json_decref(scene->checks);
	scene->checks = json_array();
	judge_pair(scene->checks, &scene->pair, &scene->round, &scene->peer);
	assert_int_equal(json_array_size(scene->checks), 1);
	assert_string_equal(text_of(scene, 0, "check"), check);
	assert_string_equal(text_of(scene, 0, "verdict"), verdict);
	assert_string_equal(text_of(scene, 0, "peer"), "h2");
	if (!strstr(text_of(scene, 0, "measured"), words))
		fail_msg("\"%s\" is not in: %s", words, text_of(scene, 0, "measured"));
	assert_int_equal(text_of(scene, 0, "remedy")[0] == '\0', strcmp(verdict, "ok") == 0);
}

static void a_healthy_pair_is_one_line(void **state)
{
	expect(*state, "peer", "ok", "with 1500 bytes");
}

static void a_blocked_vxlan_port_has_a_direction(void **state)
{
	struct scene *scene = *state;

	fill(scene->peer.there, &scene->peer.probe, 0);
	expect(scene, "vxlan-port", "fail", "blocked from here to there");
	assert_non_null(strstr(text_of(scene, 0, "remedy"), "the firewall of h2"));
	fill(scene->peer.there, &scene->peer.probe, 1500);
	fill(scene->peer.back, &scene->peer.probe, 0);
	expect(scene, "vxlan-port", "fail", "blocked from there to here");
	assert_non_null(strstr(text_of(scene, 0, "remedy"), "the firewall of this host"));
}

static void what_the_own_firewall_refuses_is_said(void **state)
{
	struct scene *scene = *state;

	fill(scene->peer.there, &scene->peer.probe, 0);
	scene->peer.error = 1;
	expect(scene, "vxlan-port", "fail", "nothing can be sent to 10.0.0.2:4789/udp");
}

static void what_this_host_cannot_see_is_no_verdict_on_the_way_back(void **state)
{
	struct scene *scene = *state;

	scene->peer.back_seen = false;
	fill(scene->peer.back, &scene->peer.probe, 0);
	expect(scene, "peer", "ok", "4789/udp) pass from here to there");
	/* Nor is what was not sent back. */
	scene->peer.back_seen = true;
	scene->peer.sent = false;
	expect(scene, "peer", "ok", "the way back was not measured");
	assert_false(judge_is_blocked(&scene->peer, 0, false));
}

static void what_the_other_side_did_not_measure_is_no_fault_of_the_way(void **state)
{
	struct scene *scene = *state;

	scene->peer.counted = false;
	fill(scene->peer.there, &scene->peer.probe, 0);
	expect(scene, "vxlan-port", "warn", "not measured: it did not say");
	scene->peer.watches = DIAG_CROWDED;
	expect(scene, "vxlan-port", "warn", "not measured: too many");
	scene->peer.watches = DIAG_BLIND;
	expect(scene, "vxlan-port", "warn", "not measured: weftd there cannot see");
	assert_false(judge_is_blocked(&scene->peer, 0, true));
}

static void a_small_mtu_in_the_middle_has_a_direction_and_a_size(void **state)
{
	struct scene *scene = *state;

	fill(scene->peer.there, &scene->peer.probe, 1400);
	expect(scene, "mtu", "fail",
	       "packets of 1400 bytes pass, of 1500 bytes not (from here to there)");
	assert_non_null(strstr(text_of(scene, 0, "remedy"), "mtu 1400"));
	fill(scene->peer.back, &scene->peer.probe, 1280);
	expect(scene, "mtu", "fail", "of 1280 bytes pass, of 1500 bytes not (from there to here)");
	fill(scene->peer.there, &scene->peer.probe, 1280);
	expect(scene, "mtu", "fail", "(both ways)");
}

static void a_small_mtu_that_no_network_needs_is_no_fault(void **state)
{
	struct scene *scene = *state;

	scene->round.need_bytes = 1400;
	fill(scene->peer.there, &scene->peer.probe, 1400);
	fill(scene->peer.back, &scene->peer.probe, 1400);
	expect(scene, "peer", "ok", "with 1400 bytes");
}

static void a_clock_is_judged_beyond_what_could_not_be_measured(void **state)
{
	struct scene *scene = *state;

	scene->peer.clock_ms = 2500;
	scene->peer.spread_ms = 600;
	expect(scene, "peer", "ok", "clock +2500 ms");
	scene->peer.spread_ms = 1;
	expect(scene, "clock", "warn", "2.5 s ahead");
	scene->peer.clock_ms = -3600000;
	expect(scene, "clock", "fail", "3600.0 s behind");
}

static void another_version_is_a_warning(void **state)
{
	struct scene *scene = *state;

	memcpy(scene->peer.version, "0.2.0", 6);
	expect(scene, "version", "warn", "weftd 0.2.0 there, 0.1.0 here");
}

static void the_gossip_port_has_a_direction_by_what_the_helper_heard(void **state)
{
	struct scene *scene = *state;

	scene->peer.answered = scene->peer.counted = false;
	scene->peer.relay = RELAY_REACHED;
	expect(scene, "gossip", "fail", "blocked from here to there: 10.0.0.2:7947 answers h3");
	scene->peer.heard = false;
	expect(scene, "gossip", "fail", "blocked from here to there, and back");
	scene->peer.there_heard = true;
	expect(scene, "gossip", "fail",
	       "blocked from there to here: 10.0.0.2:7947 hears this host");
	scene->peer.heard = true;
	expect(scene, "gossip", "warn", "its answer was lost");
}

static void who_answers_nobody_is_named_with_who_was_asked(void **state)
{
	struct scene *scene = *state;

	scene->peer.answered = scene->peer.counted = scene->peer.heard = false;
	scene->peer.relay = RELAY_SILENT;
	expect(scene, "gossip", "fail", "10.0.0.2:7947 does not answer, neither here nor to h3");
	scene->peer.relay = RELAY_UNHEARD;
	expect(scene, "gossip", "fail", "does not answer; nor did h3, which was asked about it");
	scene->peer.relay = RELAY_NONE;
	scene->pair.helper = NULL;
	expect(scene, "gossip", "fail", "nobody else could be asked");
	scene->peer.heard = true;
	expect(scene, "gossip", "warn", "does not answer what diag asks");
}

static void sizes_rise_to_the_full_one_and_hold_what_is_needed(void **state)
{
	struct probe probe;

	(void)state;
	for (unsigned full = 0; full <= UINT16_MAX; full += 7) {
		probe_sizes(&probe, (uint16_t)(full / 2), (uint16_t)full);
		assert_in_range(probe.size_count, 1, DIAG_SIZES_MAX);
		for (size_t s = 1; s < probe.size_count; s++)
			assert_true(probe.sizes[s] > probe.sizes[s - 1]);
		if (full > PROBE_BYTES_MIN)
			assert_int_equal(probe.sizes[probe.size_count - 1], full);
	}
	probe_sizes(&probe, 1390, 1500);
	for (size_t s = 0; s < probe.size_count; s++)
		if (probe.sizes[s] == 1390)
			return;
	fail_msg("1390 is not among the sizes");
}

static void what_there_was_no_room_or_time_for_is_said_and_no_fault(void **state)
{
	struct scene *scene = *state;
	const json_t *check;
	size_t i;

	scene->checks = json_array();
	judge_round(scene->checks, &scene->round, "");
	assert_int_equal(json_array_size(scene->checks), 0);
	scene->round.unprobed = 17;
	scene->round.unasked = 23;
	judge_round(scene->checks, &scene->round, "");
	assert_int_equal(json_array_size(scene->checks), 2);
	json_array_foreach(scene->checks, i, check)
	{
		assert_string_equal(json_string_value(json_object_get(check, "verdict")), "ok");
		assert_non_null(strstr(json_string_value(json_object_get(check, "measured")),
				       i == 0 ? "17 networks" : "23 members"));
	}
	scene->round.blind = true;
	judge_round(scene->checks, &scene->round, "no right to it");
	check = json_array_get(scene->checks, 2);
	assert_string_equal(json_string_value(json_object_get(check, "verdict")), "warn");
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    SCENE(a_healthy_pair_is_one_line),
	    SCENE(a_blocked_vxlan_port_has_a_direction),
	    SCENE(what_the_own_firewall_refuses_is_said),
	    SCENE(what_this_host_cannot_see_is_no_verdict_on_the_way_back),
	    SCENE(what_the_other_side_did_not_measure_is_no_fault_of_the_way),
	    SCENE(a_small_mtu_in_the_middle_has_a_direction_and_a_size),
	    SCENE(a_small_mtu_that_no_network_needs_is_no_fault),
	    SCENE(a_clock_is_judged_beyond_what_could_not_be_measured),
	    SCENE(another_version_is_a_warning),
	    SCENE(the_gossip_port_has_a_direction_by_what_the_helper_heard),
	    SCENE(who_answers_nobody_is_named_with_who_was_asked),
	    cmocka_unit_test(sizes_rise_to_the_full_one_and_hold_what_is_needed),
	    SCENE(what_there_was_no_room_or_time_for_is_said_and_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
