/* SPDX-License-Identifier: Apache-2.0 */
#include "client/ids.h"

#include "base/mem.h"

static uint16_t
after(uint16_t id)
{
    return id == UINT16_MAX ? 1 : (uint16_t)(id + 1);
}

uint16_t
nj_ids_pass(struct nj_ids *ids)
{
    ids->last = after(ids->last);
    return ids->last;
}

bool
nj_ids_put(struct nj_ids *ids, uint16_t id, void *what)
{
    if (ids->pages[id >> 8] == NULL) {
        ids->pages[id >> 8] = nj_zalloc(256 * sizeof(void *));
        if (ids->pages[id >> 8] == NULL)
            return false;
    }
    ids->pages[id >> 8][id & 255] = what;
    ids->used++;
    return true;
}

uint16_t
nj_ids_take(struct nj_ids *ids, void *what)
{
    uint16_t id = after(ids->last);

    if (ids->used == UINT16_MAX)
        return 0;
    while (nj_ids_find(ids, id) != NULL)
        id = after(id);
    if (!nj_ids_put(ids, id, what))
        return 0;
    ids->last = id;
    return id;
}

void *
nj_ids_find(const struct nj_ids *ids, uint16_t id)
{
    return ids->pages[id >> 8] != NULL ? ids->pages[id >> 8][id & 255] : NULL;
}

void
nj_ids_release(struct nj_ids *ids, uint16_t id)
{
    if (nj_ids_find(ids, id) == NULL)
        return;
    ids->pages[id >> 8][id & 255] = NULL;
    ids->used--;
}

void
nj_ids_fini(struct nj_ids *ids)
{
    for (size_t i = 0; i < NJ_COUNT_OF(ids->pages); i++)
        nj_free(ids->pages[i]);
    *ids = (struct nj_ids){0};
}
