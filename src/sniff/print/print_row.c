/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/print/form.h"
#include "sniff/print/print.h"

#include <inttypes.h>
#include <time.h>

#define NS_PER_S 1000000000

#define TIME_BYTES 64u

bool
nj_time_form_find(const char *name, enum nj_time_form *out)
{
    static const struct {
        const char *letters, *word;
    } names[] = {
        [NJ_TIME_RELATIVE] = {"r", "relative"}, [NJ_TIME_DELTA] = {"d", "delta"},
        [NJ_TIME_DELTA_SHOWN] = {"dd", NULL},   [NJ_TIME_LOCAL] = {"a", "absolute"},
        [NJ_TIME_LOCAL_DATE] = {"ad", NULL},    [NJ_TIME_UTC] = {"u", "utc"},
        [NJ_TIME_UTC_DATE] = {"ud", NULL},      [NJ_TIME_EPOCH] = {"e", "epoch"},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        if (strcmp(name, names[i].letters) != 0 &&
            (names[i].word == NULL || strcmp(name, names[i].word) != 0))
            continue;
        *out = (enum nj_time_form)i;
        return true;
    }
    return false;
}

/* ".384012", with as many digits as the file keeps; nothing where it keeps none. */
static void
put_fraction(char out[TIME_BYTES], uint64_t fraction_ns, unsigned digits)
{
    for (unsigned i = digits; i < 9; i++)
        fraction_ns /= 10;
    out[0] = '\0';
    if (digits > 0)
        (void)snprintf(out, TIME_BYTES, ".%0*" PRIu64, (int)digits, fraction_ns);
}

static void
put_seconds(char out[TIME_BYTES], int64_t ns, unsigned digits)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char fraction[TIME_BYTES];

    put_fraction(fraction, size % NS_PER_S, digits);
    (void)snprintf(out, TIME_BYTES, "%s%" PRIu64 "%.12s", ns < 0 ? "-" : "", size / NS_PER_S,
                   fraction);
}

static void
put_date(char out[TIME_BYTES], int64_t ns, unsigned digits, bool is_utc, const char *form)
{
    int64_t rest = ns % NS_PER_S < 0 ? ns % NS_PER_S + NS_PER_S : ns % NS_PER_S;
    time_t seconds = (time_t)((ns - rest) / NS_PER_S);
    char date[TIME_BYTES / 2] = "", fraction[TIME_BYTES];
    struct tm tm;

    if ((is_utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm)) != NULL)
        (void)strftime(date, sizeof(date), form, &tm);
    put_fraction(fraction, (uint64_t)rest, digits);
    (void)snprintf(out, TIME_BYTES, "%s%.12s", date, fraction);
}

static void
put_time(char out[TIME_BYTES], const struct nj_dissected *d, enum nj_time_form form)
{
    unsigned digits = d->frame.time_digits;

    switch (form) {
    case NJ_TIME_RELATIVE:
        put_seconds(out, d->relative_ns, digits);
        break;
    case NJ_TIME_DELTA:
        put_seconds(out, d->delta_ns, digits);
        break;
    case NJ_TIME_DELTA_SHOWN:
        put_seconds(out, d->shown_ns, digits);
        break;
    case NJ_TIME_EPOCH:
        put_seconds(out, d->frame.time_ns, digits);
        break;
    case NJ_TIME_LOCAL:
    case NJ_TIME_UTC:
        put_date(out, d->frame.time_ns, digits, form == NJ_TIME_UTC, "%H:%M:%S");
        break;
    case NJ_TIME_LOCAL_DATE:
    case NJ_TIME_UTC_DATE:
        put_date(out, d->frame.time_ns, digits, form == NJ_TIME_UTC_DATE, "%Y-%m-%d %H:%M:%S");
        break;
    }
}

/* As ECMA-48 (ANSI) has it; NULL: the terminal's own. */
static const char *
color_of(const struct nj_dissected *d)
{
    struct nj_str protocol = nj_str_of(d->protocol);

    if (d->is_malformed)
        return "31"; /* red */
    if (nj_str_starts(protocol, NJ_STR("MQTT")))
        return "32"; /* green */
    if (nj_str_starts(protocol, NJ_STR("TLS")) || nj_str_starts(protocol, NJ_STR("SSL")))
        return "36"; /* cyan */
    if (nj_str_starts(protocol, NJ_STR("HTTP")) || nj_str_starts(protocol, NJ_STR("WebSocket")))
        return "34"; /* blue */
    return NULL;
}

/* What Wireshark does not tell, behind its words. Once of each kind: a frame has many packets. */
static void
print_ours(FILE *out, const struct nj_tree *tree, struct nj_text *line)
{
    struct nj_line l = {.out = line, .tree = tree};
    bool is_told[NJ_FIELD_COUNT] = {false};

    for (l.at = 0; l.at < tree->count; l.at++) {
        l.item = &tree->item[l.at];
        if (is_told[l.item->field] || !nj_field_is_ours((enum nj_field)l.item->field))
            continue;
        is_told[l.item->field] = true;
        nj_line_put(&l);
        (void)fputc(' ', out);
        (void)fwrite(nj_text_c(line), 1, line->n, out);
    }
}

void
nj_print_row(FILE *out, const struct nj_dissected *d, enum nj_time_form form, bool is_colored,
             struct nj_text *line)
{
    const char *color = is_colored ? color_of(d) : NULL;
    char time[TIME_BYTES] = "";

    put_time(time, d, form);
    if (color != NULL)
        (void)fprintf(out, "\033[%sm", color);
    (void)fprintf(out, "%5" PRIu64 " %10s %12s \xe2\x86\x92 %-12s %s %" PRIu32 " ", d->frame.number,
                  time, d->source, d->destination, d->protocol, d->frame.wire_bytes);
    (void)fwrite(nj_text_c(&d->info), 1, d->info.n, out);
    print_ours(out, &d->tree, line);
    (void)fputs(color != NULL ? "\033[0m\n" : "\n", out);
}
