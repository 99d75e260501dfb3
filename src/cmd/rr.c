/* SPDX-License-Identifier: Apache-2.0 */
/* rr.c — `nightjar rr`, also mosquitto_rr: subscribe to the topic of the response, send the
 * request, print the response. */
#include "cmd/client_format.h"
#include "cmd/client_session.h"
#include "cmd/cmd.h"

struct rr {
    struct nj_client_config config;
    struct nj_client_session session;
    struct nj_client_property_list *properties;
    int64_t asked_ns;
    bool is_asked;
};

/* The publisher's properties and, in MQTT 5, where the answer is to go. */
static bool
make_properties(struct rr *r)
{
    const struct nj_client_config *c = &r->config;
    struct nj_client_properties rest = nj_client_property_list_view(c->properties[NJ_FOR_PUBLISH]);
    struct nj_client_property p;
    enum nj_client_err err = NJ_CLIENT_OK;

    if (c->version != 5)
        return true;
    while (nj_client_property_next(&rest, &p)) {
        if (p.id == 0x08) {
            nj_client_say(c, "Error in PUBLISH properties: Duplicate response topic.\n");
            return false;
        }
    }
    r->properties = nj_client_property_list_new();
    rest = nj_client_property_list_view(c->properties[NJ_FOR_PUBLISH]);
    while (r->properties != NULL && err == NJ_CLIENT_OK && nj_client_property_next(&rest, &p)) {
        if (p.key != NULL)
            err = nj_client_property_add_pair(r->properties, p.key, p.key_n, p.value, p.value_n);
        else if (p.value != NULL)
            err = nj_client_property_add_bytes(r->properties, p.id, p.value, p.value_n);
        else
            err = nj_client_property_add_number(r->properties, p.id, p.number);
    }
    if (r->properties != NULL && err == NJ_CLIENT_OK)
        err = nj_client_property_add_bytes(r->properties, 0x08, c->response_topic,
                                           strlen(c->response_topic));
    if (r->properties != NULL && err == NJ_CLIENT_OK)
        return true;
    nj_client_say(c, "Error adding property RESPONSE_TOPIC.\n");
    return false;
}

static void
ask(struct rr *r)
{
    const struct nj_client_config *c = &r->config;
    struct nj_client_message m = {
        .topic = c->topics.at[0],
        .payload = c->payload,
        .payload_n = c->payload_n,
        .qos = (uint8_t)c->qos,
        .properties = nj_client_property_list_view(r->properties),
    };
    enum nj_client_err err;

    if (r->is_asked)
        return; /* the connection was lost and made again: the request is on its way already */
    err = nj_client_publish(r->session.client, &m, NULL);
    r->asked_ns = nj_clock_monotonic_ns();
    r->is_asked = err == NJ_CLIENT_OK;
    if (err != NJ_CLIENT_OK) {
        nj_client_say(c, "Error: %s\n",
                      err == NJ_CLIENT_EINVAL && c->has_topic_alias
                          ? "The topic alias is higher than the broker allows."
                          : nj_mosq_text(nj_mosq_number(err), 0));
        nj_client_session_leave(&r->session, 0, nj_mosq_number(err));
    }
}

static void
print_latency(int64_t ns)
{
    if (ns < 1000)
        printf("Latency: %ldns\n", (long)ns);
    else if (ns < 1000000)
        printf("Latency: %fµs\n", (double)ns / 1e3);
    else if (ns < 1000000000)
        printf("Latency: %fms\n", (double)ns / 1e6);
    else
        printf("Latency: %ld.%09lds\n", (long)(ns / 1000000000), (long)(ns % 1000000000));
}

static void
on_answer(struct rr *r, const struct nj_client_message *m)
{
    struct timespec now;

    if (m->retain && r->config.no_retained)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (r->config.latency && r->is_asked)
        print_latency(nj_clock_monotonic_ns() - r->asked_ns);
    nj_client_print_message(&r->config, m, &now, stdout);
    nj_client_session_leave(&r->session, 0, 0);
}

static void
on_step(struct rr *r, const struct nj_client_event *ev)
{
    enum nj_client_err err;
    int code;

    switch (ev->type) {
    case NJ_CLIENT_CONNECTED:
        r->session.was_connected = true;
        err = nj_client_session_subscribe(&r->session, r->config.response_topic);
        if (err != NJ_CLIENT_OK) {
            nj_client_say(&r->config, "Error: %s\n", nj_mosq_text(nj_mosq_number(err), 0));
            nj_client_session_leave(&r->session, 0, nj_mosq_number(err));
        }
        break;
    case NJ_CLIENT_SUBSCRIBED:
        code = nj_client_session_subscribed(&r->session, ev);
        if (code != 0)
            nj_client_session_leave(&r->session, 0, code);
        else
            ask(r);
        break;
    case NJ_CLIENT_MESSAGE:
        on_answer(r, &ev->message);
        break;
    case NJ_CLIENT_DISCONNECTED:
        nj_client_session_lost(&r->session, ev);
        break;
    case NJ_CLIENT_PUBLISHED:
    case NJ_CLIENT_UNSUBSCRIBED:
        break;
    }
}

static void
converse(struct rr *r)
{
    struct nj_client_event ev;

    if (nj_client_start(r->session.client) != NJ_CLIENT_OK) {
        nj_client_session_end(&r->session, NJ_MOSQ_INVAL);
        return;
    }
    while (!r->session.is_ended) {
        enum nj_client_err err = nj_client_next(r->session.client, &ev, 0);

        if (err == NJ_CLIENT_OK) {
            on_step(r, &ev);
        } else if (nj_client_session_is_over(&r->session)) {
            nj_client_session_give_up(&r->session);
        } else if (err == NJ_CLIENT_ETIMEOUT) {
            nj_client_session_wait(&r->session, NJ_NEVER, NULL);
        } else {
            nj_client_session_end(&r->session, nj_mosq_number(err));
        }
    }
}

int
nj_cmd_rr(int argc, char **argv)
{
    struct rr r = {0};
    int code = nj_client_config_load(&r.config, NJ_TOOL_RR, argc, argv);

    if (code == 0 &&
        (!make_properties(&r) || !nj_client_session_open(&r.session, &r.config, false)))
        code = 1;
    if (code == 0) {
        converse(&r);
        code = r.session.code;
        (void)fflush(stdout);
        nj_client_session_close(&r.session);
    }
    nj_client_property_list_free(r.properties);
    nj_client_config_fini(&r.config);
    return code;
}
