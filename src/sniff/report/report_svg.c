/* SPDX-License-Identifier: Apache-2.0 */
/* report_svg.c — a conversation as a sequence diagram in SVG; its colours are the page's. */
#include "sniff/report/report_priv.h"

#include <inttypes.h>

#define DRAWN_MAX  400u /* rows; beyond them a page is no page any more */
#define WIDTH      440
#define LEFT       60  /* where the client's line is … */
#define RIGHT      432 /* … and the server's */
#define TOP        54
#define ROW        34
#define CHARACTERS 53u /* of a label */
#define NS_PER_US  1000

static void
print_label(FILE *out, const struct nj_ladder_event *e, enum nj_language language)
{
    struct nj_text text = {0};
    size_t n = 0, width = 0;

    nj_text_put(&text, nj_str_of(e->words != NULL ? e->words : ""));
    if (e->bytes > 0)
        nj_text_putf(&text, "%s%" PRIu64 " %s", text.n > 0 ? " " : "", e->bytes,
                     nj_word_in(language, NJ_WORD_BYTES));
    for (; n < text.n; n++) {
        bool is_first = ((uint8_t)text.p[n] & 0xc0) != 0x80;

        if (is_first && width == CHARACTERS)
            break;
        width += is_first;
    }
    nj_html_put(out, (struct nj_str){nj_text_c(&text), n});
    if (n < text.n) {
        (void)fputs("\xe2\x80\xa6<title>", out);
        nj_html_put(out, nj_text_str(&text));
        (void)fputs("</title>", out);
    }
    nj_text_fini(&text);
}

static void
print_time(FILE *out, int64_t ns, int y)
{
    int64_t us = ns / NS_PER_US;

    (void)fprintf(out, "<text class=\"t\" x=\"%d\" y=\"%d\">%s%" PRId64 ".%06" PRId64 "</text>\n",
                  LEFT - 6, y + 4, us < 0 ? "-" : "", (us < 0 ? -us : us) / 1000000,
                  (us < 0 ? -us : us) % 1000000);
}

static void
print_event(FILE *out, const struct nj_ladder_event *e, int y, enum nj_language language)
{
    static const char *const classes[] = {
        [NJ_LADDER_TCP] = "tcp",
        [NJ_LADDER_TLS] = "tls",
        [NJ_LADDER_MQTT] = "mqtt",
        [NJ_LADDER_FAULT] = "fault",
    };
    int from = e->is_from_server ? RIGHT : LEFT, to = e->is_from_server ? LEFT : RIGHT;
    int back = e->is_from_server ? 9 : -9;

    print_time(out, e->time_ns, y);
    (void)fprintf(out,
                  "<g class=\"%s\"><line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
                  "<path d=\"M%d %dl%d -4.5v9z\"/><text x=\"%d\" y=\"%d\">",
                  classes[e->kind], from, y, to + back / 2, y, to, y, back, (LEFT + RIGHT) / 2,
                  y - 6);
    print_label(out, e, language);
    (void)fputs("</text></g>\n", out);
}

static void
print_line(FILE *out, int x, const char *anchor, const char *name, const char *id, int bottom)
{
    (void)fprintf(out,
                  "<line class=\"life\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
                  "<text class=\"end\" text-anchor=\"%s\" x=\"%d\" y=\"14\">",
                  x, TOP - 18, x, bottom, anchor, strcmp(anchor, "start") == 0 ? 2 : WIDTH - 2);
    nj_html_put(out, nj_str_of(name));
    (void)fprintf(out, "</text><text class=\"id\" text-anchor=\"%s\" x=\"%d\" y=\"29\">", anchor,
                  strcmp(anchor, "start") == 0 ? 2 : WIDTH - 2);
    nj_html_put(out, nj_str_of(id));
    (void)fputs("</text>\n", out);
}

uint64_t
nj_report_print_svg(struct nj_ladder *l, uint32_t stream, FILE *out, enum nj_language language)
{
    const struct nj_ladder_side *side = nj_ladder_side(l, stream);
    const struct nj_ends *ends = &side->ends;
    const struct nj_ladder_event *e;
    char client[NJ_END_NAME_BYTES], server[NJ_END_NAME_BYTES];
    uint64_t rows = 0, drawn;
    size_t at = 0;
    int bottom, y = TOP + ROW / 2;

    while (nj_ladder_event(l, stream, &at) != NULL)
        rows++;
    drawn = NJ_MIN(rows, (uint64_t)DRAWN_MAX);
    bottom = TOP + (int)drawn * ROW + 6;
    nj_end_name(ends->address[1 - ends->server], ends->port[1 - ends->server], client);
    nj_end_name(ends->address[ends->server], ends->port[ends->server], server);
    (void)fprintf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                  "role=\"img\" aria-label=\"%s\">\n",
                  WIDTH, bottom + 4, nj_word_in(language, NJ_WORD_LADDER));
    print_line(out, LEFT, "start", client, side->client_id != NULL ? side->client_id : "", bottom);
    print_line(out, RIGHT, "end", server, "broker", bottom);
    at = 0;
    for (uint64_t i = 0; i < drawn && (e = nj_ladder_event(l, stream, &at)) != NULL; i++) {
        print_event(out, e, y, language);
        y += ROW;
    }
    (void)fputs("</svg>\n", out);
    return rows - drawn;
}
