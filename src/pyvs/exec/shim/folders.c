/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders: that of the sysctls, which the kernel may not have, and those in which our files and folders are. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define INODE 0x70797673 /* of the first name; they have none */

/* A folder that is read, and the names in it that are the director's. */
struct folder {
	struct folder *next;
	DIR *stream;
	bool ours; /* nothing of the kernel's is in it */
	bool ended; /* of the kernel's, the end has been reached */
	unsigned char type;
	int number; /* names told, with the two dots of a folder of ours */
	struct text names;
	size_t at;
	struct dirent entry;
};

static struct folder *folders;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct folder *folder_of(DIR *stream)
{
	struct folder *folder;

	if (!folders) /* whoever reads one of ours has put it there */
		return NULL;
	pthread_mutex_lock(&lock);
	for (folder = folders; folder && folder->stream != stream; folder = folder->next)
		;
	pthread_mutex_unlock(&lock);
	return folder;
}

/* Tell the names of the director's too, if there is one, to whoever reads this stream. */
static DIR *with_names(DIR *stream, enum place place)
{
	int error = errno;
	struct folder *folder = stream ? calloc(1, sizeof *folder) : NULL;

	if (folder && folder_names(place, &folder->names) == 0) {
		folder->stream = stream;
		folder->ours = place == SYSCTLS;
		folder->type = place == ABOVE_SYSCTLS ? DT_DIR : DT_REG;
		pthread_mutex_lock(&lock);
		folder->next = folders;
		folders = folder;
		pthread_mutex_unlock(&lock);
	} else {
		free(folder);
	}
	errno = error;
	return stream;
}

DIR *fdopendir(int fd)
{
	char link[32], where[PATH_MAX], room[PATH_MAX];
	const char *name;
	enum place place = ELSEWHERE;
	ssize_t length;

	if (folder_path(fd))
		return with_names(NEXT(fdopendir)(fd), SYSCTLS);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = syscall(SYS_readlinkat, AT_FDCWD, link, where, sizeof where - 1);
	if (length > 0) {
		where[length] = 0;
		place = place_named(NULL, where, room, &name);
	}
	if (place == ABOVE_SYSCTLS || place == ABOVE_NET)
		return with_names(NEXT(fdopendir)(fd), place);
	return NEXT(fdopendir)(fd);
}

DIR *opendir(const char *path)
{
	const char *name;
	enum place place = place_of(AT_FDCWD, path, &name);

	if (place == ABOVE_SYSCTLS || place == ABOVE_NET)
		return with_names(NEXT(opendir)(path), place);
	if (place == SYSCTLS && place_model(place, name)) {
		int fd = folder_open(O_CLOEXEC);

		return fd < 0 ? NULL : fdopendir(fd);
	}
	return NEXT(opendir)(path);
}

static struct dirent *entry_of(struct folder *folder, const char *name, size_t length, unsigned char type)
{
	struct dirent *entry = &folder->entry;

	if (length >= sizeof entry->d_name)
		length = sizeof entry->d_name - 1;
	memcpy(entry->d_name, name, length);
	entry->d_name[length] = 0;
	entry->d_type = type;
	entry->d_ino = INODE + folder->number++;
	entry->d_off = folder->number;
	entry->d_reclen = sizeof *entry;
	return entry;
}

static struct dirent *next_entry(struct folder *folder)
{
	const char *name = folder->names.bytes + folder->at;
	size_t length;

	if (folder->ours && folder->number < 2)
		return entry_of(folder, "..", folder->number + 1, DT_DIR);
	if (folder->at >= folder->names.length)
		return NULL;
	length = strcspn(name, "\n");
	folder->at += length + 1;
	return entry_of(folder, name, length, folder->type);
}

struct dirent *readdir(DIR *stream)
{
	struct folder *folder = folder_of(stream);

	if (folder && !folder->ours && !folder->ended) {
		struct dirent *entry = NEXT(readdir)(stream);

		if (entry)
			return entry;
		folder->ended = true;
	}
	return folder ? next_entry(folder) : NEXT(readdir)(stream);
}

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "on 64-bit systems both are one");

struct dirent64 *readdir64(DIR *stream)
{
	return (struct dirent64 *)readdir(stream);
}

void rewinddir(DIR *stream)
{
	struct folder *folder = folder_of(stream);

	if (folder) {
		folder->ended = false;
		folder->number = 0;
		folder->at = 0;
	}
	NEXT(rewinddir)(stream);
}

int closedir(DIR *stream)
{
	pthread_mutex_lock(&lock);
	for (struct folder **at = &folders; *at; at = &(*at)->next)
		if ((*at)->stream == stream) {
			struct folder *gone = *at;

			*at = gone->next;
			free(gone->names.bytes);
			free(gone);
			break;
		}
	pthread_mutex_unlock(&lock);
	return NEXT(closedir)(stream);
}
