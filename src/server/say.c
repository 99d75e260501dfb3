/* SPDX-License-Identifier: Apache-2.0 */
#include "server/say.h"

#include "base/writer.h"
#include "net/tls_fault.h"
#include "server/refusals.h"
#include "server/secure.h"
#include "server/server_priv.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* printf("%" WHO) */
#define WHO     NJ_STR_FMT
#define NAME(c) NJ_STR_ARG(nj_conn_name(c))

static bool
is_about_connections(const struct nj_conn *c)
{
    return c->worker->opts->connection_messages;
}

/* ---- lines put together without printf ----
 *
 * Three are said of each connection that comes and goes, and were a fifth of its instructions. */

#define LINE_MAX_BYTES 1000

/* Inlined: of what stands here in quotes the length is known, then. */
static inline __attribute__((always_inline)) void
put(struct nj_writer *w, const char *words)
{
    nj_write_part(w, nj_str_of(words));
}

static void
put_number(struct nj_writer *w, const char *words, unsigned number)
{
    put(w, words);
    nj_write_decimal(w, number);
}

static void
put_peer(struct nj_writer *w, const struct nj_conn *c)
{
    put(w, c->peer.address);
    put_number(w, ":", c->peer.port);
}

/* What stands in `line`, which `w` began at. */
static struct nj_str
written(const struct nj_writer *w, const char *line)
{
    return (struct nj_str){line, (size_t)((const char *)w->p - line)};
}

/* ---- who is not let in ---- */

static void
keep_refusal(struct nj_worker *w, struct nj_str line)
{
    nj_refusals_add(w->server->refusals, w->now, line);
}

/* About a connection that has no session, or one whose session is ended against its will. The first
 * line is kept among the last refusals; all of them are said, or none. */
static bool
may_say(struct nj_conn *c, struct nj_str line)
{
    if (c->session != NULL) {
        keep_refusal(c->worker, line);
        return true;
    }
    if (!c->is_refused) {
        keep_refusal(c->worker, line);
        c->is_kept_back = !nj_ration_take(c->worker);
    }
    c->is_refused = true;
    return !c->is_kept_back;
}

static void NJ_PRINTF(3, 4) refuse(struct nj_conn *c, enum nj_log_type type, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n >= 0 && may_say(c, nj_str_of(line)))
        nj_log(type, "%s", line);
}

/* ---- ceilings ---- */

/* Which option a ceiling comes from; NULL: the cause is no ceiling. */
static const char *
option_of(enum nj_cause cause)
{
    switch (cause) {
    case NJ_CAUSE_PACKET_TOO_LARGE:
        return "max_packet_size";
    case NJ_CAUSE_MAX_CONNECTIONS:
        return "max_connections";
    case NJ_CAUSE_GLOBAL_MAX_CONNECTIONS:
        return "global_max_connections";
    case NJ_CAUSE_GLOBAL_MAX_CLIENTS:
        return "global_max_clients";
    case NJ_CAUSE_CONNECT_TIMEOUT:
        return "connect_timeout";
    case NJ_CAUSE_OUT_OF_MEMORY:
        return "memory_limit";
    case NJ_CAUSE_QUEUE_MESSAGES:
        return "max_queued_messages";
    case NJ_CAUSE_QUEUE_BYTES:
        return "max_queued_bytes";
    case NJ_CAUSE_QUEUE_TOTAL:
        return "max_queued_messages_total or max_queued_bytes_total";
    case NJ_CAUSE_OUTPUT_FULL:
        return "max_output_bytes";
    case NJ_CAUSE_MESSAGE_SIZE_LIMIT:
        return "message_size_limit";
    case NJ_CAUSE_RETAINED_MESSAGES:
        return "max_retained_messages";
    case NJ_CAUSE_RETAINED_BYTES:
        return "max_retained_bytes";
    case NJ_CAUSE_MAX_SUBSCRIPTIONS:
        return "max_subscriptions_per_client";
    case NJ_CAUSE_TOPIC_TOO_LONG:
        return "max_topic_length";
    case NJ_CAUSE_TOPIC_TOO_DEEP:
        return "max_topic_levels";
    case NJ_CAUSE_USER_PROPERTIES:
        return "max_user_properties";
    default:
        return NULL;
    }
}

/* A ceiling of the configuration was met. */
static void
say_ceiling_once(enum nj_cause cause)
{
    static _Atomic bool is_said[NJ_CAUSE_COUNT];
    const char *option = option_of(cause);

    /* Relaxed: at worst said by two workers. */
    if (option != NULL && !atomic_exchange_explicit(&is_said[cause], true, memory_order_relaxed))
        nj_log(NJ_LOG_WARNING,
               "The limit %s is reached: %s. This is said once; it is counted each time.", option,
               nj_cause_text(cause));
}

/* ---- connections ---- */

void
nj_say_new_connection(const struct nj_conn *c)
{
    NJ_UNSET char line[LINE_MAX_BYTES];
    struct nj_writer w = nj_writer_of(line, sizeof(line));

    if (!nj_log_is_on(NJ_LOG_NOTICE) || !is_about_connections(c) || nj_ration_is_spent(c->worker))
        return;
    put(&w, "New connection from ");
    if (c->door->port == 0)
        put(&w, c->peer.address);
    else
        put_peer(&w, c);
    put_number(&w, " on port ", c->door->port);
    put(&w, ".");
    nj_log_text(NJ_LOG_NOTICE, written(&w, line));
}

void
nj_say_denied(struct nj_worker *w, const struct nj_peer *peer, enum nj_cause cause)
{
    char line[160];

    nj_metric_add_cause(&w->metrics, cause);
    say_ceiling_once(cause);
    (void)snprintf(line, sizeof(line), "Client connection from %s denied: %s.", peer->address,
                   nj_cause_text(cause));
    keep_refusal(w, nj_str_of(line));
    if (w->opts->connection_messages && nj_ration_take(w))
        nj_log(NJ_LOG_NOTICE, "%s", line);
}

void
nj_say_accept_failed(struct nj_worker *w, int error)
{
    static _Atomic bool is_said; /* relaxed: once, or seldom twice */

    (void)w;
    if (atomic_exchange_explicit(&is_said, true, memory_order_relaxed))
        return;
    nj_log(
        NJ_LOG_WARNING,
        "Unable to accept new connection: %s. Connections wait until a descriptor is free; raise "
        "the limit of open files (ulimit -n).",
        strerror(error));
}

static void
say_new_client(const struct nj_conn *c, const struct nj_connect *p)
{
    NJ_UNSET char line[LINE_MAX_BYTES];
    struct nj_writer w = nj_writer_of(line, sizeof(line));

    put(&w, p->is_bridge ? "New bridge connected from " : "New client connected from ");
    put_peer(&w, c);
    put(&w, " as ");
    put(&w, c->client_id);
    put_number(&w, " (p", p->version);
    put_number(&w, ", c", p->clean_start);
    put_number(&w, ", k", p->keep_alive_s);
    if (p->has_user_name) {
        put(&w, ", u'");
        nj_write_part(&w, p->user_name);
        put(&w, "'");
    }
    put(&w, ").");
    nj_log_text(NJ_LOG_NOTICE, written(&w, line));
}

void
nj_say_connected(const struct nj_conn *c, const struct nj_connect *p)
{
    if (c->secure != NULL)
        nj_log(NJ_LOG_NOTICE, "Client %s negotiated %s cipher %s", c->client_id,
               nj_tls_version(c->secure->tls), nj_tls_cipher(c->secure->tls));
    if (nj_log_is_on(NJ_LOG_NOTICE) && is_about_connections(c))
        say_new_client(c, p);
    if (p->has_will) {
        nj_log(NJ_LOG_DEBUG, "Will message specified (%zu bytes) (r%d, q%d).", p->will_payload.n,
               p->will_retain, p->will_qos);
        nj_log(NJ_LOG_DEBUG, "\t%" NJ_STR_FMT, NJ_STR_ARG(p->will_topic));
    } else {
        nj_log(NJ_LOG_DEBUG, "No will message specified.");
    }
}

void
nj_say_socket(struct nj_conn *c, int error)
{
    c->socket_error = error;
}

/* Whether a head of HTTP, as far as it has come, asks for a WebSocket. */
static bool
asks_for_websocket(struct nj_str head)
{
    return memmem(head.p, head.n, "Sec-WebSocket-", 14) != NULL;
}

/* Which protocol its first bytes belong to; NULL: none that we know. */
static const char *
speaks(struct nj_str first)
{
    switch (nj_tls_look(first)) {
    case NJ_TLS_FIRST_HTTP:
        return asks_for_websocket(first)
                   ? "appears to ask for MQTT over WebSocket, which this listener does not speak"
                   : "appears to be using HTTP to connect to a listener of MQTT";
    case NJ_TLS_FIRST_SSH:
        return "appears to be using SSH to connect to a listener of MQTT";
    case NJ_TLS_FIRST_PROXY:
        return "begins with a header of the PROXY protocol, which this listener does not take: it "
               "comes through a proxy that is told to send one";
    case NJ_TLS_FIRST_TLS:
        return "appears to be using TLS to connect to a non-TLS listener";
    case NJ_TLS_FIRST_MQTT:
    case NJ_TLS_FIRST_OTHER:
    case NJ_TLS_FIRST_NONE:
        break;
    }
    return NULL;
}

/* Mosquitto's words: the line about TLS, and the one for all. */
static void
say_first_packet(struct nj_conn *c, struct nj_str first)
{
    const char *words = speaks(first);

    if (words != NULL)
        refuse(c, NJ_LOG_NOTICE, "Client from %s:%u %s.", c->peer.address, c->peer.port, words);
    refuse(c, NJ_LOG_INFO, "Protocol error from %s:%u: First packet not CONNECT (%02X).",
           c->peer.address, c->peer.port, (unsigned)(uint8_t)first.p[0]);
}

/* Which protocol it speaks instead. */
static void
say_protocol(struct nj_conn *c, enum nj_cause cause, const struct nj_frame *frame)
{
    struct nj_reader r = nj_reader_of(frame->body);
    struct nj_str name = nj_read_lp16(&r);
    unsigned version = nj_read_u8(&r);

    if (cause == NJ_CAUSE_PROTOCOL_NAME)
        refuse(c, NJ_LOG_INFO, "Protocol error from %s:%u: %s \"%" NJ_STR_FMT "\".",
               c->peer.address, c->peer.port, "CONNECT with invalid protocol", NJ_STR_ARG(name));
    else
        refuse(c, NJ_LOG_INFO, "Protocol error from %s:%u: %s (%u).", c->peer.address, c->peer.port,
               nj_cause_text(cause), version);
}

/* NULL: the cause is about no credentials. */
static const char *
refusal_of(enum nj_cause cause)
{
    switch (cause) {
    case NJ_CAUSE_NO_USER_NAME:
        return "no user name, and anonymous clients are not allowed";
    case NJ_CAUSE_NO_PASSWORD:
        return "user name without password";
    case NJ_CAUSE_USER_UNKNOWN:
        return "unknown user";
    case NJ_CAUSE_WRONG_PASSWORD:
        return "wrong password";
    case NJ_CAUSE_NO_IDENTITY:
        return "no user name in the client certificate (use_identity_as_username)";
    case NJ_CAUSE_PASSWORD_QUEUE:
        return "too many passwords wait to be checked";
    default:
        return NULL;
    }
}

void
nj_say_refused(struct nj_conn *c, enum nj_cause cause)
{
    const char *words = refusal_of(cause);

    if (words == NULL)
        return;
    if (c->user_name != NULL)
        refuse(c, NJ_LOG_INFO, "Client %" WHO " [%s:%u] refused: %s (u'%s').", NAME(c),
               c->peer.address, c->peer.port, words, c->user_name);
    else
        refuse(c, NJ_LOG_INFO, "Client %" WHO " [%s:%u] refused: %s.", NAME(c), c->peer.address,
               c->peer.port, words);
}

void
nj_say_tls_fault(struct nj_conn *c, const struct nj_tls_fault *f)
{
    char line[860] = "there was no memory for it";

    if (f != NULL)
        nj_tls_fault_line(f, nj_tls_context_findings(nj_tls_context_of(c->secure->tls)), line,
                          sizeof(line));
    /* It ends with what mends it, to be copied as it stands. */
    refuse(c, NJ_LOG_NOTICE, "TLS %s %s:%u on port %u failed: %s",
           f != NULL && f->was_open ? "with" : "handshake with", c->peer.address, c->peer.port,
           c->door->port, line);
}

void
nj_say_no_longer_trusted(struct nj_conn *c, const struct nj_finding *why)
{
    char line[860];

    refuse(c, NJ_LOG_NOTICE, "Client %" WHO " [%s:%u] is ended after a reload: %s", NAME(c),
           c->peer.address, c->peer.port, nj_finding_line(why, line, sizeof(line)));
}

/* Faults that Mosquitto has a line of its own for, "…from ID, disconnecting."; NULL: none. */
static const char *
own_words(enum nj_cause cause, const struct nj_frame *frame)
{
    switch (cause) {
    case NJ_CAUSE_DUP_AT_QOS_0:
        return "Invalid PUBLISH (QoS=0 and DUP=1)";
    case NJ_CAUSE_QOS_3:
        return frame->type == NJ_PUBLISH ? "Invalid QoS in PUBLISH"
                                         : "Invalid QoS in subscription command";
    case NJ_CAUSE_QOS_NOT_SUPPORTED:
        return frame->type == NJ_PUBLISH ? "Too high QoS in PUBLISH" : NULL;
    case NJ_CAUSE_TOPIC_FILTER_EMPTY:
        return frame->type == NJ_SUBSCRIBE ? "Empty subscription string"
                                           : "Empty unsubscription string";
    case NJ_CAUSE_TOPIC_FILTER_GRAMMAR:
        return frame->type == NJ_SUBSCRIBE ? "Invalid subscription string"
                                           : "Invalid unsubscription string";
    default:
        return NULL;
    }
}

#define WHAT_MAX 128

/* What stands behind "Protocol error from ID: ". */
static void
put_what(char what[WHAT_MAX], const struct nj_conn *c, enum nj_cause cause,
         const struct nj_frame *frame)
{
    const char *packet = nj_packet_name((enum nj_packet_type)frame->type);
    const char *words = nj_cause_text(cause);
    struct nj_publish p;

    switch (cause) {
    case NJ_CAUSE_PACKET_ID_ZERO:
        (void)snprintf(what, WHAT_MAX, "%s with mid = 0", packet);
        break;
    case NJ_CAUSE_PROPERTY_UNKNOWN:
    case NJ_CAUSE_PROPERTY_NOT_ALLOWED:
    case NJ_CAUSE_PROPERTY_TWICE:
    case NJ_CAUSE_PROPERTY_VALUE:
        (void)snprintf(what, WHAT_MAX, "%s packet with invalid properties (%s)", packet, words);
        break;
    case NJ_CAUSE_TOPIC_ALIAS: /* found in a PUBLISH that was decoded without fault */
    case NJ_CAUSE_TOPIC_ALIAS_UNKNOWN:
        (void)nj_publish_decode(frame, c->link.version, NJ_FROM_CLIENT, &p);
        (void)snprintf(what, WHAT_MAX, "PUBLISH invalid topic alias (%u)",
                       p.properties.topic_alias);
        break;
    case NJ_CAUSE_CLIENT_ID_INVALID:
        (void)snprintf(what, WHAT_MAX, "CONNECT with zero length clientid when forbidden");
        break;
    case NJ_CAUSE_UNEXPECTED_PACKET:
        (void)snprintf(what, WHAT_MAX,
                       c->state == NJ_CONN_AUTH ? "%s before session is active" : "%s: %s", packet,
                       words);
        break;
    default:
        (void)snprintf(what, WHAT_MAX, "%s", words);
        break;
    }
}

/* Who breaks no rule, but is not let in or kept, is told of in the line about its end. */
static bool
is_broken_rule(enum nj_cause cause)
{
    switch (nj_cause_reason(cause)) {
    case NJ_REASON_MALFORMED_PACKET:
    case NJ_REASON_PROTOCOL_ERROR:
    case NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION:
    case NJ_REASON_CLIENT_IDENTIFIER_NOT_VALID:
    case NJ_REASON_TOPIC_FILTER_INVALID:
    case NJ_REASON_TOPIC_NAME_INVALID:
    case NJ_REASON_TOPIC_ALIAS_INVALID:
    case NJ_REASON_QOS_NOT_SUPPORTED:
    case NJ_REASON_RETAIN_NOT_SUPPORTED:
        return true;
    default:
        return false;
    }
}

static void
say_broken_rule(struct nj_conn *c, enum nj_cause cause, const struct nj_frame *frame)
{
    const char *own = own_words(cause, frame);
    char what[WHAT_MAX];

    if (own != NULL) {
        nj_log(NJ_LOG_INFO, "%s from %" WHO ", disconnecting.", own, NAME(c));
        return;
    }
    put_what(what, c, cause, frame);
    if (nj_conn_is_known(c))
        nj_log(NJ_LOG_INFO, "Protocol error from %" WHO ": %s.", NAME(c), what);
    else
        refuse(c, NJ_LOG_INFO, "Protocol error from %s:%u: %s.", c->peer.address, c->peer.port,
               what);
}

void
nj_say_fault(struct nj_conn *c, enum nj_cause cause, const struct nj_frame *frame,
             struct nj_str bytes)
{
    if (c->state == NJ_CONN_CONNECT && (uint8_t)bytes.p[0] != NJ_CONNECT << 4) {
        say_first_packet(c, bytes);
    } else if (refusal_of(cause) != NULL) {
        nj_say_refused(c, cause);
    } else if (cause == NJ_CAUSE_PROTOCOL_NAME || cause == NJ_CAUSE_PROTOCOL_VERSION) {
        say_protocol(c, cause, frame);
    } else if (cause == NJ_CAUSE_SECOND_CONNECT) {
        if (is_about_connections(c))
            nj_log(NJ_LOG_NOTICE, "Bad client %s:%u sending multiple CONNECT messages.",
                   c->peer.address, c->peer.port);
    } else if (cause == NJ_CAUSE_RECEIVE_MAXIMUM) {
        nj_log(NJ_LOG_WARNING,
               "Client %" WHO " has exceeded its receive-maximum quota. This behaviour must be "
               "fixed on the client.",
               NAME(c));
    } else if (is_broken_rule(cause)) {
        say_broken_rule(c, cause, frame);
    }
}

/* The end of the line, as operators look for it. */
static const char *
ending(const struct nj_conn *c, enum nj_cause cause)
{
    switch (cause) {
    case NJ_CAUSE_SOCKET_ERROR:
        return c->socket_error != 0 ? strerror(c->socket_error) : nj_cause_text(cause);
    case NJ_CAUSE_QOS_NOT_SUPPORTED:
    case NJ_CAUSE_RETAIN_NOT_SUPPORTED:
    case NJ_CAUSE_AUTH_METHOD:
        return "used disallowed feature (QoS too high, retain not supported, or bad AUTH method)";
    case NJ_CAUSE_TOPIC_ALIAS:
        return "topic alias invalid";
    case NJ_CAUSE_OUT_OF_MEMORY:
        return "out of memory";
    default:
        break;
    }
    switch (nj_cause_reason(cause)) {
    case NJ_REASON_MALFORMED_PACKET:
    case NJ_REASON_TOPIC_FILTER_INVALID:
    case NJ_REASON_TOPIC_NAME_INVALID:
        return "malformed packet";
    case NJ_REASON_PROTOCOL_ERROR:
    case NJ_REASON_UNSUPPORTED_PROTOCOL_VERSION:
        return "protocol error";
    default:
        return nj_cause_text(cause);
    }
}

/* It goes by itself, or with everybody: nobody has refused it anything. */
static bool
is_refusal(enum nj_cause cause)
{
    return cause != NJ_CAUSE_CLIENT_DISCONNECT && cause != NJ_CAUSE_CLIENT_DISCONNECT_WILL &&
           cause != NJ_CAUSE_CLIENT_CLOSED && cause != NJ_CAUSE_SOCKET_ERROR &&
           cause != NJ_CAUSE_SHUTTING_DOWN;
}

void
nj_say_disconnected(struct nj_conn *c, enum nj_cause cause)
{
    bool is_orderly =
        cause == NJ_CAUSE_CLIENT_DISCONNECT || cause == NJ_CAUSE_CLIENT_DISCONNECT_WILL;
    NJ_UNSET char line[LINE_MAX_BYTES];
    struct nj_writer w = nj_writer_of(line, sizeof(line));

    say_ceiling_once(cause);
    put(&w, "Client ");
    nj_write_part(&w, nj_conn_name(c));
    put(&w, " [");
    put_peer(&w, c);
    put(&w, "] disconnected");
    if (!is_orderly) {
        put(&w, ": ");
        put(&w, ending(c, cause));
    }
    put(&w, ".");
    if (c->session == NULL && is_refusal(cause) && !may_say(c, written(&w, line)))
        return;
    if (nj_log_is_on(NJ_LOG_NOTICE) && is_about_connections(c))
        nj_log_text(NJ_LOG_NOTICE, written(&w, line));
}

/* ---- the broker's own ---- */

void
nj_say_dropped(struct nj_worker *w, enum nj_cause cause, struct nj_session *session,
               struct nj_str topic)
{
    (void)w;
    switch (cause) {
    case NJ_CAUSE_QUEUE_MESSAGES:
    case NJ_CAUSE_QUEUE_BYTES:
    case NJ_CAUSE_QUEUE_TOTAL:
    case NJ_CAUSE_OUTPUT_FULL:
        if (session != NULL && !session->is_dropping) {
            session->is_dropping = true;
            nj_log(NJ_LOG_NOTICE, "Outgoing messages are being dropped for client %" NJ_STR_FMT ".",
                   NJ_STR_ARG(nj_session_client_id(session)));
        }
        break;
    default:
        break;
    }
    say_ceiling_once(cause);
    nj_log(NJ_LOG_DEBUG, "Dropped message for %" NJ_STR_FMT " ('%" NJ_STR_FMT "'): %s.",
           session != NULL ? (int)session->client_id_n : 6,
           session != NULL ? session->client_id : "nobody", NJ_STR_ARG(topic),
           nj_cause_text(cause));
}

void
nj_say_expired(const struct nj_session *session)
{
    nj_log(NJ_LOG_NOTICE, "Expiring client %" NJ_STR_FMT " due to timeout.",
           NJ_STR_ARG(nj_session_client_id(session)));
}

void
nj_say_waits(const struct nj_session *session)
{
    nj_log(NJ_LOG_NOTICE, "Client %" NJ_STR_FMT " waits for its CONNACK: %s.",
           NJ_STR_ARG(nj_session_client_id(session)), nj_cause_text(NJ_CAUSE_STORE_FULL));
}
