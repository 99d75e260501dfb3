/* SPDX-License-Identifier: Apache-2.0 */
/* report_text.c — a report for the terminal. */
#include "sniff/payload/tls_priv.h"
#include "sniff/report/report_priv.h"

#include <inttypes.h>

#define WIDTH 96u
#define NAMES 18u /* of the column with the names of verdicts */
#define MASK  "********"

static const char *
say(const struct nj_report_page *p, enum nj_word word)
{
    return nj_word_in(p->opts->language, word);
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* ---- layout ---- */

/* In characters; of those that are wider or narrower than one column nothing is known here. */
static size_t
width_of(const char *text, size_t n)
{
    size_t width = 0;

    for (size_t i = 0; i < n; i++)
        width += ((uint8_t)text[i] & 0xc0) != 0x80;
    return width;
}

static void
print_padded(FILE *out, const char *text, size_t width)
{
    size_t has = width_of(text, strlen(text));

    (void)fprintf(out, "%s%*s", text, has < width ? (int)(width - has) : 0, "");
}

/* From column `from` on, folded; not at a no-break blank. */
static void
print_folded(FILE *out, const char *text, size_t from)
{
    size_t column = from;

    while (*text != '\0') {
        size_t n = strcspn(text, " "), width = width_of(text, n);

        if (column > from && column + 1 + width > WIDTH) {
            (void)fprintf(out, "\n%*s", (int)from, "");
            column = from;
        } else if (column > from) {
            (void)fputc(' ', out);
            column++;
        }
        (void)fwrite(text, 1, n, out);
        column += width;
        text += n + strspn(text + n, " ");
    }
    (void)fputc('\n', out);
}

static void
print_title(const struct nj_report_page *p, enum nj_word word)
{
    (void)fprintf(p->out, "\n%s\n", say(p, word));
}

static void
print_named(const struct nj_report_page *p, enum nj_word name, const char *answer, const char *text)
{
    (void)fputs("  ", p->out);
    print_padded(p->out, name == NJ_WORD_COUNT ? "" : say(p, name), NAMES);
    if (answer != NULL)
        print_padded(p->out, answer, 10);
    print_folded(p->out, text, 2 + NAMES + (answer != NULL ? 10 : 0));
}

/* A command on a line of its own, which can be typed as it stands; what it is for under it. */
static void
print_step(struct nj_report_page *p, enum nj_word name, const char *step)
{
    size_t n = strcspn(step, "\t");

    (void)fputs("  ", p->out);
    print_padded(p->out, name == NJ_WORD_COUNT ? "" : say(p, name), NAMES);
    if (step[n] == '\0') {
        print_folded(p->out, step, 2 + NAMES);
        return;
    }
    (void)fprintf(p->out, "%.*s\n%*s", (int)n, step, (int)(4 + NAMES), "");
    print_folded(p->out, step + n + 1, 4 + NAMES);
}

static void
print_more(struct nj_report_page *p, size_t count)
{
    char number[24];
    const char *value = number;

    if (count <= NJ_REPORT_ROWS_MAX)
        return;
    (void)snprintf(number, sizeof(number), "%zu", count - NJ_REPORT_ROWS_MAX);
    (void)fprintf(p->out, "  %s\n",
                  nj_sentence_in(&p->sentence, p->opts->language, NJ_WORD_MORE, &value, 1));
}

/* ---- parts ---- */

static void
print_head(struct nj_report_page *p)
{
    (void)fprintf(p->out, "%s%s %s\n", say(p, NJ_WORD_TITLE), say(p, NJ_WORD_COLON), p->opts->file);
    print_folded(p->out, nj_report_summary(&p->sentence, p->opts->language, p->r), 0);
}

static void
print_listener(struct nj_report_page *p)
{
    const struct nj_listener_seen *l = p->listener;
    const struct {
        enum nj_word name;
        const struct nj_verdict_of *verdict;
    } rows[] = {
        {NJ_WORD_CONFIDENTIALITY, &l->confidentiality},
        {NJ_WORD_INTEGRITY, &l->integrity},
        {NJ_WORD_AUTHENTICATION, &l->authentication},
    };
    char where[NJ_END_NAME_BYTES];

    nj_end_name(l->address, l->port, where);
    (void)fprintf(p->out, "\n%s  %s\n", where, say(p, l->level));
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        print_named(p, rows[i].name, say(p, nj_answer_word(rows[i].verdict->answer)),
                    nj_verdict_words(&p->sentence, p->opts->language, l, rows[i].verdict));
    for (size_t i = 0; i < l->weak_spots; i++)
        print_named(p, i == 0 ? NJ_WORD_WEAK_SPOTS : NJ_WORD_COUNT, NULL, say(p, l->weak[i]));
    for (size_t i = 0; i < l->steps; i++)
        print_step(p, i == 0 ? NJ_WORD_NEXT_STEP : NJ_WORD_COUNT,
                   nj_step_words(&p->sentence, p->opts->language, l, l->step[i]));
    if (l->broken > 0) {
        (void)fputs("  ", p->out);
        print_folded(p->out, nj_report_broken_words(&p->sentence, p->opts->language, l), 2);
    }
}

static void
print_conversation(struct nj_report_page *p, size_t stream)
{
    const struct nj_conversation *c = &p->r->conversation[stream];
    const struct nj_ends *e = &c->ends;
    char client[NJ_END_NAME_BYTES], server[NJ_END_NAME_BYTES];

    (void)fputs("  ", p->out);
    print_padded(p->out, nj_conversation_client(c, p->opts->language), 24);
    nj_end_name(e->address[1 - e->server], e->port[1 - e->server], client);
    nj_end_name(e->address[e->server], e->port[e->server], server);
    (void)fprintf(p->out, " %s \xe2\x86\x92 %s", client, server);
    if (c->level != 0)
        (void)fprintf(p->out, ", MQTT %s%s%s%s", nj_mqtt_level_name(c->level),
                      c->is_joined ? " (" : "", c->is_joined ? say(p, NJ_WORD_INFERRED) : "",
                      c->is_joined ? ")" : "");
    if (c->is_tls)
        (void)fprintf(p->out, ", %s", say(p, nj_conversation_word(c)));
    if (c->published + c->delivered > 0)
        (void)fprintf(p->out, ", %s %" PRIu64 ", %s %" PRIu64, say(p, NJ_WORD_PUBLISHED),
                      c->published, say(p, NJ_WORD_DELIVERED), c->delivered);
    (void)fprintf(p->out, " (%s %zu)\n", say(p, NJ_WORD_STREAM), stream);
}

static void
print_conversations(struct nj_report_page *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->r->conversations; i++) {
        if (!nj_conversation_counts(&p->r->conversation[i]))
            continue;
        if (count++ == 0)
            print_title(p, NJ_WORD_CLIENTS);
        if (count <= NJ_REPORT_ROWS_MAX)
            print_conversation(p, i);
    }
    print_more(p, count);
}

static void
print_credentials(struct nj_report_page *p)
{
    size_t count = p->r->credential_index.count;
    bool has_password = false;

    if (count == 0)
        return;
    print_title(p, NJ_WORD_CREDENTIALS);
    for (size_t i = 0; i < NJ_MIN(count, (size_t)NJ_REPORT_ROWS_MAX); i++) {
        const struct nj_credential *c = &p->r->credential[i];

        has_password = has_password || c->has_password;
        (void)fprintf(p->out, "  %s %s, ", say(p, NJ_WORD_USER), or_empty(c->user));
        if (c->has_password)
            (void)fprintf(p->out, "%s %s", say(p, NJ_WORD_PASSWORD),
                          p->opts->shows_secrets ? or_empty(c->password) : MASK);
        else
            (void)fputs(say(p, NJ_WORD_NO_PASSWORD), p->out);
        (void)fprintf(p->out, " (%s%s%s, %s %" PRIu32 ")", or_empty(c->client),
                      c->is_opened ? ", " : "", c->is_opened ? say(p, NJ_WORD_OPENED) : "",
                      say(p, NJ_WORD_STREAM), c->stream);
        if (c->count > 1)
            (void)fprintf(p->out, " %" PRIu64 " %s", c->count, say(p, NJ_WORD_TIMES));
        (void)fputc('\n', p->out);
    }
    print_more(p, count);
    if (has_password && !p->opts->shows_secrets)
        (void)fprintf(p->out, "  %s\n", say(p, NJ_WORD_HIDDEN));
}

static void
print_sample(struct nj_report_page *p, const struct nj_sample *s)
{
    (void)fprintf(p->out, "%*s%s%s %s", 32, "", say(p, nj_payload_word(s->kind)),
                  say(p, NJ_WORD_COLON), or_empty(s->text));
    if (s->kind == NJ_PAYLOAD_BINARY || s->bytes > NJ_REPORT_TEXT_MAX)
        (void)fprintf(p->out, " (%zu %s)", s->bytes, say(p, NJ_WORD_BYTES));
    (void)fputc('\n', p->out);
}

static void
print_topic(struct nj_report_page *p, const struct nj_topic *t)
{
    double rate = nj_topic_rate(t);
    char number[32] = "";

    (void)fprintf(p->out, "  %9" PRIu64 " %9" PRIu64 " ", t->published, t->delivered);
    if (rate > 0)
        (void)snprintf(number, sizeof(number), "%.2f", rate);
    (void)fprintf(p->out, "%8s  %s", number, or_empty(t->name));
    if (t->retained > 0)
        (void)fprintf(p->out, "  (%s%s %" PRIu64 ")", say(p, NJ_WORD_RETAINED),
                      say(p, NJ_WORD_COLON), t->retained);
    if (t->is_opened_only)
        (void)fprintf(p->out, "  (%s)", say(p, NJ_WORD_OPENED));
    (void)fputc('\n', p->out);
    for (size_t i = 0; i < t->samples; i++)
        print_sample(p, &t->sample[i]);
}

static void
print_topics(struct nj_report_page *p)
{
    size_t count = p->r->topic_index.count;

    if (count == 0)
        return;
    print_title(p, NJ_WORD_TOPICS);
    (void)fprintf(p->out, "  %*s %*s %8s  %s\n",
                  (int)(9 + strlen(say(p, NJ_WORD_PUBLISHED)) -
                        width_of(say(p, NJ_WORD_PUBLISHED), strlen(say(p, NJ_WORD_PUBLISHED)))),
                  say(p, NJ_WORD_PUBLISHED),
                  (int)(9 + strlen(say(p, NJ_WORD_DELIVERED)) -
                        width_of(say(p, NJ_WORD_DELIVERED), strlen(say(p, NJ_WORD_DELIVERED)))),
                  say(p, NJ_WORD_DELIVERED), say(p, NJ_WORD_PER_SECOND), say(p, NJ_WORD_TOPIC));
    for (size_t i = 0; i < NJ_MIN(count, (size_t)NJ_REPORT_ROWS_MAX); i++)
        print_topic(p, p->topic[i]);
    print_more(p, count);
}

static void
print_filters(struct nj_report_page *p)
{
    size_t count = p->r->filter_index.count;

    if (count > 0)
        print_title(p, NJ_WORD_SUBSCRIPTIONS);
    for (size_t i = 0; i < NJ_MIN(count, (size_t)NJ_REPORT_ROWS_MAX); i++) {
        const struct nj_filter_seen *f = &p->r->filter[i];

        (void)fprintf(p->out, "  %s  QoS %u  %s (%s %" PRIu32 ")%s%s\n", or_empty(f->filter),
                      f->qos, or_empty(f->client), say(p, NJ_WORD_STREAM), f->stream,
                      f->is_everything ? "  \xe2\x86\x90 " : "",
                      f->is_everything ? say(p, NJ_WORD_HEARS_ALL) : "");
    }
    print_more(p, count);
}

static void
print_wills(struct nj_report_page *p)
{
    size_t count = p->r->will_index.count;

    if (count > 0)
        print_title(p, NJ_WORD_WILLS);
    for (size_t i = 0; i < NJ_MIN(count, (size_t)NJ_REPORT_ROWS_MAX); i++) {
        const struct nj_will_seen *w = &p->r->will[i];

        (void)fprintf(p->out, "  %s  QoS %u%s%s  %s%s %s (%s)\n", or_empty(w->topic), w->qos,
                      w->is_retained ? ", " : "",
                      w->is_retained ? say(p, NJ_WORD_RETAINED_ONE) : "",
                      say(p, nj_payload_word(w->sample.kind)), say(p, NJ_WORD_COLON),
                      or_empty(w->sample.text), or_empty(w->client));
    }
    print_more(p, count);
}

static void
print_tls(struct nj_report_page *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->r->conversations; i++) {
        const struct nj_conversation *c = &p->r->conversation[i];
        const struct nj_report_tls *t = &c->tls;
        const char *version = t->version != 0 ? nj_tls_version_words(t->version) : NULL;
        const char *suite = nj_suite_name(t->suite);

        if (!nj_tls_is_worth_saying(c))
            continue;
        if (count++ == 0)
            print_title(p, NJ_WORD_TLS);
        if (count > NJ_REPORT_ROWS_MAX)
            continue;
        (void)fprintf(p->out, "  %s %zu%s %s", say(p, NJ_WORD_STREAM), i, say(p, NJ_WORD_COLON),
                      version != NULL ? version : "TLS ?");
        if (suite != NULL)
            (void)fprintf(p->out, ", %s", suite);
        else if (t->suite != 0)
            (void)fprintf(p->out, ", 0x%04x", t->suite);
        if (t->server_name != NULL)
            (void)fprintf(p->out, ", %s%s %s", say(p, NJ_WORD_SERVER_NAME), say(p, NJ_WORD_COLON),
                          t->server_name);
        (void)fputc('\n', p->out);
        if (t->subject != NULL)
            (void)fprintf(p->out, "      %s%s %s%s %s%s %s%s %s %s\n",
                          say(p, NJ_WORD_CERTIFICATE_OF), say(p, NJ_WORD_COLON), t->subject,
                          say(p, NJ_WORD_SEMICOLON), say(p, NJ_WORD_ISSUED_BY),
                          say(p, NJ_WORD_COLON), or_empty(t->issuer), say(p, NJ_WORD_SEMICOLON),
                          say(p, NJ_WORD_UNTIL), or_empty(t->not_after));
        if (t->client_subject != NULL)
            (void)fprintf(p->out, "      %s%s %s\n", say(p, NJ_WORD_CERTIFICATE_CLIENT),
                          say(p, NJ_WORD_COLON), t->client_subject);
    }
    print_more(p, count);
}

static void
print_faults(struct nj_report_page *p)
{
    if (p->r->faults > 0)
        print_title(p, NJ_WORD_FAULTS);
    for (size_t i = 0; i < NJ_MIN(p->r->faults, (size_t)NJ_REPORT_ROWS_MAX); i++) {
        const struct nj_fault *f = &p->r->fault[i];

        (void)fprintf(p->out, "  %s %" PRIu64 ", %s %" PRIu32 ", %s%s %s\n", say(p, NJ_WORD_FRAME),
                      f->frame, say(p, NJ_WORD_STREAM), f->stream,
                      say(p, f->is_of_server ? NJ_WORD_BROKER : NJ_WORD_CLIENT),
                      say(p, NJ_WORD_COLON), nj_fault_sentence(&p->sentence, p->opts->language, f));
    }
    print_more(p, p->r->faults);
}

static void
print_left_out(struct nj_report_page *p)
{
    struct nj_left_out left[NJ_LEFT_OUT_MAX];
    size_t count = nj_report_left_out(p->r, &p->opts->lost, left);

    if (count > 0)
        print_title(p, NJ_WORD_LEFT_OUT);
    for (size_t i = 0; i < count; i++) {
        (void)fputs("  ", p->out);
        print_folded(p->out, nj_left_out_words(&p->sentence, p->opts->language, &left[i]), 2);
    }
}

static void
print_nothing(struct nj_report_page *p)
{
    (void)fprintf(p->out, "%s\n", say(p, NJ_WORD_NOTHING));
}

bool
nj_report_print_text(const struct nj_report *r, FILE *out, const struct nj_report_opts *opts)
{
    static const struct nj_report_form text = {
        .head = print_head,
        .listener = print_listener,
        .no_listener = print_nothing,
        .conversations = print_conversations,
        .credentials = print_credentials,
        .topics = print_topics,
        .filters = print_filters,
        .wills = print_wills,
        .tls = print_tls,
        .faults = print_faults,
        .left_out = print_left_out,
    };

    return nj_report_print_form(&text, r, out, opts);
}
