/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "overlay/rows.h"

struct looking {
	const struct prefix *prefix;
	char what[96];
	uint8_t bits; /* of the clash that is named: the most specific one says most */
};

static void each_prefix(void *arg, const struct prefix *prefix, const char *what)
{
	struct looking *looking = arg;

	if (!prefix_overlaps(prefix, looking->prefix) ||
	    (looking->what[0] != '\0' && prefix->bits <= looking->bits))
		return;
	(void)snprintf(looking->what, sizeof(looking->what), "%s", what);
	looking->bits = prefix->bits;
}

int overlay_overlaps(struct overlay *ov, const struct prefix *prefix, struct weft_err *err)
{
	const struct overlay_config *config = &ov->config;
	struct looking looking = {.prefix = prefix};
	char text[PREFIX_TEXT_BYTES];
	int status = config->kernel->each_prefix(config->kernel_ctx, &looking, each_prefix);

	if (status != 0)
		return weft_err_set(err, WEFT_E_KERNEL, "this host's routes cannot be read: %s",
				    strerror(-status));
	if (looking.what[0] == '\0')
		return 0;
	prefix_format(prefix, text);
	return weft_err_set(err, WEFT_E_POOL_OVERLAP, "%s overlaps %s; choose another --subnet",
			    text, looking.what);
}
