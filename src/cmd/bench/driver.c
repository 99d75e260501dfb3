/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/driver.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES       (256u << 10)
#define WRITE_BYTES      (256u << 10)
#define EVENTS           256
#define WAIT_MS          100 /* at most, since the phase may change */
#define LATE_MS          100
#define POLL_MS          5
#define TAG_WAKE         UINT64_MAX
#define TAG_IS_PUBLISHER (UINT64_C(1) << 63)

struct nj_driver {
    struct nj_crew *crew;
    struct nj_scene *scene;
    uint32_t index;
    pthread_t thread;
    int epoll_fd;
    int wake_fd;
    uint8_t *buffer;
    size_t buffer_bytes;
    _Atomic uint64_t *reached;  /* per publisher; UINT64_MAX: no subscriber of it lives here */
    bool has_moved;             /* in this turn */
    uint64_t slots_seen;        /* of the timetable: whose publishers have been asked */
    bool is_behind;             /* a publisher could not write all that is due */
    struct nj_latency *latency; /* owned */
    int64_t read_ns;            /* when the bytes at hand were read */
    struct nj_tally tally;
    uint64_t closed;
    uint64_t acked;        /* to its publishers */
    _Atomic uint64_t done; /* of both, what counts, at the end of the last turn */
    _Atomic bool is_idle;  /* nothing of its publishers' is under way */
};

static bool
has_rate(const struct nj_driver *d)
{
    return d->scene->opts.rate > 0;
}

static bool
is_measured(const struct nj_driver *d, int64_t when_ns)
{
    return when_ns >= d->crew->timetable.from_ns && when_ns < d->crew->timetable.end_ns;
}

/* Which thread a caller lives on: pairs together, the members of a share group all on the first
 * (they have one ledger), everything else dealt out. */
static uint32_t
publisher_home(const struct nj_scene *s, uint32_t i)
{
    return i % s->opts.threads;
}

static uint32_t
subscriber_home(const struct nj_scene *s, uint32_t i)
{
    return s->opts.scenario->is_shared ? 0 : i % s->opts.threads;
}

static void
watch(struct nj_driver *d, const struct nj_caller *p, uint64_t tag, int op)
{
    struct epoll_event e = {.events = EPOLLIN | (p->wants_write ? EPOLLOUT : 0), .data.u64 = tag};

    if (epoll_ctl(d->epoll_fd, op, p->fd, &e) != 0)
        nj_bench_die("cannot watch a connection");
}

/* Write what is there, and listen for room exactly as long as something stays behind. */
static void
flush(struct nj_driver *d, struct nj_caller *p, uint64_t tag)
{
    if (nj_caller_has_output(p))
        nj_caller_flush(p);
    if (!p->is_closed && p->wants_write != nj_caller_has_output(p)) {
        p->wants_write = !p->wants_write;
        watch(d, p, tag, EPOLL_CTL_MOD);
    }
}

static void
forget(struct nj_driver *d, const struct nj_caller *c)
{
    d->closed++;
    epoll_ctl(d->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

static void
answer(struct nj_caller *p, enum nj_wire_type type, uint16_t packet_id)
{
    nj_wire_ack_write(nj_caller_reserve(p, NJ_WIRE_ACK_BYTES), type, packet_id);
}

static void
note_latency(struct nj_driver *d, uint32_t publisher, uint64_t number)
{
    const struct nj_timetable *t = &d->crew->timetable;

    if (!has_rate(d) || number >= nj_timetable_share(t, publisher, d->crew->slots_in_all))
        return;

    int64_t due = nj_timetable_due_ns(t, publisher, number);

    if (is_measured(d, due))
        nj_histogram_see(&d->latency->arrival, d->read_ns - due);
}

static void
on_message(struct nj_driver *d, struct nj_subscriber *sub, const struct nj_wire_incoming *in)
{
    const struct nj_scene *s = d->scene;
    uint32_t head[2];
    uint64_t number;

    if (in->payload_bytes != s->opts.payload_bytes || in->qos != s->opts.qos) {
        d->tally.strange++;
        return;
    }
    memcpy(head, in->payload, sizeof(head));
    memcpy(&number, in->payload + sizeof(head), sizeof(number));
    if (head[0] != NJ_PAYLOAD_MAGIC || head[1] - sub->first >= sub->count ||
        memcmp(in->payload + NJ_PAYLOAD_HEAD_BYTES, s->filler,
               in->payload_bytes - NJ_PAYLOAD_HEAD_BYTES) != 0) {
        d->tally.strange++;
        return;
    }

    struct nj_lane *lane = &sub->lanes[head[1] - sub->first];

    note_latency(d, head[1], number);

    if (s->spreads == NULL) {
        nj_lane_see(lane, number, &d->tally);
        return;
    }
    /* A member of a share group sees some of the numbers, in order. */
    if (number < lane->next)
        d->tally.reordered++;
    else
        lane->next = number + 1;
    nj_spread_see(&s->spreads[head[1]], number, &d->tally);
}

static void
on_subscriber_packet(struct nj_driver *d, void *who, const struct nj_wire_frame *f)
{
    struct nj_subscriber *sub = who;
    struct nj_wire_incoming in;
    uint16_t packet_id;
    uint8_t reason;

    if (f->type == NJ_WIRE_PUBLISH && nj_wire_incoming_read(f, sub->caller.version, &in)) {
        on_message(d, sub, &in);
        if (in.qos > 0)
            answer(&sub->caller, in.qos == 1 ? NJ_WIRE_PUBACK : NJ_WIRE_PUBREC, in.packet_id);
    } else if (f->type == NJ_WIRE_PUBREL && nj_wire_ack_read(f, &packet_id, &reason)) {
        answer(&sub->caller, NJ_WIRE_PUBCOMP, packet_id);
    } else {
        d->tally.strange++;
    }
}

/* An acknowledgement of a publisher's, in the order of its messages. [MQTT5-4.6.0-2]
 * [MQTT5-4.6.0-3] */
static bool
take_ack(struct nj_driver *d, struct nj_publisher *p, const struct nj_wire_frame *f)
{
    uint16_t packet_id;
    uint8_t reason;

    if (!nj_wire_ack_read(f, &packet_id, &reason) || reason >= 0x80)
        return false;
    if (f->type == (d->scene->opts.qos == 1 ? NJ_WIRE_PUBACK : NJ_WIRE_PUBCOMP)) {
        int64_t written = p->written_ns[p->acked % p->window];

        if (is_measured(d, written))
            nj_histogram_see(&d->latency->ack, d->read_ns - written);
        d->has_moved = true;
        d->acked++;
        return packet_id == nj_wire_packet_id_of(p->acked++);
    }
    if (f->type != NJ_WIRE_PUBREC)
        return false;
    answer(&p->caller, NJ_WIRE_PUBREL, packet_id);
    return packet_id == nj_wire_packet_id_of(p->released++);
}

static void
on_publisher_packet(struct nj_driver *d, void *who, const struct nj_wire_frame *f)
{
    if (!take_ack(d, who, f))
        d->tally.strange++;
}

static void
move_reached(struct nj_driver *d, uint32_t publisher, uint64_t number)
{
    /* Relaxed: the number is all that is shared. Lanes and spreads stay with this thread, and a
     * publisher that sees an old number only waits longer. */
    atomic_store_explicit(&d->reached[publisher], number, memory_order_relaxed);
    d->has_moved = true;
}

/* How far every subscriber of this thread has come with the one publisher they all hear. */
static uint64_t
slowest_lane(const struct nj_driver *d, uint32_t publisher)
{
    const struct nj_scene *s = d->scene;
    uint64_t slowest = UINT64_MAX;

    for (uint32_t i = d->index; i < s->opts.subscribers; i += s->opts.threads) {
        uint64_t next = s->subscribers[i].lanes[publisher].next;

        slowest = NJ_MIN(slowest, next);
    }
    return slowest;
}

static void
note_progress(struct nj_driver *d, const struct nj_subscriber *sub)
{
    const struct nj_scene *s = d->scene;

    for (uint32_t k = 0; k < sub->count; k++) {
        uint32_t publisher = sub->first + k;

        if (s->spreads != NULL)
            move_reached(d, publisher, s->spreads[publisher].floor);
        else
            move_reached(d, publisher, sub->lanes[k].next);
    }
}

/* Several subscribers that must all get everything: the slowest of them counts. */
static bool
is_broadcast(const struct nj_scene *s)
{
    return s->spreads == NULL && !s->opts.scenario->is_paired && s->opts.subscribers > 1 &&
           !s->opts.is_offline;
}

static void
note_broadcast_progress(struct nj_driver *d)
{
    for (uint32_t i = 0; i < d->scene->opts.publishers; i++)
        move_reached(d, i, slowest_lane(d, i));
}

typedef void (*packet_fn)(struct nj_driver *d, void *who, const struct nj_wire_frame *f);

/* Everything that lies in the socket, up to one buffer full; then what that makes us say. */
static void
serve(struct nj_driver *d, struct nj_caller *c, uint64_t tag, packet_fn on_packet, void *who)
{
    size_t n = nj_caller_read(c, d->buffer, d->buffer_bytes);
    size_t at = 0;
    struct nj_wire_frame f;
    long length;

    if (has_rate(d) || d->scene->opts.qos > 0)
        d->read_ns = nj_clock_monotonic_ns();

    while ((length = nj_wire_frame_next(d->buffer + at, n - at, &f)) > 0) {
        on_packet(d, who, &f);
        at += (size_t)length;
    }
    if (length < 0) {
        d->tally.strange++;
        c->is_closed = true;
    } else if (at < n) {
        nj_caller_keep(c, d->buffer + at, n - at);
    }
    flush(d, c, tag);
    if (c->is_closed)
        forget(d, c);
}

static void
on_event(struct nj_driver *d, const struct epoll_event *e)
{
    uint64_t tag = e->data.u64;
    uint64_t wakes;

    if (tag == TAG_WAKE) {
        (void)!read(d->wake_fd, &wakes, sizeof(wakes));
    } else if ((tag & TAG_IS_PUBLISHER) != 0) {
        struct nj_publisher *p = &d->scene->publishers[(uint32_t)tag];

        serve(d, &p->caller, tag, on_publisher_packet, p);
    } else {
        struct nj_subscriber *sub = &d->scene->subscribers[tag];

        serve(d, &sub->caller, tag, on_subscriber_packet, sub);
        if (!is_broadcast(d->scene))
            note_progress(d, sub);
    }
}

static uint64_t
under_way(const struct nj_driver *d, const struct nj_publisher *p, uint32_t index)
{
    uint64_t done = d->scene->opts.qos > 0 ? p->acked : p->sent;

    for (uint32_t i = 0; i < d->crew->count; i++) {
        uint64_t reached =
            atomic_load_explicit(&d->crew->drivers[i].reached[index], memory_order_relaxed);

        done = NJ_MIN(done, reached);
    }
    return p->sent - done;
}

static void
write_messages(struct nj_publisher *p, uint64_t count)
{
    const struct nj_wire_stencil *s = &p->stencil;
    int64_t now = p->written_ns != NULL ? nj_clock_monotonic_ns() : 0;
    uint8_t *out = nj_caller_reserve(&p->caller, count * s->n);

    for (uint64_t end = p->sent + count; p->sent < end; p->sent++, out += s->n) {
        uint16_t packet_id = nj_wire_packet_id_of(p->sent);

        memcpy(out, s->bytes, s->n);
        memcpy(out + s->payload_at + sizeof(uint32_t[2]), &p->sent, sizeof(p->sent));
        if (s->packet_id_at > 0) {
            out[s->packet_id_at] = (uint8_t)(packet_id >> 8);
            out[s->packet_id_at + 1] = (uint8_t)packet_id;
            p->written_ns[p->sent % p->window] = now;
        }
    }
}

/* Write as much as the window has room for of what `p` has due; false when something stays behind.
 */
static bool
write_due(struct nj_driver *d, uint32_t index, uint64_t slots, int64_t now)
{
    const struct nj_timetable *t = &d->crew->timetable;
    struct nj_publisher *p = &d->scene->publishers[index];
    uint64_t due = nj_timetable_share(t, index, slots) - p->sent;

    if (due == 0 || p->caller.is_closed)
        return true;
    if (nj_caller_has_output(&p->caller))
        return false;

    uint64_t free = p->window - under_way(d, p, index);
    uint64_t count = NJ_MIN(NJ_MIN(due, free), NJ_MAX(WRITE_BYTES / p->stencil.n, 1u));

    for (uint64_t i = 0; i < count; i++) {
        int64_t at = nj_timetable_due_ns(t, index, p->sent + i);

        if (at >= t->from_ns)
            nj_histogram_see(&d->latency->sending, now - at);
    }
    if (count > 0) {
        write_messages(p, count);
        flush(d, &p->caller, TAG_IS_PUBLISHER | index);
    }
    return count == due;
}

/* What is due now. Publishers are asked in the order in which their slots come, so that a thousand
 * of them cost a turn no more than those that have something to say; all, when some are behind. */
static void
publish_due(struct nj_driver *d)
{
    const struct nj_scene *s = d->scene;
    int64_t now = nj_clock_monotonic_ns();
    uint64_t slots = nj_timetable_slots(&d->crew->timetable, now);
    uint64_t from = d->slots_seen;

    d->slots_seen = slots;
    if (!d->is_behind && slots - from < s->opts.publishers) {
        for (uint64_t slot = from; slot < slots; slot++) {
            uint32_t i = (uint32_t)(slot % s->opts.publishers);

            if (publisher_home(s, i) == d->index && !write_due(d, i, slots, now))
                d->is_behind = true;
        }
        return;
    }
    d->is_behind = false;
    for (uint32_t i = d->index; i < s->opts.publishers; i += s->opts.threads)
        if (!write_due(d, i, slots, now))
            d->is_behind = true;
}

/* How much of a rate is not done: due and not sent, or under way. */
static uint64_t
left_of_rate(const struct nj_driver *d)
{
    const struct nj_scene *s = d->scene;
    uint64_t slots = d->crew->slots_in_all;
    uint64_t sum = 0;

    for (uint32_t i = d->index; i < s->opts.publishers; i += s->opts.threads) {
        const struct nj_publisher *p = &s->publishers[i];

        sum += nj_timetable_share(&d->crew->timetable, i, slots) - p->sent + under_way(d, p, i);
    }
    return sum;
}

/* Returns how many of its publishers' messages are under way. */
static uint64_t
publish(struct nj_driver *d, bool is_flowing)
{
    const struct nj_scene *s = d->scene;
    uint64_t sum = 0;

    for (uint32_t i = d->index; i < s->opts.publishers; i += s->opts.threads) {
        struct nj_publisher *p = &s->publishers[i];
        uint64_t busy = under_way(d, p, i);
        uint64_t most = NJ_MAX(WRITE_BYTES / p->stencil.n, 1u);
        uint64_t free = p->window - busy;

        sum += busy;
        if (!is_flowing || p->caller.is_closed || nj_caller_has_output(&p->caller) ||
            free < NJ_MIN(p->batch, most))
            continue;
        write_messages(p, NJ_MIN(free, most));
        flush(d, &p->caller, TAG_IS_PUBLISHER | i);
        sum++;
    }
    return sum;
}

static void
wake_others(const struct nj_driver *d)
{
    for (uint32_t i = 0; i < d->crew->count; i++)
        if (i != d->index)
            (void)!write(d->crew->drivers[i].wake_fd, &(uint64_t){1}, sizeof(uint64_t));
}

static void
sleep_until_ns(int64_t when)
{
    struct timespec t = {when / 1000000000, when % 1000000000};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* One turn's publishing. Returns 0 when nothing is left to do for this phase. */
static uint64_t
speak(struct nj_driver *d, bool is_flowing)
{
    if (!has_rate(d))
        return publish(d, is_flowing);
    publish_due(d);
    return is_flowing ? 1 : left_of_rate(d);
}

/* For something to read, or the next message to be due. */
static int
wait_for_events(struct nj_driver *d, struct epoll_event *events)
{
    const struct nj_timetable *t = &d->crew->timetable;
    int64_t left = WAIT_MS * INT64_C(1000000);

    if (has_rate(d) && !d->is_behind) {
        int64_t next = nj_timetable_slot_ns(t, d->slots_seen);

        if (next < t->end_ns) {
            int64_t until = next - nj_clock_monotonic_ns();

            left = until < 0 ? 0 : NJ_MIN(left, until);
        }
    }

    struct timespec limit = {left / 1000000000, left % 1000000000};

    return epoll_pwait2(d->epoll_fd, events, EVENTS, &limit, NULL);
}

/* What came together with a CONNACK: nothing else may ever come. */
static void
take_what_is_there(struct nj_driver *d)
{
    const struct nj_scene *s = d->scene;

    for (uint32_t i = 0; i < s->opts.subscribers; i++)
        if (subscriber_home(s, i) == d->index && nj_caller_has_packet(&s->subscribers[i].caller))
            on_event(d, &(struct epoll_event){.data.u64 = i});
}

static void *
drive(void *arg)
{
    struct nj_driver *d = arg;
    int64_t turn_ns = d->scene->opts.turn_us * INT64_C(1000);
    struct epoll_event events[EVENTS];

    prctl(PR_SET_TIMERSLACK, 1000);
    take_what_is_there(d);
    for (;;) {
        int64_t began = nj_clock_monotonic_ns();
        int phase = atomic_load_explicit(&d->crew->phase, memory_order_relaxed);

        if (phase == NJ_PHASE_END)
            return NULL;

        uint64_t busy = speak(d, phase == NJ_PHASE_FLOW);

        atomic_store_explicit(&d->is_idle, busy == 0, memory_order_relaxed);
        atomic_store_explicit(&d->done, d->scene->opts.is_offline ? d->acked : d->tally.delivered,
                              memory_order_relaxed);
        if (d->has_moved && d->crew->count > 1 && !d->scene->opts.scenario->is_paired)
            wake_others(d);
        d->has_moved = false;
        if (turn_ns > 0)
            sleep_until_ns(began + turn_ns);

        int n = wait_for_events(d, events);

        if (n < 0 && errno != EINTR)
            nj_bench_die("cannot wait");
        for (int i = 0; i < n; i++)
            on_event(d, &events[i]);
        if (n > 0 && is_broadcast(d->scene))
            note_broadcast_progress(d);
    }
}

static void
set_up(struct nj_crew *c, uint32_t index)
{
    struct nj_driver *d = &c->drivers[index];
    struct nj_scene *s = c->scene;
    struct nj_caller wake;

    *d = (struct nj_driver){.crew = c, .scene = s, .index = index};
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->buffer_bytes = NJ_MAX(READ_BYTES, 2u * s->opts.payload_bytes);
    d->buffer = nj_alloc(d->buffer_bytes);
    d->reached = nj_alloc_array(s->opts.publishers, sizeof(*d->reached));
    if (d->epoll_fd < 0 || d->wake_fd < 0 || d->buffer == NULL || d->reached == NULL)
        nj_bench_die("cannot set up a thread");
    d->latency = nj_zalloc(sizeof(*d->latency));
    NJ_ASSERT(d->latency != NULL);
    wake = (struct nj_caller){.fd = d->wake_fd};
    watch(d, &wake, TAG_WAKE, EPOLL_CTL_ADD);

    for (uint32_t i = 0; i < s->opts.publishers; i++) {
        atomic_init(&d->reached[i], UINT64_MAX);
        if (publisher_home(s, i) == index)
            watch(d, &s->publishers[i].caller, TAG_IS_PUBLISHER | i, EPOLL_CTL_ADD);
    }
    for (uint32_t i = 0; i < s->opts.subscribers && !s->opts.is_offline; i++) {
        const struct nj_subscriber *sub = &s->subscribers[i];

        if (subscriber_home(s, i) != index)
            continue;
        watch(d, &sub->caller, i, EPOLL_CTL_ADD);
        for (uint32_t k = 0; k < sub->count; k++)
            atomic_init(&d->reached[sub->first + k], 0);
    }
}

void
nj_crew_start(struct nj_crew *c, struct nj_scene *scene, bool flows, uint32_t warmup_ms,
              uint32_t measure_ms)
{
    uint32_t count = scene->opts.threads;

    c->scene = scene;
    c->count = count;
    atomic_init(&c->phase, flows ? NJ_PHASE_FLOW : NJ_PHASE_DRAIN);
    c->drivers = nj_alloc_array(count, sizeof(*c->drivers));
    NJ_ASSERT(c->drivers != NULL);
    for (uint32_t i = 0; i < count; i++)
        set_up(c, i);
    c->timetable = (struct nj_timetable){.start_ns = nj_clock_monotonic_ns(),
                                         .rate = scene->opts.rate,
                                         .burst = scene->opts.burst,
                                         .publishers = scene->opts.publishers};
    c->timetable.from_ns = c->timetable.start_ns + warmup_ms * INT64_C(1000000);
    c->timetable.end_ns = c->timetable.from_ns + measure_ms * INT64_C(1000000);
    if (scene->opts.rate > 0)
        c->slots_in_all = nj_timetable_slots(&c->timetable, INT64_MAX);
    for (uint32_t i = 0; i < count; i++) {
        errno = pthread_create(&c->drivers[i].thread, NULL, drive, &c->drivers[i]);
        if (errno != 0)
            nj_bench_die("cannot start a thread");
    }
}

uint64_t
nj_crew_done(const struct nj_crew *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->count; i++)
        sum += atomic_load_explicit(&c->drivers[i].done, memory_order_relaxed);
    return sum;
}

static bool
is_all_idle(const struct nj_crew *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!atomic_load_explicit(&c->drivers[i].is_idle, memory_order_relaxed))
            return false;
    return true;
}

static void
pause_ms(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

bool
nj_crew_drain(struct nj_crew *c, int patience_ms)
{
    uint64_t before = nj_crew_done(c);
    int quiet_ms = 0;

    atomic_store_explicit(&c->phase, NJ_PHASE_DRAIN, memory_order_relaxed);
    while (!is_all_idle(c) && quiet_ms < patience_ms) {
        pause_ms(POLL_MS);

        uint64_t now = nj_crew_done(c);

        quiet_ms = now == before ? quiet_ms + POLL_MS : 0;
        before = now;
    }
    return is_all_idle(c);
}

void
nj_crew_join(struct nj_crew *c, struct nj_tally *t, uint64_t *closed, struct nj_latency *latency)
{
    pause_ms(LATE_MS);
    atomic_store_explicit(&c->phase, NJ_PHASE_END, memory_order_relaxed);
    for (uint32_t i = 0; i < c->count; i++)
        (void)!write(c->drivers[i].wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    /* Each reads what the others have reached: nothing is freed before all have ended. */
    for (uint32_t i = 0; i < c->count; i++)
        pthread_join(c->drivers[i].thread, NULL);
    for (uint32_t i = 0; i < c->count; i++) {
        struct nj_driver *d = &c->drivers[i];

        nj_tally_add(t, &d->tally);
        *closed += d->closed;
        nj_histogram_add(&latency->arrival, &d->latency->arrival);
        nj_histogram_add(&latency->sending, &d->latency->sending);
        nj_histogram_add(&latency->ack, &d->latency->ack);
        nj_free(d->latency);
        close(d->epoll_fd);
        close(d->wake_fd);
        nj_free(d->buffer);
        nj_free(d->reached);
    }
    nj_free(c->drivers);
    c->drivers = NULL;
}
