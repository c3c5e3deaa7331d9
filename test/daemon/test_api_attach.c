/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>
#include <string.h>

#include "api_kit.h"

static struct mono deadline; /* of the request, as it was set last */
static struct weft_err late; /* what it would be told then */
static uint64_t inode;       /* of the namespace that is opened next */
static struct api_lab *lab;

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
uint64_t __wrap_request_tag(const struct request *req);
void __wrap_request_late_set(struct request *req, const struct weft_err *err);
void __wrap_request_deadline_set(struct request *req, int64_t ms);

/* The namespace is open. */
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct kernel_tell tell = {.kind = TELL_BOX,
				   .box = {.fds = OVERLAY_BOX_NONE, .dev = 4, .inode = inode}};

	(void)kt;
	assert_int_equal(ask->kind, ASK_BOX);
	free(ask);
	assert_non_null(lab->call.told);
	lab->call.told(&lab->d, (void *)lab, &tell);
}

uint64_t __wrap_request_tag(const struct request *req)
{
	(void)req;
	return 7;
}

void __wrap_request_late_set(struct request *req, const struct weft_err *err)
{
	(void)req;
	late = *err;
}

void __wrap_request_deadline_set(struct request *req, int64_t ms)
{
	(void)req;
	deadline = mono_add_ms(lab->cluster->now, ms);
}

static int set_up(void **state)
{
	static uint8_t kernel;

	inode = 11;
	lab = api_lab_new(1);
	lab->d.kernel = (struct kernel_thread *)&kernel;
	cluster_network(lab->cluster, 0, "blue", "10.64.1.0/28");
	cluster_run(lab->cluster, 1000);
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	api_lab_free(*state);
	return 0;
}

static int attach(void)
{
	return api_lab_call(lab, API_ATTACH,
			    json_pack("{s:s,s:s}", "network", "blue", "netns", "/run/netns/box"));
}

static void an_attach_answers_with_its_endpoint(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
	assert_string_equal(answer_text(lab, "ifname"), "eth0");
	assert_string_equal(answer_text(lab, "gateway"), "10.64.1.1");
	assert_int_equal(cluster_boxes(lab->cluster, 0), 1);
}

/* The request is to wait longer than the node: what it says when its time is up was not decided. */
static void a_caller_waits_until_it_is_decided(void **state)
{
	struct host *host = &lab->cluster->hosts[0];

	(void)state;
	assert_int_equal(attach(), 0);
	inode++;
	host->plugs_wait = true;
	host->commit_ms_more = 4000;
	assert_int_equal(attach(), WEFT_E_TIMEOUT);
	assert_non_null(strstr(lab->err.message, "the kernel"));
	assert_true(lab->cluster->now.ns < deadline.ns);
	assert_non_null(strstr(late.message, "the disk"));
	assert_int_equal(cluster_boxes(lab->cluster, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(an_attach_answers_with_its_endpoint, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_caller_waits_until_it_is_decided, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
