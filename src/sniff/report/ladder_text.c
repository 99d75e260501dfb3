/* SPDX-License-Identifier: Apache-2.0 */
/* ladder_text.c — sequence diagrams of characters:
 *
 *     time        client                      server
 *                   │                           │
 *     0.000000      │─ SYN ────────────────────▶│
 *     0.000060      │◀──────────────── SYN, ACK─│
 */
#include "base/mem.h"
#include "sniff/report/ladder.h"

#include <inttypes.h>

#define BETWEEN   72u            /* columns between the two lines, … */
#define ROOM      (BETWEEN - 4)  /* … for a row's words and bytes, … */
#define WORDS     (BETWEEN - 16) /* … and for its words */
#define MARGIN    14u            /* of the time */
#define NS_PER_US 1000

struct pen {
    FILE *out;
    bool is_utf8;
    enum nj_language language;
    const char *line, *bar, *right, *left, *more;
    struct nj_text label, sentence;
};

static size_t
width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((uint8_t)*text & 0xc0) != 0x80;
    return width;
}

/* At most `width` columns of it. */
static void
put_cut(struct pen *p, const char *text, size_t width)
{
    bool is_cut = width_of(text) > width;
    size_t left = is_cut ? width - width_of(p->more) : width;

    for (; *text != '\0' && (left > 0 || ((uint8_t)*text & 0xc0) == 0x80); text++) {
        bool is_first = ((uint8_t)*text & 0xc0) != 0x80;

        left -= is_first;
        if (p->is_utf8 || (uint8_t)*text < 0x80)
            nj_text_put(&p->label, (struct nj_str){text, 1});
        else if (nj_str_starts(nj_str_of(text), NJ_STR("\u00a0")))
            nj_text_put(&p->label, NJ_STR(" "));
        else if (is_first)
            nj_text_put(&p->label, NJ_STR("?"));
    }
    if (is_cut)
        nj_text_put(&p->label, nj_str_of(p->more));
}

static void
print_line(struct pen *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)fputs(p->line, p->out);
}

static void
print_time(struct pen *p, int64_t ns)
{
    int64_t us = ns / NS_PER_US;
    char time[32];

    (void)snprintf(time, sizeof(time), "%s%" PRId64 ".%06" PRId64, us < 0 ? "-" : "",
                   (us < 0 ? -us : us) / 1000000, (us < 0 ? -us : us) % 1000000);
    (void)fprintf(p->out, "%-*s", (int)MARGIN, time);
}

static void
print_event(struct pen *p, const struct nj_ladder_event *e)
{
    const char *words = e->words != NULL ? e->words : "";
    char bytes[48] = "";
    size_t width;

    nj_text_clear(&p->label);
    if (e->bytes > 0)
        (void)snprintf(bytes, sizeof(bytes), "%s%" PRIu64 " %s", words[0] != '\0' ? " " : "",
                       e->bytes, nj_word_in(p->language, NJ_WORD_BYTES));
    put_cut(p, words, NJ_MIN(WORDS, ROOM - width_of(bytes)));
    put_cut(p, bytes, sizeof(bytes));
    width = NJ_MIN(ROOM, width_of(nj_text_c(&p->label)));
    print_time(p, e->time_ns);
    (void)fputs(p->bar, p->out);
    if (e->is_from_server) {
        (void)fputs(p->left, p->out);
        print_line(p, ROOM - width);
        (void)fprintf(p->out, " %s %s", nj_text_c(&p->label), p->line);
    } else {
        (void)fprintf(p->out, "%s %s ", p->line, nj_text_c(&p->label));
        print_line(p, ROOM - width);
        (void)fputs(p->right, p->out);
    }
    (void)fprintf(p->out, "%s\n", p->bar);
}

static void
print_count(struct pen *p, enum nj_word word, uint64_t count)
{
    char number[24];
    const char *value = number;

    if (count == 0)
        return;
    (void)snprintf(number, sizeof(number), "%" PRIu64, count);
    nj_text_clear(&p->label);
    put_cut(p, nj_sentence_in(&p->sentence, p->language, word, &value, 1), 200);
    (void)fprintf(p->out, "%s\n", nj_text_c(&p->label));
}

static void
print_head(struct pen *p, uint32_t stream, const struct nj_ladder_side *s)
{
    const struct nj_ends *e = &s->ends;
    char client[NJ_END_NAME_BYTES], server[NJ_END_NAME_BYTES];
    size_t width;

    nj_end_name(e->address[1 - e->server], e->port[1 - e->server], client);
    nj_end_name(e->address[e->server], e->port[e->server], server);
    nj_text_clear(&p->label);
    put_cut(p, nj_word_in(p->language, NJ_WORD_STREAM), 40);
    (void)fprintf(p->out, "%s %-*" PRIu32, nj_text_c(&p->label),
                  (int)(MARGIN - 1 - width_of(nj_text_c(&p->label))), stream);
    nj_text_clear(&p->label);
    nj_text_put(&p->label, nj_str_of(client));
    if (s->client_id != NULL) {
        nj_text_put(&p->label, NJ_STR(" "));
        put_cut(p, s->client_id,
                BETWEEN - 2 - NJ_MIN(BETWEEN - 6, strlen(client) + strlen(server)));
    }
    width = width_of(nj_text_c(&p->label)) + strlen(server);
    (void)fprintf(p->out, "%s%*s%s\n", nj_text_c(&p->label),
                  width < BETWEEN + 2 ? (int)(BETWEEN + 2 - width) : 1, "", server);
    (void)fprintf(p->out, "%*s%s%*s%s\n", (int)MARGIN, "", p->bar, (int)BETWEEN, "", p->bar);
}

void
nj_ladder_print(struct nj_ladder *l, FILE *out, enum nj_language language, bool is_utf8)
{
    struct pen p = {.out = out,
                    .is_utf8 = is_utf8,
                    .language = language,
                    .line = is_utf8 ? "\xe2\x94\x80" : "-",
                    .bar = is_utf8 ? "\xe2\x94\x82" : "|",
                    .right = is_utf8 ? "\xe2\x96\xb6" : ">",
                    .left = is_utf8 ? "\xe2\x97\x80" : "<",
                    .more = is_utf8 ? "\xe2\x80\xa6" : "..."};
    const char *between = "";

    for (uint32_t stream = 0; nj_ladder_next(l, &stream); stream++) {
        const struct nj_ladder_side *side = nj_ladder_side(l, stream);
        const struct nj_ladder_event *e;
        size_t at = 0;

        (void)fputs(between, out);
        print_head(&p, stream, side);
        while ((e = nj_ladder_event(l, stream, &at)) != NULL)
            print_event(&p, e);
        print_count(&p, NJ_WORD_EMPTY_ACKS, side->acknowledgements);
        print_count(&p, NJ_WORD_NOT_DRAWN, side->not_drawn);
        between = "\n";
    }
    nj_text_fini(&p.label);
    nj_text_fini(&p.sentence);
}
