/* SPDX-License-Identifier: Apache-2.0 */
/* record.h — what stands in the tables, byte by byte: keys that sort as their numbers do, values
 * that end with a checksum over themselves, their key and their table.
 *
 *   meta           "store"                        format, shards, hash key
 *   sessions       session                        expiry, left, client identifier
 *   subscriptions  session, hash of the filter    options, identifier, filter
 *   messages       message                        the message, once for all who wait for it
 *   queue          session, message               terms, packet identifier
 *   released       session, packet identifier     message, for the order
 *   received       session, packet identifier     message taken and not routed, or 0
 *   retained       record                         the message; of format 1: hash of the topic
 *   wills          session                        the will
 *
 * A retained message is a record of its own each time it is set, under a number that rises: what is
 * set together lies together. Which one is a topic's is known in memory (ledger.h).
 *
 * Times are of the wall clock on disk and of the monotonic one in memory; `offset_ms` is what the
 * first is ahead of the second. Numbers are big-endian. */
#ifndef NJ_STORE_RECORD_H
#define NJ_STORE_RECORD_H

#include "base/writer.h"
#include "broker/ports.h"
#include "store/numbers.h"

#define NJ_TABLES(X)                                                                               \
    X(META, "meta")                                                                                \
    X(SESSIONS, "sessions")                                                                        \
    X(SUBSCRIPTIONS, "subscriptions")                                                              \
    X(MESSAGES, "messages")                                                                        \
    X(QUEUE, "queue")                                                                              \
    X(RELEASED, "released")                                                                        \
    X(RECEIVED, "received")                                                                        \
    X(RETAINED, "retained")                                                                        \
    X(WILLS, "wills")

enum nj_table {
#define NJ_TABLE(name, text) NJ_TABLE_##name,
    NJ_TABLES(NJ_TABLE)
#undef NJ_TABLE
    NJ_TABLE_COUNT
};
const char *nj_table_name(enum nj_table table);

/* ---- keys ---- */

#define NJ_KEY_BYTES 24
struct nj_key {
    uint8_t n;
    char bytes[NJ_KEY_BYTES];
};

static inline struct nj_str
nj_key_str(const struct nj_key *key)
{
    return (struct nj_str){key->bytes, key->n};
}

/* sessions, messages, retained, wills */
struct nj_key nj_key_number(uint64_t number);
struct nj_key nj_key_pair(uint64_t session, uint64_t message);     /* queue */
struct nj_key nj_key_packet(uint64_t session, uint16_t packet_id); /* released, received */
/* The number with which a key begins, and what follows it; 0 where it is shorter. */
uint64_t nj_key_first(struct nj_str key);
uint64_t nj_key_second(struct nj_str key);
static inline bool
nj_key_is_number(struct nj_str key)
{
    return key.n == 8;
}
uint16_t nj_key_packet_id(struct nj_str key);

/* A store's own: under it names are hashed for keys, so that nobody can choose names that collide,
 * and checksums made. */
struct nj_seal {
    uint64_t k[2];
};
struct nj_key nj_key_filter(const struct nj_seal *seal, uint64_t session, struct nj_str filter);
/* 128 bits: two names never meet. */
struct nj_number_key nj_hash_topic(const struct nj_seal *seal, struct nj_str topic);
/* Retained messages of format 1, until they are set again. */
struct nj_key nj_key_topic(struct nj_number_key hash);

/* ---- checksums ---- */

#define NJ_SUM_BYTES 8

/* Write the checksum into the last NJ_SUM_BYTES of a value. */
void nj_seal_put(const struct nj_seal *seal, enum nj_table table, const struct nj_key *key,
                 char *value, size_t n);
/* False: it is wrong. Else *value is without it. */
bool nj_seal_check(const struct nj_seal *seal, enum nj_table table, struct nj_str key,
                   struct nj_str *value);

/* ---- values ----
 * _size() is with the checksum, for which room is left at the end; _write() does not make it.
 * _read() wants the value without it, lends, and is false where the bytes make no sense. */

struct nj_meta {
    uint32_t format, shards;
    struct nj_seal seal;
};
/* 1: retained messages lie under the hash of their topic. It is made 2 where it is opened to be
 * written; they stay where they are until they are set again. */
#define NJ_STORE_FORMAT        2u
#define NJ_STORE_FORMAT_OLDEST 1u
#define NJ_META_SIZE           (4 + 4 + 16 + NJ_SUM_BYTES)
void nj_meta_write(struct nj_writer *w, const struct nj_meta *meta);
bool nj_meta_read(struct nj_str value, struct nj_meta *out);
static inline bool
nj_meta_is_known(const struct nj_meta *meta)
{
    return meta->format >= NJ_STORE_FORMAT_OLDEST && meta->format <= NJ_STORE_FORMAT;
}

size_t nj_record_session_size(const struct nj_session_state *state);
void nj_record_session_write(struct nj_writer *w, const struct nj_session_state *state,
                             int64_t offset_ms);
bool nj_record_session_read(struct nj_str value, int64_t offset_ms, struct nj_session_state *out);

size_t nj_record_subscription_size(struct nj_str filter);
void nj_record_subscription_write(struct nj_writer *w, struct nj_str filter,
                                  const struct nj_sub_opts *opts);
bool nj_record_subscription_read(struct nj_str value, struct nj_str *filter,
                                 struct nj_sub_opts *opts);

size_t nj_record_message_size(const struct nj_publication *pub);
void nj_record_message_write(struct nj_writer *w, const struct nj_publication *pub,
                             int64_t offset_ms);
bool nj_record_message_read(struct nj_str value, int64_t offset_ms, struct nj_msg_parts *out);

/* Where a message for one session is. */
struct nj_queued {
    uint8_t qos;
    bool retain;
    uint16_t packet_id; /* 0: none yet; else QoS 2, and it may have been sent */
    uint64_t group;
    uint32_t identifier_count;
    struct nj_str identifiers; /* as they stand on disk: nj_queued_identifier() */
};
size_t nj_record_queued_size(const struct nj_terms *terms);
void nj_record_queued_write(struct nj_writer *w, const struct nj_terms *terms);
bool nj_record_queued_read(struct nj_str value, struct nj_queued *out);
uint32_t nj_queued_identifier(const struct nj_queued *queued, uint32_t i);
/* Put a packet identifier into a value as it stands. */
void nj_record_queued_send(char *value, uint16_t packet_id);

/* released, received */
#define NJ_RECORD_NUMBER_SIZE (8 + NJ_SUM_BYTES)
void nj_record_number_write(struct nj_writer *w, uint64_t number);
bool nj_record_number_read(struct nj_str value, uint64_t *out);

size_t nj_record_will_size(const struct nj_will *will);
void nj_record_will_write(struct nj_writer *w, const struct nj_will *will);
bool nj_record_will_read(struct nj_str value, struct nj_will *out);

#endif
