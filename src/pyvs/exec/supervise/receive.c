/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recvfrom and recvmsg on a connection that stands where a netlink socket was. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "supervise.h"

#define PARTS_MOST 64

/* Where a call wants its answer. */
struct room {
	struct iovec parts[PARTS_MOST];
	size_t number;
	uint64_t name;
	uint32_t name_room;
	int flags;
	struct msghdr message; /* of recvmsg */
};

static bool room_of(const struct seccomp_notif *call, const struct target *target, struct room *room)
{
	const uint64_t *arguments = (const uint64_t *)call->data.args;

	*room = (struct room){0};
	if (call->data.nr == __NR_recvfrom) {
		room->parts[0].iov_base = (void *)(uintptr_t)arguments[1];
		room->parts[0].iov_len = arguments[2];
		room->number = 1;
		room->flags = arguments[3];
		room->name = arguments[4];
		return !room->name || target_read(target, arguments[5], &room->name_room, sizeof room->name_room);
	}
	if (!target_read(target, arguments[1], &room->message, sizeof room->message))
		return false;
	room->number = room->message.msg_iovlen;
	room->name = (uintptr_t)room->message.msg_name;
	room->name_room = room->message.msg_namelen;
	room->flags = arguments[2];
	return room->number <= PARTS_MOST &&
	       target_read(target, (uintptr_t)room->message.msg_iov, room->parts, room->number * sizeof *room->parts);
}

/* Write an answer into its parts: how much found room, or -1. */
static ssize_t scatter(const struct target *target, const struct room *room, const char *data, size_t length)
{
	size_t done = 0;

	for (size_t i = 0; i < room->number && done < length; i++) {
		size_t part = room->parts[i].iov_len < length - done ? room->parts[i].iov_len : length - done;

		if (!target_write(target, (uintptr_t)room->parts[i].iov_base, data + done, part))
			return -1;
		done += part;
	}
	return done;
}

/* Say that the kernel has sent it, and in a message how much there was. */
static bool finish(const struct seccomp_notif *call, const struct target *target, struct room *room, bool cut)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	uint32_t length = sizeof kernel;

	if (room->name &&
	    !target_write(target, room->name, &kernel, room->name_room < length ? room->name_room : length))
		return false;
	if (call->data.nr == __NR_recvfrom)
		return !room->name || target_write(target, call->data.args[5], &length, sizeof length);
	room->message.msg_namelen = room->name ? length : 0;
	room->message.msg_controllen = 0;
	room->message.msg_flags = cut ? MSG_TRUNC : 0;
	return target_write(target, call->data.args[1], &room->message, sizeof room->message);
}

/* When a call that waits is to be given up. */
static int64_t deadline(int local)
{
	struct timeval wait = {0};
	socklen_t length = sizeof wait;

	getsockopt(local, SOL_SOCKET, SO_RCVTIMEO, &wait, &length);
	return wait.tv_sec || wait.tv_usec ? now_ms() + wait.tv_sec * 1000LL + wait.tv_usec / 1000 + 1 : 0;
}

/* `again`: the call has waited already. */
int receive(const struct seccomp_notif *call, const struct target *target, int local, bool again,
	    struct answer *answer)
{
	static char data[LONGEST];
	struct room room;
	ssize_t got, done;

	if (!replaced_at(local))
		return NOT_OURS;
	if (!room_of(call, target, &room)) {
		answer->value = -EFAULT;
		return 0;
	}
	if (!still_there(call))
		return NOT_OURS;
	got = recv(local, data, sizeof data, MSG_DONTWAIT | MSG_TRUNC | (room.flags & MSG_PEEK));
	if (got < 0 && errno == EAGAIN) {
		if (room.flags & MSG_DONTWAIT || fcntl(local, F_GETFL) & O_NONBLOCK) {
			answer->value = -EAGAIN;
			return 0;
		}
		if (!again)
			answer->until_ms = deadline(local);
		return LATER;
	}
	if (got <= 0) { /* a netlink socket never ends */
		answer->value = got < 0 && errno != ECONNRESET ? -errno : -ECONNREFUSED;
		return 0;
	}
	done = scatter(target, &room, data, got);
	if (done < 0 || !finish(call, target, &room, done < got))
		answer->value = -EFAULT;
	else
		answer->value = room.flags & MSG_TRUNC ? got : done;
	return 0;
}
