/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing; what is removed leaves no mark, those behind it move up. */
#include "store/numbers.h"

#include "base/mem.h"

#define SMALLEST 64u

/* Where it is, or where it would be. */
static uint64_t
slot_of(const struct nj_numbers *n, uint64_t key)
{
    uint64_t i = nj_numbers_home(n, key);

    while (n->slots[i].key != 0 && n->slots[i].key != key)
        i = (i + 1) & (n->capacity - 1);
    return i;
}

uint64_t
nj_numbers_find(const struct nj_numbers *n, uint64_t key)
{
    uint64_t i;

    if (n->capacity == 0)
        return 0;
    i = slot_of(n, key);
    return n->slots[i].key != 0 ? n->slots[i].value : 0;
}

static bool
resize(struct nj_numbers *n, uint64_t capacity)
{
    struct nj_numbers wider = {.capacity = capacity, .count = n->count};

    /* Not refused at memory_limit: it is the price of what was taken already. */
    wider.slots = nj_alloc_uncapped(capacity * sizeof(*wider.slots));
    if (wider.slots == NULL)
        return false;
    for (uint64_t i = 0; i < capacity; i++)
        wider.slots[i] = (struct nj_number){0, 0};
    for (uint64_t i = 0; i < n->capacity; i++) {
        if (n->slots[i].key != 0)
            wider.slots[slot_of(&wider, n->slots[i].key)] = n->slots[i];
    }
    nj_free(n->slots);
    *n = wider;
    return true;
}

static void
remove_at(struct nj_numbers *n, uint64_t i)
{
    uint64_t mask = n->capacity - 1;

    n->count--;
    for (uint64_t next = (i + 1) & mask; n->slots[next].key != 0; next = (next + 1) & mask) {
        uint64_t wish = nj_numbers_home(n, n->slots[next].key);

        /* It may move up unless its own place lies behind the gap. */
        if (((next - wish) & mask) >= ((next - i) & mask)) {
            n->slots[i] = n->slots[next];
            i = next;
        }
    }
    n->slots[i] = (struct nj_number){0, 0};
}

bool
nj_numbers_set(struct nj_numbers *n, uint64_t key, uint64_t value)
{
    uint64_t i;

    if (value == 0) {
        if (n->capacity > 0 && n->slots[i = slot_of(n, key)].key != 0)
            remove_at(n, i);
        return true;
    }
    if (n->capacity == 0 && !resize(n, SMALLEST))
        return false;
    i = slot_of(n, key);
    if (n->slots[i].key == 0) {
        if ((n->count + 1) * 4 > n->capacity * 3) {
            if (!resize(n, n->capacity * 2))
                return false;
            i = slot_of(n, key);
        }
        n->count++;
    }
    n->slots[i] = (struct nj_number){key, value};
    return true;
}

void
nj_numbers_trim(struct nj_numbers *n)
{
    uint64_t capacity = n->capacity;

    while (capacity > SMALLEST && n->count * 8 < capacity)
        capacity /= 2;
    if (capacity < n->capacity / 4)
        (void)resize(n, capacity);
}

void
nj_numbers_fini(struct nj_numbers *n)
{
    nj_free(n->slots);
    *n = (struct nj_numbers){0};
}
