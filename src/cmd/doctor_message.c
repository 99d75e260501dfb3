/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_message.c — a message to ourselves: SUBSCRIBE, PUBLISH, and what comes back. Before MQTT 5
 * a broker cannot say that it does not let a client publish: it is asked again in that version. */
#include "cmd/doctor_live.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define ASKED_AGAIN_MS 3000

/* Wait for the event; false: it did not come. */
static bool
await(struct nj_talk *t, enum nj_client_event_type type, struct nj_client_event *out)
{
    nj_time deadline = nj_clock_monotonic_ms() + t->v->patience_ms;

    for (;;) {
        nj_time left = deadline - nj_clock_monotonic_ms();

        if (left <= 0 || nj_client_next(t->client, out, (int)left) != NJ_CLIENT_OK ||
            out->type == NJ_CLIENT_DISCONNECTED)
            return false;
        if (out->type == type)
            return true;
    }
}

/* A topic that was not asked for proves nothing about those that the client uses. */
static void
excuse_topic(const struct nj_talk *t, struct nj_step *step, struct nj_finding *f)
{
    if (!t->is_our_topic)
        return;
    step->result = NJ_STEP_SKIPPED;
    f->severity = NJ_SEVERITY_WARNING;
    nj_finding_mend(f, "nightjar doctor … -t TOPIC, with a topic that this client is to use");
}

static void
say_topic(struct nj_talk *t, struct nj_step *step, const char *what, unsigned reason)
{
    nj_step_came(step, NJ_STEP_FAILED, "refused: %s (code %u)", nj_client_reason_text(reason),
                 reason);
    struct nj_finding *f = nj_visit_found(t->v, NJ_FINDING_TOPIC_REFUSED, NJ_END_CLIENT);
    if (f == NULL)
        return;
    nj_finding_cause(f, "the broker does not let this client %s %s", what, t->topic);
    excuse_topic(t, step, f);
}

/* It was asked, and did not answer. */
static void
say_no_reply(struct nj_talk *t, struct nj_step *step, const char *what)
{
    bool is_ended = !nj_client_is_connected(t->client);
    const char *detail = nj_client_detail(t->client);

    nj_step_came(step, NJ_STEP_FAILED, "no answer%s%s", detail[0] != '\0' ? ": " : "", detail);
    struct nj_finding *f = nj_visit_found(t->v, NJ_FINDING_NO_REPLY, NJ_END_BROKER);
    if (f == NULL)
        return;
    if (is_ended)
        nj_finding_cause(f,
                         "the broker ends the connection when this client wants to %s %s: it does "
                         "not allow it, or another client has the same identifier",
                         what, t->topic);
    else
        nj_finding_cause(f, "the broker does not answer in %d s when this client wants to %s %s",
                         t->v->patience_ms / 1000, what, t->topic);
}

static bool
subscribe(struct nj_talk *t)
{
    struct nj_step *step = nj_report_step(t->v->report, "subscribe", "to %s", t->topic);
    const struct nj_client_subscription one = {.filter = t->topic,
                                               .qos = (uint8_t)t->v->asked->qos};
    struct nj_client_event event;

    if (nj_client_subscribe(t->client, &one, 1, (struct nj_client_properties){NULL, 0}, NULL) !=
            NJ_CLIENT_OK ||
        !await(t, NJ_CLIENT_SUBSCRIBED, &event)) {
        say_no_reply(t, step, "subscribe to");
        return false;
    }
    if (event.code_count > 0 && event.codes[0] >= 0x80) {
        say_topic(t, step, "subscribe to", event.codes[0]);
        return false;
    }
    nj_step_came(step, NJ_STEP_GOOD, "granted");
    return true;
}

static bool
is_ours(const struct nj_talk *t, const struct nj_client_message *m)
{
    return m->payload_n == strlen(t->payload) && memcmp(m->payload, t->payload, m->payload_n) == 0;
}

static struct nj_client_message
message_of(const struct nj_talk *t)
{
    return (struct nj_client_message){
        .topic = t->topic,
        .payload = t->payload,
        .payload_n = strlen(t->payload),
        .qos = (uint8_t)t->v->asked->qos,
    };
}

/* The reason with which the broker acknowledges the same message in MQTT 5, at QoS 1; 0: none that
 * could be learnt. */
static unsigned
ask_for_reason(const struct nj_talk *t)
{
    struct nj_client_message message = message_of(t);
    struct nj_client_opts opts = t->opts;
    struct nj_client *client = NULL;
    unsigned reason = 0;

    nj_talk_end(t->client); /* the next one has its identifier */
    opts.version = 5;
    message.qos = 1;
    if (nj_client_new(&client, &opts) == NJ_CLIENT_OK &&
        nj_client_connect(client, NULL) == NJ_CLIENT_OK)
        (void)nj_client_publish_wait(client, &message, ASKED_AGAIN_MS, &reason);
    nj_talk_end(client);
    nj_client_free(client);
    return reason;
}

static void
say_lost(struct nj_talk *t, struct nj_step *step)
{
    bool is_mute = t->v->opts.version != 5 || t->v->asked->qos == 0;
    unsigned reason = is_mute ? ask_for_reason(t) : 0;
    const char *how = t->v->asked->qos > 0 ? "acknowledged" : "sent";

    if (reason >= 0x80) {
        say_topic(t, step, "publish to", reason);
        nj_step_came(step, step->result,
                     "%s, but it did not come back; asked in MQTT 5, the broker says: %s (code %u)",
                     how, nj_client_reason_text(reason), reason);
        return;
    }
    nj_step_came(step, NJ_STEP_FAILED, "%s, but it did not come back in %d s", how,
                 t->v->patience_ms / 1000);
    struct nj_finding *f = nj_visit_found(t->v, NJ_FINDING_MESSAGE_LOST, NJ_END_BROKER);
    if (f == NULL)
        return;
    nj_finding_cause(f,
                     "the broker took the message and did not deliver it to this client, which had "
                     "subscribed: it lets it publish to %s, or says so, but not read it",
                     t->topic);
    excuse_topic(t, step, f);
}

/* Why it would prove nothing to publish there; NULL: it does prove something. */
static const char *
why_not(const char *topic)
{
    if (strncmp(topic, "$share/", 7) == 0)
        return "the message could go to another client of the group";
    if (topic[0] == '$')
        return "topics that begin with $ are the broker's own";
    return strpbrk(topic, "+#") != NULL ? "no message goes to a filter with wildcards" : NULL;
}

static void
publish(struct nj_talk *t)
{
    struct nj_step *step = nj_report_step(t->v->report, "publish", "a message to ourselves");
    const struct nj_client_message message = message_of(t);
    struct nj_client_event event;
    unsigned reason = 0;
    nj_time began = nj_clock_monotonic_ms();

    if (why_not(t->topic) != NULL) {
        nj_step_came(step, NJ_STEP_SKIPPED, "%s", why_not(t->topic));
        return;
    }
    if (nj_client_publish_wait(t->client, &message, t->v->patience_ms, &reason) != NJ_CLIENT_OK) {
        say_no_reply(t, step, "publish to");
        return;
    }
    if (reason >= 0x80) {
        say_topic(t, step, "publish to", reason);
        return;
    }
    while (await(t, NJ_CLIENT_MESSAGE, &event)) {
        if (is_ours(t, &event.message)) {
            nj_step_came(step, NJ_STEP_GOOD, "it came back after %d ms",
                         (int)(nj_clock_monotonic_ms() - began));
            return;
        }
    }
    if (nj_client_is_connected(t->client))
        say_lost(t, step);
    else
        say_no_reply(t, step, "publish to");
}

void
nj_talk_to_ourselves(struct nj_talk *t)
{
    if (subscribe(t))
        publish(t);
}
