/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who reads the page of metrics, how often it is made for them, and which networks it names. */
#include <stdlib.h>
#include <string.h>

#include "api_kit.h"
#include "ipamdb/query.h"

/* Who asks, when, and of which networks ipamdb knows: see CMakeLists. */
static struct caller caller;
static int64_t now_ms;
static struct ipam_net_info nets[4];
static size_t net_count;

static size_t made;       /* pages so far */
static char *page;        /* the last one */
static const void *given; /* what the last answer was */

const struct caller *__wrap_request_caller(const struct request *req);
struct shared_text *__real_shared_text_new(char *text);
struct shared_text *__wrap_shared_text_new(char *text);
void __wrap_request_answer_shared(struct request *req, int status, const char *type,
				  struct shared_text *text);
bool __wrap_ipamdb_net_next(struct ipamdb *db, size_t *at, struct ipam_net_info *info);
struct mono __wrap_daemon_now(void);
void __wrap_store_thread_stats(struct store_thread *st, struct store_stats *stats);
size_t __wrap_store_thread_waiting(struct store_thread *st);
void __wrap_http_counts(const struct http *http, struct http_counts *counts);

const struct caller *__wrap_request_caller(const struct request *req)
{
	(void)req;
	return &caller;
}

struct shared_text *__wrap_shared_text_new(char *text)
{
	made++;
	free(page);
	page = strdup(text);
	return __real_shared_text_new(text);
}

void __wrap_request_answer_shared(struct request *req, int status, const char *type,
				  struct shared_text *text)
{
	struct api_lab *lab = (void *)req;

	assert_int_equal(status, 200);
	assert_non_null(strstr(type, "text/plain"));
	given = text;
	lab->answer = json_null();
}

bool __wrap_ipamdb_net_next(struct ipamdb *db, size_t *at, struct ipam_net_info *info)
{
	(void)db;
	if (*at == net_count)
		return false;
	*info = nets[(*at)++];
	return true;
}

struct mono __wrap_daemon_now(void)
{
	return (struct mono){now_ms * NS_PER_MS};
}

void __wrap_store_thread_stats(struct store_thread *st, struct store_stats *stats)
{
	(void)st;
	*stats = (struct store_stats){0};
}

size_t __wrap_store_thread_waiting(struct store_thread *st)
{
	(void)st;
	return 0;
}

void __wrap_http_counts(const struct http *http, struct http_counts *counts)
{
	(void)http;
	*counts = (struct http_counts){0};
}

static int set_up(void **state)
{
	*state = api_lab_new(1);
	caller = (struct caller){(uid_t)-1, (gid_t)-1, 0};
	now_ms = 5000;
	made = net_count = 0;
	return 0;
}

static int tear_down(void **state)
{
	struct api_lab *lab = *state;

	shared_text_release(lab->d.page);
	api_lab_free(lab);
	free(page);
	page = NULL;
	return 0;
}

static void ask(struct api_lab *lab)
{
	assert_int_equal(api_lab_call(lab, API_METRICS, NULL), 0);
}

/* However many there are, and however often they come. */
static void who_comes_over_tcp_shares_a_page_for_a_second(void **state)
{
	struct api_lab *lab = *state;
	const void *first;

	ask(lab);
	first = given;
	for (now_ms = 5000; now_ms < 6000; now_ms += 111) {
		ask(lab);
		assert_ptr_equal(given, first);
	}
	assert_int_equal(made, 1);
	now_ms = 6000;
	ask(lab);
	assert_int_equal(made, 2);
	assert_ptr_equal(given, lab->d.page);
}

/* Scripts there compare before and after. */
static void on_the_host_itself_it_is_as_of_now(void **state)
{
	struct api_lab *lab = *state;

	ask(lab);
	caller.uid = 1000;
	for (size_t i = 2; i < 5; i++) {
		ask(lab);
		assert_int_equal(made, i);
		assert_ptr_not_equal(given, lab->d.page);
	}
}

static void name_network(uint8_t id, const char *name, bool known, bool ended)
{
	struct ipam_net_info *net = &nets[net_count++];

	*net = (struct ipam_net_info){.id = {{id}}, .known = known, .ended = ended, .leased = id};
	snprintf(net->name, sizeof(net->name), "%s", name);
}

static size_t count_of(const char *words)
{
	size_t count = 0;

	for (const char *at = page; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

static void networks_that_are_over_or_never_were_are_not_on_it(void **state)
{
	struct api_lab *lab = *state;
	char line[256], id[ID_TEXT_BYTES];

	name_network(1, "web", true, true);
	name_network(2, "web", true, false);
	name_network(3, "", false, false);
	name_network(4, "", false, true);
	ask(lab);
	id_format(&nets[1].id, id);
	snprintf(line, sizeof(line),
		 "\nweft_ipam_addresses{network=\"web\",id=\"%s\",state=\"leased\"} 2\n", id);
	assert_int_equal(count_of(line), 1);
	assert_int_equal(count_of("\nweft_ipam_addresses{"), 6);
}

/* Two hosts that do not hear each other make one each. */
static void networks_of_one_name_are_told_apart(void **state)
{
	struct api_lab *lab = *state;

	name_network(1, "web", true, false);
	name_network(2, "web", true, false);
	ask(lab);
	for (size_t i = 0; i < 2; i++) {
		char words[128], id[ID_TEXT_BYTES];

		id_format(&nets[i].id, id);
		snprintf(words, sizeof(words), "{network=\"web\",id=\"%s\",state=", id);
		assert_int_equal(count_of(words), 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(who_comes_over_tcp_shares_a_page_for_a_second),
	    TEST(on_the_host_itself_it_is_as_of_now),
	    TEST(networks_that_are_over_or_never_were_are_not_on_it),
	    TEST(networks_of_one_name_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
