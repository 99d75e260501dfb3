/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/place_priv.h"

#include "base/assert.h"

static void
append(struct nj_str *out, char *buffer, struct nj_str text)
{
    NJ_ASSERT(text.n <= NJ_PLACE_TEXT_MAX - out->n);
    memcpy(buffer + out->n, text.p, text.n);
    out->n += text.n;
}

struct nj_str
nj_place_spell(const struct nj_place *place, char *buffer)
{
    struct nj_str out = {buffer, 0};

    if (place->kind == NJ_PLACE_FILTER)
        return nj_place_text(place);
    append(&out, buffer, NJ_STR("$share/"));
    append(&out, buffer, nj_place_text(place));
    append(&out, buffer, NJ_STR("/"));
    append(&out, buffer, nj_place_text(nj_group_of(place)->of));
    return out;
}
