/* SPDX-License-Identifier: Apache-2.0 */
/* finding.h — one thing that is wrong, or may be: what, with whom, with which file or certificate,
 * why, and the command that mends it. The words of every message about TLS come from its table
 * (finding.def), so that the broker's log, a client's message, `pki inspect` and `doctor` call one
 * mistake by one name.
 * Thread: any, each its own. */
#ifndef NJ_PKI_FINDING_H
#define NJ_PKI_FINDING_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x509_st;        /* OpenSSL's X509 */
struct asn1_string_st; /* and its ASN1_TIME */

enum nj_finding_id {
#define X(name, word, severity, client, broker, mend) NJ_FINDING_##name,
#include "pki/finding.def"
#undef X
    NJ_FINDINGS
};

enum nj_severity {
    NJ_SEVERITY_NOTE,    /* good to know */
    NJ_SEVERITY_WARNING, /* works, but not with everybody, or not for long */
    NJ_SEVERITY_FAULT,   /* does not work */
};

/* Whose file, certificate or setting is at fault. */
enum nj_end {
    NJ_END_CLIENT,
    NJ_END_BROKER,
};

/* A certificate, as far as a line about it needs it. Texts are cut where too long. */
struct nj_cert_facts {
    char subject[192], issuer[192];    /* as in RFC 2253 */
    char serial[48];                   /* in hex */
    char names[256];                   /* "DNS:broker, IP Address:10.0.0.1"; empty: none */
    int64_t not_before_s, not_after_s; /* since 1970 */
};

void nj_cert_facts_read(struct nj_cert_facts *out, const struct x509_st *certificate);
/* Its serial number in hex. OpenSSL's queue of errors stays as it is. */
void nj_cert_serial(const struct x509_st *certificate, char *out, size_t room);
/* Since 1970; 0: it is NULL, or no time. */
int64_t nj_cert_time_s(const struct asn1_string_st *at);

struct nj_finding {
    enum nj_finding_id id;
    enum nj_severity severity;
    enum nj_end end;
    bool is_guess;             /* what may be the cause; the most likely ones come first */
    char file[256];            /* where; empty: no file, or not known */
    int depth;                 /* 0 a leaf, 1 its issuer, …; -1: about no certificate */
    struct nj_cert_facts cert; /* where depth >= 0 */
    char cause[640];           /* a sentence, without its full stop */
    char mend[768]; /* commands, one a line, to be typed as they stand; or advice; or empty */
};

/* As many as there are, up to a ceiling of 64. Zeroed: empty. */
struct nj_findings {
    struct nj_finding *at;
    size_t count;
    bool is_cut; /* there were more, or there was no memory */
};

/* One more, with the words of the table; the caller may sharpen them. NULL: there is no room, which
 * is noted. Valid until the next call. */
struct nj_finding *nj_findings_add(struct nj_findings *list, enum nj_finding_id id,
                                   enum nj_end end);
/* The same for one in caller's memory. */
void nj_finding_init(struct nj_finding *out, enum nj_finding_id id, enum nj_end end);
void nj_findings_fini(struct nj_findings *list);
/* Whether one of this severity or a graver one is there; guesses do not count. */
bool nj_findings_has(const struct nj_findings *list, enum nj_severity at_least);

void nj_finding_cause(struct nj_finding *f, const char *fmt, ...) NJ_PRINTF(2, 3);
/* Replaces what to do. nj_finding_mend_more() adds a line. */
void nj_finding_mend(struct nj_finding *f, const char *fmt, ...) NJ_PRINTF(2, 3);
void nj_finding_mend_more(struct nj_finding *f, const char *fmt, ...) NJ_PRINTF(2, 3);

/* The stable word: "expired". Static, as all of these. */
const char *nj_finding_name(enum nj_finding_id id);
const char *nj_finding_words(enum nj_finding_id id, enum nj_end end);
/* "note", "warning", "fault". */
const char *nj_severity_name(enum nj_severity severity);

/* Cause, certificate (subject, issuer, dates, names) and what to do, in one line without line ends.
 * Returns `out`. */
const char *nj_finding_line(const struct nj_finding *f, char *out, size_t room);

#endif
