/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which descriptors are not what their program believes; and how a netlink socket becomes a connection. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

#define MOST 65536 /* descriptors from here on are left alone */
#define WATCHES 256

static struct descriptor table[MOST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Who waits for our sockets by epoll: it must go on waiting when another file comes in their place. */
static struct watch {
	int epoll;
	int fd;
	struct epoll_event event;
} watches[WATCHES];

static void hold(void)
{
	pthread_mutex_lock(&lock);
}

static void release(void)
{
	pthread_mutex_unlock(&lock);
}

static int forks = 1;

static void forked(void)
{
	forks++;
	release();
}

__attribute__((constructor)) static void survive_fork(void)
{
	pthread_atfork(hold, forked, forked);
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	return syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH) < 0 ? 0 : status.st_ino;
}

/* The entry of a descriptor that is known, NULL for all others. */
struct descriptor *descriptor_of(int fd)
{
	if (fd < 0 || fd >= MOST || table[fd].role == ROLE_NONE)
		return NULL;
	if (table[fd].inode != inode_of(fd)) {
		table[fd].role = ROLE_NONE;
		return NULL;
	}
	return &table[fd];
}

static void note(int fd, enum role role, uint32_t portid, const char *name, uint64_t inode)
{
	table[fd].inode = inode;
	table[fd].portid = portid;
	table[fd].unanswered = 0;
	table[fd].alone = forks;
	snprintf(table[fd].name, sizeof table[fd].name, "%s", name);
	table[fd].role = role;
}

void descriptor_is(int fd, enum role role, uint32_t portid, const char *name)
{
	if (fd >= 0 && fd < MOST)
		note(fd, role, portid, name, inode_of(fd));
}

void descriptor_copy(int from, int to)
{
	struct descriptor *known = descriptor_of(from);

	if (to < 0 || to >= MOST || from == to)
		return;
	if (known) {
		known->alone = 0;
		table[to] = *known;
	} else {
		table[to].role = ROLE_NONE;
	}
}

void descriptor_forget(int fd)
{
	if (fd >= 0 && fd < MOST)
		table[fd].role = ROLE_NONE;
}

/* The portid that the kernel gave the socket; it is bound if it wasn't. */
static uint32_t portid_of(int fd)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t length = sizeof name;

	syscall(SYS_getsockname, fd, &name, &length);
	if (!name.nl_pid) {
		struct sockaddr_nl any = {.nl_family = AF_NETLINK};

		syscall(SYS_bind, fd, &any, sizeof any);
		length = sizeof name;
		syscall(SYS_getsockname, fd, &name, &length);
	}
	return name.nl_pid;
}

static void watch_again(int fd)
{
	for (int i = 0; i < WATCHES; i++)
		if (watches[i].event.events && watches[i].fd == fd)
			syscall(SYS_epoll_ctl, watches[i].epoll, EPOLL_CTL_ADD, fd, &watches[i].event);
}

/*
 * What a program has closed, with nothing left to read on it, is kept for its next socket: a program such as ipvsadm
 * opens one for every command.
 */
#define KEPT 4

static struct kept {
	int fd;
	pid_t owner; /* a child must not speak on its parent's */
	uint64_t inode;
	enum role role;
} kept[KEPT];

/* Nothing to read, and the other end is still there. */
static bool is_quiet(int fd)
{
	char one;

	return syscall(SYS_recvfrom, fd, &one, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) < 0 && errno == EAGAIN;
}

static int take_kept(enum role role, uint64_t *inode)
{
	pid_t self = getpid();

	for (int i = 0; i < KEPT; i++) {
		int fd = kept[i].fd;

		if (kept[i].owner != self || kept[i].role != role)
			continue;
		kept[i].owner = 0;
		*inode = inode_of(fd);
		if (*inode != kept[i].inode)
			continue; /* the program has closed what it did not open */
		if (is_quiet(fd))
			return fd;
		syscall(SYS_close, fd);
	}
	return -1;
}

static void keep(int fd, const struct descriptor *known)
{
	pid_t self = getpid();

	if (known->role != ROLE_DIRECTOR && known->role != ROLE_FAMILY)
		return;
	if (known->unanswered || known->alone != forks || !is_quiet(fd))
		return;
	for (int i = 0; i < KEPT; i++) {
		if (kept[i].owner == self)
			continue;
		kept[i].fd = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 100);
		if (kept[i].fd < 0)
			return;
		syscall(SYS_fcntl, kept[i].fd, F_SETFL, 0);
		kept[i].inode = known->inode;
		kept[i].role = known->role;
		kept[i].owner = self;
		return;
	}
}

/* Put another file in the place of a socket, with the settings that its program gave it. */
static void replace(int fd, int new, enum role role, uint64_t inode)
{
	struct descriptor *known = &table[fd];
	struct timeval wait = {0};
	socklen_t length = sizeof wait;
	uint32_t portid = known->role == ROLE_GENERIC ? portid_of(fd) : known->portid;
	int flags = syscall(SYS_fcntl, fd, F_GETFL, 0);
	char answer[4096];

	syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &wait, &length);
	syscall(SYS_setsockopt, new, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (flags >= 0 && flags & O_NONBLOCK)
		syscall(SYS_fcntl, new, F_SETFL, flags & O_NONBLOCK);
	while (known->role == ROLE_FAMILY) { /* answers that have not been read yet go with it */
		ssize_t got = syscall(SYS_recvfrom, fd, answer + 1, sizeof answer - 1, MSG_DONTWAIT, NULL, NULL);

		if (got <= 0)
			break;
		answer[0] = KIND_ECHO;
		syscall(SYS_sendto, new, answer, got + 1, MSG_NOSIGNAL, NULL, 0);
	}
	keep(fd, known);
	flags = syscall(SYS_fcntl, fd, F_GETFD, 0);
	syscall(SYS_dup3, new, fd, flags > 0 && flags & FD_CLOEXEC ? O_CLOEXEC : 0);
	syscall(SYS_close, new);
	note(fd, role, portid, "", inode);
	watch_again(fd);
}

/* The same by one that was kept, or by a new one, if the descriptor still is what it was. */
static bool replace_known(int fd, enum role role, int (*make)(void))
{
	uint64_t inode = 0;
	bool there;
	int new;

	hold();
	new = take_kept(role, &inode);
	release();
	if (new < 0) {
		new = make();
		if (new < 0)
			return false;
		inode = inode_of(new);
	}
	hold();
	there = descriptor_of(fd);
	if (there)
		replace(fd, new, role, inode);
	release();
	if (!there)
		syscall(SYS_close, new);
	return there;
}

/*
 * Put a connection to the director where a netlink socket, or a connection that was lost, is. False when there is no
 * director; then nothing has changed.
 */
bool descriptor_to_director(int fd)
{
	return replace_known(fd, ROLE_DIRECTOR, director_connect);
}

static int socket_to_itself(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t length = sizeof name;
	int new = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (new < 0)
		return -1;
	if (syscall(SYS_bind, new, &name, sizeof name.sun_family) < 0 ||
	    syscall(SYS_getsockname, new, &name, &length) < 0 || syscall(SYS_connect, new, &name, length) < 0) {
		syscall(SYS_close, new);
		return -1;
	}
	return new;
}

/* Put a socket that leads to itself where a netlink socket is. */
bool descriptor_to_family(int fd)
{
	return replace_known(fd, ROLE_FAMILY, socket_to_itself);
}

static void note_watch(int epoll, int operation, int fd, const struct epoll_event *event)
{
	struct watch *free_one = NULL;

	for (int i = 0; i < WATCHES; i++) {
		struct watch *watch = &watches[i];

		if (watch->event.events && watch->epoll == epoll && watch->fd == fd) {
			free_one = watch;
			break;
		}
		if (!watch->event.events && !free_one)
			free_one = watch;
	}
	if (!free_one)
		return;
	free_one->epoll = epoll;
	free_one->fd = fd;
	if (operation == EPOLL_CTL_DEL)
		free_one->event.events = 0;
	else
		free_one->event = *event;
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	int result = NEXT(epoll_ctl)(epoll, operation, fd, event);

	if (result == 0 && descriptor_of(fd)) {
		hold();
		note_watch(epoll, operation, fd, event);
		release();
	}
	return result;
}

static void forget_watches(int fd)
{
	for (int i = 0; i < WATCHES; i++)
		if (watches[i].fd == fd || watches[i].epoll == fd)
			watches[i].event.events = 0;
}

/* ---- a descriptor's life ---- */

int close(int fd)
{
	if (fd >= 0 && fd < MOST && table[fd].role != ROLE_NONE) {
		struct descriptor *known;

		hold();
		known = descriptor_of(fd);
		if (known)
			keep(fd, known);
		forget_watches(fd);
		descriptor_forget(fd);
		release();
	}
	return NEXT(close)(fd);
}

int dup(int fd)
{
	int new = NEXT(dup)(fd);

	if (new >= 0)
		descriptor_copy(fd, new);
	return new;
}

int dup2(int fd, int to)
{
	int new = NEXT(dup2)(fd, to);

	if (new >= 0)
		descriptor_copy(fd, new);
	return new;
}

int dup3(int fd, int to, int flags)
{
	int new = NEXT(dup3)(fd, to, flags);

	if (new >= 0)
		descriptor_copy(fd, new);
	return new;
}
