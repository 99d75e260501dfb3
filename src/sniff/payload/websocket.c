/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/websocket.h"

#include "base/mem.h"
#include "base/reader.h"
#include "sniff/payload/http.h"

enum opcode {
    CONTINUATION = 0,
    TEXT = 1,
    BINARY = 2,
    CLOSE = 8,
    PING = 9,
    PONG = 10,
};

#define RSV_COMPRESSED 4u /* permessage-deflate, in the first frame of a message [RFC 7692 6] */
#define SWITCHING      101u
#define SENSIBLE_BYTES (1u << 20) /* of a frame that goes on where one is looked for */
#define KEY_BYTES      4u

struct side {
    struct nj_reassembly plain;
    uint32_t plain_bytes;
    bool has_frames;   /* its head is behind it */
    bool is_searching; /* for a place where a frame begins */
    bool is_torn;      /* the end of what was carried last is missing */
    uint8_t opcode;    /* of the message whose frames these are; CONTINUATION: of none */
    bool is_compressed;
};

struct nj_websocket_stream {
    struct side side[2];
    unsigned client; /* the side that asked */
    bool is_upgraded, is_mqtt;
};

struct nj_websocket_stream *
nj_websocket_stream_new(void)
{
    return nj_zalloc(sizeof(struct nj_websocket_stream));
}

void
nj_websocket_stream_drop(struct nj_websocket_stream *s, struct nj_reassembly_pool *pool)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < 2; i++)
        nj_reassembly_drop(&s->side[i].plain, pool);
}

void
nj_websocket_stream_free(struct nj_websocket_stream *s, struct nj_reassembly_pool *pool)
{
    nj_websocket_stream_drop(s, pool);
    nj_free(s);
}

/* Of one segment. */
struct reading {
    struct nj_websocket_stream *stream;
    struct side *side;
    unsigned direction;
    struct nj_reassembly_pool *pool;
    struct nj_tree *tree;
    struct nj_websocket_row *row;
    struct nj_str only; /* all that it carries so far, kept by the tree; or several pieces: */
    struct nj_text plain;
    bool is_holed; /* something is missing before … */
    bool is_cut;   /* … or behind what is carried */
};

/* ---- heads ---- */

static size_t
read_heads(struct reading *w, struct nj_str ready)
{
    size_t at = 0;

    while (!w->side->has_frames && at < ready.n) {
        struct nj_str rest = nj_str_from(ready, at);
        struct nj_http_head head;
        bool is_fault;
        size_t bytes = nj_http_head_bytes(rest, &is_fault);

        if (is_fault)
            w->row->is_over = true;
        if (bytes == 0)
            break;
        nj_http_dissect((struct nj_str){rest.p, bytes}, w->tree, w->row->info, &head);
        w->row->protocol = "HTTP";
        w->row->head_words = w->row->info->n;
        at += bytes;
        if (head.is_request) {
            w->stream->client = w->direction;
            w->side->has_frames = true;
        } else if (head.status == SWITCHING) {
            w->stream->client = 1 - w->direction;
            w->stream->is_upgraded = w->side->has_frames = true;
            w->stream->side[1 - w->direction].has_frames = true; /* also if its head is missing */
            w->stream->is_mqtt = nj_str_starts(head.protocol, NJ_STR("mqtt"));
        } else if (head.status >= 200 || head.status < 100) {
            w->row->is_over = true;
            break;
        }
    }
    return at;
}

/* ---- frames ---- */

struct frame {
    bool is_final, is_masked;
    unsigned rsv, opcode, length; /* the length in seven bits */
    uint64_t bytes;               /* of payload */
    struct nj_str first, second;  /* bytes of the head */
    struct nj_str key;
    size_t head_bytes;
};

/* False: its head is not there yet. */
static bool
read_frame_head(struct nj_str ready, struct frame *f)
{
    struct nj_reader r = nj_reader_of(ready);
    unsigned first = nj_read_u8(&r), second = nj_read_u8(&r);

    *f = (struct frame){
        .is_final = (first & 0x80) != 0,
        .rsv = first >> 4 & 7,
        .opcode = first & 15,
        .is_masked = (second & 0x80) != 0,
        .length = second & 0x7f,
        .bytes = second & 0x7f,
    };
    if (!r.is_short) {
        f->first = (struct nj_str){ready.p, 1};
        f->second = (struct nj_str){ready.p + 1, 1};
    }
    if (f->length == 126)
        f->bytes = nj_read_u16(&r);
    if (f->length == 127) {
        f->bytes = (uint64_t)nj_read_u32(&r) << 32;
        f->bytes |= nj_read_u32(&r);
    }
    if (f->is_masked)
        f->key = nj_read_bytes(&r, KEY_BYTES);
    f->head_bytes = ready.n - nj_reader_left(&r);
    return !r.is_short;
}

/* Whether it keeps the rules [RFC 6455 5.2]. */
static bool
is_right(const struct frame *f, bool is_masked)
{
    bool is_control = f->opcode >= CLOSE;

    return (f->rsv & ~RSV_COMPRESSED) == 0 && f->opcode <= PONG &&
           (f->opcode <= BINARY || is_control) && f->is_masked == is_masked &&
           (!is_control || (f->is_final && f->length < 126)) &&
           (f->length != 126 || f->bytes >= 126) && (f->length != 127 || f->bytes > UINT16_MAX) &&
           f->bytes < UINT64_C(1) << 63;
}

/* Whether frames stand here up to the end of what is ready. One byte in twenty could begin a frame:
 * what stands behind it has to make sense, too, and one that goes on has to begin a message. */
static bool
frames_make_sense(struct nj_str ready, bool is_masked)
{
    struct nj_str rest = ready;

    while (rest.n > 0) {
        bool is_first = rest.n == ready.n;
        struct frame f;

        if (!read_frame_head(rest, &f))
            return !is_first;
        if (!is_right(&f, is_masked))
            return false;
        if (f.bytes > rest.n - f.head_bytes)
            return f.bytes <= SENSIBLE_BYTES &&
                   (!is_first || f.opcode == TEXT || f.opcode == BINARY);
        rest = nj_str_from(rest, f.head_bytes + (size_t)f.bytes);
    }
    return true;
}

static const char *
name_of(unsigned opcode)
{
    switch (opcode) {
    case CONTINUATION:
        return "Continuation";
    case TEXT:
        return "Text";
    case BINARY:
        return "Binary";
    case CLOSE:
        return "Connection Close";
    case PING:
        return "Ping";
    case PONG:
        return "Pong";
    default:
        return "Unknown Opcode";
    }
}

static void
put_close(struct nj_tree *tree, struct nj_str payload)
{
    struct nj_reader r = nj_reader_of(payload);
    unsigned status = nj_read_u16(&r);

    nj_tree_bytes(tree, NJ_FIELD_WS_CLOSE, payload);
    if (r.is_short)
        return;
    nj_tree_number(tree, NJ_FIELD_WS_CLOSE_STATUS, status, (struct nj_str){payload.p, 2});
    if (nj_reader_left(&r) > 0)
        nj_tree_bytes(tree, NJ_FIELD_WS_CLOSE_REASON, nj_str_from(payload, 2));
}

static void
put_payload(struct nj_tree *tree, const struct frame *f, bool is_compressed, struct nj_str payload)
{
    if (is_compressed)
        nj_tree_bytes(tree, NJ_FIELD_EXPERT_MESSAGE,
                      NJ_STR("compressed (permessage-deflate), and not read"));
    else if (f->opcode == TEXT)
        nj_tree_bytes(tree, NJ_FIELD_WS_TEXT, payload);
    else if (f->opcode == CLOSE)
        put_close(tree, payload);
    else if (f->opcode == PING)
        nj_tree_bytes(tree, NJ_FIELD_WS_PING, payload);
    else if (f->opcode == PONG)
        nj_tree_bytes(tree, NJ_FIELD_WS_PONG, payload);
    else if (f->opcode == CONTINUATION && !f->is_final)
        nj_tree_bytes(tree, NJ_FIELD_WS_CONTINUE, payload);
    else if (f->opcode != BINARY && f->opcode != CONTINUATION)
        nj_tree_bytes(tree, NJ_FIELD_WS_UNKNOWN, payload);
}

static void
put_unmasked(struct nj_text *out, const struct frame *f, struct nj_str payload)
{
    size_t at = out->n;

    nj_text_put(out, payload);
    for (size_t i = 0; f->is_masked && at + i < out->n; i++)
        out->p[at + i] =
            (char)((unsigned char)out->p[at + i] ^ (unsigned char)f->key.p[i % KEY_BYTES]);
}

static struct nj_str
unmask(struct nj_tree *tree, const struct frame *f, struct nj_str payload)
{
    struct nj_text plain = {0};
    struct nj_str kept;

    put_unmasked(&plain, f, payload);
    kept = nj_tree_keep(tree, nj_text_str(&plain));
    nj_text_fini(&plain);
    return kept;
}

/* Whether it is of a message that is handed on. */
static bool
is_carried(const struct side *side, const struct frame *f)
{
    if (f->opcode == CONTINUATION)
        return side->opcode == BINARY && !side->is_compressed;
    return f->opcode == BINARY && (f->rsv & RSV_COMPRESSED) == 0;
}

/* Which message a frame belongs to. Frames of control stand between those of a message. */
static unsigned
follow_message(struct reading *w, const struct frame *f)
{
    struct side *side = w->side;
    unsigned opcode = f->opcode == CONTINUATION ? side->opcode : f->opcode;

    if (f->opcode >= CLOSE)
        return opcode;
    if (f->opcode != CONTINUATION) {
        side->is_compressed = (f->rsv & RSV_COMPRESSED) != 0;
        w->row->compressed += side->is_compressed;
    }
    side->opcode = f->is_final ? CONTINUATION : (uint8_t)opcode;
    return opcode;
}

/* What a binary frame carries: large ones are not kept twice. */
static void
gather(struct reading *w, const struct frame *f, struct nj_str plain)
{
    if (f->is_masked && w->only.n == 0 && w->plain.n == 0) {
        w->only = plain;
        return;
    }
    nj_text_put(&w->plain, w->only);
    w->only.n = 0;
    nj_text_put(&w->plain, plain);
}

/* Something that cannot be handed on stands behind what was gathered so far. */
static void
miss(struct reading *w)
{
    if (w->only.n + w->plain.n > 0)
        w->is_cut = true;
    else
        w->is_holed = true;
}

static void
put_frame(struct reading *w, const struct frame *f, struct nj_str payload)
{
    struct nj_tree *tree = w->tree;
    const struct nj_str nowhere = {NULL, 0};
    unsigned opcode = follow_message(w, f);
    bool is_compressed = f->opcode < CLOSE && w->side->is_compressed;
    struct nj_str plain = f->is_masked ? unmask(tree, f, payload) : payload;

    nj_tree_bytes(tree, NJ_FIELD_WS, nowhere);
    tree->depth++;
    nj_tree_number(tree, NJ_FIELD_WS_FIN, f->is_final, f->first);
    nj_tree_number(tree, NJ_FIELD_WS_RSV, f->rsv, f->first);
    nj_tree_number(tree, NJ_FIELD_WS_OPCODE, f->opcode, f->first);
    nj_tree_number(tree, NJ_FIELD_WS_MASK, f->is_masked, f->second);
    nj_tree_number(tree, NJ_FIELD_WS_LENGTH, f->length, f->second);
    if (f->length == 126)
        nj_tree_number(tree, NJ_FIELD_WS_LENGTH_16, f->bytes, nowhere);
    if (f->length == 127)
        nj_tree_number(tree, NJ_FIELD_WS_LENGTH_64, f->bytes, nowhere);
    if (f->is_masked)
        nj_tree_bytes(tree, NJ_FIELD_WS_KEY, f->key);
    if (f->bytes > 0) {
        if (f->is_masked)
            nj_tree_bytes(tree, NJ_FIELD_WS_MASKED_PAYLOAD, nowhere);
        nj_tree_bytes(tree, NJ_FIELD_WS_PAYLOAD, nowhere);
        put_payload(tree, f, is_compressed, plain);
    }
    tree->depth--;
    if (opcode == BINARY && (is_compressed || plain.n < payload.n))
        miss(w);
    else if (opcode == BINARY)
        gather(w, f, plain);
    if (opcode == BINARY && !is_compressed)
        w->pool->lost_bytes += payload.n - plain.n;
    w->is_cut = w->is_cut || payload.n < f->bytes;
    nj_text_shorten(w->row->info, w->row->head_words);
    nj_text_putf(w->row->info, "WebSocket %s%s %s", name_of(f->opcode),
                 f->is_final ? " [FIN]" : "[FRAGMENT] ", f->is_masked ? "[MASKED]" : "");
    w->row->protocol = "WebSocket";
}

static size_t
read_frames(struct reading *w, struct nj_str ready, bool is_cut)
{
    size_t at = 0;

    while (at < ready.n) {
        struct nj_str rest = nj_str_from(ready, at), payload;
        struct frame f;

        if (!read_frame_head(rest, &f))
            return is_cut ? ready.n : at;
        if (w->side->is_searching && !frames_make_sense(rest, w->direction == w->stream->client))
            return ready.n;
        w->side->is_searching = false;
        payload = nj_str_from(rest, f.head_bytes);
        if (f.bytes > payload.n && !is_cut)
            return at;
        w->row->has_more = w->is_cut && is_carried(w->side, &f);
        if (w->row->has_more)
            return at;
        payload.n = (size_t)NJ_MIN(f.bytes, payload.n);
        put_frame(w, &f, payload);
        at += f.head_bytes + payload.n;
    }
    return ready.n;
}

/* ---- a segment ---- */

static void
tear(struct reading *w)
{
    (void)nj_reassembly_feed(&w->side->plain, w->pool, w->side->plain_bytes++,
                             (struct nj_str){NULL, 0}, 1);
}

/* What the segment's frames carry, behind what was not taken of it before. */
static void
hand_on(struct reading *w)
{
    struct side *side = w->side;
    struct nj_str kept = w->only.n > 0 ? w->only : nj_tree_keep(w->tree, nj_text_str(&w->plain));

    if (kept.n < w->plain.n)
        w->pool->lost_bytes += w->plain.n;
    if (w->is_holed || kept.n < w->plain.n)
        tear(w);
    if (kept.n > 0) {
        w->row->plain =
            nj_reassembly_feed(&side->plain, w->pool, side->plain_bytes, kept, (uint32_t)kept.n);
        side->plain_bytes += (uint32_t)kept.n;
    }
    /* The next call comes before the next frame. */
    if (w->row->has_more && w->row->plain.bytes.p != kept.p)
        w->row->plain.bytes = nj_tree_keep(w->tree, w->row->plain.bytes);
}

size_t
nj_websocket_stream_read(struct nj_websocket_stream *s, unsigned direction, struct nj_ready ready,
                         bool is_cut, struct nj_reassembly_pool *pool, struct nj_tree *tree,
                         struct nj_websocket_row *row)
{
    struct reading w = {
        .stream = s,
        .side = &s->side[direction],
        .direction = direction,
        .pool = pool,
        .tree = tree,
        .row = row,
        .is_holed = ready.is_behind_gap || s->side[direction].is_torn,
    };
    size_t taken = 0;

    row->plain = (struct nj_ready){0};
    row->has_more = false;
    if (ready.is_behind_gap) {
        w.side->is_searching = true;
        row->is_over = !w.side->has_frames;
    }
    if (!row->is_over)
        taken = read_heads(&w, ready.bytes);
    if (w.side->has_frames && s->is_upgraded)
        taken += read_frames(&w, nj_str_from(ready.bytes, taken), is_cut);
    hand_on(&w);
    nj_text_fini(&w.plain);
    w.side->is_torn = w.is_cut;
    row->is_mqtt = s->is_mqtt;
    row->is_awaited = taken < ready.bytes.n && !row->is_over && !row->has_more;
    return row->is_over ? ready.bytes.n : taken;
}

void
nj_websocket_stream_take(struct nj_websocket_stream *s, unsigned direction,
                         struct nj_reassembly_pool *pool, size_t n)
{
    nj_reassembly_take(&s->side[direction].plain, pool, n);
}

/* ---- in the middle ---- */

bool
nj_websocket_begins(struct nj_str ready, struct nj_text *message, bool *is_client)
{
    struct frame f;

    if (!read_frame_head(ready, &f) || f.opcode != BINARY || !f.is_final || f.rsv != 0 ||
        f.bytes > ready.n - f.head_bytes || !frames_make_sense(ready, f.is_masked))
        return false;
    put_unmasked(message, &f, (struct nj_str){ready.p + f.head_bytes, (size_t)f.bytes});
    *is_client = f.is_masked;
    return true;
}

void
nj_websocket_stream_join(struct nj_websocket_stream *s, unsigned client)
{
    for (unsigned i = 0; i < 2; i++)
        s->side[i].has_frames = s->side[i].is_searching = true;
    s->client = client;
    s->is_upgraded = s->is_mqtt = true;
}
