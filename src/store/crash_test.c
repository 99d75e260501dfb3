/* SPDX-License-Identifier: Apache-2.0 */
/* Random changes against a model that applies them to arrays, with ends of all kinds between. After
 * an end in good order the store tells what the model does. After kill -9, at any of the registered
 * places, it tells what the model did after some number of changes, and not fewer than were safe.
 */
#include "store/crash.h"

#include "store/kit_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SESSIONS 8 /* 1 .. , of which the last two are never stored */
#define STORED   6
#define PACKETS  6
#define TOPICS   5
#define MESSAGES 4000

/* ---- the model ---- */

struct script {
    enum nj_change_kind kind;
    uint64_t session, message;
    uint16_t packet_id;
    uint8_t qos;
    unsigned topic;
    bool is_on; /* WILL, RETAINED: set */
};

struct model {
    struct {
        bool is_there;
        uint8_t subscribed; /* QoS + 1 */
        uint8_t queued[MESSAGES];
        uint16_t sent[MESSAGES];
        uint64_t released[PACKETS], taken[PACKETS];
        bool is_received[PACKETS];
        unsigned will; /* 0: none */
    } s[SESSIONS + 1];
    uint64_t retained[TOPICS];
};

static void
model_apply(struct model *m, const struct script *c)
{
    bool is_there = m->s[c->session].is_there;

    switch (c->kind) {
    case NJ_CHANGE_SESSION:
        m->s[c->session].is_there = true;
        break;
    case NJ_CHANGE_SESSION_END:
        memset(&m->s[c->session], 0, sizeof(m->s[0]));
        break;
    case NJ_CHANGE_WILL:
        m->s[c->session].will = c->is_on;
        break;
    case NJ_CHANGE_SUBSCRIBED:
        if (is_there)
            m->s[c->session].subscribed = (uint8_t)(c->qos + 1);
        break;
    case NJ_CHANGE_UNSUBSCRIBED:
        m->s[c->session].subscribed = 0;
        break;
    case NJ_CHANGE_TAKEN:
        m->s[c->session].taken[c->packet_id] = c->message;
        m->s[c->session].is_received[c->packet_id] = true;
        break;
    case NJ_CHANGE_ROUTED:
        m->s[c->session].taken[c->packet_id] = 0;
        if (!is_there)
            m->s[c->session].is_received[c->packet_id] = false;
        break;
    case NJ_CHANGE_RELEASED:
        m->s[c->session].taken[c->packet_id] = 0;
        m->s[c->session].is_received[c->packet_id] = false;
        break;
    case NJ_CHANGE_QUEUED:
        if (is_there) {
            m->s[c->session].queued[c->message] = c->qos;
            m->s[c->session].sent[c->message] = 0;
        }
        break;
    case NJ_CHANGE_SENDING:
        if (m->s[c->session].queued[c->message] > 0)
            m->s[c->session].sent[c->message] = c->packet_id;
        break;
    case NJ_CHANGE_RECEIVED:
        m->s[c->session].queued[c->message] = 0;
        if (is_there)
            m->s[c->session].released[c->packet_id] = c->message;
        break;
    case NJ_CHANGE_COMPLETED:
        m->s[c->session].released[c->packet_id] = 0;
        break;
    case NJ_CHANGE_DELIVERED:
        m->s[c->session].queued[c->message] = 0;
        break;
    case NJ_CHANGE_RETAINED:
        m->retained[c->topic] = c->is_on ? c->message : 0;
        break;
    }
}

static void
tell_received(struct kit_tale *tale, const struct model *m, uint64_t s)
{
    for (unsigned p = 0; p < PACKETS; p++) {
        struct nj_msg msg = {.number = m->s[s].taken[p]};

        if (m->s[s].is_received[p])
            (void)kit_tell_received(tale, s, (uint16_t)p, msg.number != 0 ? &msg : NULL);
    }
}

/* `is_ended`: messages at QoS 1 that may be there or not; they are left out. */
static void
model_tell(const struct model *m, const bool *is_ended, struct kit_tale *tale)
{
    tale->n = 0;
    tale->last = NULL;
    (void)kit_tell(tale, "%s", "");
    for (uint64_t s = 1; s <= SESSIONS; s++) {
        if (!m->s[s].is_there)
            continue;
        (void)kit_tell(tale, "session %" PRIu64 " c 3600\n", s);
        if (m->s[s].subscribed > 0)
            (void)kit_tell(tale, " subscribed f %u 0\n", m->s[s].subscribed - 1u);
        for (unsigned i = 0; i < MESSAGES; i++) {
            if (m->s[s].queued[i] > 0 && !(is_ended != NULL && is_ended[i]))
                (void)kit_tell(tale, " queued %u t=x qos %u group 0 packet %u\n", i,
                               m->s[s].queued[i], m->s[s].sent[i]);
        }
        for (unsigned i = 1; i < MESSAGES; i++) {
            for (unsigned p = 0; p < PACKETS; p++) {
                if (m->s[s].released[p] == i)
                    (void)kit_tell_released(tale, (uint16_t)p);
            }
        }
        tell_received(tale, m, s);
        if (m->s[s].will > 0)
            (void)kit_tell(tale, " will %" PRIu64 " w=bye qos 1 7 9\n", s);
    }
    for (uint64_t s = 1; s <= SESSIONS; s++) {
        if (!m->s[s].is_there && m->s[s].will > 0)
            (void)kit_tell(tale, " will %" PRIu64 " w=bye qos 1 7 9\n", s);
    }
    for (uint64_t s = 1; s <= SESSIONS; s++) {
        if (!m->s[s].is_there)
            tell_received(tale, m, s);
    }
    for (unsigned t = 0; t < TOPICS; t++) {
        if (m->retained[t] != 0)
            (void)kit_tell(tale, "retained r/%u=x %" PRIu64 "\n", t, m->retained[t]);
    }
}

/* The retained ones come in the order in which they were set; and leave out what `is_ended`. */
static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
put_in_order(struct kit_tale *tale, const bool *is_ended)
{
    struct kit_tale out = {0};
    static const char queued[] = " queued ";
    char *retained[TOPICS], *rest, *line;
    unsigned count = 0;

    (void)kit_tell(&out, "%s", "");
    for (line = strtok_r(tale->text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "retained", 8) == 0) {
            assert_in_range(count, 0, TOPICS - 1);
            retained[count++] = line;
        } else if (is_ended == NULL || strncmp(line, queued, sizeof(queued) - 1) != 0 ||
                   !is_ended[strtoul(line + sizeof(queued) - 1, NULL, 10)]) {
            (void)kit_tell(&out, "%s\n", line);
        }
    }
    qsort(retained, count, sizeof(retained[0]), by_text);
    for (unsigned i = 0; i < count; i++)
        (void)kit_tell(&out, "%s\n", retained[i]);
    kit_tale_fini(tale);
    *tale = out;
}

/* ---- changes ---- */

/* Messages are numbered as they come; those at QoS 1 are odd. */
static struct script
make_change(struct nj_rand *rand, uint64_t *messages)
{
    struct script c = {.session = 1 + nj_rand_below(rand, STORED),
                       .packet_id = (uint16_t)(1 + nj_rand_below(rand, PACKETS - 1)),
                       .topic = nj_rand_below(rand, TOPICS),
                       .is_on = nj_rand_below(rand, 3) > 0};
    unsigned what = nj_rand_below(rand, 100);
    uint64_t back = nj_rand_below(rand, (uint32_t)NJ_MIN(*messages, (uint64_t)20) + 1);

    if (what < 8) {
        c.kind = NJ_CHANGE_SESSION;
    } else if (what < 11) {
        c.kind = NJ_CHANGE_SESSION_END;
        c.session = 1 + nj_rand_below(rand, SESSIONS);
    } else if (what < 15) {
        c.kind = NJ_CHANGE_WILL;
        c.session = 1 + nj_rand_below(rand, SESSIONS);
    } else if (what < 19) {
        c.kind = what < 17 ? NJ_CHANGE_SUBSCRIBED : NJ_CHANGE_UNSUBSCRIBED;
        c.qos = (uint8_t)nj_rand_below(rand, 3);
    } else if (what < 25) {
        c.kind = NJ_CHANGE_TAKEN;
        c.session = 1 + nj_rand_below(rand, SESSIONS);
        c.message = (*messages += 2 - *messages % 2);
    } else if (what < 35) {
        c.kind = what < 30 ? NJ_CHANGE_ROUTED : NJ_CHANGE_RELEASED;
        c.session = 1 + nj_rand_below(rand, SESSIONS);
    } else if (what < 65) {
        c.kind = NJ_CHANGE_QUEUED;
        c.message = ++*messages;
        c.qos = c.message % 2 == 0 ? 2 : 1;
    } else if (what < 85) {
        c.kind = NJ_CHANGE_DELIVERED;
        c.message = *messages - back;
        c.session = 1 + c.message % STORED; /* see below */
    } else if (what < 95) {
        c.kind = what < 90 ? NJ_CHANGE_SENDING : NJ_CHANGE_RECEIVED;
        c.message = (*messages - back) / 2 * 2;
        c.session = 1 + c.message % STORED;
    } else if (what < 97) {
        c.kind = NJ_CHANGE_COMPLETED;
    } else {
        c.kind = NJ_CHANGE_RETAINED;
        c.message = ++*messages;
    }
    /* So that the ends of messages mostly find their beginnings. */
    if (c.kind == NJ_CHANGE_QUEUED)
        c.session = 1 + c.message % STORED;
    return c;
}

static uint64_t
append(struct nj_store_port *port, const struct script *c)
{
    char topic[8];

    switch (c->kind) {
    case NJ_CHANGE_SESSION:
        return kit_session(port, c->session, "c");
    case NJ_CHANGE_WILL:
        return kit_will(port, c->session, c->is_on ? "bye" : NULL);
    case NJ_CHANGE_SUBSCRIBED:
        return kit_subscribed(port, c->session, "f", c->qos, 0);
    case NJ_CHANGE_UNSUBSCRIBED:
        return kit_unsubscribed(port, c->session, "f");
    case NJ_CHANGE_TAKEN:
    case NJ_CHANGE_QUEUED:
        return kit_publish(port, c->kind, c->session, c->message, c->packet_id, c->qos, "x");
    case NJ_CHANGE_RETAINED:
        (void)snprintf(topic, sizeof(topic), "r/%u", c->topic);
        return kit_retained(port, c->message, topic, c->is_on ? "x" : "");
    case NJ_CHANGE_SESSION_END:
    case NJ_CHANGE_ROUTED:
    case NJ_CHANGE_RELEASED:
    case NJ_CHANGE_SENDING:
    case NJ_CHANGE_RECEIVED:
    case NJ_CHANGE_COMPLETED:
    case NJ_CHANGE_DELIVERED:
        break;
    }
    return kit_step(port, c->kind, c->session, c->message, c->packet_id);
}

/* ---- ends in good order ---- */

static void
restart_again_and_again(struct kit *k, enum nj_durability durability)
{
    static struct model m;
    struct kit_tale expected = {0};
    struct nj_rand rand;
    uint64_t messages = 0;

    memset(&m, 0, sizeof(m));
    k->durability = durability;
    k->interval_ms = 5;
    nj_rand_seed(&rand, 3 + (unsigned)durability);
    kit_open(k);
    for (int round = 0; round < 12; round++) {
        unsigned changes = nj_rand_below(&rand, 400);

        for (unsigned i = 0; i < changes; i++) {
            struct script c = make_change(&rand, &messages);
            uint16_t home = (uint16_t)nj_rand_below(&rand, k->homes);
            uint64_t number = append(nj_store_port(k->store, home), &c);

            model_apply(&m, &c);
            if (nj_rand_below(&rand, 25) == 0)
                kit_settle_of(k, home, number);
        }
        kit_reopen(k);
        put_in_order(&k->tale, NULL);
        model_tell(&m, NULL, &expected);
        assert_string_equal(k->tale.text, expected.text);
    }
    assert_in_range(messages, 300, MESSAGES - 1);
    kit_tale_fini(&expected);
}

static void
a_restart_tells_what_there_was_always(void **state)
{
    restart_again_and_again(*state, NJ_DURABILITY_ALWAYS);
}

static void
a_restart_tells_what_there_was_interval(void **state)
{
    restart_again_and_again(*state, NJ_DURABILITY_INTERVAL);
}

static void
a_restart_tells_what_there_was_none(void **state)
{
    restart_again_and_again(*state, NJ_DURABILITY_NONE);
}

/* ---- kill -9 ---- */

#define BEFORE 200
#define AFTER  300

struct shared {
    _Atomic uint64_t appended, safe;
};

static void
expire_one(struct kit *k)
{
    struct nj_publication pub = kit_publication(1, "gone", NJ_STR("x"));

    pub.expires = pub.arrived; /* so that the next load has something to throw away */
    (void)kit_append(k->port, &(struct nj_change){.kind = NJ_CHANGE_RETAINED, .publication = &pub});
}

/* In a process of its own: all of the second half, or as much of it as it lives for. */
static void
live_and_die(struct kit *k, const struct script *script, struct shared *shared, const char *point,
             unsigned seed)
{
    struct nj_rand rand;

    nj_rand_seed(&rand, seed);
    (void)setenv("NIGHTJAR_CRASH_POINT", point, 1);
    if (kit_open_only(k, NULL) != NJ_OK)
        _exit(3);
    kit_load(k);
    if (strncmp(point, "RETRYING", 8) == 0)
        nj_db_fail_commits(k->store->db, ENOSPC, 3, 2);
    kit_run(k);
    for (unsigned i = 0; i < AFTER; i++) {
        uint64_t commits = nj_store_metric(k->store, NJ_METRIC_STORE_COMMITS);
        uint64_t number = append(k->port, &script[i]);

        /* Safe at once: there is nothing to wait for but a commit now and then. */
        while (k->durability == NJ_DURABILITY_INTERVAL && i % 40 == 39 &&
               nj_store_metric(k->store, NJ_METRIC_STORE_COMMITS) == commits)
            (void)sched_yield();

        atomic_store_explicit(&shared->appended, number, memory_order_release);
        if (nj_rand_below(&rand, 20) == 0)
            kit_settle(k, number);
        atomic_store_explicit(&shared->safe, kit_safe(k->port), memory_order_release);
        if (i == AFTER / 2)
            assert_true(nj_store_back_up(k->store));
    }
    kit_await_backups(k, 1);
    kit_close(k);
    _exit(0);
}

/* True: it was killed. */
static bool
run_child(struct kit *k, const struct script *script, struct shared *shared, const char *point,
          unsigned seed)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        live_and_die(k, script, shared, point, seed);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

/* What it tells is what the model did after so many changes. */
static bool
is_after(const struct kit *k, const struct model *m, const bool *is_ended,
         struct kit_tale *expected)
{
    model_tell(m, is_ended, expected);
    return strcmp(k->tale.text, expected->text) == 0;
}

static void
compare(struct kit *k, const struct model *before, const struct script *script,
        const struct shared *shared, const char *point)
{
    static struct model m;
    /* With an interval all is called safe at once, and as much as one of them is lost. */
    uint64_t appended = shared->appended,
             safe = k->durability == NJ_DURABILITY_INTERVAL ? 0 : shared->safe;
    struct kit_tale expected = {0};
    bool is_ended[MESSAGES] = {false}, is_found;

    if (appended < AFTER)
        appended++; /* it may have died in the midst of one */
    for (uint64_t i = 0; i < appended; i++) {
        if (script[i].kind == NJ_CHANGE_DELIVERED && script[i].message % 2 == 1)
            is_ended[script[i].message] = true;
    }
    put_in_order(&k->tale, is_ended);
    m = *before;
    for (uint64_t i = 0; i < safe; i++)
        model_apply(&m, &script[i]);
    is_found = is_after(k, &m, is_ended, &expected);
    for (uint64_t i = safe; i < appended && !is_found; i++) {
        model_apply(&m, &script[i]);
        is_found = is_after(k, &m, is_ended, &expected);
    }
    if (!is_found)
        fail_msg("%s: of %" PRIu64 " changes %" PRIu64 " were safe; it tells:\n%s\nall were:\n%s",
                 point, appended, safe, k->tale.text, expected.text);
    kit_tale_fini(&expected);
}

/* True: it was killed there. */
static bool
die_at(const char *point, enum nj_durability durability, unsigned seed)
{
    static struct model m;
    static struct script script[AFTER];
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct kit *k = kit_new();
    void *state = k;
    struct nj_rand rand;
    uint64_t messages = 1;
    bool was_killed;
    char *first;

    assert_true(shared != MAP_FAILED);
    memset(&m, 0, sizeof(m));
    nj_rand_seed(&rand, seed);
    k->homes = 1;
    k->durability = durability;
    k->backup_interval_s = 3600;
    kit_open(k);
    expire_one(k);
    for (unsigned i = 0; i < BEFORE; i++) {
        struct script c = make_change(&rand, &messages);

        (void)append(k->port, &c);
        model_apply(&m, &c);
    }
    kit_close(k);
    for (unsigned i = 0; i < AFTER; i++)
        script[i] = make_change(&rand, &messages);
    was_killed = run_child(k, script, shared, point, seed);

    kit_open(k);
    put_in_order(&k->tale, NULL);
    first = strdup(k->tale.text);
    compare(k, &m, script, shared, point);
    kit_reopen(k); /* and so it stays */
    put_in_order(&k->tale, NULL);
    assert_string_equal(k->tale.text, first);
    free(first);
    (void)kit_teardown(&state);
    (void)munmap(shared, sizeof(*shared));
    return was_killed;
}

static void
no_crash_point_loses_what_was_safe(void **state)
{
    (void)state;
    for (enum nj_crash_point p = NJ_CRASH_NOWHERE + 1; p < NJ_CRASH_POINTS; p++) {
        for (unsigned n = 1; n <= 7; n += 3) {
            char point[64];
            bool was_killed;

            (void)snprintf(point, sizeof(point), "%s:%u", nj_crash_point_name(p), n);
            was_killed = die_at(point, NJ_DURABILITY_ALWAYS, (unsigned)p * 10 + n);
            if (n == 1 && !was_killed)
                fail_msg("%s is never passed", point);
        }
    }
}

static void
the_other_promises_hold_as_well(void **state)
{
    static const char *const points[] = {"TAKEN:3", "APPLIED:3", "COMMITTED:3", "DONE:3"};

    (void)state;
    for (unsigned i = 0; i < NJ_COUNT_OF(points); i++) {
        assert_true(die_at(points[i], NJ_DURABILITY_NONE, 200 + i));
        assert_true(die_at(points[i], NJ_DURABILITY_INTERVAL, 300 + i));
    }
}

/* ---- the ends of connections ---- */

#define AGO_MS 1000000

static uint64_t
end_connection(struct nj_store_port *port, uint64_t session, nj_time left)
{
    const struct nj_session_state state = {
        .client_id = NJ_STR("c"), .expiry_s = 3600, .left = left};

    return kit_append(
        port, &(struct nj_change){.kind = NJ_CHANGE_SESSION, .session = session, .state = &state});
}

/* The disk is full for a moment, at which session 1 comes back; 2 stays away. */
NJ_NORETURN static void
come_back_while_it_is_full(struct kit *k, const char *point)
{
    (void)setenv("NIGHTJAR_CRASH_POINT", point, 1);
    if (kit_open_only(k, NULL) != NJ_OK)
        _exit(2);
    kit_load(k);
    nj_db_fail_commits(k->store->db, ENOSPC, 0, 1);
    kit_run(k);
    (void)kit_session(k->port, 3, "c");
    while (!k->port->ops->doubts_ends(k->port))
        (void)sched_yield();
    kit_settle(k, kit_session(k->port, 1, "c"));
    if (k->port->ops->doubts_ends(k->port))
        _exit(3);
    (void)kit_session(k->port, 4, "c");
    kit_close(k);
    _exit(0);
}

static enum nj_err
note_left(void *ctx, uint64_t number, const struct nj_session_state *state)
{
    ((nj_time *)ctx)[number] = state->left;
    return NJ_OK;
}

static void
load_ends(struct kit *k, nj_time left[5])
{
    static const struct nj_store_reader reader = {.session = note_left};

    assert_int_equal(kit_open_only(k, NULL), NJ_OK);
    assert_int_equal(nj_store_load(k->store, &reader, left, &k->numbers, NULL), NJ_OK);
    kit_close(k);
}

/* Of the wall clock and the monotonic one, one may tick before the other. */
static bool
is_about(nj_time a, nj_time b)
{
    return a - b < AGO_MS / 2 && b - a < AGO_MS / 2;
}

static void
intervals_count_from_the_start_until_all_told_while_it_was_full_is_safe(void **state)
{
    static const char *const points[] = {"RETRYING", "TAKEN:2", "TAKEN:3"};

    (void)state;
    for (unsigned i = 0; i < NJ_COUNT_OF(points); i++) {
        struct kit *k = kit_new();
        void *kit = k;
        nj_time left[5] = {0}, again[5] = {0}, now = nj_clock_monotonic_ms();
        pid_t child;
        int status;

        kit_open(k);
        (void)end_connection(k->port, 1, now - AGO_MS);
        (void)end_connection(k->port, 2, now - AGO_MS);
        kit_close(k);
        load_ends(k, left);
        assert_true(is_about(left[1], now - AGO_MS) && is_about(left[2], now - AGO_MS));
        child = fork();
        if (child == 0)
            come_back_while_it_is_full(k, points[i]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        load_ends(k, left);
        if (i < 2) { /* nor does the next start forget it */
            assert_true(is_about(left[1], now) && is_about(left[2], now));
            load_ends(k, again);
            assert_true(is_about(again[1], now) && is_about(again[2], now));
        } else {
            assert_true(left[1] == NJ_NEVER && is_about(left[2], now - AGO_MS));
        }
        (void)kit_teardown(&kit);
    }
}

static void
what_does_not_say_since_when_ends_are_on_record_says_since_now(void **state)
{
    static const char *const texts[] = {"", "\n", "x\n", "5", "-5\n", "99999999999999999999\n"};
    struct kit *k = *state;
    nj_time left[5], now = nj_clock_monotonic_ms();

    kit_open(k);
    (void)end_connection(k->port, 1, now - AGO_MS);
    kit_close(k);
    for (unsigned i = 0; i < NJ_COUNT_OF(texts); i++) {
        char path[PATH_MAX];
        int fd;

        (void)snprintf(path, sizeof(path), "%s/ends", k->path);
        fd = open(path, O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        (void)close(fd);
        load_ends(k, left);
        assert_true(is_about(left[1], now));
    }
}

static void
a_crash_point_that_is_none_is_refused(void **state)
{
    struct kit *k = *state;
    struct nj_diag diag = {0};

    assert_int_equal(setenv("NIGHTJAR_CRASH_POINT", "NOWHERE_AT_ALL", 1), 0);
    assert_int_equal(kit_open_only(k, &diag), NJ_EINVAL);
    assert_int_equal(unsetenv("NIGHTJAR_CRASH_POINT"), 0);
    assert_int_equal(kit_open_only(k, &diag), NJ_OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
    const struct CMUnitTest tests[] = {
        T(a_restart_tells_what_there_was_always),
        T(a_restart_tells_what_there_was_interval),
        T(a_restart_tells_what_there_was_none),
        cmocka_unit_test(no_crash_point_loses_what_was_safe),
        cmocka_unit_test(the_other_promises_hold_as_well),
        cmocka_unit_test(intervals_count_from_the_start_until_all_told_while_it_was_full_is_safe),
        T(what_does_not_say_since_when_ends_are_on_record_says_since_now),
        T(a_crash_point_that_is_none_is_refused),
    };

    return cmocka_run_group_tests_name("store/crash", tests, NULL, NULL);
}
