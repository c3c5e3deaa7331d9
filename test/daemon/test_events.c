/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdlib.h>

#include "daemon/http/events.h"
#include "daemon/http/http_impl.h"
#include "test/base/cmocka_all.h"

/* What the streams call of the HTTP layer is replaced by the linker's --wrap: see CMakeLists. */
static struct request_stream opened;
static size_t wakes;

void __wrap_request_stream(struct request *req, const struct request_stream *stream);
void __wrap_request_stream_wake(struct request *req);

void __wrap_request_stream(struct request *req, const struct request_stream *stream)
{
	(void)req;
	opened = *stream;
}

void __wrap_request_stream_wake(struct request *req)
{
	(void)req;
	wakes++;
}

static char *read_all(void)
{
	static char text[262144];
	size_t len = 0;
	ssize_t n;

	/* Small pieces: lines must come through whatever the block size. */
	while ((n = opened.fill(opened.ctx, text + len, 7)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void a_stream_tells_the_snapshot_and_then_what_follows(void **state)
{
	struct events *events = events_new(0x77);
	json_t *snapshot = json_pack("[{s:s}]", "event", "old");
	char *text;

	(void)state;
	assert_false(events_are_wanted(events));
	events_stream(events, NULL, NULL, snapshot);
	assert_true(events_are_wanted(events));
	assert_string_equal(read_all(), "{\"event\":\"old\"}\n");
	wakes = 0;
	events_add(events, json_pack("{s:s}", "event", "new"));
	assert_int_equal(wakes, 1);
	text = read_all();
	assert_string_equal(text, "{\"event\":\"new\",\"cursor\":\"77.1\"}\n");
	events_ping(events);
	assert_string_equal(read_all(), "\n");
	opened.close(opened.ctx);
	events_free(events);
}

static void a_cursor_resumes_where_it_was_and_an_old_one_does_not(void **state)
{
	struct events *events = events_new(0x77);

	(void)state;
	for (int i = 0; i < EVENTS_KEPT + 10; i++)
		events_add(events, json_pack("{s:i}", "n", i));
	assert_false(events_has(events, "77.3"));
	assert_false(events_has(events, "78.4100"));
	assert_false(events_has(events, "77.99999"));
	assert_false(events_has(events, "nonsense"));
	assert_true(events_has(events, "77.4104"));
	events_stream(events, NULL, "77.4104", NULL);
	assert_string_equal(read_all(), "{\"n\":4104,\"cursor\":\"77.4105\"}\n"
					"{\"n\":4105,\"cursor\":\"77.4106\"}\n");
	opened.close(opened.ctx);
	events_free(events);
}

static void a_reader_that_is_too_slow_learns_that_it_missed_something(void **state)
{
	struct events *events = events_new(1);

	(void)state;
	events_stream(events, NULL, NULL, json_array());
	for (int i = 0; i < EVENTS_KEPT + 1; i++)
		events_add(events, json_object());
	assert_int_equal(strncmp(read_all(), "{\"event\":\"missed\"}\n", 19), 0);
	opened.close(opened.ctx);
	events_free(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stream_tells_the_snapshot_and_then_what_follows),
	    cmocka_unit_test(a_cursor_resumes_where_it_was_and_an_old_one_does_not),
	    cmocka_unit_test(a_reader_that_is_too_slow_learns_that_it_missed_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
