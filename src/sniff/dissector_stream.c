/* SPDX-License-Identifier: Apache-2.0 */
/* dissector_stream.c — what is spoken on a TCP stream: MQTT, TLS, WebSocket, and the one in the
 * other. */
#include "base/reader.h"
#include "sniff/dissector_priv.h"
#include "sniff/payload/http.h"

/* ---- MQTT on a stream ---- */

/* Ports whose services are known; elsewhere a stream that begins with a CONNECT is MQTT, too. */
enum {
    PORT_MQTT = 1883,
    PORT_MQTTS = 8883,
};

static bool
begins_with_connect(struct nj_str ready)
{
    struct nj_reader r = nj_reader_of(ready);
    struct nj_str name;

    if (nj_read_u8(&r) != 0x10)
        return false;
    while ((nj_read_u8(&r) & 0x80) != 0 && !r.is_short)
        ;
    name = nj_read_lp16(&r);
    return !r.is_short && (nj_str_eq(name, NJ_STR("MQTT")) || nj_str_eq(name, NJ_STR("MQIsdp")));
}

static bool
has_port(const struct nj_tcp *t, uint16_t port)
{
    return t->source_port == port || t->destination_port == port;
}

static bool
has_used_port(const struct nj_dissector *d, const struct nj_tcp *t)
{
    for (size_t i = 0; i < d->port_count; i++)
        if (has_port(t, d->port[i]))
            return true;
    return false;
}

/* Whether nothing is missing so far, on neither side. */
static bool
is_whole(const struct nj_stream *s)
{
    return s->flow[0].has_syn && nj_reassembly_is_whole(&s->flow[0].bytes) && s->flow[1].has_syn &&
           nj_reassembly_is_whole(&s->flow[1].bytes);
}

/* A client that speaks TLS or HTTP to a port of MQTT is shown as what it is. UNKNOWN: more has to
 * be ready. */
static enum nj_spoken
recognize(const struct nj_dissector *d, const struct nj_stream *s, const struct nj_tcp *t,
          struct nj_str ready)
{
    bool is_used = has_used_port(d, t);

    if (has_port(t, PORT_MQTTS) || nj_str_starts(ready, NJ_STR("\x16\x03")) ||
        (is_used && nj_str_starts(ready, NJ_STR("\x17\x03"))))
        return NJ_SPOKEN_TLS;
    if (has_port(t, PORT_MQTT))
        return NJ_SPOKEN_MQTT;
    if (nj_http_begins(ready))
        return NJ_SPOKEN_WEBSOCKET;
    if (nj_http_may_begin(ready))
        return NJ_SPOKEN_UNKNOWN;
    return (is_used && is_whole(s)) || begins_with_connect(ready) ? NJ_SPOKEN_MQTT
                                                                  : NJ_SPOKEN_OTHER;
}

/* The whole packets in what is ready, and of a frame that was cut also the one it cuts. */
static size_t
read_packets(struct nj_dissector *d, struct nj_stream *s, unsigned direction, struct nj_str ready,
             bool is_cut, struct nj_mqtt_row *row)
{
    size_t at = 0;

    while (at < ready.n) {
        struct nj_str rest = nj_str_from(ready, at);
        bool is_fault;
        size_t bytes = nj_mqtt_packet_bytes(rest, &is_fault);
        bool is_whole = bytes > 0 && bytes <= rest.n;

        if (is_fault) {
            s->packets[direction].is_ended = true;
            return ready.n;
        }
        s->packets[direction].is_awaited = bytes > 0 && !is_whole;
        if (!is_whole && !is_cut)
            return at;
        nj_mqtt_dissect(&s->mqtt, direction, is_whole ? (struct nj_str){rest.p, bytes} : rest,
                        is_whole ? bytes : SIZE_MAX, &d->out.tree, row);
        at += is_whole ? bytes : rest.n;
    }
    s->packets[direction].is_awaited = false;
    return at;
}

/* Returns how much was taken. */
static size_t
read_mqtt(struct nj_dissector *d, struct nj_stream *s, unsigned direction, struct nj_str ready,
          bool is_cut)
{
    struct nj_mqtt_row row = {.info = &d->said};
    size_t taken = ready.n;

    s->mqtt.shows_text = d->shows_text;
    if (s->packets[direction].is_searching && nj_mqtt_may_make_sense(ready))
        return 0;
    if (s->packets[direction].is_searching)
        s->packets[direction].is_searching = !nj_mqtt_makes_sense(&s->mqtt, ready);
    if (!s->packets[direction].is_searching && !s->packets[direction].is_ended)
        taken = read_packets(d, s, direction, ready, is_cut, &row);
    if (d->said.n > 0) {
        d->out.protocol = row.has_json ? "MQTT/JSON" : "MQTT";
        d->out.is_malformed = d->out.is_malformed || row.is_malformed;
    }
    return taken;
}

/* ---- WebSocket on a stream ---- */

/* A WebSocket whose upgrade was not seen is known by a message that is MQTT from its first byte to
 * its last. */
static bool
joins_websocket(struct nj_stream *s, unsigned direction, struct nj_str ready)
{
    struct nj_text message = {0};
    bool is_client = false;
    bool is_mqtt = nj_websocket_begins(ready, &message, &is_client) &&
                   nj_mqtt_is_packets(nj_text_str(&message));

    nj_text_fini(&message);
    if (is_mqtt && s->websocket == NULL)
        s->websocket = nj_websocket_stream_new();
    if (!is_mqtt || s->websocket == NULL)
        return false;
    nj_websocket_stream_join(s->websocket, is_client ? direction : 1 - direction);
    s->spoken_in_websocket = NJ_SPOKEN_MQTT;
    s->packets[0].is_searching = s->packets[1].is_searching = true;
    return true;
}

/* Of a stream whose beginning was not seen each segment may tell what it is. */
static enum nj_spoken
recognize_later(const struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                const struct nj_tcp *t, struct nj_str ready)
{
    if (joins_websocket(s, direction, ready))
        return NJ_SPOKEN_WEBSOCKET;
    /* 0x82 begins a SUBSCRIBE and a binary message alike: a part of one tells nothing. */
    if (!has_used_port(d, t) || !nj_mqtt_makes_sense(&s->mqtt, ready) ||
        (ready.p[0] == '\x82' && !nj_mqtt_is_packets(ready)))
        return NJ_SPOKEN_OTHER;
    s->packets[0].is_searching = s->packets[1].is_searching = true;
    return NJ_SPOKEN_MQTT;
}

static bool
is_mqtt_in_websocket(struct nj_stream *s, const struct nj_websocket_row *row)
{
    if (s->spoken_in_websocket == NJ_SPOKEN_UNKNOWN)
        s->spoken_in_websocket = row->is_mqtt || begins_with_connect(row->plain.bytes)
                                     ? NJ_SPOKEN_MQTT
                                     : NJ_SPOKEN_OTHER;
    return s->spoken_in_websocket == NJ_SPOKEN_MQTT;
}

/* What the frames carry, if it is MQTT. */
static void
read_carried(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
             const struct nj_websocket_row *row)
{
    size_t taken = row->plain.bytes.n;

    if (!row->plain.is_new)
        return;
    if (row->plain.is_behind_gap)
        s->packets[direction].is_searching = true;
    if (is_mqtt_in_websocket(s, row))
        taken = read_mqtt(d, s, direction, row->plain.bytes, false);
    nj_websocket_stream_take(s->websocket, direction, nj_streams_pool(d->streams), taken);
}

/* `spoken` is what says that it is one; where it becomes none it is told so. Where a packet of MQTT
 * ends, its words stand for those of WebSocket. */
static size_t
read_websocket(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
               const struct nj_ready *ready, bool is_cut, enum nj_spoken *spoken, bool *is_awaited)
{
    struct nj_websocket_row row = {.info = &d->said_by_websocket};
    struct nj_ready rest = *ready;

    if (s->websocket == NULL) {
        s->websocket = nj_websocket_stream_new();
        s->packets[0].is_searching = s->packets[1].is_searching = false;
    }
    if (s->websocket == NULL)
        return ready->bytes.n;
    nj_text_clear(&d->said_by_websocket);
    do {
        size_t taken = nj_websocket_stream_read(s->websocket, direction, rest, is_cut,
                                                nj_streams_pool(d->streams), &d->out.tree, &row);

        rest.bytes = nj_str_from(rest.bytes, taken);
        rest.is_behind_gap = false;
        if (row.protocol != NULL && d->said.n == 0)
            d->out.protocol = row.protocol;
        read_carried(d, s, direction, &row);
    } while (row.has_more);
    *is_awaited = row.is_awaited;
    d->compressed_messages += row.compressed;
    if (row.is_over)
        *spoken = NJ_SPOKEN_OTHER;
    if (d->said.n == 0)
        nj_text_put(&d->said, nj_text_str(&d->said_by_websocket));
    return ready->bytes.n - rest.bytes.n;
}

/* ---- TLS on a stream ---- */

/* MQTT in what could be opened. As tshark has it, the last record's packets have the row. */
static size_t
read_mqtt_inside(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                 struct nj_str plain, size_t last_bytes)
{
    struct nj_str before = {plain.p, plain.n - NJ_MIN(last_bytes, plain.n)};
    size_t taken = read_mqtt(d, s, direction, before, false);
    size_t said = d->said.n;

    taken += read_mqtt(d, s, direction, nj_str_from(plain, taken), false);
    if (d->said.n > said && said > 0)
        nj_text_forget(&d->said, said + strlen(", "));
    return taken;
}

static enum nj_spoken
recognize_inside(const struct nj_dissector *d, const struct nj_tcp *t, struct nj_str plain)
{
    if (nj_http_begins(plain))
        return NJ_SPOKEN_WEBSOCKET;
    if (nj_http_may_begin(plain))
        return NJ_SPOKEN_UNKNOWN;
    return has_port(t, PORT_MQTTS) || has_used_port(d, t) || begins_with_connect(plain)
               ? NJ_SPOKEN_MQTT
               : NJ_SPOKEN_OTHER;
}

/* What could be opened. Where it is MQTT and a packet ends, its words stand for those of TLS. */
static void
read_inside(struct nj_dissector *d, struct nj_stream *s, unsigned direction, const struct nj_tcp *t,
            const struct nj_ready *plain, size_t last_bytes)
{
    size_t taken = plain->bytes.n;
    bool is_awaited;

    if (s->spoken_inside == NJ_SPOKEN_UNKNOWN)
        s->spoken_inside = recognize_inside(d, t, plain->bytes);
    if (s->spoken_inside == NJ_SPOKEN_OTHER && !is_whole(s) &&
        joins_websocket(s, direction, plain->bytes))
        s->spoken_inside = NJ_SPOKEN_WEBSOCKET;
    if (s->spoken_inside == NJ_SPOKEN_UNKNOWN)
        taken = 0;
    if (s->spoken_inside == NJ_SPOKEN_WEBSOCKET)
        taken = read_websocket(d, s, direction, plain, false, &s->spoken_inside, &is_awaited);
    else if (plain->is_behind_gap)
        s->packets[direction].is_searching = true;
    if (s->spoken_inside == NJ_SPOKEN_MQTT)
        taken = read_mqtt_inside(d, s, direction, plain->bytes, last_bytes);
    nj_tls_stream_take(s->tls, direction, nj_streams_pool(d->streams), taken);
}

static size_t
read_tls(struct nj_dissector *d, struct nj_stream *s, unsigned direction, const struct nj_tcp *t,
         const struct nj_ready *ready)
{
    struct nj_tls_row row = {.info = &d->said_by_tls};
    size_t taken;

    if (s->tls == NULL)
        s->tls = nj_tls_stream_new();
    if (s->tls == NULL)
        return ready->bytes.n;
    nj_text_clear(&d->said_by_tls);
    taken =
        nj_tls_stream_read(d->tls, s->tls, direction, *ready, t->payload.n < t->wire_payload_bytes,
                           nj_streams_pool(d->streams), &d->out.tree, &row);
    s->packets[direction].is_record_awaited = row.is_awaited;
    if (row.protocol != NULL)
        d->out.protocol = row.protocol;
    if (row.plain.is_new)
        read_inside(d, s, direction, t, &row.plain, row.last_bytes);
    nj_text_put(&d->said,
                nj_str_from(nj_text_str(&d->said_by_tls), d->said.n > 0 ? row.words_before : 0));
    return taken;
}

#define NOTE_OF_SEGMENT "[TCP segment of a reassembled PDU]"

/* `remarks` bytes of the row's words are what TCP remarks; behind them speaks what is spoken on the
 * stream, where it has a packet or begins one, instead of TCP. */
static void
read_spoken(struct nj_dissector *d, struct nj_stream *s, unsigned direction, const struct nj_tcp *t,
            const struct nj_ready *ready, size_t remarks)
{
    bool is_cut = t->payload.n < t->wire_payload_bytes;
    bool was_awaited = s->spoken == NJ_SPOKEN_MQTT ? s->packets[direction].is_awaited
                                                   : s->packets[direction].is_record_awaited;
    size_t taken;

    nj_text_clear(&d->said);
    if (s->spoken == NJ_SPOKEN_TLS)
        taken = read_tls(d, s, direction, t, ready);
    else if (s->spoken == NJ_SPOKEN_WEBSOCKET)
        taken = read_websocket(d, s, direction, ready, is_cut, &s->spoken,
                               &s->packets[direction].is_record_awaited);
    else
        taken = read_mqtt(d, s, direction, ready->bytes, is_cut);
    if (d->said.n > 0) {
        nj_text_shorten(&d->out.info, remarks);
        if (remarks > 0)
            nj_text_put(&d->out.info, NJ_STR(", "));
        nj_text_put(&d->out.info, nj_text_str(&d->said));
    } else if (taken < ready->bytes.n && (was_awaited || s->spoken == NJ_SPOKEN_WEBSOCKET)) {
        nj_text_put(&d->out.info, NJ_STR(" " NOTE_OF_SEGMENT));
    } else if (taken < ready->bytes.n) {
        nj_text_shorten(&d->out.info, remarks);
        nj_text_put(&d->out.info, NJ_STR(NOTE_OF_SEGMENT));
    }
    nj_streams_take(d->streams, s, direction, taken);
}

void
nj_dissector_read_stream(struct nj_dissector *d, struct nj_stream *s, unsigned direction,
                         const struct nj_tcp *t, size_t remarks)
{
    bool is_first = !s->flow[direction].bytes.is_started;
    struct nj_ready ready = nj_streams_feed(d->streams, s, direction, t);

    if (is_first && !s->flow[direction].has_syn)
        s->packets[direction].is_searching = s->spoken != NJ_SPOKEN_WEBSOCKET;
    if (ready.is_behind_gap && ready.is_new) {
        s->packets[direction].is_searching = true;
        s->packets[direction].is_awaited = false;
    }
    if (s->spoken == NJ_SPOKEN_UNKNOWN && ready.is_new && ready.bytes.n > 0)
        s->spoken = recognize(d, s, t, ready.bytes);
    if (s->spoken == NJ_SPOKEN_OTHER && ready.is_new && ready.bytes.n > 0 && !is_whole(s))
        s->spoken = recognize_later(d, s, direction, t, ready.bytes);
    if (s->spoken == NJ_SPOKEN_UNKNOWN) {
        nj_streams_take(d->streams, s, direction, 0);
        return;
    }
    if (s->spoken != NJ_SPOKEN_MQTT && s->spoken != NJ_SPOKEN_TLS &&
        s->spoken != NJ_SPOKEN_WEBSOCKET) {
        nj_streams_take(d->streams, s, direction, ready.bytes.n);
        return;
    }
    if (ready.is_new && ready.bytes.n > 0)
        read_spoken(d, s, direction, t, &ready, remarks);
    else if (t->wire_payload_bytes > 0 && ready.bytes.n > 0)
        nj_text_put(&d->out.info, NJ_STR(" " NOTE_OF_SEGMENT));
}
