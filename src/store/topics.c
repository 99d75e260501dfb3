/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing, as in numbers.c: what is removed leaves no mark, those behind it move up. */
#include "store/topics.h"

#include "base/mem.h"

#define SMALLEST 64u

static uint64_t
home_of(const struct nj_topics *t, struct nj_topic_hash hash)
{
    return hash.a & (t->capacity - 1);
}

/* Where it is, or where it would be. */
static uint64_t
slot_of(const struct nj_topics *t, struct nj_topic_hash hash)
{
    uint64_t i = home_of(t, hash);

    while (t->slots[i].record != 0 &&
           (t->slots[i].hash.a != hash.a || t->slots[i].hash.b != hash.b))
        i = (i + 1) & (t->capacity - 1);
    return i;
}

uint64_t
nj_topics_find(const struct nj_topics *t, struct nj_topic_hash hash)
{
    return t->capacity > 0 ? t->slots[slot_of(t, hash)].record : 0;
}

static bool
resize(struct nj_topics *t, uint64_t capacity)
{
    struct nj_topics other = {.capacity = capacity, .count = t->count};

    /* Not refused at memory_limit: it is the price of what was taken already. */
    other.slots = nj_alloc_uncapped(capacity * sizeof(*other.slots));
    if (other.slots == NULL)
        return false;
    for (uint64_t i = 0; i < capacity; i++)
        other.slots[i] = (struct nj_topic_record){0};
    for (uint64_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].record != 0)
            other.slots[slot_of(&other, t->slots[i].hash)] = t->slots[i];
    }
    nj_free(t->slots);
    *t = other;
    return true;
}

static void
remove_at(struct nj_topics *t, uint64_t i)
{
    uint64_t mask = t->capacity - 1;

    t->count--;
    for (uint64_t next = (i + 1) & mask; t->slots[next].record != 0; next = (next + 1) & mask) {
        uint64_t wish = home_of(t, t->slots[next].hash);

        /* It may move up unless its own place lies behind the gap. */
        if (((next - wish) & mask) >= ((next - i) & mask)) {
            t->slots[i] = t->slots[next];
            i = next;
        }
    }
    t->slots[i] = (struct nj_topic_record){0};
}

bool
nj_topics_set(struct nj_topics *t, struct nj_topic_hash hash, uint64_t record)
{
    uint64_t i;

    if (record == 0) {
        if (t->capacity > 0 && t->slots[i = slot_of(t, hash)].record != 0)
            remove_at(t, i);
        return true;
    }
    if (t->capacity == 0 && !resize(t, SMALLEST))
        return false;
    i = slot_of(t, hash);
    if (t->slots[i].record == 0) {
        if ((t->count + 1) * 4 > t->capacity * 3) {
            if (!resize(t, t->capacity * 2))
                return false;
            i = slot_of(t, hash);
        }
        t->count++;
    }
    t->slots[i] = (struct nj_topic_record){hash, record};
    return true;
}

void
nj_topics_trim(struct nj_topics *t)
{
    uint64_t capacity = t->capacity;

    while (capacity > SMALLEST && t->count * 8 < capacity)
        capacity /= 2;
    if (capacity < t->capacity / 4)
        (void)resize(t, capacity);
}

void
nj_topics_fini(struct nj_topics *t)
{
    nj_free(t->slots);
    *t = (struct nj_topics){0};
}
