/* SPDX-License-Identifier: Apache-2.0 */
/* script.h — a capture as something that can be played again: what each client sent, when, and what
 * it was answered.
 *
 * A conversation whose CONNECT was not seen cannot be played, nor can what follows a packet that
 * the capture cuts: both are told. Acknowledgements of what the server delivered are no steps: the
 * packet identifiers will be others. Bounded by the ceilings below. Thread: one. */
#ifndef NJ_SNIFF_SCRIPT_H
#define NJ_SNIFF_SCRIPT_H

#include "sniff/report/ends.h"
#include "sniff/report/said.h"

#define NJ_SCRIPT_CONVERSATIONS_MAX 4096u
#define NJ_SCRIPT_BYTES_MAX         (256u << 20)

/* What a server said: enough to know it again. */
struct nj_heard {
    unsigned type;      /* of the packet */
    unsigned packet_id; /* of acknowledgements */
    unsigned code;      /* a return or reason code; of PUBLISH the QoS */
    uint64_t hash;      /* of PUBLISH: of topic and payload */
    char *topic;        /* of PUBLISH, fit to be shown; on the heap */
    bool is_matched;    /* free for who compares */
};

enum nj_hearing {
    NJ_HEARD_NOTHING,  /* that counts: a PUBREL, or what no server says */
    NJ_HEARD_ANSWER,   /* to something that the client sent */
    NJ_HEARD_DELIVERY, /* a message */
};
/* `out` is written unless nothing was heard; its topic is the caller's. */
enum nj_hearing nj_hear(const struct nj_said *s, struct nj_heard *out);

enum nj_step_kind {
    NJ_STEP_SEND,
    NJ_STEP_HEAR,  /* was heard by then */
    NJ_STEP_CLOSE, /* by the client: FIN … */
    NJ_STEP_ABORT, /* … RST */
    NJ_STEP_LOST,  /* closed by the server, before the client did */
};

struct nj_step {
    int64_t time_ns; /* since the capture began */
    uint32_t conversation;
    uint8_t kind;
    uint8_t hearing;
    uint8_t type; /* of the packet sent */
    char *bytes;  /* sent; on the heap */
    size_t n;
    struct nj_heard heard;
};

struct nj_script_conversation {
    struct nj_ends ends;
    uint32_t stream; /* its number in the capture */
    char *client_id; /* NULL: not seen */
    bool has_connect, is_joined;
    bool is_cut;     /* of a packet that was sent the capture has only a part */
    bool is_closing; /* DISCONNECT, FIN or RST was sent */
    bool is_lost;
    bool acknowledges; /* what is delivered to it */
    unsigned level;
};

struct nj_script {
    struct nj_step *step;
    size_t steps;
    struct nj_script_conversation *conversation;
    size_t conversations;
    uint64_t given_up; /* packets beyond a ceiling */
    /* private */
    size_t step_capacity, conversation_capacity, bytes;
};

void nj_script_fini(struct nj_script *s);
/* A frame; into a script that was zeroed before the first. */
void nj_script_add(struct nj_script *s, const struct nj_dissected *d);

#endif
