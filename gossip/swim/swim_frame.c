/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Frames of the membership protocol as they come in; their bodies stand in swim_impl.h. */
#include <string.h>

#include "swim_parts.h"

#define RELAY_TIMEOUT_MS_MAX 10000

static enum drop_reason ping_received(struct swim *swim, const struct member *from,
				      const uint8_t *body, size_t len)
{
	uint8_t ack[SWIM_ACK_BYTES];

	if (len < SWIM_PING_BYTES)
		return DROP_FRAME;
	wire_put(ack, wire_get(body, SWIM_PING_BYTES), SWIM_PING_BYTES);
	wire_put(ack + SWIM_PING_BYTES, swim->core->self.incarnation, 8);
	swim_send(swim, from, CLASS_CONTROL, FRAME_ACK, ack, sizeof(ack));
	states_asked(swim, from, body, len);
	return DROP_NONE;
}

/* Who answers itself says which incarnation it is: word of that may have come here before the
 * member's record, and was passed over. */
static enum drop_reason ack_received(struct swim *swim, struct member *from, const uint8_t *body,
				     size_t len)
{
	uint64_t incarnation;

	if (len < SWIM_PING_BYTES)
		return DROP_FRAME;
	probe_acked(swim, from, (uint32_t)wire_get(body, SWIM_PING_BYTES));
	if (len < SWIM_ACK_BYTES)
		return DROP_NONE;
	incarnation = wire_get(body + SWIM_PING_BYTES, 8);
	if (incarnation > SWIM_INCARNATION_MAX)
		return DROP_FRAME;
	if (state_alive(swim, from, incarnation))
		tell_all(swim, from);
	return DROP_NONE;
}

static enum drop_reason ping_req_received(struct swim *swim, struct member *from,
					  const uint8_t *body, size_t len)
{
	struct id target;
	uint64_t timeout_ms;

	if (len < SWIM_PING_REQ_BYTES)
		return DROP_FRAME;
	memcpy(target.b, body + 4, ID_BYTES);
	timeout_ms = wire_get(body + 4 + ID_BYTES, 4);
	if (timeout_ms == 0 || timeout_ms > RELAY_TIMEOUT_MS_MAX)
		return DROP_FRAME;
	probe_relay(swim, from, (uint32_t)wire_get(body, 4), &target, (int64_t)timeout_ms);
	return DROP_NONE;
}

static enum drop_reason state_received(struct swim *swim, const struct member *from, uint8_t type,
				       const uint8_t *body, size_t len)
{
	struct id subject, accuser;
	uint64_t incarnation;
	struct member *member;

	if (len < (type == FRAME_SUSPECT ? SWIM_SUSPECT_BYTES : SWIM_SUBJECT_BYTES))
		return DROP_FRAME;
	memcpy(subject.b, body, ID_BYTES);
	memcpy(accuser.b, type == FRAME_SUSPECT ? body + SWIM_SUBJECT_BYTES : from->id.b, ID_BYTES);
	incarnation = wire_get(body + ID_BYTES, 8);
	member = member_find(swim->members, &subject);
	if (incarnation > SWIM_INCARNATION_MAX ||
	    (member != from && !state_is_near(member, incarnation)))
		return DROP_FRAME;
	if (swim_is_self(swim, &subject)) {
		if (type != FRAME_ALIVE)
			state_refute(swim, incarnation);
		else
			state_recall(swim, incarnation);
		/* Refuted already, and the answer did not arrive there. */
		if (type != FRAME_ALIVE && incarnation < swim->core->self.incarnation &&
		    member != NULL)
			tell_one(swim, member, from, CLASS_MEMBER);
		return DROP_NONE;
	}
	if (member == NULL || !member->has_record)
		return DROP_NONE;
	if (type == FRAME_ALIVE) {
		if (state_alive(swim, member, incarnation))
			tell_all(swim, member);
	} else if (id_eq(&subject, &accuser)) {
		return DROP_FRAME;
	} else if (incarnation < member->incarnation && member->state == MEMBER_ALIVE) {
		tell_one(swim, member, from, CLASS_MEMBER); /* old news: give newer ones back */
	} else if (type == FRAME_SUSPECT) {
		state_suspect(swim, member, incarnation, &accuser);
	} else {
		state_verdict(swim, member, incarnation, &accuser);
	}
	return DROP_NONE;
}

static bool doubts_self(const struct swim *swim, uint8_t type, const uint8_t *body, size_t len)
{
	struct id subject;

	if ((type != FRAME_SUSPECT && type != FRAME_FAILED) || len < SWIM_SUBJECT_BYTES)
		return false;
	memcpy(subject.b, body, ID_BYTES);
	return swim_is_self(swim, &subject);
}

enum drop_reason swim_frame(struct swim *swim, struct member *from, uint8_t type,
			    const uint8_t *body, size_t len)
{
	if (!swim_is_active(swim) || from->state == MEMBER_REMOVED)
		return DROP_NONE;
	/* Who was admitted here and whose record has not come may know that this node is there, and
	 * is contradicted when it doubts it: it compares tables with nobody whom it suspects. */
	if (!from->has_record && type != FRAME_PING && !doubts_self(swim, type, body, len))
		return DROP_NONE;
	switch (type) {
	case FRAME_PING:
		return ping_received(swim, from, body, len);
	case FRAME_PING_REQ:
		return ping_req_received(swim, from, body, len);
	case FRAME_ACK:
		return ack_received(swim, from, body, len);
	case FRAME_NACK:
		if (len < SWIM_PING_BYTES)
			return DROP_FRAME;
		probe_nacked(swim, from, (uint32_t)wire_get(body, SWIM_PING_BYTES));
		return DROP_NONE;
	case FRAME_SUSPECT:
	case FRAME_FAILED:
	case FRAME_ALIVE:
		return state_received(swim, from, type, body, len);
	case FRAME_INCARNATIONS:
		return states_told(swim, body, len);
	default:
		return DROP_FRAME_TYPE;
	}
}
