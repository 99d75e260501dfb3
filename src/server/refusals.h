/* SPDX-License-Identifier: Apache-2.0 */
/* refusals.h — the last 1,000 times that somebody was not let in, for whoever asks later why.
 * Thread: any; a short lock for each refusal, none elsewhere. */
#ifndef NJ_SERVER_REFUSALS_H
#define NJ_SERVER_REFUSALS_H

#include "base/clock.h"
#include "base/str.h"

#define NJ_REFUSALS_MAX 1000

struct nj_refusals;

/* NULL without memory. */
struct nj_refusals *nj_refusals_new(void);
void nj_refusals_free(struct nj_refusals *r);
/* At `now`, for the reason `why`: one line, copied; the oldest makes room. Without memory it is not
 * kept. */
void nj_refusals_add(struct nj_refusals *r, nj_time now, struct nj_str why);
/* How many there were, those included that made room. */
uint64_t nj_refusals_count(struct nj_refusals *r);
/* Each, the oldest first, with its time; the lock is not held during the
 * calls. Without memory there are none. */
void nj_refusals_each(struct nj_refusals *r, void (*fn)(void *ctx, nj_time at, const char *why),
                      void *ctx);

#endif
