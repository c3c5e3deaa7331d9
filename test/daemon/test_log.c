/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <jansson.h>
#include <stdlib.h>

#include "daemon/log.h"
#include "test/base/cmocka_all.h"

struct capture {
	char *text;
	size_t len;
	struct log log;
};

static void begin(struct capture *capture, enum log_level level, enum log_format format)
{
	memset(capture, 0, sizeof(*capture));
	log_init(&capture->log, open_memstream(&capture->text, &capture->len), level, format);
}

static void end(struct capture *capture)
{
	fclose(capture->log.out);
	free(capture->text);
}

static size_t lines_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void a_line_holds_its_level_sentence_and_fields(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, LOG_LEVEL_INFO, LOG_TEXT);
	log_event(&c.log, LOG_OWN, LOG_LEVEL_WARNING, "it happened",
		  (struct log_field[]){{"node", "web1"}, {"why", "two words"}}, 2);
	assert_non_null(strstr(c.text, "warning"));
	assert_non_null(strstr(c.text, "it happened node=web1 why=\"two words\"\n"));
	end(&c);
}

static void what_is_below_the_level_is_not_written(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, LOG_LEVEL_WARNING, LOG_TEXT);
	log_line(&c.log, LOG_LEVEL_INFO, "quiet");
	assert_int_equal(c.len, 0);
	log_line(&c.log, LOG_LEVEL_ERROR, "loud");
	assert_non_null(strstr(c.text, "loud"));
	end(&c);
}

static void no_value_breaks_out_of_its_line(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, LOG_LEVEL_INFO, LOG_TEXT);
	log_event(&c.log, LOG_OWN, LOG_LEVEL_INFO, "a\nb", &(struct log_field){"v", "x\ny\"z\033"},
		  1);
	assert_int_equal(lines_of(c.text), 1);
	assert_null(strchr(c.text, '\033'));
	end(&c);
}

static void json_lines_are_json(void **state)
{
	struct capture c;
	json_t *json;

	(void)state;
	begin(&c, LOG_LEVEL_INFO, LOG_JSON);
	log_event(&c.log, LOG_OWN, LOG_LEVEL_INFO, "said \"so\"",
		  &(struct log_field){"v", "x\ny\\"}, 1);
	json = json_loads(c.text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "message")), "said \"so\"");
	assert_string_equal(json_string_value(json_object_get(json, "v")), "x\ny\\");
	assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
	json_decref(json);
	end(&c);
}

static void lines_that_peers_cause_are_limited_and_own_ones_are_not(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, LOG_LEVEL_INFO, LOG_TEXT);
	for (int i = 0; i < 10 * LOG_PEER_BURST; i++)
		log_event(&c.log, LOG_PEER, LOG_LEVEL_INFO, "flood", NULL, 0);
	assert_in_range(lines_of(c.text), LOG_PEER_BURST, LOG_PEER_BURST + 2 * LOG_PEER_PER_S);
	assert_true(c.log.suppressed > 0);
	log_line(&c.log, LOG_LEVEL_INFO, "mine");
	assert_non_null(strstr(c.text, "mine"));
	end(&c);
}

static void a_trace_record_is_worded_with_its_subjects(void **state)
{
	struct capture c;
	struct trace_record record = {.event = TRACE_MEMBER_REMOVED};

	(void)state;
	memset(record.node.b, 0xab, sizeof(record.node.b));
	memset(record.object.b, 0xcd, sizeof(record.object.b));
	begin(&c, LOG_LEVEL_DEBUG, LOG_TEXT);
	log_trace(&c.log, &record);
	assert_non_null(strstr(c.text, "member abababababababababababababababab was removed by "
				       "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd node="));
	end(&c);
}

static void what_is_counted_ends_by_its_number(void **state)
{
	struct capture c;

	(void)state;
	begin(&c, LOG_LEVEL_DEBUG, LOG_TEXT);
	log_trace(&c.log, &(struct trace_record){.event = TRACE_RANGE_GRANTED, .value = 1});
	assert_non_null(strstr(c.text, "granted 1 address of network"));
	log_trace(&c.log, &(struct trace_record){.event = TRACE_RANGE_GRANTED, .value = 64});
	assert_non_null(strstr(c.text, "granted 64 addresses of network"));
	log_trace(&c.log, &(struct trace_record){.event = TRACE_CLOSED, .value = 1});
	assert_non_null(strstr(c.text, "of 1 removed node any more"));
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_holds_its_level_sentence_and_fields),
	    cmocka_unit_test(what_is_below_the_level_is_not_written),
	    cmocka_unit_test(no_value_breaks_out_of_its_line),
	    cmocka_unit_test(json_lines_are_json),
	    cmocka_unit_test(lines_that_peers_cause_are_limited_and_own_ones_are_not),
	    cmocka_unit_test(a_trace_record_is_worded_with_its_subjects),
	    cmocka_unit_test(what_is_counted_ends_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
