/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/node/talk.h"

#include <string.h>

#include "cluster.h"

static const uint8_t question[] = {1, NODE_TALK_KIND_FIRST, 0x91, 0x00, 0x07};

static const struct node_answer *ask(struct cluster *cluster, size_t from, const struct id *to)
{
	struct node_request request = {.kind = NODE_ASK,
				       .id = *to,
				       .bytes = question,
				       .len = sizeof(question),
				       .ttl_ms = 1000};

	return cluster_call(cluster, from, &request);
}

static void questions_are_told_apart_from_other_messages(void **state)
{
	(void)state;
	assert_true(talk_is_message((const uint8_t *)"\x01\x20", 2));
	assert_true(talk_is_message((const uint8_t *)"\x01\xff", 2));
	assert_false(talk_is_message((const uint8_t *)"\x01\x10", 2));
	assert_false(talk_is_message((const uint8_t *)"\x02\x20", 2));
	assert_false(talk_is_message((const uint8_t *)"\x01", 1));
}

static void a_question_reaches_the_process_of_the_member_and_its_answer_comes_back(void **state)
{
	struct cluster *cluster = cluster_new(2);
	const struct node_answer *answer;

	(void)state;
	cluster->hosts[1].echoes = true;
	answer = ask(cluster, 0, &cluster->hosts[1].id);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(answer->len, sizeof(question));
	assert_memory_equal(answer->bytes, question, sizeof(question));
	assert_int_equal(cluster->hosts[0].node->talks.count, 0);
	cluster_free(cluster);
}

static void a_question_that_nobody_answers_ends_by_its_time(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct mono before;

	(void)state;
	before = cluster->now;
	assert_int_equal(ask(cluster, 0, &cluster->hosts[1].id)->err.code, WEFT_E_TIMEOUT);
	assert_true(mono_diff_ms(cluster->now, before) >= 1000);
	assert_true(mono_diff_ms(cluster->now, before) < 2000);
	assert_int_equal(cluster->hosts[0].node->talks.count, 0);
	cluster_free(cluster);
}

static void a_question_to_somebody_unknown_is_refused_at_once(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id nobody = {{9}};

	(void)state;
	assert_int_equal(ask(cluster, 0, &nobody)->err.code, WEFT_E_NO_PEER);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(questions_are_told_apart_from_other_messages),
	    cmocka_unit_test(
		a_question_reaches_the_process_of_the_member_and_its_answer_comes_back),
	    cmocka_unit_test(a_question_that_nobody_answers_ends_by_its_time),
	    cmocka_unit_test(a_question_to_somebody_unknown_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
