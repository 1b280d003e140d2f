/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the supervisor need of each other. See docs/clients.md. */
#ifndef PYVS_SUPERVISE_H
#define PYVS_SUPERVISE_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "shim.h"

#define IP_VS_FIRST 1152
#define IP_VS_LAST (1152 + 63)
#define LATER 1 /* a call that cannot be answered yet */
#define NOT_OURS 2

/* filter.c */
int filter_install(void);

/* target.c: the process that has made a call */
struct target {
	pid_t thread;
	pid_t process;
	int pidfd;
};

int descriptor_up(int fd);
bool target_of(pid_t thread, struct target *target);
void target_done(struct target *target);
int target_descriptor(const struct target *target, int fd);
bool target_read(const struct target *target, uint64_t address, void *to, size_t length);
bool target_write(const struct target *target, uint64_t address, const void *from, size_t length);
bool target_path(const struct target *target, uint64_t address, char *path, size_t room);
bool target_closes_on_exec(const struct target *target, int fd);
void target_watches_move(const struct target *target, int fd, int new);

/* sockets that stand where a program's netlink socket was */
struct replaced {
	uint64_t cookie;
	uint32_t portid;
};

struct replaced *replaced_at(int local);
bool replaced_add(int local, uint32_t portid);

/* calls.c: an answer to a call */
struct answer {
	int64_t value; /* or minus an errno */
	int add;       /* a file to be put into the target as the result, or NO_DIRECTOR */
	int add_flags;
	int wait_for;    /* LATER: the socket that becomes readable */
	int64_t until_ms; /* LATER: when to give up, 0: never */
};

extern int listener;
int call_answer(const struct seccomp_notif *call, struct answer *answer);
int receive(const struct seccomp_notif *call, const struct target *target, int local, bool again,
	    struct answer *answer);
int send_message(const struct seccomp_notif *call, const struct target *target, int local, struct answer *answer);
bool file_answer(const struct seccomp_notif *call, const struct target *target, struct answer *answer, int *result);
bool file_elsewhere(const struct seccomp_notif *call);
bool still_there(const struct seccomp_notif *call);
int64_t now_ms(void);

#endif
