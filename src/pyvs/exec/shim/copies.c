/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fcntl is declared with dots, which a hook cannot pass on as they came: its one argument is as wide as a pointer. */
#include <stdarg.h>

#include "shim.h"

#define F_DUPFD_ 0
#define F_DUPFD_CLOEXEC_ 1030

int fcntl(int fd, int command, ...);
int fcntl64(int fd, int command, ...);

static int copied(int fd, int command, int result)
{
	if (result >= 0 && (command == F_DUPFD_ || command == F_DUPFD_CLOEXEC_))
		descriptor_copy(fd, result);
	return result;
}

int fcntl(int fd, int command, ...)
{
	va_list rest;
	void *argument;

	va_start(rest, command);
	argument = va_arg(rest, void *);
	va_end(rest);
	return copied(fd, command, NEXT(fcntl)(fd, command, argument));
}

int fcntl64(int fd, int command, ...)
{
	va_list rest;
	void *argument;

	va_start(rest, command);
	argument = va_arg(rest, void *);
	va_end(rest);
	return copied(fd, command, NEXT(fcntl64)(fd, command, argument));
}
