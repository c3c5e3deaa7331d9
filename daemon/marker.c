/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "gossip/base/check.h"

static void marker_write(const struct marker *marker)
{
	struct id both[2] = {marker->current, marker->next};
	ssize_t n;

	if (marker->withheld)
		return;
	/* A marker that cannot be written makes the next start more careful than it must be. */
	n = pwrite(marker->fd, both, sizeof(both), 0);
	(void)n;
}

int marker_open(struct marker *marker, const char *socket, const struct id *stored, bool *matches,
		struct weft_err *err)
{
	struct id both[2];
	char path[256];

	memset(marker, 0, sizeof(*marker));
	snprintf(path, sizeof(path), "%s.marker", socket);
	marker->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (marker->fd < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot write %s: %s; see that weftd may write beside its "
				    "socket, or use --socket",
				    path, strerror(errno));
	*matches = pread(marker->fd, both, sizeof(both), 0) == (ssize_t)sizeof(both) &&
		   !id_is_zero(stored) && (id_eq(&both[0], stored) || id_eq(&both[1], stored));
	marker->current = *stored;
	marker->next = *stored;
	marker->withheld = !*matches;
	if (marker->withheld && ftruncate(marker->fd, 0) != 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "cannot empty %s: %s; remove it and start weftd again", path,
				    strerror(errno));
	return 0;
}

void marker_trust(struct marker *marker)
{
	marker->withheld = false;
}

void marker_close(struct marker *marker)
{
	if (marker->fd >= 0)
		close(marker->fd);
	marker->fd = -1;
}

void marker_begin(struct marker *marker)
{
	ssize_t n = getrandom(&marker->next, sizeof(marker->next), 0);

	WEFT_ASSERT(n == (ssize_t)sizeof(marker->next));
	marker_write(marker);
}

void marker_end(struct marker *marker, bool durable)
{
	if (durable)
		marker->current = marker->next;
	else
		marker->next = marker->current;
	marker_write(marker);
}
