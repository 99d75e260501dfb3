/* SPDX-License-Identifier: Apache-2.0 */
/* list.h — doubly linked rings whose links lie inside the linked objects.
 *
 * An empty list is a head that points at itself, and so is a node that is on no list: removing
 * twice is harmless. */
#ifndef NJ_BASE_LIST_H
#define NJ_BASE_LIST_H

#include "base/compiler.h"

#include <stdbool.h>

struct nj_list {
    struct nj_list *prev, *next;
};

static inline void
nj_list_init(struct nj_list *l)
{
    l->prev = l->next = l;
}

static inline bool
nj_list_is_empty(const struct nj_list *l)
{
    return l->next == l;
}

/* Put `node` (on no list) before `at`; before the head means last. */
static inline void
nj_list_push(struct nj_list *at, struct nj_list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void
nj_list_remove(struct nj_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    nj_list_init(node);
}

/* First node off the list, or NULL. */
static inline struct nj_list *
nj_list_pop(struct nj_list *l)
{
    struct nj_list *first = l->next;

    if (first == l)
        return NULL;
    nj_list_remove(first);
    return first;
}

/* All nodes of `from` to the end of `to`; `from` is empty afterwards. */
static inline void
nj_list_move_all(struct nj_list *to, struct nj_list *from)
{
    if (nj_list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    nj_list_init(from);
}

#define nj_list_each(node, head)                                                                   \
    for ((node) = (head)->next; (node) != (head); (node) = (node)->next)
/* The body may remove `node`, nothing else. */
#define nj_list_each_safe(node, after, head)                                                       \
    for ((node) = (head)->next, (after) = (node)->next; (node) != (head);                          \
         (node) = (after), (after) = (node)->next)

#endif
