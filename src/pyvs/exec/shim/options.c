/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket options: the older door to IPVS, and those of netlink that a connection to the director lacks. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#define IP_VS_FIRST 1152
#define IP_VS_LAST (1152 + 63)
#define IP_VS_GET_VERSION 1152
#define READ_MOST 128 /* so much of its caller's buffer the kernel reads at most */

static bool is_ipvs(int level, int option)
{
	return level == IPPROTO_IP && option >= IP_VS_FIRST && option <= IP_VS_LAST;
}

static bool is_replaced(int fd)
{
	struct descriptor *known = descriptor_of(fd);

	return known && (known->role == ROLE_DIRECTOR || known->role == ROLE_FAMILY);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	uint32_t number = option;
	int error;

	if (is_ipvs(level, option)) {
		error = director_ask(KIND_SOCKOPT_SET, &number, sizeof number, value, length, NULL);
		if (error != NO_DIRECTOR) {
			errno = error;
			return error ? -1 : 0;
		}
	} else if (level == SOL_NETLINK && is_replaced(fd)) {
		return 0;
	}
	return NEXT(setsockopt)(fd, level, option, value, length);
}

static int get_ipvs(int option, void *value, socklen_t *length)
{
	uint32_t head[2] = {option, *length};
	struct text answer;
	int error = director_ask(KIND_SOCKOPT_GET, head, sizeof head, value, *length < READ_MOST ? *length : READ_MOST,
				 &answer);

	if (error)
		return error;
	if (answer.length)
		memcpy(value, answer.bytes, answer.length < *length ? answer.length : *length);
	if (option == IP_VS_GET_VERSION)
		*length = answer.length;
	free(answer.bytes);
	return 0;
}

/* What a netlink socket says of itself; false for an option that the connection may answer. */
static bool get_netlink(int level, int option, void *value, socklen_t *length)
{
	int number = 0;

	if (level == SOL_SOCKET && (option == SO_DOMAIN || option == SO_PROTOCOL))
		number = 16; /* AF_NETLINK, and NETLINK_GENERIC */
	else if (level == SOL_SOCKET && option == SO_TYPE)
		number = SOCK_RAW;
	else if (level != SOL_NETLINK)
		return false;
	if (*length > sizeof number)
		*length = sizeof number;
	memcpy(value, &number, *length);
	return true;
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
	if (is_ipvs(level, option)) {
		int error = get_ipvs(option, value, length);

		if (error != NO_DIRECTOR) {
			errno = error;
			return error ? -1 : 0;
		}
	} else if (is_replaced(fd) && get_netlink(level, option, value, length)) {
		return 0;
	}
	return NEXT(getsockopt)(fd, level, option, value, length);
}
