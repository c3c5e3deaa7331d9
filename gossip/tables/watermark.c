/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A span stays within one epoch. A version follows another when its sequence is the next one and
 * its epoch is not lower: an owner goes on counting where it stopped, so the first sequence of a
 * new epoch leaves no hole. An owner whose disk went back counts anew from a lower sequence in a
 * higher epoch; nothing follows then, and only a whole answer moves the watermark.
 */
#include "watermark.h"

#include <string.h>

#include "gossip/base/check.h"

static struct version span_first(const struct span *span)
{
	return (struct version){span->epoch, span->first};
}

static struct version span_last(const struct span *span)
{
	return (struct version){span->epoch, span->last};
}

static bool follows(struct version before, struct version after)
{
	return before.sequence != UINT64_MAX && after.sequence == before.sequence + 1 &&
	       after.epoch >= before.epoch;
}

static void spans_remove(struct spans *spans, size_t i)
{
	WEFT_ASSERT(i < spans->count);
	memmove(&spans->at[i], &spans->at[i + 1], (spans->count - i - 1) * sizeof(spans->at[0]));
	spans->count--;
}

/* Lets upto run over the spans that it has reached. */
static void absorb(struct watermark *mark, struct heap *heap)
{
	struct spans *spans = mark->ahead;

	while (spans != NULL && spans->count > 0) {
		const struct span *span = &spans->at[0];
		struct version last = span_last(span);
		if (version_cmp(last, mark->upto) <= 0) {
			spans_remove(spans, 0);
			continue;
		}
		if (version_cmp(span_first(span), mark->upto) > 0 &&
		    !follows(mark->upto, span_first(span)))
			break;
		mark->upto = last;
		spans_remove(spans, 0);
	}
	if (spans != NULL && spans->count == 0) {
		heap_give(heap, spans, sizeof(*spans));
		mark->ahead = NULL;
	}
}

void watermark_close(struct watermark *mark, struct heap *heap)
{
	if (mark->ahead != NULL)
		heap_give(heap, mark->ahead, sizeof(*mark->ahead));
	*mark = (struct watermark){.ahead = NULL};
}

bool watermark_knows(const struct watermark *mark, struct version version)
{
	const struct spans *spans = mark->ahead;

	if (version_cmp(version, mark->upto) <= 0)
		return true;
	for (size_t i = 0; spans != NULL && i < spans->count; i++) {
		if (version_cmp(span_first(&spans->at[i]), version) <= 0 &&
		    version_cmp(version, span_last(&spans->at[i])) <= 0)
			return true;
	}
	return false;
}

/* Adds one version that is in no span yet. */
static void spans_add(struct watermark *mark, struct version version)
{
	struct spans *spans = mark->ahead;
	struct span fresh = {version.epoch, version.sequence, version.sequence};
	struct span *before;
	struct span *after;
	size_t i = 0;

	while (i < spans->count && version_cmp(span_first(&spans->at[i]), version) < 0)
		i++;
	before = i > 0 ? &spans->at[i - 1] : NULL;
	after = i < spans->count ? &spans->at[i] : NULL;
	if (before != NULL && before->epoch == fresh.epoch && before->last + 1 == fresh.first) {
		before->last = fresh.last;
		if (after != NULL && after->epoch == before->epoch &&
		    before->last + 1 == after->first) {
			before->last = after->last;
			spans_remove(spans, i);
		}
		return;
	}
	if (after != NULL && after->epoch == fresh.epoch && fresh.last + 1 == after->first) {
		after->first = fresh.first;
		return;
	}
	if (spans->count == SPANS_MAX) {
		mark->forgot = true;
		if (i == 0)
			return; /* it would be the oldest itself */
		spans_remove(spans, 0);
		i--;
	}
	memmove(&spans->at[i + 1], &spans->at[i], (spans->count - i) * sizeof(spans->at[0]));
	spans->at[i] = fresh;
	spans->count++;
}

void watermark_note(struct watermark *mark, struct heap *heap, struct version version)
{
	if (watermark_knows(mark, version))
		return;
	mark->top = version_max(mark->top, version);
	if (follows(mark->upto, version)) {
		mark->upto = version;
		absorb(mark, heap);
		return;
	}
	if (mark->ahead == NULL)
		mark->ahead = heap_take(heap, sizeof(*mark->ahead));
	spans_add(mark, version);
	WEFT_ASSERT(version_cmp(mark->upto, mark->top) < 0);
}

void watermark_complete(struct watermark *mark, struct heap *heap, struct version upto)
{
	if (version_cmp(upto, mark->upto) <= 0)
		return;
	mark->upto = upto;
	mark->top = version_max(mark->top, upto);
	absorb(mark, heap);
	WEFT_ASSERT(version_cmp(mark->upto, mark->top) <= 0);
}

void watermark_check(const struct watermark *mark)
{
	const struct spans *spans = mark->ahead;

	WEFT_ASSERT(version_cmp(mark->upto, mark->top) <= 0);
	if (spans == NULL)
		return;
	WEFT_ASSERT(spans->count > 0 && spans->count <= SPANS_MAX);
	for (size_t i = 0; i < spans->count; i++) {
		const struct span *span = &spans->at[i];
		WEFT_ASSERT(span->first <= span->last);
		WEFT_ASSERT(version_cmp(span_first(span), mark->upto) > 0);
		WEFT_ASSERT(i == 0 || version_cmp(span_last(span - 1), span_first(span)) < 0);
	}
	WEFT_ASSERT(version_cmp(span_last(&spans->at[spans->count - 1]), mark->top) <= 0);
}
