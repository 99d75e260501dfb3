/* SPDX-License-Identifier: Apache-2.0 */
/* A destination takes what it can without making the log's thread wait, so that a terminal that
 * was stopped does not silence the log's file. A pipe or a terminal which poll() calls writable
 * takes PIPE_BUF bytes whole; more might block, since the descriptor is the parent's and O_NONBLOCK
 * would be set for the parent, too. A file takes as many lines as one writev() has room for. */
#include "base/log_priv.h"

#include "base/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define IOV_COUNT 256

_Atomic uint64_t nj_log_lost_lines;
_Atomic uint64_t nj_log_failed_writes;

static void
warn_of_others(const char *path, const struct stat *st)
{
    char word[PATH_MAX];

    if ((st->st_mode & S_IRWXO) != 0)
        nj_log(NJ_LOG_WARNING, "Warning: File %s is open to everybody. To fix this: chmod 0600 %s",
               path, nj_shell_word(word, sizeof(word), nj_str_of(path)));
    if (st->st_uid != geteuid())
        nj_log(NJ_LOG_WARNING, "Warning: File %s is owned by another user, id %u.", path,
               (unsigned)st->st_uid);
    if (st->st_gid != getegid())
        nj_log(NJ_LOG_WARNING, "Warning: File %s belongs to another group, id %u.", path,
               (unsigned)st->st_gid);
}

enum nj_err
nj_log_file_open(int *out, const char *path, struct nj_diag *diag)
{
    bool may_follow = getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != NULL;
    /* O_NONBLOCK: opening a FIFO that nobody reads must fail, not wait. */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;
    int fd = open(path, flags | (may_follow ? 0 : O_NOFOLLOW), 0600);
    bool is_link = fd < 0 && errno == ELOOP;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        warn_of_others(path, &st);
        *out = fd;
        return NJ_OK;
    }
    (void)nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open log file %s for writing.", path);
    if (is_link)
        nj_diag_hint(diag, "it is a symbolic link; name the file itself");
    else if (fd >= 0)
        nj_diag_hint(diag, "it is not a regular file");
    else
        nj_diag_hint(diag, "%s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return NJ_ESYS;
}

void
nj_log_sink_use(struct nj_log_sink *s, int fd)
{
    struct stat st;

    s->fd = fd;
    s->is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool
is_ready(const struct nj_log_sink *s)
{
    struct pollfd p = {s->fd, POLLOUT, 0};

    /* An error or a missing reader is news for writev() to bring. */
    return s->is_regular || poll(&p, 1, 0) > 0;
}

static void
lose(struct nj_log_sink *s, uint64_t lines)
{
    s->gap += lines;
    /* Relaxed: a number for people, which orders nothing. */
    atomic_fetch_add_explicit(&nj_log_lost_lines, lines, memory_order_relaxed);
}

static void
make_note(struct nj_log_sink *s)
{
    char stamp[NJ_LOG_STAMP_MAX];
    size_t n = nj_log_stamp(stamp);
    int all = snprintf(s->note, sizeof(s->note),
                       "%s%.*sWarning: %llu log lines were lost here, written slower than said.\n",
                       s->is_torn ? "\n" : "", (int)n, stamp, (unsigned long long)s->gap);

    s->note_n = (uint16_t)all;
    s->note_done = 0;
    s->note_gap = s->gap;
}

/* Move past `n` written bytes: of the note, then of lines. */
static void
advance(struct nj_log_sink *s, const struct nj_log_ring *ring, size_t n)
{
    if (s->note_done < s->note_n) {
        size_t of_note = NJ_MIN(n, (size_t)(s->note_n - s->note_done));

        s->note_done = (uint16_t)(s->note_done + of_note);
        n -= of_note;
        if (s->note_done < s->note_n)
            return;
        s->is_torn = false;
        s->gap -= s->note_gap;
    }
    while (n > 0) {
        const struct nj_log_record *r = nj_log_record_at(ring, s->tail);
        size_t left = r->type == 0 ? 0 : (size_t)(r->n - s->partial);

        if (n < left) {
            s->partial = (uint16_t)(s->partial + n);
            return;
        }
        n -= left;
        s->partial = 0;
        s->tail = nj_log_record_after(ring, s->tail);
    }
}

/* Collect what one writev() is to write. Returns the position after the last line in it. */
static uint64_t
gather(const struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head,
       struct iovec iov[IOV_COUNT], int *count)
{
    size_t room = s->is_regular ? SIZE_MAX : PIPE_BUF;
    uint64_t at = s->tail;
    uint16_t from = s->partial;

    *count = 0;
    if (s->note_done < s->note_n) {
        iov[(*count)++] = (struct iovec){(void *)(uintptr_t)(s->note + s->note_done),
                                         (size_t)(s->note_n - s->note_done)};
        room -= iov[0].iov_len;
    }
    for (; at < head && *count < IOV_COUNT; at = nj_log_record_after(ring, at)) {
        struct nj_log_record *r = nj_log_record_at(ring, at);
        size_t n = (size_t)(r->n - from);

        if (r->type == 0)
            continue;
        if (n > room)
            break;
        room -= n;
        iov[(*count)++] = (struct iovec){r->text + from, n};
        from = 0;
    }
    return at;
}

/* Nothing said so far can be written; what is said next will try again. */
static void
fail(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head)
{
    atomic_fetch_add_explicit(&nj_log_failed_writes, 1, memory_order_relaxed);
    nj_log_sink_skip(s, ring, head);
    /* A note did not arrive either: it is made anew, with what was lost now. */
    s->is_torn |= s->note_done > 0 && s->note_done < s->note_n;
    s->note_n = s->note_done = 0;
}

/* One writev(); false if there is no more to be done now. */
static bool
write_some(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head)
{
    struct iovec iov[IOV_COUNT];
    uint64_t end;
    ssize_t n;
    int count;

    s->is_blocked = !is_ready(s);
    if (s->is_blocked)
        return false;
    if (s->gap > 0 && s->note_done == s->note_n && s->partial == 0)
        make_note(s);
    end = gather(s, ring, head, iov, &count);
    if (count == 0) {
        s->tail = end; /* nothing but fillers */
        return false;
    }
    n = writev(s->fd, iov, count);
    if (n >= 0) {
        advance(s, ring, (size_t)n);
    } else if (errno == EAGAIN) {
        s->is_blocked = true;
        return false;
    } else if (errno != EINTR) {
        fail(s, ring, head);
        return false;
    }
    return true;
}

static enum nj_log_sent
hand_over(struct nj_log_sink *s, enum nj_log_type type, struct nj_str line)
{
    if (s->kind == NJ_LOG_SINK_SYSLOG)
        return nj_log_syslog_send(s, type, line);
    if (type == NJ_LOG_DEBUG || s->to_topic(s->topic_ctx, type, line))
        return NJ_LOG_SENT;
    return NJ_LOG_UNSENT;
}

/* The statement of a gap, before the line that comes after it. */
static enum nj_log_sent
hand_over_note(struct nj_log_sink *s)
{
    enum nj_log_sent sent;

    if (s->gap == 0)
        return NJ_LOG_SENT;
    make_note(s);
    sent = hand_over(s, NJ_LOG_WARNING, (struct nj_str){s->note, (size_t)s->note_n - 1});
    if (sent == NJ_LOG_SENT)
        s->gap = 0;
    s->note_n = 0;
    return sent;
}

/* To syslog and the topic, line by line: both take a line or they do not. */
static void
hand_over_lines(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head)
{
    for (; s->tail < head; s->tail = nj_log_record_after(ring, s->tail)) {
        const struct nj_log_record *r = nj_log_record_at(ring, s->tail);
        enum nj_log_sent sent = NJ_LOG_SENT;

        if (r->type != 0)
            sent = hand_over_note(s);
        if (r->type != 0 && sent == NJ_LOG_SENT)
            sent =
                hand_over(s, (enum nj_log_type)r->type, (struct nj_str){r->text, (size_t)r->n - 1});
        s->is_blocked = sent == NJ_LOG_FULL;
        if (sent == NJ_LOG_FULL)
            return;
        if (sent == NJ_LOG_UNSENT) {
            fail(s, ring, head);
            return;
        }
    }
    s->is_blocked = false;
}

void
nj_log_sink_write(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t head)
{
    if (s->kind == NJ_LOG_SINK_SYSLOG || s->kind == NJ_LOG_SINK_TOPIC) {
        hand_over_lines(s, ring, head);
        return;
    }
    while (s->tail < head || s->gap > 0)
        if (!write_some(s, ring, head))
            return;
    s->is_blocked = false;
}

void
nj_log_sink_skip(struct nj_log_sink *s, const struct nj_log_ring *ring, uint64_t to)
{
    uint64_t lines = 0;

    for (; s->tail < to; s->tail = nj_log_record_after(ring, s->tail)) {
        const struct nj_log_record *r = nj_log_record_at(ring, s->tail);

        if (r->type == 0)
            continue;
        s->is_torn |= s->partial > 0;
        s->partial = 0;
        /* What it says was lost is counted already, but not told here yet. */
        s->gap += r->lost;
        lines += r->lost == 0;
    }
    lose(s, lines);
}
