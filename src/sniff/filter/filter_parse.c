/* SPDX-License-Identifier: Apache-2.0 */
/* filter_parse.c — the nodes of a display filter, by descent. A chain of `and` or `or` is one node
 * with many parts, so that only parentheses and `not` make the tree deeper. */
#include "sniff/filter/filter_priv.h"

#include "base/mem.h"

struct parser {
    struct nj_dfilter *f;
    struct nj_dfilter_lexer *l;
    struct nj_dfilter_token token; /* the next one */
    unsigned depth;
};

static bool
advance(struct parser *p)
{
    return nj_dfilter_lex(p->l, &p->token);
}

static bool
no_memory(const struct parser *p)
{
    p->l->is_out_of_memory = true;
    (void)nj_diag_fail(p->l->diag, NJ_ENOMEM, "out of memory");
    return false;
}

static bool
unexpected(const struct parser *p, const char *wanted)
{
    if (p->token.kind == NJ_DFILTER_END)
        return nj_dfilter_mistake(p->l, p->token.raw, "the expression ends where %s is wanted",
                                  wanted);
    return nj_dfilter_mistake(p->l, p->token.raw, "%s is wanted here", wanted);
}

static bool
add_node(const struct parser *p, const struct nj_dfilter_node *node, uint32_t *out)
{
    struct nj_dfilter *f = p->f;

    if (!nj_array_grow((void **)&f->node, &f->node_capacity, f->nodes, sizeof(*f->node)))
        return no_memory(p);
    f->node[f->nodes++] = *node;
    *out = (uint32_t)f->nodes;
    return true;
}

static bool
add_value(const struct parser *p, const struct nj_dfilter_value *value)
{
    struct nj_dfilter *f = p->f;

    if (!nj_array_grow((void **)&f->value, &f->value_capacity, f->values, sizeof(*f->value)))
        return no_memory(p);
    f->value[f->values++] = *value;
    return true;
}

/* ---- fields ---- */

static bool
find_field(struct nj_str name, struct nj_dfilter_field *out, const char **nearest)
{
    if (!nj_field_find(name, &out->field, nearest))
        return false;
    out->type = nj_dfilter_type_of(out->field);
    return true;
}

static bool
take_field(struct parser *p, struct nj_dfilter_field *out)
{
    struct nj_str name = p->token.raw;
    const char *nearest;

    if (p->token.kind != NJ_DFILTER_WORD)
        return unexpected(p, "a field");
    if (find_field(name, out, &nearest))
        return advance(p);
    if (nearest != NULL)
        return nj_dfilter_mistake(p->l, name, "there is no field '%.*s'; did you mean '%s'?",
                                  (int)NJ_MIN(name.n, 64u), name.p, nearest);
    return nj_dfilter_mistake(p->l, name, "there is no field '%.*s'", (int)NJ_MIN(name.n, 64u),
                              name.p);
}

/* ---- a test ---- */

static const char *
why_not_compared(const struct nj_dfilter_node *n)
{
    bool is_frame = n->left.field == NJ_FIELD_FRAME;

    switch (n->left.type) {
    case NJ_DFILTER_LAYER:
        if (is_frame && (n->relation == NJ_DFILTER_CONTAINS || n->relation == NJ_DFILTER_MATCHES))
            return NULL;
        return is_frame ? "of a frame's bytes one can only ask what they contain or match"
                        : "of a protocol one can only ask whether it is there";
    case NJ_DFILTER_NOTHING:
        return "this field has no value, it is there or not";
    case NJ_DFILTER_NUMBER:
    case NJ_DFILTER_SECONDS:
    case NJ_DFILTER_IPV4:
    case NJ_DFILTER_IPV6:
        if (n->relation == NJ_DFILTER_CONTAINS || n->relation == NJ_DFILTER_MATCHES)
            return "the values of this field are neither text nor bytes";
        return NULL;
    case NJ_DFILTER_TEXT:
    case NJ_DFILTER_BYTES:
    case NJ_DFILTER_ETHER:
        return NULL;
    }
    return NULL;
}

static bool
take_regex(struct parser *p, struct nj_dfilter_node *n)
{
    struct nj_diag diag = {0};
    enum nj_err err;

    if (p->token.kind != NJ_DFILTER_STRING)
        return unexpected(p, "a regular expression in quotes");
    err = nj_dfilter_regex_new(&n->regex, p->token.bytes, &diag);
    if (err == NJ_ENOMEM)
        return no_memory(p);
    return err == NJ_OK ? advance(p) : nj_dfilter_mistake(p->l, p->token.raw, "%s", diag.text);
}

/* What text and bytes are looked for is no address. */
static enum nj_dfilter_type
type_of_value(const struct nj_dfilter_node *n)
{
    if (n->left.type == NJ_DFILTER_LAYER ||
        (n->left.type == NJ_DFILTER_ETHER && n->relation == NJ_DFILTER_CONTAINS))
        return NJ_DFILTER_BYTES;
    return n->left.type;
}

static bool
take_value(struct parser *p, const struct nj_dfilter_node *n)
{
    struct nj_dfilter_value value;

    if (p->token.kind != NJ_DFILTER_WORD && p->token.kind != NJ_DFILTER_STRING)
        return unexpected(p, "a value");
    return nj_dfilter_value_read(p->l, &p->token, type_of_value(n), &value) &&
           add_value(p, &value) && advance(p);
}

/* Pairs: from, to; of a single value twice the same. */
static bool
take_set(struct parser *p, struct nj_dfilter_node *n)
{
    if (p->token.kind != NJ_DFILTER_SET_OPEN)
        return unexpected(p, "{");
    do {
        if (!advance(p) || !take_value(p, n))
            return false;
        if (p->token.kind != NJ_DFILTER_TO) {
            struct nj_dfilter_value same = p->f->value[p->f->values - 1];

            if (!add_value(p, &same))
                return false;
        } else if (!advance(p) || !take_value(p, n)) {
            return false;
        }
        n->values += 2;
    } while (p->token.kind == NJ_DFILTER_COMMA);
    return p->token.kind == NJ_DFILTER_SET_CLOSE ? advance(p) : unexpected(p, "a comma or }");
}

/* A word that is a field's name is that field. */
static bool
take_right(struct parser *p, struct nj_dfilter_node *n)
{
    const char *nearest;

    if (p->token.kind == NJ_DFILTER_WORD && find_field(p->token.raw, &n->right, &nearest)) {
        if (n->right.type != n->left.type || n->left.type == NJ_DFILTER_LAYER)
            return nj_dfilter_mistake(p->l, p->token.raw,
                                      "this field's values are of another kind; text has quotes");
        n->is_between_fields = true;
        return advance(p);
    }
    n->values = 1;
    return take_value(p, n);
}

static bool
take_test(struct parser *p, uint32_t *out)
{
    struct nj_dfilter_node n = {.kind = NJ_DFILTER_NODE_TEST};
    struct nj_str name = p->token.raw;
    bool is_not = false;
    bool is_good = true;

    if (!take_field(p, &n.left))
        return false;
    if (p->token.kind == NJ_DFILTER_NOT && nj_str_eq(p->token.raw, NJ_STR("not"))) {
        is_not = true;
        if (!advance(p))
            return false;
        if (p->token.kind != NJ_DFILTER_RELATION || p->token.relation != NJ_DFILTER_IN)
            return unexpected(p, "`in`");
    }
    if (p->token.kind == NJ_DFILTER_RELATION) {
        n.relation = p->token.relation;
        n.is_of_all = p->token.is_of_all;
        n.value = (uint32_t)p->f->values;
        if (why_not_compared(&n) != NULL)
            return nj_dfilter_mistake(p->l, name, "%s", why_not_compared(&n));
        is_good = advance(p) && (n.relation == NJ_DFILTER_IN        ? take_set(p, &n)
                                 : n.relation == NJ_DFILTER_MATCHES ? take_regex(p, &n)
                                                                    : take_right(p, &n));
    }
    if (!is_good || !add_node(p, &n, out)) {
        nj_dfilter_regex_free(n.regex);
        return false;
    }
    return !is_not ||
           add_node(p, &(struct nj_dfilter_node){.kind = NJ_DFILTER_NODE_NOT, .first = *out}, out);
}

/* ---- expressions ---- */

static bool take_expression(struct parser *p, uint32_t *out);

static bool
take_part(struct parser *p, uint32_t *out)
{
    bool is_not = p->token.kind == NJ_DFILTER_NOT;
    bool is_good;

    if (!is_not && p->token.kind != NJ_DFILTER_OPEN)
        return take_test(p, out);
    if (p->depth == NJ_DFILTER_DEPTH_MAX)
        return nj_dfilter_mistake(p->l, p->token.raw, "deeper than %u levels",
                                  NJ_DFILTER_DEPTH_MAX);
    p->depth++;
    is_good = advance(p) && (is_not ? take_part(p, out) : take_expression(p, out));
    p->depth--;
    if (!is_good)
        return false;
    if (is_not)
        return add_node(p, &(struct nj_dfilter_node){.kind = NJ_DFILTER_NODE_NOT, .first = *out},
                        out);
    return p->token.kind == NJ_DFILTER_CLOSE ? advance(p) : unexpected(p, "`and`, `or` or )");
}

/* Parts with this token between them. */
static bool
take_chain(struct parser *p, enum nj_dfilter_kind between, enum nj_dfilter_node_kind kind,
           bool (*take)(struct parser *, uint32_t *), uint32_t *out)
{
    uint32_t last, part;

    if (!take(p, &last))
        return false;
    *out = last;
    if (p->token.kind != between)
        return true;
    if (!add_node(p, &(struct nj_dfilter_node){.kind = kind, .first = last}, out))
        return false;
    while (p->token.kind == between) {
        if (!advance(p) || !take(p, &part))
            return false;
        p->f->node[last - 1].next = part;
        last = part;
    }
    return true;
}

static bool
take_conjunction(struct parser *p, uint32_t *out)
{
    return take_chain(p, NJ_DFILTER_AND, NJ_DFILTER_NODE_AND, take_part, out);
}

static bool
take_expression(struct parser *p, uint32_t *out)
{
    return take_chain(p, NJ_DFILTER_OR, NJ_DFILTER_NODE_OR, take_conjunction, out);
}

bool
nj_dfilter_parse(struct nj_dfilter *f, struct nj_dfilter_lexer *l)
{
    struct parser p = {.f = f, .l = l};

    if (!advance(&p))
        return false;
    if (p.token.kind == NJ_DFILTER_END)
        return true;
    return take_expression(&p, &f->root) &&
           (p.token.kind == NJ_DFILTER_END || unexpected(&p, "`and` or `or`"));
}
