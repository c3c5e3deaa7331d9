/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/rights.h"
#include "test/base/cmocka_all.h"

/* A set of capabilities of this process, by its name in /proc. */
static uint64_t set_of(const char *name)
{
	FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	uint64_t set = UINT64_MAX;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)) == 0)
			set = strtoull(strchr(line, ':') + 1, NULL, 16);
	}
	fclose(file);
	return set;
}

#define BIT(cap) (UINT64_C(1) << (cap))

static int dropped_here(void)
{
	const uint64_t gone = BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE);
	uint64_t before = set_of("CapPrm"), bounding = set_of("CapBnd");
	struct weft_err err = {0};

	if (rights_drop(&err) != 0)
		return 1;
	if (set_of("CapPrm") != (before & ~gone) || (set_of("CapEff") & gone) != 0 ||
	    (set_of("CapInh") & gone) != 0 || (set_of("CapAmb") & gone) != 0)
		return 2;
	/* a second time changes nothing; the helper can still be given them */
	if (rights_drop(&err) != 0 || set_of("CapPrm") != (before & ~gone))
		return 3;
	return set_of("CapBnd") == bounding ? 0 : 4;
}

static void two_rights_are_given_up_and_no_others(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(dropped_here());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_rights_are_given_up_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
