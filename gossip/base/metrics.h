/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The one table of what /metrics tells: names as Prometheus has them (counters end in _total, sizes
 * are bytes, times seconds), types, labels and words of help. The daemon fills in the values; `weft
 * help metrics` prints the table.
 */
#pragma once

#include "metric_rows.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER };

enum metric_id {
#define METRIC_ENUM_(name, type, label, help) METRIC_##name,
	METRICS(METRIC_ENUM_)
#undef METRIC_ENUM_
	    METRIC_COUNT
};

struct metric_info {
	const char *name;
	enum metric_type type;
	const char *label; /* NULL: one sample without any */
	const char *help;
};

/* The row of a metric (id < METRIC_COUNT); never NULL. */
const struct metric_info *metric_info(enum metric_id id);

/* "gauge" or "counter". */
const char *metric_type_name(enum metric_type type);

/* The metric of this name, or METRIC_COUNT. */
enum metric_id metric_find(const char *name);
