/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/trace.h"

static void every_event_has_a_text_and_a_level_that_exists(void **state)
{
	(void)state;
	for (int event = TRACE_NONE; event < TRACE_END_; event++) {
		char level = 0;
		assert_true(strlen(trace_text((enum trace_event)event, &level)) > 0);
		assert_non_null(strchr("ewid", level));
	}
}

static void a_text_belongs_to_its_event(void **state)
{
	char level = 0;

	(void)state;
	assert_string_equal(trace_text(TRACE_MEMBER_FAILED, &level), "member %n failed");
	assert_int_equal(level, 'w');
	assert_string_equal(trace_text(TRACE_RELEASED, NULL), "released %a of endpoint %o");
}

static void an_unknown_event_is_shown_as_nothing(void **state)
{
	char level = 0;

	(void)state;
	assert_string_equal(trace_text(TRACE_END_, &level), "nothing");
	assert_int_equal(level, 'd');
}

static void count(void *ctx, const struct trace_record *record)
{
	*(int64_t *)ctx += record->value;
}

static void a_sink_without_a_function_swallows_records(void **state)
{
	struct trace_record record = {.event = TRACE_STARTED, .value = 7};
	int64_t sum = 0;
	struct trace_sink sink = {.ctx = &sum};

	(void)state;
	trace_emit(&sink, &record);
	assert_int_equal(sum, 0);
	sink.emit = count;
	trace_emit(&sink, &record);
	assert_int_equal(sum, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_event_has_a_text_and_a_level_that_exists),
	    cmocka_unit_test(a_text_belongs_to_its_event),
	    cmocka_unit_test(an_unknown_event_is_shown_as_nothing),
	    cmocka_unit_test(a_sink_without_a_function_swallows_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
