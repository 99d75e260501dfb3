/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/print/form.h"

#include <inttypes.h>

static bool
is_empty(const struct nj_form *form)
{
    return form->put == NULL && form->words == NULL && form->mask == 0 && !form->is_inferred;
}

/* Never NULL. */
static const struct nj_form *
form_of(enum nj_field field)
{
    const struct nj_form *const forms[] = {nj_form_of_link(field),        nj_form_of_ip(field),
                                           nj_form_of_tcp(field),         nj_form_of_tls(field),
                                           nj_form_of_certificate(field), nj_form_of_mqtt(field),
                                           nj_form_of_websocket(field)};

    for (size_t i = 0; i < NJ_COUNT_OF(forms); i++)
        if (!is_empty(forms[i]))
            return forms[i];
    return forms[0];
}

const struct nj_item *
nj_line_find(const struct nj_line *l, enum nj_field field)
{
    for (size_t i = l->at + 1; i < l->tree->count && l->tree->item[i].depth > 0; i++)
        if (l->tree->item[i].field == field)
            return &l->tree->item[i];
    return NULL;
}

uint64_t
nj_line_number(const struct nj_line *l, enum nj_field field)
{
    const struct nj_item *item = nj_line_find(l, field);

    return item != NULL ? item->number : 0;
}

void
nj_line_put_count(struct nj_line *l, uint64_t count, const char *what)
{
    nj_text_putf(l->out, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

void
nj_line_put_label(struct nj_line *l)
{
    nj_text_put(l->out, nj_str_of(nj_field_label((enum nj_field)l->item->field)));
}

void
nj_line_put_truth(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, l->item->number != 0 ? NJ_STR(": True") : NJ_STR(": False"));
}

void
nj_line_put_hex(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": 0x%" PRIx64, l->item->number);
}

static const char *
words_of(const struct nj_form *form, const struct nj_item *item)
{
    const char *words;

    if (form->words == NULL)
        return NULL;
    words = form->words(item->number);
    return words != NULL ? words : "Unknown";
}

/* What stands behind the label by default. */
static void
put_value(struct nj_line *l)
{
    const struct nj_form *form = form_of((enum nj_field)l->item->field);
    const char *words = words_of(form, l->item);

    if (form->is_set) {
        nj_text_put(l->out, l->item->number != 0 ? NJ_STR("Set") : NJ_STR("Not set"));
        return;
    }
    if (words != NULL)
        nj_text_putf(l->out, "%s (", words);
    nj_item_put_line(l->out, l->item);
    if (words != NULL)
        nj_text_put(l->out, NJ_STR(")"));
}

void
nj_line_put_bits(struct nj_line *l, unsigned width, uint32_t mask)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < l->item->range.n; i++)
        bits = bits << 8 | (uint8_t)l->item->range.p[i];
    for (unsigned i = width; i-- > 0;) {
        uint32_t bit = (uint32_t)1 << i;

        nj_text_put(l->out, (mask & bit) == 0   ? NJ_STR(".")
                            : (bits & bit) != 0 ? NJ_STR("1")
                                                : NJ_STR("0"));
        if (i % 4 == 0 && i > 0)
            nj_text_put(l->out, NJ_STR(" "));
    }
    nj_text_put(l->out, NJ_STR(" = "));
}

void
nj_line_put_summary(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_put(l->out, NJ_STR(": "));
    put_value(l);
    for (size_t i = l->at + 1;
         i < l->tree->count && l->tree->item[i].depth > l->tree->item[l->at].depth; i++) {
        const struct nj_item *item = &l->tree->item[i];
        const struct nj_form *form = form_of((enum nj_field)item->field);
        const char *words = words_of(form, item);

        if (words != NULL)
            nj_text_putf(l->out, ", %s: %s", nj_field_label((enum nj_field)item->field), words);
        else if (form->is_set && item->number != 0)
            nj_text_putf(l->out, ", %s", nj_field_label((enum nj_field)item->field));
    }
}

void
nj_line_put(struct nj_line *l)
{
    const struct nj_form *form = form_of((enum nj_field)l->item->field);
    bool is_inferred = form->is_inferred || l->item->is_inferred;

    nj_text_clear(l->out);
    if (is_inferred)
        nj_text_put(l->out, NJ_STR("["));
    if (form->mask != 0)
        nj_line_put_bits(l, form->width, form->mask);
    if (form->put != NULL) {
        form->put(l);
    } else {
        nj_line_put_label(l);
        nj_text_put(l->out, NJ_STR(": "));
        put_value(l);
    }
    if (is_inferred)
        nj_text_put(l->out, NJ_STR("]"));
}
