/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The real kernel behind overlay/kernel.h: this thread's network namespace over rtnetlink,
 * nftables and ctnetlink.
 */
#pragma once

#include "overlay/kernel.h"

struct linux_kernel;

/* Opens the sockets in the calling thread's namespace; freed by linux_kernel_close. NULL with err
 * when one cannot be opened. */
struct linux_kernel *linux_kernel_open(const struct page_source *pages, uint64_t seed,
				       struct weft_err *err);
void linux_kernel_close(struct linux_kernel *kernel);

/* The operations; their ctx is a struct linux_kernel. */
const struct kernel_ops *linux_kernel_ops(void);
