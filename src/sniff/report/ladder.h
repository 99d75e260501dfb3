/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.h — conversations as sequence diagrams: who says what to whom, from SYN to FIN.
 *
 * Gathered frame by frame; drawn on a terminal here (ladder_text.c), and as SVG in the page of a
 * report (report_svg.c). Acknowledgements of TCP that say nothing else are only counted, but for
 * those that end a handshake or answer a FIN. Passwords are never in it.
 *
 * Bounded: NJ_LADDER_EVENTS_MAX rows in all, of the first NJ_LADDER_STREAMS_MAX streams. What is
 * beyond is counted. Thread: one. */
#ifndef NJ_SNIFF_LADDER_H
#define NJ_SNIFF_LADDER_H

#include "sniff/report/ends.h"
#include "sniff/report/report_words.h"

#include <stdio.h>

#define NJ_LADDER_EVENTS_MAX  100000u
#define NJ_LADDER_STREAMS_MAX 16384u

/* Which conversations. */
enum nj_ladder_choice {
    NJ_LADDER_ALL,
    NJ_LADDER_ONE,   /* by its number */
    NJ_LADDER_FIRST, /* that speaks MQTT; or else TLS; or else at all */
};

enum nj_ladder_kind {
    NJ_LADDER_TCP,
    NJ_LADDER_TLS,
    NJ_LADDER_MQTT,
    NJ_LADDER_FAULT, /* a packet that breaks the standard, or a refusal */
};

struct nj_ladder_event {
    int64_t time_ns;
    uint64_t frame;
    uint32_t stream;
    bool is_from_server; /* right to left; known when all was gathered */
    uint8_t kind;        /* an enum nj_ladder_kind */
    uint64_t bytes;      /* of payload of which no more is known; 0: the words say all */
    char *words;         /* fit to be shown; NULL without memory */
    /* private */
    uint8_t from;  /* which end */
    uint32_t next; /* of its stream, + 1 */
};

struct nj_ladder_side {
    struct nj_ends ends;
    uint64_t acknowledgements, not_drawn; /* that are only counted; that did not fit */
    char *client_id;                      /* NULL: not seen */
    bool has_mqtt, has_tls, has_frames;
    /* private */
    bool is_shaking, is_ending;
    uint32_t first, last; /* its events, + 1 */
};

struct nj_ladder;

NJ_NODISCARD enum nj_err nj_ladder_new(struct nj_ladder **out, enum nj_ladder_choice choice,
                                       uint32_t stream);
void nj_ladder_free(struct nj_ladder *l);
void nj_ladder_add(struct nj_ladder *l, const struct nj_dissected *d);

/* The next conversation to draw, from *stream on; false: there is none. */
bool nj_ladder_next(const struct nj_ladder *l, uint32_t *stream);
const struct nj_ladder_side *nj_ladder_side(const struct nj_ladder *l, uint32_t stream);
/* Its events in order: begin with *at = 0; NULL at the end. Lent as long as the ladder. */
const struct nj_ladder_event *nj_ladder_event(struct nj_ladder *l, uint32_t stream, size_t *at);

/* All that are chosen, one below the other. `is_utf8`: lines are drawn; else of - and |, and what
 * is not ASCII is a question mark. */
void nj_ladder_print(struct nj_ladder *l, FILE *out, enum nj_language language, bool is_utf8);

#endif
