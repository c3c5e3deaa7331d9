/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "cli/cli.h"
#include "test/base/cmocka_all.h"

#define LONG_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Words of a command line, and the call or the complaint that they give. */
struct row {
	const char *words[10];
	const char *path; /* NULL: an error */
	const char *text; /* the body, or a part of the error */
};

static const struct row rows[] = {
    {{"status"}, "/v1/status", NULL},
    {{"network", "inspect", "blue"}, "/v1/networks/blue", NULL},
    {{"network", "inspect", "a%b c"}, "/v1/networks/a%25b%20c", NULL},
    {{"network", "rm", "blue", "--force"}, "/v1/networks/blue?force=true", NULL},
    {{"network", "rm", "--force", "blue", "--request-id", "r 1"},
     "/v1/networks/blue?force=true&request_id=r%201",
     NULL},
    {{"endpoint", "ls"}, "/v1/endpoints", NULL},
    {{"endpoint", "ls", "blue"}, "/v1/endpoints?network=blue", NULL},
    {{"join", "tok", "a", "b", "--replace"},
     "/v1/cluster/join",
     "{\"token\":\"tok\",\"seeds\":[\"a\",\"b\"],\"replace\":true}"},
    {{"join", "-"}, "/v1/cluster/join", "{\"token\":\"-\"}"},
    {{"token", "create", "--ttl", "90s", "--tag", "a=b", "--tag=c=d=e"},
     "/v1/tokens",
     "{\"ttl_ms\":90000,\"tags\":{\"a\":\"b\",\"c\":\"d=e\"}}"},
    {{"attach", "blue", "--netns", "box", "--ip", "10.0.0.1", "--ip", "10.0.0.2"},
     "/v1/networks/blue/endpoints",
     "{\"netns\":\"box\",\"addresses\":[\"10.0.0.1\",\"10.0.0.2\"]}"},
    {{"network", "create", "--vni", "5000", "--", "-odd"},
     "/v1/networks",
     "{\"vni\":5000,\"name\":\"-odd\"}"},
    {{"status", "extra"}, NULL, "one argument too many: \"extra\""},
    {{"network", "inspect"}, NULL, "missing: \"NETWORK\""},
    {{"network", "inspect", ""}, NULL, "this argument is empty"},
    {{"network", "inspect", "a/b"}, NULL, "has no / and at most 63 bytes, not \"a/b\""},
    {{"network", "inspect", LONG_64}, NULL, "at most 63 bytes"},
    {{"ipam", "release", "blue", "10.0.0.1/24"}, NULL, "has no /"},
    {{"attach", "blue"}, NULL, "this option is missing: \"--netns\""},
    {{"attach", "blue", "--netns"}, NULL, "a value is missing behind \"--netns\""},
    {{"network", "create", "n", "--vni", "x"}, NULL, "not a number: \"x\""},
    {{"network", "create", "n", "--wat"}, NULL, "unknown option \"--wat\""},
    {{"network", "rm", "n", "--force=yes"}, NULL, "takes no value"},
    {{"token", "create", "--ttl", "soon"}, NULL, "a duration is written"},
    {{"token", "create", "--tag", "novalue"}, NULL, "expected KEY=VALUE"},
    {{"status", "--request-id", "r"}, NULL, "unknown option \"--request-id\""},
    {{"status", "--socket"}, NULL, "a value is missing behind \"--socket\""},
    {{"status", "--json=1"}, NULL, "this option takes no value: \"--json=1\""},
    {{"status", "\xff"}, NULL, "one argument too many"},
    {{"join", "\xff"}, NULL, "not UTF-8"},
};

static void words_become_the_call_that_the_table_describes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cli_options options = {.json = false};
		struct weft_err err = {0};
		struct call call;
		size_t count = 0, used;
		const struct api_method *method;
		int rc;

		while (count < 10 && rows[i].words[count])
			count++;
		method = api_find_command(rows[i].words, count, &used);
		assert_non_null(method);
		rc = call_parse(method, (int)(count - used),
				(char *const *)(uintptr_t)(rows[i].words + used), &options, &call,
				&err);
		if (rows[i].path) {
			json_t *body = rows[i].text ? json_loads(rows[i].text, 0, NULL) : NULL;

			assert_int_equal(rc, 0);
			assert_string_equal(call.path, rows[i].path);
			if (body)
				assert_true(json_equal(call.body, body));
			json_decref(body);
		} else {
			assert_int_equal(rc, WEFT_E_INVALID);
			assert_non_null(strstr(err.message, rows[i].text));
			assert_non_null(strstr(err.message, "see weft help"));
		}
		call_close(&call);
	}
}

static void options_of_every_command_may_stand_anywhere(void **state)
{
	static char *const words[] = {(char *)"--json", (char *)"blue", (char *)"--socket",
				      (char *)"/s"};
	struct cli_options options = {.json = false};
	struct weft_err err = {0};
	struct call call;

	(void)state;
	assert_int_equal(
	    call_parse(api_method(API_NETWORK_INSPECT), 4, words, &options, &call, &err), 0);
	assert_true(options.json);
	assert_string_equal(options.socket, "/s");
	assert_string_equal(call.path, "/v1/networks/blue");
	call_close(&call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_become_the_call_that_the_table_describes),
	    cmocka_unit_test(options_of_every_command_may_stand_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
