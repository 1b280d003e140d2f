/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients of IPVS do with their sockets, without any library: sizing by peeking, waiting by epoll set up before the
 * first request, two sockets, an inherited socket, another family on the same socket, vanishing before an answer. Ends
 * with the number of the line that was disappointed; linked statically or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(what)                                                                                             \
	do {                                                                                                     \
		if (!(what)) {                                                                                   \
			fprintf(stderr, "line %d: %s (errno %d: %s)\n", __LINE__, #what, errno, strerror(errno)); \
			exit(1);                                                                                 \
		}                                                                                                \
	} while (0)

struct request {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	char attributes[256];
};

static void attribute(struct request *request, int type, const void *data, int length)
{
	struct nlattr *at = (struct nlattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	at->nla_type = type;
	at->nla_len = NLA_HDRLEN + length;
	memcpy((char *)at + NLA_HDRLEN, data, length);
	request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + NLA_ALIGN(at->nla_len);
}

static struct request request(int type, int command, int flags)
{
	static int sequence = 100;
	struct request request = {0};

	request.head.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	request.head.nlmsg_type = type;
	request.head.nlmsg_flags = NLM_F_REQUEST | flags;
	request.head.nlmsg_seq = ++sequence;
	request.generic.cmd = command;
	request.generic.version = 1;
	return request;
}

static void send_to_kernel(int fd, struct request *request)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec part = {request, request->head.nlmsg_len};
	struct msghdr message = {&kernel, sizeof kernel, &part, 1, NULL, 0, 0};

	EXPECT(sendmsg(fd, &message, 0) == (ssize_t)part.iov_len);
}

/* The next datagram, sized first, as libnl does. */
static int receive(int fd, char *data, size_t room)
{
	struct sockaddr_nl from = {0};
	struct iovec part = {data, 1};
	struct msghdr message = {&from, sizeof from, &part, 1, NULL, 0, 0};
	ssize_t size = recvmsg(fd, &message, MSG_PEEK | MSG_TRUNC), got;

	if (size < 0)
		return -1;
	EXPECT(size > (ssize_t)NLMSG_HDRLEN && size <= (ssize_t)room);
	EXPECT(message.msg_flags & MSG_TRUNC);
	part.iov_len = room;
	message.msg_namelen = sizeof from;
	got = recvmsg(fd, &message, 0);
	EXPECT(got == size);
	EXPECT(message.msg_namelen == sizeof from && from.nl_family == AF_NETLINK && from.nl_pid == 0);
	EXPECT(!(message.msg_flags & MSG_TRUNC));
	return got;
}

static unsigned int portid_of(int fd)
{
	struct sockaddr_nl name = {0};
	socklen_t length = sizeof name;

	EXPECT(getsockname(fd, (struct sockaddr *)&name, &length) == 0);
	EXPECT(length == sizeof name && name.nl_family == AF_NETLINK);
	return name.nl_pid;
}

/* Read up to the acknowledgement or end: its error; `answers` counts what came before, `id` is a family's. */
static int finish(int fd, const struct request *request, int *answers, int *id)
{
	char data[65536];

	for (;;) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		/* The kernel answers before send returns, a director one datagram after the other. */
		int waited = poll(&ready, 1, fcntl(fd, F_GETFL) & O_NONBLOCK ? 60000 : 0), length = receive(fd, data, sizeof data);
		struct nlmsghdr *head;

		EXPECT(waited >= 0);

		EXPECT(length > 0);
		for (head = (struct nlmsghdr *)data; NLMSG_OK(head, (unsigned int)length); head = NLMSG_NEXT(head, length)) {
			EXPECT(head->nlmsg_seq == request->head.nlmsg_seq);
			EXPECT(head->nlmsg_pid == portid_of(fd));
			if (head->nlmsg_type == NLMSG_DONE)
				return 0;
			if (head->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(head))->error;
			++*answers;
			if (id && head->nlmsg_type == GENL_ID_CTRL) {
				char *at = (char *)NLMSG_DATA(head) + GENL_HDRLEN, *end = (char *)head + head->nlmsg_len;

				while (at < end && ((struct nlattr *)at)->nla_type != CTRL_ATTR_FAMILY_ID)
					at += NLA_ALIGN(((struct nlattr *)at)->nla_len);
				EXPECT(at < end);
				*id = *(unsigned short *)(at + NLA_HDRLEN);
			}
		}
	}
}

static int family(int fd, const char *name)
{
	struct request ask = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	int answers = 0, id = 0;

	attribute(&ask, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
	send_to_kernel(fd, &ask);
	return finish(fd, &ask, &answers, &id) ? -1 : id;
}

static int info(int fd, int ipvs)
{
	struct request ask = request(ipvs, 15, NLM_F_ACK);
	int answers = 0;

	send_to_kernel(fd, &ask);
	return finish(fd, &ask, &answers, NULL) ? -1 : answers;
}

static struct request service(int ipvs, int command, unsigned short port)
{
	struct request ask = request(ipvs, command, NLM_F_ACK), nest = request(0, 0, 0);
	unsigned short af = AF_INET, protocol = 6, be = htons(port);
	unsigned int flags[2] = {0, ~0u}, zero = 0, mask = ~0u;

	attribute(&nest, 6, "rr", 3); /* in another order than usual */
	attribute(&nest, 4, &be, 2);
	attribute(&nest, 3, "\x01\x02\x03\x04", 4);
	attribute(&nest, 2, &protocol, 2);
	attribute(&nest, 1, &af, 2);
	attribute(&nest, 7, flags, 8);
	attribute(&nest, 8, &zero, 4);
	attribute(&nest, 9, &mask, 4);
	attribute(&ask, 1, nest.attributes, nest.head.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
	return ask;
}

static int opened(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	EXPECT(fd >= 0);
	return fd;
}

static void by_epoll(void)
{
	int fd = opened(), epoll = epoll_create1(EPOLL_CLOEXEC), answers = 0;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788}, seen;
	struct request ask = request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	char data[16];

	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	attribute(&ask, CTRL_ATTR_FAMILY_NAME, "IPVS", 5);
	EXPECT(epoll_wait(epoll, &seen, 1, 0) == 0);
	send_to_kernel(fd, &ask);
	EXPECT(epoll_wait(epoll, &seen, 1, 60000) == 1 && seen.data.u64 == event.data.u64);
	EXPECT(finish(fd, &ask, &answers, NULL) == 0 && answers == 1);
	EXPECT(epoll_wait(epoll, &seen, 1, 0) == 0);
	EXPECT(recv(fd, data, sizeof data, 0) < 0 && errno == EAGAIN);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0);
	close(fd);
	close(epoll);
}

static void with_patience(int ipvs)
{
	int fd = opened();
	struct timeval enough = {.tv_sec = 60}, brief = {.tv_usec = 500000};
	char data[16];

	EXPECT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &enough, sizeof enough) == 0);
	EXPECT(info(fd, ipvs) == 1);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief) == 0);
	EXPECT(recv(fd, data, sizeof data, 0) < 0 && errno == EAGAIN);
	close(fd);
}

static void files(void)
{
	char text[4096] = {0}, version[64];
	socklen_t length = sizeof version;
	int fd = open("/proc/net/ip_vs", O_RDONLY), raw;

	EXPECT(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
	EXPECT(!strncmp(text, "IP Virtual Server version 1.2.1 (size=4096)\n", 44));
	EXPECT(strstr(text, "TCP  01020304:0050 rr"));
	close(fd);
	fd = open("/proc/sys/net/ipv4/vs/sloppy_tcp", O_WRONLY | O_TRUNC);
	EXPECT(fd >= 0 && write(fd, "1\n", 2) == 2);
	close(fd);
	fd = open("/proc/sys/net/ipv4/vs/sloppy_tcp", O_RDONLY);
	EXPECT(fd >= 0 && read(fd, text, sizeof text) == 2 && text[0] == '1');
	close(fd);
	EXPECT(open("/proc/sys/net/ipv4/vs/no_such", O_RDONLY) < 0 && errno == ENOENT);
	EXPECT(open("/proc/net/ip_vs", O_WRONLY) < 0 && errno == EACCES);
	raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	EXPECT(raw >= 0 && getsockopt(raw, IPPROTO_IP, 1152, version, &length) == 0);
	EXPECT(!strcmp(version, "IP Virtual Server version 1.2.1 (size=4096)") && length == 44);
	EXPECT(setsockopt(raw, IPPROTO_IP, 1154, "x", 1) < 0 && errno == EINVAL);
	close(raw);
}

int main(void)
{
	int fd = opened(), second = opened(), ipvs, answers = 0, status;
	struct request ask;

	ipvs = family(fd, "IPVS");
	EXPECT(ipvs > 16 && family(second, "IPVS") == ipvs);
	EXPECT(info(fd, ipvs) == 1 && info(second, ipvs) == 1);
	EXPECT(family(fd, "nlctrl") == GENL_ID_CTRL); /* another family, of the kernel's, by the same socket */
	EXPECT(family(fd, "nosuch") == -1 && info(fd, ipvs) == 1);
	ask = service(ipvs, 1, 80);
	send_to_kernel(fd, &ask);
	EXPECT(finish(fd, &ask, &answers, NULL) == 0 && answers == 0);
	ask = service(ipvs, 1, 80);
	send_to_kernel(second, &ask);
	EXPECT(finish(second, &ask, &answers, NULL) == -EEXIST);
	ask = request(ipvs, 4, NLM_F_DUMP);
	send_to_kernel(second, &ask);
	EXPECT(finish(second, &ask, &answers, NULL) == 0 && answers == 1);
	if (fork() == 0) {
		close(second);
		_exit(info(fd, ipvs) == 1 ? 0 : 1);
	}
	EXPECT(wait(&status) > 0 && status == 0);
	EXPECT(info(fd, ipvs) == 1);
	by_epoll();
	with_patience(ipvs);
	files();
	for (int port = 1000; port < 1100; port++) { /* vanish before the answer */
		close(second);
		second = opened();
		ask = service(ipvs, 1, port);
		send_to_kernel(second, &ask);
	}
	close(second);
	ask = service(ipvs, 3, 1099);
	send_to_kernel(fd, &ask);
	for (int tries = 0; finish(fd, &ask, &answers, NULL) == -ESRCH && tries < 1500; tries++) {
		usleep(20000);
		ask = service(ipvs, 3, 1099);
		send_to_kernel(fd, &ask);
	}
	close(fd);
	puts("all as it should be");
	return 0;
}
