/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.c — what is drawn: a row for each packet, TLS message or segment that matters. */
#include "sniff/report/ladder.h"

#include "base/mem.h"
#include "mqtt/packet.h"
#include "sniff/report/report_priv.h"
#include "sniff/wire/tcp.h"

struct nj_ladder {
    enum nj_ladder_choice choice;
    uint32_t chosen; /* of NJ_LADDER_ONE, and of NJ_LADDER_FIRST when it is found */
    bool is_found;
    struct nj_ladder_side *side; /* by the number of the stream */
    size_t sides, side_capacity;
    struct nj_ladder_event *event;
    size_t events, event_capacity;
    struct nj_text words;
};

enum nj_err
nj_ladder_new(struct nj_ladder **out, enum nj_ladder_choice choice, uint32_t stream)
{
    struct nj_ladder *l = nj_zalloc(sizeof(*l));

    if (l == NULL)
        return NJ_ENOMEM;
    l->choice = choice;
    l->chosen = stream;
    *out = l;
    return NJ_OK;
}

void
nj_ladder_free(struct nj_ladder *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->events; i++)
        nj_free(l->event[i].words);
    for (size_t i = 0; i < l->sides; i++)
        nj_free(l->side[i].client_id);
    nj_text_fini(&l->words);
    nj_free(l->side);
    nj_free(l->event);
    nj_free(l);
}

/* ---- which ---- */

static struct nj_ladder_side *
side_of(struct nj_ladder *l, uint32_t stream)
{
    if (stream >= NJ_LADDER_STREAMS_MAX)
        return NULL;
    while (l->sides <= stream) {
        if (!nj_array_grow((void **)&l->side, &l->side_capacity, l->sides, sizeof(*l->side)))
            return NULL;
        l->side[l->sides++] = (struct nj_ladder_side){0};
    }
    return &l->side[stream];
}

/* As number `at`, behind the last of its stream. */
static void
append(struct nj_ladder *l, const struct nj_ladder_event *e, size_t at)
{
    struct nj_ladder_side *side = &l->side[e->stream];

    l->event[at] = *e;
    l->event[at].next = 0;
    if (side->last != 0)
        l->event[side->last - 1].next = (uint32_t)at + 1;
    else
        side->first = (uint32_t)at + 1;
    side->last = (uint32_t)at + 1;
}

/* The first with MQTT is found: the others were only kept until it was. */
static void
choose(struct nj_ladder *l, uint32_t stream)
{
    size_t kept = 0;

    l->is_found = true;
    l->chosen = stream;
    l->side[stream].first = l->side[stream].last = 0;
    for (size_t i = 0; i < l->events; i++) {
        if (l->event[i].stream == stream)
            append(l, &l->event[i], kept++);
        else
            nj_free(l->event[i].words);
    }
    l->events = kept;
}

static bool
is_wanted(const struct nj_ladder *l, uint32_t stream)
{
    return l->choice == NJ_LADDER_ALL || (l->choice == NJ_LADDER_FIRST && !l->is_found) ||
           stream == l->chosen;
}

/* Where none speaks MQTT. */
static uint32_t
best_of(const struct nj_ladder *l)
{
    for (size_t i = 0; i < l->sides; i++)
        if (l->side[i].has_tls)
            return (uint32_t)i;
    for (size_t i = 0; i < l->sides; i++)
        if (l->side[i].has_frames)
            return (uint32_t)i;
    return 0;
}

bool
nj_ladder_next(const struct nj_ladder *l, uint32_t *stream)
{
    uint32_t only = l->choice == NJ_LADDER_FIRST && !l->is_found ? best_of(l) : l->chosen;

    for (size_t i = *stream; i < l->sides; i++) {
        if (!l->side[i].has_frames || (l->choice != NJ_LADDER_ALL && i != only))
            continue;
        *stream = (uint32_t)i;
        return true;
    }
    return false;
}

const struct nj_ladder_side *
nj_ladder_side(const struct nj_ladder *l, uint32_t stream)
{
    return &l->side[stream];
}

const struct nj_ladder_event *
nj_ladder_event(struct nj_ladder *l, uint32_t stream, size_t *at)
{
    struct nj_ladder_event *e;

    *at = *at == 0 ? l->side[stream].first : l->event[*at - 1].next;
    if (*at == 0)
        return NULL;
    e = &l->event[*at - 1];
    e->is_from_server = e->from == l->side[stream].ends.server;
    return e;
}

/* ---- rows ---- */

/* A frame as its rows are made. */
struct rung {
    struct nj_ladder *l;
    struct nj_ladder_side *side;
    const struct nj_dissected *d;
    struct nj_segment_seen segment;
    unsigned from;
};

/* Its words are in l->words. */
static void
add_event(struct rung *r, enum nj_ladder_kind kind, uint64_t bytes)
{
    struct nj_ladder *l = r->l;

    if (l->events == NJ_LADDER_EVENTS_MAX ||
        !nj_array_grow((void **)&l->event, &l->event_capacity, l->events, sizeof(*l->event))) {
        r->side->not_drawn++;
        return;
    }
    const struct nj_ladder_event e = {
        .time_ns = r->d->relative_ns,
        .frame = r->d->frame.number,
        .stream = r->segment.stream,
        .from = (uint8_t)r->from,
        .kind = (uint8_t)kind,
        .bytes = bytes,
        .words = nj_report_text(nj_text_str(&l->words)),
    };

    append(l, &e, l->events++);
}

static void
put_foreign(struct nj_text *t, struct nj_str s)
{
    char *text = nj_report_text(s);

    nj_text_put(t, nj_str_of(text != NULL ? text : ""));
    nj_free(text);
}

static void
put_connect(struct nj_text *t, const struct nj_said *s)
{
    nj_text_put(t, NJ_STR(" "));
    put_foreign(t, s->client_id);
    if ((s->connect_flags & NJ_SAID_USER) != 0) {
        nj_text_put(t, NJ_STR(", "));
        put_foreign(t, s->user);
    }
    if ((s->connect_flags & NJ_SAID_PASSWORD) != 0)
        nj_text_put(t, NJ_STR(" / ***"));
    if ((s->connect_flags & NJ_SAID_WILL) != 0) {
        nj_text_put(t, NJ_STR(", will "));
        put_foreign(t, s->will_topic);
    }
}

static void
put_publish(struct nj_text *t, const struct nj_said *s)
{
    struct nj_sample sample = nj_sample_of(s->payload);

    nj_text_put(t, NJ_STR(" "));
    put_foreign(t, s->topic);
    if (nj_said_qos(s) > 0)
        nj_text_putf(t, " (QoS %u, id %u)", nj_said_qos(s), s->packet_id);
    if ((s->flags & NJ_SAID_RETAIN) != 0)
        nj_text_put(t, NJ_STR(" retain"));
    if (sample.text != NULL)
        nj_text_putf(t, ": %s", sample.text);
    nj_free(sample.text);
}

static void
put_filters(struct nj_text *t, const struct nj_tree *tree, const struct nj_said *s)
{
    size_t at = s->first;
    struct nj_said_filter f;
    const char *before = " ";

    while (nj_said_next_filter(tree, s, &at, &f)) {
        nj_text_put(t, nj_str_of(before));
        put_foreign(t, f.filter);
        if (s->type == NJ_SUBSCRIBE && f.qos > 0)
            nj_text_putf(t, " (QoS %u)", f.qos);
        before = ", ";
    }
}

/* Below 128 a code of SUBACK is a QoS, and of others good news. */
static void
put_code(struct nj_text *t, const struct nj_said *s)
{
    if (s->type == NJ_SUBACK && s->code < 0x80)
        nj_text_putf(t, " QoS %u", s->code);
    else if (s->type == NJ_CONNACK || s->code >= 0x80)
        nj_text_putf(t, " (%u) %s", s->code, nj_said_code_words(s));
}

static bool
is_refusal(const struct nj_said *s)
{
    return s->has_code && (s->code >= 0x80 || (s->type == NJ_CONNACK && s->code != 0));
}

static void
add_packet(struct rung *r, const struct nj_said *s)
{
    struct nj_text *t = &r->l->words;

    r->side->has_mqtt = true;
    if (r->l->choice == NJ_LADDER_FIRST && !r->l->is_found)
        choose(r->l, r->segment.stream);
    if (!s->is_malformed)
        nj_ends_see_packet(&r->side->ends, r->from, s->type);
    nj_text_clear(t);
    nj_text_put(t, nj_str_of(nj_packet_name(s->type)));
    if (s->type == NJ_CONNECT) {
        put_connect(t, s);
        if (r->side->client_id == NULL && s->client_id.n > 0)
            r->side->client_id = nj_report_text(s->client_id);
    } else if (s->type == NJ_PUBLISH) {
        put_publish(t, s);
    } else if (s->type == NJ_SUBSCRIBE || s->type == NJ_UNSUBSCRIBE) {
        put_filters(t, &r->d->tree, s);
    } else if (s->packet_id != 0) {
        nj_text_putf(t, " (id %u)", s->packet_id);
    }
    if (s->has_code)
        put_code(t, s);
    if (s->is_malformed)
        nj_text_put(t, NJ_STR(" [malformed]"));
    add_event(r, s->is_malformed || is_refusal(s) ? NJ_LADDER_FAULT : NJ_LADDER_MQTT, 0);
}

static size_t
add_packets(struct rung *r)
{
    struct nj_said said;
    size_t at = 0, count = 0;

    for (; nj_said_next(&r->d->tree, &at, &said); count++)
        add_packet(r, &said);
    return count;
}

/* What TCP remarks stands in brackets before all else. */
static void
put_remarks(struct rung *r)
{
    struct nj_str info = nj_text_str(&r->d->info);

    nj_text_clear(&r->l->words);
    while (nj_str_starts(info, NJ_STR("[TCP "))) {
        const char *end = memchr(info.p, ']', info.n);
        size_t n = end != NULL ? (size_t)(end - info.p) + 1 : info.n;

        if (!nj_str_starts(info, NJ_STR("[TCP segment")))
            nj_text_put(&r->l->words, (struct nj_str){info.p, n});
        info = nj_str_from(info, n);
        if (info.n == 0 || info.p[0] != ' ')
            return;
        nj_text_put(&r->l->words, NJ_STR(" "));
        info = nj_str_from(info, 1);
    }
}

static bool
add_tls(struct rung *r)
{
    struct nj_str info = nj_text_str(&r->d->info);
    bool is_alert = false;

    if (!r->segment.has_tls ||
        (strncmp(r->d->protocol, "TLS", 3) != 0 && strncmp(r->d->protocol, "SSL", 3) != 0))
        return false;
    for (size_t i = 0; i < r->d->tree.count; i++)
        if (r->d->tree.item[i].field == NJ_FIELD_TLS_HS_TYPE && r->d->tree.item[i].number == 1)
            nj_ends_learn(&r->side->ends, 1 - r->from, NJ_ENDS_BY_PACKET);
        else if (r->d->tree.item[i].field == NJ_FIELD_TLS_ALERT_DESC)
            is_alert = is_alert || r->d->tree.item[i].number != 0;
    r->side->has_tls = true;
    nj_text_clear(&r->l->words);
    nj_text_put(&r->l->words, info);
    add_event(r, is_alert ? NJ_LADDER_FAULT : NJ_LADDER_TLS, 0);
    return true;
}

/* Of a handshake or a FIN the last acknowledgement belongs to it. */
static bool
is_worth_a_row(struct rung *r)
{
    bool is_end = r->side->is_ending || r->side->is_shaking;

    r->side->is_shaking = r->side->is_ending = false;
    return is_end;
}

static void
add_segment(struct rung *r, bool has_rows)
{
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = {{NJ_TCP_FIN, "FIN"}, {NJ_TCP_SYN, "SYN"}, {NJ_TCP_RST, "RST"}};
    struct nj_text *t = &r->l->words;
    unsigned f = r->segment.flags;
    bool is_turn = (f & (NJ_TCP_FIN | NJ_TCP_SYN | NJ_TCP_RST)) != 0;
    size_t remarks;

    if (has_rows && !is_turn)
        return;
    put_remarks(r);
    remarks = t->n;
    for (size_t i = 0; i < NJ_COUNT_OF(flags); i++)
        if ((f & flags[i].flag) != 0)
            nj_text_putf(t, "%s%s", t->n > remarks ? ", " : "", flags[i].name);
    if ((f & NJ_TCP_ACK) != 0 && (r->segment.bytes == 0 || is_turn))
        nj_text_putf(t, "%sACK", t->n > remarks ? ", " : "");
    if (!is_turn && r->segment.bytes == 0 && remarks == 0 && !is_worth_a_row(r)) {
        r->side->acknowledgements++;
        return;
    }
    if (is_turn) {
        r->side->is_shaking = (f & NJ_TCP_SYN) != 0 && (f & NJ_TCP_ACK) != 0;
        r->side->is_ending = (f & NJ_TCP_FIN) != 0;
    }
    add_event(r, NJ_LADDER_TCP, has_rows ? 0 : r->segment.bytes);
}

void
nj_ladder_add(struct nj_ladder *l, const struct nj_dissected *d)
{
    struct rung r = {.l = l, .d = d};
    bool has_rows;

    if (!nj_segment_see(&d->tree, &r.segment))
        return;
    if (!is_wanted(l, r.segment.stream))
        return;
    r.side = side_of(l, r.segment.stream);
    if (r.side == NULL)
        return;
    r.from = nj_ends_see(&r.side->ends, d, &r.segment);
    r.side->has_frames = true;
    has_rows = add_packets(&r) > 0 || add_tls(&r);
    add_segment(&r, has_rows);
}
