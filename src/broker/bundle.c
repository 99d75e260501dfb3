/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bundle.h"

#include "base/mem.h"

struct nj_bundle *
nj_bundle_new(void)
{
    return nj_zalloc(sizeof(struct nj_bundle));
}

void
nj_bundle_free(struct nj_bundle *b)
{
    if (b == NULL)
        return;
    for (uint32_t i = 0; i < b->item_count; i++)
        nj_msg_unref(b->items[i].msg);
    nj_free(b->items);
    nj_free(b->targets);
    nj_free(b->numbers);
    nj_free(b);
}

/* An array with room for `more` elements of `size` bytes after `count`; NULL without memory. */
static void *
reserve(void *array, uint32_t *capacity, uint32_t count, uint32_t more, size_t size)
{
    uint32_t wanted = *capacity > 0 ? *capacity : 16;
    void *grown;

    if (array != NULL && count + more <= *capacity)
        return array;
    while (wanted < count + more)
        wanted *= 2;
    grown = nj_realloc(array, wanted * size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

static bool
reserve_all(struct nj_bundle *b, uint32_t numbers)
{
    void *grown;

    grown = reserve(b->items, &b->item_capacity, b->item_count, 1, sizeof(*b->items));
    if (grown == NULL)
        return false;
    b->items = grown;
    grown = reserve(b->targets, &b->target_capacity, b->target_count, 1, sizeof(*b->targets));
    if (grown == NULL)
        return false;
    b->targets = grown;
    if (numbers == 0)
        return true;
    grown = reserve(b->numbers, &b->number_capacity, b->number_count, numbers, sizeof(*b->numbers));
    if (grown == NULL)
        return false;
    b->numbers = grown;
    return true;
}

bool
nj_bundle_add(struct nj_bundle *b, struct nj_msg *msg, struct nj_bundle_target target,
              const uint32_t *numbers, uint32_t number_count)
{
    bool is_same = b->item_count > 0 && b->items[b->item_count - 1].msg == msg;

    if (!reserve_all(b, number_count))
        return false;
    if (!is_same) {
        b->items[b->item_count++] = (struct nj_bundle_item){nj_msg_ref(msg), b->target_count, 0};
        b->bytes += nj_msg_bytes(msg);
    }
    target.first_number = b->number_count;
    target.number_count = number_count;
    b->targets[b->target_count++] = target;
    b->items[b->item_count - 1].target_count++;
    for (uint32_t i = 0; i < number_count; i++)
        b->numbers[b->number_count++] = numbers[i];
    b->bytes += sizeof(target);
    return true;
}
