/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

/* Places count from 1, so that the parent of p is p / 2. */
static void
put(struct nj_heap *h, size_t place, struct nj_deadline *d)
{
    h->array[place - 1] = d;
    d->place = place;
}

static void
rise(struct nj_heap *h, struct nj_deadline *d)
{
    size_t place = d->place;

    while (place > 1 && h->array[place / 2 - 1]->due > d->due) {
        put(h, place, h->array[place / 2 - 1]);
        place /= 2;
    }
    put(h, place, d);
}

static void
sink(struct nj_heap *h, struct nj_deadline *d)
{
    size_t place = d->place;

    while (place * 2 <= h->count) {
        size_t child = place * 2;

        if (child < h->count && h->array[child]->due < h->array[child - 1]->due)
            child++;
        if (h->array[child - 1]->due >= d->due)
            break;
        put(h, place, h->array[child - 1]);
        place = child;
    }
    put(h, place, d);
}

bool
nj_heap_reserve(struct nj_heap *h, size_t count)
{
    size_t capacity = h->capacity > 0 ? h->capacity : 16;
    struct nj_deadline **array;

    if (count <= h->capacity)
        return true;
    while (capacity < count)
        capacity *= 2;
    array = nj_realloc(h->array, capacity * sizeof(*array));
    if (array == NULL)
        return false;
    h->array = array;
    h->capacity = capacity;
    return true;
}

void
nj_heap_set(struct nj_heap *h, struct nj_deadline *d, nj_time due)
{
    if (due == NJ_NEVER) {
        nj_heap_cancel(h, d);
        return;
    }
    if (d->place == 0) {
        NJ_ASSERT(h->count < h->capacity);
        put(h, ++h->count, d);
    }
    d->due = due;
    rise(h, d);
    sink(h, d);
}

void
nj_heap_cancel(struct nj_heap *h, struct nj_deadline *d)
{
    size_t place = d->place;
    struct nj_deadline *last;

    if (place == 0)
        return;
    last = h->array[--h->count];
    d->place = 0;
    if (last == d)
        return;
    put(h, place, last);
    rise(h, last);
    sink(h, last);
}

struct nj_deadline *
nj_heap_take_due(struct nj_heap *h, nj_time now)
{
    struct nj_deadline *first;

    if (h->count == 0 || h->array[0]->due > now)
        return NULL;
    first = h->array[0];
    nj_heap_cancel(h, first);
    return first;
}

nj_time
nj_heap_next(const struct nj_heap *h)
{
    return h->count > 0 ? h->array[0]->due : NJ_NEVER;
}

void
nj_heap_fini(struct nj_heap *h)
{
    nj_free(h->array);
    *h = (struct nj_heap){0};
}
