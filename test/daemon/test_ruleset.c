/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A firewall that others change while it is read, and one that cannot be read. */
#include "daemon/hostcheck/ruleset.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/hostcheck/hostcheck.h"
#include "test/base/cmocka_all.h"

static const struct host_facts facts = {.networks = 1};

/* What happens before the first listing whose command has this text. */
static struct {
	const char *command;
	const char *commands; /* of a shell */
	int status;           /* of the listing, unless 0 */
	unsigned times;
} meanwhile;

int __real_look_rules(const char *command, char **listing, char why[LOOK_TEXT_BYTES]);
int __wrap_look_rules(const char *command, char **listing, char why[LOOK_TEXT_BYTES]);

static void sh(const char *commands)
{
	if (system(commands) != 0)
		fail_msg("this failed: %s", commands);
}

int __wrap_look_rules(const char *command, char **listing, char why[LOOK_TEXT_BYTES])
{
	if (meanwhile.times == 0 || !strstr(command, meanwhile.command))
		return __real_look_rules(command, listing, why);
	meanwhile.times--;
	if (meanwhile.commands)
		sh(meanwhile.commands);
	if (meanwhile.status == 0)
		return __real_look_rules(command, listing, why);
	*listing = NULL;
	snprintf(why, LOOK_TEXT_BYTES, "it is broken");
	return meanwhile.status;
}

/* A chain f on the hook, which drops all behind a jump to another. */
static int set_up(void **state)
{
	(void)state;
	memset(&meanwhile, 0, sizeof(meanwhile));
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	sh("nft 'table inet fw { chain first { accept; }; chain last { drop; }; chain f { type "
	   "filter hook forward priority 0; policy accept; jump last; }; }'");
	return 0;
}

static void expect(const char *verdict, const char *measured, const char *remedy)
{
	json_t *checks = json_array();
	const json_t *check;

	check_forward(checks, &facts);
	assert_int_equal(json_array_size(checks), 1);
	check = json_array_get(checks, 0);
	assert_string_equal(json_string_value(json_object_get(check, "verdict")), verdict);
	assert_non_null(strstr(json_string_value(json_object_get(check, "measured")), measured));
	if (remedy)
		assert_non_null(
		    strstr(json_string_value(json_object_get(check, "remedy")), remedy));
	json_decref(checks);
	assert_int_equal(meanwhile.times, 0);
}

static void what_goes_while_it_is_read_is_gone(void **state)
{
	(void)state;
	expect("fail", "by a rule of chain last", "nft insert rule");
	meanwhile.command = "\"last\"";
	meanwhile.commands = "nft 'flush chain inet fw f; delete chain inet fw last'";
	meanwhile.times = 1;
	expect("ok", "no chain", NULL);
	meanwhile.command = "\"f\"";
	meanwhile.commands = "nft delete table inet fw";
	meanwhile.times = 1;
	expect("ok", "no chain", NULL);
}

static void a_chain_that_comes_back_is_listed_then(void **state)
{
	(void)state;
	meanwhile.command = "\"last\"";
	meanwhile.status = -EIO;
	meanwhile.times = 1;
	expect("fail", "by a rule of chain last", "nft insert rule");
}

static void why_rules_cannot_be_read_is_told_with_what_to_do(void **state)
{
	(void)state;
	meanwhile.command = "\"last\"";
	meanwhile.status = -EIO;
	meanwhile.times = 3;
	expect("warn", "the firewall's rules cannot be read: it is broken",
	       "run weft diag again; if it stays so");
	meanwhile.command = "list chains";
	meanwhile.times = 1;
	expect("warn", "the firewall's rules cannot be read: it is broken",
	       "run weft diag again; if it stays so");
	assert_int_equal(seteuid(65534), 0);
	expect("warn", "cannot be read: Operation not permitted", "run weft diag as root");
	assert_int_equal(seteuid(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_goes_while_it_is_read_is_gone, set_up),
	    cmocka_unit_test_setup(a_chain_that_comes_back_is_listed_then, set_up),
	    cmocka_unit_test_setup(why_rules_cannot_be_read_is_told_with_what_to_do, set_up),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
