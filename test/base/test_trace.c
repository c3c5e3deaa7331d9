/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/trace.h"

static void every_event_has_a_level_and_words_of_its_own(void **state)
{
	(void)state;
	for (int event = TRACE_NONE + 1; event < TRACE_END_; event++) {
		char level = 0;
		const char *text = trace_text((enum trace_event)event, &level);
		assert_non_null(memchr("ewid", level, 4));
		assert_ptr_equal(trace_text((enum trace_event)event, NULL), text);
		for (int other = TRACE_NONE; other < event; other++)
			assert_string_not_equal(trace_text((enum trace_event)other, NULL), text);
	}
}

static void words_name_only_the_fields_that_a_record_has(void **state)
{
	(void)state;
	for (int event = TRACE_NONE; event < TRACE_END_; event++) {
		const char *at = trace_text((enum trace_event)event, NULL);
		while ((at = strchr(at, '%')) != NULL) {
			assert_true(at[1] != '\0' && strchr("nova", at[1]) != NULL);
			at += 2;
		}
	}
}

static void an_unknown_event_has_words_too(void **state)
{
	(void)state;
	assert_non_null(trace_text(TRACE_END_, NULL));
	assert_non_null(trace_text((enum trace_event) - 1, NULL));
}

static void keep(void *ctx, const struct trace_record *record)
{
	*(struct trace_record *)ctx = *record;
}

static void a_record_reaches_the_sink_or_nobody(void **state)
{
	struct trace_record record = {.event = TRACE_JOINED, .value = 7};
	struct trace_record kept = {0};
	struct trace_sink sink = {&kept, keep};
	struct trace_sink none = {0};

	(void)state;
	trace_emit(&sink, &record);
	assert_int_equal(kept.event, TRACE_JOINED);
	assert_int_equal(kept.value, 7);
	trace_emit(&none, &record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_event_has_a_level_and_words_of_its_own),
	    cmocka_unit_test(words_name_only_the_fields_that_a_record_has),
	    cmocka_unit_test(an_unknown_event_has_words_too),
	    cmocka_unit_test(a_record_reaches_the_sink_or_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
