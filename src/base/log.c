/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are written by who says them (log_line.c), without any lock, and copied into the ring under
 * a mutex that is held for that copy only. The log's thread takes positions under the same mutex
 * and reads the ring without it: nobody writes where it may still read, because the tail it
 * publishes is behind what it reads. */
#include "base/log.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log_priv.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATIENCE_MS 1000 /* for a destination, when somebody waits for it */
/* To be woken for each line costs the one who says it more than the line does. So the thread is
 * woken for WAKES_MAX lines at once, and then for one in REST_MS: beyond that it lets lines gather
 * for REST_MS, unless one is an error, somebody waits for them, or they take up much of the ring.
 */
#define WAKES_MAX 10
#define REST_MS   10

/* What nj_log_reopen() asks of the log's thread. */
struct change {
    const struct nj_log_opts *opts;
    int file_fd;
};

/* What the log's thread does, and when it wants to be woken through wake_fd. */
enum pace {
    WRITING, /* never: it looks again before it sleeps */
    RESTING, /* when much waits, or something urgent */
    ASLEEP,  /* when something does */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t progress; /* `tail`, `change` */

    /* Under the lock. */
    bool is_open;
    bool is_closing;
    enum pace pace;
    bool is_urgent; /* what waits is to be written at once */
    struct nj_log_ring ring;
    uint64_t head;
    uint64_t tail;         /* of the slowest destination */
    uint32_t unstated_gap; /* lines that met a full ring since the last that did not */
    const struct change *change;
    int rest_ms;

    pthread_t thread;
    int wake_fd; /* made once and kept: a late wake-up must not meet a stranger's descriptor */

    /* The thread's own. */
    struct nj_log_sink sink[NJ_LOG_SINK_COUNT];
    bool is_syslog_open;
} l = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .progress = PTHREAD_COND_INITIALIZER,
    .wake_fd = -1,
};

_Atomic uint32_t nj_log_types = NJ_LOG_DEFAULT;

/* --- Queuing it --- */

/* Under the lock. `lost` is how many lines this one says were lost. False if there is no room. */
static bool
queue_line(enum nj_log_type type, const char *line, size_t n, uint32_t lost)
{
    size_t bytes = nj_log_record_bytes(n + 1);
    size_t to_end = NJ_LOG_RING_BYTES - (l.head - l.ring.origin) % NJ_LOG_RING_BYTES;
    size_t filler = bytes > to_end ? to_end : 0;
    struct nj_log_record *r = nj_log_record_at(&l.ring, l.head);

    if (l.head - l.tail + filler + bytes > NJ_LOG_RING_BYTES)
        return false;
    if (filler > 0) {
        r->type = 0;
        r->n = (uint16_t)filler;
        l.head += filler;
        r = nj_log_record_at(&l.ring, l.head);
    }
    r->type = (uint16_t)type;
    r->n = (uint16_t)(n + 1);
    r->lost = lost;
    memcpy(r->text, line, n);
    r->text[n] = '\n';
    l.head += bytes;
    return true;
}

/* Under the lock. */
static void
put_or_lose(enum nj_log_type type, const char *line, size_t n, const char *stamp, size_t stamp_n)
{
    NJ_UNSET char gap[NJ_LOG_STAMP_MAX + 96];

    if (l.unstated_gap > 0) {
        int gap_n = snprintf(gap, sizeof(gap),
                             "%.*sWarning: %u log lines were lost here, the log was full.",
                             (int)stamp_n, stamp, l.unstated_gap);

        if (queue_line(NJ_LOG_WARNING, gap, (size_t)gap_n, l.unstated_gap))
            l.unstated_gap = 0;
    }
    if (l.unstated_gap > 0 || !queue_line(type, line, n, 0)) {
        l.unstated_gap += l.unstated_gap < UINT32_MAX;
        atomic_fetch_add_explicit(&nj_log_lost_lines, 1, memory_order_relaxed);
    }
}

/* Under the lock. */
static bool
is_filling(void)
{
    return l.head - l.tail > NJ_LOG_RING_BYTES / 4;
}

static void
wake(void)
{
    /* Fails only when 2^64 - 2 wake-ups are waiting. */
    (void)!write(l.wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void
say(enum nj_log_type type, char *line, size_t n, const char *stamp, size_t stamp_n)
{
    bool is_open, must_wake;

    (void)pthread_mutex_lock(&l.lock);
    is_open = l.is_open;
    if (is_open)
        put_or_lose(type, line, n, stamp, stamp_n);
    l.is_urgent |= type == NJ_LOG_ERROR; /* no peer can bring one about */
    must_wake =
        is_open && (l.pace == ASLEEP || (l.pace == RESTING && (is_filling() || l.is_urgent)));
    if (must_wake)
        l.pace = WRITING;
    (void)pthread_mutex_unlock(&l.lock);

    if (must_wake)
        wake();
    if (!is_open) {
        line[n] = '\n';
        /* There is nobody to tell if it fails. */
        (void)!write(STDERR_FILENO, line, n + 1);
    }
}

void
nj_log_line(enum nj_log_type type, const char *fmt, ...)
{
    NJ_UNSET char line[NJ_LOG_LINE_MAX + 1];
    NJ_UNSET char stamp[NJ_LOG_STAMP_MAX];
    size_t stamp_n = nj_log_stamp(stamp);
    size_t n;
    va_list ap;

    va_start(ap, fmt);
    n = nj_log_line_write(line, stamp, stamp_n, fmt, ap);
    va_end(ap);
    say(type, line, n, stamp, stamp_n);
}

void
nj_log_text(enum nj_log_type type, struct nj_str text)
{
    NJ_UNSET char line[NJ_LOG_LINE_MAX + 1];
    NJ_UNSET char stamp[NJ_LOG_STAMP_MAX];
    size_t stamp_n = nj_log_stamp(stamp);

    say(type, line, nj_log_line_copy(line, stamp, stamp_n, text), stamp, stamp_n);
}

/* --- The log's thread --- */

static void
turn_on(enum nj_log_sink_kind kind, const struct nj_log_opts *opts, const struct change *c)
{
    struct nj_log_sink *s = &l.sink[kind];

    if (!s->is_on)
        *s = (struct nj_log_sink){.kind = kind, .is_on = true, .fd = -1, .tail = l.head};
    switch (kind) {
    case NJ_LOG_SINK_STDOUT:
        nj_log_sink_use(s, STDOUT_FILENO);
        break;
    case NJ_LOG_SINK_STDERR:
        nj_log_sink_use(s, STDERR_FILENO);
        break;
    case NJ_LOG_SINK_FILE:
        nj_log_sink_use(s, c->file_fd);
        break;
    case NJ_LOG_SINK_SYSLOG:
        nj_log_syslog_open(s, opts);
        break;
    case NJ_LOG_SINK_TOPIC:
        s->to_topic = opts->to_topic;
        s->topic_ctx = opts->topic_ctx;
        break;
    case NJ_LOG_SINK_COUNT:
        break;
    }
}

/* The file and syslog are closed in any case: they may have become others. */
static void
turn_off(enum nj_log_sink_kind kind, bool is_for_good)
{
    struct nj_log_sink *s = &l.sink[kind];

    if (!s->is_on)
        return;
    if (kind == NJ_LOG_SINK_FILE)
        (void)close(s->fd);
    if (kind == NJ_LOG_SINK_SYSLOG)
        nj_log_syslog_close(s);
    if (is_for_good) {
        nj_log_sink_skip(s, &l.ring, l.head);
        s->is_on = false;
    }
}

/* Under the lock, or alone. */
static void
apply(const struct change *c)
{
    const struct nj_log_opts *opts = c->opts;

    for (enum nj_log_sink_kind k = 0; k < NJ_LOG_SINK_COUNT; k++) {
        bool is_wanted = (opts->dests & (1u << k)) != 0;

        turn_off(k, !is_wanted);
        if (is_wanted)
            turn_on(k, opts, c);
    }
    l.rest_ms = opts->rest_ms > 0 ? opts->rest_ms : REST_MS;
}

/* Which lines there are from now on, and what they begin with. */
static void
set_lines(const struct nj_log_opts *opts)
{
    nj_log_stamp_set(opts->has_timestamp, opts->timestamp_format);
    /* Relaxed: see nj_log_is_on(). */
    atomic_store_explicit(&nj_log_types, opts->dests != 0 ? opts->types : 0, memory_order_relaxed);
}

static uint64_t
slowest(void)
{
    uint64_t tail = l.head;

    for (int k = 0; k < NJ_LOG_SINK_COUNT; k++)
        if (l.sink[k].is_on)
            tail = NJ_MIN(tail, l.sink[k].tail);
    return tail;
}

/* Under the lock: tell how far we are, and make room. */
static void
publish(void)
{
    uint64_t tail;

    for (int k = 0; k < NJ_LOG_SINK_COUNT; k++) {
        struct nj_log_sink *s = &l.sink[k];

        if (s->is_on && l.head - s->tail > NJ_LOG_RING_BYTES / 4 * 3)
            nj_log_sink_skip(s, &l.ring, l.head - NJ_LOG_RING_BYTES / 2);
    }
    tail = slowest();
    if (tail != l.tail)
        (void)pthread_cond_broadcast(&l.progress);
    l.tail = tail;
    if (l.tail == l.head)
        l.ring.origin = l.head;
}

/* Sleep until somebody says something or a destination can take more. */
static void
sleep_for_news(int timeout_ms)
{
    struct pollfd p[1 + NJ_LOG_SINK_COUNT] = {{l.wake_fd, POLLIN, 0}};
    nfds_t n = 1;
    uint64_t count;

    for (int k = 0; k < NJ_LOG_SINK_COUNT; k++)
        if (l.sink[k].is_on && l.sink[k].is_blocked)
            p[n++] = (struct pollfd){l.sink[k].fd, POLLOUT, 0};
    if (poll(p, n, timeout_ms) > 0 && p[0].revents != 0)
        (void)!read(l.wake_fd, &count, sizeof(count));
}

/* Under the lock. True if all is written, or nothing has been for too long. */
static bool
is_done(nj_time *patient_until, uint64_t *seen)
{
    nj_time now = nj_clock_monotonic_ms();

    if (*patient_until == 0 || l.tail != *seen) {
        *patient_until = now + PATIENCE_MS;
        *seen = l.tail;
    }
    return l.tail == l.head || now >= *patient_until;
}

/* How often the thread may still go to work for a single line; the thread's own. */
struct ration {
    int wakes;
    nj_time since; /* when one of them was last given back */
};

/* Under the lock. Whether there is one left for the next line, when this one has taken its own. */
static bool
take_ration(struct ration *r, bool had_lines)
{
    nj_time now = nj_clock_monotonic_ms();
    nj_time back = (now - r->since) / l.rest_ms;

    r->since += back * l.rest_ms;
    r->wakes = (int)NJ_MIN(r->wakes + back, WAKES_MAX);
    r->wakes -= had_lines && r->wakes > 0;
    return r->wakes > 0;
}

/* Under the lock: how long the thread is to sleep, at most; -1: until it is woken. */
static int
choose_pace(bool may_be_woken, bool has_news)
{
    l.pace = WRITING;
    if (has_news && (l.is_closing || is_filling() || l.is_urgent || may_be_woken))
        return 0;
    l.pace = may_be_woken ? ASLEEP : RESTING;
    if (l.is_closing)
        return PATIENCE_MS / 10;
    return l.pace == RESTING ? l.rest_ms : -1;
}

static void *
write_lines(void *arg)
{
    nj_time patient_until = 0;
    uint64_t seen = 0, head_before = 0;
    struct ration ration = {WAKES_MAX, nj_clock_monotonic_ms()};

    (void)pthread_mutex_lock(&l.lock);
    for (;;) {
        struct nj_log_ring ring = l.ring;
        uint64_t head = l.head;
        int timeout_ms;

        l.is_urgent = false;
        (void)pthread_mutex_unlock(&l.lock);
        for (int k = 0; k < NJ_LOG_SINK_COUNT; k++)
            if (l.sink[k].is_on)
                nj_log_sink_write(&l.sink[k], &ring, head);
        (void)pthread_mutex_lock(&l.lock);

        publish();
        if (l.change != NULL) {
            apply(l.change);
            set_lines(l.change->opts);
            l.change = NULL;
            (void)pthread_cond_broadcast(&l.progress);
        }
        if (l.is_closing && is_done(&patient_until, &seen))
            break;
        timeout_ms = choose_pace(take_ration(&ration, head != head_before), l.head != head);
        head_before = head;
        (void)pthread_mutex_unlock(&l.lock);
        if (timeout_ms != 0)
            sleep_for_news(timeout_ms);
        (void)pthread_mutex_lock(&l.lock);
        l.pace = WRITING;
    }
    l.is_open = false;
    for (enum nj_log_sink_kind k = 0; k < NJ_LOG_SINK_COUNT; k++)
        turn_off(k, true);
    (void)pthread_mutex_unlock(&l.lock);
    return arg;
}

/* --- Opening and closing --- */

static enum nj_err
prepare(struct change *c, const struct nj_log_opts *opts, struct nj_diag *diag)
{
    *c = (struct change){.opts = opts, .file_fd = -1};
    if (opts->timestamp_format != NULL && strlen(opts->timestamp_format) >= NJ_LOG_STAMP_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: The format of log timestamps is too long.");
    tzset();
    if (opts->dests & NJ_LOG_TO_FILE)
        return nj_log_file_open(&c->file_fd, opts->file, diag);
    return NJ_OK;
}

/* The log's thread takes no signals: they are for those who wait for them, and a pipe without a
 * reader is an error like others. */
static int
start_thread(void)
{
    sigset_t all, before;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&l.thread, NULL, write_lines, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        (void)pthread_setname_np(l.thread, "log");
    return rc;
}

static bool
acquire(void)
{
    if (l.wake_fd < 0)
        l.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l.wake_fd < 0)
        return false;
    /* Not from the heap: the ceiling over the heap is for what peers make us hold. */
    l.ring.p =
        mmap(NULL, NJ_LOG_RING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    l.head = l.tail = l.ring.origin = 0;
    return l.ring.p != MAP_FAILED;
}

enum nj_err
nj_log_open(const struct nj_log_opts *opts, struct nj_diag *diag)
{
    struct change c;
    enum nj_err err;

    NJ_ASSERT(!l.is_open);
    err = prepare(&c, opts, diag);
    if (err != NJ_OK)
        return err;
    if (acquire()) {
        apply(&c);
        l.is_closing = false;
        l.is_open = true;
        if (start_thread() == 0) {
            set_lines(opts);
            return NJ_OK;
        }
        l.is_open = false;
        for (enum nj_log_sink_kind k = 0; k < NJ_LOG_SINK_COUNT; k++)
            turn_off(k, true);
        (void)munmap(l.ring.p, NJ_LOG_RING_BYTES);
    } else if (c.file_fd >= 0)
        (void)close(c.file_fd);
    return nj_diag_fail(diag, NJ_ENOMEM, "Error: Unable to start the log: out of memory.");
}

enum nj_err
nj_log_reopen(const struct nj_log_opts *opts, struct nj_diag *diag)
{
    struct change c;
    enum nj_err err = prepare(&c, opts, diag);

    if (err != NJ_OK)
        return err;
    (void)pthread_mutex_lock(&l.lock);
    NJ_ASSERT(l.is_open);
    while (l.change != NULL) /* somebody else's */
        (void)pthread_cond_wait(&l.progress, &l.lock);
    l.change = &c;
    wake();
    while (l.change == &c)
        (void)pthread_cond_wait(&l.progress, &l.lock);
    (void)pthread_mutex_unlock(&l.lock);
    return NJ_OK;
}

void
nj_log_flush(void)
{
    uint64_t until, before = UINT64_MAX;

    (void)pthread_mutex_lock(&l.lock);
    until = l.head;
    l.is_urgent = true;
    if (l.is_open && l.pace == RESTING)
        wake();
    while (l.is_open && l.tail < until && l.tail != before) {
        nj_time at = nj_clock_monotonic_ms() + PATIENCE_MS;
        struct timespec ts = {at / 1000, at % 1000 * 1000000};

        before = l.tail;
        while (l.is_open && l.tail == before)
            if (pthread_cond_clockwait(&l.progress, &l.lock, CLOCK_MONOTONIC, &ts) != 0)
                break;
    }
    (void)pthread_mutex_unlock(&l.lock);
}

void
nj_log_close(void)
{
    bool was_open;

    (void)pthread_mutex_lock(&l.lock);
    was_open = l.is_open;
    l.is_closing = true;
    if (was_open)
        wake();
    (void)pthread_mutex_unlock(&l.lock);
    if (!was_open)
        return;
    (void)pthread_join(l.thread, NULL);
    (void)munmap(l.ring.p, NJ_LOG_RING_BYTES);
}

uint64_t
nj_log_dropped(void)
{
    return atomic_load_explicit(&nj_log_lost_lines, memory_order_relaxed);
}

uint64_t
nj_log_errors(void)
{
    return atomic_load_explicit(&nj_log_failed_writes, memory_order_relaxed);
}
