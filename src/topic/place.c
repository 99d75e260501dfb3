/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/place_priv.h"

#include "base/assert.h"

static size_t
head_bytes(const struct nj_place *place)
{
    switch ((enum nj_place_kind)place->kind) {
    case NJ_PLACE_FILTER:
        return sizeof(struct nj_place);
    case NJ_PLACE_BRANCH:
        return sizeof(struct nj_branch);
    case NJ_PLACE_GROUP:
        return sizeof(struct nj_group);
    }
    NJ_ASSERT(false);
    return 0;
}

struct nj_str
nj_place_text(const struct nj_place *place)
{
    return (struct nj_str){(const char *)place + head_bytes(place), place->text_n};
}

size_t
nj_place_bytes(const struct nj_place *place)
{
    return head_bytes(place) + place->text_n;
}

/* What has been written, from the end backwards. */
struct spelling {
    char *buffer;
    size_t at;
};

static void
prepend(struct spelling *s, struct nj_str text)
{
    NJ_ASSERT(text.n <= s->at);
    s->at -= text.n;
    if (text.n > 0)
        memcpy(s->buffer + s->at, text.p, text.n);
}

static void
prepend_filter(struct spelling *s, const struct nj_place *place)
{
    prepend(s, nj_place_text(place));
    if (place->kind != NJ_PLACE_BRANCH)
        return;
    for (const struct nj_branch *b = nj_branch_of(place)->parent; b->parent != NULL;
         b = b->parent) {
        prepend(s, NJ_STR("/"));
        prepend(s, nj_place_text(&b->place));
    }
}

struct nj_str
nj_place_spell(const struct nj_place *place, char *buffer)
{
    struct spelling s;

    s.buffer = buffer;
    s.at = NJ_PLACE_TEXT_MAX;

    if (place->kind == NJ_PLACE_GROUP) {
        prepend_filter(&s, nj_group_of(place)->of);
        prepend(&s, NJ_STR("/"));
        prepend(&s, nj_place_text(place));
        prepend(&s, NJ_STR("$share/"));
    } else {
        prepend_filter(&s, place);
    }
    return (struct nj_str){buffer + s.at, NJ_PLACE_TEXT_MAX - s.at};
}
