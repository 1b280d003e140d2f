/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reach the director of this network namespace, and ask it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

#define PATIENCE 30 /* seconds until a director that doesn't answer is given up */
#define NOBODY 65534

const char *director_namespace = "/proc/thread-self/ns/net";

/* The socket's address: PYVS_SOCKET, or the one named by the network namespace. */
static socklen_t address_of_director(struct sockaddr_un *address)
{
	const char *given = getenv("PYVS_SOCKET");
	struct stat status;

	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	if (given && *given) {
		size_t length = strlen(given);

		if (length >= sizeof address->sun_path)
			return 0;
		memcpy(address->sun_path, given, length);
		if (*given == '@') {
			address->sun_path[0] = 0;
			return offsetof(struct sockaddr_un, sun_path) + length;
		}
		return sizeof *address;
	}
	if (syscall(SYS_newfstatat, AT_FDCWD, director_namespace, &status, 0) < 0)
		return 0;
	snprintf(address->sun_path, sizeof address->sun_path, "/run/pyvs/%lu.sock", (unsigned long)status.st_ino);
	return sizeof *address;
}

/* An answer counts only if it comes from root or from this user, since anyone may take an abstract name. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof peer;

	if (syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid != NOBODY && (peer.uid == 0 || peer.uid == geteuid());
}

/* A connection to the director, closed on exec; NO_DIRECTOR when there is none, with errno. */
int director_connect(void)
{
	struct sockaddr_un address;
	struct timeval wait = {.tv_sec = PATIENCE};
	socklen_t length = address_of_director(&address);
	int fd, tries;

	if (!length) {
		errno = ENOENT;
		return NO_DIRECTOR;
	}
	fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NO_DIRECTOR;
	syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	for (tries = 0; tries < 100; tries++) {
		if (syscall(SYS_connect, fd, &address, length) == 0) {
			if (is_trusted(fd))
				return fd;
			errno = EPERM;
			break;
		}
		if (errno != EINTR)
			break;
	}
	tries = errno;
	syscall(SYS_close, fd);
	errno = tries;
	return NO_DIRECTOR;
}

static bool append(struct text *text, const char *bytes, size_t length)
{
	char *longer = realloc(text->bytes, text->length + length + 1);

	if (!longer)
		return false;
	memcpy(longer + text->length, bytes, length);
	text->bytes = longer;
	text->length += length;
	longer[text->length] = 0;
	return true;
}

/* Read frames up to the end; 0 or an errno. */
static int read_answer(int fd, char *buffer, struct text *answer)
{
	for (;;) {
		ssize_t got = syscall(SYS_recvfrom, fd, buffer, LONGEST, 0, NULL, NULL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0)
			return ECONNRESET;
		if (buffer[0] == KIND_END)
			return 0;
		if (buffer[0] == KIND_REFUSED) {
			const unsigned char *n = (unsigned char *)buffer + 1;

			return got < 5 ? EINVAL : n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3];
		}
		if ((buffer[0] == KIND_TEXT || buffer[0] == KIND_NETLINK) && answer && !append(answer, buffer + 1, got - 1))
			return ENOMEM;
	}
}

/*
 * Ask by one frame of two parts on a connection. 0 with the texts of the answer (to be freed), or the errno of its
 * refusal.
 */
int director_ask_at(int fd, enum kind kind, const void *head, size_t head_length, const void *body, size_t length,
		    struct text *answer)
{
	size_t total = 1 + head_length + length;
	char *buffer;
	int result;

	if (answer)
		*answer = (struct text){0};
	if (total > LONGEST)
		return EMSGSIZE;
	buffer = malloc(LONGEST);
	if (!buffer)
		return ENOMEM;
	buffer[0] = kind;
	if (head_length)
		memcpy(buffer + 1, head, head_length);
	if (length)
		memcpy(buffer + 1 + head_length, body, length);
	if (syscall(SYS_sendto, fd, buffer, total, MSG_NOSIGNAL, NULL, 0) < 0)
		result = errno;
	else
		result = read_answer(fd, buffer, answer);
	free(buffer);
	if (result && answer) {
		free(answer->bytes);
		*answer = (struct text){0};
	}
	return result;
}

/* The same on a connection of its own; NO_DIRECTOR when there is none. */
int director_ask(enum kind kind, const void *head, size_t head_length, const void *body, size_t length,
		 struct text *answer)
{
	int fd = director_connect(), result;

	if (answer)
		*answer = (struct text){0};
	if (fd < 0)
		return NO_DIRECTOR;
	result = director_ask_at(fd, kind, head, head_length, body, length, answer);
	syscall(SYS_close, fd);
	return result;
}
