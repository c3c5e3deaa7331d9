/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Where this node asked to be let in, for the day on which nobody is where it was.
 *
 * A node that was away while the others moved, and they while it did, has no address of anybody,
 * nor they of it. What is left is what its operator gave it: the addresses of its token and of the
 * command. While no other member is there in its eyes, whether all that it knows have failed, left
 * or were removed or it knows none, it knocks at these in turn (seal_cert.c); whoever of the
 * cluster is there finds it so, even if this node has never heard of him. The last one of a cluster
 * does so, too: nobody tells it that there are no others.
 *
 * One datagram in SEEDS_MS, and later one in a quarter of the time for which nobody has been there,
 * up to SEEDS_MS_MAX; at most TARGETS_MAX addresses.
 *
 * Several may be cut off together: they see each other, take all others for failed and look for
 * them where they were. So while anybody has failed, each throws a die every SEEDS_MS_MAX with as
 * many sides as members are there, and one that shows a one knocks: of all of them one does, on
 * average, however many they are. It passes over addresses at which a member lives that is there:
 * so where the seeds are alive, and while nobody has failed, nobody is asked.
 */
#include <string.h>

#include "admission_impl.h"

#define SEED_ADDR_BYTES 18
#define SEEDS_MS 4000
#define SEEDS_MS_MAX 30000

_Static_assert(TARGETS_MAX *SEED_ADDR_BYTES <= META_BYTES_MAX, "they fit one value");

void seeds_write(struct admission *adm, const struct join *join)
{
	uint8_t bytes[TARGETS_MAX * SEED_ADDR_BYTES];
	struct seeds *seeds = &adm->seeds;

	WEFT_ASSERT(join->target_count > 0 && join->target_count <= TARGETS_MAX);
	*seeds = (struct seeds){.count = join->target_count};
	for (size_t i = 0; i < seeds->count; i++) {
		uint8_t *at = bytes + i * SEED_ADDR_BYTES;
		seeds->at[i] = join->targets[i].addr;
		memcpy(at, seeds->at[i].ip.b, sizeof(seeds->at[i].ip.b));
		wire_put(at + sizeof(seeds->at[i].ip.b), seeds->at[i].port, 2);
	}
	admission_meta(adm, META_SEEDS, bytes, seeds->count * SEED_ADDR_BYTES);
}

int seeds_load(struct admission *adm, const uint8_t *bytes, size_t len)
{
	struct seeds *seeds = &adm->seeds;

	if (len % SEED_ADDR_BYTES != 0 || len > TARGETS_MAX * SEED_ADDR_BYTES)
		return WEFT_E_INVALID;
	*seeds = (struct seeds){.count = len / SEED_ADDR_BYTES};
	for (size_t i = 0; i < seeds->count; i++, bytes += SEED_ADDR_BYTES) {
		memcpy(seeds->at[i].ip.b, bytes, sizeof(seeds->at[i].ip.b));
		seeds->at[i].port = (uint16_t)wire_get(bytes + sizeof(seeds->at[i].ip.b), 2);
		if (seeds->at[i].port == 0)
			return WEFT_E_INVALID;
	}
	return 0;
}

static bool is_lost(const struct admission *adm)
{
	return adm->core->self.phase == NODE_ACTIVE && adm->seeds.count > 0 &&
	       adm->members->present_count <= 1;
}

/* Others are there, and somebody is missed. */
static bool is_parted(const struct admission *adm)
{
	return adm->core->self.phase == NODE_ACTIVE && adm->seeds.count > 0 &&
	       adm->members->present_count > 1 && adm->members->state_count[MEMBER_FAILED] > 0;
}

/* A knock is as large as a datagram may be: one in four seconds for ever would be more than all
 * that an idle node says besides. */
static int64_t pause_ms(const struct admission *adm)
{
	int64_t ms = mono_diff_ms(adm->core->now, adm->seeds.since) / 4;

	if (ms < SEEDS_MS)
		return SEEDS_MS;
	return ms < SEEDS_MS_MAX ? ms : SEEDS_MS_MAX;
}

void seeds_heard(struct admission *adm)
{
	if (is_lost(adm))
		return;
	if (!is_parted(adm))
		adm->seeds.throw_due = (struct mono){0};
	adm->seeds.due = adm->core->now; /* lost again it asks at once */
	adm->seeds.since = (struct mono){0};
	adm->seeds.asked = 0;
}

static const struct hostport *seed_next(struct seeds *seeds)
{
	const struct hostport *seed = &seeds->at[seeds->next];

	WEFT_ASSERT(seeds->next < seeds->count);
	seeds->next = (seeds->next + 1) % seeds->count;
	return seed;
}

/* By somebody who is there, this node included: he needs not be found. */
static bool is_inhabited(const struct admission *adm, const struct hostport *at)
{
	if (hostport_eq(&adm->core->advertise, at))
		return true;
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		const struct member *member = member_at(adm->members, i);
		if (member_is_present(member) && hostport_eq(&member->addr, at))
			return true;
	}
	return false;
}

static void parted_tick(struct admission *adm)
{
	struct seeds *seeds = &adm->seeds;
	bool has_waited = seeds->throw_due.ns != 0;

	if (!mono_is_due(seeds->throw_due, adm->core->now))
		return;
	seeds->throw_due = mono_add_ms(adm->core->now, SEEDS_MS_MAX);
	if (!has_waited || rng_below(&adm->core->rng, adm->members->present_count) != 0)
		return;
	for (size_t i = 0; i < seeds->count; i++) {
		const struct hostport *seed = seed_next(seeds);
		if (is_inhabited(adm, seed))
			continue;
		seal_knock(adm->seal, seed);
		seeds->threw = adm->core->now;
		return;
	}
}

void seeds_tick(struct admission *adm)
{
	struct seeds *seeds = &adm->seeds;

	if (is_parted(adm))
		parted_tick(adm);
	if (!is_lost(adm) || !mono_is_due(seeds->due, adm->core->now))
		return;
	if (seeds->since.ns == 0)
		seeds->since = adm->core->now;
	seal_knock(adm->seal, seed_next(seeds));
	seeds->asked++;
	seeds->due = mono_add_ms(adm->core->now, pause_ms(adm));
}

bool seeds_ask_for_others(const struct admission *adm)
{
	const struct seeds *seeds = &adm->seeds;

	return is_parted(adm) && seeds->threw.ns != 0 &&
	       mono_diff_ms(adm->core->now, seeds->threw) < SEEDS_MS;
}

struct mono seeds_deadline(const struct admission *adm)
{
	if (is_parted(adm))
		return adm->seeds.throw_due;
	return is_lost(adm) ? adm->seeds.due : MONO_NEVER;
}
