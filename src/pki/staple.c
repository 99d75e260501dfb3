/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/staple.h"

#include "base/regular.h"
#include "base/shell.h"
#include "pki/judge_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX 16384
#define LEEWAY_S  300 /* clocks differ */

enum nj_err
nj_staple_read(struct ocsp_response_st **out, const char *path, struct nj_diag *diag)
{
    struct stat st;
    int fd = nj_regular_open(path, 0, &st);
    uint8_t bytes[BYTES_MAX];
    size_t n = sizeof(bytes);
    const uint8_t *p = bytes;
    OCSP_RESPONSE *response;
    char word[300];

    if (fd < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open ocspfile \"%s\": %s.", path,
                            errno != 0 ? strerror(errno) : "It is no regular file");
    if (!nj_regular_read(fd, bytes, &n))
        n = 0; /* which is no response */
    (void)close(fd);
    response = d2i_OCSP_RESPONSE(NULL, &p, (long)n);
    ERR_clear_error();
    if (response == NULL || p != bytes + n) {
        OCSP_RESPONSE_free(response);
        nj_diag_hint(diag, "openssl ocsp -issuer ca.crt -cert server.crt -url … -respout %s",
                     nj_shell_word(word, sizeof(word), nj_str_of(path)));
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: ocspfile \"%s\" is no OCSP response in DER.",
                            path);
    }
    *out = response;
    return NJ_OK;
}

/* By its serial number; NULL: none. */
static OCSP_SINGLERESP *
find_answer(OCSP_BASICRESP *answers, const X509 *certificate)
{
    for (int i = 0; certificate != NULL && i < OCSP_resp_count(answers); i++) {
        OCSP_SINGLERESP *answer = OCSP_resp_get0(answers, i);
        OCSP_CERTID *id = OCSP_CERTID_dup(OCSP_SINGLERESP_get0_id(answer));
        ASN1_INTEGER *serial = NULL;
        bool is_it = id != NULL && OCSP_id_get0_info(NULL, NULL, NULL, &serial, id) == 1 &&
                     ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) == 0;

        OCSP_CERTID_free(id);
        if (is_it)
            return answer;
    }
    return NULL;
}

bool
nj_staple_is_about(struct ocsp_response_st *response, const struct x509_st *certificate)
{
    OCSP_BASICRESP *answers = OCSP_response_get1_basic(response);
    bool is_about = answers == NULL || find_answer(answers, certificate) != NULL;

    OCSP_BASICRESP_free(answers);
    ERR_clear_error();
    return is_about;
}

static X509 *
find_issuer(const struct nj_judge_chain *c)
{
    for (size_t i = 1; i < c->shown_count; i++)
        if (nj_judge_has_signed(c->shown[i], c->shown[0]))
            return c->shown[i];
    for (size_t i = 0; i < c->trusted_count; i++)
        if (nj_judge_is_issuer_by_name(c->shown[0], c->trusted[i]) &&
            nj_judge_has_signed(c->trusted[i], c->shown[0]))
            return c->trusted[i];
    return NULL;
}

/* By the certificate's issuer, or by whom that has put in charge. Dates are another matter. */
static bool
is_signed(OCSP_BASICRESP *answers, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *signers = sk_X509_new_null();
    bool is_good = true;

    if (store != NULL && signers != NULL && X509_STORE_add_cert(store, issuer) == 1 &&
        sk_X509_push(signers, issuer) > 0) {
        (void)X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
        is_good = OCSP_basic_verify(answers, signers, store, 0) == 1;
    }
    sk_X509_free(signers);
    X509_STORE_free(store);
    return is_good;
}

static bool
is_before(const ASN1_GENERALIZEDTIME *at, int64_t now_s)
{
    return at != NULL && nj_cert_time_s(at) < now_s;
}

static void
fetch_anew(struct nj_finding *out, const struct nj_judge_chain *c, const char *path)
{
    char certificate[300];
    char word[300];

    nj_finding_mend(out, "openssl ocsp -issuer ca.crt -cert %s -url … -respout %s",
                    nj_shell_word(certificate, sizeof(certificate),
                                  nj_str_of(c->shown_file != NULL ? c->shown_file : "server.crt")),
                    nj_shell_word(word, sizeof(word), nj_str_of(path)));
}

/* The answer for the certificate, which says something. */
static enum nj_finding_id
judge_answer(OCSP_BASICRESP *answers, OCSP_SINGLERESP *answer, const struct nj_judge_chain *c,
             int64_t *at_s)
{
    X509 *issuer = find_issuer(c);
    int64_t now_s = nj_judge_now(c->now_s);
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int status = OCSP_single_get0_status(answer, NULL, NULL, &from, &until);

    if (issuer != NULL && !is_signed(answers, issuer))
        return NJ_FINDING_OCSP_NOT_SIGNED;
    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return NJ_FINDING_REVOKED;
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return NJ_FINDING_OCSP_NO_ANSWER;
    if (is_before(until, now_s)) {
        *at_s = nj_cert_time_s(until);
        return NJ_FINDING_OCSP_EXPIRED;
    }
    if (from != NULL && !is_before(from, now_s + LEEWAY_S)) {
        *at_s = nj_cert_time_s(from);
        return NJ_FINDING_OCSP_NOT_YET_VALID;
    }
    return NJ_FINDING_NONE;
}

static void
say(struct nj_finding *out, OCSP_RESPONSE *response, const struct nj_judge_chain *c,
    const char *path, int64_t at_s)
{
    const char *subject = out->cert.subject;
    char day[32];

    switch (out->id) { /* NOLINT(clang-diagnostic-switch-enum): those of judge_answer() */
    case NJ_FINDING_REVOKED:
        nj_finding_cause(out, "the broker's certificate (%s, serial %s) is revoked: %s says so",
                         subject, out->cert.serial, path);
        nj_judge_mend_by_reissue(out, &(struct nj_judge_worn){.end = c->end,
                                                              .facts = &out->cert,
                                                              .certfile = c->shown_file,
                                                              .ca_file = c->trusted_file});
        return;
    case NJ_FINDING_OCSP_EXPIRED:
        nj_finding_cause(out, "the OCSP response %s ended on %s", path, nj_judge_day(at_s, day));
        break;
    case NJ_FINDING_OCSP_NOT_YET_VALID:
        nj_finding_cause(out,
                         "the OCSP response %s begins on %s: this clock is behind, or that of who "
                         "made it was ahead",
                         path, nj_judge_day(at_s, day));
        return;
    case NJ_FINDING_OCSP_NO_ANSWER:
        if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
            nj_finding_cause(out, "the OCSP response %s is an error of the responder's: %s", path,
                             OCSP_response_status_str(OCSP_response_status(response)));
        else
            nj_finding_cause(out, "by the OCSP response %s the responder does not know %s", path,
                             subject);
        break;
    case NJ_FINDING_OCSP_NOT_SIGNED:
        nj_finding_cause(out, "the OCSP response %s is not signed by the CA of %s", path, subject);
        break;
    default:
        break;
    }
    fetch_anew(out, c, path);
}

bool
nj_staple_judge(struct nj_finding *out, struct ocsp_response_st *response,
                const struct nj_judge_chain *c, const char *path)
{
    OCSP_BASICRESP *answers = OCSP_response_get1_basic(response);
    enum nj_finding_id id = NJ_FINDING_OCSP_NO_ANSWER;
    int64_t at_s = 0;

    if (answers != NULL) {
        OCSP_SINGLERESP *answer = find_answer(answers, c->shown[0]);

        id = answer != NULL ? judge_answer(answers, answer, c, &at_s) : NJ_FINDING_OCSP_OF_ANOTHER;
    }
    if (id != NJ_FINDING_NONE) {
        nj_finding_init(out, id, c->end);
        out->depth = 0;
        nj_cert_facts_read(&out->cert, c->shown[0]);
        (void)snprintf(out->file, sizeof(out->file), "%s", path);
        say(out, response, c, path, at_s);
    }
    OCSP_BASICRESP_free(answers);
    ERR_clear_error();
    return id != NJ_FINDING_NONE;
}
