/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/tree.h"

#include "base/mem.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define MOST_LINES  10000
#define MOST_BYTES  (4u * 1024 * 1024)
#define PATIENCE_MS 1000

struct text {
    char *p;
    size_t n, capacity;
};

/* Room for `n` more bytes; false without memory, or where the text is long enough. */
static bool
reserve(struct text *t, size_t n)
{
    size_t capacity = NJ_MAX(t->capacity * 2, t->n + n);
    char *grown;

    if (t->n + n <= t->capacity)
        return true;
    if (t->n + n > MOST_BYTES)
        return false;
    grown = nj_realloc(t->p, capacity);
    if (grown == NULL)
        return false;
    t->p = grown;
    t->capacity = capacity;
    return true;
}

/* A filter is a peer's text: what a terminal would obey is not passed on. */
static void
add_plainly(struct text *t, struct nj_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        t->p[t->n++] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
}

static void
add_line(void *ctx, struct nj_str filter, size_t subscribers)
{
    struct text *t = ctx;
    char tail[48];
    size_t n = (size_t)snprintf(tail, sizeof(tail), " (%zu subscriber%s)\n", subscribers,
                                subscribers == 1 ? "" : "s");

    if (!reserve(t, filter.n + n))
        return;
    add_plainly(t, filter);
    memcpy(t->p + t->n, tail, n);
    t->n += n;
}

/* No more at once than a pipe takes that is said to be writable. */
static void
write_patiently(struct nj_str text)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    while (text.n > 0 && poll(&out, 1, PATIENCE_MS) > 0) {
        ssize_t n = write(STDOUT_FILENO, text.p, NJ_MIN(text.n, (size_t)PIPE_BUF));

        if (n <= 0)
            return;
        text = nj_str_from(text, (size_t)n);
    }
}

void
nj_tree_print(struct nj_index *index)
{
    struct nj_index_stats stats;
    struct text t = {0};
    char head[160];
    size_t n;

    nj_index_stats(index, &stats);
    n = (size_t)snprintf(
        head, sizeof(head), "%llu subscriptions (%llu shared) to %llu topic filters, %llu nodes\n",
        (unsigned long long)stats.subscriptions, (unsigned long long)stats.shared_subscriptions,
        (unsigned long long)stats.filters, (unsigned long long)stats.nodes);
    nj_index_summary(index, MOST_LINES, add_line, &t);
    write_patiently((struct nj_str){head, n});
    write_patiently((struct nj_str){t.p, t.n});
    nj_free(t.p);
}
