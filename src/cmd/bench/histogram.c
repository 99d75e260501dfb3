/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/histogram.h"

#include "base/compiler.h"

void
nj_histogram_add(struct nj_histogram *sum, const struct nj_histogram *h)
{
    sum->count += h->count;
    sum->most_ns = NJ_MAX(sum->most_ns, h->most_ns);
    for (uint32_t i = 0; i < NJ_HISTOGRAM_SLOTS; i++)
        sum->slots[i] += h->slots[i];
}

/* The longest duration of slot `i`. */
static int64_t
end_of(uint32_t i)
{
    if (i < 2u << NJ_HISTOGRAM_BITS)
        return i;

    uint32_t shift = (i >> NJ_HISTOGRAM_BITS) - 1;
    int64_t first = (int64_t)(i - (shift << NJ_HISTOGRAM_BITS)) << shift;

    return first + (INT64_C(1) << shift) - 1;
}

int64_t
nj_histogram_at(const struct nj_histogram *h, double share)
{
    double wanted = share * (double)h->count;
    uint64_t seen = 0;

    if (h->count == 0)
        return 0;
    for (uint32_t i = 0; i < NJ_HISTOGRAM_SLOTS; i++) {
        seen += h->slots[i];
        if (seen > 0 && (double)seen >= wanted)
            return NJ_MIN(end_of(i), h->most_ns);
    }
    return h->most_ns;
}
