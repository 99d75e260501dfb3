/* SPDX-License-Identifier: Apache-2.0 */
#include "store/intake.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdalign.h>
#include <time.h>

#define RENEW_BYTES ((size_t)256 << 10) /* of a batch in which nothing lives */
#define CACHE_LINE  64u

struct home {
    struct nj_store_port port;
    struct nj_intake *intake;
    uint16_t id;
    _Atomic uint64_t safe;
    _Atomic bool is_told; /* it was woken, and has not asked since */

    /* under the mutex */
    alignas(CACHE_LINE) uint64_t appended;
    struct nj_entry *front;   /* the oldest that is not safe; NULL: all are */
    struct nj_entry *last[2]; /* of each batch */
    struct nj_entry *first[2];
    struct nj_body *body; /* the last one, in the open batch */
    uint64_t passed;      /* the last of the dead that the open batch has forgotten */
    bool is_to_wake;      /* the writer's */
};

struct nj_intake {
    pthread_mutex_t mutex; /* over all that is not atomic */
    pthread_cond_t news;   /* for the writer */
    struct nj_batch batches[2];
    unsigned open; /* the one that is being filled */
    bool is_in_hand, is_prompt, is_stopping;
    bool is_waiting;            /* the writer, for news */
    bool is_gathering;          /* … if they are much */
    size_t full_bytes, ceiling; /* as given; as it is now */
    struct nj_stock stock;
    void (*wake)(void *ctx, uint16_t home);
    void *wake_ctx;
    _Atomic bool is_full, doubts_ends, has_failed; /* change under the mutex */
    _Atomic bool is_much, is_large; /* the open batch: half of the ceiling, all of it */
    _Atomic uint64_t most_bytes;    /* that one change may have */
    uint16_t home_count;
    struct home homes[];
};

static int64_t
clock_offset(void)
{
    return nj_clock_wall_ms() - nj_clock_monotonic_ms();
}

/* --- what is safe --- */

/* Release: with the number goes all that made it safe. True: the home is to be woken. */
static bool
publish(struct home *home, uint64_t number)
{
    atomic_store_explicit(&home->safe, number, memory_order_seq_cst);
    /* Sequentially consistent with safe(): either it reads the number, or we read that it has
     * asked since it was last told. */
    return !atomic_exchange_explicit(&home->is_told, true, memory_order_seq_cst);
}

/* The one that its home appended after `e`, and in *number what is safe when `e` is. */
static struct nj_entry *
after(const struct nj_intake *in, const struct home *home, const struct nj_entry *e,
      uint64_t *number)
{
    *number = e->number;
    if (e->next_of_home != NULL || e != home->last[!in->open])
        return e->next_of_home;
    *number = NJ_MAX(*number, home->passed);
    return home->first[in->open];
}

/* The dead at the front are safe. The last of them; 0: there is none. */
static uint64_t
pass_dead(const struct nj_intake *in, struct home *home)
{
    uint64_t number = 0;

    while (home->front != NULL && home->front->is_dead)
        home->front = after(in, home, home->front, &number);
    return number;
}

static uint64_t
safe(struct nj_store_port *port)
{
    struct home *home = nj_container_of(port, struct home, port);

    /* See publish(). The exchange is only for who has been told: others pay a load. */
    if (atomic_load_explicit(&home->is_told, memory_order_relaxed))
        (void)atomic_exchange_explicit(&home->is_told, false, memory_order_seq_cst);
    return atomic_load_explicit(&home->safe, memory_order_seq_cst);
}

static bool
is_full(struct nj_store_port *port, size_t bytes)
{
    const struct nj_intake *in = nj_container_of(port, struct home, port)->intake;

    /* Relaxed: a limit, that may be passed by what is under way. */
    return atomic_load_explicit(&in->is_full, memory_order_relaxed) ||
           bytes > atomic_load_explicit(&in->most_bytes, memory_order_relaxed) ||
           atomic_load_explicit(&in->is_large, memory_order_relaxed) ||
           atomic_load_explicit(&in->stock.is_short, memory_order_relaxed);
}

static bool
is_busy(struct nj_store_port *port)
{
    const struct nj_intake *in = nj_container_of(port, struct home, port)->intake;

    /* Relaxed: as is_full(). */
    return atomic_load_explicit(&in->is_much, memory_order_relaxed) &&
           !atomic_load_explicit(&in->is_full, memory_order_relaxed);
}

static bool
doubts_ends(struct nj_store_port *port)
{
    const struct nj_intake *in = nj_container_of(port, struct home, port)->intake;

    /* Relaxed: what the home has appended before it asks, under the mutex, is what counts: either
     * that was before they were trusted again, and is taken first, or it sees that they are. */
    return atomic_load_explicit(&in->doubts_ends, memory_order_relaxed);
}

bool
nj_intake_has_failed(const struct nj_intake *in)
{
    /* Relaxed: it says that nothing comes, and nothing comes with it. */
    return atomic_load_explicit(&in->has_failed, memory_order_relaxed);
}

static bool
has_failed(struct nj_store_port *port)
{
    return nj_intake_has_failed(nj_container_of(port, struct home, port)->intake);
}

/* Under the mutex. */
static void
fail(struct nj_intake *in)
{
    atomic_store_explicit(&in->has_failed, true, memory_order_relaxed);
    atomic_store_explicit(&in->is_full, true, memory_order_relaxed);
}

/* --- appending --- */

static bool
is_much(const struct nj_intake *in, size_t bytes)
{
    return bytes > in->ceiling / 2;
}

/* Of the open batch, for homes to ask. */
static void
set_size(struct nj_intake *in, size_t bytes)
{
    atomic_store_explicit(&in->is_much, is_much(in, bytes), memory_order_relaxed);
    atomic_store_explicit(&in->is_large, bytes > in->ceiling, memory_order_relaxed);
}

/* Nothing of the open batch lives: begin it anew, before it grows. */
static void
renew(struct nj_intake *in, struct nj_batch *b)
{
    uint64_t cancelled = b->cancelled;

    for (unsigned i = 0; i < in->home_count; i++) {
        struct home *home = &in->homes[i];

        if (home->last[in->open] != NULL)
            home->passed = home->last[in->open]->number;
        home->first[in->open] = home->last[in->open] = NULL;
        home->body = NULL;
    }
    nj_pages_free(nj_batch_take_pages(b, &in->stock));
    nj_batch_clear(b);
    b->cancelled = cancelled;
    set_size(in, 0);
}

/* Enter it as the last one. The home that has something safe by it, to be woken; or NULL. */
static struct home *
enter(struct nj_intake *in, struct nj_batch *b, struct home *home, struct nj_entry *e)
{
    struct nj_entry *last = home->last[in->open];
    struct nj_entry *cancelled;
    struct home *other;
    uint64_t number;

    nj_batch_enter(b, e);
    if (last != NULL)
        last->next_of_home = e;
    else
        home->first[in->open] = e;
    home->last[in->open] = e;
    if (home->front == NULL && !in->is_prompt)
        home->front = e;

    cancelled = nj_batch_cancel(b, e);
    if (cancelled == NULL || in->is_prompt)
        return NULL;
    other = &in->homes[cancelled->home];
    number = pass_dead(in, home);
    if (number > 0) /* it asks without being woken */
        atomic_store_explicit(&home->safe, number, memory_order_seq_cst);
    number = pass_dead(in, other);
    return number > 0 && publish(other, number) ? other : NULL;
}

/* Whether the writer has waited for this. */
static bool
is_news(const struct nj_intake *in, const struct nj_batch *b)
{
    return in->is_waiting && b->living > 0 && (!in->is_gathering || is_much(in, b->bytes));
}

/* The home to be woken, or NULL. */
static struct home *
take_change(struct nj_intake *in, struct home *home, const struct nj_change *change)
{
    struct nj_batch *b = &in->batches[in->open];
    struct home *to_wake;
    struct nj_entry *e;

    if (b->first == NULL) /* not when it was opened: a clock may have been set since */
        b->offset_ms = clock_offset();
    e = nj_batch_copy(b, &in->stock, change, &home->body);
    if (NJ_UNLIKELY(e == NULL)) {
        nj_log(NJ_LOG_ERROR, "Out of memory. The store has lost a change and has stopped: nothing "
                             "that needs it is acknowledged any more. Start again.");
        fail(in);
        return NULL;
    }
    e->number = home->appended;
    e->home = home->id;
    to_wake = enter(in, b, home, e);
    if (in->is_prompt)
        atomic_store_explicit(&home->safe, e->number, memory_order_seq_cst);
    if (b->living == 0 && (b->bytes > RENEW_BYTES || is_much(in, b->bytes)))
        renew(in, b);
    if (NJ_UNLIKELY(is_much(in, b->bytes)))
        set_size(in, b->bytes);
    return to_wake;
}

static uint64_t
append(struct nj_store_port *port, const struct nj_change *change)
{
    struct home *home = nj_container_of(port, struct home, port);
    struct nj_intake *in = home->intake;
    struct home *to_wake = NULL;
    bool is_for_writer = false;
    uint64_t number;

    (void)pthread_mutex_lock(&in->mutex);
    number = ++home->appended;
    if (NJ_LIKELY(!in->has_failed)) {
        to_wake = take_change(in, home, change);
        is_for_writer = is_news(in, &in->batches[in->open]);
        if (is_for_writer)
            in->is_waiting = false;
    }
    (void)pthread_mutex_unlock(&in->mutex);

    if (is_for_writer)
        (void)pthread_cond_signal(&in->news);
    if (to_wake != NULL && in->wake != NULL)
        in->wake(in->wake_ctx, to_wake->id);
    return number;
}

/* --- the writer's side --- */

/* Under the mutex. */
static void
wait_until(struct nj_intake *in, nj_time until)
{
    const struct timespec at = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};

    if (until == NJ_NEVER)
        (void)pthread_cond_wait(&in->news, &in->mutex);
    else
        (void)pthread_cond_timedwait(&in->news, &in->mutex, &at);
}

static struct nj_batch *
take_in_hand(struct nj_intake *in)
{
    struct nj_batch *b = &in->batches[in->open];

    NJ_ASSERT(!in->is_in_hand);
    in->is_in_hand = true;
    in->open = !in->open;
    for (unsigned i = 0; i < in->home_count; i++)
        in->homes[i].body = NULL;
    set_size(in, 0);
    return b;
}

struct nj_batch *
nj_intake_take(struct nj_intake *in, nj_time since, nj_time until, bool *is_stopping)
{
    struct nj_batch *taken = NULL;

    (void)pthread_mutex_lock(&in->mutex);
    for (;;) {
        const struct nj_batch *b = &in->batches[in->open];
        nj_time now = nj_clock_monotonic_ms();

        if (b->living > 0 && (now >= since || is_much(in, b->bytes) || in->is_stopping)) {
            taken = take_in_hand(in);
            break;
        }
        if (now >= until || in->is_stopping)
            break;
        in->is_waiting = true;
        in->is_gathering = since > now;
        wait_until(in, in->is_gathering ? NJ_MIN(since, until) : until);
        in->is_waiting = false;
    }
    *is_stopping = in->is_stopping;
    (void)pthread_mutex_unlock(&in->mutex);
    return taken;
}

/* Under the mutex: true: it is to be woken. */
static bool
commit_of_home(struct nj_intake *in, struct home *home, const struct nj_entry *last)
{
    uint64_t number, dead;

    /* What was dead at its front is safe already, and may be all it has. */
    if (last->number <= atomic_load_explicit(&home->safe, memory_order_relaxed))
        return false;
    home->front = after(in, home, last, &number);
    dead = pass_dead(in, home);
    return publish(home, NJ_MAX(number, dead));
}

void
nj_intake_commit(struct nj_intake *in, struct nj_entry *const *last)
{
    (void)pthread_mutex_lock(&in->mutex);
    for (unsigned i = 0; i < in->home_count; i++) {
        struct home *home = &in->homes[i];

        home->is_to_wake = last[i] != NULL && !in->is_prompt && !in->has_failed &&
                           commit_of_home(in, home, last[i]);
    }
    (void)pthread_mutex_unlock(&in->mutex);

    for (unsigned i = 0; i < in->home_count && in->wake != NULL; i++) {
        if (in->homes[i].is_to_wake)
            in->wake(in->wake_ctx, (uint16_t)i);
    }
}

void
nj_intake_done(struct nj_intake *in)
{
    struct nj_page *pages;
    struct nj_batch *b;
    unsigned which;

    (void)pthread_mutex_lock(&in->mutex);
    NJ_ASSERT(in->is_in_hand);
    which = !in->open;
    b = &in->batches[which];
    pages = nj_batch_take_pages(b, &in->stock);
    for (unsigned i = 0; i < in->home_count; i++) {
        in->homes[i].first[which] = in->homes[i].last[which] = NULL;
        if (in->has_failed)
            in->homes[i].front = NULL;
    }
    in->is_in_hand = false;
    (void)pthread_mutex_unlock(&in->mutex);

    /* Nobody's but ours until it is filled again. */
    nj_pages_free(pages);
    nj_batch_clear(b);
}

bool
nj_intake_rest(struct nj_intake *in, nj_time until)
{
    bool is_stopping;

    (void)pthread_mutex_lock(&in->mutex);
    while (!in->is_stopping && nj_clock_monotonic_ms() < until)
        wait_until(in, until);
    is_stopping = in->is_stopping;
    (void)pthread_mutex_unlock(&in->mutex);
    return is_stopping;
}

void
nj_intake_set_full(struct nj_intake *in, bool is_full_now, bool doubts_ends_now,
                   uint64_t ceiling_bytes)
{
    (void)pthread_mutex_lock(&in->mutex);
    in->ceiling = (size_t)NJ_MIN(ceiling_bytes, (uint64_t)in->full_bytes);
    atomic_store_explicit(&in->most_bytes, ceiling_bytes / 2, memory_order_relaxed);
    atomic_store_explicit(&in->is_full, is_full_now || in->has_failed, memory_order_relaxed);
    atomic_store_explicit(&in->doubts_ends, doubts_ends_now, memory_order_relaxed);
    (void)pthread_mutex_unlock(&in->mutex);
}

void
nj_intake_fail(struct nj_intake *in)
{
    (void)pthread_mutex_lock(&in->mutex);
    fail(in);
    (void)pthread_mutex_unlock(&in->mutex);
    for (unsigned i = 0; i < in->home_count && in->wake != NULL; i++)
        in->wake(in->wake_ctx, (uint16_t)i);
}

void
nj_intake_stop(struct nj_intake *in)
{
    (void)pthread_mutex_lock(&in->mutex);
    in->is_stopping = true;
    (void)pthread_cond_signal(&in->news);
    (void)pthread_mutex_unlock(&in->mutex);
}

/* --- life --- */

static const struct nj_store_ops ops = {append,  safe,       is_full, doubts_ends,
                                        is_busy, has_failed, true};

enum nj_err
nj_intake_new(struct nj_intake **out, const struct nj_intake_opts *opts)
{
    size_t bytes = sizeof(struct nj_intake) + opts->home_count * sizeof(struct home);
    struct nj_intake *in = nj_zalloc_aligned(CACHE_LINE, bytes);
    pthread_condattr_t monotonic;

    if (in == NULL)
        return NJ_ENOMEM;
    (void)pthread_mutex_init(&in->mutex, NULL);
    NJ_ASSERT(pthread_condattr_init(&monotonic) == 0);
    NJ_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    NJ_ASSERT(pthread_cond_init(&in->news, &monotonic) == 0);
    NJ_ASSERT(pthread_condattr_destroy(&monotonic) == 0);
    in->is_prompt = opts->is_prompt;
    in->full_bytes = in->ceiling = opts->full_bytes;
    atomic_init(&in->most_bytes, UINT64_MAX);
    in->home_count = opts->home_count;
    nj_batch_init(&in->batches[0]);
    nj_batch_init(&in->batches[1]);
    if (!nj_stock_init(&in->stock)) {
        nj_intake_free(in);
        return NJ_ENOMEM;
    }
    for (uint16_t i = 0; i < opts->home_count; i++) {
        in->homes[i].port.ops = &ops;
        in->homes[i].intake = in;
        in->homes[i].id = i;
    }
    *out = in;
    return NJ_OK;
}

void
nj_intake_free(struct nj_intake *in)
{
    if (in == NULL)
        return;
    nj_batch_fini(&in->batches[0]);
    nj_batch_fini(&in->batches[1]);
    nj_stock_fini(&in->stock);
    (void)pthread_cond_destroy(&in->news);
    (void)pthread_mutex_destroy(&in->mutex);
    nj_free(in);
}

struct nj_store_port *
nj_intake_port(struct nj_intake *in, uint16_t home)
{
    NJ_ASSERT(home < in->home_count);
    return &in->homes[home].port;
}

void
nj_intake_wake_by(struct nj_intake *in, void (*wake)(void *ctx, uint16_t home), void *ctx)
{
    in->wake = wake;
    in->wake_ctx = ctx;
}
