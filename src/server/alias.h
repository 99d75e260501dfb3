/* SPDX-License-Identifier: Apache-2.0 */
/* alias.h — topic aliases of one connection, both ways. [MQTT5-3.3.2-7] … [MQTT5-3.3.2-12] */
#ifndef NJ_SERVER_ALIAS_H
#define NJ_SERVER_ALIAS_H

#include "base/str.h"

struct nj_aliases;

void nj_aliases_free(struct nj_aliases *a);

/* From the client: alias 1 to `maximum` now stands for `topic`. *a is made on first use. False
 * without memory. */
bool nj_aliases_set(struct nj_aliases **a, uint16_t alias, uint16_t maximum, struct nj_str topic);
/* What it stands for; p NULL when nothing. */
struct nj_str nj_aliases_get(const struct nj_aliases *a, uint16_t alias);

/* To the client, first come, first served: the alias of `topic`, or 0 when it has none. */
uint16_t nj_aliases_find(const struct nj_aliases *a, struct nj_str topic);
/* Give it the next one up to `maximum`; 0 when all are taken or there is no memory. */
uint16_t nj_aliases_give(struct nj_aliases **a, uint16_t maximum, struct nj_str topic);
/* The last one given was not sent: nobody has it. */
void nj_aliases_take_back(struct nj_aliases *a);

#endif
