/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/report/report_words.h"

static const char *const words[NJ_WORD_COUNT][2] = {
#define NJ_WORD(id, english, french) [NJ_WORD_##id] = {english, french},
#include "sniff/report/report_words.def"
#undef NJ_WORD
};

const char *
nj_word_in(enum nj_language language, enum nj_word word)
{
    return words[word][language];
}

const char *
nj_sentence_in(struct nj_text *t, enum nj_language language, enum nj_word word,
               const char *const *values, size_t count)
{
    const char *from = words[word][language], *at;

    nj_text_clear(t);
    for (size_t i = 0; (at = strstr(from, "{}")) != NULL; from = at + 2) {
        nj_text_put(t, (struct nj_str){from, (size_t)(at - from)});
        if (i < count)
            nj_text_put(t, nj_str_of(values[i++]));
    }
    nj_text_put(t, nj_str_of(from));
    return nj_text_c(t);
}

const char *
nj_cause_in(enum nj_language language, enum nj_cause cause)
{
    static const char *const in_french[NJ_CAUSE_COUNT] = {
#define NJ_CAUSE_IN_FRENCH(name, french) [NJ_CAUSE_##name] = (french),
#include "sniff/report/report_cause.def"
#undef NJ_CAUSE_IN_FRENCH
    };

    return language == NJ_FRENCH && in_french[cause] != NULL ? in_french[cause]
                                                             : nj_cause_text(cause);
}

enum nj_word
nj_word_of_remark(struct nj_str remark)
{
    static const enum nj_word remarks[] = {NJ_WORD_REMARK_EMPTY_TOPIC, NJ_WORD_REMARK_ALIAS,
                                           NJ_WORD_REMARK_STRAY};

    for (size_t i = 0; i < NJ_COUNT_OF(remarks); i++)
        if (nj_str_eq(remark, nj_str_of(nj_word_in(NJ_ENGLISH, remarks[i]))))
            return remarks[i];
    return NJ_WORD_COUNT;
}

const char *
nj_alert_cause_in(enum nj_language language, unsigned alert)
{
    static const char *const causes[][2] = {
#define NJ_TLS_CAUSE(description, english, french) [description] = {english, french},
#include "sniff/payload/tls_cause.def"
#undef NJ_TLS_CAUSE
    };

    return alert < NJ_COUNT_OF(causes) ? causes[alert][language] : NULL;
}
