/* SPDX-License-Identifier: Apache-2.0 */
/* log_syslog.c — lines for syslogd, each a datagram as syslog(3) makes them.
 *
 * syslog(3) itself waits, for ever, for a syslogd that has stopped to read; the other destinations
 * would wait behind it, and with them the end of the broker. So it is sent from here: a socket that
 * is full is one that poll() tells of, as a pipe, and what it misses is a gap that is stated. A
 * syslogd that was started anew has another socket: the line that finds out connects again. */
#include "base/log_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 128
#define DEV_LOG  "/dev/log"

static int
level_of(enum nj_log_type type)
{
    if (type & NJ_LOG_ERROR)
        return LOG_ERR;
    if (type & NJ_LOG_WARNING)
        return LOG_WARNING;
    if (type & (NJ_LOG_NOTICE | NJ_LOG_SUBSCRIBE | NJ_LOG_UNSUBSCRIBE))
        return LOG_NOTICE;
    return type & NJ_LOG_INFO ? LOG_INFO : LOG_DEBUG;
}

/* "<29>Nov 22 11:30:00 nightjar[123]: ", in English whatever the locale. */
static size_t
write_head(char out[HEAD_MAX], int facility, enum nj_log_type type)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm tm;
    int n;

    (void)localtime_r(&now, &tm);
    n = snprintf(out, HEAD_MAX, "<%d>%s %2d %02d:%02d:%02d %.64s[%ld]: ", facility | level_of(type),
                 months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 program_invocation_short_name, (long)getpid());
    return NJ_MIN((size_t)n, HEAD_MAX - 1);
}

static bool
open_socket(struct nj_log_sink *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (s->fd >= 0)
        return true;
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->socket);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        (void)close(fd);
        fd = -1;
    }
    s->fd = fd;
    return fd >= 0;
}

void
nj_log_syslog_open(struct nj_log_sink *s, const struct nj_log_opts *opts)
{
    s->facility = opts->facility >= 0 ? LOG_LOCAL0 + (opts->facility << 3) : LOG_DAEMON;
    (void)snprintf(s->socket, sizeof(s->socket), "%s",
                   opts->syslog_socket != NULL ? opts->syslog_socket : DEV_LOG);
}

void
nj_log_syslog_close(struct nj_log_sink *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

enum nj_log_sent
nj_log_syslog_send(struct nj_log_sink *s, enum nj_log_type type, struct nj_str line)
{
    char head[HEAD_MAX];
    struct iovec parts[2] = {{head, write_head(head, s->facility, type)},
                             {(void *)(uintptr_t)line.p, line.n}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    for (int attempt = 0; attempt < 2 && open_socket(s); attempt++) {
        if (sendmsg(s->fd, &message, MSG_NOSIGNAL) >= 0)
            return NJ_LOG_SENT;
        if (errno == EAGAIN)
            return NJ_LOG_FULL;
        nj_log_syslog_close(s);
    }
    return NJ_LOG_UNSENT;
}
