/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of the sealing layer, shared by seal.c, seal_cert.c, seal_claim.c, seal_clone.c,
 * seal_doubt.c, seal_frame.c, seal_rival.c, seal_stranger.c and session.c and by nobody else.
 */
#pragma once

#include "doubt.h"
#include "rival.h"
#include "session.h"

#define SOURCES 256
#define INTRODUCTION_SHARES 32
#define ANSWER_INTERVAL_NS (NS_PER_S / 100) /* answers to one source: 100/s, bursts of 200 */
#define ANSWER_BURST 200
#define PEER_INTERVAL_NS (NS_PER_S / 5000) /* datagrams of one member that opened */
#define PEER_BURST 10000
#define ASK_MS 250         /* between two requests for a certificate */
#define STASH_MS 3000      /* frames wait this long for a certificate */
#define CHALLENGE_MS 1000  /* between two challenges of one new address */
#define CLAIM_PROBE_MS 300 /* between two questions to the old address */
#define CLAIM_PROBES 4     /* then silence is an answer */
#define CLAIM_BEGUN_MAX 8
#define CLAIM_AGAIN_MS 20 /* a question asked so lately is not asked anew */
#define CLAIM_REFUSED_MS 5000
#define CLONE_AGAIN_MS 60000 /* between two alarms about one node */
#define REMOVED_MS 1000      /* between two FRAME_REMOVED to one node */
#define OUTLIVED_MS 1000     /* between two FRAME_SET_BACK to a process that has a successor */
#define SESSION_IDLE_MS 60000
#define SESSIONS_KEPT 256 /* with fewer, idle ones stay */
#define SWEEP_MS 1000
#define HINT_BYTES 3
#define PAST_MAX 512 /* own epochs: one a day and one a claim */
#define CERT_DGRAM_BYTES (WIRE_HEADER_BYTES + CERT_BYTES)
#define HINT_DGRAM_BYTES WIRE_OVERHEAD_BYTES /* as small as the smallest request */
#define KNOCK_DGRAM_BYTES DATAGRAM_BYTES_MAX /* a request with room for a longer answer */

struct seal {
	struct core *core;
	struct member_table *members;
	struct seal_hooks hooks;
	struct own_key own[2];
	struct {
		uint64_t epoch, key_id;
	} past[PAST_MAX];  /* own keys before the one in use, since the start or recovery; ... */
	size_t past_count; /* ... a ring: how many were added */
	struct map by_key;
	struct vec peers;       /* struct peer *; member.session is the place + 1 */
	struct vec busy;        /* struct peer * with a stash or a claim */
	size_t claims;          /* among the busy */
	struct mono busy_due;   /* while there are none: when one of the busy is due; ... */
	bool busy_due_is_stale; /* ... to be found anew */
	size_t sessions;
	size_t sweep_at;
	struct mono sweep_due;
	struct limit answers[SOURCES];
	struct limit strangers; /* certificates checked, from where nobody lives */
	struct limit checks;    /* the same from where members live, all together */
	struct limit hints;
	struct limit introductions, introduction_shares[INTRODUCTION_SHARES];
	struct hostport knocked; /* port 0: nowhere, or it was answered */
	uint64_t knock;          /* its counter, which the answer repeats */
	struct member *renewed;  /* in this call of seal_open */
	uint8_t plain[DATAGRAM_BYTES_MAX];
};

/* seal.c: when one of the busy peers is due; 0: one of them waits for nothing any more. */
struct mono busy_due_find(const struct seal *seal);

/* seal_cert.c: the datagram that brought the certificate has len bytes; 0: it came sealed. */
enum drop_reason cert_judge(struct seal *seal, const uint8_t *bytes, const struct hostport *from,
			    size_t len, struct key_slot *out);
enum drop_reason cert_datagram(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			       size_t len);
/* peer: whom the request is believed to be of, NULL: nobody. */
void cert_answer(struct seal *seal, struct peer *peer, const struct hostport *to,
		 const uint8_t *request, size_t len);
void cert_ask(struct seal *seal, struct peer *peer, const struct hostport *to);

/* Where the peer lives; while a claim is undecided also where it lived when that began. */
bool peer_is_home(const struct peer *peer, const struct hostport *from);

/* seal_frame.c: len more bytes came from there, which prove neither the address nor, where the key
 * is only shown, the process: asks it to answer, once in a while and in no more bytes than came. */
void peer_challenge(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len);

/* Opens what is sealed under this pair into seal->plain, each datagram once. */
enum drop_reason open_with(struct seal *seal, struct pair *pair, const uint8_t *bytes, size_t ad,
			   size_t len);

/* Who showed this certificate from elsewhere, and nobody believes to be alive, is asked there if it
 * is the member, once in a while, in no more bytes than came; false when it is no such member. */
bool stray_challenge(struct seal *seal, const struct key_slot *slot, const struct hostport *from,
		     size_t len);

/* seal_claim.c */
void claim_begin(struct seal *seal, struct peer *peer, const struct peer_key *key,
		 const uint8_t cert[CERT_BYTES], const struct hostport *from, bool late);
void claim_accept(struct seal *seal, struct peer *peer);
/* Gives up the claim, if there is one: its key is doubted from then on. */
void seal_claim_drop(struct seal *seal, struct peer *peer);
/* The own key that it was made to is replaced: the claimer begins anew, and unless it was refused
 * already is not doubted for that. */
void claim_break_off(struct seal *seal, struct peer *peer);
void claim_tick(struct seal *seal, struct peer *peer);
/* The peer spoke under the key in use. */
void claim_heard(struct seal *seal, struct peer *peer);
bool claim_response(struct seal *seal, struct peer *peer, const uint8_t nonce[NONCE_BYTES]);

/* Tells a late claimer that its node is further than it knows, in no more bytes than it sent. */
void claim_set_back(struct seal *seal, struct peer *peer);

/* The process of the certificate before the one in use spoke to this own key: it lives on beside
 * its successor, and is told so where it is, in no more bytes than it sent. */
void claim_outlived(struct seal *seal, struct peer *peer, int own, const struct hostport *from,
		    size_t len);

/* seal_clone.c: two certificates of one node and one epoch; known may be NULL. */
void clone_alarm(struct seal *seal, const struct id *node, const uint8_t *known,
		 const uint8_t *other);
enum drop_reason clone_frame(struct seal *seal, struct member *by, const uint8_t *body, size_t len);
/* The own key in use is replaced. */
void own_past_add(struct seal *seal);

/* seal.c */
void header_write(uint8_t *at, enum datagram_type type, const uint8_t hint[HINT_BYTES],
		  uint64_t key_id, uint64_t counter);
void hint_of(uint64_t key_id, uint8_t hint[HINT_BYTES]);

/* The own key that this hint names; -1 when there is none. */
int own_by_hint(const struct seal *seal, const uint8_t hint[HINT_BYTES]);

/* Seals frames into a datagram to this address; false when the update is full. */
bool pair_send(struct seal *seal, struct pair *pair, uint64_t peer_key_id, bool with_cert,
	       const struct hostport *to, const uint8_t *frames, size_t len);
void stash_flush(struct seal *seal, struct peer *peer);

/* seal_stranger.c: a rightly formed certificate of this cluster, of nobody who is known. */
bool stranger_is(const struct seal *seal, const uint8_t cert_bytes[CERT_BYTES], struct cert *cert);

/* Opens a CERT_SEALED of a stranger for the sake of the member rows in it. Who is refused by the
 * row is told why, in no more bytes than came. */
void stranger_introduce(struct seal *seal, const struct own_key *own, const struct hostport *from,
			const uint8_t *bytes, size_t len);

/* Puts into so much room a removal for whom it concerns and rows that say who shows it. */
size_t put_removal(struct seal *seal, uint8_t *out, size_t room, const struct rejection *why);
/* A stranger answered a knock with this certificate: shows him the own member row. */
void stranger_greet(struct seal *seal, const struct cert *cert, const struct hostport *to);
