/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls on the files and folders of IPVS: opening them, looking whether they are there, listing folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise.h"

#define INODE 0x70797673   /* of the first name; they have none */
#define AT_OURS (1L << 30) /* the place in a folder of the kernel's where our names begin; procfs ends at 2^31 */
#define ROOM 65536

/* Which of our files or folders a path of the target names; `room` is as for place_named. */
static enum place place_at(const struct target *target, int directory, uint64_t address, char *room,
			   const char **name)
{
	char path[PATH_MAX], link[64], where[PATH_MAX];
	const char *begin = NULL;

	if (!target_path(target, address, path, sizeof path) || !*path)
		return ELSEWHERE;
	if (*path == '/')
		return strncmp(path, "/proc", 5) ? ELSEWHERE : place_named(NULL, path, room, name);
	if (directory == AT_FDCWD) {
		snprintf(link, sizeof link, "/proc/%d/cwd", target->thread);
	} else {
		int local = target_descriptor(target, directory);

		if (local >= 0) {
			begin = folder_path(local);
			close(local);
		}
		snprintf(link, sizeof link, "/proc/%d/fd/%d", target->process, directory);
	}
	if (!begin) {
		ssize_t length = strstr(path, "vs") || !strcmp(path, ".") ? readlink(link, where, sizeof where - 1) : -1;

		if (length <= 0)
			return ELSEWHERE;
		where[length] = 0;
		begin = where;
	}
	return strncmp(begin, "/proc", 5) ? ELSEWHERE : place_named(begin, path, room, name);
}

static int open_place(const struct target *target, int directory, uint64_t address, int flags, struct answer *answer)
{
	char room[PATH_MAX];
	const char *name;
	enum place place = place_at(target, directory, address, room, &name);
	bool reads = (flags & O_ACCMODE) == O_RDONLY, folder = place == SYSCTLS;
	struct text text;
	int error;

	if (!folder && place != PROC_NET && place != SYSCTL)
		return NOT_OURS;
	error = folder ? folder_names(place, &text) : place_text(place, name, &text);
	if (error == NO_DIRECTOR)
		return NOT_OURS;
	if (!error && flags & O_DIRECTORY && !folder)
		error = ENOTDIR;
	if (!error && !reads && (place == PROC_NET || folder))
		error = folder ? EISDIR : EACCES;
	if (!error) {
		answer->add = folder ? folder_open(O_CLOEXEC)
			      : (flags & O_ACCMODE) == O_WRONLY ? place_writable(name, O_CLOEXEC)
								: place_file(&text, name, O_CLOEXEC);
		answer->add_flags = flags & O_CLOEXEC;
		if (answer->add < 0)
			error = errno;
	}
	free(text.bytes);
	answer->value = -error;
	return 0;
}

/* The file that looks like the one a path names, NULL when that is none of ours or not there. */
static const char *model_at(const struct target *target, int directory, uint64_t address)
{
	char room[PATH_MAX];
	const char *name;
	enum place place = place_at(target, directory, address, room, &name);

	return place == ELSEWHERE || place == ABOVE_SYSCTLS || place == ABOVE_NET ? NULL : place_model(place, name);
}

static int look(const struct target *target, int directory, uint64_t address, uint64_t result, struct answer *answer)
{
	const char *model = model_at(target, directory, address);
	struct stat status;

	if (!model)
		return NOT_OURS;
	if (syscall(SYS_newfstatat, AT_FDCWD, model, &status, 0) < 0)
		answer->value = -errno;
	else if (!target_write(target, result, &status, sizeof status))
		answer->value = -EFAULT;
	return 0;
}

static int look_more(const struct target *target, const struct seccomp_notif *call, struct answer *answer)
{
	const char *model = model_at(target, call->data.args[0], call->data.args[1]);
	struct statx status;

	if (!model)
		return NOT_OURS;
	if (syscall(SYS_statx, AT_FDCWD, model, call->data.args[2], call->data.args[3], &status) < 0)
		answer->value = -errno;
	else if (!target_write(target, call->data.args[4], &status, sizeof status))
		answer->value = -EFAULT;
	return 0;
}

static int may(const struct target *target, int directory, uint64_t address, int mode, struct answer *answer)
{
	const char *model = model_at(target, directory, address);

	if (!model)
		return NOT_OURS;
	answer->value = syscall(SYS_faccessat, AT_FDCWD, model, mode) < 0 ? -errno : 0;
	return 0;
}

/* What is said of all of ours: it is no link, it has no attributes. */
static int say(const struct target *target, int directory, uint64_t address, int value, struct answer *answer)
{
	if (!model_at(target, directory, address))
		return NOT_OURS;
	answer->value = value;
	return 0;
}

/* ---- listing ---- */

static size_t put_entry(char *buffer, const char *name, size_t length, unsigned char type, int64_t next)
{
	size_t size = (offsetof(struct dirent64, d_name) + length + 1 + 7) & ~7UL;
	struct dirent64 *entry = (struct dirent64 *)buffer;

	memset(entry, 0, size);
	entry->d_ino = INODE + next;
	entry->d_off = next;
	entry->d_reclen = size;
	entry->d_type = type;
	memcpy(entry->d_name, name, length);
	return size;
}

/* Names from number `*at` on, as many as there is room for; their size, or 0 at the end, or minus EINVAL. */
static ssize_t put_names(char *buffer, size_t room, enum place place, const struct text *names, int64_t begin,
			 int64_t *at)
{
	const char *name = names->bytes;
	size_t done = 0;
	int64_t number = begin;

	for (int dots = 1; place == SYSCTLS && dots <= 2; dots++, number++)
		if (number >= *at && room - done >= 32) {
			done += put_entry(buffer + done, "..", dots, DT_DIR, number + 1);
			*at = number + 1;
		}
	for (; name && *name; number++) {
		size_t length = strcspn(name, "\n");

		if (number >= *at) {
			if (room - done < offsetof(struct dirent64, d_name) + length + 9)
				return done ? (ssize_t)done : -EINVAL;
			done += put_entry(buffer + done, name, length, place == ABOVE_SYSCTLS ? DT_DIR : DT_REG, number + 1);
			*at = number + 1;
		}
		name += length + (name[length] == '\n');
	}
	return done;
}

static int list(const struct target *target, const struct seccomp_notif *call, struct answer *answer)
{
	static char buffer[ROOM];
	char link[64], where[PATH_MAX], whole[PATH_MAX];
	size_t room = call->data.args[2] < ROOM ? call->data.args[2] : ROOM;
	int local = target_descriptor(target, call->data.args[0]);
	enum place place = ELSEWHERE;
	const char *name;
	struct text names;
	ssize_t done = 0, length;
	int64_t at, begin;

	if (local < 0)
		return NOT_OURS;
	snprintf(link, sizeof link, "/proc/self/fd/%d", local);
	length = readlink(link, where, sizeof where - 1);
	if (folder_path(local)) {
		place = SYSCTLS;
	} else if (length > 0) {
		where[length] = 0;
		place = place_named(NULL, where, whole, &name);
	}
	if ((place != SYSCTLS && place != ABOVE_SYSCTLS && place != ABOVE_NET) || folder_names(place, &names) != 0) {
		close(local);
		return NOT_OURS;
	}
	begin = place == SYSCTLS ? 0 : AT_OURS;
	at = lseek(local, 0, SEEK_CUR);
	if (at < begin) {
		done = syscall(SYS_getdents64, local, buffer, room);
		if (done < 0)
			done = -errno;
		if (done == 0)
			at = begin;
	}
	if (at >= begin && done == 0) {
		done = put_names(buffer, room, place, &names, begin, &at);
		if (done >= 0)
			lseek(local, at, SEEK_SET);
	}
	if (done > 0 && !target_write(target, call->data.args[1], buffer, done))
		done = -EFAULT;
	answer->value = done;
	free(names.bytes);
	close(local);
	return 0;
}

/* Whether a folder that is listed is outside of /proc. */
static bool listed_elsewhere(pid_t thread, int fd)
{
	char link[64], where[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof link, "/proc/%d/fd/%d", thread, fd);
	length = readlink(link, where, sizeof where);
	return length > 0 && (length < 5 || strncmp(where, "/proc", 5));
}

/*
 * Whether a call certainly is on other files: most are, and need no closer look at who makes it. What is ours has "vs" in
 * its path, unless that begins at a descriptor.
 */
bool file_elsewhere(const struct seccomp_notif *call)
{
	struct target target = {.thread = call->pid, .process = call->pid};
	const uint64_t *arguments = (const uint64_t *)call->data.args;
	bool from_descriptor = false;
	char path[PATH_MAX];
	uint64_t address;

	switch (call->data.nr) {
	case __NR_openat:
	case __NR_newfstatat:
	case __NR_statx:
	case __NR_faccessat:
	case __NR_faccessat2:
	case __NR_readlinkat:
		from_descriptor = (int)arguments[0] != AT_FDCWD;
		address = arguments[1];
		break;
#ifdef __NR_open
	case __NR_open:
	case __NR_stat:
	case __NR_lstat:
	case __NR_access:
	case __NR_readlink:
#endif
	case __NR_getxattr:
	case __NR_lgetxattr:
	case __NR_listxattr:
	case __NR_llistxattr:
		address = arguments[0];
		break;
	case __NR_getdents64:
		return listed_elsewhere(call->pid, arguments[0]);
	default:
		return false;
	}
	if (!target_path(&target, address, path, sizeof path))
		return false;
	if (*path == '/')
		return strncmp(path, "/proc", 5) || !strstr(path, "vs");
	return !from_descriptor && !strstr(path, "vs");
}

/* Answer a call on files: false when it is none; `result` is as call_answer's. */
bool file_answer(const struct seccomp_notif *call, const struct target *target, struct answer *answer, int *result)
{
	const uint64_t *arguments = (const uint64_t *)call->data.args;

	switch (call->data.nr) {
	case __NR_openat:
		*result = open_place(target, arguments[0], arguments[1], arguments[2], answer);
		return true;
	case __NR_newfstatat:
		*result = look(target, arguments[0], arguments[1], arguments[2], answer);
		return true;
	case __NR_statx:
		*result = look_more(target, call, answer);
		return true;
	case __NR_faccessat:
	case __NR_faccessat2:
		*result = may(target, arguments[0], arguments[1], arguments[2], answer);
		return true;
	case __NR_readlinkat:
		*result = say(target, arguments[0], arguments[1], -EINVAL, answer);
		return true;
	case __NR_getxattr:
	case __NR_lgetxattr:
		*result = say(target, AT_FDCWD, arguments[0], -EOPNOTSUPP, answer);
		return true;
	case __NR_listxattr:
	case __NR_llistxattr:
		*result = say(target, AT_FDCWD, arguments[0], 0, answer);
		return true;
	case __NR_getdents64:
		*result = list(target, call, answer);
		return true;
#ifdef __NR_open
	case __NR_open:
		*result = open_place(target, AT_FDCWD, arguments[0], arguments[1], answer);
		return true;
	case __NR_stat:
	case __NR_lstat:
		*result = look(target, AT_FDCWD, arguments[0], arguments[1], answer);
		return true;
	case __NR_access:
		*result = may(target, AT_FDCWD, arguments[0], arguments[1], answer);
		return true;
	case __NR_readlink:
		*result = say(target, AT_FDCWD, arguments[0], -EINVAL, answer);
		return true;
#endif
	}
	return false;
}
