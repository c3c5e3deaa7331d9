/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The desk, whose visitors are the test, as are its kernel and clock. */
#include <string.h>

#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"
#include "test/daemon/diag_kit.h"

#define MANY 256
#define MTU 1500

static struct {
	struct inet addr, vtep; /* of every member */
	size_t greeted_count;
	struct {
		struct id whom;
		uint64_t tag;
		struct diag_message message;
	} greeted[MANY];
	size_t answered_count;
	struct {
		uint64_t message;
		struct diag_message answer;
	} answered[MANY];
	size_t probed;
	struct inet probed_last;
	size_t wants_count; /* what the kernel was asked for */
} world;

static const struct id alice = {{1}}, bob = {{2}};

/* ---- what the desk asks of others ---- */

struct gossip *__wrap_node_gossip(struct node *node);
bool __wrap_gossip_member(const struct gossip *g, const struct id *id, struct member_info *info);
void __wrap_diag_ask(struct diag *d, const struct id *to, const struct diag_message *message,
		     int64_t ttl_ms, uint64_t *tag);
void __wrap_daemon_submit_own(struct daemon *d, struct node_request *request);
int __wrap_probe_send(const struct probe *probe);
uint16_t __wrap_diag_mtu(const struct daemon *d);

struct gossip *__wrap_node_gossip(struct node *node)
{
	(void)node;
	return NULL;
}

bool __wrap_gossip_member(const struct gossip *g, const struct id *id, struct member_info *info)
{
	(void)g;
	memset(info, 0, sizeof(*info));
	info->id = *id;
	info->state = MEMBER_ALIVE;
	info->addr = (struct hostport){world.addr, 7947};
	info->vtep = world.vtep;
	return true;
}

void __wrap_diag_ask(struct diag *d, const struct id *to, const struct diag_message *message,
		     int64_t ttl_ms, uint64_t *tag)
{
	(void)ttl_ms;
	assert_true(world.greeted_count < MANY);
	*tag = DIAG_TAG | ++d->next_tag;
	world.greeted[world.greeted_count].whom = *to;
	world.greeted[world.greeted_count].tag = *tag;
	world.greeted[world.greeted_count++].message = *message;
}

void __wrap_daemon_submit_own(struct daemon *d, struct node_request *request)
{
	(void)d;
	assert_int_equal(request->kind, NODE_REPLY);
	assert_true(world.answered_count < MANY);
	world.answered[world.answered_count].message = request->message;
	assert_int_equal(diag_decode(request->bytes, request->len,
				     &world.answered[world.answered_count++].answer),
			 0);
}

int __wrap_probe_send(const struct probe *probe)
{
	world.probed++;
	world.probed_last = probe->to;
	return 0;
}

uint16_t __wrap_diag_mtu(const struct daemon *d)
{
	(void)d;
	return MTU;
}

/* ---- steps ---- */

static int set_up(void **state)
{
	kit_set_up(state);
	memset(&world, 0, sizeof(world));
	world.addr = world.vtep = inet_from_v4(0x0a000001);
	kit.diag->watches_left = 1000;
	kit.diag->watches_at = kit.now;
	return 0;
}

static void comes(const struct id *from, uint64_t number, const struct diag_message *ask)
{
	struct gossip_delivery delivery = {.from = *from, .message = number};
	uint8_t bytes[MESSAGE_BYTES_MAX];
	int len = diag_encode(ask, bytes, sizeof(bytes));

	assert_true(len > 0);
	delivery.bytes = bytes;
	delivery.len = (size_t)len;
	diag_delivered(kit.diag, &delivery);
}

/* A turn, and the kernel does all that it is asked. */
static void turn(void)
{
	desk_turn(kit.diag);
	slots_turn(kit.diag);
	for (size_t i = 0; i < kit.ask_count; i++) {
		const struct kernel_tell tell = {.kind = TELL_WATCH, .tag = kit.asks[i]->tag};

		if (kit.asks[i]->kind == ASK_WATCH)
			world.wants_count += kit.asks[i]->rec.wants.count;
		slots_told(kit.diag, &tell);
	}
	kit_forget();
}

/* The nth that was asked answers, so far from what it should. */
static void replies(size_t nth, uint64_t off)
{
	const struct diag_message answer = {.kind = DIAG_HELLO + 1,
					    .version = WEFT_VERSION,
					    .nonce = world.greeted[nth].message.nonce + off};
	struct node_answer told = {.tag = world.greeted[nth].tag};
	uint8_t bytes[MESSAGE_BYTES_MAX];
	int len = diag_encode(&answer, bytes, sizeof(bytes));

	assert_true(len > 0);
	told.bytes = bytes;
	told.len = (size_t)len;
	desk_answered(kit.diag, &told);
}

static void watch(const struct id *from, uint64_t nonce)
{
	const struct diag_message ask = {.kind = DIAG_WATCH, .nonce = nonce};

	comes(from, nonce, &ask);
}

static void count(const struct id *from, uint64_t nonce)
{
	const struct diag_message ask = {.kind = DIAG_COUNT,
					 .nonce = nonce,
					 .port_count = 1,
					 .ports = {4789},
					 .size_count = 1,
					 .sizes = {MTU}};

	comes(from, nonce, &ask);
}

/* The last answer, of this kind. */
static const struct diag_message *answer(uint8_t kind)
{
	assert_true(world.answered_count > 0);
	assert_int_equal(world.answered[world.answered_count - 1].answer.kind, kind);
	return &world.answered[world.answered_count - 1].answer;
}

/* From WATCH to the answer to COUNT. */
static void is_watched_and_counted(uint64_t off)
{
	watch(&alice, 7);
	turn();
	replies(0, off);
	turn();
	assert_int_equal(answer(DIAG_WATCH + 1)->watches, DIAG_WATCHES);
	count(&alice, 7);
	turn();
	turn();
}

/* ---- tests ---- */

static void who_answers_where_its_probes_come_from_is_sent_probes(void **state)
{
	(void)state;
	is_watched_and_counted(0);
	assert_true(answer(DIAG_COUNT + 1)->sent);
	assert_int_equal(world.probed, 1);
	assert_true(inet_eq(&world.probed_last, &world.vtep));
}

static void nothing_is_sent_to_the_address_of_another(void **state)
{
	(void)state;
	world.vtep = inet_from_v4(0x0a000002);
	is_watched_and_counted(0);
	assert_false(answer(DIAG_COUNT + 1)->sent);
	assert_int_equal(world.probed, 0);
}

static void nothing_is_sent_to_who_does_not_know_the_number(void **state)
{
	(void)state;
	is_watched_and_counted(1);
	assert_false(answer(DIAG_COUNT + 1)->sent);
	assert_int_equal(world.probed, 0);
}

static void who_asks_with_another_nonce_is_not_answered(void **state)
{
	size_t answered;

	(void)state;
	watch(&alice, 7);
	turn();
	replies(0, 0);
	turn();
	answered = world.answered_count;
	count(&alice, 8);
	count(&bob, 7);
	turn();
	turn();
	assert_int_equal(world.answered_count, answered);
	assert_int_equal(world.probed, 0);
}

/* The kernel would refuse both, and all that is asked beside them. */
static void the_same_nonce_is_not_expected_twice(void **state)
{
	(void)state;
	watch(&alice, 7);
	watch(&alice, 7);
	watch(&bob, 7); /* who says that his address is hers */
	turn();
	assert_int_equal(world.wants_count, 1);
	assert_int_equal(world.answered_count, 2);
	assert_int_equal(answer(DIAG_WATCH + 1)->watches, DIAG_CROWDED);
	watch(&alice, 8);
	turn();
	assert_int_equal(world.wants_count, 2);
}

static void a_nonce_that_a_round_uses_is_not_expected_again(void **state)
{
	(void)state;
	assert_non_null(slot_take(kit.diag, false, &world.vtep, 7));
	watch(&alice, 7);
	turn();
	assert_int_equal(world.wants_count, 1);
	assert_int_equal(answer(DIAG_WATCH + 1)->watches, DIAG_CROWDED);
}

static void who_has_no_vxlan_address_is_not_watched(void **state)
{
	(void)state;
	memset(&world.vtep, 0, sizeof(world.vtep));
	watch(&alice, 7);
	turn();
	turn();
	count(&alice, 7);
	turn();
	turn();
	assert_int_equal(world.wants_count, 0);
	assert_int_equal(world.greeted_count, 0);
	assert_int_equal(world.answered_count, 0);
	assert_int_equal(world.probed, 0);
	assert_int_equal(kit.diag->visit_count, 0);
}

/* How many questions a member may have here at once; those who ask keep below. */
static void relays_over_the_share_of_a_member_are_dropped(void **state)
{
	struct diag_message ask = {.kind = DIAG_RELAY};

	(void)state;
	for (uint8_t i = 0; i < DIAG_VISITS_EACH + 1; i++) {
		ask.member = (struct id){{9, i}};
		comes(&alice, i, &ask);
	}
	ask.member = (struct id){{9, 100}};
	comes(&bob, 100, &ask);
	turn();
	assert_int_equal(world.greeted_count, DIAG_VISITS_EACH + 1);
	for (size_t i = 0; i < world.greeted_count; i++) {
		struct node_answer told = {.tag = world.greeted[i].tag};

		told.err.code = WEFT_E_TIMEOUT;
		desk_answered(kit.diag, &told);
	}
	turn();
	assert_int_equal(world.answered_count, DIAG_VISITS_EACH + 1);
	assert_false(answer(DIAG_RELAY + 1)->reached);
	assert_int_equal(kit.diag->visit_count, 0);
}

static void a_turn_begins_so_many_and_no_more(void **state)
{
	const struct diag_message hello = {.kind = DIAG_HELLO};

	(void)state;
	for (uint8_t i = 0; i < 80; i++)
		comes(&(struct id){{3, i}}, i, &hello);
	turn();
	assert_int_equal(world.answered_count, 64);
	turn();
	assert_int_equal(world.answered_count, 80);
}

static void a_turn_sends_so_much_and_no_more(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		world.vtep = world.addr = inet_from_v4(0x0a000100u + i);
		watch(&(struct id){{3, i}}, 50u + i);
		turn();
		replies(i, 0);
	}
	turn();
	for (uint8_t i = 0; i < 20; i++)
		count(&(struct id){{3, i}}, 50u + i);
	turn();
	assert_int_equal(world.probed, 0);
	turn();
	assert_int_equal(world.probed, 8);
	turn();
	assert_int_equal(world.probed, 16);
	turn();
	assert_int_equal(world.probed, 20);
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, kit_tear_down)
	const struct CMUnitTest tests[] = {
	    ALONE(who_answers_where_its_probes_come_from_is_sent_probes),
	    ALONE(nothing_is_sent_to_the_address_of_another),
	    ALONE(nothing_is_sent_to_who_does_not_know_the_number),
	    ALONE(who_asks_with_another_nonce_is_not_answered),
	    ALONE(the_same_nonce_is_not_expected_twice),
	    ALONE(a_nonce_that_a_round_uses_is_not_expected_again),
	    ALONE(who_has_no_vxlan_address_is_not_watched),
	    ALONE(relays_over_the_share_of_a_member_are_dropped),
	    ALONE(a_turn_begins_so_many_and_no_more),
	    ALONE(a_turn_sends_so_much_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
