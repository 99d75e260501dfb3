/* SPDX-License-Identifier: Apache-2.0 */
/* ids.h — packet identifiers, and what each stands for until it is acknowledged: ours, which are
 * given out here, or the broker's.
 *
 * Ours run from 1 to 65,535 and round again, passing over those in use. [MQTT5-2.2.1-3]
 * [MQTT311-2.3.1-2] Two levels of 256, the second made on demand. */
#ifndef NJ_CLIENT_IDS_H
#define NJ_CLIENT_IDS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_ids {
    void **pages[256];
    uint32_t used;
    uint16_t last;
};

/* A running number that nothing is kept under, for messages of QoS 0. */
uint16_t nj_ids_pass(struct nj_ids *ids);
/* The next free number, now `what`'s; 0 when all are in use or there is no memory. */
uint16_t nj_ids_take(struct nj_ids *ids, void *what);
/* A number of the broker's, which nothing is kept under. False without memory. */
bool nj_ids_put(struct nj_ids *ids, uint16_t id, void *what);
/* NULL when not in use. */
void *nj_ids_find(const struct nj_ids *ids, uint16_t id);
void nj_ids_release(struct nj_ids *ids, uint16_t id);
/* What the numbers stand for is not touched. */
void nj_ids_fini(struct nj_ids *ids);

#endif
