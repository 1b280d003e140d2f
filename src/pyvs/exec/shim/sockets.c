/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generic-netlink sockets that speak to the director. They are the kernel's until a program asks for the family "IPVS";
 * then a connection to the director takes their place under the same descriptor. It carries datagrams, so reading,
 * waiting, peeking and running full are the kernel's own; only addresses have to be made up.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#define HEAD 5 /* kind and portid before a datagram */

int socket(int domain, int type, int protocol)
{
	int fd = NEXT(socket)(domain, type, protocol);

	if (fd >= 0) {
		if (domain == AF_NETLINK && protocol == NETLINK_GENERIC)
			descriptor_is(fd, ROLE_GENERIC, 0, "");
		else
			descriptor_forget(fd);
	}
	return fd;
}

/* The entry of a socket that has been replaced by one of ours. */
static struct descriptor *ours_at(int fd)
{
	struct descriptor *known = descriptor_of(fd);

	return known && (known->role == ROLE_DIRECTOR || known->role == ROLE_FAMILY) ? known : NULL;
}

/* ---- sending ---- */

static ssize_t send_frame(int fd, uint32_t portid, const void *data, size_t length, int flags)
{
	unsigned char head[HEAD] = {KIND_DATAGRAM};
	struct iovec parts[2] = {{head, HEAD}, {(void *)data, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t sent;

	memcpy(head + 1, &portid, sizeof portid);
	sent = NEXT(sendmsg)(fd, &message, (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
	return sent < HEAD ? sent : sent - HEAD;
}

static bool is_lost(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ECONNREFUSED;
}

/* What the director need not be asked: 0, an errno, or NO_DIRECTOR when it has to be. */
static int answer_here(int fd, struct descriptor *known, const void *data, size_t length)
{
	if (!is_for_us(data, length))
		return ask_kernel(fd, known->role == ROLE_DIRECTOR, known->portid, data, length);
	if (known->role == ROLE_FAMILY && !is_for_family(data, length))
		return answer_family(fd, known->portid, data, length);
	return NO_DIRECTOR;
}

/* Send by the connection; if the director has hung up or was started anew, by a new one. */
static ssize_t send_to_director(int fd, struct descriptor *known, const void *data, size_t length, int flags)
{
	int result = answer_here(fd, known, data, length);
	ssize_t sent = -1;

	if (result != NO_DIRECTOR) {
		errno = result;
		return result ? -1 : (ssize_t)length;
	}
	if (length > LONGEST - HEAD) {
		errno = EMSGSIZE;
		return -1;
	}
	if (known->role == ROLE_DIRECTOR)
		sent = send_frame(fd, known->portid, data, length, flags);
	if (known->role != ROLE_DIRECTOR || (sent < 0 && is_lost(errno))) {
		if (!descriptor_to_director(fd)) {
			errno = ECONNREFUSED;
			return -1;
		}
		sent = send_frame(fd, known->portid, data, length, flags);
	}
	if (sent >= 0)
		known->unanswered += ends_asked(data, length);
	return sent;
}

static bool is_to_kernel(const void *name, socklen_t length)
{
	struct sockaddr_nl to;

	if (!name || length < sizeof to)
		return true;
	memcpy(&to, name, sizeof to);
	return to.nl_family == AF_NETLINK && !to.nl_pid && !to.nl_groups;
}

/* Whether the director gets this datagram; the socket is its connection then. */
static bool is_directors(int fd, const struct descriptor *known, const void *data, size_t length, const void *name,
			 socklen_t name_length)
{
	if (!known || known->role == ROLE_SYSCTL)
		return false;
	if (known->role != ROLE_GENERIC)
		return true;
	if (!is_to_kernel(name, name_length) || !is_for_us(data, length))
		return false;
	if (is_for_family(data, length))
		return descriptor_to_director(fd);
	return answer_family(-1, 0, data, length) != NO_DIRECTOR && descriptor_to_family(fd);
}

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *name, socklen_t name_length)
{
	struct descriptor *known = descriptor_of(fd);

	if (is_directors(fd, known, data, length, name, name_length))
		return send_to_director(fd, known, data, length, flags);
	return NEXT(sendto)(fd, data, length, flags, name, name_length);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
	struct descriptor *known = descriptor_of(fd);

	if (is_directors(fd, known, data, length, NULL, 0))
		return send_to_director(fd, known, data, length, flags);
	return NEXT(send)(fd, data, length, flags);
}

static size_t length_of(const struct iovec *parts, size_t number)
{
	size_t length = 0;

	for (size_t i = 0; i < number; i++)
		length += parts[i].iov_len;
	return length;
}

/* The parts in one piece: they themselves if it is one, else to be freed. NULL when there is no memory. */
static void *in_one_piece(const struct iovec *parts, size_t number, size_t length)
{
	char *whole, *at;

	if (number == 1)
		return parts[0].iov_base;
	whole = at = malloc(length + 1);
	for (size_t i = 0; whole && i < number; i++) {
		memcpy(at, parts[i].iov_base, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	return whole;
}

/* Send parts if they are the director's; false if they are not. */
static bool send_parts(int fd, const struct msghdr *message, int flags, ssize_t *sent)
{
	struct descriptor *known = descriptor_of(fd);
	size_t length;
	void *whole;
	bool ours;

	if (!known || known->role == ROLE_SYSCTL)
		return false;
	length = length_of(message->msg_iov, message->msg_iovlen);
	whole = in_one_piece(message->msg_iov, message->msg_iovlen, length);
	if (!whole)
		return false;
	ours = is_directors(fd, known, whole, length, message->msg_name, message->msg_namelen);
	if (ours)
		*sent = send_to_director(fd, known, whole, length, flags);
	if (message->msg_iovlen != 1) {
		int kept = errno;

		free(whole);
		errno = kept;
	}
	return ours;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t sent;

	if (send_parts(fd, message, flags, &sent))
		return sent;
	return NEXT(sendmsg)(fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int number, int flags)
{
	unsigned int done;

	if (!descriptor_of(fd))
		return NEXT(sendmmsg)(fd, messages, number, flags);
	for (done = 0; done < number; done++) {
		ssize_t sent = sendmsg(fd, &messages[done].msg_hdr, flags);

		if (sent < 0)
			return done ? (int)done : -1;
		messages[done].msg_len = sent;
	}
	return done;
}

ssize_t write(int fd, const void *data, size_t length)
{
	struct descriptor *known = descriptor_of(fd);

	if (known && known->role == ROLE_SYSCTL)
		return sysctl_write(known->name, data, length);
	if (known && is_directors(fd, known, data, length, NULL, 0))
		return send_to_director(fd, known, data, length, 0);
	return NEXT(write)(fd, data, length);
}

ssize_t writev(int fd, const struct iovec *parts, int number)
{
	struct descriptor *known = descriptor_of(fd);
	struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = number};
	ssize_t sent;

	if (known && known->role == ROLE_SYSCTL && number > 0) {
		size_t length = length_of(parts, number);
		char *whole = in_one_piece(parts, number, length);

		if (!whole) {
			errno = ENOMEM;
			return -1;
		}
		sent = sysctl_write(known->name, whole, length);
		if (number != 1)
			free(whole);
		return sent;
	}
	if (known && number > 0 && send_parts(fd, &message, 0, &sent))
		return sent;
	return NEXT(writev)(fd, parts, number);
}

/* ---- receiving ---- */

/* The kernel's address, cut to the room there is. */
static void say_kernel(void *name, socklen_t *length)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (!name || !length)
		return;
	memcpy(name, &kernel, *length < sizeof kernel ? *length : sizeof kernel);
	*length = sizeof kernel;
}

/* A netlink socket never ends; one whose director has gone must not look like an empty answer. */
static ssize_t not_the_end(ssize_t got, size_t room)
{
	if (got == 0 && room) {
		errno = ECONNREFUSED;
		return -1;
	}
	return got;
}

/* Count what is still to come. An end that is cut off is not counted, so the connection is not used again. */
static void note_answer(struct descriptor *known, const void *data, ssize_t got, size_t room, int flags)
{
	if (known->unanswered && !(flags & MSG_PEEK) && got > 0)
		known->unanswered -= ends_read(data, (size_t)got < room ? (size_t)got : room);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct descriptor *known = ours_at(fd);
	struct msghdr without;
	ssize_t got;

	if (!known)
		return NEXT(recvmsg)(fd, message, flags);
	without = *message;
	without.msg_name = NULL;
	without.msg_namelen = 0;
	got = not_the_end(NEXT(recvmsg)(fd, &without, flags), length_of(message->msg_iov, message->msg_iovlen));
	if (got < 0)
		return got;
	message->msg_flags = without.msg_flags & ~MSG_EOR;
	message->msg_controllen = without.msg_controllen;
	if (message->msg_iovlen)
		note_answer(known, message->msg_iov[0].iov_base, got, message->msg_iov[0].iov_len, flags);
	say_kernel(message->msg_name, &message->msg_namelen);
	return got;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int number, int flags, struct timespec *timeout)
{
	unsigned int done;

	if (!ours_at(fd))
		return NEXT(recvmmsg)(fd, messages, number, flags, timeout);
	for (done = 0; done < number; done++) {
		int wait = done || flags & MSG_DONTWAIT ? MSG_DONTWAIT : 0;
		ssize_t got = recvmsg(fd, &messages[done].msg_hdr, (flags & ~MSG_WAITFORONE) | wait);

		if (got < 0)
			return done ? (int)done : -1;
		messages[done].msg_len = got;
	}
	return done;
}

ssize_t recvfrom(int fd, void *data, size_t room, int flags, struct sockaddr *name, socklen_t *length)
{
	struct descriptor *known = ours_at(fd);
	ssize_t got;

	if (!known)
		return NEXT(recvfrom)(fd, data, room, flags, name, length);
	got = not_the_end(NEXT(recvfrom)(fd, data, room, flags, NULL, NULL), room);
	if (got >= 0) {
		note_answer(known, data, got, room, flags);
		say_kernel(name, length);
	}
	return got;
}

ssize_t recv(int fd, void *data, size_t room, int flags)
{
	if (!ours_at(fd))
		return NEXT(recv)(fd, data, room, flags);
	return recvfrom(fd, data, room, flags, NULL, NULL);
}

/* What programs call that were built with checks of their buffers. */

ssize_t __recvfrom_chk(int fd, void *data, size_t room, size_t size, int flags, struct sockaddr *name,
		       socklen_t *length)
{
	if (room > size)
		abort();
	return recvfrom(fd, data, room, flags, name, length);
}

ssize_t __recv_chk(int fd, void *data, size_t room, size_t size, int flags)
{
	if (room > size)
		abort();
	return recv(fd, data, room, flags);
}

/* ---- names and options ---- */

int bind(int fd, const struct sockaddr *name, socklen_t length)
{
	return ours_at(fd) ? 0 : NEXT(bind)(fd, name, length);
}

int connect(int fd, const struct sockaddr *name, socklen_t length)
{
	return ours_at(fd) ? 0 : NEXT(connect)(fd, name, length);
}

int getsockname(int fd, struct sockaddr *name, socklen_t *length)
{
	struct descriptor *known = ours_at(fd);
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};

	if (!known)
		return NEXT(getsockname)(fd, name, length);
	own.nl_pid = known->portid;
	memcpy(name, &own, *length < sizeof own ? *length : sizeof own);
	*length = sizeof own;
	return 0;
}

int getpeername(int fd, struct sockaddr *name, socklen_t *length)
{
	if (!ours_at(fd))
		return NEXT(getpeername)(fd, name, length);
	say_kernel(name, length);
	return 0;
}
