/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>

#include "api_kit.h"

#define TAG 5

/* What the kernel thread and the loop are asked for, instead of their doing it: see CMakeLists. */
static enum kernel_ask_kind last_ask;
static size_t networks_ended;
static enum daemon_end end;
static bool is_refused; /* by the others, this node */

uint64_t __wrap_request_tag(const struct request *req);
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
void __wrap_daemon_stop(struct daemon *d, enum daemon_end how);
bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by);

uint64_t __wrap_request_tag(const struct request *req)
{
	(void)req;
	return TAG;
}

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	(void)kt;
	last_ask = ask->kind;
	networks_ended += ask->kind == ASK_NETWORK_END;
	assert_int_equal(ask->tag, ask->kind == ASK_SETTLE ? TAG : 0);
	free(ask);
}

void __wrap_daemon_stop(struct daemon *d, enum daemon_end how)
{
	(void)d;
	end = how;
}

bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by)
{
	(void)g;
	(void)by;
	return is_refused;
}

/* Three hosts with a network; what is called is called on the last. */
static int set_up(void **state)
{
	struct api_lab *lab = api_lab_new(3);
	const struct id network = cluster_network(lab->cluster, 0, "blue", "10.64.1.0/24");

	last_ask = (enum kernel_ask_kind)0;
	networks_ended = 0;
	end = DAEMON_RUNS;
	is_refused = false;
	cluster_run(lab->cluster, 1000);
	cluster_attached(lab->cluster, 2, &network, 21);
	api_lab_be(lab, 2);
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

/* An admin removes the last host, which hears of it. */
static void be_removed(struct api_lab *lab)
{
	api_lab_be(lab, 0);
	assert_int_equal(api_lab_call(lab, API_NODE_RM, json_pack("{s:s}", "node", "host2")), 0);
	cluster_run(lab->cluster, 5000);
	api_lab_be(lab, 2);
	assert_int_equal(gossip_phase(node_gossip(lab->d.node)), NODE_REMOVED);
}

/* It has a kernel thread, to which all rows were fed. */
static void have_a_kernel(struct api_lab *lab)
{
	lab->d.kernel = (void *)lab;
	lab->d.kernel_fed = true;
}

/* The kernel thread has come to what a reset asked for. */
static void settle(struct api_lab *lab, uint32_t failed)
{
	struct kernel_tell tell = {.kind = TELL_SETTLED, .tag = TAG, .totals = {.failed = failed}};

	assert_int_equal(last_ask, ASK_SETTLE);
	assert_null(lab->answer);
	assert_int_equal(lab->err.code, 0);
	assert_int_equal(end, DAEMON_RUNS);
	lab->call.told(&lab->d, (void *)lab, &tell);
}

static void a_member_is_not_wiped(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_RESET, NULL, WEFT_E_CONFLICT, "weft leave first");
	assert_fails(lab, API_RESET, json_pack("{s:b}", "force", 1), WEFT_E_CONFLICT,
		     "weft leave first");
	assert_int_equal(end, DAEMON_RUNS);
}

static void a_removed_one_is_not_wiped_while_its_box_is_being_detached(void **state)
{
	struct api_lab *lab = *state;

	lab->cluster->hosts[2].commits_fail = true;
	be_removed(lab);
	have_a_kernel(lab);
	assert_fails(lab, API_RESET, NULL, WEFT_E_BUSY, "1 endpoint is still being detached");
	assert_int_equal(last_ask, 0);
	lab->cluster->hosts[2].commits_fail = false;
	cluster_run(lab->cluster, 2000);
	assert_int_equal(cluster_boxes(lab->cluster, 2), 0);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	settle(lab, 0);
	assert_int_equal(end, DAEMON_WIPE);
}

static void the_state_goes_once_the_kernel_gave_up_what_it_explains(void **state)
{
	struct api_lab *lab = *state;

	be_removed(lab);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	assert_int_equal(networks_ended, 1);
	settle(lab, 0);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

static void the_state_stays_while_the_kernel_refuses_to_give_something_up(void **state)
{
	struct api_lab *lab = *state;

	be_removed(lab);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	settle(lab, 2);
	assert_int_equal(lab->err.code, WEFT_E_KERNEL);
	assert_int_equal(end, DAEMON_RUNS);
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	settle(lab, 2);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

static void whose_box_is_attached_is_not_wiped_though_refused(void **state)
{
	struct api_lab *lab = *state;

	is_refused = true;
	have_a_kernel(lab);
	assert_fails(lab, API_RESET, NULL, WEFT_E_IN_USE, "1 endpoint is attached on this host");
	assert_int_equal(last_ask, 0);
	assert_int_equal(end, DAEMON_RUNS);
}

static void who_counts_again_while_the_kernel_works_is_not_wiped(void **state)
{
	struct api_lab *lab = *state;

	is_refused = true;
	api_lab_be(lab, 1);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	is_refused = false;
	settle(lab, 0);
	assert_int_equal(lab->err.code, WEFT_E_CONFLICT);
	assert_int_equal(end, DAEMON_RUNS);
}

static void without_a_kernel_there_is_nothing_to_wait_for(void **state)
{
	struct api_lab *lab = *state;

	be_removed(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(a_member_is_not_wiped),
	    TEST(a_removed_one_is_not_wiped_while_its_box_is_being_detached),
	    TEST(the_state_goes_once_the_kernel_gave_up_what_it_explains),
	    TEST(the_state_stays_while_the_kernel_refuses_to_give_something_up),
	    TEST(whose_box_is_attached_is_not_wiped_though_refused),
	    TEST(who_counts_again_while_the_kernel_works_is_not_wiped),
	    TEST(without_a_kernel_there_is_nothing_to_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
