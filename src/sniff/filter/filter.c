/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c — a display filter asked of a frame. */
#include "sniff/filter/filter.h"

#include "base/mem.h"
#include "sniff/filter/filter_priv.h"

enum nj_err
nj_dfilter_new(struct nj_dfilter **out, struct nj_str text, struct nj_diag *diag)
{
    struct nj_dfilter_lexer lexer = {.text = text, .diag = diag};
    struct nj_diag own = {0};
    struct nj_dfilter *f;

    if (text.n > NJ_DFILTER_BYTES_MAX)
        return nj_diag_fail(diag, NJ_EQUOTA, "the expression is longer than %u bytes",
                            NJ_DFILTER_BYTES_MAX);
    if (diag == NULL)
        lexer.diag = &own;
    f = nj_zalloc(sizeof(*f));
    if (f != NULL)
        f->room = nj_alloc(text.n + 1);
    if (f == NULL || f->room == NULL) {
        nj_dfilter_free(f);
        return nj_diag_fail(diag, NJ_ENOMEM, "out of memory");
    }
    lexer.room = f->room;
    if (!nj_dfilter_parse(f, &lexer)) {
        nj_dfilter_free(f);
        return lexer.is_out_of_memory ? NJ_ENOMEM : NJ_EINVAL;
    }
    *out = f;
    return NJ_OK;
}

void
nj_dfilter_free(struct nj_dfilter *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->nodes; i++)
        nj_dfilter_regex_free(f->node[i].regex);
    nj_free(f->node);
    nj_free(f->value);
    nj_free(f->room);
    nj_text_fini(&f->of_left);
    nj_text_fini(&f->of_right);
    nj_free(f->right);
    nj_free(f);
}

uint64_t
nj_dfilter_given_up(const struct nj_dfilter *f)
{
    return f->given_up;
}

/* ---- one value ---- */

static bool
contains(struct nj_str value, struct nj_str part, enum nj_dfilter_type type)
{
    if (part.n == 0) /* as tshark has it */
        return type != NJ_DFILTER_TEXT;
    return value.n >= part.n && memmem(value.p, value.n, part.p, part.n) != NULL;
}

static bool
matches(struct nj_dfilter *f, struct nj_dfilter_regex *regex, struct nj_str value)
{
    enum nj_dfilter_found found = nj_dfilter_regex_search(regex, value);

    f->given_up += found == NJ_DFILTER_GIVEN_UP;
    return found == NJ_DFILTER_FOUND;
}

static bool
holds(const struct nj_dfilter_node *n, const struct nj_dfilter_value *left,
      const struct nj_dfilter_value *right)
{
    int order;

    if (n->relation == NJ_DFILTER_CONTAINS)
        return contains(nj_dfilter_value_bytes(left), nj_dfilter_value_bytes(right), n->left.type);
    order = nj_dfilter_value_compare(left, right, n->left.type);
    switch (n->relation) {
    case NJ_DFILTER_EQ:
        return order == 0;
    case NJ_DFILTER_NE:
        return order != 0;
    case NJ_DFILTER_GT:
        return order > 0;
    case NJ_DFILTER_GE:
        return order >= 0;
    case NJ_DFILTER_LT:
        return order < 0;
    case NJ_DFILTER_LE:
        return order <= 0;
    case NJ_DFILTER_IS_THERE:
    case NJ_DFILTER_CONTAINS:
    case NJ_DFILTER_MATCHES:
    case NJ_DFILTER_IN:
        break;
    }
    return false;
}

static bool
is_in(const struct nj_dfilter *f, const struct nj_dfilter_node *n,
      const struct nj_dfilter_value *left)
{
    const struct nj_dfilter_value *pair = f->value + n->value;

    for (uint32_t i = 0; i < n->values; i += 2)
        if (nj_dfilter_value_compare(left, &pair[i], n->left.type) >= 0 &&
            nj_dfilter_value_compare(left, &pair[i + 1], n->left.type) <= 0)
            return true;
    return false;
}

/* ---- one test ---- */

static const struct nj_item *
next_item(const struct nj_tree *t, enum nj_field field, size_t *at)
{
    while (*at < t->count) {
        const struct nj_item *item = &t->item[(*at)++];

        if (item->field == field)
            return item;
    }
    return NULL;
}

static bool
holds_of_item(struct nj_dfilter *f, const struct nj_dfilter_node *n, const struct nj_item *item)
{
    struct nj_dfilter_value left = nj_dfilter_value_of(item, n->left.type, &f->of_left);

    if (n->relation == NJ_DFILTER_IN)
        return is_in(f, n, &left);
    if (n->relation == NJ_DFILTER_MATCHES)
        return matches(f, n->regex, left.bytes);
    return holds(n, &left, &f->value[n->value]);
}

static bool
test_frame(struct nj_dfilter *f, const struct nj_dfilter_node *n, struct nj_str bytes)
{
    if (n->relation == NJ_DFILTER_MATCHES)
        return matches(f, n->regex, bytes);
    return contains(bytes, nj_dfilter_value_bytes(&f->value[n->value]), NJ_DFILTER_BYTES);
}

/* The values of the field on the right; false: there are more than can be kept. */
static bool
gather_right(struct nj_dfilter *f, const struct nj_dfilter_node *n, const struct nj_tree *t)
{
    bool is_text = n->right.type == NJ_DFILTER_TEXT;
    const struct nj_item *item;

    f->rights = 0;
    nj_text_clear(&f->of_right);
    for (size_t at = 0; (item = next_item(t, n->right.field, &at)) != NULL; f->rights++) {
        size_t from = f->of_right.n;

        if (f->rights == NJ_DFILTER_PAIRS_MAX ||
            !nj_array_grow((void **)&f->right, &f->right_capacity, f->rights, sizeof(*f->right)))
            return false;
        if (is_text)
            nj_text_put_foreign(&f->of_right, item->range);
        else
            f->right[f->rights] = nj_dfilter_value_of(item, n->right.type, &f->of_right);
        if (is_text)
            f->right[f->rights] = (struct nj_dfilter_value){
                .bytes = {NULL, f->of_right.n - from}, .number = from, .prefix = 0xff};
    }
    for (size_t i = 0; is_text && i < f->rights; i++) /* it stays where it is from now on */
        f->right[i].bytes.p = nj_text_c(&f->of_right) + f->right[i].number;
    return !f->of_right.is_cut;
}

/* Of each value on the left and each on the right: any pair, or all of them and at least one. */
static bool
test_fields(struct nj_dfilter *f, const struct nj_dfilter_node *n, const struct nj_tree *t)
{
    const struct nj_item *item;
    size_t pairs = 0;

    if (!gather_right(f, n, t)) {
        f->given_up++;
        return false;
    }
    if (f->rights == 0)
        return false;
    for (size_t at = 0; (item = next_item(t, n->left.field, &at)) != NULL;) {
        struct nj_dfilter_value left = nj_dfilter_value_of(item, n->left.type, &f->of_left);

        for (size_t i = 0; i < f->rights; i++) {
            if (pairs++ == NJ_DFILTER_PAIRS_MAX) {
                f->given_up++;
                return false;
            }
            if (holds(n, &left, &f->right[i]) != n->is_of_all)
                return !n->is_of_all;
        }
    }
    return n->is_of_all && pairs > 0;
}

static bool
test(struct nj_dfilter *f, const struct nj_dfilter_node *n, const struct nj_dissected *d)
{
    const struct nj_item *item;
    bool has_any = false;

    if (n->left.type == NJ_DFILTER_LAYER && n->relation != NJ_DFILTER_IS_THERE)
        return test_frame(f, n, d->frame.bytes);
    if (n->is_between_fields)
        return test_fields(f, n, &d->tree);
    for (size_t at = 0; (item = next_item(&d->tree, n->left.field, &at)) != NULL; has_any = true) {
        if (n->relation == NJ_DFILTER_IS_THERE)
            return true;
        if (holds_of_item(f, n, item) != n->is_of_all)
            return !n->is_of_all;
    }
    return n->is_of_all && has_any;
}

/* ---- the expression ---- */

static bool
passes(struct nj_dfilter *f, uint32_t number, const struct nj_dissected *d)
{
    const struct nj_dfilter_node *n = &f->node[number - 1];
    bool is_and = n->kind == NJ_DFILTER_NODE_AND;

    if (n->kind == NJ_DFILTER_NODE_TEST)
        return test(f, n, d);
    if (n->kind == NJ_DFILTER_NODE_NOT)
        return !passes(f, n->first, d);
    for (uint32_t part = n->first; part != 0; part = f->node[part - 1].next)
        if (passes(f, part, d) != is_and)
            return !is_and;
    return is_and;
}

bool
nj_dfilter_passes(struct nj_dfilter *f, const struct nj_dissected *d)
{
    return f->root == 0 || passes(f, f->root, d);
}
