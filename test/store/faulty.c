/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "faulty.h"

#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 16

/* One write or truncation that no sync has followed yet. */
struct change {
	struct change *next;
	sqlite3_int64 at; /* of a write; the new size of a truncation */
	size_t len;
	bool truncates;
	uint8_t bytes[];
};

/* What is known of the file behind a name. */
struct disk_file {
	char path[512];
	uint8_t *durable; /* as of the last sync */
	size_t durable_len;
	struct change *changes, **end;
};

struct faulty_file {
	sqlite3_file base;
	struct disk_file *disk;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static struct disk_file files[FILES_MAX];
static enum fault plan;
static unsigned plan_at, count;
static bool plan_lasts, is_cut;

/* Counts an operation; what becomes of it. */
static enum fault meet(void)
{
	count++;
	if (is_cut)
		return FAULT_CUT;
	if (plan == FAULT_NONE || plan_at == 0 || count < plan_at ||
	    (count > plan_at && !plan_lasts))
		return FAULT_NONE;
	is_cut = plan == FAULT_CUT;
	return plan;
}

static int code_of(enum fault fault, int ioerr)
{
	return fault == FAULT_FULL ? SQLITE_FULL : ioerr;
}

static void changes_drop(struct disk_file *disk)
{
	while (disk->changes) {
		struct change *change = disk->changes;

		disk->changes = change->next;
		free(change);
	}
	disk->end = &disk->changes;
}

/* Takes the file as it is for what is durable. */
static void image_take(struct disk_file *disk)
{
	struct stat st;
	int fd = open(disk->path, O_RDONLY | O_CLOEXEC);

	free(disk->durable);
	disk->durable = NULL;
	disk->durable_len = 0;
	changes_drop(disk);
	if (fd < 0)
		return;
	assert(fstat(fd, &st) == 0);
	disk->durable = malloc((size_t)st.st_size + 1);
	assert(read(fd, disk->durable, (size_t)st.st_size) == st.st_size);
	disk->durable_len = (size_t)st.st_size;
	close(fd);
}

static struct disk_file *disk_of(const char *path)
{
	struct disk_file *free_one = NULL;

	for (size_t i = 0; i < FILES_MAX; i++) {
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
		if (!free_one && files[i].path[0] == '\0')
			free_one = &files[i];
	}
	assert(free_one && strlen(path) < sizeof(free_one->path));
	memcpy(free_one->path, path, strlen(path) + 1);
	image_take(free_one);
	return free_one;
}

static void change_note(struct disk_file *disk, const void *bytes, size_t len, sqlite3_int64 at,
			bool truncates)
{
	struct change *change = malloc(sizeof(*change) + len);

	assert(change);
	*change = (struct change){.at = at, .len = len, .truncates = truncates};
	if (len > 0)
		memcpy(change->bytes, bytes, len);
	*disk->end = change;
	disk->end = &change->next;
}

static int on_close(sqlite3_file *file)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xClose(ff->real);
}

static int on_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return is_cut ? SQLITE_IOERR_READ : ff->real->pMethods->xRead(ff->real, out, len, at);
}

static int on_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct faulty_file *ff = (struct faulty_file *)file;
	enum fault fault = meet();

	if (fault == FAULT_SHORT)
		len /= 2;
	else if (fault != FAULT_NONE)
		return code_of(fault, SQLITE_IOERR_WRITE);
	change_note(ff->disk, bytes, (size_t)len, at, false);
	int rc = ff->real->pMethods->xWrite(ff->real, bytes, len, at);

	return fault == FAULT_SHORT ? SQLITE_IOERR_WRITE : rc;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct faulty_file *ff = (struct faulty_file *)file;
	enum fault fault = meet();

	if (fault != FAULT_NONE)
		return code_of(fault, SQLITE_IOERR_TRUNCATE);
	change_note(ff->disk, NULL, 0, size, true);
	return ff->real->pMethods->xTruncate(ff->real, size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	struct faulty_file *ff = (struct faulty_file *)file;
	enum fault fault = meet();

	(void)flags;
	if (fault != FAULT_NONE)
		return code_of(fault, SQLITE_IOERR_FSYNC);
	/* What counts as synced is kept here: the real disk need not be waited for. */
	image_take(ff->disk);
	return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xFileSize(ff->real, size);
}

static int on_lock(sqlite3_file *file, int level)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xLock(ff->real, level);
}

static int on_unlock(sqlite3_file *file, int level)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xUnlock(ff->real, level);
}

static int on_check_lock(sqlite3_file *file, int *out)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xCheckReservedLock(ff->real, out);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	/* It would make room in the file without a write. */
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return ff->real->pMethods->xFileControl(ff->real, op, arg);
}

static int on_sector(sqlite3_file *file)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xSectorSize(ff->real);
}

static int on_traits(sqlite3_file *file)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xDeviceCharacteristics(ff->real);
}

static int on_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xShmMap(ff->real, page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *file, int offset, int count_, int flags)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xShmLock(ff->real, offset, count_, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	ff->real->pMethods->xShmBarrier(ff->real);
}

static int on_shm_unmap(sqlite3_file *file, int remove_it)
{
	struct faulty_file *ff = (struct faulty_file *)file;

	return ff->real->pMethods->xShmUnmap(ff->real, remove_it);
}

/* Shared memory is for backups: a fresh copy says WAL and is not locked for one alone. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_traits,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

static int on_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct faulty_file *ff = (struct faulty_file *)file;
	enum fault fault = meet();
	int rc;

	(void)self;
	file->pMethods = NULL;
	if (fault != FAULT_NONE)
		return SQLITE_CANTOPEN;
	assert(name);
	ff->disk = disk_of(name);
	ff->real = (sqlite3_file *)(ff + 1);
	rc = real_vfs->xOpen(real_vfs, name, ff->real, flags, out);
	if (rc == SQLITE_OK)
		file->pMethods = &methods;
	return rc;
}

static int on_delete(sqlite3_vfs *self, const char *name, int sync_dir)
{
	enum fault fault = meet();
	int rc;

	(void)self;
	if (fault != FAULT_NONE)
		return code_of(fault, SQLITE_IOERR_DELETE);
	rc = real_vfs->xDelete(real_vfs, name, sync_dir);
	image_take(disk_of(name));
	return rc;
}

/* ---- what the store does by itself ---- */

int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

static struct disk_file *known(const char *path)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

static int fail(enum fault fault)
{
	errno = fault == FAULT_FULL ? ENOSPC : EIO;
	return -1;
}

int __wrap_fsync(int fd)
{
	char link[64], path[512] = "";
	enum fault fault = meet();
	struct disk_file *disk;

	if (fault != FAULT_NONE)
		return fail(fault);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert(readlink(link, path, sizeof(path) - 1) > 0);
	disk = known(path);
	if (disk)
		image_take(disk);
	return 0;
}

/* What was not synced goes along under the new name. */
int __wrap_rename(const char *from, const char *to)
{
	enum fault fault = meet();
	struct disk_file *old, *new;

	if (fault != FAULT_NONE)
		return fail(fault);
	if (__real_rename(from, to) < 0)
		return -1;
	old = disk_of(from);
	new = disk_of(to);
	changes_drop(new);
	free(new->durable);
	new->durable = old->durable;
	new->durable_len = old->durable_len;
	new->changes = old->changes;
	new->end = new->changes ? old->end : &new->changes;
	old->durable = NULL;
	old->changes = NULL;
	image_take(old);
	return 0;
}

int __wrap_unlink(const char *path)
{
	struct disk_file *disk = known(path);

	if (is_cut)
		return fail(FAULT_CUT);
	if (__real_unlink(path) < 0)
		return -1;
	if (disk)
		image_take(disk);
	return 0;
}

void faulty_install(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	assert(real_vfs && real_vfs != &vfs);
	vfs = *real_vfs;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	vfs.xOpen = on_open;
	vfs.xDelete = on_delete;
	assert(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void faulty_plan(enum fault fault, unsigned at, bool lasting)
{
	plan = fault;
	plan_at = at;
	plan_lasts = lasting;
	count = 0;
	is_cut = false;
}

unsigned faulty_count(void)
{
	return count;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Writes the durable image, then those of the changes that survive. */
static void disk_settle(struct disk_file *disk, uint64_t *seed)
{
	int fd;

	if (access(disk->path, F_OK) != 0)
		return;
	fd = open(disk->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert(fd >= 0);
	assert(write(fd, disk->durable, disk->durable_len) == (ssize_t)disk->durable_len);
	for (const struct change *change = disk->changes; change; change = change->next) {
		if (next_random(seed) % 2)
			continue;
		if (change->truncates)
			assert(ftruncate(fd, change->at) == 0);
		else
			assert(pwrite(fd, change->bytes, change->len, change->at) ==
			       (ssize_t)change->len);
	}
	close(fd);
}

void faulty_power_on(uint64_t seed)
{
	for (size_t i = 0; i < FILES_MAX && files[i].path[0] != '\0'; i++) {
		disk_settle(&files[i], &seed);
		image_take(&files[i]);
	}
	for (size_t i = 0; i < FILES_MAX; i++) {
		free(files[i].durable);
		files[i] = (struct disk_file){.path = ""};
	}
	faulty_plan(FAULT_NONE, 0, false);
}
