/* SPDX-License-Identifier: Apache-2.0 */
/* twin.h — what MQTT promises about delivery, in its plainest form: who asked for what and when,
 * what was published and when, and who got it.
 *
 * The twin sees only what clients see, so it often cannot know: a SUBSCRIBE on its way may or may
 * not be in force, a connection that breaks may have taken a PUBLISH along. It therefore keeps
 * intervals of steps (asked .. granted, doubted .. gone) and judges only where all possibilities
 * agree:
 *
 *   at once        what arrives was published, as it was published; somebody asked for it; not too
 *                  often; in order; with the QoS and the identifiers of what was asked for
 *   in the end     what was acknowledged has reached everyone who surely was to have it, each share
 *                  group at one member; and the retained messages are the last ones */
#ifndef NJ_SIM_TWIN_H
#define NJ_SIM_TWIN_H

#include "base/clock.h"
#include "base/rand.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

#define NJ_TWIN_CLIENTS       8
#define NJ_TWIN_MESSAGES      600
#define NJ_TWIN_SUBSCRIPTIONS 64
#define NJ_TWIN_NEVER         UINT64_MAX
#define NJ_TWIN_CRASHES       8
/* In place of a number: a message without payload, which removes a retained one. Which of them it
 * is cannot be told. */
#define NJ_TWIN_EMPTY (NJ_TWIN_MESSAGES - 1)

/* Topics with their index; those that begin with r/ are retained, and r/N/… is published by client
 * N alone. */
#define NJ_TWIN_TOPICS 32

struct nj_twin_message {
    uint8_t publisher, qos;
    uint8_t topic;
    bool retain, is_will, is_empty;
    bool is_refused;   /* answered with a failure */
    bool is_withdrawn; /* a will that must not be published */
    bool is_due;       /* a will that surely was */
    bool is_kept;      /* a will of a session that outlives its connection */
    bool is_settled;   /* and one whose fate the store knows */
    uint16_t bytes;
    uint32_t expiry_s; /* UINT32_MAX: none */
    nj_time sent_at, taken_at;
    uint64_t sent, taken; /* steps; taken is 0 until the broker has acknowledged it */
    uint8_t sends;
};

struct nj_twin_subscription {
    char text[48];
    struct nj_filter filter; /* in `text` */
    uint8_t qos, retain_handling;
    bool no_local, retain_as_published;
    bool is_kept; /* its session outlives the connection */
    bool is_lost; /* and may have ended since */
    uint32_t identifier;
    uint64_t asked, granted; /* granted is NJ_TWIN_NEVER until SUBACK */
    uint64_t doubted, gone;  /* from when on it may, and must, be out of force */
};

enum nj_twin_knowledge {
    NJ_TWIN_NONE,  /* there surely is no session */
    NJ_TWIN_ALIVE, /* there surely is one */
    NJ_TWIN_MAYBE,
};

/* A client identifier and what the broker should hold for it. */
struct nj_twin_session {
    enum nj_twin_knowledge knowledge;
    struct nj_twin_subscription subscriptions[NJ_TWIN_SUBSCRIPTIONS];
    unsigned count;
    uint8_t copies[NJ_TWIN_MESSAGES];   /* that came as new ones, retained copies aside */
    uint8_t arrivals[NJ_TWIN_MESSAGES]; /* all */
    /* of the copies, those at QoS 0 and 1; and how many of them may come again */
    uint8_t below_qos2[2][NJ_TWIN_MESSAGES], again[2][NJ_TWIN_MESSAGES];
    /* the newest of each publisher, topic, QoS published and delivered; message number + 1 */
    uint16_t last[NJ_TWIN_CLIENTS][NJ_TWIN_TOPICS][3][3];
    bool is_limited; /* has a maximum packet size: large messages may be missing */
};

/* One time that a retained message was sent on its topic. */
struct nj_twin_event {
    uint16_t message;
    uint8_t topic;
};

struct nj_twin {
    uint64_t seed, step;
    nj_time now;
    bool is_verbose;
    bool allow_duplicates; /* one copy for each subscription */
    bool is_lossy;         /* queues have limits: nothing need arrive */
    bool asks_passwords;   /* the broker, of every client */
    bool is_brief;         /* most sessions expire that outlive their connections */
    bool is_grouped;       /* most of what is said is for one share group */
    struct nj_twin_message messages[NJ_TWIN_MESSAGES];
    unsigned count;
    struct nj_twin_session sessions[NJ_TWIN_CLIENTS];
    struct nj_twin_event events[4 * NJ_TWIN_MESSAGES];
    unsigned event_count;
    uint64_t crashes[NJ_TWIN_CRASHES]; /* steps */
    unsigned crash_count;
    uint64_t was_full; /* the last step at which the store was; 0: never */
};

void nj_twin_init(struct nj_twin *t, uint64_t seed, bool is_verbose);

/* A line of the trace, where one is wanted. */
void nj_twin_say(const struct nj_twin *t, const char *fmt, ...) NJ_PRINTF(2, 3);
/* The broker is wrong: say seed, step and how, and end the process. */
NJ_NORETURN void nj_twin_fail(const struct nj_twin *t, const char *fmt, ...) NJ_PRINTF(2, 3);

extern const char *const nj_twin_topics[NJ_TWIN_TOPICS];

/* ---- publishing ---- */

/* Number of the new message; fewer than NJ_TWIN_EMPTY exist. */
unsigned nj_twin_publish(struct nj_twin *t, const struct nj_twin_message *what);
/* Its payload: a number and a pattern. Returns how many bytes; there is room for them. */
size_t nj_twin_payload(const struct nj_twin *t, unsigned message, uint8_t *out, size_t room);
/* It is sent again, on another connection. */
void nj_twin_again(struct nj_twin *t, unsigned message);
/* PUBACK or PUBREC has come. */
void nj_twin_taken(struct nj_twin *t, unsigned message, uint8_t reason);

/* ---- subscribing ---- */

struct nj_twin_subscription *nj_twin_subscribe(struct nj_twin *t, unsigned client,
                                               const struct nj_twin_subscription *what);
/* UNSUBSCRIBE leaves: all with this text are doubted. */
void nj_twin_unsubscribe(struct nj_twin *t, unsigned client, const char *text);
/* UNSUBACK has come: those asked for before `step` are gone. */
void nj_twin_unsubscribed(struct nj_twin *t, unsigned client, const char *text, uint64_t step);
/* The session may be gone from now on (clean start under way, expiry, end of a clean one) … */
void nj_twin_doubt(struct nj_twin *t, unsigned client);
/* … and this is what CONNACK says. Judged against what is known. */
void nj_twin_session_is(struct nj_twin *t, unsigned client, bool is_present, bool is_clean_start);

/* ---- crashes ---- */

/* The broker has lost all but what its store knows. */
void nj_twin_crashed(struct nj_twin *t);
unsigned nj_twin_crashes_since(const struct nj_twin *t, uint64_t step);
/* A CONNACK that waited for the store: it knows what became of all wills before `will`. */
void nj_twin_wills_are_settled(struct nj_twin *t, unsigned client, int will);

/* ---- judging ---- */

struct nj_twin_arrival {
    const struct nj_publish *packet;
    struct nj_str topic; /* with the alias resolved */
    bool is_known;       /* QoS 2: this packet identifier is under way already */
};
/* A PUBLISH has come; the message's number, or NJ_TWIN_EMPTY. */
unsigned nj_twin_arrived(struct nj_twin *t, unsigned client, const struct nj_twin_arrival *a);
/* Everybody has what there is to have. */
void nj_twin_judge_deliveries(const struct nj_twin *t);
/* What a new subscriber to everything got as retained message on this topic (-1: nothing). */
void nj_twin_judge_retained(const struct nj_twin *t, uint8_t topic, int message);

#endif
