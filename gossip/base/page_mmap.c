/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Pages from the kernel, for processes. The pure parts take whatever source they are given. */
#include <sys/mman.h>

#include "check.h"
#include "heap.h"

static void *mmap_take(void *ctx, size_t bytes)
{
	void *pages;

	(void)ctx;
	pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

static void mmap_give(void *ctx, void *pages, size_t bytes)
{
	int rc = munmap(pages, bytes);

	(void)ctx;
	WEFT_ASSERT(rc == 0);
}

struct page_source page_source_mmap(void)
{
	return (struct page_source){.ctx = NULL, .take = mmap_take, .give = mmap_give};
}
