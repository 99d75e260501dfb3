/* SPDX-License-Identifier: Apache-2.0 */
/* report_rows.c — what all forms of a report choose, order and count alike; its sections in their
 * one order. */
#include "base/mem.h"
#include "sniff/payload/tls_priv.h"
#include "sniff/report/report_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NS_PER_S  1e9
#define NS_PER_MS 1000000
#define LEAST_NS  1000000000 /* a burst has no rate */

static int
compare_topics(const void *a, const void *b)
{
    const struct nj_topic *x = *(const struct nj_topic *const *)a;
    const struct nj_topic *y = *(const struct nj_topic *const *)b;
    uint64_t of_x = x->published + x->delivered, of_y = y->published + y->delivered;

    if (of_x != of_y)
        return of_x < of_y ? 1 : -1;
    return (x > y) - (x < y); /* then as they came */
}

/* Those with most messages first; `out` has room for as many as there are. */
static void
sort_topics(const struct nj_report *r, const struct nj_topic **out)
{
    for (size_t i = 0; i < r->topic_index.count; i++)
        out[i] = &r->topic[i];
    qsort(out, r->topic_index.count, sizeof(const struct nj_topic *), compare_topics);
}

double
nj_topic_rate(const struct nj_topic *t)
{
    uint64_t count = NJ_MAX(t->published, t->delivered);

    if (count < 2 || t->last_ns < t->first_ns || t->last_ns - t->first_ns < LEAST_NS)
        return 0;
    return (double)(count - 1) * NS_PER_S / (double)(t->last_ns - t->first_ns);
}

bool
nj_conversation_counts(const struct nj_conversation *c)
{
    return c->is_clear_mqtt || c->is_tls;
}

enum nj_word
nj_conversation_word(const struct nj_conversation *c)
{
    const struct nj_report_tls *t = &c->tls;

    if (!c->is_tls)
        return NJ_WORD_IN_CLEAR;
    if (c->is_opened)
        return NJ_WORD_OPENED;
    return t->has_alert || (c->has_syn && (t->sent[0] == 0 || t->sent[1] == 0)) ? NJ_WORD_FAILED
                                                                                : NJ_WORD_ENCRYPTED;
}

size_t
nj_report_left_out(const struct nj_report *r, const struct nj_sniff_losses *lost,
                   struct nj_left_out out[NJ_LEFT_OUT_MAX])
{
    const struct nj_left_out all[NJ_LEFT_OUT_MAX] = {
        {r->conversations_given_up, NJ_WORD_LOST_FRAMES, NJ_REPORT_CONVERSATIONS_MAX},
        {r->topic_index.given_up, NJ_WORD_LOST_TABLE, NJ_REPORT_TOPICS_MAX},
        {r->filter_index.given_up, NJ_WORD_LOST_TABLE, NJ_REPORT_FILTERS_MAX},
        {r->credential_index.given_up, NJ_WORD_LOST_TABLE, NJ_REPORT_CREDENTIALS_MAX},
        {r->will_index.given_up, NJ_WORD_LOST_TABLE, NJ_REPORT_WILLS_MAX},
        {r->faults_given_up, NJ_WORD_LOST_TABLE, NJ_REPORT_FAULTS_MAX},
        {lost->gaps, NJ_WORD_LOST_GAPS, 0},
        {lost->bytes, NJ_WORD_LOST_BYTES, 0},
        {lost->streams, NJ_WORD_LOST_STREAMS, 0},
    };
    size_t count = 0;

    for (size_t i = 0; i < NJ_LEFT_OUT_MAX; i++)
        if (all[i].count > 0)
            out[count++] = all[i];
    return count;
}

enum nj_word
nj_answer_word(enum nj_answer answer)
{
    static const enum nj_word words[] = {
        [NJ_ANSWER_NO] = NJ_WORD_NO,
        [NJ_ANSWER_WEAK] = NJ_WORD_WEAK,
        [NJ_ANSWER_YES] = NJ_WORD_YES,
        [NJ_ANSWER_UNKNOWN] = NJ_WORD_UNKNOWN,
    };

    return words[answer];
}

enum nj_word
nj_payload_word(enum nj_payload_kind kind)
{
    static const enum nj_word words[] = {
        [NJ_PAYLOAD_EMPTY] = NJ_WORD_EMPTY,
        [NJ_PAYLOAD_TEXT] = NJ_WORD_TEXT,
        [NJ_PAYLOAD_JSON] = NJ_WORD_JSON,
        [NJ_PAYLOAD_BINARY] = NJ_WORD_BINARY,
    };

    return words[kind];
}

const char *
nj_report_summary(struct nj_text *t, enum nj_language language, const struct nj_report *r)
{
    size_t conversations = 0, clear = 0, tls = 0;
    char text[5][32];
    const char *values[] = {text[0], text[1], text[2], text[3], text[4]};
    int64_t ms = (r->last_ns - r->first_ns) / NS_PER_MS;

    for (size_t i = 0; i < r->conversations; i++) {
        const struct nj_conversation *c = &r->conversation[i];

        conversations += c->frames > 0;
        clear += c->is_clear_mqtt;
        tls += c->is_tls;
    }
    (void)snprintf(text[0], sizeof(text[0]), "%" PRIu64, r->frames);
    (void)snprintf(text[1], sizeof(text[1]), "%" PRId64 ".%03d", ms / 1000,
                   (int)(ms < 0 ? 0 : ms % 1000));
    (void)snprintf(text[2], sizeof(text[2]), "%zu", conversations);
    (void)snprintf(text[3], sizeof(text[3]), "%zu", clear);
    (void)snprintf(text[4], sizeof(text[4]), "%zu", tls);
    return nj_sentence_in(t, language, NJ_WORD_SUMMARY, values, 5);
}

const char *
nj_report_broken_words(struct nj_text *t, enum nj_language language,
                       const struct nj_listener_seen *l)
{
    char number[24];
    const char *value = number;

    (void)snprintf(number, sizeof(number), "%zu", l->broken);
    return nj_sentence_in(t, language, NJ_WORD_AVAILABILITY, &value, 1);
}

const char *
nj_fault_sentence(struct nj_text *t, enum nj_language language, const struct nj_fault *f)
{
    nj_text_clear(t);
    if (f->words.where != NULL)
        nj_text_putf(t, "%s%s ", f->words.where, nj_word_in(language, NJ_WORD_COLON));
    nj_text_put(t, nj_str_of(f->words.what[language]));
    if (f->words.code >= 0)
        nj_text_putf(t, " (%d)", f->words.code);
    return nj_text_c(t);
}

const char *
nj_conversation_client(const struct nj_conversation *c, enum nj_language language)
{
    if (c->client_id == NULL)
        return nj_word_in(language, NJ_WORD_NO_ID);
    return c->client_id[0] != '\0' ? c->client_id : nj_word_in(language, NJ_WORD_EMPTY_ID);
}

bool
nj_tls_is_worth_saying(const struct nj_conversation *c)
{
    return c->is_tls && (c->tls.version != 0 || c->tls.server_name != NULL);
}

const char *
nj_left_out_words(struct nj_text *t, enum nj_language language, const struct nj_left_out *left)
{
    char count[24], ceiling[24];
    const char *values[2] = {ceiling, count};

    (void)snprintf(count, sizeof(count), "%" PRIu64, left->count);
    (void)snprintf(ceiling, sizeof(ceiling), "%" PRIu64, left->ceiling);
    return left->ceiling > 0 ? nj_sentence_in(t, language, left->word, values, 2)
                             : nj_sentence_in(t, language, left->word, values + 1, 1);
}

const char *
nj_verdict_words(struct nj_text *t, enum nj_language language, const struct nj_listener_seen *l,
                 const struct nj_verdict_of *verdict)
{
    const char *cause = l->has_alert ? nj_alert_cause_in(language, l->alert) : NULL;
    const char *name = l->has_alert ? nj_tls_alert_words(l->alert) : NULL;
    char alert[512];
    const char *value = alert;

    (void)snprintf(alert, sizeof(alert), "%s (%u)%s%s", name != NULL ? name : "?", l->alert,
                   cause != NULL ? ", " : "", cause != NULL ? cause : "");
    return nj_sentence_in(t, language, verdict->why, &value, 1);
}

const char *
nj_step_words(struct nj_text *t, enum nj_language language, const struct nj_listener_seen *l,
              enum nj_word step)
{
    char where[NJ_END_NAME_BYTES];
    const char *value =
        step == NJ_WORD_STEP_DOCTOR || step == NJ_WORD_STEP_SHOW ? where : l->address;

    nj_end_name(l->address, l->port, where);
    return nj_sentence_in(t, language, step, &value,
                          1); /* the command, a tab, and what it is for */
}

bool
nj_report_print_form(const struct nj_report_form *form, const struct nj_report *r, FILE *out,
                     const struct nj_report_opts *opts)
{
    nj_report_section *const sections[] = {
        form->conversations, form->credentials, form->topics, form->filters,  form->wills,
        form->ladder,        form->tls,         form->faults, form->left_out, form->foot,
    };
    struct nj_report_page p = {.out = out, .r = r, .opts = opts};
    struct nj_judgement *judgement = nj_alloc(sizeof(*judgement));
    size_t topics = r->topic_index.count;

    p.topic = nj_alloc_array(topics > 0 ? topics : 1, sizeof(*p.topic));
    if (judgement == NULL || p.topic == NULL) {
        nj_free(judgement);
        nj_free(p.topic);
        return false;
    }
    nj_report_judge(r, judgement);
    sort_topics(r, p.topic);
    form->head(&p);
    for (size_t i = 0; i < judgement->listeners; i++) {
        p.listener = &judgement->listener[i];
        form->listener(&p);
    }
    if (judgement->listeners == 0)
        form->no_listener(&p);
    for (size_t i = 0; i < NJ_COUNT_OF(sections); i++)
        if (sections[i] != NULL)
            sections[i](&p);
    nj_text_fini(&p.sentence);
    nj_free(p.topic);
    nj_free(judgement);
    return true;
}
