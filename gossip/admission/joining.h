/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The join handshake, both sides: state and entry points, for the files of admission only. The
 * datagrams are described in join_wire.h.
 */
#pragma once

#include "authority.h"
#include "gossip/trust/cert.h"
#include "gossip/core/limit.h"
#include "join_wire.h"

#define TARGETS_MAX 16
#define COOKIE_LIFE_MS 10000
#define GATE_SHARES 128
#define ADMITTED_MAX 256
#define ADMITTED_LIFE_MS 60000
#define REFUSED_MAX 32
#define JOIN_ROWS_MAX 4 /* member rows that an answer brings: the seed's and a few peers' */

struct admission;
struct pending;

/* A node that was admitted here and whose own row has not come yet. */
struct admitted {
	struct id id;
	struct rec_member rec;
	struct admission_sig sig;
	struct mono until;
};

/* A proof that was refused here, by the key of its join; or one that waits for the store. */
struct refused {
	uint8_t key[KX_PUB_BYTES];
	uint64_t storing; /* group with the removal that it asked for; 0: it was refused */
	struct weft_err why;
	struct mono until; /* no cookie of it is good any more */
};

/* The side of the seed. */
struct gate {
	uint8_t secrets[2][32]; /* of cookies: current, previous */
	struct mono rotate_due;
	bool has_secret;
	struct limit hellos, proofs; /* of everybody */
	struct limit hello_shares[GATE_SHARES], proof_shares[GATE_SHARES];
	struct vec admitted; /* struct admitted * */
	struct vec refused;  /* struct refused, the oldest first, at most REFUSED_MAX */
};

enum target_state { TARGET_HELLO = 0, TARGET_READY, TARGET_PROOF, TARGET_DONE };

/* A seed as the joiner sees it. */
struct target {
	struct hostport addr;
	enum target_state state;
	unsigned tries;
	struct mono due;
	uint64_t counter; /* of the last HELLO */
	int code;         /* why it is done */
	char said[WEFT_ERR_BYTES];
	uint8_t cookie[COOKIE_BYTES];
	struct cert cert; /* cert.node is its id */
	uint64_t key_id;
	uint8_t pub[SIGN_PUB_BYTES];
	uint8_t tx[AEAD_KEY_BYTES], rx[AEAD_KEY_BYTES];
};

/* A join under way. */
struct join {
	uint64_t tag;
	bool replace, storing;
	struct token token;
	uint8_t bind[SIG_BYTES];
	uint8_t eph_pub[KX_PUB_BYTES], eph_sec[KX_SEC_BYTES];
	uint64_t eph_id;
	size_t target_count;
	struct target targets[TARGETS_MAX];
	struct target *chosen; /* gets the proof; NULL: none yet */
	struct mono deadline;
	bool has_verdict;
	struct admission_sig sig;
	struct hostport observed;
	size_t row_len[JOIN_ROWS_MAX];              /* 0: not here */
	uint8_t rows[JOIN_ROWS_MAX][ROW_BYTES_MAX]; /* the seed's own first */
};

/* join_seed.c */
enum drop_reason seed_hello(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len);
enum drop_reason seed_proof(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len);

/* join_judge.c: what is remembered of a node admitted here (NULL: nothing); whether a proof admits
 * (0, a code with its line, or WEFT_E_BUSY without one: ask again when the store is done); a new
 * admission. */
struct admitted *judge_admitted(struct admission *adm, const struct id *id);
int judge_proof(struct admission *adm, const struct proof *proof, const struct id *id,
		const struct hostport *from, const uint8_t key[KX_PUB_BYTES], struct weft_err *err);
struct admitted *judge_admit(struct admission *adm, const struct proof *proof, const struct id *id,
			     const struct hostport *from);
/* What became of a join by its ephemeral key, as long as its cookie lives: that it was refused, or
 * waits for the store; borrowed until the next refusal, NULL for neither. And that it was. */
const struct refused *judge_refused(struct admission *adm, const uint8_t key[KX_PUB_BYTES]);
void judge_refuse(struct admission *adm, const uint8_t key[KX_PUB_BYTES],
		  const struct weft_err *why);
/* The removal that a newcomer asked for is on the disk, or could not be written. */
void judge_replaced(struct admission *adm, uint64_t token, bool ok);
struct member *judge_vouch(void *ctx, const struct id *node);
/* The row of a node that was admitted here came. */
void judge_row_came(struct admission *adm, const struct id *node);
void judge_close(struct admission *adm);

/* join_joiner.c, join_adopt.c */
void joiner_target_done(struct target *target, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void joiner_forget(struct admission *adm);
void joiner_begin(struct admission *adm, const struct gossip_command *command);
enum drop_reason joiner_cookie(struct admission *adm, const struct hostport *from,
			       const uint8_t *bytes, size_t len);
enum drop_reason joiner_admit(struct admission *adm, const struct hostport *from,
			      const uint8_t *bytes, size_t len);
void joiner_durable(struct admission *adm, const struct pending *pending, bool ok);
void joiner_tick(struct admission *adm);
struct mono joiner_deadline(const struct admission *adm);
void joiner_close(struct admission *adm);
