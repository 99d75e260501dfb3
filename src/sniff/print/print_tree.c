/* SPDX-License-Identifier: Apache-2.0 */
/* print_tree.c — the tree for people: a line for each field, four spaces for each level. */
#include "sniff/print/form.h"
#include "sniff/print/print.h"

#define LEVEL_SPACES 4

static void
print_line(FILE *out, const struct nj_text *line, unsigned depth)
{
    (void)fprintf(out, "%*s", (int)depth * LEVEL_SPACES, "");
    (void)fwrite(nj_text_c(line), 1, line->n, out);
    (void)fputc('\n', out);
}

/* ---- remarks ---- */

/* A remark on the field before it, as four lines. */
static void
print_remark(FILE *out, struct nj_text *line, struct nj_str words, unsigned depth,
             const char *severity, const char *group)
{
    nj_text_clear(line);
    nj_text_putf(line, "[Expert Info (%s/%s): ", severity, group);
    nj_text_put_shown(line, words);
    nj_text_put(line, NJ_STR("]"));
    print_line(out, line, depth);
    nj_text_clear(line);
    nj_text_put(line, NJ_STR("["));
    nj_text_put_shown(line, words);
    nj_text_put(line, NJ_STR("]"));
    print_line(out, line, depth + 1);
    (void)fprintf(out, "%*s[Severity level: %s]\n", (int)(depth + 1) * LEVEL_SPACES, "", severity);
    (void)fprintf(out, "%*s[Group: %s]\n", (int)(depth + 1) * LEVEL_SPACES, "", group);
}

/* The severity and the group are what Wireshark has for these words. */
static void
print_message(FILE *out, const struct nj_line *l)
{
    const struct nj_item *before = l->at > 0 ? l->item - 1 : l->item;

    switch (before->field) {
    case NJ_FIELD_MQTT_UNKNOWN_VERSION:
        print_remark(out, l->out, l->item->range, l->item->depth, "Note", "Protocol");
        break;
    case NJ_FIELD_MQTT_UNKNOWN_ALIAS:
        print_remark(out, l->out, l->item->range, l->item->depth + 1u, "Note", "Protocol");
        break;
    case NJ_FIELD_MQTT_EMPTY_TOPIC:
        print_remark(out, l->out, l->item->range, l->item->depth + 1u, "Warning", "Protocol");
        break;
    default:
        print_remark(out, l->out, l->item->range, l->item->depth + 1u, "Warning", "Undecoded");
        break;
    }
}

static void
print_malformed(FILE *out, const struct nj_line *l)
{
    (void)fprintf(out, "[Malformed Packet: %" NJ_STR_FMT "]\n", NJ_STR_ARG(l->item->range));
    print_remark(out, l->out, NJ_STR("Malformed Packet (Exception occurred)"), 1, "Error",
                 "Malformed");
}

/* ---- the tree ---- */

void
nj_print_tree(FILE *out, const struct nj_dissected *d, bool has_vendors, struct nj_text *line)
{
    struct nj_line l = {.out = line, .tree = &d->tree, .has_vendors = has_vendors};

    for (l.at = 0; l.at < d->tree.count; l.at++) {
        enum nj_field field;

        l.item = &d->tree.item[l.at];
        field = (enum nj_field)l.item->field;
        if (nj_field_is_hidden(field))
            continue;
        switch (field) {
        case NJ_FIELD_MQTT_UNKNOWN_VERSION: /* the remark behind them says it */
        case NJ_FIELD_MQTT_EMPTY_TOPIC:
        case NJ_FIELD_MQTT_UNKNOWN_ALIAS:
            break;
        case NJ_FIELD_EXPERT_MESSAGE:
            print_message(out, &l);
            break;
        case NJ_FIELD_MALFORMED:
            print_malformed(out, &l);
            break;
        default:
            nj_line_put(&l);
            print_line(out, line, l.item->depth);
        }
    }
    (void)fputc('\n', out);
}
