/* SPDX-License-Identifier: Apache-2.0 */
/* report_mqtt.c — what each packet of MQTT gives away. */
#include "base/hash.h"
#include "mqtt/packet.h"
#include "sniff/report/report_priv.h"

#include <stdio.h>

struct taking {
    struct nj_report *r;
    struct nj_report_frame *f;
    const struct nj_said *said;
};

static void
keep_first(char **into, struct nj_str s)
{
    if (*into == NULL && s.p != NULL)
        *into = nj_report_text(s);
}

/* Of several texts one hash. */
static uint64_t
hash_of(struct nj_str a, struct nj_str b, struct nj_str c)
{
    return nj_hash_under(nj_hash_under(nj_hash(a), b), c);
}

static struct nj_str
client_of(const struct taking *t)
{
    return nj_str_of(t->f->c->client_id != NULL ? t->f->c->client_id : "");
}

static void
put_fault(const struct taking *t, const char *where, const char *english, const char *french,
          int code)
{
    nj_report_fault(
        t->r, t->f,
        &(struct nj_fault_words){.where = where, .what = {english, french}, .code = code});
}

static void
put_fault_word(const struct taking *t, const char *where, enum nj_word word)
{
    put_fault(t, where, nj_word_in(NJ_ENGLISH, word), nj_word_in(NJ_FRENCH, word), -1);
}

/* ---- who connects ---- */

static void
take_credential(struct taking *t)
{
    const struct nj_said *s = t->said;
    struct nj_credential *c;
    bool is_new;
    size_t at;

    if ((s->connect_flags & (NJ_SAID_USER | NJ_SAID_PASSWORD)) == 0)
        return;
    at =
        nj_index_get(&t->r->credential_index, hash_of(s->user, s->password, s->client_id), &is_new);
    if (at == NJ_INDEX_NONE)
        return;
    c = &t->r->credential[at];
    c->count++;
    c->is_opened = (is_new || c->is_opened) && t->f->has_tls;
    if (!is_new)
        return;
    c->user = nj_report_text(s->user);
    c->password = nj_report_text(s->password);
    c->client = nj_report_text(s->client_id);
    c->has_password = (s->connect_flags & NJ_SAID_PASSWORD) != 0;
    c->stream = t->f->stream;
}

static void
take_will(struct taking *t)
{
    const struct nj_said *s = t->said;
    struct nj_will_seen *w;
    bool is_new;
    size_t at;

    if ((s->connect_flags & NJ_SAID_WILL) == 0 || s->will_topic.p == NULL)
        return;
    at = nj_index_get(&t->r->will_index, hash_of(s->will_topic, s->will_payload, s->client_id),
                      &is_new);
    if (at == NJ_INDEX_NONE)
        return;
    w = &t->r->will[at];
    w->is_opened = (is_new || w->is_opened) && t->f->has_tls;
    if (!is_new)
        return;
    w->topic = nj_report_text(s->will_topic);
    w->client = nj_report_text(s->client_id);
    w->sample = nj_sample_of(s->will_payload);
    w->qos = s->connect_flags >> 3 & 3;
    w->is_retained = (s->connect_flags & NJ_SAID_WILL_RETAIN) != 0;
}

static void
take_connect(struct taking *t)
{
    struct nj_conversation *c = t->f->c;

    if (c->connects++ > 0)
        put_fault_word(t, NULL, NJ_WORD_SECOND_CONNECT);
    c->has_connect = true;
    c->is_joined = false;
    c->level = (uint8_t)t->said->level;
    c->has_password = (t->said->connect_flags & NJ_SAID_PASSWORD) != 0;
    keep_first(&c->client_id, t->said->client_id);
    take_credential(t);
    take_will(t);
}

static void
take_refusal(struct taking *t, const char *packet)
{
    const char *words = nj_said_code_words(t->said);

    put_fault(t, packet, words, words, (int)t->said->code);
}

static void
take_connack(struct taking *t)
{
    struct nj_conversation *c = t->f->c;

    if (!t->said->has_code)
        return;
    c->is_accepted = c->is_accepted || t->said->code == 0;
    if (t->said->code != 0)
        take_refusal(t, "CONNACK");
}

/* ---- what is said ---- */

static void
add_sample(struct nj_topic *topic, struct nj_str payload)
{
    uint64_t hash;

    if (topic->samples == NJ_REPORT_SAMPLES_MAX || payload.n == 0)
        return;
    hash = nj_hash(payload);
    for (size_t i = 0; i < topic->samples; i++)
        if (topic->sample[i].hash == hash)
            return;
    topic->sample[topic->samples++] = nj_sample_of(payload);
}

static void
take_publish(struct taking *t)
{
    const struct nj_said *s = t->said;
    bool is_back = nj_report_is_from_server(t->f), is_new;
    struct nj_topic *topic;
    size_t at;

    if (is_back)
        t->f->c->delivered++;
    else
        t->f->c->published++;
    if (s->topic.n == 0)
        return;
    at = nj_index_get(&t->r->topic_index, nj_hash(s->topic), &is_new);
    if (at == NJ_INDEX_NONE)
        return;
    topic = &t->r->topic[at];
    if (is_new) {
        topic->name = nj_report_text(s->topic);
        topic->first_ns = t->f->d->relative_ns;
    }
    topic->is_opened_only = (is_new || topic->is_opened_only) && t->f->has_tls;
    topic->last_ns = t->f->d->relative_ns;
    topic->published += !is_back;
    topic->delivered += is_back;
    topic->retained += (s->flags & NJ_SAID_RETAIN) != 0;
    topic->bytes += s->payload.n;
    topic->qos = NJ_MAX(topic->qos, nj_said_qos(s) % 3);
    add_sample(topic, s->payload);
}

/* '#', also behind the name of a share group; '+/#' leaves out nothing either. */
static bool
is_everything(struct nj_str filter)
{
    if (nj_str_starts(filter, NJ_STR("$share/"))) {
        const char *slash;

        filter = nj_str_from(filter, 7);
        slash = filter.n > 0 ? memchr(filter.p, '/', filter.n) : NULL;
        if (slash == NULL)
            return false;
        filter = nj_str_from(filter, (size_t)(slash + 1 - filter.p));
    }
    return nj_str_eq(filter, NJ_STR("#")) || nj_str_eq(filter, NJ_STR("+/#"));
}

static void
take_filters(struct taking *t)
{
    size_t at = t->said->first;
    struct nj_said_filter found;

    while (nj_said_next_filter(&t->f->d->tree, t->said, &at, &found)) {
        char stream[16];
        bool is_new;
        size_t entry;
        struct nj_filter_seen *f;

        (void)snprintf(stream, sizeof(stream), "%u",
                       t->f->c->client_id != NULL ? 0 : t->f->stream + 1);
        entry = nj_index_get(&t->r->filter_index,
                             hash_of(found.filter, client_of(t), nj_str_of(stream)), &is_new);
        if (entry == NJ_INDEX_NONE)
            continue;
        f = &t->r->filter[entry];
        f->qos = NJ_MAX(f->qos, found.qos);
        f->is_opened = (is_new || f->is_opened) && t->f->has_tls;
        if (!is_new)
            continue;
        f->filter = nj_report_text(found.filter);
        f->client = nj_report_text(client_of(t));
        f->stream = t->f->stream;
        f->is_everything = is_everything(found.filter);
    }
}

/* ---- what should not be ---- */

/* What the codec says of a packet that is all there. */
static enum nj_cause
judge(const struct taking *t)
{
    enum nj_side side = nj_report_is_from_server(t->f) ? NJ_FROM_SERVER : NJ_FROM_CLIENT;
    unsigned level = t->f->c->level;
    struct nj_packet ignored;
    struct nj_frame frame;

    if (!t->said->is_whole || level < NJ_MQTT_31 || level > NJ_MQTT_5 ||
        t->f->c->ends.basis < NJ_ENDS_BY_PACKET)
        return NJ_CAUSE_NONE;
    switch (nj_frame_find(t->said->bytes, NJ_PACKET_MAX_BYTES, &frame)) {
    case NJ_FRAME_WHOLE:
        return nj_packet_decode(&frame, (enum nj_version)level, side, &ignored);
    case NJ_FRAME_FAULT:
        return frame.cause;
    case NJ_FRAME_PART:
        break;
    }
    return NJ_CAUSE_NONE;
}

static void
look_for_faults(struct taking *t)
{
    const struct nj_said *s = t->said;
    const char *name = nj_packet_name(s->type);
    enum nj_cause cause = judge(t);
    enum nj_word remark = nj_word_of_remark(s->remark);

    if (cause != NJ_CAUSE_NONE)
        put_fault(t, name, nj_cause_in(NJ_ENGLISH, cause), nj_cause_in(NJ_FRENCH, cause), -1);
    else if (s->is_malformed)
        put_fault_word(t, name, NJ_WORD_MALFORMED);
    else if (remark != NJ_WORD_COUNT)
        put_fault_word(t, name, remark);
}

static void
take_packet(struct taking *t)
{
    const struct nj_said *s = t->said;
    struct nj_conversation *c = t->f->c;

    if (!s->is_malformed)
        nj_ends_see_packet(&c->ends, t->f->from, s->type);
    if (t->f->has_tls)
        c->is_opened = true;
    else
        c->is_clear_mqtt = true;
    c->is_joined = c->is_joined || (s->is_joined && !c->has_connect);
    if (!c->has_connect && s->is_of_5)
        c->level = NJ_MQTT_5;
    else if (c->level == 0)
        c->level = NJ_MQTT_311;
    if (s->type == NJ_CONNECT)
        take_connect(t);
    else if (s->type == NJ_CONNACK)
        take_connack(t);
    else if (s->type == NJ_PUBLISH)
        take_publish(t);
    else if (s->type == NJ_SUBSCRIBE)
        take_filters(t);
    else if (s->has_code && s->code >= 0x80)
        take_refusal(t, nj_packet_name(s->type));
    look_for_faults(t);
}

void
nj_report_take_mqtt(struct nj_report *r, struct nj_report_frame *f)
{
    struct nj_said said;
    struct taking t = {.r = r, .f = f, .said = &said};
    size_t at = 0;

    while (nj_said_next(&f->d->tree, &at, &said))
        take_packet(&t);
}

const char *
nj_mqtt_level_name(unsigned level)
{
    switch (level) {
    case NJ_MQTT_31:
        return "3.1";
    case NJ_MQTT_311:
        return "3.1.1";
    case NJ_MQTT_5:
        return "5.0";
    default:
        return "?";
    }
}
