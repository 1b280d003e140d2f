/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which system calls of the program are asked about: those of sockets, and on files by name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the supervisor knows x86-64 and arm64 only"
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define NUMBER offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
/* The lower half of an argument; both architectures have it first. */
#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define IF_AT_LEAST(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

/* Ask about a call. */
#define ASK(name) IF_EQUAL(__NR_##name, 0, 1), RETURN(SECCOMP_RET_USER_NOTIF)
/* The same unless a bit of an argument is set. */
#define ASK_UNLESS(name, n, bit)                                             \
	IF_EQUAL(__NR_##name, 0, 4), LOAD(ARGUMENT(n)), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bit, 0, 1), \
		RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_USER_NOTIF)

/* Take the filter for this process and all that it starts: the descriptor by which its calls are asked about, or -1. */
int filter_install(void)
{
	struct sock_filter code[] = {
		LOAD(ARCH),
		IF_EQUAL(ARCHITECTURE, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(NUMBER),
		ASK(sendto),
		ASK(sendmsg),
		ASK(recvfrom),
		ASK(recvmsg),
		ASK(getsockname),
		ASK(openat),
		ASK(getdents64),
		ASK(faccessat),
		ASK(faccessat2),
		ASK(readlinkat),
		ASK(getxattr),
		ASK(lgetxattr),
		ASK(listxattr),
		ASK(llistxattr),
#ifdef __NR_open
		ASK(open),
		ASK(stat),
		ASK(lstat),
		ASK(access),
		ASK(readlink),
#endif
		/* looking at a file: not at a descriptor itself */
		ASK_UNLESS(newfstatat, 3, AT_EMPTY_PATH),
		ASK_UNLESS(statx, 2, AT_EMPTY_PATH),
		/* get and setsockopt: only the options of IPVS */
		IF_EQUAL(__NR_getsockopt, 2, 0),
		IF_EQUAL(__NR_setsockopt, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(ARGUMENT(1)),
		IF_EQUAL(0, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(ARGUMENT(2)),
		IF_AT_LEAST(IP_VS_LAST + 1, 1, 0),
		IF_AT_LEAST(IP_VS_FIRST, 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		RETURN(SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	/* Without it a signal, of which Go sends many, makes a call begin anew while its answer is on the way. */
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	return fd;
}
