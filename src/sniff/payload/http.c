/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/http.h"

#include <strings.h>

static const char *const beginnings[] = {"GET /", "HTTP/1.1 101 "};

bool
nj_http_begins(struct nj_str ready)
{
    for (size_t i = 0; i < NJ_COUNT_OF(beginnings); i++)
        if (nj_str_starts(ready, nj_str_of(beginnings[i])))
            return true;
    return false;
}

bool
nj_http_may_begin(struct nj_str ready)
{
    for (size_t i = 0; i < NJ_COUNT_OF(beginnings); i++)
        if (nj_str_starts(nj_str_of(beginnings[i]), ready))
            return true;
    return false;
}

size_t
nj_http_head_bytes(struct nj_str ready, bool *is_fault)
{
    size_t n = NJ_MIN(ready.n, NJ_HTTP_HEAD_MAX);
    const char *end = n > 0 ? memmem(ready.p, n, "\r\n\r\n", 4) : NULL;

    *is_fault = end == NULL && ready.n >= NJ_HTTP_HEAD_MAX;
    return end != NULL ? (size_t)(end - ready.p) + 4 : 0;
}

/* Up to what divides, which goes with it. */
static struct nj_str
take_up_to(struct nj_str *rest, const char *divides)
{
    size_t n = strlen(divides);
    const char *at = rest->n >= n ? memmem(rest->p, rest->n, divides, n) : NULL;
    struct nj_str taken = {rest->p, at != NULL ? (size_t)(at - rest->p) : rest->n};

    *rest = nj_str_from(*rest, at != NULL ? taken.n + n : rest->n);
    return taken;
}

static void
put_first_line(struct nj_str line, struct nj_tree *tree, struct nj_http_head *out)
{
    struct nj_str first = take_up_to(&line, " "), second = take_up_to(&line, " ");

    out->is_request = !nj_str_starts(first, NJ_STR("HTTP/"));
    if (out->is_request) {
        nj_tree_bytes(tree, NJ_FIELD_HTTP_METHOD, first);
        nj_tree_bytes(tree, NJ_FIELD_HTTP_URI, second);
        nj_tree_bytes(tree, NJ_FIELD_HTTP_REQUEST_VERSION, line);
        return;
    }
    for (size_t i = 0; i < second.n && i < 3 && second.p[i] >= '0' && second.p[i] <= '9'; i++)
        out->status = out->status * 10 + (unsigned)(second.p[i] - '0');
    nj_tree_bytes(tree, NJ_FIELD_HTTP_RESPONSE_VERSION, first);
    nj_tree_number(tree, NJ_FIELD_HTTP_CODE, out->status, second);
    nj_tree_bytes(tree, NJ_FIELD_HTTP_PHRASE, line);
}

static struct nj_str
without_space(struct nj_str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = nj_str_from(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static void
put_header(struct nj_str line, struct nj_tree *tree, struct nj_http_head *out)
{
    static const struct {
        const char *name;
        enum nj_field field;
    } known[] = {
        {"Host", NJ_FIELD_HTTP_HOST},
        {"User-Agent", NJ_FIELD_HTTP_USER_AGENT},
        {"Server", NJ_FIELD_HTTP_SERVER},
        {"Authorization", NJ_FIELD_HTTP_AUTHORIZATION},
        {"Cookie", NJ_FIELD_HTTP_COOKIE},
        {"Connection", NJ_FIELD_HTTP_CONNECTION},
        {"Upgrade", NJ_FIELD_HTTP_UPGRADE},
        {"Sec-WebSocket-Version", NJ_FIELD_HTTP_WS_VERSION},
        {"Sec-WebSocket-Key", NJ_FIELD_HTTP_WS_KEY},
        {"Sec-WebSocket-Accept", NJ_FIELD_HTTP_WS_ACCEPT},
        {"Sec-WebSocket-Protocol", NJ_FIELD_HTTP_WS_PROTOCOL},
        {"Sec-WebSocket-Extensions", NJ_FIELD_HTTP_WS_EXTENSIONS},
    };
    struct nj_str name = take_up_to(&line, ":"), value = without_space(line);

    for (size_t i = 0; i < NJ_COUNT_OF(known); i++) {
        if (name.n != strlen(known[i].name) || strncasecmp(name.p, known[i].name, name.n) != 0)
            continue;
        nj_tree_bytes(tree, known[i].field, value);
        if (known[i].field == NJ_FIELD_HTTP_WS_PROTOCOL)
            out->protocol = value;
        return;
    }
}

void
nj_http_dissect(struct nj_str head, struct nj_tree *tree, struct nj_text *info,
                struct nj_http_head *out)
{
    struct nj_str line = take_up_to(&head, "\r\n");

    *out = (struct nj_http_head){.protocol = {"", 0}};
    nj_text_put_shown(info, line);
    nj_text_put(info, NJ_STR(" "));
    nj_tree_bytes(tree, NJ_FIELD_HTTP, (struct nj_str){NULL, 0});
    tree->depth++;
    put_first_line(line, tree, out);
    while (head.n > 0)
        put_header(take_up_to(&head, "\r\n"), tree, out);
    tree->depth--;
}
