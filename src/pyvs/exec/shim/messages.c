/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a netlink datagram is about, and how one that is not for us reaches the kernel all the same. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "shim.h"

/* Whether a request to the family of families asks for ours. */
static bool asks_for_us(const unsigned char *attributes, size_t length)
{
	while (length >= NLA_HDRLEN) {
		struct nlattr head;
		size_t step;

		memcpy(&head, attributes, sizeof head);
		if (head.nla_len < NLA_HDRLEN || head.nla_len > length)
			return false;
		if ((head.nla_type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_NAME)
			return strnlen((const char *)attributes + NLA_HDRLEN, head.nla_len - NLA_HDRLEN) ==
				       strlen(FAMILY_NAME) &&
			       !memcmp(attributes + NLA_HDRLEN, FAMILY_NAME, strlen(FAMILY_NAME));
		if ((head.nla_type & NLA_TYPE_MASK) == CTRL_ATTR_FAMILY_ID && head.nla_len >= NLA_HDRLEN + 2) {
			uint16_t id;

			memcpy(&id, attributes + NLA_HDRLEN, sizeof id);
			if (id == FAMILY_ID)
				return true;
		}
		step = NLA_ALIGN(head.nla_len);
		if (step >= length)
			return false;
		attributes += step;
		length -= step;
	}
	return false;
}

/* Whether the first message of a datagram is for the family "IPVS", or asks for it. */
bool is_for_us(const void *data, size_t length)
{
	struct nlmsghdr head;
	struct genlmsghdr generic;
	const unsigned char *bytes = data;

	if (length < NLMSG_HDRLEN)
		return false;
	memcpy(&head, bytes, sizeof head);
	if (head.nlmsg_type == FAMILY_ID)
		return true;
	if (head.nlmsg_type != GENL_ID_CTRL || length < NLMSG_HDRLEN + GENL_HDRLEN)
		return false;
	if (head.nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN || head.nlmsg_len > length)
		return false;
	memcpy(&generic, bytes + NLMSG_HDRLEN, sizeof generic);
	return generic.cmd == CTRL_CMD_GETFAMILY && asks_for_us(bytes + NLMSG_HDRLEN + GENL_HDRLEN,
							       head.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
}

/* Whether the first message is for the family "IPVS" itself. */
bool is_for_family(const void *data, size_t length)
{
	struct nlmsghdr head;

	if (length < NLMSG_HDRLEN)
		return false;
	memcpy(&head, data, sizeof head);
	return head.nlmsg_type == FAMILY_ID;
}

/* Walk the messages of a datagram; counts those for which `counts` holds. */
static int count(const unsigned char *data, size_t length, bool (*counts)(const struct nlmsghdr *))
{
	int number = 0;

	while (length >= NLMSG_HDRLEN) {
		struct nlmsghdr head;
		size_t step;

		memcpy(&head, data, sizeof head);
		if (head.nlmsg_len < NLMSG_HDRLEN)
			break;
		number += counts(&head);
		step = NLMSG_ALIGN(head.nlmsg_len);
		if (step >= length)
			break;
		data += step;
		length -= step;
	}
	return number;
}

static bool asks_end(const struct nlmsghdr *head)
{
	return head->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP);
}

static bool is_end(const struct nlmsghdr *head)
{
	return head->nlmsg_type == NLMSG_ERROR || head->nlmsg_type == NLMSG_DONE;
}

/* How many messages of a request will be acknowledged, or answered up to an end. */
int ends_asked(const void *data, size_t length)
{
	return count(data, length, asks_end);
}

/* How many acknowledgements, refusals and ends an answer holds. */
int ends_read(const void *data, size_t length)
{
	return count(data, length, is_end);
}

static unsigned char family[2048]; /* the director's answer to GETFAMILY; it never changes */
static size_t family_length;

static bool learn_family(void)
{
	struct {
		struct nlmsghdr head;
		struct genlmsghdr generic;
		struct nlattr attribute;
		char name[8];
	} ask = {
		.head = {sizeof ask, GENL_ID_CTRL, NLM_F_REQUEST, 1, 0},
		.generic = {CTRL_CMD_GETFAMILY, 1, 0},
		.attribute = {NLA_HDRLEN + sizeof FAMILY_NAME, CTRL_ATTR_FAMILY_NAME},
		.name = FAMILY_NAME,
	};
	struct text answer;

	if (family_length)
		return true;
	if (director_ask(KIND_NETLINK, &ask, sizeof ask, NULL, 0, &answer))
		return false;
	if (answer.length >= NLMSG_HDRLEN && answer.length <= sizeof family) {
		memcpy(family, answer.bytes, answer.length);
		family_length = answer.length;
	}
	free(answer.bytes);
	return family_length;
}

/*
 * Answer a request for the family by a socket that leads to itself, as often as a program asks; the director is asked
 * once. 0, an errno, or NO_DIRECTOR.
 */
int answer_family(int fd, uint32_t portid, const void *data, size_t length)
{
	struct nlmsghdr head, request;
	unsigned char answer[sizeof family];
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
	} done = {0};

	if (!learn_family())
		return NO_DIRECTOR;
	if (length < sizeof request)
		return EINVAL;
	memcpy(&request, data, sizeof request);
	memcpy(answer, family, family_length);
	memcpy(&head, answer, sizeof head);
	head.nlmsg_seq = request.nlmsg_seq;
	head.nlmsg_pid = portid;
	memcpy(answer, &head, sizeof head);
	if (fd < 0)
		return 0;
	if (syscall(SYS_sendto, fd, answer, family_length, MSG_NOSIGNAL, NULL, 0) < 0)
		return errno;
	if (!(request.nlmsg_flags & NLM_F_ACK))
		return 0;
	done.head = (struct nlmsghdr){sizeof done, NLMSG_ERROR, NLM_F_CAPPED, request.nlmsg_seq, portid};
	done.error.msg = request;
	return syscall(SYS_sendto, fd, &done, sizeof done, MSG_NOSIGNAL, NULL, 0) < 0 ? errno : 0;
}

/* Write the requester's portid into the messages of an answer; true when this was the last one. */
static bool address_to(uint32_t portid, unsigned char *data, size_t length, bool acknowledged)
{
	bool last = false;

	while (length >= NLMSG_HDRLEN) {
		struct nlmsghdr head;
		size_t step;

		memcpy(&head, data, sizeof head);
		if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > length)
			break;
		head.nlmsg_pid = portid;
		memcpy(data, &head, sizeof head);
		if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE)
			last = true;
		else if (!acknowledged && !(head.nlmsg_flags & NLM_F_MULTI))
			last = true;
		step = NLMSG_ALIGN(head.nlmsg_len);
		if (step >= length)
			break;
		data += step;
		length -= step;
	}
	return last;
}

/*
 * Let the kernel answer a datagram of another family. A program reads the answers from the socket on which it asked; that
 * leads to itself, or to the director, who gives back what it is told to echo. 0, or an errno.
 */
int ask_kernel(int fd, bool echo, uint32_t portid, const void *data, size_t length)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval wait = {.tv_sec = 1};
	struct nlmsghdr head = {0};
	unsigned char *buffer;
	int door, result = 0;

	if (length >= sizeof head)
		memcpy(&head, data, sizeof head);
	door = syscall(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (door < 0)
		return errno;
	buffer = malloc(LONGEST);
	syscall(SYS_setsockopt, door, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (!buffer)
		result = ENOMEM;
	else if (syscall(SYS_sendto, door, data, length, 0, &kernel, sizeof kernel) < 0)
		result = errno;
	while (!result) {
		bool last;
		ssize_t got = syscall(SYS_recvfrom, door, buffer + 1, LONGEST - 1, 0, NULL, NULL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break; /* no answer: none was asked for */
		last = address_to(portid, buffer + 1, got, head.nlmsg_flags & NLM_F_ACK);
		buffer[0] = KIND_ECHO;
		if (syscall(SYS_sendto, fd, buffer + !echo, got + echo, MSG_NOSIGNAL, NULL, 0) < 0)
			result = errno;
		else if (last)
			break;
	}
	free(buffer);
	syscall(SYS_close, door);
	return result;
}
