/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

#include "base/hash.h"
#include "base/mem.h"

enum nj_err
nj_broker_new(struct nj_broker **out, uint16_t homes, const struct nj_broker_opts *opts,
              size_t max_levels)
{
    struct nj_index_opts index_opts = {.max_levels = max_levels};
    struct nj_retain_opts retain_opts = {opts->max_retained_messages, opts->max_retained_bytes};
    struct nj_broker *b = nj_zalloc(sizeof(*b));
    enum nj_err err = NJ_ENOMEM;

    if (b == NULL)
        return NJ_ENOMEM;
    b->home_count = homes;
    b->homes = nj_zalloc(homes * sizeof(struct nj_home *));
    if (b->homes == NULL)
        goto fail;
    err = nj_index_new(&b->index, &index_opts);
    if (err != NJ_OK)
        goto fail;
    err = nj_retain_new(&b->retained, &retain_opts);
    if (err != NJ_OK)
        goto fail;
    *out = b;
    return NJ_OK;

fail:
    nj_broker_free(b);
    return err;
}

void
nj_broker_free(struct nj_broker *b)
{
    if (b == NULL)
        return;
    nj_index_free(b->index);
    nj_retain_free(b->retained);
    nj_free(b->homes);
    nj_free(b);
}

uint16_t
nj_broker_home_of(const struct nj_broker *b, struct nj_str client_id)
{
    return (uint16_t)(nj_hash_stable(client_id) % NJ_SHARDS % b->home_count);
}
