/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_report.h — what the doctor did, step by step, and what it found: for people, or as JSON.
 */
#ifndef NJ_CMD_DOCTOR_REPORT_H
#define NJ_CMD_DOCTOR_REPORT_H

#include "pki/finding.h"

#include <stdio.h>

#define NJ_DOCTOR_STEPS_MAX 64

enum nj_step_result {
    NJ_STEP_GOOD,
    NJ_STEP_FAILED,  /* it did not do what it should: what was found says why */
    NJ_STEP_SKIPPED, /* it had no chance, or nothing to look at */
};

struct nj_step {
    const char *name; /* a stable word: "tcp"; static */
    enum nj_step_result result;
    char tried[256];
    char came[512]; /* what came back */
    size_t from;    /* its findings are those from here on, up to the next step's */
};

/* Zeroed: empty. */
struct nj_report {
    struct nj_step steps[NJ_DOCTOR_STEPS_MAX];
    size_t count;
    struct nj_findings findings;
};

/* Begin a step; what is found from now on belongs to it. Its result is GOOD until said otherwise.
 * Valid until the report ends. Beyond the ceiling the last step is used again. */
struct nj_step *nj_report_step(struct nj_report *report, const char *name, const char *tried_fmt,
                               ...) NJ_PRINTF(3, 4);
void nj_step_came(struct nj_step *step, enum nj_step_result result, const char *fmt, ...)
    NJ_PRINTF(3, 4);
void nj_report_fini(struct nj_report *report);

/* True where a fault was found, or a step failed. */
bool nj_report_is_bad(const struct nj_report *report);
void nj_report_print(const struct nj_report *report, FILE *out);
/* False without memory; nothing is printed then. */
bool nj_report_print_json(const struct nj_report *report, FILE *out);

#endif
