/* SPDX-License-Identifier: Apache-2.0 */
/* report.c — frame by frame into the tables: which conversation it is of, and which end is whose.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "sniff/report/report_priv.h"
#include "sniff/wire/tcp.h"

/* ---- the object ---- */

static bool
make_index(struct nj_index *x, size_t most)
{
    x->most = most;
    x->hash = nj_alloc_array(most, sizeof(*x->hash));
    x->slot = nj_zalloc(2 * most * sizeof(*x->slot));
    return x->hash != NULL && x->slot != NULL;
}

static void
free_index(struct nj_index *x)
{
    nj_free(x->hash);
    nj_free(x->slot);
}

size_t
nj_index_get(struct nj_index *x, uint64_t hash, bool *is_new)
{
    size_t slots = 2 * x->most, at = (size_t)(hash % slots);

    *is_new = false;
    for (; x->slot[at] != 0; at = (at + 1) % slots)
        if (x->hash[x->slot[at] - 1] == hash)
            return x->slot[at] - 1;
    if (x->count == x->most) {
        x->given_up++;
        return NJ_INDEX_NONE;
    }
    *is_new = true;
    x->hash[x->count] = hash;
    x->slot[at] = (uint32_t)++x->count;
    return x->count - 1;
}

enum nj_err
nj_report_new(struct nj_report **out)
{
    struct nj_report *r = nj_zalloc(sizeof(*r));

    if (r == NULL)
        return NJ_ENOMEM;
    r->topic = nj_zalloc(NJ_REPORT_TOPICS_MAX * sizeof(*r->topic));
    r->filter = nj_zalloc(NJ_REPORT_FILTERS_MAX * sizeof(*r->filter));
    r->credential = nj_zalloc(NJ_REPORT_CREDENTIALS_MAX * sizeof(*r->credential));
    r->will = nj_zalloc(NJ_REPORT_WILLS_MAX * sizeof(*r->will));
    r->fault = nj_zalloc(NJ_REPORT_FAULTS_MAX * sizeof(*r->fault));
    if (!make_index(&r->topic_index, NJ_REPORT_TOPICS_MAX) ||
        !make_index(&r->filter_index, NJ_REPORT_FILTERS_MAX) ||
        !make_index(&r->credential_index, NJ_REPORT_CREDENTIALS_MAX) ||
        !make_index(&r->will_index, NJ_REPORT_WILLS_MAX) || r->topic == NULL || r->filter == NULL ||
        r->credential == NULL || r->will == NULL || r->fault == NULL) {
        nj_report_free(r);
        return NJ_ENOMEM;
    }
    *out = r;
    return NJ_OK;
}

static void
free_conversation(struct nj_conversation *c)
{
    nj_free(c->client_id);
    nj_free(c->tls.server_name);
    nj_free(c->tls.subject);
    nj_free(c->tls.issuer);
    nj_free(c->tls.client_subject);
    nj_free(c->tls.not_after);
}

static void
free_topic(struct nj_topic *t)
{
    nj_free(t->name);
    for (size_t i = 0; i < t->samples; i++)
        nj_free(t->sample[i].text);
}

void
nj_report_free(struct nj_report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->conversations; i++)
        free_conversation(&r->conversation[i]);
    for (size_t i = 0; i < r->topic_index.count; i++)
        free_topic(&r->topic[i]);
    for (size_t i = 0; i < r->filter_index.count; i++) {
        nj_free(r->filter[i].filter);
        nj_free(r->filter[i].client);
    }
    for (size_t i = 0; i < r->credential_index.count; i++) {
        nj_free(r->credential[i].user);
        nj_free(r->credential[i].password);
        nj_free(r->credential[i].client);
    }
    for (size_t i = 0; i < r->will_index.count; i++) {
        nj_free(r->will[i].topic);
        nj_free(r->will[i].client);
        nj_free(r->will[i].sample.text);
    }
    free_index(&r->topic_index);
    free_index(&r->filter_index);
    free_index(&r->credential_index);
    free_index(&r->will_index);
    nj_free(r->conversation);
    nj_free(r->topic);
    nj_free(r->filter);
    nj_free(r->credential);
    nj_free(r->will);
    nj_free(r->fault);
    nj_free(r);
}

/* ---- conversations ---- */

/* Numbers of streams count up from 0, and a frame is added for each: the array has no holes, but
 * where a filter has left some out, and those stay empty. */
static struct nj_conversation *
conversation_of(struct nj_report *r, uint64_t stream)
{
    if (stream >= NJ_REPORT_CONVERSATIONS_MAX)
        return NULL;
    while (r->conversations <= stream) {
        if (!nj_array_grow((void **)&r->conversation, &r->conversation_capacity, r->conversations,
                           sizeof(*r->conversation)))
            return NULL;
        r->conversation[r->conversations++] = (struct nj_conversation){0};
    }
    return &r->conversation[stream];
}

bool
nj_report_is_from_server(const struct nj_report_frame *f)
{
    return f->from == f->c->ends.server;
}

void
nj_report_fault(struct nj_report *r, const struct nj_report_frame *f,
                const struct nj_fault_words *words)
{
    f->c->faults++;
    if (r->faults == NJ_REPORT_FAULTS_MAX) {
        r->faults_given_up++;
        return;
    }
    r->fault[r->faults++] = (struct nj_fault){
        .frame = f->d->frame.number,
        .stream = f->stream,
        .is_of_server = nj_report_is_from_server(f),
        .words = *words,
    };
}

void
nj_report_add(struct nj_report *r, const struct nj_dissected *d)
{
    struct nj_report_frame f = {.d = d};
    struct nj_segment_seen segment;

    if (r->frames++ == 0)
        r->first_ns = d->relative_ns;
    r->last_ns = d->relative_ns;
    if (!nj_segment_see(&d->tree, &segment))
        return;
    f.c = conversation_of(r, segment.stream);
    if (f.c == NULL) {
        r->conversations_given_up++;
        return;
    }
    f.stream = segment.stream;
    f.from = nj_ends_see(&f.c->ends, d, &segment);
    f.c->frames++;
    f.c->has_syn = f.c->has_syn || (segment.flags & NJ_TCP_SYN) != 0;
    f.c->has_rst = f.c->has_rst || (segment.flags & NJ_TCP_RST) != 0;
    f.has_tls = segment.has_tls;
    if (f.has_tls)
        nj_report_take_tls(r, &f);
    nj_report_take_mqtt(r, &f);
}
