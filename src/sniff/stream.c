/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/stream.h"

#include "base/hash.h"
#include "base/mem.h"

#define BUCKETS (1u << 16)

struct nj_streams {
    struct nj_stream *bucket[BUCKETS];
    struct nj_list recent;
    uint32_t count, made;
    uint64_t forgotten;
    struct nj_reassembly_pool pool;
};

enum nj_err
nj_streams_new(struct nj_streams **out)
{
    struct nj_streams *s = nj_zalloc(sizeof(*s));

    if (s == NULL)
        return NJ_ENOMEM;
    nj_list_init(&s->recent);
    *out = s;
    return NJ_OK;
}

static struct nj_stream **
bucket_of(struct nj_streams *s, const struct nj_stream_key *key)
{
    return &s->bucket[nj_hash((struct nj_str){(const char *)key, sizeof(*key)}) % BUCKETS];
}

static void
remove_stream(struct nj_streams *s, struct nj_stream *stream)
{
    struct nj_stream **at = bucket_of(s, &stream->key);

    while (*at != stream)
        at = &(*at)->next_in_bucket;
    *at = stream->next_in_bucket;
    nj_list_remove(&stream->recent);
    for (unsigned i = 0; i < 2; i++)
        nj_reassembly_drop(&stream->flow[i].bytes, &s->pool);
    nj_tls_stream_free(stream->tls, &s->pool);
    nj_websocket_stream_free(stream->websocket, &s->pool);
    nj_mqtt_stream_fini(&stream->mqtt);
    nj_free(stream);
    s->count--;
}

static struct nj_stream *
longest_silent(struct nj_streams *s)
{
    return nj_container_of(s->recent.next, struct nj_stream, recent);
}

void
nj_streams_free(struct nj_streams *s)
{
    if (s == NULL)
        return;
    while (!nj_list_is_empty(&s->recent))
        remove_stream(s, longest_silent(s));
    nj_free(s);
}

void
nj_streams_losses(const struct nj_streams *s, struct nj_streams_losses *out)
{
    *out = (struct nj_streams_losses){
        .forgotten = s->forgotten, .gaps = s->pool.gaps, .bytes = s->pool.lost_bytes};
}

static struct nj_stream_key
key_of(const struct nj_ip *ip, const struct nj_tcp *t, unsigned *direction)
{
    struct nj_stream_key key = {.version = (uint16_t)ip->version};
    int order = memcmp(ip->source.p, ip->destination.p, ip->source.n);
    unsigned from;

    if (order == 0)
        order = t->source_port < t->destination_port ? -1 : 1;
    from = order < 0 ? 0 : 1;
    memcpy(key.address[from], ip->source.p, ip->source.n);
    memcpy(key.address[1 - from], ip->destination.p, ip->destination.n);
    key.port[from] = t->source_port;
    key.port[1 - from] = t->destination_port;
    *direction = from;
    return key;
}

static struct nj_stream *
add_stream(struct nj_streams *s, const struct nj_stream_key *key)
{
    struct nj_stream *stream = nj_zalloc(sizeof(*stream));
    struct nj_stream **bucket = bucket_of(s, key);

    if (stream == NULL)
        return NULL;
    if (s->count == NJ_STREAMS_MAX) {
        remove_stream(s, longest_silent(s));
        s->forgotten++;
    }
    stream->key = *key;
    stream->number = s->made++;
    for (unsigned i = 0; i < 2; i++)
        nj_flow_init(&stream->flow[i]);
    stream->next_in_bucket = *bucket;
    *bucket = stream;
    nj_list_push(&s->recent, &stream->recent);
    s->count++;
    return stream;
}

/* A SYN that is no repetition of the one that opened this stream. */
static bool
opens_another(const struct nj_flow *f, const struct nj_tcp *t)
{
    return (t->flags & (NJ_TCP_SYN | NJ_TCP_ACK)) == NJ_TCP_SYN && f->has_base && f->base != t->seq;
}

struct nj_stream *
nj_streams_get(struct nj_streams *s, const struct nj_ip *ip, const struct nj_tcp *t,
               unsigned *direction, bool *is_reused)
{
    struct nj_stream_key key = key_of(ip, t, direction);
    struct nj_stream *stream = *bucket_of(s, &key);

    *is_reused = false;
    while (stream != NULL && memcmp(&stream->key, &key, sizeof(key)) != 0)
        stream = stream->next_in_bucket;
    if (stream != NULL && opens_another(&stream->flow[*direction], t)) {
        remove_stream(s, stream);
        *is_reused = true;
        stream = NULL;
    }
    if (stream == NULL)
        return add_stream(s, &key);
    nj_list_remove(&stream->recent);
    nj_list_push(&s->recent, &stream->recent);
    return stream;
}

/* Those that were silent longest give back what waits in them, never the one that speaks; a quarter
 * more than they must, so that this walk is rare. */
static void
keep_within_bounds(struct nj_streams *s, const struct nj_stream *speaking)
{
    struct nj_list *node;

    nj_list_each (node, &s->recent) {
        struct nj_stream *stream = nj_container_of(node, struct nj_stream, recent);

        if (s->pool.used <= NJ_STREAMS_BYTES_MAX / 4 * 3 || stream == speaking)
            return;
        for (unsigned i = 0; i < 2; i++)
            nj_reassembly_drop(&stream->flow[i].bytes, &s->pool);
        nj_tls_stream_drop(stream->tls, &s->pool);
        nj_websocket_stream_drop(stream->websocket, &s->pool);
    }
}

struct nj_reassembly_pool *
nj_streams_pool(struct nj_streams *s)
{
    return &s->pool;
}

struct nj_ready
nj_streams_feed(struct nj_streams *s, struct nj_stream *stream, unsigned direction,
                const struct nj_tcp *t)
{
    struct nj_reassembly *r = &stream->flow[direction].bytes;
    bool is_syn = (t->flags & NJ_TCP_SYN) != 0;

    if (s->pool.used > NJ_STREAMS_BYTES_MAX)
        keep_within_bounds(s, stream);
    if (is_syn && !r->is_started)
        nj_reassembly_begin(r, t->seq + 1);
    return nj_reassembly_feed(r, &s->pool, t->seq + is_syn, t->payload, t->wire_payload_bytes);
}

void
nj_streams_take(struct nj_streams *s, struct nj_stream *stream, unsigned direction, size_t n)
{
    nj_reassembly_take(&stream->flow[direction].bytes, &s->pool, n);
}
