/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/bundle.h"

#include "base/assert.h"
#include "base/mem.h"

/* With its head below what malloc fetches from the system each time. */
#define PAGE_BYTES (16u * 1024 - 64)

struct nj_bundle_page {
    struct nj_bundle_page *next;
    size_t used;
    char bytes[PAGE_BYTES];
};

struct nj_bundle *
nj_bundle_new(void)
{
    return nj_zalloc(sizeof(struct nj_bundle));
}

static void
end_publications(struct nj_bundle *b)
{
    for (uint32_t i = 0; i < b->item_count; i++)
        nj_publication_fini(&b->items[i].publication);
}

/* All pages behind so many. */
static void
free_pages(struct nj_bundle *b, unsigned kept)
{
    struct nj_bundle_page **from = &b->pages, *page;

    while (*from != NULL && kept-- > 0)
        from = &(*from)->next;
    while ((page = *from) != NULL) {
        *from = page->next;
        nj_free(page);
    }
}

void
nj_bundle_clear(struct nj_bundle *b)
{
    end_publications(b);
    b->item_count = b->target_count = b->number_count = 0;
    b->reserved_targets = b->reserved_numbers = 0;
    b->crowds = 0;
    b->weight = 0;
    free_pages(b, NJ_BUNDLE_KEPT_BYTES / PAGE_BYTES);
    b->page = NULL;
}

void
nj_bundle_free(struct nj_bundle *b)
{
    if (b == NULL)
        return;
    end_publications(b);
    free_pages(b, 0);
    nj_free(b->items);
    nj_free(b->targets);
    nj_free(b->numbers);
    nj_free(b);
}

/* An array with room for `more` elements of `size` bytes after `count`; NULL without memory. */
static void *
reserve(void *array, uint32_t *capacity, uint32_t count, uint32_t more, size_t size)
{
    uint32_t wanted = *capacity > 0 ? *capacity : 16;
    void *grown;

    if (array != NULL && count + more <= *capacity)
        return array;
    while (wanted < count + more)
        wanted *= 2;
    grown = nj_realloc(array, wanted * size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

static bool
reserve_all(struct nj_bundle *b, uint32_t targets, uint32_t numbers)
{
    void *grown;

    grown = reserve(b->items, &b->item_capacity, b->item_count, 1, sizeof(*b->items));
    if (grown == NULL)
        return false;
    b->items = grown;
    grown = reserve(b->targets, &b->target_capacity, b->target_count, targets, sizeof(*b->targets));
    if (grown == NULL)
        return false;
    b->targets = grown;
    if (numbers == 0)
        return true;
    grown = reserve(b->numbers, &b->number_capacity, b->number_count, numbers, sizeof(*b->numbers));
    if (grown == NULL)
        return false;
    b->numbers = grown;
    return true;
}

/* Begin the next page, one that is here already or a new one. NULL without memory. */
static struct nj_bundle_page *
turn_page(struct nj_bundle *b)
{
    struct nj_bundle_page **next = b->page != NULL ? &b->page->next : &b->pages;

    if (*next == NULL) {
        *next = nj_alloc(sizeof(**next));
        if (*next == NULL)
            return NULL;
        (*next)->next = NULL;
    }
    (*next)->used = 0;
    b->page = *next;
    return b->page;
}

/* Room for `bytes` in the pages; NULL without memory. */
static char *
room_for(struct nj_bundle *b, size_t bytes)
{
    struct nj_bundle_page *page = b->page;

    if (page == NULL || PAGE_BYTES - page->used < bytes) {
        page = turn_page(b);
        if (page == NULL)
            return NULL;
    }
    page->used += bytes;
    return page->bytes + page->used - bytes;
}

static struct nj_str
copy_to(char **at, struct nj_str s)
{
    struct nj_str copy = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* A publication of bytes that last as long as the bundle. */
static bool
carry(struct nj_bundle *b, struct nj_publication *out, struct nj_publication *pub)
{
    size_t bytes = pub->topic.n + pub->properties.n + pub->payload.n;
    struct nj_msg *msg;
    char *at;

    if (pub->msg == NULL && bytes <= NJ_BUNDLE_COPY_BYTES) {
        at = room_for(b, bytes);
        if (at == NULL)
            return false;
        *out = *pub;
        out->topic = copy_to(&at, pub->topic);
        out->properties = copy_to(&at, pub->properties);
        out->payload = copy_to(&at, pub->payload);
    } else {
        msg = nj_publication_msg(pub);
        if (msg == NULL)
            return false;
        nj_publication_of(out, msg);
        out->is_owed = pub->is_owed;
    }
    b->weight += sizeof(*msg) + bytes;
    return true;
}

static bool
is_last(const struct nj_bundle *b, const struct nj_publication *pub)
{
    return b->item_count > 0 && pub->number != 0 &&
           b->items[b->item_count - 1].publication.number == pub->number;
}

bool
nj_bundle_reserve(struct nj_bundle *b, const struct nj_publication *pub, uint32_t number_count)
{
    NJ_ASSERT_HOT(pub->msg != NULL); /* carry() makes none, and copies nothing */
    if (!reserve_all(b, b->reserved_targets + 1, b->reserved_numbers + number_count))
        return false;
    b->reserved_targets++;
    b->reserved_numbers += number_count;
    return true;
}

struct nj_bundle_target *
nj_bundle_add(struct nj_bundle *b, struct nj_publication *pub, nj_handle session,
              const uint32_t *numbers, uint32_t number_count)
{
    struct nj_bundle_target *target;

    if (!reserve_all(b, 1, number_count))
        return NULL;
    if (!is_last(b, pub)) {
        struct nj_bundle_item *item = &b->items[b->item_count];

        if (!carry(b, &item->publication, pub))
            return NULL;
        item->first_target = b->target_count;
        item->target_count = 0;
        b->item_count++;
    }
    target = &b->targets[b->target_count++];
    *target = (struct nj_bundle_target){
        .session = session, .first_number = b->number_count, .number_count = number_count};
    b->items[b->item_count - 1].target_count++;
    for (uint32_t i = 0; i < number_count; i++)
        b->numbers[b->number_count++] = numbers[i];
    b->weight += NJ_BUNDLE_DELIVERY;
    b->reserved_targets -= NJ_MIN(b->reserved_targets, 1u);
    b->reserved_numbers -= NJ_MIN(b->reserved_numbers, number_count);
    return target;
}
