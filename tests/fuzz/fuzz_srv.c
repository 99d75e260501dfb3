/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an answer of the DNS: read into targets that can be connected to, in order of their
 * priority, or refused. */
#include "base/assert.h"
#include "client/srv.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_srv s;
    struct nj_rand rand;
    uint32_t weight = 0, drawn = 0;

    if (nj_srv_read((struct nj_str){(const char *)data, bytes}, &s) != NJ_SRV_FOUND)
        return 0;
    NJ_ASSERT(s.count > 0 && s.count <= NJ_SRV_TARGETS);
    for (size_t i = 0; i < s.count; i++)
        weight += s.at[i].weight;
    nj_rand_seed(&rand, bytes);
    nj_srv_draw(&s, &rand);
    for (size_t i = 0; i < s.count; i++) {
        NJ_ASSERT(s.at[i].host[0] != '\0' && s.at[i].host[0] != '-' && s.at[i].port != 0);
        NJ_ASSERT(memchr(s.at[i].host, '\0', sizeof(s.at[i].host)) != NULL);
        NJ_ASSERT(i == 0 || s.at[i - 1].priority <= s.at[i].priority);
        drawn += s.at[i].weight;
    }
    NJ_ASSERT(drawn == weight);
    return 0;
}
