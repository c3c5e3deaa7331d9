/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int file_make(int dir, const char *path, struct weft_err *err)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		return fd;
	if (errno == EEXIST)
		return weft_err_set(err, WEFT_E_EXISTS, "%s exists already; name a new file", path);
	return weft_err_set(err, WEFT_E_INVALID,
			    "cannot make %s: %s; name a file where you may write", path,
			    strerror(errno));
}
