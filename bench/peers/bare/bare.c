/*
 * The floor: an epoll loop that parses nothing. It counts the empty lines that
 * end a head, and answers each with the same response. There is no router, no
 * session, no deadline, no limit, and no request that is cut in two. What a
 * server needs beyond this is what it does for its users.
 *
 *     cc -O3 -pthread -o bare bare.c && ./bare -addr 127.0.0.1:8080 -loops 1
 *
 * With -close it ends every connection after its first response.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, ROOM = 64 << 10, PIPELINED = 256 };

static struct sockaddr_in addr = {.sin_family = AF_INET};
static int closing;

struct loop {
	int epfd, listenfd;
	time_t second;
	int length; /* of one response */
	char out[PIPELINED * 256];
	char in[ROOM];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Formats the response once a second, as often as it fits into out. */
static void date(struct loop *l)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec == l->second)
		return;
	l->second = now.tv_sec;
	struct tm tm;
	char text[64];
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	l->length = snprintf(l->out, 256, "HTTP/1.1 200 OK\r\nServer: bare\r\nDate: %s\r\nContent-Type: text/plain\r\n%s"
		"Content-Length: 13\r\n\r\nHello, World!", text, closing ? "Connection: close\r\n" : "");
	for (int i = 1; i < PIPELINED; i++)
		memcpy(l->out + i * l->length, l->out, l->length);
}

static void accept_all(struct loop *l)
{
	int fd;
	while ((fd = accept4(l->listenfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
		if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev))
			close(fd);
	}
}

static void serve(struct loop *l, int fd)
{
	ssize_t n = recv(fd, l->in, ROOM, 0);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close(fd);
		return;
	}
	int requests = 0;
	for (char *p = l->in, *end = l->in + n; (p = memmem(p, end - p, "\r\n\r\n", 4)); p += 4)
		requests++;
	if (requests > PIPELINED)
		requests = PIPELINED;
	if (requests && send(fd, l->out, requests * l->length, MSG_NOSIGNAL) < 0)
		close(fd);
	else if (requests && closing)
		close(fd);
}

static void *run(void *unused)
{
	struct loop *l = calloc(1, sizeof *l);
	struct epoll_event events[EVENTS];
	int one = 1;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->listenfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(l->listenfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(l->listenfd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	setsockopt(l->listenfd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bind(l->listenfd, (struct sockaddr *)&addr, sizeof addr) || listen(l->listenfd, 4096))
		die("bare: listen");
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = l->listenfd};
	epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->listenfd, &ev);
	for (;;) {
		int n = epoll_wait(l->epfd, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			die("bare: epoll_wait");
		date(l);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == l->listenfd)
				accept_all(l);
			else
				serve(l, events[i].data.fd);
		}
	}
	return unused;
}

int main(int argc, char **argv)
{
	int loops = 1;
	addr.sin_port = htons(8080);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-close")) {
			closing = 1;
		} else if (!strcmp(argv[i], "-loops") && i + 1 < argc) {
			loops = atoi(argv[++i]);
		} else if (!strcmp(argv[i], "-addr") && i + 1 < argc) {
			char *colon = strrchr(argv[++i], ':');
			if (!colon)
				return fprintf(stderr, "bare: -addr wants host:port\n"), 2;
			*colon = 0;
			addr.sin_port = htons(atoi(colon + 1));
			if (*argv[i] && inet_pton(AF_INET, argv[i], &addr.sin_addr) != 1)
				return fprintf(stderr, "bare: -addr wants an IPv4 address\n"), 2;
		} else {
			return fprintf(stderr, "usage: bare [-addr host:port] [-loops n] [-close]\n"), 2;
		}
	}
	for (int i = 1; i < loops; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, run, NULL))
			die("bare: thread");
	}
	run(NULL);
}
