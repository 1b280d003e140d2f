/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that has made a call: its memory, its descriptors, and which of them we have replaced. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervise.h"

#define REPLACED_MOST 4096 /* the oldest are forgotten */
#define WATCHES_MOST 64
#define OWN_FIRST 512 /* our descriptors; below are numbers that a program's have */

/* Give a descriptor of ours a number that programs rarely use: a target's number may have to be free here. */
int descriptor_up(int fd)
{
	int higher = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, OWN_FIRST);

	if (higher < 0)
		return fd;
	close(fd);
	return higher;
}

/* The process of a thread. */
static pid_t process_of(pid_t thread)
{
	char path[64], line[256];
	long process = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "Tgid: %ld", &process) == 1)
			break;
	fclose(file);
	return process;
}

bool target_of(pid_t thread, struct target *target)
{
	target->thread = thread;
	target->process = process_of(thread);
	target->pidfd = target->process ? descriptor_up(syscall(SYS_pidfd_open, target->process, 0)) : -1;
	return target->pidfd >= 0;
}

void target_done(struct target *target)
{
	close(target->pidfd);
}

/* A descriptor of ours for what the process has under a number, or -1. */
int target_descriptor(const struct target *target, int fd)
{
	return descriptor_up(syscall(SYS_pidfd_getfd, target->pidfd, fd, 0));
}

bool target_read(const struct target *target, uint64_t address, void *to, size_t length)
{
	struct iovec here = {to, length}, there = {(void *)(uintptr_t)address, length};

	return !length || process_vm_readv(target->process, &here, 1, &there, 1, 0) == (ssize_t)length;
}

bool target_write(const struct target *target, uint64_t address, const void *from, size_t length)
{
	struct iovec here = {(void *)from, length}, there = {(void *)(uintptr_t)address, length};

	return !length || process_vm_writev(target->process, &here, 1, &there, 1, 0) == (ssize_t)length;
}

/* A path, or what of it fits; not across the end of a page at once, since the next may not be there. */
bool target_path(const struct target *target, uint64_t address, char *path, size_t room)
{
	size_t done = 0;

	while (done < room) {
		size_t part = 4096 - (address + done) % 4096;

		if (part > room - done)
			part = room - done;
		if (!target_read(target, address + done, path + done, part))
			return false;
		if (memchr(path + done, 0, part))
			return true;
		done += part;
	}
	return false;
}

static FILE *descriptor_info(const struct target *target, const char *fd)
{
	char path[320];

	snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", target->process, fd);
	return fopen(path, "re");
}

bool target_closes_on_exec(const struct target *target, int fd)
{
	char name[16], line[256];
	unsigned int flags = 0;
	FILE *file;

	snprintf(name, sizeof name, "%d", fd);
	file = descriptor_info(target, name);
	if (!file)
		return false;
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(file);
	return flags & O_CLOEXEC;
}

/* ---- epoll: who waited for a socket must go on waiting for what came in its place ---- */

struct watch {
	int epoll; /* the target's number */
	struct epoll_event event;
};

static int watches_of(const struct target *target, const char *epoll, int fd, struct watch *watches, int room)
{
	FILE *file = descriptor_info(target, epoll);
	char line[256];
	int found = 0;

	if (!file)
		return 0;
	while (found < room && fgets(line, sizeof line, file)) {
		unsigned int events;
		unsigned long long data;
		int number;

		if (sscanf(line, "tfd: %d events: %x data: %llx", &number, &events, &data) != 3 || number != fd)
			continue;
		watches[found].epoll = atoi(epoll);
		watches[found].event.events = events;
		watches[found].event.data.u64 = data;
		found++;
	}
	fclose(file);
	return found;
}

static int find_watches(const struct target *target, int fd, struct watch *watches)
{
	char path[64], link[64];
	struct dirent *entry;
	DIR *folder;
	int found = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", target->process);
	folder = opendir(path);
	if (!folder)
		return 0;
	while (found < WATCHES_MOST && (entry = readdir(folder))) {
		ssize_t length = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);

		if (length <= 0)
			continue;
		link[length] = 0;
		if (!strcmp(link, "anon_inode:[eventpoll]"))
			found += watches_of(target, entry->d_name, fd, watches + found, WATCHES_MOST - found);
	}
	closedir(folder);
	return found;
}

/*
 * An epoll descriptor knows what it watches by file and number; so the new file gets the target's number here while it
 * is put in. To be called before the file is put into the target.
 */
void target_watches_move(const struct target *target, int fd, int new)
{
	struct watch watches[WATCHES_MOST];
	int number = find_watches(target, fd, watches);

	if (!number || fcntl(fd, F_GETFD) >= 0 || dup3(new, fd, O_CLOEXEC) < 0)
		return;
	for (int i = 0; i < number; i++) {
		int epoll = target_descriptor(target, watches[i].epoll);

		if (epoll < 0)
			continue;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &watches[i].event);
		close(epoll);
	}
	close(fd);
}

/* ---- what has been replaced ---- */

static struct replaced replaced[REPLACED_MOST];
static unsigned int next_replaced;

static uint64_t cookie_of(int local)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof cookie;

	return getsockopt(local, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

/* The entry of a connection that we have put in, NULL for all other sockets. A cookie is never used again. */
struct replaced *replaced_at(int local)
{
	uint64_t cookie = cookie_of(local);

	for (unsigned int i = 0; cookie && i < REPLACED_MOST; i++)
		if (replaced[i].cookie == cookie)
			return &replaced[i];
	return NULL;
}

bool replaced_add(int local, uint32_t portid)
{
	struct replaced *entry = &replaced[next_replaced++ % REPLACED_MOST];

	entry->cookie = cookie_of(local);
	entry->portid = portid;
	return entry->cookie;
}
