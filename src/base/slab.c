/* SPDX-License-Identifier: Apache-2.0 */
/* A tray is a chain of at most NJ_SLAB_TRAY_BLOCKS free blocks, linked through their first word. A
 * thread has two for each size: it takes from and gives to the one that is filling, and changes it
 * for the full one, or the depot's, only when it has run empty or over. So a thread that takes and
 * gives in turn does not go to the depot at every step, wherever its trays stand. */
#include "base/slab.h"

#include "base/mem.h"
#include "base/mutex.h"

#include <stdint.h>

#define STEP_BYTES 32u
#define SIZES      (NJ_SLAB_MAX_BYTES / STEP_BYTES)

struct block {
    struct block *next;
};

struct tray {
    struct block *first;
    uint32_t count;
};

struct shelf {
    struct tray filling;
    struct tray full; /* or empty, never in between */
};

struct depot {
    struct nj_mutex mutex;
    struct tray trays[NJ_SLAB_DEPOT_TRAYS];
    uint32_t count;
};

static _Thread_local struct shelf shelves[SIZES];
static struct depot depots[SIZES] = {
    [0 ... SIZES - 1] = {.mutex = {PTHREAD_MUTEX_INITIALIZER}},
};

static size_t
size_of(size_t bytes)
{
    return bytes > 0 ? (bytes - 1) / STEP_BYTES : 0;
}

static struct tray
depot_take(struct depot *d)
{
    struct tray tray = {0};

    nj_mutex_lock(&d->mutex);
    if (d->count > 0)
        tray = d->trays[--d->count];
    nj_mutex_unlock(&d->mutex);
    return tray;
}

static void
depot_give(struct depot *d, struct tray tray)
{
    nj_mutex_lock(&d->mutex);
    if (d->count < NJ_SLAB_DEPOT_TRAYS) {
        d->trays[d->count++] = tray;
        tray.first = NULL;
    }
    nj_mutex_unlock(&d->mutex);
    while (tray.first != NULL) {
        struct block *next = tray.first->next;

        nj_free(tray.first);
        tray.first = next;
    }
}

/* The filling tray is empty: put another in its place, if there is one. */
static void
change_empty(size_t size)
{
    struct shelf *s = &shelves[size];

    s->filling = s->full.count > 0 ? s->full : depot_take(&depots[size]);
    s->full = (struct tray){0};
}

/* The filling tray is full: make room for one more. */
static void
change_full(size_t size)
{
    struct shelf *s = &shelves[size];

    if (s->full.count > 0)
        depot_give(&depots[size], s->full);
    s->full = s->filling;
    s->filling = (struct tray){0};
}

void *
nj_slab_alloc(size_t bytes)
{
    size_t size = size_of(bytes);
    struct tray *t;
    struct block *b;

    if (bytes > NJ_SLAB_MAX_BYTES)
        return nj_alloc(bytes);
    t = &shelves[size].filling;
    if (t->count == 0)
        change_empty(size);
    b = t->first;
    if (b == NULL)
        return nj_alloc((size + 1) * STEP_BYTES);
    t->first = b->next;
    t->count--;
    __builtin_prefetch(t->first, 1); /* the next one is read for its link, and written to */
    return b;
}

void
nj_slab_free(void *p, size_t bytes)
{
    size_t size = size_of(bytes);
    struct block *b = p;
    struct tray *t;

    if (bytes > NJ_SLAB_MAX_BYTES) {
        nj_free(p);
        return;
    }
    t = &shelves[size].filling;
    if (t->count == NJ_SLAB_TRAY_BLOCKS)
        change_full(size);
    b->next = t->first;
    t->first = b;
    t->count++;
}

void
nj_slab_leave(void)
{
    for (size_t size = 0; size < SIZES; size++) {
        struct shelf *s = &shelves[size];

        if (s->filling.count > 0)
            depot_give(&depots[size], s->filling);
        if (s->full.count > 0)
            depot_give(&depots[size], s->full);
        *s = (struct shelf){0};
    }
}
