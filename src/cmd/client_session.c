/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/client_session.h"

#include "base/mem.h"
#include "mqtt/packet.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t signals_caught, last_signal;

static void
on_signal(int number)
{
    last_signal = number;
    signals_caught++;
}

/* ---- words and numbers ---- */

int
nj_mosq_number(enum nj_client_err err)
{
    switch (err) {
    case NJ_CLIENT_OK:
        return NJ_MOSQ_SUCCESS;
    case NJ_CLIENT_ENOMEM:
        return NJ_MOSQ_NOMEM;
    case NJ_CLIENT_EINVAL:
        return NJ_MOSQ_INVAL;
    case NJ_CLIENT_ENOTCONN:
    case NJ_CLIENT_EDISCONNECTED:
        return NJ_MOSQ_NO_CONN;
    case NJ_CLIENT_EFULL:
    case NJ_CLIENT_ETIMEOUT:
        return NJ_MOSQ_TIMEOUT;
    case NJ_CLIENT_ELOOKUP:
        return NJ_MOSQ_EAI;
    case NJ_CLIENT_ESYS:
        return NJ_MOSQ_ERRNO;
    case NJ_CLIENT_EREFUSED:
        return NJ_MOSQ_CONN_REFUSED;
    case NJ_CLIENT_ELOST:
        return NJ_MOSQ_CONN_LOST;
    case NJ_CLIENT_EKEEPALIVE:
        return NJ_MOSQ_KEEPALIVE;
    case NJ_CLIENT_EPROTOCOL:
    case NJ_CLIENT_EWANTSTLS:
        return NJ_MOSQ_PROTOCOL;
    case NJ_CLIENT_EMALFORMED:
        return NJ_MOSQ_MALFORMED_PACKET;
    case NJ_CLIENT_ETOOLARGE:
        return NJ_MOSQ_OVERSIZE_PACKET;
    case NJ_CLIENT_EQOS:
        return NJ_MOSQ_QOS_NOT_SUPPORTED;
    case NJ_CLIENT_EAUTH:
        return NJ_MOSQ_AUTH;
    case NJ_CLIENT_ERETAIN:
    case NJ_CLIENT_EUNSUPPORTED:
        return NJ_MOSQ_NOT_SUPPORTED;
    case NJ_CLIENT_ETLS:
        return NJ_MOSQ_TLS;
    case NJ_CLIENT_ETLSFILES:
        return 1; /* as a mistake on the command line */
    case NJ_CLIENT_EWILDCARD:
        return NJ_REASON_WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED;
    case NJ_CLIENT_ESHARED:
        return NJ_REASON_SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
    case NJ_CLIENT_EIDENTIFIER:
        return NJ_REASON_SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
    }
    return NJ_MOSQ_PROTOCOL;
}

const char *
nj_mosq_text(int number, int error)
{
    switch (number) {
    case NJ_MOSQ_SUCCESS:
        return "No error.";
    case NJ_MOSQ_NOMEM:
        return "Out of memory.";
    case NJ_MOSQ_PROTOCOL:
        return "A network protocol error occurred when communicating with the broker.";
    case NJ_MOSQ_INVAL:
        return "Invalid function arguments provided.";
    case NJ_MOSQ_NO_CONN:
        return "The client is not currently connected.";
    case NJ_MOSQ_CONN_REFUSED:
        return "The connection was refused.";
    case NJ_MOSQ_CONN_LOST:
        return "The connection was lost.";
    case NJ_MOSQ_NOT_SUPPORTED:
        return "This feature is not supported.";
    case NJ_MOSQ_AUTH:
        return "Authorisation failed.";
    case NJ_MOSQ_ERRNO:
        return strerror(error);
    case NJ_MOSQ_EAI:
        return "Lookup error.";
    case NJ_MOSQ_KEEPALIVE:
        return "The broker did not answer within the keep alive.";
    case NJ_MOSQ_MALFORMED_PACKET:
        return "Malformed packet";
    case NJ_MOSQ_QOS_NOT_SUPPORTED:
        return "Requested QoS not supported on server.";
    case NJ_MOSQ_OVERSIZE_PACKET:
        return "Packet larger than supported by the server.";
    case NJ_MOSQ_TIMEOUT:
        return "Timeout";
    default:
        return number >= 0x80 ? nj_client_reason_text((unsigned)number) : "Unknown error.";
    }
}

/* CONNACK's return codes before MQTT 5. */
static const char *
return_code_text(unsigned code)
{
    static const char *const texts[] = {
        "Connection Accepted.",
        "Connection Refused: unacceptable protocol version.",
        "Connection Refused: identifier rejected.",
        "Connection Refused: broker unavailable.",
        "Connection Refused: bad user name or password.",
        "Connection Refused: not authorised.",
    };

    return code < NJ_COUNT_OF(texts) ? texts[code] : "Connection Refused: unknown reason.";
}

static void
say_refused(const struct nj_client_config *c, unsigned code)
{
    const char *text =
        c->version == NJ_MQTT_5 ? nj_client_reason_text(code) : return_code_text(code);
    const char *hint = "";

    if (c->version == NJ_MQTT_5 && code == NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION) {
        hint = c->tool == NJ_TOOL_RR
                   ? ". mosquitto_rr only supports connecting to an MQTT v5 broker"
                   : ". Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.";
    }
    nj_client_say(c, "Connection error: %s%s\n", text, hint);
    if (c->tool == NJ_TOOL_PUB) {
        bool is_v3_code = c->version != NJ_MQTT_5 && code <= 5;

        nj_client_say(c, "Error: %s\n",
                      nj_mosq_text(is_v3_code ? NJ_MOSQ_CONN_REFUSED : NJ_MOSQ_PROTOCOL, 0));
    }
}

/* What would end the same way again. */
static bool
is_final(enum nj_client_err err)
{
    return err == NJ_CLIENT_EPROTOCOL || err == NJ_CLIENT_EMALFORMED ||
           err == NJ_CLIENT_ETOOLARGE || err == NJ_CLIENT_EAUTH || err == NJ_CLIENT_ENOMEM ||
           err == NJ_CLIENT_ETLS || err == NJ_CLIENT_ETLSFILES || err == NJ_CLIENT_EWANTSTLS;
}

/* What Mosquitto's words do not tell: why a broker has never answered, answered nonsense, or sent
 * DISCONNECT. */
static void
say_detail(const struct nj_client_session *s, enum nj_client_err err)
{
    const struct nj_client_config *c = s->config;
    const char *detail = nj_client_detail(s->client);
    bool is_silence = !s->was_connected && (err == NJ_CLIENT_ELOST || err == NJ_CLIENT_ETIMEOUT);
    bool has_tls = nj_client_config_has_tls(c);

    if (err == NJ_CLIENT_EWANTSTLS || (is_silence && !has_tls && c->unix_path == NULL))
        nj_client_say(c, "(%s%s add --cafile FILE with its CA, or -L mqtts://...)\n", detail,
                      is_silence ? ". If its port is for TLS," : ":");
    else if (err == NJ_CLIENT_EDISCONNECTED)
        nj_client_say(c, "(the broker said: %s)\n", detail);
    else if (is_final(err) || (is_silence && err == NJ_CLIENT_ETIMEOUT))
        nj_client_say(c, "(%s)\n", detail);
}

/* How a connection ended, in Mosquitto's words; of TLS besides what those do not tell. */
static void
say_how_lost(const struct nj_client_session *s, enum nj_client_err err)
{
    const struct nj_client_config *c = s->config;
    const char *detail = nj_client_detail(s->client);
    int number = nj_mosq_number(err);

    if (err == NJ_CLIENT_ETLS)
        nj_client_say(c, "Error: A TLS error occurred: %s\n", detail);
    else if (err == NJ_CLIENT_ETLSFILES)
        nj_client_say(c, "Error: Problem setting TLS options: %s\n", detail);
    else if (err == NJ_CLIENT_ELOOKUP && c->srv)
        nj_client_say(c, "Error: SRV lookup failed: %s.\n", detail);
    else if (err == NJ_CLIENT_ELOOKUP)
        nj_client_say(c, "Unable to connect (%s).\n", nj_mosq_text(number, 0));
    else
        nj_client_say(c, "Error: %s\n", nj_mosq_text(number, nj_client_errno(s->client)));
    if (err != NJ_CLIENT_ETLS && err != NJ_CLIENT_ETLSFILES)
        say_detail(s, err);
}

void
nj_client_session_lost(struct nj_client_session *s, const struct nj_client_event *ev)
{
    const struct nj_client_config *c = s->config;
    bool is_before = ev->error == NJ_CLIENT_ELOOKUP || ev->error == NJ_CLIENT_ESYS;

    s->was_up |= !is_before;
    if (ev->error == NJ_CLIENT_EREFUSED) {
        say_refused(c, ev->reason);
        nj_client_session_end(s, ev->reason);
        return;
    }
    if (s->reconnects && !is_final(ev->error) && (!is_before || s->was_up)) {
        if (!s->has_said_detail)
            say_detail(s, ev->error);
        s->has_said_detail = true;
        return;
    }
    say_how_lost(s, ev->error);
    nj_client_session_end(s, nj_mosq_number(ev->error));
}

/* ---- the client ---- */

static void
print_line(void *ctx, const char *line)
{
    (void)ctx;
    (void)puts(line);
}

static bool
make_session_client(struct nj_client_session *s)
{
    const struct nj_client_config *c = s->config;
    struct nj_client_told told;
    enum nj_client_err err = NJ_CLIENT_ENOMEM;

    if (nj_client_told_init(&told, c)) {
        told.opts.reconnect_min_ms = s->reconnects ? 1000 : 0;
        told.opts.reconnect_max_ms = 1000;
        told.opts.release_bytes = (size_t)64 << 20; /* the order of Mosquitto's programs */
        told.opts.log = c->debug ? print_line : NULL;
        if (told.opts.tls != NULL)
            nj_client_warn_insecure(c);
        err = nj_client_new(&s->client, &told.opts);
    }
    nj_client_told_fini(&told);
    if (err == NJ_CLIENT_OK)
        return true;
    if (err == NJ_CLIENT_ENOMEM)
        nj_client_say(c, "Error: Out of memory.\n");
    else if (c->password != NULL && c->user == NULL && c->version < NJ_MQTT_5)
        nj_client_say(c, "Error: Problem setting username and/or password.\n");
    else
        nj_client_say(c, "Error: Invalid id and/or clean_session.\n");
    return false;
}

bool
nj_client_session_open(struct nj_client_session *s, const struct nj_client_config *config,
                       bool reconnects)
{
    struct sigaction action = {.sa_handler = on_signal};

    *s = (struct nj_client_session){.config = config, .reconnects = reconnects};
    if (!make_session_client(s))
        return false;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    s->until = config->timeout_s > 0
                   ? nj_time_after_s(nj_clock_monotonic_ms(), (uint32_t)config->timeout_s)
                   : NJ_NEVER;
    return true;
}

void
nj_client_session_close(struct nj_client_session *s)
{
    nj_client_free(s->client);
    s->client = NULL;
}

void
nj_client_session_end_by_signal(void)
{
    if (signals_caught == 0)
        return;
    (void)signal(last_signal, SIG_DFL);
    (void)raise(last_signal);
}

static bool
is_time_over(const struct nj_client_session *s)
{
    return s->until != NJ_NEVER && nj_clock_monotonic_ms() >= s->until;
}

bool
nj_client_session_is_over(const struct nj_client_session *s)
{
    return signals_caught > 0 || is_time_over(s);
}

/* How long to wait for something that is due at `at`, at most until -W and the client's own time.
 */
static int
wait_ms(const struct nj_client_session *s, nj_time at)
{
    nj_time until = NJ_MIN(s->until, at);
    int own = nj_client_timeout_ms(s->client);
    nj_time left;

    if (until == NJ_NEVER)
        return own;
    left = NJ_MAX(until - nj_clock_monotonic_ms(), 0);
    return (int)NJ_MIN(left, own < 0 ? 3600000 : own);
}

/* ppoll() until a signal that was not seen yet: one that has come already ends it, too, since they
 * are let in only while it waits. */
static int
poll_unless_signalled(const struct nj_client_session *s, struct pollfd *fds, nfds_t count, int ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    sigset_t ours, before;
    int ready = -1;

    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGINT);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ours, &before);
    if (signals_caught == s->signals_seen)
        ready = ppoll(fds, count, ms >= 0 ? &time : NULL, &before);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return ready;
}

void
nj_client_session_wait(const struct nj_client_session *s, nj_time at, struct pollfd *also)
{
    struct pollfd fds[2] = {{.fd = nj_client_fd(s->client)}, {.fd = -1}};

    if (also != NULL)
        fds[1] = *also;
    if (nj_client_wants_read(s->client))
        fds[0].events |= POLLIN;
    if (nj_client_wants_write(s->client))
        fds[0].events |= POLLOUT;
    if (poll_unless_signalled(s, fds, 2, wait_ms(s, at)) < 0)
        return;
    if ((fds[0].revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
        nj_client_on_writable(s->client);
    if ((fds[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        nj_client_on_readable(s->client);
    nj_client_on_time(s->client);
    if (also != NULL)
        also->revents = fds[1].revents;
}

void
nj_client_session_end(struct nj_client_session *s, int code)
{
    s->is_ended = true;
    s->code = code;
}

void
nj_client_session_leave(struct nj_client_session *s, unsigned reason, int code)
{
    struct nj_client_properties properties =
        nj_client_property_list_view(s->config->properties[NJ_FOR_DISCONNECT]);
    struct nj_client_event ev;
    enum nj_client_err err;

    nj_client_session_end(s, code);
    s->signals_seen = signals_caught;
    s->until = NJ_NEVER;
    if (s->config->version != NJ_MQTT_5)
        reason = 0;
    err = nj_client_disconnect(s->client, reason, properties);
    if (err == NJ_CLIENT_ETOOLARGE) {
        nj_client_say(s->config, "Warning: -D disconnect is left out: with it the packet is larger "
                                 "than the broker takes.\n");
        err = nj_client_disconnect(s->client, reason, (struct nj_client_properties){NULL, 0});
    }
    if (err != NJ_CLIENT_OK)
        return;
    do {
        err = nj_client_next(s->client, &ev, 0);
        if (err == NJ_CLIENT_ETIMEOUT)
            nj_client_session_wait(s, NJ_NEVER, NULL);
        else if (err != NJ_CLIENT_OK || ev.type == NJ_CLIENT_DISCONNECTED)
            return;
        else if (ev.type == NJ_CLIENT_MESSAGE && s->on_last_message != NULL)
            s->on_last_message(s->ctx, &ev.message);
    } while (signals_caught == s->signals_seen);
}

/* Before the broker has answered there is nobody to say goodbye to; Mosquitto's rr alone tells then
 * that its time was up. */
void
nj_client_session_give_up(struct nj_client_session *s)
{
    bool has_timed_out = is_time_over(s);

    if (s->was_connected)
        nj_client_session_leave(s, 4, has_timed_out ? NJ_MOSQ_TIMEOUT : 0);
    else if (has_timed_out && s->config->tool == NJ_TOOL_RR)
        nj_client_session_end(s, NJ_MOSQ_TIMEOUT);
    else
        nj_client_session_end(s, NJ_EXIT_INTERRUPTED);
    if (s->code == NJ_MOSQ_TIMEOUT)
        nj_client_say(s->config, "Timed out\n");
}

/* ---- subscribing ---- */

enum nj_client_err
nj_client_session_subscribe(struct nj_client_session *s, const char *only)
{
    const struct nj_client_config *c = s->config;
    size_t count = only != NULL ? 1 : c->topics.count;
    bool is_v5 = c->version == NJ_MQTT_5;
    struct nj_client_subscription *list = nj_alloc_array(count, sizeof(*list));
    enum nj_client_err err;

    if (list == NULL)
        return NJ_CLIENT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct nj_client_subscription){
            .filter = only != NULL ? only : c->topics.at[i],
            .qos = (uint8_t)c->qos,
            .retain_as_published = is_v5 && c->retain_as_published,
            .retain_handling = !is_v5           ? 0
                               : c->no_retained ? 2
                                                : (uint8_t)c->retain_handling,
        };
    }
    err = nj_client_subscribe(s->client, list, count,
                              nj_client_property_list_view(c->properties[NJ_FOR_SUBSCRIBE]), NULL);
    nj_free(list);
    return err;
}

int
nj_client_session_subscribed(const struct nj_client_session *s, const struct nj_client_event *ev)
{
    const struct nj_client_config *c = s->config;
    bool is_denied = true;

    for (size_t i = 0; i < ev->code_count; i++)
        is_denied &= ev->codes[i] >= 0x80;
    if (c->tool == NJ_TOOL_SUB && c->debug && !c->quiet) {
        printf("Subscribed (mid: %u): ", ev->packet_id);
        for (size_t i = 0; i < ev->code_count; i++)
            printf("%s%u", i > 0 ? ", " : "", ev->codes[i]);
        putchar('\n');
    }
    if (!is_denied)
        return 0;
    nj_client_say(c, "%s\n",
                  c->tool == NJ_TOOL_RR ? nj_client_reason_text(ev->codes[0])
                                        : "All subscription requests were denied.");
    return ev->codes[0];
}
