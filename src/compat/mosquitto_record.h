/* SPDX-License-Identifier: Apache-2.0 */
/* mosquitto_record.h — the records of a mosquitto.db, versions 2 to 6: type, length, contents.
 *
 * Nothing is copied: what is read lies in the file. Nothing is judged but lengths. Thread: any. */
#ifndef NJ_COMPAT_MOSQUITTO_RECORD_H
#define NJ_COMPAT_MOSQUITTO_RECORD_H

#include "base/reader.h"

enum nj_mosquitto_record {
    NJ_MOSQUITTO_CFG = 1,
    NJ_MOSQUITTO_BASE_MSG,
    NJ_MOSQUITTO_CLIENT_MSG,
    NJ_MOSQUITTO_RETAIN,
    NJ_MOSQUITTO_SUB,
    NJ_MOSQUITTO_CLIENT,
};

/* How far a message of a client has come. */
enum nj_mosquitto_step {
    NJ_MOSQUITTO_PUBLISH_QOS1 = 2,
    NJ_MOSQUITTO_WAIT_PUBACK,
    NJ_MOSQUITTO_PUBLISH_QOS2,
    NJ_MOSQUITTO_WAIT_PUBREC,
    NJ_MOSQUITTO_RESEND_PUBREL,
    NJ_MOSQUITTO_WAIT_PUBREL,
    NJ_MOSQUITTO_RESEND_PUBCOMP,
    NJ_MOSQUITTO_WAIT_PUBCOMP,
    NJ_MOSQUITTO_SEND_PUBREC,
    NJ_MOSQUITTO_QUEUED,
};

/* The next one: its type, its contents in `body`. False at the end; r->is_short then: the file ends
 * within it. */
bool nj_mosquitto_record_next(uint32_t version, struct nj_reader *r, uint32_t *type,
                              struct nj_reader *body);
/* How large the numbers are that the machine which wrote it gives to messages; of a CFG. */
uint8_t nj_mosquitto_cfg_id_bytes(uint32_t version, struct nj_reader r);
/* One of them, as that machine has it. */
uint64_t nj_mosquitto_read_u64(struct nj_reader *r);

/* Each of these is false where the contents end before they should. */

struct nj_mosquitto_base_msg {
    uint64_t id;
    int64_t expiry_s; /* of the wall clock; 0: never */
    uint8_t qos;
    bool retain;
    struct nj_str topic, payload, properties;
};
bool nj_mosquitto_base_msg_read(uint32_t version, struct nj_reader r,
                                struct nj_mosquitto_base_msg *m);

struct nj_mosquitto_client_msg {
    struct nj_str client;
    uint64_t id;
    uint16_t packet_id;
    uint8_t qos, step;
    bool retain, is_out;
    struct nj_str properties;
};
bool nj_mosquitto_client_msg_read(uint32_t version, struct nj_reader r,
                                  struct nj_mosquitto_client_msg *m);

struct nj_mosquitto_sub {
    struct nj_str client, filter;
    uint32_t identifier;
    uint8_t qos, options;
};
bool nj_mosquitto_sub_read(uint32_t version, struct nj_reader r, struct nj_mosquitto_sub *s);

struct nj_mosquitto_client {
    struct nj_str id;
    int64_t expires_s; /* of the wall clock */
    uint32_t expiry_s; /* session expiry interval */
};
#define NJ_MOSQUITTO_FOR_EVER UINT32_MAX
bool nj_mosquitto_client_read(uint32_t version, struct nj_reader r, struct nj_mosquitto_client *c);

#endif
