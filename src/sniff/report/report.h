/* SPDX-License-Identifier: Apache-2.0 */
/* report.h — what an eavesdropper learns from a capture, for people, and what to do about it.
 *
 *     nj_report_new(&r); for each frame: nj_report_add(r, dissected); nj_report_print_text(r, …)
 *
 * Gathering (report.c, report_mqtt.c, report_tls.c), judging (report_judge.c) and each form of
 * printing are apart. All text is kept as it may be shown: nothing from the wire moves a cursor.
 *
 * Bounded: every table has its ceiling below, a text NJ_REPORT_TEXT_MAX bytes of what was captured.
 * What did not fit is counted, and the report says so. Thread: one. */
#ifndef NJ_SNIFF_REPORT_H
#define NJ_SNIFF_REPORT_H

#include "base/err.h"
#include "sniff/dissector.h"
#include "sniff/report/ladder.h"

#include <stdio.h>

#define NJ_REPORT_CONVERSATIONS_MAX 65536u
#define NJ_REPORT_LISTENERS_MAX     256u
#define NJ_REPORT_TOPICS_MAX        8192u
#define NJ_REPORT_FILTERS_MAX       4096u
#define NJ_REPORT_CREDENTIALS_MAX   1024u
#define NJ_REPORT_WILLS_MAX         1024u
#define NJ_REPORT_FAULTS_MAX        1024u
#define NJ_REPORT_TEXT_MAX          160u
#define NJ_REPORT_SAMPLES_MAX       3u
#define NJ_REPORT_ROWS_MAX          200u /* of a table that are printed */

struct nj_report;

NJ_NODISCARD enum nj_err nj_report_new(struct nj_report **out);
void nj_report_free(struct nj_report *r);
void nj_report_add(struct nj_report *r, const struct nj_dissected *d);

struct nj_report_opts {
    const char *file; /* its name, for the title */
    enum nj_language language;
    bool shows_secrets;
    struct nj_sniff_losses lost;
    struct nj_ladder *ladder; /* of the page: its first conversation; NULL: none */
};

/* False without memory: what was printed is not all. */
bool nj_report_print_text(const struct nj_report *r, FILE *out, const struct nj_report_opts *opts);

/* A page of HTML that needs nothing beside it: no network, no scripts. */
bool nj_report_print_html(const struct nj_report *r, FILE *out, const struct nj_report_opts *opts);

#endif
