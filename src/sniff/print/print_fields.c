/* SPDX-License-Identifier: Apache-2.0 */
/* print_fields.c — -T fields: a column for each field that was asked for, a row for each frame. The
 * values of a frame are gathered in one walk over its tree. */
#include "base/mem.h"
#include "sniff/print/print.h"

#include <unistd.h>

#define COLUMNS_MAX 512u

struct column {
    enum nj_field field;
    size_t same_as; /* asked for before: that column's number, else its own */
    bool has_value;
    struct nj_text text;
};

struct nj_fields {
    struct nj_fields_opts opts;
    FILE *out; /* the last one, and … */
    bool is_for_terminal;
    struct nj_text value, escaped;
    size_t count;
    uint16_t column_of[NJ_FIELD_COUNT]; /* from 1; 0: not asked for */
    struct column column[COLUMNS_MAX];
};

enum nj_err
nj_fields_new(struct nj_fields **out, const struct nj_fields_opts *opts)
{
    struct nj_fields *f = nj_zalloc(sizeof(*f));

    if (f == NULL)
        return NJ_ENOMEM;
    f->opts = *opts;
    if (f->opts.separator == '\0')
        f->opts.separator = '\t';
    if (f->opts.aggregator == '\0')
        f->opts.aggregator = ',';
    *out = f;
    return NJ_OK;
}

void
nj_fields_free(struct nj_fields *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < f->count; i++)
        nj_text_fini(&f->column[i].text);
    nj_text_fini(&f->value);
    nj_text_fini(&f->escaped);
    nj_free(f);
}

enum nj_err
nj_fields_add(struct nj_fields *f, struct nj_str name, struct nj_diag *diag)
{
    enum nj_field field;
    const char *nearest;

    if (!nj_field_find(name, &field, &nearest)) {
        (void)nj_diag_fail(diag, NJ_EINVAL, "There is no field '%" NJ_STR_FMT "'.",
                           NJ_STR_ARG(name));
        if (nearest != NULL)
            nj_diag_hint(diag, "Did you mean '%s'?", nearest);
        return NJ_EINVAL;
    }
    if (f->count == COLUMNS_MAX)
        return nj_diag_fail(diag, NJ_EQUOTA, "More than %u fields.", COLUMNS_MAX);
    if (f->column_of[field] == 0)
        f->column_of[field] = (uint16_t)(f->count + 1);
    f->column[f->count] = (struct column){.field = field, .same_as = f->column_of[field] - 1u};
    f->count++;
    return NJ_OK;
}

void
nj_fields_print_header(const struct nj_fields *f, FILE *out)
{
    for (size_t i = 0; i < f->count; i++) {
        if (i > 0)
            (void)fputc(f->opts.separator, out);
        (void)fputs(nj_field_name(f->column[i].field), out);
    }
    (void)fputc('\n', out);
}

/* In two letters: what would end a word or a line, and what else tshark writes so. NULL: as it is.
 */
static const char *
escape_of(char c)
{
    switch (c) {
    case '\b':
        return "\\b";
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\f':
        return "\\f";
    case '\r':
        return "\\r";
    default:
        return NULL;
    }
}

static void
append_escaped(struct nj_text *to, struct nj_str value)
{
    size_t from = 0;

    for (size_t at = 0; at < value.n; at++) {
        const char *escape = escape_of(value.p[at]);

        if (escape == NULL)
            continue;
        nj_text_put(to, (struct nj_str){value.p + from, at - from});
        nj_text_put(to, nj_str_of(escape));
        from = at + 1;
    }
    nj_text_put(to, (struct nj_str){value.p + from, value.n - from});
}

/* tshark prints all other controls as they came; a terminal would obey them. */
static void
append_value(struct nj_fields *f, struct nj_text *to, struct nj_str value)
{
    if (!f->is_for_terminal) {
        append_escaped(to, value);
        return;
    }
    nj_text_clear(&f->escaped);
    append_escaped(&f->escaped, value);
    nj_text_put_shown(to, nj_text_str(&f->escaped));
}

static void
gather(struct nj_fields *f, const struct nj_item *item)
{
    struct column *c;

    if (f->column_of[item->field] == 0)
        return;
    c = &f->column[f->column_of[item->field] - 1];
    if (c->has_value && f->opts.occurrence == NJ_OCCURRENCE_FIRST)
        return;
    if (f->opts.occurrence == NJ_OCCURRENCE_LAST)
        nj_text_clear(&c->text);
    else if (c->has_value)
        nj_text_put(&c->text, (struct nj_str){&f->opts.aggregator, 1});
    nj_text_clear(&f->value);
    nj_item_put_plain(&f->value, item);
    append_value(f, &c->text, nj_text_str(&f->value));
    c->has_value = true;
}

static void
print_column(const struct nj_fields *f, FILE *out, const struct column *c)
{
    if (!c->has_value)
        return;
    if (f->opts.quote != '\0')
        (void)fputc(f->opts.quote, out);
    (void)fwrite(nj_text_c(&c->text), 1, c->text.n, out);
    if (f->opts.quote != '\0')
        (void)fputc(f->opts.quote, out);
}

void
nj_fields_print(struct nj_fields *f, FILE *out, const struct nj_dissected *d)
{
    for (size_t i = 0; i < f->count; i++) {
        nj_text_clear(&f->column[i].text);
        f->column[i].has_value = false;
    }
    if (f->out != out) {
        f->out = out;
        f->is_for_terminal = isatty(fileno(out)) == 1;
    }
    for (size_t i = 0; i < d->tree.count; i++)
        gather(f, &d->tree.item[i]);
    for (size_t i = 0; i < f->count; i++) {
        if (i > 0)
            (void)fputc(f->opts.separator, out);
        print_column(f, out, &f->column[f->column[i].same_as]);
    }
    (void)fputc('\n', out);
}
