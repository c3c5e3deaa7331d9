/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Files that weft makes for its caller. What they hold is secret, or nobody else's business. */
#pragma once

#include "gossip/base/err.h"

/* A new file below dir (AT_FDCWD: the working directory) that only its owner reads. The descriptor,
 * which is the caller's, or WEFT_E_EXISTS or WEFT_E_INVALID with err. No link is followed. */
int file_make(int dir, const char *path, struct weft_err *err);
