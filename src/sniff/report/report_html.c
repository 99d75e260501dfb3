/* SPDX-License-Identifier: Apache-2.0 */
/* report_html.c — a report as one page: it loads nothing, runs nothing, and every foreign byte in
 * it is escaped. report_page.def has its style. */
#include "sniff/payload/tls_priv.h"
#include "sniff/report/report_priv.h"

#include <inttypes.h>

#define MASK "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2"

static const char style[] =
#include "sniff/report/report_page.def"
    ;

void
nj_html_put(FILE *out, struct nj_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        case '\'':
            (void)fputs("&#39;", out);
            break;
        default:
            (void)fputc(s.p[i], out);
            break;
        }
    }
}

static const char *
say(const struct nj_report_page *p, enum nj_word word)
{
    return nj_word_in(p->opts->language, word);
}

/* What goes through here is escaped; markup is printed as it is. */
static void
put(const struct nj_report_page *p, const char *text)
{
    nj_html_put(p->out, nj_str_of(text != NULL ? text : ""));
}

static void
put_in(const struct nj_report_page *p, const char *before, const char *text, const char *after)
{
    (void)fputs(before, p->out);
    put(p, text);
    (void)fputs(after, p->out);
}

static void
put_number(const struct nj_report_page *p, const char *before, uint64_t number, const char *after)
{
    (void)fprintf(p->out, "%s%" PRIu64 "%s", before, number, after);
}

static void
begin_section(const struct nj_report_page *p, enum nj_word title)
{
    put_in(p, "<section><h2>", say(p, title), "</h2>\n");
}

static void
put_more(struct nj_report_page *p, size_t count)
{
    char number[24];
    const char *value = number;

    if (count <= NJ_REPORT_ROWS_MAX)
        return;
    (void)snprintf(number, sizeof(number), "%zu", count - NJ_REPORT_ROWS_MAX);
    put_in(p, "<p class=\"note\">",
           nj_sentence_in(&p->sentence, p->opts->language, NJ_WORD_MORE, &value, 1), "</p>\n");
}

static size_t
rows_of(size_t count)
{
    return NJ_MIN(count, (size_t)NJ_REPORT_ROWS_MAX);
}

/* ---- parts ---- */

static void
put_head(struct nj_report_page *p)
{
    (void)fprintf(p->out,
                  "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "style-src 'unsafe-inline'\">",
                  say(p, NJ_WORD_LANGUAGE));
    put_in(p, "<title>", say(p, NJ_WORD_TITLE), " \xe2\x80\x94 ");
    put(p, p->opts->file);
    (void)fprintf(p->out, "</title>\n<style>%s</style></head><body><main>\n", style);
    put_in(p, "<header><h1>", say(p, NJ_WORD_TITLE), "</h1>\n<p class=\"file\">");
    put_in(p, "<code>", p->opts->file, "</code></p>\n<p>");
    put_in(p, "", nj_report_summary(&p->sentence, p->opts->language, p->r), "</p></header>\n");
}

static const char *
class_of(enum nj_answer answer)
{
    static const char *const classes[] = {
        [NJ_ANSWER_NO] = "no",
        [NJ_ANSWER_WEAK] = "weak",
        [NJ_ANSWER_YES] = "yes",
        [NJ_ANSWER_UNKNOWN] = "unknown",
    };

    return classes[answer];
}

static void
put_verdict_row(struct nj_report_page *p, enum nj_word name, const struct nj_listener_seen *l,
                const struct nj_verdict_of *v)
{
    (void)fprintf(p->out, "<div class=\"verdict %s\">", class_of(v->answer));
    put_in(p, "<h3>", say(p, name), "</h3>");
    put_in(p, "<b>", say(p, nj_answer_word(v->answer)), "</b>");
    put_in(p, "<p>", nj_verdict_words(&p->sentence, p->opts->language, l, v), "</p></div>\n");
}

static void
put_steps(struct nj_report_page *p, const struct nj_listener_seen *l)
{
    put_in(p, "<h3>", say(p, NJ_WORD_NEXT_STEP), "</h3><ul class=\"steps\">\n");
    for (size_t i = 0; i < l->steps; i++) {
        const char *step = nj_step_words(&p->sentence, p->opts->language, l, l->step[i]);
        size_t n = strcspn(step, "\t");

        (void)fputs("<li>", p->out);
        if (step[n] == '\0') {
            put(p, step);
        } else {
            (void)fputs("<code>", p->out);
            nj_html_put(p->out, (struct nj_str){step, n});
            put_in(p, "</code><span>", step + n + 1, "</span>");
        }
        (void)fputs("</li>\n", p->out);
    }
    (void)fputs("</ul>", p->out);
}

static void
put_listener(struct nj_report_page *p)
{
    const struct nj_listener_seen *l = p->listener;
    char where[NJ_END_NAME_BYTES];

    nj_end_name(l->address, l->port, where);
    put_in(p, "<section class=\"listener\"><h2>", where, "</h2>\n<p class=\"level\">");
    put_in(p, "", say(p, l->level), "</p>\n<div class=\"verdicts\">");
    put_verdict_row(p, NJ_WORD_CONFIDENTIALITY, l, &l->confidentiality);
    put_verdict_row(p, NJ_WORD_INTEGRITY, l, &l->integrity);
    put_verdict_row(p, NJ_WORD_AUTHENTICATION, l, &l->authentication);
    (void)fputs("</div>\n", p->out);
    if (l->weak_spots > 0) {
        put_in(p, "<h3>", say(p, NJ_WORD_WEAK_SPOTS), "</h3><ul>\n");
        for (size_t i = 0; i < l->weak_spots; i++)
            put_in(p, "<li>", say(p, l->weak[i]), "</li>\n");
        (void)fputs("</ul>", p->out);
    }
    put_steps(p, l);
    if (l->broken > 0)
        put_in(p, "<p class=\"note\">", nj_report_broken_words(&p->sentence, p->opts->language, l),
               "</p>\n");
    (void)fputs("</section>\n", p->out);
}

static void
put_credentials(struct nj_report_page *p)
{
    size_t count = p->r->credential_index.count;

    if (count == 0)
        return;
    begin_section(p, NJ_WORD_CREDENTIALS);
    put_in(p, "<div class=\"scroll\"><table><tr><th>", say(p, NJ_WORD_USER), "</th><th>");
    put_in(p, "", say(p, NJ_WORD_PASSWORD), "</th><th>");
    put_in(p, "", say(p, NJ_WORD_CLIENT), "</th></tr>\n");
    for (size_t i = 0; i < rows_of(count); i++) {
        const struct nj_credential *c = &p->r->credential[i];
        const char *password = p->opts->shows_secrets ? c->password : MASK;

        put_in(p, "<tr><td><code>", c->user, "</code></td><td class=\"secret\">");
        put_in(p, "<code>", c->has_password ? password : "", "</code>");
        put(p, c->has_password ? "" : say(p, NJ_WORD_NO_PASSWORD));
        put_in(p, "</td><td><code>", c->client, "</code>");
        if (c->is_opened)
            put_in(p, " <small>", say(p, NJ_WORD_OPENED), "</small>");
        (void)fputs("</td></tr>\n", p->out);
    }
    (void)fputs("</table></div>\n", p->out);
    put_more(p, count);
    if (!p->opts->shows_secrets)
        put_in(p, "<p class=\"note\">", say(p, NJ_WORD_HIDDEN), "</p>\n");
    (void)fputs("</section>\n", p->out);
}

static void
put_sample(struct nj_report_page *p, const struct nj_sample *s)
{
    put_in(p, "<div class=\"sample\"><small>", say(p, nj_payload_word(s->kind)), "</small> ");
    put_in(p, "<code>", s->text, "</code></div>");
}

static void
put_topic(struct nj_report_page *p, const struct nj_topic *t, uint64_t most)
{
    uint64_t count = t->published + t->delivered;
    double rate = nj_topic_rate(t);

    (void)fprintf(p->out,
                  "<div class=\"topic\"><div class=\"bar\" style=\"width:%.1f%%\"></div><p>",
                  most > 0 ? 100.0 * (double)count / (double)most : 0.0);
    put_in(p, "<code class=\"name\">", t->name, "</code> ");
    put_in(p, "<small>", say(p, NJ_WORD_PUBLISHED), " ");
    put_number(p, "", t->published, " \xc2\xb7 ");
    put_in(p, "", say(p, NJ_WORD_DELIVERED), " ");
    put_number(p, "", t->delivered, "");
    if (rate > 0) {
        (void)fprintf(p->out, " \xc2\xb7 %.2f ", rate);
        put(p, say(p, NJ_WORD_PER_SECOND));
    }
    if (t->retained > 0) {
        put_in(p, " \xc2\xb7 ", say(p, NJ_WORD_RETAINED), " ");
        put_number(p, "", t->retained, "");
    }
    if (t->is_opened_only)
        put_in(p, " \xc2\xb7 ", say(p, NJ_WORD_OPENED), "");
    (void)fputs("</small></p>", p->out);
    for (size_t i = 0; i < t->samples; i++)
        put_sample(p, &t->sample[i]);
    (void)fputs("</div>\n", p->out);
}

static void
put_topics(struct nj_report_page *p)
{
    size_t count = p->r->topic_index.count;

    if (count == 0)
        return;
    begin_section(p, NJ_WORD_TOPICS);
    for (size_t i = 0; i < rows_of(count); i++)
        put_topic(p, p->topic[i], p->topic[0]->published + p->topic[0]->delivered);
    put_more(p, count);
    (void)fputs("</section>\n", p->out);
}

static void
put_conversation(struct nj_report_page *p, size_t stream)
{
    const struct nj_conversation *c = &p->r->conversation[stream];
    const struct nj_ends *e = &c->ends;
    char client[NJ_END_NAME_BYTES], server[NJ_END_NAME_BYTES];

    nj_end_name(e->address[1 - e->server], e->port[1 - e->server], client);
    nj_end_name(e->address[e->server], e->port[e->server], server);
    put_number(p, "<tr><td>", stream, "</td><td><code>");
    put(p, nj_conversation_client(c, p->opts->language));
    put_in(p, "</code><br><small>", client, "</small></td>");
    put_in(p, "<td>", server, "</td><td>");
    if (c->level != 0)
        put_in(p, "MQTT ", nj_mqtt_level_name(c->level), "");
    if (c->is_joined)
        put_in(p, " <small>(", say(p, NJ_WORD_INFERRED), ")</small>");
    put_in(p, "</td><td>", say(p, nj_conversation_word(c)), "</td>");
    put_number(p, "<td class=\"n\">", c->published, "</td>");
    put_number(p, "<td class=\"n\">", c->delivered, "</td></tr>\n");
}

static void
put_conversations(struct nj_report_page *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->r->conversations; i++) {
        if (!nj_conversation_counts(&p->r->conversation[i]))
            continue;
        if (count++ == 0) {
            begin_section(p, NJ_WORD_CLIENTS);
            put_in(p, "<div class=\"scroll\"><table><tr><th>", say(p, NJ_WORD_STREAM), "</th>");
            put_in(p, "<th>", say(p, NJ_WORD_CLIENT), "</th><th>");
            put_in(p, "", say(p, NJ_WORD_LISTENER), "</th><th></th><th></th>");
            put_in(p, "<th>", say(p, NJ_WORD_PUBLISHED), "</th>");
            put_in(p, "<th>", say(p, NJ_WORD_DELIVERED), "</th></tr>\n");
        }
        if (count <= NJ_REPORT_ROWS_MAX)
            put_conversation(p, i);
    }
    if (count == 0)
        return;
    (void)fputs("</table></div>\n", p->out);
    put_more(p, count);
    (void)fputs("</section>\n", p->out);
}

static void
put_filters(struct nj_report_page *p)
{
    size_t count = p->r->filter_index.count;

    if (count == 0)
        return;
    begin_section(p, NJ_WORD_SUBSCRIPTIONS);
    (void)fputs("<ul class=\"plain\">\n", p->out);
    for (size_t i = 0; i < rows_of(count); i++) {
        const struct nj_filter_seen *f = &p->r->filter[i];

        put_in(p, f->is_everything ? "<li class=\"all\"><code>" : "<li><code>", f->filter,
               "</code> ");
        put_number(p, "<small>QoS ", f->qos, "</small> ");
        put(p, f->client);
        put_number(p, " <small>(", f->stream, ")</small>");
        if (f->is_everything)
            put_in(p, " <b>", say(p, NJ_WORD_HEARS_ALL), "</b>");
        (void)fputs("</li>\n", p->out);
    }
    (void)fputs("</ul>\n", p->out);
    put_more(p, count);
    (void)fputs("</section>\n", p->out);
}

static void
put_wills(struct nj_report_page *p)
{
    size_t count = p->r->will_index.count;

    if (count == 0)
        return;
    begin_section(p, NJ_WORD_WILLS);
    for (size_t i = 0; i < rows_of(count); i++) {
        const struct nj_will_seen *w = &p->r->will[i];

        put_in(p, "<div class=\"topic\"><p><code class=\"name\">", w->topic, "</code> <small>");
        put_number(p, "QoS ", w->qos, w->is_retained ? ", " : "");
        put(p, w->is_retained ? say(p, NJ_WORD_RETAINED_ONE) : "");
        put_in(p, " \xc2\xb7 ", w->client, "</small></p>");
        put_sample(p, &w->sample);
        (void)fputs("</div>\n", p->out);
    }
    put_more(p, count);
    (void)fputs("</section>\n", p->out);
}

static void
put_tls_of(struct nj_report_page *p, size_t stream)
{
    const struct nj_report_tls *t = &p->r->conversation[stream].tls;
    const char *version = nj_tls_version_words(t->version), *suite = nj_suite_name(t->suite);

    put_in(p, "<li>", say(p, NJ_WORD_STREAM), " ");
    put_number(p, "", stream, "");
    put_in(p, "", say(p, NJ_WORD_COLON), " <b>");
    put_in(p, "", version != NULL ? version : "TLS ?", "</b> <code>");
    put_in(p, "", suite, "</code>");
    if (t->server_name != NULL)
        put_in(p, " \xc2\xb7 ", say(p, NJ_WORD_SERVER_NAME), " ");
    put_in(p, "<code>", t->server_name, "</code>");
    if (t->subject != NULL) {
        put_in(p, "<div class=\"sample\"><small>", say(p, NJ_WORD_CERTIFICATE_OF), "</small> ");
        put_in(p, "<code>", t->subject, "</code> <small>");
        put_in(p, "", say(p, NJ_WORD_ISSUED_BY), "</small> <code>");
        put_in(p, "", t->issuer, "</code> <small>");
        put_in(p, "", say(p, NJ_WORD_UNTIL), "</small> ");
        put_in(p, "", t->not_after, "</div>");
    }
    if (t->client_subject != NULL) {
        put_in(p, "<div class=\"sample\"><small>", say(p, NJ_WORD_CERTIFICATE_CLIENT), "</small> ");
        put_in(p, "<code>", t->client_subject, "</code></div>");
    }
    (void)fputs("</li>\n", p->out);
}

static void
put_tls(struct nj_report_page *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->r->conversations; i++) {
        if (!nj_tls_is_worth_saying(&p->r->conversation[i]))
            continue;
        if (count++ == 0) {
            begin_section(p, NJ_WORD_TLS);
            (void)fputs("<ul class=\"plain\">\n", p->out);
        }
        if (count <= NJ_REPORT_ROWS_MAX)
            put_tls_of(p, i);
    }
    if (count == 0)
        return;
    (void)fputs("</ul>\n", p->out);
    put_more(p, count);
    (void)fputs("</section>\n", p->out);
}

static void
put_faults(struct nj_report_page *p)
{
    if (p->r->faults == 0)
        return;
    begin_section(p, NJ_WORD_FAULTS);
    (void)fputs("<ul class=\"plain\">\n", p->out);
    for (size_t i = 0; i < rows_of(p->r->faults); i++) {
        const struct nj_fault *f = &p->r->fault[i];

        put_in(p, "<li><small>", say(p, NJ_WORD_FRAME), " ");
        put_number(p, "", f->frame, " \xc2\xb7 ");
        put_in(p, "", say(p, NJ_WORD_STREAM), " ");
        put_number(p, "", f->stream, " \xc2\xb7 ");
        put_in(p, "", say(p, f->is_of_server ? NJ_WORD_BROKER : NJ_WORD_CLIENT), "</small> ");
        put_in(p, "", nj_fault_sentence(&p->sentence, p->opts->language, f), "</li>\n");
    }
    (void)fputs("</ul>\n", p->out);
    put_more(p, p->r->faults);
    (void)fputs("</section>\n", p->out);
}

static void
put_count(struct nj_report_page *p, enum nj_word word, uint64_t count)
{
    const struct nj_left_out left = {.count = count, .word = word};

    if (count > 0)
        put_in(p, "<p class=\"note\">", nj_left_out_words(&p->sentence, p->opts->language, &left),
               "</p>\n");
}

static void
put_ladder(struct nj_report_page *p)
{
    uint32_t stream = 0;
    uint64_t not_drawn;

    if (p->opts->ladder == NULL || !nj_ladder_next(p->opts->ladder, &stream))
        return;
    put_in(p, "<section><h2>", say(p, NJ_WORD_LADDER), " <small>");
    put_in(p, "", say(p, NJ_WORD_STREAM), " ");
    put_number(p, "", stream, "</small></h2>\n<div class=\"ladder\">");
    not_drawn = nj_report_print_svg(p->opts->ladder, stream, p->out, p->opts->language);
    (void)fputs("</div>\n", p->out);
    put_count(p, NJ_WORD_EMPTY_ACKS, nj_ladder_side(p->opts->ladder, stream)->acknowledgements);
    put_count(p, NJ_WORD_NOT_DRAWN, not_drawn + nj_ladder_side(p->opts->ladder, stream)->not_drawn);
    (void)fputs("</section>\n", p->out);
}

static void
put_left_out(struct nj_report_page *p)
{
    struct nj_left_out left[NJ_LEFT_OUT_MAX];
    size_t count = nj_report_left_out(p->r, &p->opts->lost, left);

    if (count == 0)
        return;
    begin_section(p, NJ_WORD_LEFT_OUT);
    for (size_t i = 0; i < count; i++)
        put_in(p, "<p>", nj_left_out_words(&p->sentence, p->opts->language, &left[i]), "</p>\n");
    (void)fputs("</section>\n", p->out);
}

static void
put_nothing(struct nj_report_page *p)
{
    put_in(p, "<section><p>", say(p, NJ_WORD_NOTHING), "</p></section>\n");
}

static void
put_foot(struct nj_report_page *p)
{
    put_in(p, "<footer>", say(p, NJ_WORD_MADE_BY), "</footer>\n</main></body></html>\n");
}

bool
nj_report_print_html(const struct nj_report *r, FILE *out, const struct nj_report_opts *opts)
{
    static const struct nj_report_form html = {
        .head = put_head,
        .listener = put_listener,
        .no_listener = put_nothing,
        .conversations = put_conversations,
        .credentials = put_credentials,
        .topics = put_topics,
        .filters = put_filters,
        .wills = put_wills,
        .ladder = put_ladder,
        .tls = put_tls,
        .faults = put_faults,
        .left_out = put_left_out,
        .foot = put_foot,
    };

    return nj_report_print_form(&html, r, out, opts);
}
