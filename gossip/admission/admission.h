/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How nodes come in and go out: cluster and admin keys, join tokens, the join handshake on both
 * sides, the claim of an epoch after a restart, removals. Everything that decides whether a node
 * exists; the proof itself is chain.h.
 */
#pragma once

#include "gossip/core/member.h"
#include "gossip/seal/seal.h"
#include "gossip/tables/tables.h"

struct admission;

struct admission *admission_new(struct core *core, struct member_table *members, struct seal *seal,
				struct tables *tables);
void admission_free(struct admission *adm);

/* One stored META write at start: 0 or WEFT_E_INVALID. */
int admission_load(struct admission *adm, const struct write *write);

/* All is loaded: a node with a cluster begins to claim its next epoch. */
void admission_start(struct admission *adm);

/* Whom this admin or token (or any token of this admin) admitted: ids written to out[0..cap),
 * the number of all such members returned. */
size_t admission_admitted_by(const struct admission *adm, const struct id *id, struct id *out,
			     size_t cap);

/* Who admitted this node; zero when it made the cluster, or is in none. */
struct id admission_admitter(const struct admission *adm);

/* For whose removal this node is refused, if it is, and by whom; false: nobody says so. */
struct id admission_refused_for(const struct admission *adm);
bool admission_refused_by(const struct admission *adm, struct id *by);
enum node_fence admission_fence(const struct admission *adm);

/* NODE_LEFT, but not known for good yet: members are heard so that they can be spoken to. */
bool admission_is_leaving(const struct admission *adm);
bool admission_original(const struct admission *adm, struct hostport *lives);

/* The seed of the cluster key, for keyfile_seal; NULL where it is not kept. */
const uint8_t *admission_cluster_seed(const struct admission *adm);

/* CMD_INIT, _JOIN, _LEAVE, _TOKEN_*, _ADMIN_*, _REMOVE, _ADVERTISE; answers now or later. */
void admission_command(struct admission *adm, const struct gossip_command *command);

/* Datagrams HELLO, COOKIE, PROOF, ADMIT, which come before membership. */
enum drop_reason admission_datagram(struct admission *adm, const struct hostport *from,
				    const uint8_t *bytes, size_t len);

/* FRAME_CLAIM, FRAME_CLAIM_ANSWER and FRAME_SET_BACK. */
enum drop_reason admission_frame(struct admission *adm, const struct opened *in,
				 const struct hostport *from, uint8_t type, const uint8_t *body,
				 size_t len);

/* A frame that is sent to members only: its sender takes this node for one. */
void admission_believed(struct admission *adm, struct member *by);

/* A row or fact became visible: removals, token and admin facts, member records take effect. */
void admission_row(struct admission *adm, const struct row_view *row);

/* Something of this node's that it never made, signed rightly and of this epoch: another run of its
 * identity made it, so its disk went back, or it has a twin. Fences the node, and raises its epoch
 * above that one. by: who showed it, or NULL. */
void admission_set_back(struct admission *adm, uint64_t epoch, const struct id *by);

/* The row that shows to a member that may have forgotten this node, or to a stranger (NULL), that
 * it is one, borrowed for the step: its own, or that of an absent one without whom nobody believes
 * it. NULL: none yet, or none of so many bytes. Which of them is drawn each time; in answer to who
 * was knocked at, or is asked where he is, the first knock at each seed has the own one. */
const uint8_t *admission_introduction(struct admission *adm, const struct member *to, size_t room,
				      size_t *len);
const uint8_t *admission_answer(struct admission *adm, const struct member *to, size_t *len);
/* The same for a stranger that is removed or refused here: admitters that were removed, too. */
const uint8_t *admission_refuser(struct admission *adm, size_t *len);

/* A newer certificate of this member was shown: if it had failed it is there again, and is shown
 * all that it may need to believe this node, as it may have forgotten it. */
void admission_renewed(struct admission *adm, const struct member *member);

/* A member was heard. */
void admission_heard(struct admission *adm, const struct member *member);

/* A member asks what a node that left does not answer any more. */
void admission_asked(struct admission *adm, const struct member *by);

/* The tables equalled those of a member. */
void admission_synced(struct admission *adm, const struct id *member);

/* May this author write this fact or row (membership, admin rights)? DROP_NONE or the reason;
 * the public key to check the signature with goes to pub. */
enum drop_reason admission_may_write(struct admission *adm, const struct row_view *row,
				     uint8_t pub[SIGN_PUB_BYTES]);

/* A persist token that this module asked for is durable (or not). Others are ignored. */
void admission_durable(struct admission *adm, uint64_t token, bool ok);
void admission_tick(struct admission *adm);
struct mono admission_deadline(const struct admission *adm);

/* Walks every structure and asserts its invariants. */
void admission_check(const struct admission *adm);
