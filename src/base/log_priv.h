/* SPDX-License-Identifier: Apache-2.0 */
/* log_priv.h — between the three parts of the log: log_line.c, where a line is written, log.c,
 * where lines are queued, and log_sink.c, where they leave the house.
 *
 * Lines wait in one ring, at positions that only grow. Each destination has a position of its own,
 * and what lies behind the slowest one is free:
 *
 *        free        | file has it, stdout not yet |   neither has it   |      free
 *   -----------------+-----------------------------+--------------------+---------------
 *                    stdout.tail                   file.tail            head
 *
 * Whenever all have caught up, the ring starts again at its first byte (`origin` is the position of
 * that byte), so that a quiet log touches only its first pages. A record never wraps: one of type 0
 * fills the end of the ring where the next did not fit. */
#ifndef NJ_BASE_LOG_PRIV_H
#define NJ_BASE_LOG_PRIV_H

#include "base/log.h"

#include <stdarg.h>

#define NJ_LOG_RING_BYTES (8u << 20)
#define NJ_LOG_LINE_MAX   999u /* without its LF */
#define NJ_LOG_STAMP_MAX  256u /* with ": " */

struct nj_log_record {
    uint16_t n;    /* bytes of text, its LF included; in a filler: of the whole record */
    uint16_t type; /* enum nj_log_type; 0: a filler, which runs to the end of the ring */
    uint32_t lost; /* how many lines it says were lost; a filler ends before this */
    char text[];
};

struct nj_log_ring {
    char *p;
    uint64_t origin;
};

/* Records start at multiples of their head's alignment, so that they can be read in place. */
static inline size_t
nj_log_record_bytes(size_t text_bytes)
{
    return (sizeof(struct nj_log_record) + text_bytes + 3) & ~(size_t)3;
}

static inline struct nj_log_record *
nj_log_record_at(const struct nj_log_ring *ring, uint64_t at)
{
    return (struct nj_log_record *)(void *)(ring->p + (at - ring->origin) % NJ_LOG_RING_BYTES);
}

static inline uint64_t
nj_log_record_after(const struct nj_log_ring *ring, uint64_t at)
{
    const struct nj_log_record *r = nj_log_record_at(ring, at);

    return at + (r->type == 0 ? r->n : nj_log_record_bytes(r->n));
}

/* In the order of the bits of enum nj_log_dest. */
enum nj_log_sink_kind {
    NJ_LOG_SINK_STDOUT,
    NJ_LOG_SINK_STDERR,
    NJ_LOG_SINK_SYSLOG,
    NJ_LOG_SINK_FILE,
    NJ_LOG_SINK_TOPIC,
    NJ_LOG_SINK_COUNT,
};

/* One way out. Only the log's thread touches it. */
struct nj_log_sink {
    enum nj_log_sink_kind kind;
    bool is_on;
    bool is_blocked; /* waits for its descriptor to become writable */
    bool is_regular; /* a file on a disk: never blocked, as far as poll() knows */
    bool is_torn;    /* the last line written lacks its end */
    int fd;
    uint64_t tail;    /* all before it is written, or lost */
    uint16_t partial; /* bytes of the record at `tail` that are written */
    uint64_t gap;     /* lines lost since the last one written, not yet stated */

    /* The statement of a gap, while it is being written. */
    char note[NJ_LOG_STAMP_MAX + 96];
    uint16_t note_n;
    uint16_t note_done;
    uint64_t note_gap;

    int facility;     /* of syslog: LOG_DAEMON, LOG_LOCAL0, ... */
    char socket[108]; /* where syslogd listens */

    bool (*to_topic)(void *ctx, enum nj_log_type type, struct nj_str line);
    void *topic_ctx;
};

/* The log's file, for appending; made with mode 0600 if there is none. A symbolic link is refused
 * unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is set, as is anything that is not a regular file; modes
 * and owners that let others in are warned about. */
NJ_NODISCARD enum nj_err nj_log_file_open(int *out, const char *path, struct nj_diag *diag);

/* `fd` is lent; for stdout, stderr and the file. */
void nj_log_sink_use(struct nj_log_sink *s, int fd);
/* Write the lines before `head`, as many as go without waiting; then is_blocked says whether some
 * are left. */
void nj_log_sink_write(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head);
/* Give up what is left before `to`. */
void nj_log_sink_skip(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t to);

/* log_syslog.c. The socket is opened by the first line, and by the next after a failure. */
enum nj_log_sent {
    NJ_LOG_SENT,
    NJ_LOG_FULL,   /* not now: wait for `fd` */
    NJ_LOG_UNSENT, /* nobody takes it */
};
void nj_log_syslog_open(struct nj_log_sink *s, const struct nj_log_opts *opts);
void nj_log_syslog_close(struct nj_log_sink *s);
enum nj_log_sent nj_log_syslog_send(struct nj_log_sink *s, enum nj_log_type type,
                                    struct nj_str line);

/* log_line.c; any thread. What a line begins with: the time and ": ", or nothing. `format` is for
 * strftime(), shorter than NJ_LOG_STAMP_MAX; NULL or empty: seconds since the epoch. */
void nj_log_stamp_set(bool is_on, const char *format);
size_t nj_log_stamp(char stamp[NJ_LOG_STAMP_MAX]);
/* The stamp and what is said, as far as it fits, its control characters shown as \xNN. The bytes of
 * it; what follows them in `out` is room for an LF. */
size_t nj_log_line_write(char out[NJ_LOG_LINE_MAX + 1], const char *stamp, size_t stamp_n,
                         const char *fmt, va_list ap);
size_t nj_log_line_copy(char out[NJ_LOG_LINE_MAX + 1], const char *stamp, size_t stamp_n,
                        struct nj_str said);

/* What nj_log_dropped() and nj_log_errors() return. */
extern _Atomic uint64_t nj_log_lost_lines;
extern _Atomic uint64_t nj_log_failed_writes;

#endif
