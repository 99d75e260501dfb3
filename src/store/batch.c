/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

#define PAGE_BYTES    ((size_t)64 << 10)
#define STOCKED_PAGES 32u
/* Of these, for when the system has none: what is under way is told in them. */
#define KEPT_PAGES  4u
#define ENTRY_ALIGN alignof(struct nj_entry)

struct nj_page {
    struct nj_page *next;
    size_t used, size; /* of `bytes` */
    alignas(8) char bytes[];
};

/* --- pages --- */

/* Not refused at memory_limit: the session has changed already, and is_full() is the ceiling. */
static struct nj_page *
make_page(size_t bytes)
{
    struct nj_page *page = nj_alloc_uncapped(sizeof(*page) + bytes);

    if (page != NULL)
        page->size = bytes;
    return page;
}

/* Relaxed: a limit, that may be passed by what is under way. */
static void
set_short(struct nj_stock *stock)
{
    atomic_store_explicit(&stock->is_short, stock->count < KEPT_PAGES, memory_order_relaxed);
}

static void
stock_up(struct nj_stock *stock, struct nj_page *page)
{
    page->next = stock->first;
    stock->first = page;
    stock->count++;
    set_short(stock);
}

static struct nj_page *
take_from_stock(struct nj_stock *stock)
{
    struct nj_page *page = stock->first;

    if (page == NULL)
        return NULL;
    stock->first = page->next;
    stock->count--;
    set_short(stock);
    return page;
}

static struct nj_page *
new_page(struct nj_stock *stock, size_t bytes)
{
    struct nj_page *page;

    if (bytes > PAGE_BYTES)
        return make_page(bytes);
    if (stock->count > KEPT_PAGES)
        return take_from_stock(stock);
    page = make_page(PAGE_BYTES);
    return page != NULL ? page : take_from_stock(stock);
}

bool
nj_stock_init(struct nj_stock *stock)
{
    *stock = (struct nj_stock){.first = NULL};
    while (stock->count < KEPT_PAGES) {
        struct nj_page *page = make_page(PAGE_BYTES);

        if (page == NULL)
            return false;
        stock_up(stock, page);
    }
    return true;
}

void
nj_pages_free(struct nj_page *pages)
{
    while (pages != NULL) {
        struct nj_page *next = pages->next;

        nj_free(pages);
        pages = next;
    }
}

void
nj_stock_fini(struct nj_stock *stock)
{
    nj_pages_free(stock->first);
    *stock = (struct nj_stock){.first = NULL};
}

/* The pages that are stocked leave the list. */
struct nj_page *
nj_batch_take_pages(struct nj_batch *b, struct nj_stock *stock)
{
    struct nj_page *pages = b->pages, **at = &pages;

    b->pages = NULL;
    while (*at != NULL && stock->count < STOCKED_PAGES) {
        struct nj_page *page = *at;

        if (page->size > PAGE_BYTES) {
            at = &page->next;
            continue;
        }
        *at = page->next;
        stock_up(stock, page);
    }
    return pages;
}

/* NULL without memory. */
static void *
take_memory(struct nj_batch *b, struct nj_stock *stock, size_t bytes)
{
    struct nj_page *page = b->pages;
    void *p;

    bytes = (bytes + ENTRY_ALIGN - 1) / ENTRY_ALIGN * ENTRY_ALIGN;
    if (page == NULL || page->size - page->used < bytes) {
        page = new_page(stock, bytes);
        if (page == NULL)
            return NULL;
        page->used = 0;
        page->next = b->pages;
        b->pages = page;
        b->bytes += page->size;
    }
    p = page->bytes + page->used;
    page->used += bytes;
    return p;
}

/* --- copies --- */

static size_t
value_size(const struct nj_change *c)
{
    switch (c->kind) {
    case NJ_CHANGE_SESSION:
        return nj_record_session_size(c->state);
    case NJ_CHANGE_WILL:
        return c->will != NULL ? nj_record_will_size(c->will) : 0;
    case NJ_CHANGE_SUBSCRIBED:
        return nj_record_subscription_size(c->filter);
    case NJ_CHANGE_UNSUBSCRIBED:
        return c->filter.n;
    case NJ_CHANGE_TAKEN:
        return NJ_RECORD_NUMBER_SIZE;
    case NJ_CHANGE_QUEUED:
        return nj_record_queued_size(c->terms);
    case NJ_CHANGE_RETAINED:
        return c->publication->payload.n == 0 ? c->publication->topic.n : 0;
    case NJ_CHANGE_SESSION_END:
    case NJ_CHANGE_ROUTED:
    case NJ_CHANGE_RELEASED:
    case NJ_CHANGE_SENDING:
    case NJ_CHANGE_RECEIVED:
    case NJ_CHANGE_COMPLETED:
    case NJ_CHANGE_DELIVERED:
        return 0;
    }
    return 0;
}

static void
write_value(struct nj_entry *e, const struct nj_change *c, int64_t offset_ms)
{
    struct nj_writer w = nj_writer_of(e->value, e->value_n);

    switch (c->kind) {
    case NJ_CHANGE_SESSION:
        nj_record_session_write(&w, c->state, offset_ms);
        break;
    case NJ_CHANGE_WILL:
        if (c->will != NULL)
            nj_record_will_write(&w, c->will);
        break;
    case NJ_CHANGE_SUBSCRIBED:
        nj_record_subscription_write(&w, c->filter, c->subscription);
        break;
    case NJ_CHANGE_UNSUBSCRIBED:
        nj_write_bytes(&w, c->filter);
        break;
    case NJ_CHANGE_TAKEN:
        nj_record_number_write(&w, e->message);
        break;
    case NJ_CHANGE_QUEUED:
        nj_record_queued_write(&w, c->terms);
        e->qos = c->terms->qos;
        break;
    case NJ_CHANGE_RETAINED:
        if (c->publication->payload.n == 0)
            nj_write_bytes(&w, c->publication->topic);
        break;
    case NJ_CHANGE_SESSION_END:
    case NJ_CHANGE_ROUTED:
    case NJ_CHANGE_RELEASED:
    case NJ_CHANGE_SENDING:
    case NJ_CHANGE_RECEIVED:
    case NJ_CHANGE_COMPLETED:
    case NJ_CHANGE_DELIVERED:
        break;
    }
    NJ_ASSERT_HOT(!w.is_full);
}

/* One that is copied twice is written once all the same. NULL without memory. */
static struct nj_body *
copy_body(struct nj_batch *b, struct nj_stock *stock, const struct nj_publication *pub)
{
    size_t n = nj_record_message_size(pub);
    struct nj_body *body = take_memory(b, stock, sizeof(*body) + n);
    struct nj_writer w;

    if (body == NULL)
        return NULL;
    body->message = pub->number;
    body->n = n;
    w = nj_writer_of(body->bytes, n);
    nj_record_message_write(&w, pub, b->offset_ms);
    return body;
}

static bool
has_body(const struct nj_change *c)
{
    return c->kind == NJ_CHANGE_QUEUED || c->kind == NJ_CHANGE_TAKEN ||
           (c->kind == NJ_CHANGE_RETAINED && c->publication->payload.n > 0);
}

struct nj_entry *
nj_batch_copy(struct nj_batch *b, struct nj_stock *stock, const struct nj_change *change,
              struct nj_body **body)
{
    size_t n = value_size(change);
    struct nj_entry *e = take_memory(b, stock, sizeof(*e) + n);

    if (e == NULL)
        return NULL;
    *e = (struct nj_entry){
        .session = change->session,
        .message = change->message,
        .value_n = (uint32_t)n,
        .packet_id = change->packet_id,
        .kind = (uint8_t)change->kind,
        .is_passed_on = change->is_passed_on,
    };
    if (has_body(change)) {
        e->message = change->publication->number;
        if (*body == NULL || (*body)->message != e->message)
            *body = copy_body(b, stock, change->publication);
        if (*body == NULL)
            return NULL;
        e->body = *body;
    }
    write_value(e, change, b->offset_ms);
    return e;
}

/* --- entries that may be cancelled --- */

static struct nj_number_key
key_of(const struct nj_entry *e)
{
    return (struct nj_number_key){e->session, e->message};
}

struct nj_entry *
nj_batch_cancel(struct nj_batch *b, struct nj_entry *e)
{
    struct nj_entry *queued;

    if (e->kind != NJ_CHANGE_DELIVERED || e->is_passed_on)
        return NULL;
    queued = (struct nj_entry *)(uintptr_t)nj_numbers_find(&b->queued, key_of(e));
    if (queued == NULL || queued->is_dead)
        return NULL;
    queued->is_dead = e->is_dead = true;
    b->living -= 2;
    b->cancelled += 2;
    return queued;
}

/* --- the sequence --- */

void
nj_batch_enter(struct nj_batch *b, struct nj_entry *e)
{
    if (b->last != NULL)
        b->last->following = e;
    else
        b->first = e;
    b->last = e;
    b->living++;
    if (e->kind == NJ_CHANGE_QUEUED && e->qos == 1) /* one that is not found later is written */
        (void)nj_numbers_set(&b->queued, key_of(e), (uintptr_t)e);
}

void
nj_batch_clear(struct nj_batch *b)
{
    nj_numbers_clear(&b->queued);
    *b = (struct nj_batch){.queued = b->queued};
}

void
nj_batch_init(struct nj_batch *b)
{
    *b = (struct nj_batch){.queued = {.is_wide = true}};
}

void
nj_batch_fini(struct nj_batch *b)
{
    nj_pages_free(b->pages);
    nj_numbers_fini(&b->queued);
}
