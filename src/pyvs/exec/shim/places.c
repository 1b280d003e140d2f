/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of IPVS below /proc/net and /proc/sys: which paths they are, and files that stand for them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

static const char *after(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(path, prefix, length) ? NULL : path + length;
}

/* Which of our files a path names; `name` is the part that the director knows. */
enum place place_of(int directory, const char *path, const char **name)
{
	static const char *const nets[] = {"/proc/net/", "/proc/self/net/", "/proc/thread-self/net/"};
	const char *rest = NULL;

	if (!path)
		return ELSEWHERE;
	if (*path != '/') {
		char where[PATH_MAX];

		if (directory != AT_FDCWD || strncmp(path, "ip_vs", 5))
			return ELSEWHERE;
		if (syscall(SYS_getcwd, where, sizeof where) < 0 || strlen(where) < 4 ||
		    strncmp(where, "/proc/", 6) || strcmp(where + strlen(where) - 4, "/net"))
			return ELSEWHERE;
		rest = path;
	}
	for (size_t i = 0; !rest && i < sizeof nets / sizeof *nets; i++)
		rest = after(path, nets[i]);
	if (rest) {
		*name = rest;
		return strncmp(rest, "ip_vs", 5) ? ELSEWHERE : PROC_NET;
	}
	rest = after(path, "/proc/sys/net/ipv4/vs/");
	if (rest && *rest && !strchr(rest, '/')) {
		*name = rest;
		return SYSCTL;
	}
	return ELSEWHERE;
}

/* The text of a file of ours: 0, an errno, or NO_DIRECTOR. */
int place_text(enum place place, const char *name, struct text *text)
{
	int error = director_ask(place == PROC_NET ? KIND_PROC : KIND_SYSCTL_READ, name, strlen(name), NULL, 0, text);

	if (!error && place == SYSCTL) {
		char *longer = realloc(text->bytes, text->length + 2);

		if (!longer)
			return ENOMEM;
		longer[text->length++] = '\n';
		text->bytes = longer;
	}
	return error;
}

/* A file in memory that holds the text, to be read from its beginning. */
int place_file(const struct text *text, const char *name, int flags)
{
	int fd = syscall(SYS_memfd_create, name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	size_t done = 0;

	while (fd >= 0 && done < text->length) {
		ssize_t written = syscall(SYS_write, fd, text->bytes + done, text->length - done);

		if (written < 0 && errno != EINTR) {
			int error = errno;

			syscall(SYS_close, fd);
			errno = error;
			return -1;
		}
		done += written > 0 ? written : 0;
	}
	if (fd >= 0)
		syscall(SYS_lseek, fd, 0, SEEK_SET);
	return fd;
}

/*
 * A connection on which all that is written is a text for the sysctl: that works for those too who write by libc's
 * streams or by a descriptor that they were handed. By a hook of ours a writer learns whether it was refused.
 */
int place_writable(const char *name, int flags)
{
	int fd = director_connect();
	int error = fd < 0 ? EIO : director_ask_at(fd, KIND_SYSCTL_OPEN, name, strlen(name), NULL, 0, NULL);

	if (error) {
		if (fd >= 0)
			syscall(SYS_close, fd);
		errno = error == EPERM ? EACCES : error;
		return -1;
	}
	if (!(flags & O_CLOEXEC))
		syscall(SYS_fcntl, fd, F_SETFD, 0);
	return fd;
}
