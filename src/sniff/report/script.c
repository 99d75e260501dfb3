/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/report/script.h"

#include "base/hash.h"
#include "base/mem.h"
#include "mqtt/packet.h"
#include "sniff/report/report_priv.h"
#include "sniff/wire/tcp.h"

void
nj_script_fini(struct nj_script *s)
{
    for (size_t i = 0; i < s->steps; i++) {
        nj_free(s->step[i].bytes);
        nj_free(s->step[i].heard.topic);
    }
    for (size_t i = 0; i < s->conversations; i++)
        nj_free(s->conversation[i].client_id);
    nj_free(s->step);
    nj_free(s->conversation);
    *s = (struct nj_script){0};
}

enum nj_hearing
nj_hear(const struct nj_said *s, struct nj_heard *out)
{
    switch (s->type) {
    case NJ_PUBLISH:
        *out = (struct nj_heard){.type = s->type,
                                 .code = nj_said_qos(s),
                                 .hash = nj_hash_under(nj_hash(s->topic), s->payload),
                                 .topic = nj_report_text(s->topic)};
        return NJ_HEARD_DELIVERY;
    case NJ_CONNACK:
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBCOMP:
    case NJ_SUBACK:
    case NJ_UNSUBACK:
    case NJ_PINGRESP:
    case NJ_DISCONNECT:
    case NJ_AUTH:
        *out = (struct nj_heard){.type = s->type, .packet_id = s->packet_id, .code = s->code};
        return NJ_HEARD_ANSWER;
    default:
        return NJ_HEARD_NOTHING;
    }
}

/* ---- conversations ---- */

static struct nj_script_conversation *
conversation_of(struct nj_script *s, uint32_t stream)
{
    for (size_t i = s->conversations; i > 0; i--) /* mostly one of the last */
        if (s->conversation[i - 1].stream == stream)
            return &s->conversation[i - 1];
    if (s->conversations == NJ_SCRIPT_CONVERSATIONS_MAX ||
        !nj_array_grow((void **)&s->conversation, &s->conversation_capacity, s->conversations,
                       sizeof(*s->conversation)))
        return NULL;
    s->conversation[s->conversations] = (struct nj_script_conversation){.stream = stream};
    return &s->conversation[s->conversations++];
}

static bool
add_step(struct nj_script *s, const struct nj_step *step)
{
    size_t bytes = step->n + sizeof(*step);

    if (bytes > NJ_SCRIPT_BYTES_MAX - s->bytes ||
        !nj_array_grow((void **)&s->step, &s->step_capacity, s->steps, sizeof(*s->step))) {
        s->given_up++;
        return false;
    }
    s->step[s->steps++] = *step;
    s->bytes += bytes;
    return true;
}

/* ---- packets ---- */

static void
add_sent(struct nj_script *s, struct nj_script_conversation *c, struct nj_step *step,
         const struct nj_said *said)
{
    if (said->type == NJ_CONNECT && !c->has_connect) {
        c->has_connect = true;
        c->level = said->level;
        c->client_id = nj_report_text(said->client_id);
    }
    if (said->type == NJ_PUBACK || said->type == NJ_PUBREC || said->type == NJ_PUBCOMP) {
        c->acknowledges = true;
        return;
    }
    c->is_cut = c->is_cut || !said->is_whole;
    if (!c->has_connect || c->is_cut)
        return;
    c->is_closing = c->is_closing || said->type == NJ_DISCONNECT;
    step->kind = NJ_STEP_SEND;
    step->type = (uint8_t)said->type;
    step->bytes = nj_alloc(said->bytes.n);
    if (step->bytes == NULL) {
        s->given_up++;
        return;
    }
    memcpy(step->bytes, said->bytes.p, said->bytes.n);
    step->n = said->bytes.n;
    if (!add_step(s, step))
        nj_free(step->bytes);
}

static void
add_packet(struct nj_script *s, struct nj_script_conversation *c, struct nj_step step,
           unsigned from, const struct nj_said *said)
{
    if (!said->is_malformed)
        nj_ends_see_packet(&c->ends, from, said->type);
    c->is_joined = c->is_joined || (said->is_joined && !c->has_connect);
    if (from != c->ends.server) {
        add_sent(s, c, &step, said);
        return;
    }
    step.kind = NJ_STEP_HEAR;
    step.hearing = (uint8_t)nj_hear(said, &step.heard);
    if (step.hearing != NJ_HEARD_NOTHING && !add_step(s, &step))
        nj_free(step.heard.topic);
}

static void
add_end(struct nj_script *s, struct nj_script_conversation *c, struct nj_step step, bool is_server,
        unsigned flags)
{
    if (c->is_lost || (is_server && c->is_closing))
        return;
    if (is_server) {
        c->is_lost = true;
        step.kind = NJ_STEP_LOST;
    } else {
        c->is_closing = true;
        step.kind = (flags & NJ_TCP_RST) != 0 ? NJ_STEP_ABORT : NJ_STEP_CLOSE;
    }
    (void)add_step(s, &step);
}

void
nj_script_add(struct nj_script *s, const struct nj_dissected *d)
{
    struct nj_step step = {.time_ns = d->relative_ns};
    struct nj_script_conversation *c;
    struct nj_segment_seen segment;
    struct nj_said said;
    unsigned from;
    size_t at = 0;

    if (!nj_segment_see(&d->tree, &segment))
        return;
    c = conversation_of(s, segment.stream);
    if (c == NULL) {
        s->given_up++;
        return;
    }
    from = nj_ends_see(&c->ends, d, &segment);
    step.conversation = (uint32_t)(c - s->conversation);
    while (nj_said_next(&d->tree, &at, &said))
        add_packet(s, c, step, from, &said);
    if ((segment.flags & (NJ_TCP_FIN | NJ_TCP_RST)) != 0 && c->has_connect)
        add_end(s, c, step, from == c->ends.server, segment.flags);
}
