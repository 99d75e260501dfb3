/* SPDX-License-Identifier: Apache-2.0 */
/* log.h — lines for people, in Mosquitto's types. A line whose type is off costs one load; a line
 * whose type is on is formatted here and written by a thread of the log's own, so no worker ever
 * waits for a disk, a pipe or syslogd. Between them lie 8 MiB. A destination that falls behind by
 * three quarters of that loses the older half, alone; what is lost is counted, and the gap stated
 * where it is. A write that fails (a full disk) is counted and loses its lines, and is no more than
 * that: the broker goes on.
 *
 * When it is written: ten lines at once, and then one in 10 ms, go out as soon as the log's thread
 * runs; so does an error, always, with all that was said before it. In a longer burst lines gather
 * for up to 10 ms. kill -9 and a crash of ours lose what has not gone out; what has is the
 * kernel's. Thread: any, but a child of fork() has no log until it opens its own: open it after
 * forking. Lines of one thread keep their order, and so do lines of which one caused the other. */
#ifndef NJ_BASE_LOG_H
#define NJ_BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

/* Mosquitto's values, which its plugins know. */
enum nj_log_type {
    NJ_LOG_INFO = 0x01,
    NJ_LOG_NOTICE = 0x02,
    NJ_LOG_WARNING = 0x04,
    NJ_LOG_ERROR = 0x08,
    NJ_LOG_DEBUG = 0x10,
    NJ_LOG_SUBSCRIBE = 0x20,
    NJ_LOG_UNSUBSCRIBE = 0x40,
    NJ_LOG_WEBSOCKETS = 0x80,
    NJ_LOG_INTERNAL = 0x100,
};
#define NJ_LOG_ALL     0x1ffu
#define NJ_LOG_DEFAULT (NJ_LOG_INFO | NJ_LOG_NOTICE | NJ_LOG_WARNING | NJ_LOG_ERROR)

enum nj_log_dest {
    NJ_LOG_TO_STDOUT = 0x01,
    NJ_LOG_TO_STDERR = 0x02,
    NJ_LOG_TO_SYSLOG = 0x04,
    NJ_LOG_TO_FILE = 0x08,
    NJ_LOG_TO_TOPIC = 0x10,
};

struct nj_log_opts {
    uint32_t types;   /* bits of enum nj_log_type */
    uint32_t dests;   /* bits of enum nj_log_dest; 0: none */
    const char *file; /* for NJ_LOG_TO_FILE; lent for the call */
    int facility;     /* 0..7: syslog's LOG_LOCALn; -1: LOG_DAEMON */
    bool has_timestamp;
    /* strftime's, for local time, at most 255 bytes; NULL: epoch seconds. Lent for the call. */
    const char *timestamp_format;
    /* For NJ_LOG_TO_TOPIC: called on the log's thread with the finished line, lent for the call,
     * without its end of line. It never sees NJ_LOG_DEBUG, or the lines about a line being
     * published would be published. It must not block. False: the line is lost, and counted. */
    bool (*to_topic)(void *ctx, enum nj_log_type type, struct nj_str line);
    void *topic_ctx;
    /* For tests. */
    int rest_ms;               /* for how long lines of a burst may gather; 0: 10 ms */
    const char *syslog_socket; /* NULL: /dev/log; lent for the call */
};

/* Start the log's thread and open its destinations; once, before any other thread may log. Before
 * this, and after nj_log_close(), lines go to stderr at once, as the types stand. Syslog's ident is
 * the name that the program was called by. The file is made with mode 0600, and must not be a
 * symbolic link unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is set.
 * Errors: NJ_ESYS with the file that cannot be opened, NJ_EINVAL for a format that is too long,
 * NJ_ENOMEM; nothing has changed. */
NJ_NODISCARD enum nj_err nj_log_open(const struct nj_log_opts *opts, struct nj_diag *diag);
/* Other options, all or nothing, between two lines. Also reopens the file (SIGRTMIN, SIGHUP).
 * Waits for the log's thread. Errors as nj_log_open(). */
NJ_NODISCARD enum nj_err nj_log_reopen(const struct nj_log_opts *opts, struct nj_diag *diag);
/* Wait until all that was said is written, or some destination has taken nothing for a second. */
void nj_log_flush(void);
/* Write what was said, end the thread, close the destinations. One that takes nothing for a second
 * loses the rest. Idempotent. */
void nj_log_close(void);
/* Lines lost because a destination could not keep up or failed; once for each destination. */
uint64_t nj_log_dropped(void);
/* Writes that failed. */
uint64_t nj_log_errors(void);

/* Bits of enum nj_log_type; set by open and reopen, and may be set by others before. */
extern _Atomic uint32_t nj_log_types;

static inline bool
nj_log_is_on(enum nj_log_type type)
{
    /* Relaxed: the mask orders nothing; a line more or less around a reload is no matter. */
    return (atomic_load_explicit(&nj_log_types, memory_order_relaxed) & (uint32_t)type) != 0;
}

/* A line is at most 999 bytes with its timestamp, as Mosquitto's. Control characters that a peer
 * may have put into a name are shown as \xNN, but for the tab. */
void nj_log_line(enum nj_log_type type, const char *fmt, ...) NJ_PRINTF(2, 3);
/* The same of what is written already: a third of the cost. Ask nj_log_is_on() first. */
void nj_log_text(enum nj_log_type type, struct nj_str text);

#define nj_log(type, ...)                                                                          \
    do {                                                                                           \
        if (NJ_UNLIKELY(nj_log_is_on(type)))                                                       \
            nj_log_line((type), __VA_ARGS__);                                                      \
    } while (0)

#endif
