/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of IPVS below /proc/net and /proc/sys: texts that the director writes, in files in memory. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "shim.h"

/* Write a sysctl; as many bytes as were given, or -1 with errno. */
ssize_t sysctl_write(const char *name, const void *text, size_t length)
{
	int error = director_ask(KIND_SYSCTL_WRITE, name, strlen(name) + 1, text, length, NULL);

	if (!error)
		return length;
	errno = error == NO_DIRECTOR ? EIO : error;
	return -1;
}

static __thread char room[PATH_MAX]; /* the path that was looked at last, whole */

/* Which of our files or folders a path names, from a descriptor's folder or the present one if it is relative. */
enum place place_of(int directory, const char *path, const char **name)
{
	char where[PATH_MAX], link[32];
	const char *begin = where;

	if (!path)
		return ELSEWHERE;
	if (*path == '/')
		return strncmp(path, "/proc", 5) ? ELSEWHERE : place_named(NULL, path, room, name);
	if (directory != AT_FDCWD)
		begin = folder_path(directory);
	if (directory == AT_FDCWD || !begin) {
		ssize_t length;

		if (!strstr(path, "vs") && strcmp(path, "."))
			return ELSEWHERE;
		snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
		length = directory == AT_FDCWD ? syscall(SYS_getcwd, where, sizeof where - 1)
					       : syscall(SYS_readlinkat, AT_FDCWD, link, where, sizeof where - 1);
		if (length <= 0)
			return ELSEWHERE;
		where[length] = 0;
		begin = where;
	}
	return strncmp(begin, "/proc", 5) ? ELSEWHERE : place_named(begin, path, room, name);
}

static bool open_folder(int flags, int *fd)
{
	if (!place_model(SYSCTLS, NULL))
		return false;
	*fd = -1;
	if ((flags & O_ACCMODE) != O_RDONLY)
		errno = EISDIR;
	else
		*fd = folder_open(flags);
	return true;
}

/* Open one of our files; false when the path is none of ours or there is no director. */
static bool open_ours(int directory, const char *path, int flags, int *fd)
{
	const char *name;
	enum place place = place_of(directory, path, &name);
	struct text text;
	int error;

	if (place == SYSCTLS)
		return open_folder(flags, fd);
	if (place != PROC_NET && place != SYSCTL)
		return false;
	error = place_text(place, name, &text);
	if (error == NO_DIRECTOR)
		return false;
	if (!error && flags & O_DIRECTORY)
		error = ENOTDIR;
	if (!error && place == PROC_NET && (flags & O_ACCMODE) != O_RDONLY)
		error = EACCES;
	if (error)
		*fd = -1;
	else if ((flags & O_ACCMODE) == O_WRONLY)
		*fd = place_writable(name, flags);
	else
		*fd = place_file(&text, name, flags);
	if (*fd >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		descriptor_is(*fd, ROLE_SYSCTL, 0, name);
	free(text.bytes);
	if (error)
		errno = error;
	return true;
}

#define OPEN(directory, path, flags, otherwise)                              \
	int fd;                                                              \
	return open_ours(directory, path, flags, &fd) ? fd : (otherwise)

#define MODE()                                                               \
	mode_t mode = 0;                                                     \
	if (flags & (O_CREAT | __O_TMPFILE)) {                               \
		va_list rest;                                                \
		va_start(rest, flags);                                       \
		mode = va_arg(rest, mode_t);                                 \
		va_end(rest);                                                \
	}

int open(const char *path, int flags, ...)
{
	MODE();
	OPEN(AT_FDCWD, path, flags, NEXT(open)(path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
	MODE();
	OPEN(AT_FDCWD, path, flags, NEXT(open64)(path, flags, mode));
}

int openat(int directory, const char *path, int flags, ...)
{
	MODE();
	OPEN(directory, path, flags, NEXT(openat)(directory, path, flags, mode));
}

int openat64(int directory, const char *path, int flags, ...)
{
	MODE();
	OPEN(directory, path, flags, NEXT(openat64)(directory, path, flags, mode));
}

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	OPEN(AT_FDCWD, path, flags, NEXT(__open_2)(path, flags));
}

int __open64_2(const char *path, int flags)
{
	OPEN(AT_FDCWD, path, flags, NEXT(__open64_2)(path, flags));
}

int __openat_2(int directory, const char *path, int flags)
{
	OPEN(directory, path, flags, NEXT(__openat_2)(directory, path, flags));
}

int __openat64_2(int directory, const char *path, int flags)
{
	OPEN(directory, path, flags, NEXT(__openat64_2)(directory, path, flags));
}

/* ---- streams ---- */

static ssize_t stream_write(void *name, const char *text, size_t length)
{
	ssize_t written = sysctl_write(name, text, length);

	return written < 0 ? 0 : written;
}

static int stream_close(void *name)
{
	free(name);
	return 0;
}

/* A stream of libc's does not write by a function that can be replaced, so one for writing gets functions of ours. */
static bool stream_of(const char *path, const char *mode, FILE **stream)
{
	const char *name;
	enum place place = place_of(AT_FDCWD, path, &name);
	int fd;

	if (place != PROC_NET && place != SYSCTL && place != SYSCTLS)
		return false;
	if (!open_ours(AT_FDCWD, path, *mode == 'r' && !strchr(mode, '+') ? O_RDONLY : O_WRONLY, &fd))
		return false;
	*stream = NULL;
	if (fd < 0)
		return true;
	if (descriptor_of(fd)) {
		cookie_io_functions_t functions = {.write = stream_write, .close = stream_close};
		char *copy = strdup(name);

		close(fd);
		if (copy)
			*stream = fopencookie(copy, "w", functions);
	} else {
		*stream = fdopen(fd, mode);
	}
	return true;
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *stream;

	return stream_of(path, mode, &stream) ? stream : NEXT(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	FILE *stream;

	return stream_of(path, mode, &stream) ? stream : NEXT(fopen64)(path, mode);
}

/* ---- looking whether they are there: as a file of the same kind that every kernel has ---- */

static const char *model_of(int directory, const char *path)
{
	const char *name, *model;
	enum place place = place_of(directory, path, &name);

	if (place == ELSEWHERE || place == ABOVE_NET || place == ABOVE_SYSCTLS)
		return path;
	model = place_model(place, name);
	return model ? model : path;
}

int stat(const char *restrict path, struct stat *restrict status)
{
	return NEXT(stat)(model_of(AT_FDCWD, path), status);
}

int stat64(const char *restrict path, struct stat64 *restrict status)
{
	return NEXT(stat64)(model_of(AT_FDCWD, path), status);
}

int lstat(const char *restrict path, struct stat *restrict status)
{
	return NEXT(lstat)(model_of(AT_FDCWD, path), status);
}

int lstat64(const char *restrict path, struct stat64 *restrict status)
{
	return NEXT(lstat64)(model_of(AT_FDCWD, path), status);
}

int fstatat(int directory, const char *restrict path, struct stat *restrict status, int flags)
{
	return NEXT(fstatat)(directory, model_of(directory, path), status, flags);
}

int fstatat64(int directory, const char *restrict path, struct stat64 *restrict status, int flags)
{
	return NEXT(fstatat64)(directory, model_of(directory, path), status, flags);
}

int statx(int directory, const char *restrict path, int flags, unsigned int mask, struct statx *restrict status)
{
	return NEXT(statx)(directory, model_of(directory, path), flags, mask, status);
}

/* Whether there is no link because it is one of ours; with errno then. */
static bool is_no_link(int directory, const char *path)
{
	if (!path || model_of(directory, path) == path)
		return false;
	errno = EINVAL;
	return true;
}

ssize_t readlink(const char *restrict path, char *restrict link, size_t size)
{
	return is_no_link(AT_FDCWD, path) ? -1 : NEXT(readlink)(path, link, size);
}

ssize_t readlinkat(int directory, const char *restrict path, char *restrict link, size_t size)
{
	return is_no_link(directory, path) ? -1 : NEXT(readlinkat)(directory, path, link, size);
}

ssize_t __readlink_chk(const char *path, char *link, size_t size, size_t room);
ssize_t __readlinkat_chk(int directory, const char *path, char *link, size_t size, size_t room);

ssize_t __readlink_chk(const char *path, char *link, size_t size, size_t room)
{
	return is_no_link(AT_FDCWD, path) ? -1 : NEXT(__readlink_chk)(path, link, size, room);
}

ssize_t __readlinkat_chk(int directory, const char *path, char *link, size_t size, size_t room)
{
	return is_no_link(directory, path) ? -1 : NEXT(__readlinkat_chk)(directory, path, link, size, room);
}

/* The path itself, which has no links, if it is one of ours and there; `result` has PATH_MAX bytes, or is NULL. */
static char *resolved(const char *path, char *result)
{
	const char *name, *model;
	enum place place = place_of(AT_FDCWD, path, &name);

	if (place == ELSEWHERE || place == ABOVE_NET || place == ABOVE_SYSCTLS)
		return NULL;
	model = place_model(place, name);
	if (!model)
		return NULL;
	return result ? strcpy(result, room) : strdup(room);
}

char *realpath(const char *restrict path, char *restrict result)
{
	char *ours = resolved(path, result);

	return ours ? ours : NEXT(realpath)(path, result);
}

char *__realpath_chk(const char *path, char *result, size_t size)
{
	if (size < PATH_MAX)
		abort();
	return realpath(path, result);
}

ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	return NEXT(getxattr)(model_of(AT_FDCWD, path), name, value, size);
}

ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
{
	return NEXT(lgetxattr)(model_of(AT_FDCWD, path), name, value, size);
}

ssize_t listxattr(const char *path, char *list, size_t size)
{
	return NEXT(listxattr)(model_of(AT_FDCWD, path), list, size);
}

ssize_t llistxattr(const char *path, char *list, size_t size)
{
	return NEXT(llistxattr)(model_of(AT_FDCWD, path), list, size);
}

int access(const char *path, int mode)
{
	return NEXT(access)(model_of(AT_FDCWD, path), mode);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
	return NEXT(faccessat)(directory, model_of(directory, path), mode, flags);
}

int euidaccess(const char *path, int mode)
{
	return NEXT(euidaccess)(model_of(AT_FDCWD, path), mode);
}

int eaccess(const char *path, int mode)
{
	return NEXT(eaccess)(model_of(AT_FDCWD, path), mode);
}
