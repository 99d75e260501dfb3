/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include "base/mem.h"

#include <string.h>

bool
nj_ring_resize(struct nj_ring *r, size_t size, uint32_t capacity)
{
    char *items = nj_alloc_array(capacity, size);

    if (items == NULL)
        return false;
    for (uint32_t i = 0; i < r->count; i++)
        memcpy(items + i * size, nj_ring_at(r, size, i), size);
    nj_free(r->items);
    r->items = items;
    r->capacity = capacity;
    r->head = 0;
    return true;
}

void
nj_ring_fini(struct nj_ring *r)
{
    nj_free(r->items);
    *r = (struct nj_ring){0};
}
