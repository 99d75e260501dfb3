/* SPDX-License-Identifier: Apache-2.0 */
#include "client/alias.h"

#include "base/hash.h"
#include "base/mem.h"

void
nj_client_aliases_reset(struct nj_client_aliases *a, uint16_t maximum)
{
    for (uint32_t i = 0; i < a->cap; i++)
        nj_free(a->topics[i]);
    nj_free(a->topics);
    nj_free(a->lengths);
    nj_free(a->slots);
    *a = (struct nj_client_aliases){.maximum = maximum};
}

struct nj_str
nj_client_aliases_topic(const struct nj_client_aliases *a, uint16_t alias)
{
    if (alias == 0 || alias > a->cap || a->topics[alias - 1] == NULL)
        return (struct nj_str){NULL, 0};
    return (struct nj_str){a->topics[alias - 1], a->lengths[alias - 1]};
}

static bool
reach(struct nj_client_aliases *a, uint16_t alias)
{
    uint32_t cap = a->cap > 0 ? a->cap : 8;
    char **topics;
    uint32_t *lengths;

    if (alias <= a->cap)
        return true;
    while (cap < alias)
        cap *= 2;
    cap = NJ_MIN(cap, (uint32_t)a->maximum);
    topics = nj_realloc(a->topics, cap * sizeof(*topics));
    if (topics == NULL)
        return false;
    a->topics = topics;
    lengths = nj_realloc(a->lengths, cap * sizeof(*lengths));
    if (lengths == NULL)
        return false;
    a->lengths = lengths;
    for (uint32_t i = a->cap; i < cap; i++)
        a->topics[i] = NULL;
    a->cap = (uint16_t)cap;
    return true;
}

bool
nj_client_aliases_set(struct nj_client_aliases *a, uint16_t alias, struct nj_str topic)
{
    char *copy;

    if (alias == 0 || alias > a->maximum || !reach(a, alias))
        return false;
    copy = nj_str_dup(topic);
    if (copy == NULL)
        return false;
    nj_free(a->topics[alias - 1]);
    a->topics[alias - 1] = copy;
    a->lengths[alias - 1] = (uint32_t)topic.n;
    return true;
}

/* The slot in which `topic` is, or the free one in which it would be. */
static uint32_t *
slot_of(struct nj_client_aliases *a, struct nj_str topic)
{
    uint32_t i = nj_hash_stable(topic) % a->slot_count;

    while (a->slots[i] != 0 && !nj_str_eq(nj_client_aliases_topic(a, (uint16_t)a->slots[i]), topic))
        i = i + 1 < a->slot_count ? i + 1 : 0;
    return &a->slots[i];
}

uint16_t
nj_client_aliases_give(struct nj_client_aliases *a, struct nj_str topic, bool *is_new)
{
    uint32_t *slot;

    *is_new = false;
    if (a->maximum == 0)
        return 0;
    if (a->slots == NULL) {
        a->slot_count = a->maximum * 2u;
        a->slots = nj_zalloc(a->slot_count * sizeof(*a->slots));
        if (a->slots == NULL)
            return 0;
    }
    slot = slot_of(a, topic);
    if (*slot != 0)
        return (uint16_t)*slot;
    if (a->given == a->maximum || !nj_client_aliases_set(a, (uint16_t)(a->given + 1), topic))
        return 0;
    *slot = ++a->given;
    *is_new = true;
    return a->given;
}
