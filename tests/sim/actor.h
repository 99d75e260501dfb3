/* SPDX-License-Identifier: Apache-2.0 */
/* actor.h — a client as a state machine on a simulated socket. It follows the standard, as a client
 * has to, does at random what clients do, and tells the twin all that it does and sees.
 *
 *   DOWN ──► CONNECTING ──► UP ──► LEAVING (DISCONNECT is sent, the broker is to close)
 *     ▲───────────┴──────────┴────────┘   also at any time: the connection breaks */
#ifndef NJ_SIM_ACTOR_H
#define NJ_SIM_ACTOR_H

#include "twin.h"

#define NJ_ACTOR_WINDOW 12

enum nj_actor_state {
    NJ_ACTOR_DOWN,
    NJ_ACTOR_CONNECTING,
    NJ_ACTOR_UP,
    NJ_ACTOR_LEAVING,
};

/* What the client has published and what is not finished. */
struct nj_actor_sending {
    uint16_t packet_id, message;
    uint8_t qos;
    bool is_released; /* PUBREL sent */
};

/* What the broker has sent and what the client has not finished. */
struct nj_actor_receiving {
    uint16_t packet_id, message;
    uint8_t qos;
    bool is_received; /* QoS 2: PUBREC is sent */
    bool is_counted;  /* came on this connection: counts against our receive maximum */
};

/* A SUBSCRIBE or UNSUBSCRIBE under way. */
struct nj_actor_request {
    uint16_t packet_id;
    bool is_unsubscribe;
    unsigned subscription; /* of the twin's session */
    char text[48];
    uint64_t step;
};

struct nj_actor {
    struct nj_twin *twin;
    struct nj_rand *rand;
    unsigned index;
    int listener;

    /* what kind of client it is */
    enum nj_version version;
    bool is_persistent;
    uint32_t expiry_s;
    uint16_t receive_maximum, alias_maximum, keep_alive_s;
    uint32_t maximum_packet_size; /* 0: none */
    bool is_member;               /* of share groups */

    /* the connection */
    enum nj_actor_state state;
    int fd;     /* -1: none */
    int old_fd; /* taken over by ourselves; -1: none */
    bool is_clean_start;
    bool wants_clean;          /* asked for, and not confirmed yet */
    uint32_t kept_s;           /* how long the session outlives this connection */
    nj_time began_at, came_at; /* the attempt; the last packet */
    uint64_t began;            /* the step */
    unsigned crashes;          /* of the broker, before it */
    bool was_silent;           /* perhaps, for longer than the keep alive allows */
    int will;                  /* message; -1: none */
    uint32_t will_delay_s;
    uint8_t in[16384];
    size_t in_n;
    uint8_t *out;
    size_t out_n, out_capacity;
    uint16_t broker_receive_maximum, broker_alias_maximum;
    char alias_in[4][16];
    int alias_out[4]; /* topics; -1: none */
    struct nj_actor_request requests[4];
    unsigned request_count;

    /* the client's half of the session */
    struct nj_actor_sending sending[NJ_ACTOR_WINDOW];
    unsigned sending_count;
    struct nj_actor_receiving receiving[64];
    unsigned receiving_count;
    uint16_t next_packet_id;

    /* a will whose fate is not decided yet: the connection broke */
    int open_will;
    nj_time open_will_due;

    /* the observer: notes retained messages, by topic */
    bool is_observer;
    int retained[NJ_TWIN_TOPICS];
};

void nj_actor_init(struct nj_actor *a, struct nj_twin *twin, unsigned index, int listener,
                   struct nj_rand *rand);
/* Closes its sockets. */
void nj_actor_fini(struct nj_actor *a);

/* Move bytes: read what is there, answer, write what waits. `is_diligent` acknowledges everything
 * at once; else it leaves some for later. */
void nj_actor_pump(struct nj_actor *a, bool is_diligent);
/* Nothing to write, nothing to read, nothing to acknowledge. */
bool nj_actor_is_idle(const struct nj_actor *a);

/* Something a client does, at random. */
void nj_actor_act(struct nj_actor *a);
void nj_actor_connect(struct nj_actor *a, bool is_clean_start);
void nj_actor_subscribe_all(struct nj_actor *a);
void nj_actor_break(struct nj_actor *a);
void nj_actor_leave(struct nj_actor *a);

/* The broker's process is gone, and the connection with it. */
void nj_actor_on_crash(struct nj_actor *a);

/* The store is full: the broker may end the connection, before the client learns of it. */
void nj_actor_on_full(struct nj_actor *a);

/* Time has passed: sessions and wills may have reached their end. */
void nj_actor_on_time(struct nj_actor *a);
/* Everything is delivered and nobody is under way: what is left unfinished is a fault. */
void nj_actor_judge(struct nj_actor *a);

#endif
