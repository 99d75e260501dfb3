/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_mqtt.c — which language a port speaks, and CONNECT. */
#include "cmd/doctor_live.h"

#include "base/clock.h"
#include "base/shell.h"
#include "net/tls_fault.h"
#include "pki/file.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNASKED_MS 1000 /* brokers wait for a CONNECT longer than this */

/* Why a broker refuses: return codes of 3.1.1, reason codes of 5.0. */
enum {
    BAD_VERSION_311 = 1,
    BAD_ID_311 = 2,
    UNAVAILABLE_311 = 3,
    BAD_USER_311 = 4,
    NOT_ALLOWED_311 = 5,
    BAD_VERSION_5 = 0x84,
    BAD_ID_5 = 0x85,
    BAD_USER_5 = 0x86,
    NOT_ALLOWED_5 = 0x87,
};

/* ---- which language does the port speak ---- */

void
nj_visit_ask_plainly(struct nj_visit *v, struct nj_answer *out)
{
    static const unsigned char connect[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 10, 0, 0};
    int fd = nj_visit_dial(v);
    struct pollfd watched = {.fd = fd, .events = POLLIN};

    *out = (struct nj_answer){.n = 0};
    if (fd < 0)
        return;
    if (send(fd, connect, sizeof(connect), MSG_NOSIGNAL) == (ssize_t)sizeof(connect) &&
        poll(&watched, 1, v->patience_ms) > 0) {
        ssize_t n = recv(fd, out->bytes, sizeof(out->bytes), MSG_DONTWAIT);

        out->n = n > 0 ? (size_t)n : 0;
        out->is_ended = n <= 0;
    }
    (void)close(fd);
}

bool
nj_answer_is_mqtt(const struct nj_answer *answer)
{
    return answer->n > 0 && answer->bytes[0] == 0x20;
}

/* Its first line, as far as that is text. */
static const char *
first_line(const struct nj_answer *answer, char *out, size_t room)
{
    size_t n = 0;

    while (n < answer->n && n + 1 < room && answer->bytes[n] >= 0x20 && answer->bytes[n] < 0x7f) {
        out[n] = (char)answer->bytes[n];
        n++;
    }
    out[n] = '\0';
    return out;
}

/* Who has nothing to say before it has heard something cannot have disliked it. */
static bool
hangs_up_unasked(struct nj_visit *v)
{
    int fd = nj_visit_dial(v);
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    char byte;

    if (fd < 0)
        return false;
    bool is_over = poll(&watched, 1, NJ_MIN(v->patience_ms, UNASKED_MS)) > 0 &&
                   recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
    (void)close(fd);
    return is_over;
}

void
nj_visit_say_stranger(struct nj_visit *v, const struct nj_answer *answer)
{
    struct nj_str said = {(const char *)answer->bytes, answer->n};
    bool is_http = nj_tls_look(said) == NJ_TLS_FIRST_HTTP;
    bool is_full = answer->n == 0 && answer->is_ended && hangs_up_unasked(v);
    struct nj_finding *f = nj_visit_found(v,
                                          is_http   ? NJ_FINDING_PLAIN_HTTP
                                          : is_full ? NJ_FINDING_BROKER_FULL
                                                    : NJ_FINDING_NOT_MQTT,
                                          NJ_END_BROKER);
    char line[sizeof(answer->bytes) + 1];
    char place[300];

    if (f == NULL || is_http)
        return;
    (void)nj_visit_place(v, place, sizeof(place));
    if (is_full) {
        nj_finding_cause(
            f,
            "%s takes connections and ends each at once, before a byte is sent: the "
            "broker is full (max_connections, or its descriptors), or something before "
            "it lets nobody through",
            place);
    } else if (answer->n > 0) {
        nj_finding_cause(f, "%s is no MQTT broker: it says \"%s\"", place,
                         first_line(answer, line, sizeof(line)));
    } else if (answer->is_ended) {
        nj_finding_cause(f,
                         "%s ends the connection without a word to CONNECT: what listens there is "
                         "no MQTT broker, or one that is full (max_connections)",
                         place);
        nj_finding_mend(f, "look at the broker's log; correct the port");
    } else {
        nj_finding_cause(f,
                         "%s takes the connection and says nothing: what listens there hangs, or "
                         "is no MQTT broker",
                         place);
        nj_finding_mend(f, "look at the broker's log; correct the port");
    }
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

/* What else than a login a broker can refuse; codes of 3.1.1 and of 5.0. */
static void
say_other_refusal(struct nj_visit *v, unsigned reason)
{
    struct nj_finding *f = nj_visit_found(v, NJ_FINDING_CONNECT_REFUSED, NJ_END_CLIENT);
    const char *id = v->opts.client_id != NULL ? v->opts.client_id : "";

    if (f == NULL)
        return;
    switch (reason) {
    case BAD_VERSION_311:
    case BAD_VERSION_5:
        nj_finding_cause(f, "the broker does not speak this version of MQTT");
        nj_finding_mend(f, "%s", v->opts.version == 5 ? "-V 311" : "-V 5");
        break;
    case BAD_ID_311:
    case BAD_ID_5:
        nj_finding_cause(f, "the broker does not take the client identifier \"%s\"", id);
        nj_finding_mend(f, "give another: -i ID");
        break;
    case UNAVAILABLE_311:
        nj_finding_cause(f, "the broker says that it is not available now");
        break;
    default:
        nj_finding_cause(f, "the broker refuses the connection: %s (reason 0x%02x)",
                         nj_client_reason_text(reason), reason);
        break;
    }
}

/* Nobody says which of the two was not allowed: who it is, or what it calls itself. */
static void
doubt_id(struct nj_visit *v, struct nj_finding *f)
{
    const char *id = v->opts.client_id;

    nj_finding_mend_more(f, "or %s: a broker may take some only (clientid_prefixes)",
                         id != NULL ? "give another client identifier, -i ID"
                                    : "give a client identifier, -i ID");
}

static void
say_connack(struct nj_visit *v, unsigned reason)
{
    bool is_bad_user = reason == BAD_USER_311 || reason == BAD_USER_5;
    bool is_not_allowed = reason == NOT_ALLOWED_311 || reason == NOT_ALLOWED_5;
    const char *user = v->opts.user_name;
    const char *id = v->opts.client_id;
    struct nj_finding *f;

    if (!is_bad_user && !is_not_allowed) {
        say_other_refusal(v, reason);
        return;
    }
    if (is_bad_user)
        look_for_common_name(v);
    f = nj_visit_found(v, is_bad_user ? NJ_FINDING_BAD_PASSWORD : NJ_FINDING_NOT_ALLOWED,
                       NJ_END_CLIENT);
    if (f == NULL)
        return;
    if (user == NULL) {
        nj_finding_cause(f,
                         "the broker wants a user name and a password, and the client gave none%s"
                         "%s%s",
                         id != NULL ? "; or it does not take the client identifier \"" : "",
                         id != NULL ? id : "", id != NULL ? "\"" : "");
        nj_finding_mend(f, "give user name and password: -u USER -P PASSWORD");
    } else {
        char word[300];

        (void)nj_shell_word(word, sizeof(word), nj_str_of(user));
        nj_finding_cause(
            f, "the broker does not know the user %s with %s, or does not let %s in%s%s%s", user,
            v->opts.password != NULL ? "this password" : "no password", user,
            id != NULL ? ", or not with the client identifier \"" : "", id != NULL ? id : "",
            id != NULL ? "\"" : "");
        nj_finding_mend(f, "%s -P; or on the broker: nightjar passwd PASSWORD_FILE %s",
                        v->opts.password != NULL ? "correct" : "give", word);
    }
    if (is_not_allowed)
        doubt_id(v, f);
}

/* The code of a refusal, in the words of its version. */
static const char *
code_text(const struct nj_visit *v, unsigned code)
{
    static const char *const of_311[] = {
        [BAD_VERSION_311] = "unacceptable protocol version",
        [BAD_ID_311] = "identifier rejected",
        [UNAVAILABLE_311] = "server unavailable",
        [BAD_USER_311] = "bad user name or password",
        [NOT_ALLOWED_311] = "not authorized",
    };

    if (v->opts.version == 5)
        return nj_client_reason_text(code);
    return code > 0 && code < NJ_COUNT_OF(of_311) ? of_311[code] : "for a reason of no standard";
}

/* The connection ended before a CONNACK: by TLS, where it was not expected? */
static void
say_no_connack(struct nj_visit *v, enum nj_client_err err)
{
    struct nj_answer answer = {.n = 0};
    struct nj_finding *f;
    char place[300];

    if (v->has_tls) {
        f = nj_visit_found(v, NJ_FINDING_NOT_MQTT, NJ_END_BROKER);
        if (f != NULL)
            nj_finding_cause(f, "no CONNACK came: %s", nj_client_error_text(err));
    } else if (err != NJ_CLIENT_ETIMEOUT && speaks_tls(v)) {
        f = nj_visit_found(v, NJ_FINDING_PLAIN_MQTT, NJ_END_CLIENT);
        if (f == NULL)
            return;
        nj_finding_cause(f, "%s wants TLS, and the client speaks without it",
                         nj_visit_place(v, place, sizeof(place)));
        nj_finding_mend(f, "give the client --cafile FILE, with the CA of the broker");
    } else {
        if (err != NJ_CLIENT_ETIMEOUT)
            nj_visit_ask_plainly(v, &answer);
        nj_visit_say_stranger(v, &answer);
    }
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
greet(struct nj_talk *t)
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
        nj_step_came(step, NJ_STEP_FAILED, "refused: %s (code %u)", code_text(v, event.reason),
                     event.reason);
        say_connack(v, event.reason);
    } else {
        nj_step_came(step, NJ_STEP_FAILED, "%s: %s", nj_client_error_text(err),
                     nj_client_detail(t->client));
        if (err == NJ_CLIENT_ETLS || err == NJ_CLIENT_ETLSFILES)
            say_no_tunnel(v, nj_client_detail(t->client));
        else
            say_no_connack(v, err);
    }
    return false;
}

static bool
make_client(struct nj_talk *t)
{
    t->opts = t->v->opts;
    if (t->opts.tls != NULL && t->v->is_text_only) {
        t->tls = *t->opts.tls;
        t->tls.insecure = true; /* such a name has been compared by now */
        t->opts.tls = &t->tls;
    }
    return nj_client_new(&t->client, &t->opts) == NJ_CLIENT_OK;
}

/* Without a will. */
void
nj_talk_end(struct nj_client *client)
{
    if (nj_client_is_connected(client) &&
        nj_client_disconnect(client, 0, (struct nj_client_properties){NULL, 0}) == NJ_CLIENT_OK)
        (void)nj_client_drain(client, 1000);
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
    struct nj_talk t = {.v = v,
                        .is_our_topic = asked->topics.count == 0,
                        .topic = asked->topics.count > 0 ? asked->topics.at[0]
                                                         : own_topic(topic, sizeof(topic))};

    if (!make_client(&t)) {
        nj_step_came(nj_report_step(v->report, "connect", "CONNECT"), NJ_STEP_FAILED,
                     "the options of the client contradict each other");
        (void)nj_visit_found(v, NJ_FINDING_OPTION_REFUSED, NJ_END_CLIENT);
        return;
    }
    (void)snprintf(t.payload, sizeof(t.payload), "nightjar doctor %d", (int)getpid());
    if (greet(&t))
        nj_talk_to_ourselves(&t);
    nj_talk_end(t.client);
    nj_client_free(t.client);
}
