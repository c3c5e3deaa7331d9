/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>

#include "api_kit.h"

#define TAG 5

/* What the kernel thread and the loop are asked for, instead of their doing it: see CMakeLists. */
static enum kernel_ask_kind last_ask;
static size_t networks_put, networks_ended;
static bool held;
static int late; /* the code of what is told when the time is up */
static enum daemon_end end;

static struct api_lab others[2]; /* other requests under way */

static bool is_refused, is_copy; /* what the core says of it */

uint64_t __wrap_request_tag(const struct request *req);
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
bool __wrap_daemon_stop(struct daemon *d, enum daemon_end how);
bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by);
enum node_phase __real_gossip_phase(const struct gossip *g);
enum node_phase __wrap_gossip_phase(const struct gossip *g);
void __wrap_request_late_set(struct request *req, const struct weft_err *err);
void __wrap_http_each_pending(struct http *http, void *ctx,
			      void (*each)(void *ctx, struct request *req));

uint64_t __wrap_request_tag(const struct request *req)
{
	(void)req;
	return TAG;
}

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	(void)kt;
	last_ask = ask->kind;
	if (ask->kind == ASK_HOLD)
		held = ask->held;
	networks_put += ask->kind == ASK_NETWORK_PUT;
	networks_ended += ask->kind == ASK_NETWORK_END;
	assert_int_equal(ask->tag, ask->kind == ASK_SETTLE ? TAG : 0);
	free(ask);
}

bool __wrap_daemon_stop(struct daemon *d, enum daemon_end how)
{
	if (d->end == DAEMON_RUNS)
		d->end = end = how;
	return d->end == how;
}

bool __wrap_gossip_is_refused(const struct gossip *g, struct id *by)
{
	(void)g;
	(void)by;
	return is_refused;
}

enum node_phase __wrap_gossip_phase(const struct gossip *g)
{
	return is_copy ? NODE_COPY : __real_gossip_phase(g);
}

void __wrap_request_late_set(struct request *req, const struct weft_err *err)
{
	(void)req;
	late = err->code;
}

void __wrap_http_each_pending(struct http *http, void *ctx,
			      void (*each)(void *ctx, struct request *req))
{
	(void)http;
	for (size_t i = 0; i < 2; i++)
		each(ctx, (void *)&others[i]);
}

/* Three hosts with a network; what is called is called on the last. */
static int set_up(void **state)
{
	struct api_lab *lab;
	struct id network;

	last_ask = (enum kernel_ask_kind)0;
	networks_put = networks_ended = 0;
	late = 0;
	memset(others, 0, sizeof(others));
	others[0].method = others[1].method = api_method(API_STATUS);
	held = is_refused = is_copy = false;
	end = DAEMON_RUNS;
	lab = api_lab_new(3);
	network = cluster_network(lab->cluster, 0, "blue", "10.64.1.0/24");
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
static void look(struct api_lab *lab, uint32_t failed, uint32_t unknown_boxes)
{
	struct kernel_tell tell = {.kind = TELL_SETTLED,
				   .tag = TAG,
				   .totals = {.failed = failed, .unknown_boxes = unknown_boxes}};

	assert_int_equal(last_ask, ASK_SETTLE);
	assert_null(lab->answer);
	assert_int_equal(lab->err.code, 0);
	assert_int_equal(end, DAEMON_RUNS);
	lab->call.told(&lab->d, (void *)lab, &tell);
}

static void settle(struct api_lab *lab, uint32_t failed)
{
	look(lab, failed, 0);
}

static void a_member_is_not_wiped(void **state)
{
	struct api_lab *lab = *state;

	assert_fails(lab, API_RESET, NULL, WEFT_E_CONFLICT, "weft leave first");
	assert_fails(lab, API_RESET, json_pack("{s:b}", "force", 1), WEFT_E_CONFLICT,
		     "weft leave first");
	assert_int_equal(end, DAEMON_RUNS);
}

/* The loop has finished a step: does a reset that waited go on? */
static bool follow(struct api_lab *lab)
{
	lab->d.follow = false;
	api_resets_follow(&lab->d);
	if (lab->d.follow)
		lab->call.retry(&lab->d, (void *)lab);
	return lab->d.follow;
}

static void a_reset_waits_while_the_boxes_of_a_removed_one_are_being_detached(void **state)
{
	struct api_lab *lab = *state;

	lab->cluster->hosts[2].commits_fail = true;
	be_removed(lab);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	assert_null(lab->answer);
	assert_int_equal(late, WEFT_E_BUSY);
	assert_int_equal(last_ask, 0);
	assert_false(follow(lab));
	lab->cluster->hosts[2].commits_fail = false;
	cluster_run(lab->cluster, 2000);
	assert_int_equal(cluster_boxes(lab->cluster, 2), 0);
	assert_true(follow(lab));
	assert_int_equal(late, WEFT_E_TIMEOUT);
	assert_null(lab->call.retry); /* it waits for the kernel now */
	settle(lab, 0);
	assert_int_equal(end, DAEMON_WIPE);
	assert_false(follow(lab));
}

static void a_reset_does_not_wait_for_a_store_that_refuses(void **state)
{
	struct api_lab *lab = *state;

	lab->cluster->hosts[2].commits_fail = true;
	be_removed(lab);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	assert_false(follow(lab));
	lab->d.store_ailment.err.code = WEFT_E_STORE;
	assert_true(follow(lab));
	assert_int_equal(lab->err.code, WEFT_E_BUSY);
	assert_non_null(strstr(lab->err.message, "1 endpoint is still being detached"));
	assert_int_equal(last_ask, 0);
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

static void who_else_asked_for_a_reset_is_answered_with_the_first(void **state)
{
	struct api_lab *lab = *state;

	others[1].method = api_method(API_RESET);
	be_removed(lab);
	have_a_kernel(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	assert_null(others[1].answer);
	settle(lab, 0);
	assert_non_null(lab->answer);
	assert_non_null(others[1].answer);
	assert_null(others[0].answer);
	json_decref(others[1].answer);
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

/* Wiping is what helps against such a disk. */
static void by_force_a_removed_one_is_wiped_though_its_store_refuses_to_detach(void **state)
{
	struct api_lab *lab = *state;

	lab->cluster->hosts[2].commits_fail = true;
	lab->d.store_ailment.err.code = WEFT_E_STORE;
	be_removed(lab);
	have_a_kernel(lab);
	assert_fails(lab, API_RESET, NULL, WEFT_E_BUSY, "weft reset --force");
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	assert_int_equal(networks_ended, 1);
	settle(lab, 0);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

/* The last host has no box, and the others do not take it for a member. */
static void be_refused(struct api_lab *lab)
{
	struct local_endpoint local;

	for (size_t at = 0; node_endpoint_next(lab->d.node, &at, &local) && local.is_host;)
		;
	assert_int_equal(cluster_detach(lab->cluster, 2, &local.id), 0);
	is_refused = true;
	have_a_kernel(lab);
}

static void who_is_refused_detaches_its_boxes_first(void **state)
{
	struct api_lab *lab = *state;

	is_refused = true;
	have_a_kernel(lab);
	assert_fails(lab, API_RESET, json_pack("{s:b}", "force", 1), WEFT_E_IN_USE,
		     "1 endpoint is attached on this host");
	assert_int_equal(last_ask, 0);
}

static void by_force_who_is_refused_is_wiped_though_its_store_refuses_to_detach(void **state)
{
	struct api_lab *lab = *state;

	is_refused = true;
	have_a_kernel(lab);
	lab->d.store_ailment.err.code = WEFT_E_STORE;
	assert_fails(lab, API_RESET, NULL, WEFT_E_IN_USE, "or, as the store refuses that, weft");
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	assert_int_equal(networks_ended, 1);
	settle(lab, 0);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

/* Its boxes have lost their ports already: a state that names them serves nobody. */
static void by_force_who_is_refused_is_wiped_though_its_store_recovers_meanwhile(void **state)
{
	struct api_lab *lab = *state;

	is_refused = true;
	have_a_kernel(lab);
	lab->d.store_ailment.err.code = WEFT_E_STORE_FULL;
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	assert_int_equal(networks_ended, 1);
	lab->d.store_ailment.err.code = 0;
	settle(lab, 0);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

/* The rows are older than the kernel, perhaps; a reset is for what they do not explain as well. */
static void nothing_is_held_back_from_a_reset(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	lab->d.kernel_held = held = true;
	lab->d.totals.unknown_boxes = 2;
	assert_fails(lab, API_RESET, NULL, WEFT_E_IN_USE, "2 boxes are plugged in on this host");
	assert_true(held);
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	assert_false(held);
	assert_int_equal(networks_ended, 1);
	kernel_follow(&lab->d);
	assert_false(held);
	settle(lab, 0);
	assert_int_equal(end, DAEMON_WIPE);
}

static void what_rows_do_not_explain_is_looked_for_before_anything_goes(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	lab->d.kernel_held = held = true;
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	look(lab, 0, 2);
	assert_int_equal(lab->err.code, WEFT_E_IN_USE);
	assert_non_null(strstr(lab->err.message, "2 boxes are plugged in"));
	assert_int_equal(networks_ended, 0);
	assert_true(held);
	assert_int_equal(end, DAEMON_RUNS);
}

static void what_could_not_be_looked_for_is_not_taken_for_gone(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	lab->d.kernel_held = held = true;
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	look(lab, 1, 0);
	assert_int_equal(lab->err.code, WEFT_E_KERNEL);
	assert_int_equal(networks_ended, 0);
	assert_true(held);

	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	look(lab, 0, 0);
	assert_int_equal(networks_ended, 1);
	assert_false(held);
	settle(lab, 0);
	assert_int_equal(end, DAEMON_WIPE);
}

/* What stands in the kernel may be the original's. */
static void who_turns_out_to_be_a_copy_meanwhile_takes_nothing_away(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	lab->d.kernel_held = held = true;
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	is_copy = true;
	look(lab, 0, 1);
	assert_int_equal(networks_ended, 0);
	assert_true(held);
	assert_non_null(lab->answer);
	assert_int_equal(end, DAEMON_WIPE);
}

static void who_becomes_a_member_after_a_reset_that_failed_has_its_networks_again(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	settle(lab, 1);
	assert_int_equal(lab->err.code, WEFT_E_KERNEL);
	kernel_follow(&lab->d);
	assert_int_equal(networks_put, 0);
	is_refused = false;
	kernel_follow(&lab->d);
	assert_int_equal(networks_put, 1);
	kernel_follow(&lab->d);
	assert_int_equal(networks_put, 1);
}

static void who_becomes_a_member_before_the_kernel_answers_is_not_wiped(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	is_refused = false;
	settle(lab, 0);
	assert_int_equal(lab->err.code, WEFT_E_CONFLICT);
	assert_int_equal(end, DAEMON_RUNS);
	kernel_follow(&lab->d);
	assert_int_equal(networks_put, 1);
}

static void nothing_comes_back_to_the_kernel_behind_a_reset(void **state)
{
	struct api_lab *lab = *state;

	be_refused(lab);
	assert_int_equal(api_lab_call(lab, API_RESET, NULL), 0);
	settle(lab, 0);
	assert_int_equal(end, DAEMON_WIPE);
	is_refused = false;
	kernel_follow(&lab->d);
	assert_int_equal(networks_put, 0);
}

static void what_ends_for_another_reason_is_not_said_to_be_wiped(void **state)
{
	struct api_lab *lab = *state;

	be_removed(lab);
	lab->d.end = DAEMON_STOP;
	assert_fails(lab, API_RESET, NULL, WEFT_E_BUSY, "weftd is stopping");
	assert_int_equal(lab->d.end, DAEMON_STOP);
}

static void where_the_kernel_could_not_be_opened_a_reset_wants_force(void **state)
{
	struct api_lab *lab = *state;

	be_removed(lab);
	lab->d.kernel_tried = true;
	assert_fails(lab, API_RESET, NULL, WEFT_E_KERNEL, "could not open the kernel's sockets");
	assert_int_equal(api_lab_call(lab, API_RESET, json_pack("{s:b}", "force", 1)), 0);
	assert_int_equal(end, DAEMON_WIPE);
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
	    TEST(a_reset_waits_while_the_boxes_of_a_removed_one_are_being_detached),
	    TEST(a_reset_does_not_wait_for_a_store_that_refuses),
	    TEST(the_state_goes_once_the_kernel_gave_up_what_it_explains),
	    TEST(who_else_asked_for_a_reset_is_answered_with_the_first),
	    TEST(the_state_stays_while_the_kernel_refuses_to_give_something_up),
	    TEST(by_force_a_removed_one_is_wiped_though_its_store_refuses_to_detach),
	    TEST(who_is_refused_detaches_its_boxes_first),
	    TEST(by_force_who_is_refused_is_wiped_though_its_store_refuses_to_detach),
	    TEST(by_force_who_is_refused_is_wiped_though_its_store_recovers_meanwhile),
	    TEST(nothing_is_held_back_from_a_reset),
	    TEST(what_rows_do_not_explain_is_looked_for_before_anything_goes),
	    TEST(what_could_not_be_looked_for_is_not_taken_for_gone),
	    TEST(who_turns_out_to_be_a_copy_meanwhile_takes_nothing_away),
	    TEST(who_becomes_a_member_after_a_reset_that_failed_has_its_networks_again),
	    TEST(who_becomes_a_member_before_the_kernel_answers_is_not_wiped),
	    TEST(nothing_comes_back_to_the_kernel_behind_a_reset),
	    TEST(what_ends_for_another_reason_is_not_said_to_be_wiped),
	    TEST(where_the_kernel_could_not_be_opened_a_reset_wants_force),
	    TEST(without_a_kernel_there_is_nothing_to_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
