/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pyvs-supervise FILE NAME [ARGUMENT ...]: run a program so that the IPVS it finds is the director's, whatever language it
 * is written in. Its calls are asked about by seccomp; no privilege is needed. Ends with the program's exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise.h"

#define WAITING_MOST 256

int listener = -1;
static pid_t program;

/* Calls that wait for an answer of the director. */
static struct waiting {
	struct seccomp_notif call;
	int local;
	int64_t until_ms;
} waiting[WAITING_MOST];
static int waiting_number;

static void respond(const struct seccomp_notif *call, int result, struct answer *answer)
{
	struct seccomp_notif_resp response = {.id = call->id};

	if (result == NOT_OURS) {
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else if (answer->add >= 0) {
		struct seccomp_notif_addfd add = {
			.id = call->id,
			.flags = SECCOMP_ADDFD_FLAG_SEND,
			.srcfd = answer->add,
			.newfd_flags = answer->add_flags,
		};
		int done = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

		response.error = -errno;
		close(answer->add);
		if (done >= 0)
			return;
	} else if (answer->value < 0) {
		response.error = answer->value;
	} else {
		response.val = answer->value;
	}
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response); /* whoever was killed meanwhile needs no answer */
}

static void serve_call(struct seccomp_notif *call, size_t size)
{
	struct answer answer;
	int result;

	memset(call, 0, size);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, call) < 0)
		return;
	result = call_answer(call, &answer);
	if (result == LATER && waiting_number < WAITING_MOST) {
		waiting[waiting_number++] = (struct waiting){*call, answer.wait_for, answer.until_ms};
		return;
	}
	if (result == LATER) {
		close(answer.wait_for);
		answer.value = -ENOBUFS;
		result = 0;
	}
	respond(call, result, &answer);
}

/* Try a call again that has waited; true when it is done. */
static bool retry(struct waiting *one, bool ready)
{
	struct answer answer = {.add = NO_DIRECTOR, .wait_for = -1};
	struct target target;
	int result;

	if (!still_there(&one->call))
		return true;
	if (!ready) {
		if (!one->until_ms || now_ms() < one->until_ms)
			return false;
		answer.value = -EAGAIN;
		respond(&one->call, 0, &answer);
		return true;
	}
	if (!target_of(one->call.pid, &target))
		return true;
	result = receive(&one->call, &target, one->local, true, &answer);
	target_done(&target);
	if (result == LATER)
		return false;
	respond(&one->call, result, &answer);
	return true;
}

static void serve_waiting(const struct pollfd *polled, int number)
{
	for (int i = number - 1; i >= 0; i--)
		if (retry(&waiting[i], polled[i].revents)) {
			close(waiting[i].local);
			waiting[i] = waiting[--waiting_number];
		}
}

/* Nearest time at which a call is given up, for poll; a second at most, to look after calls that were killed. */
static int patience(void)
{
	int64_t now = now_ms(), left = 1000;

	for (int i = 0; i < waiting_number; i++)
		if (waiting[i].until_ms && waiting[i].until_ms - now < left)
			left = waiting[i].until_ms - now;
	return left < 0 ? 0 : waiting_number ? left : -1;
}

static int exit_status(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

/* Serve until no process has the filter any more; `pidfd` is the program's. */
static void supervise(int pidfd)
{
	struct pollfd polled[2 + WAITING_MOST];
	struct seccomp_notif_sizes sizes;
	struct seccomp_notif *call;
	size_t size;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		exit(125);
	size = sizes.seccomp_notif > sizeof *call ? sizes.seccomp_notif : sizeof *call;
	call = malloc(size);
	for (;;) {
		int number = waiting_number, status;

		polled[0] = (struct pollfd){.fd = listener, .events = POLLIN};
		polled[1] = (struct pollfd){.fd = pidfd, .events = POLLIN};
		for (int i = 0; i < number; i++)
			polled[2 + i] = (struct pollfd){.fd = waiting[i].local, .events = POLLIN};
		if (poll(polled, 2 + number, patience()) < 0 && errno != EINTR)
			exit(125);
		serve_waiting(polled + 2, number);
		if (polled[0].revents & POLLIN)
			serve_call(call, size);
		if (pidfd >= 0 && polled[1].revents && waitpid(program, &status, WNOHANG) == program) {
			/* What it has left running goes on being served, by a process that nobody waits for. */
			if (polled[0].revents & POLLHUP || fork())
				exit(exit_status(status));
			pidfd = -1;
		}
		if (polled[0].revents & (POLLHUP | POLLERR) && pidfd < 0)
			exit(0);
	}
}

static void pass_on(int number)
{
	kill(program, number);
}

/* The program's end: take the filter, say by which number, and begin when the listener has been taken. */
static void become(const char *file, char **arguments, int tell, int go)
{
	int fd = filter_install();
	char one;

	if (fd < 0) {
		perror("pyvs exec --supervise: the kernel allows no supervision (seccomp)");
		_exit(125);
	}
	if (write(tell, &fd, sizeof fd) != sizeof fd || read(go, &one, 1) != 1)
		_exit(125);
	close(fd);
	close(tell);
	close(go);
	execv(file, arguments);
	fprintf(stderr, "pyvs exec: %s: %s\n", file, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int main(int count, char **arguments)
{
	static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
	int tell[2], go[2], number, pidfd;
	struct rlimit limit;

	if (count < 3) {
		fprintf(stderr, "usage: pyvs-supervise FILE NAME [ARGUMENT ...]\n");
		return 125;
	}
	if (pipe2(tell, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || (program = fork()) < 0) {
		perror("pyvs exec --supervise");
		return 125;
	}
	if (!program)
		become(arguments[1], arguments + 2, tell[1], go[0]);
	close(tell[1]);
	close(go[0]);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	pidfd = syscall(SYS_pidfd_open, program, 0);
	if (read(tell[0], &number, sizeof number) == sizeof number && pidfd >= 0)
		listener = syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (listener < 0) {
		int status;

		if (pidfd >= 0 && waitpid(program, &status, WNOHANG) == 0) {
			perror("pyvs exec --supervise: the program's calls cannot be seen");
			kill(program, SIGKILL);
		}
		waitpid(program, &status, 0);
		return 125;
	}
	listener = descriptor_up(listener);
	pidfd = descriptor_up(pidfd);
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
		signal(passed_on[i], pass_on);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (write(go[1], "", 1) != 1)
		return 125;
	close(go[1]);
	close(tell[0]);
	supervise(pidfd);
}
