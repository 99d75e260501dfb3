/* SPDX-License-Identifier: Apache-2.0 */
/* sub.c — `nightjar sub`, also mosquitto_sub: subscribe and print what comes. */
#include "base/mem.h"
#include "base/rand.h"
#include "cmd/client_format.h"
#include "cmd/client_session.h"
#include "cmd/cmd.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <string.h>

struct sub {
    struct nj_client_config config;
    struct nj_client_session session;
    struct nj_rand rand;
    long received;
    size_t unsubscribed; /* UNSUBACKs of this connection */
    bool is_done;        /* as many as were asked for, or the first that is not retained */
    nj_time next_second; /* --message-rate */
    long this_second;
    struct nj_strings lines; /* --watch: the topics, in the order of their lines */
};

/* ---- a message ---- */

static bool
is_filtered_out(const struct nj_client_config *c, const char *topic)
{
    for (size_t i = 0; i < c->filters_out.count; i++) {
        if (nj_topic_matches(nj_str_of(c->filters_out.at[i]), nj_str_of(topic)))
            return true;
    }
    return false;
}

/* At QoS 1; at QoS 0 where no more is taken before answers come that stand behind messages yet to
 * be printed. False: not before something is written. */
static bool
publish_nothing(struct sub *s, const char *topic)
{
    struct nj_client_message nothing = {.topic = topic, .qos = 1, .retain = true};

    if (nj_client_publish(s->session.client, &nothing, NULL) != NJ_CLIENT_EFULL)
        return true;
    nothing.qos = 0;
    return nj_client_publish(s->session.client, &nothing, NULL) != NJ_CLIENT_EFULL;
}

/* An empty retained message takes the place of the one that came, whose topic may not outlast the
 * I/O. */
static void
remove_retained(struct sub *s, const char *topic)
{
    char *kept;

    if (publish_nothing(s, topic))
        return;
    kept = nj_str_dup(nj_str_of(topic));
    while (kept != NULL && !nj_client_session_is_over(&s->session)) {
        nj_client_session_wait(&s->session, NJ_NEVER, NULL);
        if (publish_nothing(s, kept))
            break;
    }
    nj_free(kept);
}

/* --watch: line 1 names the broker, each topic has a line of its own from line 2 on. */
static size_t
line_of(struct sub *s, const char *topic)
{
    char **more;

    for (size_t i = 0; i < s->lines.count; i++) {
        if (strcmp(s->lines.at[i], topic) == 0)
            return i + 2;
    }
    more = nj_realloc(s->lines.at, (s->lines.count + 1) * sizeof(*more));
    if (more == NULL)
        return 2;
    s->lines.at = more;
    more[s->lines.count] = nj_str_dup(nj_str_of(topic));
    if (more[s->lines.count] == NULL)
        return 2;
    return ++s->lines.count + 1;
}

static void
print(struct sub *s, const struct nj_client_message *m)
{
    struct timespec now;

    if (s->config.random_filter < 10000 &&
        nj_rand_below(&s->rand, 10000) >= (uint32_t)s->config.random_filter)
        return;
    if (s->config.watch)
        printf("\033[%zu;1H\033[2K", line_of(s, m->topic));
    (void)clock_gettime(CLOCK_REALTIME, &now);
    nj_client_print_message(&s->config, m, &now, stdout);
}

static void
on_message(struct sub *s, const struct nj_client_message *m)
{
    const struct nj_client_config *c = &s->config;

    if (s->is_done)
        return;
    if (c->retained_only && !m->retain) {
        s->is_done = true;
        return;
    }
    if ((m->retain && c->no_retained) || is_filtered_out(c, m->topic))
        return;
    if (c->message_rate)
        s->this_second++;
    else
        print(s, m);
    /* Last: it may let I/O happen, and `m` is gone then. */
    s->received++;
    s->is_done = c->count > 0 && s->received == c->count;
    if (c->remove_retained && m->retain && !s->session.is_ended)
        remove_retained(s, m->topic);
}

/* The broker believes that it has arrived, and does not send it again: it is printed, too. */
static void
on_last_message(void *ctx, const struct nj_client_message *m)
{
    struct sub *s = ctx;

    on_message(s, m);
}

/* ---- what happens ---- */

static void
on_connected(struct sub *s)
{
    const struct nj_client_config *c = &s->config;
    enum nj_client_err err = NJ_CLIENT_OK;

    s->session.was_connected = true;
    s->unsubscribed = 0;
    if (c->topics.count > 0)
        err = nj_client_session_subscribe(&s->session, NULL);
    for (size_t i = 0; i < c->unsubscribes.count && err == NJ_CLIENT_OK; i++) {
        const char *filter = c->unsubscribes.at[i];

        err = nj_client_unsubscribe(s->session.client, &filter, 1,
                                    nj_client_property_list_view(c->properties[NJ_FOR_UNSUBSCRIBE]),
                                    NULL);
    }
    if (err != NJ_CLIENT_OK) {
        nj_client_say(c, "Error: %s\n", nj_mosq_text(nj_mosq_number(err), 0));
        nj_client_session_leave(&s->session, 0, nj_mosq_number(err));
    }
}

static void
on_subscribed(struct sub *s, const struct nj_client_event *ev)
{
    int denied = nj_client_session_subscribed(&s->session, ev);

    if (denied == 0 && !s->config.exit_after_sub)
        return;
    nj_client_session_leave(&s->session, 0, denied);
}

/* -E with nothing to subscribe to: the last answer is one to -U. */
static void
on_unsubscribed(struct sub *s)
{
    const struct nj_client_config *c = &s->config;

    s->unsubscribed++;
    if (c->exit_after_sub && c->topics.count == 0 && s->unsubscribed == c->unsubscribes.count)
        nj_client_session_leave(&s->session, 0, 0);
}

static void
take(struct sub *s, const struct nj_client_event *ev)
{
    switch (ev->type) {
    case NJ_CLIENT_CONNECTED:
        on_connected(s);
        break;
    case NJ_CLIENT_MESSAGE:
        on_message(s, &ev->message);
        break;
    case NJ_CLIENT_SUBSCRIBED:
        on_subscribed(s, ev);
        break;
    case NJ_CLIENT_DISCONNECTED:
        nj_client_session_lost(&s->session, ev);
        break;
    case NJ_CLIENT_UNSUBSCRIBED:
        on_unsubscribed(s);
        break;
    case NJ_CLIENT_PUBLISHED:
        break;
    }
}

static void
print_rate(struct sub *s)
{
    nj_time now = nj_clock_monotonic_ms();

    if (!s->config.message_rate || now < s->next_second)
        return;
    if (s->next_second != 0)
        printf("%ld msgs/s\n", s->this_second);
    s->this_second = 0;
    s->next_second = now + 1000;
}

static void
finish(struct sub *s)
{
    /* Removals first, or they would be lost. */
    while (nj_client_unacknowledged(s->session.client) > 0 &&
           !nj_client_session_is_over(&s->session)) {
        struct nj_client_event ev;
        enum nj_client_err err = nj_client_next(s->session.client, &ev, 0);

        if (err == NJ_CLIENT_ETIMEOUT)
            nj_client_session_wait(&s->session, NJ_NEVER, NULL);
        else if (err != NJ_CLIENT_OK)
            break;
    }
    nj_client_session_leave(&s->session, 0, 0);
}

static void
listen_on(struct sub *s)
{
    struct nj_client *client = s->session.client;
    struct nj_client_event ev;
    enum nj_client_err err;

    if (nj_client_start(client) != NJ_CLIENT_OK) {
        nj_client_session_end(&s->session, NJ_MOSQ_INVAL);
        return;
    }
    while (!s->session.is_ended) {
        err = nj_client_next(client, &ev, 0);
        if (err == NJ_CLIENT_ETIMEOUT) {
            /* All that came is printed; now it may be seen, and now we may wait. */
            (void)fflush(stdout);
            print_rate(s);
            if (nj_client_session_is_over(&s->session)) {
                nj_client_session_give_up(&s->session);
                break;
            }
            nj_time at = s->config.message_rate ? s->next_second : NJ_NEVER;
            nj_client_session_wait(&s->session, at, NULL);
        } else if (err == NJ_CLIENT_OK) {
            take(s, &ev);
        } else {
            nj_client_say(&s->config, "Error: %s\n", nj_mosq_text(nj_mosq_number(err), 0));
            nj_client_session_end(&s->session, nj_mosq_number(err));
        }
        if (s->is_done && !s->session.is_ended)
            finish(s);
    }
    (void)fflush(stdout);
}

int
nj_cmd_sub(int argc, char **argv)
{
    struct sub s = {0};
    uint64_t seed;
    int code = nj_client_config_load(&s.config, NJ_TOOL_SUB, argc, argv);

    if (code != 0 || !nj_client_session_open(&s.session, &s.config, true)) {
        nj_client_config_fini(&s.config);
        return 1;
    }
    s.session.on_last_message = on_last_message;
    s.session.ctx = &s;
    nj_rand_system(&seed, sizeof(seed));
    nj_rand_seed(&s.rand, seed);
    if (s.config.watch)
        printf("\033[2J\033[1;1HBroker: %s\n", s.config.host != NULL ? s.config.host : "localhost");
    listen_on(&s);
    nj_client_session_close(&s.session);
    for (size_t i = 0; i < s.lines.count; i++)
        nj_free(s.lines.at[i]);
    nj_free(s.lines.at);
    nj_client_config_fini(&s.config);
    return s.session.code;
}
