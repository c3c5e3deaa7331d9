/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the files of the membership protocol ask of each other; see swim_impl.h. */
#pragma once

#include "swim_impl.h"

/* swim.c */
/* The slot of a member, made when missing; valid until another one is made. */
struct swim_peer *swim_peer(struct swim *swim, struct member *member);
bool swim_is_active(const struct swim *swim);
bool swim_is_self(const struct swim *swim, const struct id *id);
int64_t swim_timeout_ns(const struct swim *swim, const struct member *target);
void swim_health_add(struct swim *swim, int delta);

/* A random instant within the next ms, so that nodes started together do not stay in step. */
struct mono swim_somewhen(struct swim *swim, int64_t ms);

/* Adds one frame of the protocol; a full outbox loses it as a network would. */
void swim_send(struct swim *swim, const struct member *to, enum frame_class class, uint8_t type,
	       const uint8_t *body, size_t len);

/* swim_compare.c */
void states_tick(struct swim *swim);

/* What a PING with hashes asks beside its answer. */
void states_asked(struct swim *swim, const struct member *from, const uint8_t *body, size_t len);
enum drop_reason states_told(struct swim *swim, const uint8_t *body, size_t len);

/* Compares with somebody within so many ms. */
void states_soon(struct swim *swim, int64_t ms);

/* swim_probe.c */
void probe_start(struct swim *swim, struct member *target, bool with_witnesses);
void probe_cancel(struct swim *swim, const struct member *target);
void probe_ping(struct swim *swim, struct member *target, uint32_t seq);

/* A ping to the address in the member's own record, where that is not the one in use. */
void probe_ping_home(struct swim *swim, const struct member *target);
uint32_t probe_next_seq(struct swim *swim);
void probe_tick(struct swim *swim);
void probe_postpone(struct swim *swim);
struct mono probe_deadline(const struct swim *swim);
void probe_acked(struct swim *swim, struct member *from, uint32_t seq);
void probe_nacked(struct swim *swim, const struct member *from, uint32_t seq);
void probe_relay(struct swim *swim, struct member *from, uint32_t seq, const struct id *target,
		 int64_t timeout_ms);
void probe_check(const struct swim *swim);

/* swim_state.c */
void state_suspect(struct swim *swim, struct member *member, uint64_t incarnation,
		   const struct id *accuser);
void state_verdict(struct swim *swim, struct member *member, uint64_t incarnation,
		   const struct id *judge);
/* Takes a newer incarnation; true when it was one, and nobody was told of it yet. */
bool state_alive(struct swim *swim, struct member *member, uint64_t incarnation);
/* Can a member have come to this incarnation, by the word of somebody else? What is told of it is
 * taken up by the member itself and is on its disk from then on: a lie must not use up the numbers.
 * NULL: a member that is not known. */
bool state_is_near(const struct member *member, uint64_t incarnation);
void state_refute(struct swim *swim, uint64_t incarnation);
void state_reserve(struct swim *swim, uint64_t wanted);

/* This node is said to be alive with an incarnation: one that it does not know is of a run that its
 * disk has forgotten, and it goes on from there. */
void state_recall(struct swim *swim, uint64_t incarnation);
void state_heard(struct swim *swim, struct member *member);
void state_tick(struct swim *swim);
void state_postpone(struct swim *swim, int64_t late_ns);
int64_t state_bound_ms(const struct swim *swim);
void state_check(const struct swim *swim);

/* swim_tell.c */
void tell_all(struct swim *swim, struct member *about);
void tell_one(struct swim *swim, struct member *about, const struct member *to,
	      enum frame_class class);
void tell_tick(struct swim *swim);
void tell_check(const struct swim *swim);
