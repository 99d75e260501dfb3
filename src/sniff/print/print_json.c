/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "sniff/print/print.h"

static void
put_layers(struct nj_json *layers, const struct nj_tree *tree)
{
    struct nj_text value = {0};
    struct nj_json *fields = NULL;

    for (size_t i = 0; i < tree->count; i++) {
        const struct nj_item *item = &tree->item[i];
        struct nj_json *pair;

        if (nj_field_is_hidden((enum nj_field)item->field))
            continue;
        nj_text_clear(&value);
        nj_item_put_shown(&value, item);
        if (nj_field_is_layer((enum nj_field)item->field) || item->depth == 0) {
            struct nj_json *layer = nj_json_put_object(layers, NULL);

            nj_json_put_text(layer, "name", nj_str_of(nj_field_name((enum nj_field)item->field)));
            nj_json_put_text(layer, "text", nj_text_str(&value));
            fields = nj_json_put_array(layer, "fields");
            continue;
        }
        pair = nj_json_put_array(fields, NULL);
        nj_json_put_text(pair, NULL, nj_str_of(nj_field_name((enum nj_field)item->field)));
        nj_json_put_text(pair, NULL, nj_text_str(&value));
    }
    nj_text_fini(&value);
}

/* DEL and U+0080 to U+009F are let through by what writes JSON, and obeyed by terminals. */
static void
write_line(FILE *out, const char *text)
{
    const char *from = text;

    for (const char *at = text; *at != '\0'; at++) {
        bool is_two = (uint8_t)at[0] == 0xc2 && (uint8_t)at[1] >= 0x80 && (uint8_t)at[1] < 0xa0;

        if (!is_two && *at != 0x7f)
            continue;
        (void)fwrite(from, 1, (size_t)(at - from), out);
        at += is_two;
        (void)fprintf(out, "\\u%04x", (unsigned)(uint8_t)*at);
        from = at + 1;
    }
    (void)fprintf(out, "%s\n", from);
}

bool
nj_print_json(FILE *out, const struct nj_dissected *d)
{
    struct nj_json *root = nj_json_new();
    char *text;

    nj_json_put_number(root, "number", (double)d->frame.number);
    nj_json_put_text(root, "source", nj_str_of(d->source));
    nj_json_put_text(root, "destination", nj_str_of(d->destination));
    nj_json_put_text(root, "protocol", nj_str_of(d->protocol));
    nj_json_put_number(root, "length", d->frame.wire_bytes);
    nj_json_put_text(root, "info", nj_text_str(&d->info));
    if (d->is_malformed)
        nj_json_put_bool(root, "malformed", true);
    put_layers(nj_json_put_array(root, "layers"), &d->tree);
    text = nj_json_print(root, false);
    nj_json_free(root);
    if (text == NULL)
        return false;
    write_line(out, text);
    nj_json_text_free(text);
    return true;
}
