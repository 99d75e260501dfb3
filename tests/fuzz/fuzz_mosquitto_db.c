/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Mosquitto's snapshot: told or refused, and what is told makes sense. */
#include "base/assert.h"
#include "base/mem.h"
#include "compat/mosquitto_db.h"
#include "mqtt/topic.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
check_publication(const struct nj_publication *pub)
{
    NJ_ASSERT(nj_utf8_is_valid(pub->topic) && nj_topic_name_is_valid(pub->topic));
    NJ_ASSERT(pub->expires > 0);
}

static uint64_t
append(struct nj_store_port *port, const struct nj_change *change)
{
    struct nj_filter filter;

    (void)port;
    switch (change->kind) {
    case NJ_CHANGE_SUBSCRIBED:
        NJ_ASSERT(change->session != 0 && nj_filter_parse(change->filter, &filter));
        NJ_ASSERT(nj_utf8_is_valid(change->filter));
        NJ_ASSERT(change->subscription->identifier <= NJ_VARINT_MAX_VALUE);
        break;
    case NJ_CHANGE_QUEUED:
    case NJ_CHANGE_TAKEN:
        NJ_ASSERT(change->session != 0);
        check_publication(change->publication);
        break;
    case NJ_CHANGE_RETAINED:
        check_publication(change->publication);
        NJ_ASSERT(change->publication->payload.n > 0);
        break;
    default:
        NJ_ASSERT(change->session != 0);
        break;
    }
    return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct nj_store_ops ops = {.append = append};
    struct nj_store_port port = {&ops};
    struct nj_mosquitto_db_found found;
    struct nj_diag diag = {0};
    uint64_t before = nj_mem_used();

    if (nj_mosquitto_db_tell((struct nj_str){(const char *)data, bytes}, &port, 1000, 1000, &found,
                             &diag) != NJ_OK)
        NJ_ASSERT(diag.text[0] != '\0');
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
