/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_mem.h"

#include "base/compiler.h"

static uint64_t
append(struct nj_store_port *port, const struct nj_change *change)
{
    struct nj_store_mem *store = nj_container_of(port, struct nj_store_mem, port);

    (void)change; /* it describes what the sessions hold already */
    return ++store->appended;
}

static uint64_t
safe(struct nj_store_port *port)
{
    struct nj_store_mem *store = nj_container_of(port, struct nj_store_mem, port);

    store->safe = NJ_MAX(store->safe, NJ_MIN(store->appended, store->held));
    return store->safe;
}

static bool
is_full(struct nj_store_port *port, size_t bytes)
{
    (void)port;
    (void)bytes;
    return false;
}

static bool
doubts_ends(struct nj_store_port *port)
{
    (void)port;
    return false;
}

static bool
is_busy(struct nj_store_port *port)
{
    return nj_container_of(port, struct nj_store_mem, port)->is_busy;
}

static bool
has_failed(struct nj_store_port *port)
{
    return nj_container_of(port, struct nj_store_mem, port)->has_failed;
}

static const struct nj_store_ops ops = {append,  safe,       is_full, doubts_ends,
                                        is_busy, has_failed, false};

void
nj_store_mem_init(struct nj_store_mem *store)
{
    *store = (struct nj_store_mem){.port = {&ops}, .held = UINT64_MAX};
}

void
nj_store_mem_hold(struct nj_store_mem *store, uint64_t number)
{
    store->held = number;
}
