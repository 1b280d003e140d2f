/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the shim need of each other. See docs/clients.md. */
#ifndef PYVS_SHIM_H
#define PYVS_SHIM_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Frames of the control socket; pyvs/netlink/frames.py has the same numbers. */
enum kind {
	KIND_NETLINK = 1,
	KIND_PROC = 2,
	KIND_SYSCTL_NAMES = 3,
	KIND_SYSCTL_READ = 4,
	KIND_SYSCTL_WRITE = 5,
	KIND_TEXT = 6,
	KIND_END = 7,
	KIND_REFUSED = 8,
	KIND_DATAGRAM = 10,
	KIND_ECHO = 11,
	KIND_SOCKOPT_SET = 12,
	KIND_SOCKOPT_GET = 13,
	KIND_SYSCTL_OPEN = 14,
};

#define LONGEST 65536     /* bytes of a frame */
#define FAMILY_ID 0x4956  /* of the family "IPVS"; pyvs/netlink/server.py */
#define FAMILY_NAME "IPVS"
#define NO_DIRECTOR (-1)

/* The next definition of a function, which is libc's: what a hook calls for everybody else. */
#define NEXT(function)                                                       \
	({                                                                   \
		static void *found;                                          \
		if (!found)                                                  \
			found = dlsym(RTLD_NEXT, #function);                 \
		(__typeof__(&function))found;                                \
	})

struct text {
	char *bytes;
	size_t length;
};

/* Only hooks are for everybody to see. */
#pragma GCC visibility push(hidden)

/* director.c */
extern const char *director_namespace; /* whose director: a file of a network namespace */
int director_connect(void);
int director_ask_at(int fd, enum kind kind, const void *head, size_t head_length, const void *body, size_t length,
		    struct text *answer);
int director_ask(enum kind kind, const void *head, size_t head_length, const void *body, size_t length,
		 struct text *answer);

/* descriptors.c: which descriptors are not what their program believes */
enum role {
	ROLE_NONE,
	ROLE_GENERIC,  /* a generic-netlink socket of the kernel, so far */
	ROLE_FAMILY,   /* a socket that leads to itself, where such a socket was: on it lie answers made here */
	ROLE_DIRECTOR, /* a connection to the director where such a socket was */
	ROLE_SYSCTL,   /* a sysctl opened for writing: a connection, too */
};

struct descriptor {
	enum role role;
	uint32_t portid;
	int unanswered; /* requests whose acknowledgement or end has not been read */
	int alone;      /* how many times this process had forked when the socket was made; 0: there are copies */
	uint64_t inode; /* the file's, so that a descriptor that is used again is not mistaken */
	char name[48];  /* the sysctl's */
};

struct descriptor *descriptor_of(int fd);
void descriptor_is(int fd, enum role role, uint32_t portid, const char *name);
void descriptor_copy(int from, int to);
void descriptor_forget(int fd);
bool descriptor_to_director(int fd);
bool descriptor_to_family(int fd);

/* messages.c: what a netlink datagram is about */
bool is_for_us(const void *data, size_t length);
bool is_for_family(const void *data, size_t length);
int ask_kernel(int fd, bool echo, uint32_t portid, const void *data, size_t length);
int answer_family(int fd, uint32_t portid, const void *data, size_t length);
int ends_asked(const void *data, size_t length);
int ends_read(const void *data, size_t length);

/* places.c */
enum place {
	ELSEWHERE,
	PROC_NET,      /* a file of ours in /proc/net */
	SYSCTL,        /* one in /proc/sys/net/ipv4/vs */
	SYSCTLS,       /* that folder */
	ABOVE_SYSCTLS, /* the folder in which it is */
	ABOVE_NET,     /* /proc/net itself */
};

#define FOLDER_MODEL "/proc/sys/net/ipv4/conf"

enum place place_named(const char *where, const char *path, char *room, const char **name);
int place_text(enum place place, const char *name, struct text *text);
int place_file(const struct text *text, const char *name, int flags);
int place_writable(const char *name, int flags);
const char *place_model(enum place place, const char *name);
int folder_open(int flags);
const char *folder_path(int fd);
int folder_names(enum place place, struct text *names);

/* files.c */
enum place place_of(int directory, const char *path, const char **name);
ssize_t sysctl_write(const char *name, const void *text, size_t length);

#pragma GCC visibility pop

#endif
