/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a call: most go on as they are; those that mean IPVS are answered here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "supervise.h"

#define OPTION_MOST 65536

bool still_there(const struct seccomp_notif *call)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) == 0;
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static bool is_generic(int local)
{
	int domain = 0, protocol = 0;
	socklen_t length = sizeof domain;

	if (getsockopt(local, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_NETLINK)
		return false;
	length = sizeof protocol;
	return getsockopt(local, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 && protocol == NETLINK_GENERIC;
}

/* The socket's portid; it is bound if it wasn't. */
static uint32_t portid_of(int local)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t length = sizeof name;

	getsockname(local, (struct sockaddr *)&name, &length);
	if (!name.nl_pid) {
		struct sockaddr_nl any = {.nl_family = AF_NETLINK};

		bind(local, (struct sockaddr *)&any, sizeof any);
		length = sizeof name;
		getsockname(local, (struct sockaddr *)&name, &length);
	}
	return name.nl_pid;
}

/* Put a connection to the director where a netlink socket is: ours for it, or -1 when there is no director. */
static int replace(const struct seccomp_notif *call, const struct target *target, int local)
{
	struct seccomp_notif_addfd add = {.id = call->id, .flags = SECCOMP_ADDFD_FLAG_SETFD, .newfd = call->data.args[0]};
	struct timeval wait = {0};
	socklen_t length = sizeof wait;
	uint32_t portid = portid_of(local);
	int new = descriptor_up(director_connect()), flags = fcntl(local, F_GETFL);

	if (new < 0)
		return -1;
	getsockopt(local, SOL_SOCKET, SO_RCVTIMEO, &wait, &length);
	setsockopt(new, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (flags >= 0 && flags & O_NONBLOCK)
		fcntl(new, F_SETFL, O_NONBLOCK);
	if (target_closes_on_exec(target, add.newfd))
		add.newfd_flags = O_CLOEXEC;
	add.srcfd = new;
	target_watches_move(target, add.newfd, new);
	if (!replaced_add(new, portid) || ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0) {
		close(new);
		return -1;
	}
	return new;
}

/* ---- sending ---- */

/* The datagram of sendto or sendmsg in one piece, to be freed; NULL when it can't be read or is too long. */
static unsigned char *outgoing(const struct seccomp_notif *call, const struct target *target, size_t *length)
{
	const uint64_t *arguments = (const uint64_t *)call->data.args;
	struct msghdr message;
	struct iovec parts[64];
	unsigned char *data;
	size_t done = 0;

	*length = 0;
	if (call->data.nr == __NR_sendto) {
		parts[0].iov_base = (void *)(uintptr_t)arguments[1];
		parts[0].iov_len = arguments[2];
		message.msg_iovlen = 1;
	} else if (!target_read(target, arguments[1], &message, sizeof message) || message.msg_iovlen > 64 ||
		   !target_read(target, (uintptr_t)message.msg_iov, parts, message.msg_iovlen * sizeof *parts)) {
		return NULL;
	}
	for (size_t i = 0; i < message.msg_iovlen; i++) {
		if (parts[i].iov_len > LONGEST - *length)
			return NULL;
		*length += parts[i].iov_len;
	}
	data = malloc(*length + 1);
	for (size_t i = 0; data && i < message.msg_iovlen; i++) {
		if (!target_read(target, (uintptr_t)parts[i].iov_base, data + done, parts[i].iov_len)) {
			free(data);
			return NULL;
		}
		done += parts[i].iov_len;
	}
	return data;
}

static ssize_t send_frame(int to, uint32_t portid, const void *data, size_t length)
{
	unsigned char head[5] = {KIND_DATAGRAM};
	struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	memcpy(head + 1, &portid, sizeof portid);
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* sendto and sendmsg on a socket of netlink, or on what stands in its place. */
int send_message(const struct seccomp_notif *call, const struct target *target, int local, struct answer *answer)
{
	struct replaced *entry = replaced_at(local);
	unsigned char *data;
	size_t length;
	int to = local, result = 0;

	if (!entry && !is_generic(local))
		return NOT_OURS;
	data = outgoing(call, target, &length);
	if (!data || (!entry && !is_for_us(data, length)) || !still_there(call)) {
		free(data);
		return NOT_OURS;
	}
	if (!entry) {
		to = replace(call, target, local);
		if (to < 0) {
			free(data);
			return NOT_OURS; /* the kernel says that it has no such family */
		}
		entry = replaced_at(to);
	}
	if (!is_for_us(data, length))
		result = ask_kernel(to, true, entry->portid, data, length);
	else if (send_frame(to, entry->portid, data, length) < 0)
		result = errno == EPIPE ? ECONNREFUSED : errno;
	answer->value = result ? -result : (int64_t)length;
	if (to != local)
		close(to);
	free(data);
	return 0;
}

/* ---- names, options ---- */

static int socket_name(const struct seccomp_notif *call, const struct target *target, int local,
		       struct answer *answer)
{
	struct replaced *entry = replaced_at(local);
	struct sockaddr_nl name = {.nl_family = AF_NETLINK};
	socklen_t room, length = sizeof name;

	if (!entry)
		return NOT_OURS;
	name.nl_pid = entry->portid;
	if (!target_read(target, call->data.args[2], &room, sizeof room) ||
	    !target_write(target, call->data.args[1], &name, room < length ? room : length) ||
	    !target_write(target, call->data.args[2], &length, sizeof length))
		answer->value = -EFAULT;
	return 0;
}

static int set_option(const struct seccomp_notif *call, const struct target *target, struct answer *answer)
{
	uint32_t option = call->data.args[2], length = call->data.args[4];
	char value[512];
	int error;

	if (length > sizeof value)
		error = EINVAL;
	else if (!target_read(target, call->data.args[3], value, length))
		error = EFAULT;
	else
		error = director_ask(KIND_SOCKOPT_SET, &option, sizeof option, value, length, NULL);
	if (error == NO_DIRECTOR)
		return NOT_OURS;
	answer->value = -error;
	return 0;
}

static int get_option(const struct seccomp_notif *call, const struct target *target, struct answer *answer)
{
	uint32_t head[2] = {call->data.args[2], 0};
	struct text text;
	char value[128];
	size_t some;
	int error;

	if (!target_read(target, call->data.args[4], &head[1], sizeof head[1])) {
		answer->value = -EFAULT;
		return 0;
	}
	some = head[1] < sizeof value ? head[1] : sizeof value;
	if (!target_read(target, call->data.args[3], value, some)) {
		answer->value = -EFAULT;
		return 0;
	}
	error = director_ask(KIND_SOCKOPT_GET, head, sizeof head, value, some, &text);
	if (error == NO_DIRECTOR)
		return NOT_OURS;
	if (!error) {
		uint32_t length = text.length < head[1] ? text.length : head[1];

		if (!target_write(target, call->data.args[3], text.bytes, length) ||
		    (head[0] == IP_VS_FIRST && !target_write(target, call->data.args[4], &length, sizeof length)))
			error = EFAULT;
	}
	free(text.bytes);
	answer->value = -error;
	return 0;
}

/* Answer a call: 0, LATER when there is nothing to answer yet, or NOT_OURS when it shall go on as it is. */
int call_answer(const struct seccomp_notif *call, struct answer *answer)
{
	static char namespace[64];
	struct target target;
	int local = -1, result = NOT_OURS;
	int number = call->data.nr;

	*answer = (struct answer){.add = NO_DIRECTOR, .wait_for = -1};
	if (file_elsewhere(call) || !target_of(call->pid, &target))
		return NOT_OURS;
	snprintf(namespace, sizeof namespace, "/proc/%d/ns/net", target.thread);
	director_namespace = namespace;
	if (number == __NR_setsockopt)
		result = set_option(call, &target, answer);
	else if (number == __NR_getsockopt)
		result = get_option(call, &target, answer);
	else if (!file_answer(call, &target, answer, &result))
		local = target_descriptor(&target, call->data.args[0]);
	if (local >= 0) {
		if (number == __NR_sendto || number == __NR_sendmsg)
			result = send_message(call, &target, local, answer);
		else if (number == __NR_recvfrom || number == __NR_recvmsg)
			result = receive(call, &target, local, false, answer);
		else if (number == __NR_getsockname)
			result = socket_name(call, &target, local, answer);
		if (result == LATER)
			answer->wait_for = local;
		else
			close(local);
	}
	target_done(&target);
	return result;
}
