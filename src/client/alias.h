/* SPDX-License-Identifier: Apache-2.0 */
/* alias.h — topic aliases of one direction of one connection: number to topic, and for those that
 * we give out ourselves, topic to number. Numbers run from 1 to `maximum`. [MQTT5-3.3.2-8] */
#ifndef NJ_CLIENT_ALIAS_H
#define NJ_CLIENT_ALIAS_H

#include "base/str.h"

struct nj_client_aliases {
    char **topics; /* by number minus one; terminated, owned */
    uint32_t *lengths;
    uint16_t maximum;
    uint16_t cap;    /* of the arrays: as far as numbers have been used */
    uint16_t given;  /* by nj_client_aliases_give(): the first so many numbers */
    uint32_t *slots; /* hash of a topic to number; 0: free. Twice as many as numbers, or NULL */
    uint32_t slot_count;
};

/* Empty, for a new connection; frees what there was. */
void nj_client_aliases_reset(struct nj_client_aliases *a, uint16_t maximum);
/* The topic of a number; `p` is NULL when it has none or lies beyond the maximum. */
struct nj_str nj_client_aliases_topic(const struct nj_client_aliases *a, uint16_t alias);
/* Errors: false for 0, beyond the maximum, or without memory. */
bool nj_client_aliases_set(struct nj_client_aliases *a, uint16_t alias, struct nj_str topic);
/* The number of `topic`, giving it the next one if there is one, `*is_new` then; 0: none. Only
 * where nj_client_aliases_set() is never used. */
uint16_t nj_client_aliases_give(struct nj_client_aliases *a, struct nj_str topic, bool *is_new);

#endif
