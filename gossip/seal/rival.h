/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A second process beside the one whose claim is undecided (seal_rival.c). */
#pragma once

#include "session.h"

/* Another certificate of the peer comes from elsewhere while its claim is undecided. False when it
 * is not kept; takes what is sealed under it; asks its process; forgets it. */
bool rival_show(struct seal *seal, struct peer *peer, const struct peer_key *key,
		const uint8_t cert[CERT_BYTES], const struct hostport *from);
enum drop_reason rival_open(struct seal *seal, struct peer *peer, const struct hostport *from,
			    const uint8_t *bytes, size_t ad, size_t len);
void rival_meet(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len);
void rival_free(struct seal *seal, struct peer *peer);

/* Judges the two if both may have answered, or if the questions to the old address have ended: true
 * when the claim is not the same any more. Does so and asks who has not answered yet. */
bool rival_judge(struct seal *seal, struct peer *peer, bool last);
void rival_tick(struct seal *seal, struct peer *peer);
