/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/daemon.h"
#include "test/base/cmocka_all.h"

#define TOLD_MAX 4

/* What the node is told, instead of its step: see CMakeLists. */
static struct node_event told[TOLD_MAX];
static size_t told_count;
static const struct node_work *more; /* comes out of the step that the first telling causes */

static enum kernel_ask_kind asked[TOLD_MAX]; /* of the kernel thread */
static int asked_netns[TOLD_MAX];
static size_t asked_count;

void __wrap_daemon_step(struct daemon *d, struct node_event *event);
struct request *__wrap_http_request(struct http *http, uint64_t tag);
struct call *__wrap_call_of(struct daemon *d, struct request *req);
void *__wrap_request_state(const struct request *req);
void __wrap_request_fail(struct request *req, const struct weft_err *err);
void __wrap_request_late_set(struct request *req, const struct weft_err *err);
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);

void __wrap_daemon_step(struct daemon *d, struct node_event *event)
{
	const struct node_work *work = more;

	assert_true(told_count < TOLD_MAX);
	told[told_count++] = *event;
	more = NULL;
	if (!work)
		return;
	kernel_work(d, work);
	kernel_refusals(d);
}

static struct request *asker; /* NULL: whoever asked has gone */
static struct call call;

struct request *__wrap_http_request(struct http *http, uint64_t tag)
{
	(void)http;
	(void)tag;
	return asker;
}

struct call *__wrap_call_of(struct daemon *d, struct request *req)
{
	(void)d;
	assert_ptr_equal(req, asker);
	return &call;
}

void *__wrap_request_state(const struct request *req)
{
	assert_ptr_equal(req, asker);
	return &call;
}

static int failed, late; /* with this code, or would be at its deadline */

void __wrap_request_fail(struct request *req, const struct weft_err *err)
{
	assert_ptr_equal(req, asker);
	assert_int_equal(failed, 0);
	failed = err->code;
}

void __wrap_request_late_set(struct request *req, const struct weft_err *err)
{
	assert_ptr_equal(req, asker);
	late = err->code;
}

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	(void)kt;
	assert_true(asked_count < TOLD_MAX);
	asked_netns[asked_count] = ask->box.netns_fd;
	asked[asked_count++] = ask->kind;
	free(ask);
}

static struct node_work work_of(enum node_work_kind kind, uint8_t id)
{
	struct node_work work = {.kind = kind};

	work.endpoint.id.b[0] = id;
	return work;
}

static int setup(void **state)
{
	told_count = asked_count = 0;
	more = NULL;
	asker = NULL;
	call = (struct call){.box = OVERLAY_BOX_NONE};
	failed = late = 0;
	*state = calloc(1, sizeof(struct daemon));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void without_a_kernel_a_plug_is_refused_after_the_step_with_a_reason(void **state)
{
	struct daemon *d = *state;
	struct node_work plug = work_of(WORK_PLUG, 7);

	kernel_work(d, &plug);
	assert_int_equal(told_count, 0);
	kernel_refusals(d);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].kind, NODE_EV_PLUGGED);
	assert_int_equal(told[0].id.b[0], 7);
	assert_false(told[0].ok);
	assert_int_equal(told[0].err.code, WEFT_E_KERNEL);
	assert_non_null(strstr(told[0].err.message, "kernel's sockets"));
	kernel_refusals(d);
	assert_int_equal(told_count, 1);
}

static void without_a_kernel_there_is_nothing_to_unplug(void **state)
{
	struct daemon *d = *state;
	struct node_work plug = work_of(WORK_PLUG, 7), unplug = work_of(WORK_UNPLUG, 8);

	/* The refusal ends an attach, which makes the node take back what it had done. */
	more = &unplug;
	kernel_work(d, &plug);
	kernel_refusals(d);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[1].kind, NODE_EV_UNPLUGGED);
	assert_int_equal(told[1].id.b[0], 8);
	assert_int_equal(told[1].err.code, 0);
}

static void without_a_kernel_nothing_is_made_ahead_and_nobody_told(void **state)
{
	struct daemon *d = *state;
	struct node_work make = work_of(WORK_MAKE, 7), unmake = work_of(WORK_UNMAKE, 7);

	kernel_work(d, &make);
	kernel_work(d, &unmake);
	kernel_refusals(d);
	assert_int_equal(told_count, 0);
}

static void whose_asker_has_gone_is_unmade_and_plugged_nowhere(void **state)
{
	static uint8_t kernel;
	struct daemon *d = *state;
	struct node_work plug = work_of(WORK_PLUG, 7);

	d->kernel = (struct kernel_thread *)&kernel;
	plug.tag = 5;
	kernel_work(d, &plug);
	assert_int_equal(asked_count, 2);
	assert_int_equal(asked[0], ASK_UNMAKE);
	assert_int_equal(asked[1], ASK_PLUG);
	assert_int_equal(asked_netns[1], -1);
}

/* The box stays with the call until the plug, which comes if the store takes the commit after all.
 */
static void while_the_store_refuses_nothing_is_made_ahead(void **state)
{
	static uint8_t kernel, request;
	struct daemon *d = *state;
	struct node_work make = work_of(WORK_MAKE, 7), plug = work_of(WORK_PLUG, 7);

	d->kernel = (struct kernel_thread *)&kernel;
	asker = (struct request *)&request;
	call.box = (struct overlay_box){.netns_fd = 98, .rtnl_fd = 99};
	make.tag = plug.tag = 5;
	d->store_ailment.err.code = WEFT_E_STORE_FULL;
	kernel_work(d, &make);
	assert_int_equal(asked_count, 0);
	kernel_work(d, &plug);
	assert_int_equal(asked_count, 1);
	assert_int_equal(asked[0], ASK_PLUG);
	assert_int_equal(asked_netns[0], 98);
	assert_int_equal(call.box.netns_fd, -1);

	d->store_ailment.err.code = 0;
	kernel_work(d, &make);
	assert_int_equal(asked[1], ASK_MAKE);
}

/* Whichever comes first: that nothing of it is left, or the word of the node. */
static void a_refusal_is_answered_when_what_was_made_is_gone(void **state)
{
	static uint8_t kernel, request;
	struct daemon *d = *state;
	struct node_work unmake = work_of(WORK_UNMAKE, 7);
	const struct node_answer answer = {.tag = 5, .err.code = WEFT_E_STORE_FULL};
	const struct kernel_tell unmade = {.kind = TELL_UNMADE, .tag = 5};

	d->kernel = (struct kernel_thread *)&kernel;
	asker = (struct request *)&request;
	unmake.tag = 5;
	kernel_work(d, &unmake);
	api_answered(d, &answer);
	assert_int_equal(failed, 0);
	assert_int_equal(late, WEFT_E_STORE_FULL);
	kernel_told(d, &unmade);
	assert_int_equal(failed, WEFT_E_STORE_FULL);

	failed = 0;
	call.why.code = 0;
	kernel_work(d, &unmake);
	kernel_told(d, &unmade);
	assert_int_equal(failed, 0);
	api_answered(d, &answer);
	assert_int_equal(failed, WEFT_E_STORE_FULL);
}

static void nobody_asks_for_the_host_itself(void **state)
{
	static uint8_t kernel;
	struct daemon *d = *state;
	struct node_work plug = work_of(WORK_PLUG, 7);

	d->kernel = (struct kernel_thread *)&kernel;
	plug.endpoint.is_host = true;
	kernel_work(d, &plug);
	assert_int_equal(asked_count, 1);
	assert_int_equal(asked[0], ASK_PLUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		without_a_kernel_a_plug_is_refused_after_the_step_with_a_reason, setup, teardown),
	    cmocka_unit_test_setup_teardown(without_a_kernel_there_is_nothing_to_unplug, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(without_a_kernel_nothing_is_made_ahead_and_nobody_told,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(whose_asker_has_gone_is_unmade_and_plugged_nowhere,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(while_the_store_refuses_nothing_is_made_ahead, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_refusal_is_answered_when_what_was_made_is_gone, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(nobody_asks_for_the_host_itself, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
