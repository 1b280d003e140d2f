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

/* Open one of our files; false when the path is none of ours or there is no director. */
static bool open_ours(int directory, const char *path, int flags, int *fd)
{
	const char *name;
	enum place place = place_of(directory, path, &name);
	struct text text;
	int error;

	if (place == ELSEWHERE)
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

	if (place == ELSEWHERE)
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
	const char *name;
	enum place place = place_of(directory, path, &name);
	struct text text;
	int error;

	if (place == ELSEWHERE)
		return path;
	error = place_text(place, name, &text);
	free(text.bytes);
	if (error)
		return path;
	return place == PROC_NET ? "/proc/net/dev" : "/proc/sys/net/ipv4/ip_forward";
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

/* The path itself, which has no links, if it is one of ours and there; `room` has PATH_MAX bytes, or is NULL. */
static char *resolved(const char *path, char *room)
{
	if (model_of(AT_FDCWD, path) == path || strlen(path) >= PATH_MAX)
		return NULL;
	return room ? strcpy(room, path) : strdup(path);
}

char *realpath(const char *restrict path, char *restrict room)
{
	char *ours = resolved(path, room);

	return ours ? ours : NEXT(realpath)(path, room);
}

char *__realpath_chk(const char *path, char *room, size_t size)
{
	if (size < PATH_MAX)
		abort();
	return realpath(path, room);
}

ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	return NEXT(getxattr)(model_of(AT_FDCWD, path), name, value, size);
}

ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size)
{
	return NEXT(lgetxattr)(model_of(AT_FDCWD, path), name, value, size);
}

int access(const char *path, int mode)
{
	return NEXT(access)(model_of(AT_FDCWD, path), mode);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
	return NEXT(faccessat)(directory, model_of(directory, path), mode, flags);
}
