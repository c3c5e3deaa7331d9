/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "metrics.h"

#include <string.h>

#include "check.h"

static const struct metric_info metrics[METRIC_COUNT] = {
#define NAME_GAUGE(name) "weft_" #name
#define NAME_COUNTER(name) "weft_" #name "_total"
#define METRIC_ROW_(name, type, label, help) {NAME_##type(name), METRIC_##type, label, help},
    METRICS(METRIC_ROW_)
#undef METRIC_ROW_
};

const struct metric_info *metric_info(enum metric_id id)
{
	WEFT_ASSERT(id >= 0 && id < METRIC_COUNT);
	return &metrics[id];
}

const char *metric_type_name(enum metric_type type)
{
	return type == METRIC_COUNTER ? "counter" : "gauge";
}

enum metric_id metric_find(const char *name)
{
	for (int i = 0; i < METRIC_COUNT; i++) {
		if (strcmp(metrics[i].name, name) == 0)
			return (enum metric_id)i;
	}
	return METRIC_COUNT;
}
