/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What this process may do: nothing that only weft-netns needs. */
#pragma once

#include "gossip/base/err.h"

/* Gives up CAP_SYS_ADMIN and CAP_SYS_PTRACE, which entering other namespaces needs: for good, also
 * as root. The helper gets them anew when it is started, as a program of root's or by its file's
 * capabilities. Before any thread is made, as each has its own. 0 or WEFT_E_DENIED. */
int rights_drop(struct weft_err *err);
