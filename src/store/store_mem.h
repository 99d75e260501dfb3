/* SPDX-License-Identifier: Apache-2.0 */
/* store_mem.h — the store that keeps nothing beyond the process: the sessions themselves are the
 * memory, and a change is as safe as it will ever be once it is made.
 *
 * It still answers in the order and at the time that a store on disk would: never inside append(),
 * always cumulative. A simulation may hold the answer back as long as it likes.
 * Thread: its home's. */
#ifndef NJ_STORE_STORE_MEM_H
#define NJ_STORE_STORE_MEM_H

#include "broker/ports.h"

struct nj_store_mem {
    struct nj_store_port port;
    uint64_t appended;        /* changes taken */
    uint64_t safe;            /* and, of these, reported safe */
    uint64_t held;            /* safe goes no further than this */
    bool is_busy, has_failed; /* as they are set: for simulations */
};

void nj_store_mem_init(struct nj_store_mem *store);
/* Let only changes up to `number` become safe; UINT64_MAX: all. For simulations. */
void nj_store_mem_hold(struct nj_store_mem *store, uint64_t number);

#endif
