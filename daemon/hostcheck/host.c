/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Disk and kernel settings. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/diag/check_row.h"
#include "daemon/hostcheck/hostcheck.h"
#include "gossip/base/err.h"

#define MIB (UINT64_C(1) << 20)
#define DISK_FAIL_BYTES (8 * MIB)
#define DISK_WARN_BYTES (64 * MIB)
#define DISK_WARN_SHARE 20          /* of the file system: one part in so many, */
#define DISK_WARN_MOST (2048 * MIB) /* unless that is a lot */
#define PATH_BYTES 512
#define VALUE_BYTES 64

void host_add(json_t *checks, const char *check, const char *verdict, const char *remedy,
	      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_row_add(checks, check, NULL, verdict, remedy, fmt, args);
	va_end(args);
}

/* The directory, or the nearest above it that is there. */
static void existing(const char *path, char out[PATH_BYTES])
{
	snprintf(out, PATH_BYTES, "%s", path);
	while (access(out, F_OK) != 0 && errno == ENOENT) {
		char *slash = strrchr(out, '/');

		if (!slash || slash == out) {
			snprintf(out, PATH_BYTES, "/");
			return;
		}
		*slash = '\0';
	}
}

/* Writes a little to a file that has no name and is gone with its descriptor: 0 or errno. */
static int try_write(const char *dir)
{
	static const char bytes[4096];
	int fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	int error = 0;

	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? 0 : errno;
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) || fsync(fd) != 0)
		error = errno != 0 ? errno : ENOSPC;
	close(fd);
	return error;
}

bool disk_is_low(uint64_t left, uint64_t all)
{
	return left < DISK_WARN_BYTES || (left < DISK_WARN_MOST && left < all / DISK_WARN_SHARE);
}

void check_disk(json_t *checks, const struct host_facts *facts)
{
	char dir[PATH_BYTES];
	struct statvfs fs;
	uint64_t left, all;
	int error;

	existing(facts->state_dir, dir);
	if (statvfs(dir, &fs) != 0) {
		host_add(checks, "disk", "fail", "see that the state directory can be reached",
			 "%s: %s", dir, strerror(errno));
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	all = (uint64_t)fs.f_blocks * fs.f_frsize;
	error = try_write(dir);
	if (error == EACCES || error == EPERM)
		host_add(checks, "disk", "warn", "run weft diag as root",
			 "%s: not tried, as this user may not write there", dir);
	else if (error != 0 && error != ENOSPC)
		host_add(checks, "disk", "fail",
			 "mount it writable, or give weftd another --state-dir",
			 "%s cannot be written: %s", dir, strerror(error));
	else if (error == ENOSPC || left < DISK_FAIL_BYTES || (fs.f_files > 0 && fs.f_favail == 0))
		host_add(checks, "disk", "fail",
			 "free space or inodes there; weftd changes nothing before, and goes on by "
			 "itself then",
			 "%s is full: %llu KiB and %llu inodes left", dir,
			 (unsigned long long)(left / 1024), (unsigned long long)fs.f_favail);
	else if (disk_is_low(left, all))
		host_add(checks, "disk", "warn", "free space there before it is full",
			 "%s has %llu of %llu MiB left", dir, (unsigned long long)(left / MIB),
			 (unsigned long long)(all / MIB));
	else
		host_add(checks, "disk", "ok", NULL, "%s has %llu MiB left and can be written", dir,
			 (unsigned long long)(left / MIB));
}

/* The number in a file below /proc/sys, or -1. */
static long long sysctl_get(const char *name)
{
	char path[PATH_BYTES];
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%lld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

void check_sysctls(json_t *checks, const struct host_facts *facts)
{
	long long forward = sysctl_get("net/ipv4/ip_forward");
	long long all = sysctl_get("net/ipv4/conf/all/rp_filter");
	long long rmem = sysctl_get("net/core/rmem_max");
	bool good = true;

	if (facts->networks > 0 && forward == 0) {
		good = false;
		host_add(
		    checks, "ip-forward", "fail",
		    "sysctl -w net.ipv4.ip_forward=1, and see who sets it to 0 (/etc/sysctl.d)",
		    "net.ipv4.ip_forward is 0: boxes reach nothing outside their network");
	}
	/* Strict everywhere: packets of a multi-homed peer are dropped without a word. */
	if (all == 1) {
		good = false;
		host_add(checks, "rp-filter", "warn", "sysctl -w net.ipv4.conf.all.rp_filter=2",
			 "net.ipv4.conf.all.rp_filter is 1 (strict): packets that come in by "
			 "another interface than answers leave by are dropped");
	}
	if (rmem >= 0 && rmem < 212992) {
		good = false;
		host_add(checks, "rmem", "warn", "sysctl -w net.core.rmem_max=4194304",
			 "net.core.rmem_max is %lld, less than the kernel's own default", rmem);
	}
	if (good)
		host_add(checks, "sysctls", "ok", NULL,
			 "forwarding, reverse path filter and socket memory are fit");
}
