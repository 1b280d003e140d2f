/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of IPVS below /proc/net and /proc/sys: which paths they are, and what stands for them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define FOLDER "/proc/sys/net/ipv4/vs"
#define FOLDER_MARK 60 /* a signal that nobody asks for: by it a descriptor of the folder is known, copies too */

/* A path without empty and single-dot parts, `where` before it if it is relative. False: it is none of ours. */
static bool plain(const char *where, const char *path, char *room)
{
	const char *parts[2] = {*path == '/' ? "" : where, path};
	size_t length = 0;

	for (int i = 0; i < 2; i++)
		for (const char *part = parts[i]; part && *part;) {
			size_t size = strcspn(part, "/");

			if (size == 2 && !strncmp(part, "..", 2))
				return false;
			if (size && !(size == 1 && *part == '.')) {
				if (length + size + 2 > PATH_MAX)
					return false;
				room[length++] = '/';
				memcpy(room + length, part, size);
				length += size;
			}
			part += size + (part[size] == '/');
		}
	room[length] = 0;
	return length > 0;
}

static const char *after(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(path, prefix, length) ? NULL : path + length;
}

/* What comes after the folder of the network's files; it may be that of any process. */
static const char *after_net(const char *path)
{
	const char *rest = after(path, "/proc/");

	if (!rest)
		return NULL;
	if (strncmp(rest, "net", 3)) {
		size_t size = strcspn(rest, "/");

		if (strspn(rest, "0123456789") != size && !after(rest, "self/") && !after(rest, "thread-self/"))
			return NULL;
		rest += size + (rest[size] == '/');
	}
	rest = after(rest, "net");
	return rest && (!*rest || *rest == '/') ? rest : NULL;
}

/*
 * Which of our files or folders a path names; relative ones begin at `where`, NULL: those are none of ours. `name` is the
 * part that the director knows, in `room`, which has PATH_MAX bytes and then holds the whole path.
 */
enum place place_named(const char *where, const char *path, char *room, const char **name)
{
	const char *rest;

	if (!path || !*path || (*path != '/' && !where) || !plain(where, path, room))
		return ELSEWHERE;
	rest = after_net(room);
	if (rest) {
		*name = rest + !!*rest;
		return !*rest ? ABOVE_NET : strncmp(*name, "ip_vs", 5) || strchr(*name, '/') ? ELSEWHERE : PROC_NET;
	}
	rest = after(room, "/proc/sys/net/ipv4");
	if (!rest || (*rest && *rest != '/'))
		return ELSEWHERE;
	*name = rest + !!*rest;
	if (!**name)
		return ABOVE_SYSCTLS;
	rest = after(*name, "vs");
	if (!rest || (*rest && *rest != '/'))
		return ELSEWHERE;
	*name = rest + !!*rest;
	return !**name ? SYSCTLS : strchr(*name, '/') ? ELSEWHERE : SYSCTL;
}

/* ---- folders ---- */

/* Open the folder of the sysctls: in truth one of the kernel's that looks like it, marked. */
int folder_open(int flags)
{
	int fd = syscall(SYS_openat, AT_FDCWD, FOLDER_MODEL, O_RDONLY | O_DIRECTORY | (flags & O_CLOEXEC));

	if (fd >= 0)
		syscall(SYS_fcntl, fd, F_SETSIG, FOLDER_MARK);
	return fd;
}

/* Whether a descriptor is of that folder, and where relative paths begin then. */
const char *folder_path(int fd)
{
	return syscall(SYS_fcntl, fd, F_GETSIG) == FOLDER_MARK ? FOLDER : NULL;
}

/*
 * The names in a folder that are the director's, a line each: 0, an errno, or NO_DIRECTOR. None where the kernel has them
 * itself.
 */
int folder_names(enum place place, struct text *names)
{
	static const char files[] = "ip_vs\nip_vs_app\nip_vs_conn\nip_vs_conn_sync\nip_vs_stats\nip_vs_stats_percpu\n";
	const char *given = place == ABOVE_NET ? files : "vs\n";
	const char *kernel = place == ABOVE_NET ? "/proc/net/ip_vs" : FOLDER;
	int error = director_ask(KIND_SYSCTL_NAMES, NULL, 0, NULL, 0, names);

	if (error || place == SYSCTLS)
		return error;
	free(names->bytes);
	*names = (struct text){0};
	if (syscall(SYS_faccessat, AT_FDCWD, kernel, F_OK) == 0)
		return 0;
	names->bytes = strdup(given);
	names->length = names->bytes ? strlen(given) : 0;
	return names->bytes ? 0 : ENOMEM;
}

/* The file or folder that every kernel has and that looks like one of ours; NULL when it is not there. */
const char *place_model(enum place place, const char *name)
{
	struct text text = {0};
	int error = ENOENT;

	if (place == SYSCTLS)
		error = folder_names(place, &text);
	else if (place == PROC_NET || place == SYSCTL)
		error = place_text(place, name, &text);
	free(text.bytes);
	if (error)
		return NULL;
	return place == SYSCTLS ? FOLDER_MODEL : place == SYSCTL ? "/proc/sys/net/ipv4/ip_forward" : "/proc/net/dev";
}

/* ---- files ---- */

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
