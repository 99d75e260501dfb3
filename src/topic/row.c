/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/row_priv.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

/* ---- order ---- */

/* Where they begin to differ. */
static size_t
common(struct nj_str a, struct nj_str b)
{
    size_t n = NJ_MIN(a.n, b.n), i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t x, y;

        memcpy(&x, a.p + i, 8);
        memcpy(&y, b.p + i, 8);
        if (x != y)
            break;
    }
    while (i < n && a.p[i] == b.p[i])
        i++;
    return i;
}

static int
rank(char c)
{
    return c == '/' ? 0 : 1 + (unsigned char)c;
}

int
nj_row_order(struct nj_str a, struct nj_str b)
{
    size_t i = common(a, b);

    if (i < a.n && i < b.n)
        return rank(a.p[i]) - rank(b.p[i]);
    return (a.n > b.n) - (a.n < b.n);
}

static int
order_key(const struct nj_row_key *key, const struct nj_msg *msg)
{
    struct nj_str topic = nj_msg_topic(msg);

    if (key->tail.n == 0 || topic.n < key->head.n || common(key->head, topic) < key->head.n)
        return nj_row_order(key->head, topic);
    return nj_row_order(key->tail, nj_str_from(topic, key->head.n));
}

/* ---- finding ---- */

/* The last page that begins before the key, or (unless `is_strict`) with it; NULL: none. `links`:
 * for each height the links of the last such page, or the row's. */
static struct nj_row_page *
descend(struct nj_row *row, const struct nj_row_key *key, bool is_strict,
        struct nj_row_page **links[NJ_ROW_HEIGHT])
{
    struct nj_row_page *page = NULL, *beyond = NULL, *next;
    struct nj_row_page **from = row->first;

    for (unsigned height = NJ_ROW_HEIGHT; height-- > 0;) {
        while ((next = from[height]) != beyond) {
            int order = order_key(key, next->msg[0]);

            if (order < 0 || (order == 0 && is_strict)) {
                beyond = next;
                break;
            }
            page = next;
            from = next->next;
        }
        links[height] = from;
    }
    return page;
}

static void
seek_in_page(const struct nj_row_key *key, unsigned from, struct nj_row_place *place)
{
    const struct nj_row_page *page = place->page;
    unsigned to = page->n;

    place->is_there = false;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        int order = order_key(key, page->msg[middle]);

        if (order == 0) {
            place->at = middle;
            place->is_there = true;
            return;
        }
        if (order > 0)
            from = middle + 1;
        else
            to = middle;
    }
    place->at = from;
}

void
nj_row_seek(struct nj_row *row, const struct nj_row_key *key, struct nj_row_place *place)
{
    place->page = descend(row, key, false, place->links);
    if (place->page == NULL)
        place->page = row->first[0];
    if (place->page != NULL) {
        seek_in_page(key, 0, place);
    } else {
        place->at = 0;
        place->is_there = false;
    }
}

void
nj_row_seek_near(struct nj_row *row, const struct nj_row_key *key, struct nj_row_place *place)
{
    const struct nj_row_page *page = place->page;

    if (order_key(key, page->msg[page->n - 1]) <= 0)
        seek_in_page(key, place->at + 1, place);
    else
        nj_row_seek(row, key, place);
}

/* ---- changing ---- */

/* Drawn from the hash's key, so that nobody can choose which of the pages are high. */
static unsigned
draw_height(struct nj_row *row)
{
    uint64_t made = ++row->made;
    uint64_t bits = nj_hash((struct nj_str){(const char *)&made, sizeof(made)});
    unsigned height = 1;

    for (; height < NJ_ROW_HEIGHT && (bits & 3) == 0; bits >>= 2)
        height++;
    return height;
}

/* A page behind the place's, or the first one. Empty yet: the caller fills it. */
static struct nj_row_page *
add_page(struct nj_row *row, const struct nj_row_place *place)
{
    struct nj_row_page *before = place->page, *page;
    unsigned height = draw_height(row);

    page = nj_alloc(sizeof(*page) + height * sizeof(page->next[0]));
    if (page == NULL)
        return NULL;
    page->n = 0;
    page->height = height;
    for (unsigned i = 0; i < height; i++) {
        struct nj_row_page **links =
            before != NULL && i < before->height ? before->next : place->links[i];

        page->next[i] = links[i];
        links[i] = page;
    }
    return page;
}

static void
remove_page(struct nj_row *row, struct nj_row_page *page)
{
    struct nj_row_key key = {.head = nj_msg_topic(page->msg[0])};
    struct nj_row_page **links[NJ_ROW_HEIGHT];

    (void)descend(row, &key, true, links);
    for (unsigned i = 0; i < page->height; i++) {
        NJ_ASSERT(links[i][i] == page);
        links[i][i] = page->next[i];
    }
    nj_free(page);
}

static void
move(struct nj_row_page *to, unsigned at, struct nj_row_page *from, unsigned from_at, unsigned n)
{
    if (n > 0)
        memmove(&to->msg[at], &from->msg[from_at], n * sizeof(from->msg[0]));
}

bool
nj_row_insert(struct nj_row *row, const struct nj_row_place *place, struct nj_msg *msg)
{
    struct nj_row_page *page = place->page;
    unsigned at = place->at;

    if (page == NULL || page->n == NJ_ROW_PAGE) {
        struct nj_row_page *fresh = add_page(row, place);
        unsigned stay = NJ_ROW_PAGE / 2;

        if (fresh == NULL)
            return false;
        if (page == NULL || at == NJ_ROW_PAGE) {
            /* What comes in order leaves full pages behind. */
            page = fresh;
            at = 0;
        } else {
            move(fresh, 0, page, stay, NJ_ROW_PAGE - stay);
            fresh->n = NJ_ROW_PAGE - stay;
            page->n = stay;
            if (at > stay) {
                page = fresh;
                at -= stay;
            }
        }
    }
    move(page, at + 1, page, at, page->n - at);
    page->msg[at] = msg;
    page->n++;
    row->changes++;
    return true;
}

/* Of two neighbours make one, if that is no more than half full. */
static bool
join(struct nj_row *row, struct nj_row_page *page, struct nj_row_page *next)
{
    unsigned n = next->n;

    if (page->n + n > NJ_ROW_PAGE / 2)
        return false;
    move(page, page->n, next, 0, n);
    remove_page(row, next);
    page->n += n;
    return true;
}

struct nj_msg *
nj_row_remove(struct nj_row *row, const struct nj_row_place *place)
{
    struct nj_row_page *page = place->page;
    struct nj_row_page *next = page->next[0];
    struct nj_msg *msg = page->msg[place->at];

    row->changes++;
    if (page->n == 1) {
        remove_page(row, page);
        return msg;
    }
    page->n--;
    move(page, place->at, page, place->at + 1, page->n - place->at);
    if (page->n <= NJ_ROW_PAGE / 4 && (next == NULL || !join(row, page, next))) {
        struct nj_row_key key = {.head = nj_msg_topic(page->msg[0])};
        struct nj_row_page **links[NJ_ROW_HEIGHT];
        struct nj_row_page *before = descend(row, &key, true, links);

        if (before != NULL)
            (void)join(row, before, page);
    }
    return msg;
}

void
nj_row_fini(struct nj_row *row)
{
    struct nj_row_page *page = row->first[0];

    while (page != NULL) {
        struct nj_row_page *next = page->next[0];

        for (unsigned i = 0; i < page->n; i++)
            nj_msg_unref(page->msg[i]);
        nj_free(page);
        page = next;
    }
    *row = (struct nj_row){.made = 0};
}
