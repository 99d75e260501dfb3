/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_mqtt.c — CONNECT, then a message to ourselves: SUBSCRIBE, PUBLISH, and what comes back. */
#include "cmd/doctor_live.h"

#include "base/clock.h"
#include "net/tls_fault.h"
#include "pki/file.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BAD_USER_311    4
#define NOT_ALLOWED_311 5
#define BAD_USER_5      0x86
#define NOT_ALLOWED_5   0x87

struct talk {
    struct nj_visit *v;
    struct nj_client *client;
    const char *topic;
    char payload[64];
};

/* ---- which language does the port speak ---- */

bool
nj_visit_is_plain(struct nj_visit *v)
{
    static const unsigned char connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 10, 0, 0};
    unsigned char answer[4];
    int fd = nj_visit_dial(v);
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    bool is_plain = false;

    if (fd < 0)
        return false;
    if (send(fd, connect, sizeof(connect), MSG_NOSIGNAL) == (ssize_t)sizeof(connect) &&
        poll(&watched, 1, NJ_DOCTOR_PATIENCE_MS) > 0)
        is_plain = recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0 && answer[0] == 0x20;
    (void)close(fd);
    return is_plain;
}

static bool
speaks_tls(struct nj_visit *v)
{
    struct nj_tls_probe p = {0};
    bool is_so = nj_visit_probe(v, &p, 0, 0) && p.first_n > 0 &&
                 nj_tls_look((struct nj_str){(const char *)p.first, p.first_n}) == NJ_TLS_FIRST_TLS;

    nj_tls_probe_fini(&p);
    return is_so;
}

/* ---- CONNECT ---- */

/* The broker may take the user name from the certificate, and ours may have none to give. */
static void
look_for_common_name(struct nj_visit *v)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file = {0};
    struct nj_cert_facts facts;

    if (v->asked->cert == NULL || nj_pki_file_read(&file, v->asked->cert, &opts, NULL) != NJ_OK) {
        nj_pki_file_fini(&file);
        return;
    }
    nj_cert_facts_read(&facts, file.certificates[0]);
    struct nj_finding *f = strstr(facts.subject, "CN=") == NULL
                               ? nj_visit_found(v, NJ_FINDING_NO_COMMON_NAME, NJ_END_CLIENT)
                               : NULL;
    if (f != NULL) {
        f->is_guess = true;
        f->depth = 0;
        f->cert = facts;
        (void)snprintf(f->file, sizeof(f->file), "%s", v->asked->cert);
        nj_finding_mend(f, "nightjar pki client USER");
    }
    nj_pki_file_fini(&file);
}

static void
say_connack(struct nj_visit *v, unsigned reason)
{
    bool is_bad_user = reason == BAD_USER_311 || reason == BAD_USER_5;
    bool is_not_allowed = reason == NOT_ALLOWED_311 || reason == NOT_ALLOWED_5;
    struct nj_finding *f;

    if (is_bad_user)
        look_for_common_name(v);
    f = nj_visit_found(v,
                       is_bad_user      ? NJ_FINDING_BAD_PASSWORD
                       : is_not_allowed ? NJ_FINDING_NOT_ALLOWED
                                        : NJ_FINDING_CONNECT_REFUSED,
                       NJ_END_CLIENT);
    if (f == NULL)
        return;
    if (v->asked->user == NULL && (is_bad_user || is_not_allowed))
        nj_finding_cause(f,
                         "the broker wants a user name and a password, and the client gave none");
    else if (v->asked->user != NULL && is_not_allowed)
        nj_finding_cause(f, "the broker does not let the user %s in", v->asked->user);
    else if (!is_bad_user && !is_not_allowed)
        nj_finding_cause(f, "the broker refuses the connection, for the reason %u", reason);
}

/* The connection ended before a CONNACK: by TLS, where it was not expected? */
static void
say_no_connack(struct nj_visit *v, const char *detail)
{
    struct nj_finding *f;
    char place[300];

    if (!v->has_tls && speaks_tls(v)) {
        f = nj_visit_found(v, NJ_FINDING_PLAIN_MQTT, NJ_END_CLIENT);
        if (f != NULL) {
            nj_finding_cause(f, "%s wants TLS, and the client speaks without it",
                             nj_visit_place(v, place, sizeof(place)));
            nj_finding_mend(f, "give the client --cafile FILE, with the CA of the broker");
        }
        return;
    }
    f = nj_visit_found(v, NJ_FINDING_NOT_MQTT, NJ_END_BROKER);
    if (f != NULL)
        nj_finding_cause(f, "no CONNACK came: %s", detail);
}

/* The client met what no probe did: in its own words, of which the first line is the cause. */
static void
say_no_tunnel(struct nj_visit *v, const char *detail)
{
    struct nj_finding *f = nj_visit_found(v, NJ_FINDING_OTHER_CHECK, NJ_END_BROKER);

    if (f != NULL)
        nj_finding_cause(f, "%.*s", (int)strcspn(detail, "\n"), detail);
}

static bool
greet(struct talk *t)
{
    struct nj_visit *v = t->v;
    struct nj_step *step = nj_report_step(v->report, "connect", "CONNECT%s%s",
                                          v->asked->user != NULL ? " as " : " without user name",
                                          v->asked->user != NULL ? v->asked->user : "");
    struct nj_client_event event = {.reason = 0};
    enum nj_client_err err = nj_client_connect(t->client, &event);

    if (err == NJ_CLIENT_OK) {
        nj_step_came(step, NJ_STEP_GOOD, "accepted");
        return true;
    }
    if (err == NJ_CLIENT_EREFUSED) {
        nj_step_came(step, NJ_STEP_FAILED, "refused: %s", nj_client_detail(t->client));
        say_connack(v, event.reason);
    } else {
        nj_step_came(step, NJ_STEP_FAILED, "%s: %s", nj_client_error_text(err),
                     nj_client_detail(t->client));
        if (err == NJ_CLIENT_ETLS || err == NJ_CLIENT_ETLSFILES)
            say_no_tunnel(v, nj_client_detail(t->client));
        else
            say_no_connack(v, nj_client_error_text(err));
    }
    return false;
}

/* ---- a message to ourselves ---- */

/* Wait for the event; false: it did not come. */
static bool
await(struct talk *t, enum nj_client_event_type type, struct nj_client_event *out)
{
    nj_time deadline = nj_clock_monotonic_ms() + NJ_DOCTOR_PATIENCE_MS;

    for (;;) {
        nj_time left = deadline - nj_clock_monotonic_ms();

        if (left <= 0 || nj_client_next(t->client, out, (int)left) != NJ_CLIENT_OK ||
            out->type == NJ_CLIENT_DISCONNECTED)
            return false;
        if (out->type == type)
            return true;
    }
}

static void
say_topic(struct talk *t, struct nj_step *step, const char *what, unsigned reason)
{
    nj_step_came(step, NJ_STEP_FAILED, "refused with the reason 0x%02x", reason);
    struct nj_finding *f = nj_visit_found(t->v, NJ_FINDING_TOPIC_REFUSED, NJ_END_CLIENT);
    if (f == NULL)
        return;
    nj_finding_cause(f, "the broker does not let this client %s %s", what, t->topic);
}

static bool
subscribe(struct talk *t)
{
    struct nj_step *step = nj_report_step(t->v->report, "subscribe", "to %s", t->topic);
    const struct nj_client_subscription one = {.filter = t->topic,
                                               .qos = (uint8_t)t->v->asked->qos};
    struct nj_client_event event;

    if (nj_client_subscribe(t->client, &one, 1, (struct nj_client_properties){NULL, 0}, NULL) !=
            NJ_CLIENT_OK ||
        !await(t, NJ_CLIENT_SUBSCRIBED, &event)) {
        nj_step_came(step, NJ_STEP_FAILED, "no answer: %s", nj_client_detail(t->client));
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
is_ours(const struct talk *t, const struct nj_client_message *m)
{
    return m->payload_n == strlen(t->payload) && memcmp(m->payload, t->payload, m->payload_n) == 0;
}

static void
publish(struct talk *t)
{
    struct nj_step *step = nj_report_step(t->v->report, "publish", "a message to ourselves");
    const struct nj_client_message message = {
        .topic = t->topic,
        .payload = t->payload,
        .payload_n = strlen(t->payload),
        .qos = (uint8_t)t->v->asked->qos,
    };
    struct nj_client_event event;
    unsigned reason = 0;
    nj_time began = nj_clock_monotonic_ms();

    if (nj_client_publish_wait(t->client, &message, NJ_DOCTOR_PATIENCE_MS, &reason) !=
        NJ_CLIENT_OK) {
        nj_step_came(step, NJ_STEP_FAILED, "not acknowledged: %s", nj_client_detail(t->client));
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
    nj_step_came(step, NJ_STEP_FAILED, "acknowledged, but it did not come back");
    (void)nj_visit_found(t->v, NJ_FINDING_MESSAGE_LOST, NJ_END_BROKER);
}

static bool
make_client(struct talk *t)
{
    struct nj_client_opts opts = t->v->opts;
    struct nj_client_tls tls;

    if (opts.tls != NULL && t->v->is_text_only) {
        tls = *opts.tls;
        tls.insecure = true; /* such a name has been compared by now */
        opts.tls = &tls;
    }
    return nj_client_new(&t->client, &opts) == NJ_CLIENT_OK;
}

static const char *
own_topic(char *out, size_t room)
{
    (void)snprintf(out, room, "nightjar/doctor/%d", (int)getpid());
    return out;
}

void
nj_visit_mqtt(struct nj_visit *v)
{
    const struct nj_client_config *asked = v->asked;
    char topic[64];
    struct talk t = {.v = v,
                     .topic = asked->topics.count > 0 ? asked->topics.at[0]
                                                      : own_topic(topic, sizeof(topic))};

    if (!make_client(&t)) {
        nj_step_came(nj_report_step(v->report, "connect", "CONNECT"), NJ_STEP_FAILED,
                     "the options of the client contradict each other");
        return;
    }
    (void)snprintf(t.payload, sizeof(t.payload), "nightjar doctor %d", (int)getpid());
    if (greet(&t) && subscribe(&t) && strpbrk(t.topic, "+#") == NULL)
        publish(&t);
    if (nj_client_is_connected(t.client) &&
        nj_client_disconnect(t.client, 0, (struct nj_client_properties){NULL, 0}) == NJ_CLIENT_OK)
        (void)nj_client_drain(t.client, 1000);
    nj_client_free(t.client);
}
