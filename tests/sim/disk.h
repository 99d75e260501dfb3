/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h — a store that remembers, in its plainest form. The changes of all homes are one sequence,
 * of which a prefix is committed:
 *
 *     image ◄── committed ──┤ QUEUED  SENDING  DELIVERED  TAKEN  …  ◄── append, copied
 *
 * The image is a list of changes itself: what the next one makes void is struck out, and the next
 * one is written down if it says something that lasts. What is committed is told to each home some
 * time later. A crash loses the rest, and homes are made again from the image.
 *
 * As the store on a real disk does, it may leave out what has come to nothing: a QoS 1 message for
 * a receiver who has acknowledged it before it was committed is safe as soon as all that its home
 * has appended before it is.
 *
 * While it is full, and until all that was appended meanwhile is committed, it does not trust what
 * it knows of when connections have ended: after a crash they have ended just now. */
#ifndef NJ_SIM_DISK_H
#define NJ_SIM_DISK_H

#include "twin.h"

#include "broker/ports.h"

#define NJ_DISK_HOMES 3

struct nj_disk;

/* A change with all that it points to. */
struct nj_disk_record {
    struct nj_change change;
    uint16_t home;
    uint64_t number;
    bool is_void; /* left out */

    /* private: what the change points to */
    struct nj_session_state state;
    struct nj_will will;
    struct nj_terms terms;
    struct nj_sub_opts subscription;
    struct nj_publication publication;
    struct nj_msg *msg;
    uint32_t *identifiers;
    char *bytes;
};

struct nj_disk_list {
    struct nj_disk_record **records;
    size_t count, capacity;
};

struct nj_disk_port {
    struct nj_store_port port;
    struct nj_disk *disk;
    uint64_t appended, told;
};

struct nj_disk {
    const struct nj_twin *twin;
    struct nj_disk_port ports[NJ_DISK_HOMES];
    struct nj_disk_list image, log; /* committed; not committed */
    struct nj_store_numbers numbers;
    bool is_prompt; /* all is committed and told as soon as anybody asks */
    bool is_late;   /* nothing is, of its own accord; what may be told without is told at once */
    bool is_full;
    bool doubts_ends;
    nj_time ends_since; /* see store/folder.h */
    bool heals_early; /* as soon as a home has heard that ends are doubted: it has other threads */
    bool is_busy;
    bool is_dead;    /* the process is gone: what is appended is heard by nobody */
    bool leaves_out; /* what has come to nothing */
    bool fills;      /* now and then it is full */
    bool keeps_ends; /* and the file `ends` cannot be removed then */
};

void nj_disk_init(struct nj_disk *d, const struct nj_twin *twin);
void nj_disk_fini(struct nj_disk *d);

/* Something a disk does, at random: it commits, tells, is full, or busy, or is not any more. */
void nj_disk_move(struct nj_disk *d, struct nj_rand *rand);
/* It commits what it has heard, or only the first of it. */
void nj_disk_commit_some(struct nj_disk *d, struct nj_rand *rand);
/* It is full from now on, or not any more, and does nothing of its own accord. */
void nj_disk_set_full(struct nj_disk *d, bool is_full);
/* From now on, until the process ends, it tells whoever asks all that it may, and commits nothing
 * of its own accord. */
void nj_disk_be_late(struct nj_disk *d);
/* From now on it is never full, and prompt. */
void nj_disk_release(struct nj_disk *d);

/* The homes are gone, with what is not committed. */
void nj_disk_crash(struct nj_disk *d);
/* There are new ones. */
NJ_NODISCARD enum nj_err nj_disk_load(struct nj_disk *d, const struct nj_store_reader *reader,
                                      void *ctx, struct nj_store_numbers *numbers);

#endif
