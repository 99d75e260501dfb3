/* SPDX-License-Identifier: Apache-2.0 */
/* retain.c — what it costs to set, replace and find retained messages among few and among many, and
 * what one of them weighs beside its own bytes.
 *
 * Topics have seven levels; the last is the same under each device. Walks go in steps of 64
 * topics. */
#include "micro/micro.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "topic/retain.h"

#include <stdio.h>

#define TOPIC_MAX 96
#define STEPS     64u

struct bed {
    struct nj_retain *shelf;
    uint32_t count;
    uint32_t next; /* device whose turn it is */
    const char *filter;
    struct nj_retain_cursor *cursor;
};

static void
set_one(struct bed *b, uint32_t i)
{
    char topic[TOPIC_MAX];
    int n = snprintf(topic, sizeof(topic), "bench/site%u/hall%u/line%u/cell%u/device%u/state",
                     i % 40, i / 40 % 5, i / 200 % 10, i / 2000 % 25, i);
    struct nj_msg *msg = nj_msg_new(&(struct nj_msg_parts){
        .topic = {topic, (size_t)n}, .payload = NJ_STR("21.5"), .expires = NJ_NEVER});

    NJ_ASSERT(msg != NULL && nj_retain_set(b->shelf, msg) == NJ_RETAIN_SET);
    nj_msg_unref(msg);
}

static void
replace(void *ctx, uint64_t count)
{
    struct bed *b = ctx;

    for (uint64_t i = 0; i < count; i++) {
        set_one(b, b->next);
        b->next = (b->next + 7919) % b->count; /* a prime: neighbours are far apart */
    }
}

/* Messages found, round after round. */
static void
walk(void *ctx, uint64_t count)
{
    struct bed *b = ctx;

    while (count > 0) {
        struct nj_msg *msg;
        bool is_end;

        if (b->cursor == NULL)
            b->cursor = nj_retain_open(b->shelf, nj_str_of(b->filter));
        NJ_ASSERT(b->cursor != NULL);
        msg = nj_retain_next(b->cursor, 0, STEPS, &is_end);
        nj_msg_unref(msg);
        count -= msg != NULL;
        if (is_end) {
            nj_retain_close(b->cursor);
            b->cursor = NULL;
        }
    }
}

static void
time_walk(struct bed *b, const char *name, const char *filter)
{
    b->filter = filter;
    nj_micro_time(name, walk, b);
    nj_retain_close(b->cursor);
    b->cursor = NULL;
}

static void
measure(uint32_t count)
{
    struct nj_retain_stats stats;
    struct bed b = {.count = count};
    uint64_t before = nj_mem_used();

    NJ_ASSERT(nj_retain_new(&b.shelf, &(struct nj_retain_opts){0, UINT64_MAX}) == NJ_OK);
    for (uint32_t i = 0; i < count; i++)
        set_one(&b, i);
    nj_retain_stats(b.shelf, &stats);
    printf("%u retained: %.1f bytes each beside the message's %.1f\n", count,
           (double)(nj_mem_used() - before - stats.bytes) / count, (double)stats.bytes / count);
    nj_micro_time("  replace one", replace, &b);
    time_walk(&b, "  find the next one by #", "#");
    time_walk(&b, "  find the next one of a fifth by +", "bench/+/hall3/+/+/+/state");
    time_walk(&b, "  find one by its topic", "bench/site7/hall0/line0/cell0/device7/state");
    nj_retain_free(b.shelf);
}

int
main(void)
{
    nj_hash_key_draw();
    for (uint32_t count = 1000; count <= 1000000; count *= 10)
        measure(count);
    return 0;
}
