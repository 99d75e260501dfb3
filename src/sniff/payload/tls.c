/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c — records, and which key opens them.
 *
 * TLS 1.2: what a side sends behind its ChangeCipherSpec is protected by the keys of the master
 * secret. TLS 1.3: a record whose outer type is application data is protected by the key of its
 * epoch; which epoch that is nothing outside says, so a record that the key in use does not open
 * is tried with those of the epochs after it. A key's record number is only raised by a record
 * that was opened; behind a gap some are tried that may have been missed. */
#include "sniff/payload/tls.h"

#include "base/mem.h"
#include "sniff/payload/tls_crypt.h"
#include "sniff/payload/tls_priv.h"

#include <openssl/crypto.h>
#include <string.h>

#define RECORD_MAX     (NJ_TLS_HEADER_BYTES + NJ_TLS_BODY_MAX)
#define MISSED_MAX     64u /* records in a gap that a key is tried behind */
#define MISSED_MORE    4u  /* the same behind a record that was not opened */
#define MESSAGE_HEADER 4u
#define PORT_MQTTS     8883

struct nj_tls_reader {
    struct nj_keylog *keys;
    struct nj_tls_crypt *crypt;
    uint64_t closed;
    struct nj_text plain; /* of the frame's records */
    uint8_t opened[RECORD_MAX];
};

enum epoch {
    EPOCH_CLEAR,
    EPOCH_EARLY,
    EPOCH_HANDSHAKE,
    EPOCH_TRAFFIC,
};

/* What is known of one direction. */
struct side {
    bool is_protected; /* before 1.3: its ChangeCipherSpec was seen */
    enum epoch epoch;  /* 1.3: of its key */
    struct nj_tls_key key;
    uint64_t missed; /* records that may be missing before the next one, at most */
    /* Handshake messages and application data, in order, and how much of them there was. */
    struct nj_reassembly messages, plain;
    uint32_t message_bytes, plain_bytes;
};

struct nj_tls_stream {
    unsigned version; /* agreed on; 0: not yet */
    unsigned suite;
    bool has_client; /* its hello was seen … */
    unsigned client; /* … in this direction */
    uint8_t client_random[NJ_TLS_RANDOM_BYTES], server_random[NJ_TLS_RANDOM_BYTES];
    struct side side[2];
};

/* One call of nj_tls_stream_read(). */
struct reading {
    struct nj_tls_reader *tls;
    struct nj_tls_stream *stream;
    struct side *side;
    unsigned direction;
    struct nj_reassembly_pool *pool;
    struct nj_tree *tree;
    struct nj_tls_row *row;
    bool is_holed; /* application data is missing */
};

enum nj_err
nj_tls_reader_new(struct nj_tls_reader **out, struct nj_keylog *keys)
{
    struct nj_tls_reader *t = nj_zalloc(sizeof(*t));
    enum nj_err err;

    if (t == NULL)
        return NJ_ENOMEM;
    t->keys = keys;
    err = keys != NULL ? nj_tls_crypt_new(&t->crypt) : NJ_OK;
    if (err != NJ_OK) {
        nj_tls_reader_free(t);
        return err;
    }
    *out = t;
    return NJ_OK;
}

void
nj_tls_reader_free(struct nj_tls_reader *t)
{
    if (t == NULL)
        return;
    nj_text_fini(&t->plain);
    nj_tls_crypt_free(t->crypt);
    nj_free(t);
}

uint64_t
nj_tls_reader_closed(const struct nj_tls_reader *t)
{
    return t->closed;
}

struct nj_tls_stream *
nj_tls_stream_new(void)
{
    return nj_zalloc(sizeof(struct nj_tls_stream));
}

void
nj_tls_stream_drop(struct nj_tls_stream *s, struct nj_reassembly_pool *pool)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < 2; i++) {
        nj_reassembly_drop(&s->side[i].messages, pool);
        nj_reassembly_drop(&s->side[i].plain, pool);
    }
}

void
nj_tls_stream_free(struct nj_tls_stream *s, struct nj_reassembly_pool *pool)
{
    if (s == NULL)
        return;
    nj_tls_stream_drop(s, pool);
    OPENSSL_cleanse(s, sizeof(*s));
    nj_free(s);
}

bool
nj_tls_makes_sense(struct nj_str ready)
{
    struct nj_reader r = nj_reader_of(ready);
    unsigned type = nj_read_u8(&r);

    if (type < NJ_TLS_CHANGE_CIPHER_SPEC || type > NJ_TLS_HEARTBEAT ||
        (ready.n > 1 && ready.p[1] != 3) || (ready.n > 2 && (uint8_t)ready.p[2] > 4))
        return false;
    (void)nj_read_u16(&r);
    return ready.n < NJ_TLS_HEADER_BYTES || nj_read_u16(&r) <= NJ_TLS_BODY_MAX;
}

static void
say(struct reading *w, const char *words)
{
    if (w->row->info->n > 0)
        nj_text_put(w->row->info, NJ_STR(", "));
    nj_text_put(w->row->info, nj_str_of(words));
}

static void
name_protocol(struct reading *w, unsigned version)
{
    const char *words = nj_tls_version_words(version);

    w->row->protocol = words != NULL ? words : "TLS";
}

/* ---- keys ---- */

static enum nj_tls_secret
secret_of(bool is_client, enum epoch epoch)
{
    switch (epoch) {
    case EPOCH_EARLY:
        return NJ_TLS_SECRET_CLIENT_EARLY;
    case EPOCH_HANDSHAKE:
        return is_client ? NJ_TLS_SECRET_CLIENT_HANDSHAKE : NJ_TLS_SECRET_SERVER_HANDSHAKE;
    case EPOCH_TRAFFIC:
        return is_client ? NJ_TLS_SECRET_CLIENT_TRAFFIC : NJ_TLS_SECRET_SERVER_TRAFFIC;
    case EPOCH_CLEAR:
        break;
    }
    return NJ_TLS_SECRET_MASTER;
}

/* The key, and behind a gap the numbers of records that may have been in it. */
static bool
try_key(struct reading *w, struct nj_tls_key *key, struct nj_str record, size_t *bytes)
{
    uint64_t first = key->seq;

    for (uint64_t i = 0; i <= w->side->missed; i++) {
        key->seq = first + i;
        if (nj_tls_key_open(w->tls->crypt, key, record, w->tls->opened, bytes))
            return true;
    }
    key->seq = first;
    return false;
}

static bool
open_13(struct reading *w, const struct nj_tls_suite *suite, struct nj_str record, size_t *bytes)
{
    const struct nj_tls_stream *s = w->stream;
    bool is_client = w->direction == s->client;

    if (w->side->key.suite != NULL && try_key(w, &w->side->key, record, bytes))
        return true;
    for (unsigned epoch = w->side->epoch + 1; epoch <= EPOCH_TRAFFIC; epoch++) {
        struct nj_str secret =
            nj_keylog_find(w->tls->keys, secret_of(is_client, (enum epoch)epoch), s->client_random);
        struct nj_tls_key key;

        if ((epoch == EPOCH_EARLY && !is_client) ||
            !nj_tls_key_13(w->tls->crypt, suite, secret, &key) || !try_key(w, &key, record, bytes))
            continue;
        w->side->key = key;
        w->side->epoch = (enum epoch)epoch;
        return true;
    }
    return false;
}

static bool
open_12(struct reading *w, const struct nj_tls_suite *suite, struct nj_str record, size_t *bytes)
{
    const struct nj_tls_stream *s = w->stream;
    struct nj_tls_key client, server;

    if (w->side->key.suite == NULL) {
        if (!nj_tls_key_12(w->tls->crypt, suite,
                           nj_keylog_find(w->tls->keys, NJ_TLS_SECRET_MASTER, s->client_random),
                           s->client_random, s->server_random, &client, &server))
            return false;
        w->side->key = w->direction == s->client ? client : server;
    }
    return try_key(w, &w->side->key, record, bytes);
}

static bool
has_secret(const struct reading *w)
{
    const struct nj_tls_stream *s = w->stream;
    enum nj_tls_secret secret = s->version == NJ_TLS_1_3
                                    ? secret_of(w->direction == s->client, EPOCH_TRAFFIC)
                                    : NJ_TLS_SECRET_MASTER;

    return nj_keylog_find(w->tls->keys, secret, s->client_random).n > 0;
}

static const char *
why_closed(const struct reading *w, const struct nj_tls_suite *suite)
{
    const struct nj_tls_stream *s = w->stream;

    if (!s->has_client || s->version == 0)
        return "Not decrypted: the capture does not have the session's beginning";
    if (suite == NULL)
        return "Not decrypted: of this cipher suite no records can be";
    if (!has_secret(w))
        return "Not decrypted: the key log has no secret of this session";
    return "Not decrypted: the key log's secrets of this session do not open it";
}

/* Into `opened`. Where a key log was given and nothing opens the record, the tree says why. */
static bool
open_record(struct reading *w, struct nj_str record, size_t *bytes)
{
    const struct nj_tls_stream *s = w->stream;
    const struct nj_tls_suite *suite = nj_tls_suite_find((uint16_t)s->suite);
    bool is_open = false;

    if (w->tls->keys == NULL || !nj_keylog_is_of_use(w->tls->keys))
        return false;
    if (suite != NULL && s->has_client && s->version != 0 && record.n <= RECORD_MAX)
        is_open =
            suite->is_13 ? open_13(w, suite, record, bytes) : open_12(w, suite, record, bytes);
    if (is_open) {
        w->side->missed = 0;
        return true;
    }
    /* Of a session whose secret is yet to be written down this one is missed. */
    if (!has_secret(w))
        w->side->missed = NJ_MIN(w->side->missed + 1, (uint64_t)MISSED_MAX);
    else
        w->side->missed = w->side->key.suite != NULL ? MISSED_MORE : 0;
    w->tls->closed++;
    nj_tree_bytes(w->tree, NJ_FIELD_EXPERT_MESSAGE, nj_str_of(why_closed(w, suite)));
    return false;
}

/* ---- what a record holds ---- */

static void
learn(struct reading *w, const struct nj_tls_message *m)
{
    struct nj_tls_stream *s = w->stream;

    if (m->type == NJ_TLS_CLIENT_HELLO) {
        if (!w->side->is_protected)
            s->version = 0;
        s->has_client = true;
        s->client = w->direction;
        memcpy(s->client_random, m->random, sizeof(s->client_random));
    } else if (m->type == NJ_TLS_SERVER_HELLO) {
        s->version = m->version;
        s->suite = m->suite;
        memcpy(s->server_random, m->random, sizeof(s->server_random));
    } else if (m->type == NJ_TLS_KEY_UPDATE && s->version == NJ_TLS_1_3) {
        (void)nj_tls_key_update(w->tls->crypt, &w->side->key);
    }
}

static void
read_message(struct reading *w, struct nj_str message)
{
    struct nj_tls_message m;

    nj_tls_walk_message(message, w->stream->version, w->tree, &m);
    say(w, m.is_retry ? "Hello Retry Request" : nj_tls_message_words(m.type));
    learn(w, &m);
    if (m.type == NJ_TLS_SERVER_HELLO)
        name_protocol(w, m.version);
}

/* Messages may share a record, and one may need several. */
static void
read_messages(struct reading *w, struct nj_str body)
{
    struct nj_ready ready = nj_reassembly_feed(&w->side->messages, w->pool, w->side->message_bytes,
                                               body, (uint32_t)body.n);
    size_t at = 0;

    w->side->message_bytes += (uint32_t)body.n;
    while (ready.bytes.n - at >= MESSAGE_HEADER) {
        struct nj_str rest = nj_str_from(ready.bytes, at);
        const uint8_t *p = (const uint8_t *)rest.p;
        size_t bytes = MESSAGE_HEADER + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);

        if (nj_tls_message_words(p[0]) == NULL || bytes > NJ_TLS_MESSAGE_MAX) {
            say(w, "Encrypted Handshake Message");
            at = ready.bytes.n;
            break;
        }
        if (bytes > rest.n)
            break;
        rest.n = bytes;
        /* What was put together from several records is gone with the next one. */
        read_message(w, ready.bytes.p == body.p ? rest : nj_tree_keep(w->tree, rest));
        at += bytes;
    }
    nj_reassembly_take(&w->side->messages, w->pool, at);
}

static void
read_alert(struct reading *w, struct nj_str body)
{
    unsigned level = body.n == 2 ? (uint8_t)body.p[0] : 0;
    unsigned description = body.n == 2 ? (uint8_t)body.p[1] : 0;
    const char *words = body.n == 2 ? nj_tls_alert_words(description) : NULL;
    const char *cause = nj_tls_alert_cause(description);

    nj_tree_bytes(w->tree, NJ_FIELD_TLS_ALERT, body);
    if (words == NULL || nj_tls_level_words(level) == NULL) {
        say(w, "Encrypted Alert");
        return;
    }
    w->tree->depth++;
    nj_tree_number(w->tree, NJ_FIELD_TLS_ALERT_LEVEL, level, (struct nj_str){body.p, 1});
    nj_tree_number(w->tree, NJ_FIELD_TLS_ALERT_DESC, description, nj_str_from(body, 1));
    if (cause != NULL)
        nj_tree_bytes(w->tree, NJ_FIELD_TLS_ALERT_CAUSE, nj_str_of(cause));
    w->tree->depth--;
    say(w, "Alert (Level: ");
    nj_text_putf(w->row->info, "%s, Description: %s)", nj_tls_level_words(level), words);
}

static void
read_change_cipher_spec(struct reading *w, struct nj_str body)
{
    nj_tree_bytes(w->tree, NJ_FIELD_TLS_CCS, body);
    say(w, "Change Cipher Spec");
    /* 1.3 sends it for the sake of what stands between, as early as after a ClientHello.
     * [RFC8446-D.4] */
    if (w->stream->version == NJ_TLS_1_3 || (w->stream->version == 0 && w->stream->has_client))
        return;
    w->side->is_protected = true;
    w->side->key = (struct nj_tls_key){0};
}

/* What its port is for, whoever speaks on it. */
static bool
is_of_mqtts(const struct nj_tree *tree)
{
    for (size_t i = 0; i < tree->count && tree->item[i].field != NJ_FIELD_TLS; i++)
        if (tree->item[i].field == NJ_FIELD_TCP_PORT && tree->item[i].number == PORT_MQTTS)
            return true;
    return false;
}

static void
put_application_data(struct reading *w, struct nj_str record)
{
    nj_tree_bytes(w->tree, NJ_FIELD_TLS_APP_DATA, nj_str_from(record, NJ_TLS_HEADER_BYTES));
    if (is_of_mqtts(w->tree)) {
        nj_tree_bytes(w->tree, NJ_FIELD_TLS_APP_DATA_PROTO,
                      NJ_STR("MQ Telemetry Transport Protocol"));
        nj_tree_infer(w->tree);
    }
    say(w, "Application Data");
}

static void
read_application_data(struct reading *w, struct nj_str record, struct nj_str body)
{
    put_application_data(w, record);
    nj_text_put(&w->tls->plain, body);
    w->row->last_bytes = body.n;
    w->row->words_before = w->row->info->n;
}

/* A record that stays closed. */
static void
name_closed(struct reading *w, unsigned type, struct nj_str record)
{
    if (type == NJ_TLS_HANDSHAKE) {
        nj_tree_bytes(w->tree, NJ_FIELD_TLS_HANDSHAKE, nj_str_from(record, NJ_TLS_HEADER_BYTES));
        say(w, "Encrypted Handshake Message");
    } else if (type == NJ_TLS_ALERT) {
        nj_tree_bytes(w->tree, NJ_FIELD_TLS_ALERT, nj_str_from(record, NJ_TLS_HEADER_BYTES));
        say(w, "Encrypted Alert");
    } else if (type == NJ_TLS_HEARTBEAT) {
        say(w, "Encrypted Heartbeat");
    } else if (type == NJ_TLS_CHANGE_CIPHER_SPEC) {
        say(w, "Change Cipher Spec");
    } else {
        put_application_data(w, record);
        w->is_holed = true;
    }
}

/* 1.3: the type stands behind the content, with zeros behind it. [RFC8446-5.2] */
static unsigned
inner_type(struct nj_str *content)
{
    while (content->n > 0 && content->p[content->n - 1] == 0)
        content->n--;
    return content->n > 0 ? (uint8_t)content->p[--content->n] : 0;
}

/* What a record says, which is in clear by now. */
static void
read_content(struct reading *w, unsigned type, struct nj_str record, struct nj_str body)
{
    switch (type) {
    case NJ_TLS_CHANGE_CIPHER_SPEC:
        read_change_cipher_spec(w, body);
        break;
    case NJ_TLS_ALERT:
        read_alert(w, body);
        break;
    case NJ_TLS_HANDSHAKE:
        read_messages(w, body);
        break;
    case NJ_TLS_APPLICATION_DATA:
        read_application_data(w, record, body);
        break;
    case NJ_TLS_HEARTBEAT:
        say(w, "Heartbeat");
        break;
    default:
        break; /* of no type there is: opened, but empty or forged by who has the key */
    }
}

static void
read_protected(struct reading *w, unsigned type, struct nj_str record)
{
    struct nj_str body;
    size_t bytes;

    if (!open_record(w, record, &bytes)) {
        name_closed(w, type, record);
        return;
    }
    body = (struct nj_str){(const char *)w->tls->opened, bytes};
    if (w->stream->version == NJ_TLS_1_3) {
        type = inner_type(&body);
        nj_tree_number(w->tree, NJ_FIELD_TLS_CONTENT_TYPE, type, (struct nj_str){NULL, 0});
        nj_tree_infer(w->tree);
    }
    if (type != NJ_TLS_APPLICATION_DATA)
        body = nj_tree_keep(w->tree, body);
    read_content(w, type, record, body);
}

/* `record` may be shorter than it says, where the capture has cut it. */
static void
read_record(struct reading *w, struct nj_str record, bool is_whole)
{
    const struct nj_tls_stream *s = w->stream;
    struct nj_reader r = nj_reader_of(record);
    unsigned type = nj_read_u8(&r);
    unsigned version = nj_read_u16(&r);
    unsigned length = nj_read_u16(&r);
    bool is_opaque = s->version == NJ_TLS_1_3 && type == NJ_TLS_APPLICATION_DATA;
    struct nj_str body = nj_read_bytes(&r, nj_reader_left(&r));

    name_protocol(w, s->version != 0 ? s->version : version);
    nj_tree_number(w->tree, NJ_FIELD_TLS_RECORD, s->version != 0 ? s->version : version, record);
    w->tree->depth++;
    nj_tree_number(w->tree, is_opaque ? NJ_FIELD_TLS_OPAQUE_TYPE : NJ_FIELD_TLS_CONTENT_TYPE, type,
                   (struct nj_str){record.p, 1});
    nj_tree_number(w->tree, NJ_FIELD_TLS_RECORD_VERSION, version, (struct nj_str){record.p + 1, 2});
    nj_tree_number(w->tree, NJ_FIELD_TLS_RECORD_LENGTH, length, (struct nj_str){record.p + 3, 2});
    if (!is_whole)
        name_closed(w, type, record);
    else if (w->side->is_protected || type == NJ_TLS_APPLICATION_DATA)
        read_protected(w, type, record);
    else
        read_content(w, type, record, body);
    w->tree->depth--;
}

/* No record begins here: the rest of one whose beginning is not there, or no TLS at all. */
static void
name_unknown(struct reading *w)
{
    bool is_tls = w->stream->version != 0 || w->stream->has_client;

    if (is_tls)
        name_protocol(w, w->stream->version);
    else
        w->row->protocol = "SSL";
    say(w, is_tls ? "Ignored Unknown Record" : "Continuation Data");
}

static size_t
read_records(struct reading *w, struct nj_str ready, bool is_cut)
{
    size_t at = 0;

    while (at < ready.n) {
        struct nj_str rest = nj_str_from(ready, at);
        bool has_header = rest.n >= NJ_TLS_HEADER_BYTES;
        size_t bytes;

        if (!nj_tls_makes_sense(rest)) {
            name_unknown(w);
            return ready.n;
        }
        if (!has_header)
            break;
        bytes = NJ_TLS_HEADER_BYTES + ((size_t)(uint8_t)rest.p[3] << 8 | (uint8_t)rest.p[4]);
        if (bytes > rest.n && !is_cut)
            break;
        read_record(w, (struct nj_str){rest.p, NJ_MIN(bytes, rest.n)}, bytes <= rest.n);
        at += NJ_MIN(bytes, rest.n);
    }
    w->row->is_awaited = at < ready.n;
    return at;
}

/* The application data of the frame, behind what was not taken of it before. */
static void
hand_on(struct reading *w)
{
    struct side *side = w->side;
    struct nj_str plain = nj_text_str(&w->tls->plain);
    struct nj_str kept = nj_tree_keep(w->tree, plain);

    if (w->is_holed || w->tls->plain.is_cut || kept.n < plain.n)
        (void)nj_reassembly_feed(&side->plain, w->pool, side->plain_bytes++,
                                 (struct nj_str){NULL, 0}, 1);
    if (kept.n == 0)
        return;
    w->row->plain =
        nj_reassembly_feed(&side->plain, w->pool, side->plain_bytes, kept, (uint32_t)kept.n);
    side->plain_bytes += (uint32_t)kept.n;
}

size_t
nj_tls_stream_read(struct nj_tls_reader *t, struct nj_tls_stream *s, unsigned direction,
                   struct nj_ready ready, bool is_cut, struct nj_reassembly_pool *pool,
                   struct nj_tree *tree, struct nj_tls_row *row)
{
    struct reading w = {
        .tls = t,
        .stream = s,
        .side = &s->side[direction],
        .direction = direction,
        .pool = pool,
        .tree = tree,
        .row = row,
        .is_holed = ready.is_behind_gap,
    };
    size_t taken;

    nj_text_clear(&t->plain);
    if (ready.is_behind_gap) {
        nj_reassembly_drop(&w.side->messages, pool);
        w.side->missed = MISSED_MAX;
    }
    nj_tree_bytes(tree, NJ_FIELD_TLS, (struct nj_str){NULL, 0});
    tree->depth++;
    taken = read_records(&w, ready.bytes, is_cut);
    tree->depth--;
    hand_on(&w);
    return taken;
}

void
nj_tls_stream_take(struct nj_tls_stream *s, unsigned direction, struct nj_reassembly_pool *pool,
                   size_t n)
{
    nj_reassembly_take(&s->side[direction].plain, pool, n);
}
