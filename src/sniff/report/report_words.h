/* SPDX-License-Identifier: Apache-2.0 */
/* report_words.h — what a report says, in each language; report_words.def has the sentences. */
#ifndef NJ_SNIFF_REPORT_WORDS_H
#define NJ_SNIFF_REPORT_WORDS_H

#include "mqtt/reason.h"
#include "sniff/tree/text.h"

enum nj_language {
    NJ_ENGLISH,
    NJ_FRENCH,
};

enum nj_word {
#define NJ_WORD(id, english, french) NJ_WORD_##id,
#include "sniff/report/report_words.def"
#undef NJ_WORD
    NJ_WORD_COUNT
};

/* Static. */
const char *nj_word_in(enum nj_language language, enum nj_word word);
/* The same with each {} replaced by the next of `values`; lent until the next call with `t`. */
const char *nj_sentence_in(struct nj_text *t, enum nj_language language, enum nj_word word,
                           const char *const *values, size_t count);

/* Why a packet was refused. In English where there is no French for it. Static. */
const char *nj_cause_in(enum nj_language language, enum nj_cause cause);

/* What Wireshark remarks on a packet of MQTT; NJ_WORD_COUNT where it is none of those. */
enum nj_word nj_word_of_remark(struct nj_str remark);

/* The likely cause of a TLS alert; NULL where there is none to tell. Static. */
const char *nj_alert_cause_in(enum nj_language language, unsigned alert);

#endif
