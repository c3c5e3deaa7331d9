/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The configuration file, and the judgement of what stands in it. */
#include <stdlib.h>
#include <string.h>

#include "daemon/options.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct option_texts *texts = calloc(1, sizeof(*texts));
	struct weft_err err = {0};
	struct options options;
	int rc;

	FUZZ_MUST(texts != NULL);
	rc = options_yaml(texts, (const char *)data, size, "weft.yaml", &err);
	if (rc == 0)
		rc = options_judge(texts, &options, &err);
	FUZZ_MUST(rc == 0 || err.message[0] != '\0');
	free(texts);
	return 0;
}
