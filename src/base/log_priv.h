/* SPDX-License-Identifier: Apache-2.0 */
/* log_priv.h — between the two halves of the log: log.c, where lines are made and queued, and
 * log_sink.c, where they leave the house.
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

    void (*to_topic)(void *ctx, enum nj_log_type type, struct nj_str line);
    void *topic_ctx;
};

/* The log's file, for appending; made with mode 0600 if there is none. A symbolic link is refused
 * unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is set, as is anything that is not a regular file; modes
 * and owners that let others in are warned about. */
NJ_NODISCARD enum nj_err nj_log_file_open(int *out, const char *path, struct nj_diag *diag);

/* `fd` is lent; for stdout, stderr and the file. */
void nj_log_sink_use(struct nj_log_sink *s, int fd);
/* Write the lines before `head`, as many as go without waiting; then is_blocked says whether some
 * are left. Syslog and the topic may block, but they have nobody behind them. */
void nj_log_sink_write(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head);
/* Give up what is left before `to`. */
void nj_log_sink_skip(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t to);

/* What a line begins with: the time and ": ", or nothing. Any thread. */
size_t nj_log_stamp(char stamp[NJ_LOG_STAMP_MAX]);

/* What nj_log_dropped() and nj_log_errors() return. */
extern _Atomic uint64_t nj_log_lost_lines;
extern _Atomic uint64_t nj_log_failed_writes;

#endif
