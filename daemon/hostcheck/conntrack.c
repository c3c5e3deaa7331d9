/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/hostcheck/conntrack.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_state.h>
#include <stdint.h>
#include <string.h>

/* What comes before the masks is the same in all revisions. */
_Static_assert(offsetof(struct xt_conntrack_mtinfo1, state_mask) ==
		       offsetof(struct xt_conntrack_mtinfo3, state_mask) &&
		   offsetof(struct xt_conntrack_mtinfo2, state_mask) ==
		       offsetof(struct xt_conntrack_mtinfo3, state_mask),
	       "the masks of states stand at one place");

struct asked {
	unsigned states; /* XT_CONNTRACK_STATE_* */
	bool unlike;
	bool by_state, by_others;
};

bool conntrack_is(const char *match)
{
	return strcmp(match, "conntrack") == 0 || strcmp(match, "state") == 0;
}

static bool read_state(unsigned revision, const void *info, size_t bytes, struct asked *out)
{
	struct xt_state_info state;

	if (revision != 0 || bytes < sizeof(state))
		return false;
	memcpy(&state, info, sizeof(state));
	*out = (struct asked){.states = state.statemask, .by_state = true};
	if (out->states & XT_STATE_UNTRACKED)
		out->states ^= XT_STATE_UNTRACKED | XT_CONNTRACK_STATE_UNTRACKED;
	return true;
}

static bool read_conntrack(unsigned revision, const void *info, size_t bytes, struct asked *out)
{
	static const size_t sizes[] = {0, sizeof(struct xt_conntrack_mtinfo1),
				       sizeof(struct xt_conntrack_mtinfo2),
				       sizeof(struct xt_conntrack_mtinfo3)};
	struct xt_conntrack_mtinfo3 all = {.match_flags = 0};

	if (revision == 0 || revision >= sizeof(sizes) / sizeof(sizes[0]) ||
	    bytes < sizes[revision])
		return false;
	memcpy(&all, info, sizes[revision]);
	if (revision == 1) {
		struct xt_conntrack_mtinfo1 old;

		memcpy(&old, info, sizeof(old));
		all.state_mask = old.state_mask;
	}
	*out = (struct asked){
	    .states = all.state_mask,
	    .unlike = (all.invert_flags & XT_CONNTRACK_STATE) != 0,
	    .by_state = (all.match_flags & XT_CONNTRACK_STATE) != 0,
	    .by_others = (all.match_flags & ~(XT_CONNTRACK_STATE | XT_CONNTRACK_STATE_ALIAS)) != 0};
	return true;
}

static json_t *states_match(const struct asked *asked)
{
	static const struct {
		unsigned bit;
		const char *name;
	} states[] = {
	    {XT_CONNTRACK_STATE_INVALID, "invalid"},
	    {XT_CONNTRACK_STATE_BIT(IP_CT_NEW), "new"},
	    {XT_CONNTRACK_STATE_BIT(IP_CT_ESTABLISHED), "established"},
	    {XT_CONNTRACK_STATE_BIT(IP_CT_RELATED), "related"},
	    {XT_CONNTRACK_STATE_UNTRACKED, "untracked"},
	    {XT_CONNTRACK_STATE_SNAT, "snat"}, /* this and the next are iptables' own */
	    {XT_CONNTRACK_STATE_DNAT, "dnat"},
	};
	json_t *names = json_array();

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (asked->states & states[i].bit)
			json_array_append_new(names, json_string(states[i].name));
	}
	return json_pack("{s:{s:s,s:{s:{s:s}},s:o}}", "match", "op", asked->unlike ? "!=" : "in",
			 "left", "ct", "key", "state", "right", names);
}

json_t *conntrack_read(const char *match, unsigned revision, const void *info, size_t bytes)
{
	struct asked asked;
	json_t *list;

	if (strcmp(match, "state") == 0 ? !read_state(revision, info, bytes, &asked)
					: !read_conntrack(revision, info, bytes, &asked))
		return NULL;
	list = json_array();
	if (asked.by_state)
		json_array_append_new(list, states_match(&asked));
	if (asked.by_others) /* addresses, ports, a direction: not judged */
		json_array_append_new(list, json_pack("{s:{s:s,s:s}}", "xt", "type", "match",
						      "name", "conntrack by others"));
	return list;
}
