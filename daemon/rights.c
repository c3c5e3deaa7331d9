/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gossip/base/check.h"

_Static_assert(CAP_SYS_ADMIN < 32 && CAP_SYS_PTRACE < 32, "both lie in the first word");

#define DROPPED (1u << CAP_SYS_ADMIN | 1u << CAP_SYS_PTRACE)

int rights_drop(struct weft_err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	memset(sets, 0, sizeof(sets));
	if (syscall(SYS_capget, &head, sets) != 0)
		return weft_err_set(err, WEFT_E_DENIED, "reading this process's rights: %s",
				    strerror(errno));
	/* A service manager gave no such rights, and may have forbidden capset besides. */
	if (((sets[0].permitted | sets[0].inheritable) & DROPPED) == 0)
		return 0;
	/* What is not permitted is not ambient either; the kernel sees to that. */
	sets[0].effective &= ~DROPPED;
	sets[0].permitted &= ~DROPPED;
	sets[0].inheritable &= ~DROPPED;
	if (syscall(SYS_capset, &head, sets) != 0)
		return weft_err_set(err, WEFT_E_DENIED, "giving up rights: %s", strerror(errno));
	WEFT_ASSERT(syscall(SYS_capget, &head, sets) == 0 && (sets[0].permitted & DROPPED) == 0);
	return 0;
}
