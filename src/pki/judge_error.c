/* SPDX-License-Identifier: Apache-2.0 */
/* judge_error.c — what an error of OpenSSL's means: told from those that look the same, its cause
 * in one sentence. */
#include "base/shell.h"
#include "pki/judge_priv.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- who is who ---- */

static bool
is_trusted(const struct nj_judge_chain *c, const X509 *x)
{
    for (size_t i = 0; i < c->trusted_count; i++) {
        if (X509_cmp(c->trusted[i], x) == 0)
            return true;
    }
    return false;
}

/* One that is shown, not one that is trusted by its own name. */
static bool
is_intermediate(const struct nj_judge_chain *c, const X509 *x)
{
    return x != NULL && !is_trusted(c, x) && !nj_judge_is_issuer_by_name(x, x);
}

/* One of the CA file that has the name of `of`'s issuer; NULL. */
static X509 *
find_namesake(const struct nj_judge_chain *c, const X509 *of)
{
    for (size_t i = 0; i < c->trusted_count; i++) {
        if (nj_judge_is_issuer_by_name(of, c->trusted[i]))
            return c->trusted[i];
    }
    return NULL;
}

/* The side that judges: not the one that shows. */
static enum nj_end
judge_of(const struct nj_judge_chain *c)
{
    return c->end == NJ_END_CLIENT ? NJ_END_BROKER : NJ_END_CLIENT;
}

static const char *
trusted_name(const struct nj_judge_chain *c)
{
    if (c->trusted_file != NULL)
        return c->trusted_file;
    if (c->capath != NULL)
        return c->capath;
    return c->end == NJ_END_BROKER ? "what the client trusts" : "what the broker trusts";
}

/* "the broker's certificate", "the CA certificate". */
static const char *
whose(const struct nj_judge_chain *c, int depth, const X509 *x)
{
    bool is_broker = c->end == NJ_END_BROKER;

    if (depth > 0 && is_intermediate(c, x))
        return is_broker ? "the intermediate above the broker's certificate"
                         : "the intermediate above the client's certificate";
    if (depth > 0)
        return "the CA certificate"; /* its file and subject stand beside */
    return is_broker ? "the broker's certificate" : "the client's certificate";
}

static void
change(struct nj_finding *f, enum nj_finding_id id)
{
    struct nj_finding next;

    nj_finding_init(&next, id, f->end);
    memcpy(next.file, f->file, sizeof(next.file));
    next.depth = f->depth;
    next.cert = f->cert;
    *f = next;
}

static struct nj_judge_worn
worn_of(const struct nj_finding *f, const struct nj_judge_chain *c, const char *host)
{
    return (struct nj_judge_worn){.end = c->end,
                                  .facts = &f->cert,
                                  .certfile = c->shown_file,
                                  .host = host,
                                  .ca_file = c->trusted_file,
                                  .is_named_as_ca = f->id == NJ_FINDING_SAME_NAME_AS_CA};
}

static void
reissue(struct nj_finding *f, const struct nj_judge_chain *c, const char *host)
{
    const struct nj_judge_worn worn = worn_of(f, c, host);

    nj_judge_mend_by_reissue(f, &worn);
}

static void
renew(struct nj_finding *f, const struct nj_judge_chain *c)
{
    const struct nj_judge_worn worn = worn_of(f, c, c->host);

    nj_judge_mend_by_renewal(f, &worn);
}

/* ---- the chain does not reach a CA that is trusted ---- */

static void
say_same_name(struct nj_finding *f, const struct nj_judge_chain *c)
{
    nj_finding_cause(
        f,
        "%s has the same subject as the CA that signed it (%s), so it passes for a "
        "self-signed certificate that nobody trusts, whatever CA is given and whatever "
        "the system's store holds",
        whose(c, 0, NULL), f->cert.subject);
    reissue(f, c, c->host);
}

static void
say_other_generation(struct nj_finding *f, const struct nj_judge_chain *c, const X509 *namesake)
{
    struct nj_cert_facts ca;
    char day[32];

    nj_cert_facts_read(&ca, namesake);
    nj_finding_cause(f,
                     "%s holds another generation of the CA that signed %s: the name is the same "
                     "(%s, made %s), the key is not",
                     trusted_name(c), whose(c, 0, NULL), ca.subject,
                     nj_judge_day(ca.not_before_s, day));
    if (c->end == NJ_END_BROKER) {
        f->end = NJ_END_CLIENT;
        nj_finding_mend(f, "copy the CA certificate that is in use now from the broker's machine, "
                           "over the client's");
    } else {
        reissue(f, c, NULL);
    }
}

static void
say_no_intermediate(struct nj_finding *f, const struct nj_judge_chain *c, const char *lies_in)
{
    char certs[300];
    char inter[300];
    const char *shown = c->shown_file != NULL ? c->shown_file : "CERTIFICATE";

    nj_finding_cause(f, "%s is signed by the intermediate %s, which %s does not send along with it",
                     whose(c, 0, NULL), f->cert.issuer,
                     c->end == NJ_END_BROKER ? "the broker" : "the client");
    if (lies_in != NULL)
        nj_finding_mend(f, "cat %s >> %s", nj_shell_word(inter, sizeof(inter), nj_str_of(lies_in)),
                        nj_shell_word(certs, sizeof(certs), nj_str_of(shown)));
    else
        nj_finding_mend(f, "append the certificate of the intermediate to %s", shown);
}

/* The issuer is not at hand: which one is it, and where should it come from? */
static void
say_unknown_issuer(struct nj_finding *f, const struct nj_judge_chain *c, const X509 *x,
                   const char *lies_in)
{
    char ca[300];
    struct nj_cert_facts facts = {0};

    if (c->trusted_count > 0)
        nj_cert_facts_read(&facts, c->trusted[0]);
    (void)snprintf(ca, sizeof(ca), "%s%s", facts.subject, c->trusted_count > 1 ? ", …" : "");
    nj_finding_cause(f, "%s is signed by %s, which is not in %s%s%s%s", whose(c, f->depth, x),
                     f->cert.issuer, trusted_name(c), ca[0] != '\0' ? " (it holds " : "", ca,
                     ca[0] != '\0' ? ")" : "");
    f->end = judge_of(c);
    if (lies_in != NULL)
        nj_judge_mend_by_cafile(f, c, lies_in);
    else if (c->end == NJ_END_BROKER)
        nj_finding_mend(f, "give the client the CA that signed the broker's certificate; it is the "
                           "broker's ca.crt");
    else
        reissue(f, c, NULL);
}

static void
say_leaf_as_ca(struct nj_finding *f, const struct nj_judge_chain *c)
{
    nj_finding_cause(f,
                     "%s holds %s itself; what is wanted there is the certificate of the CA that "
                     "signed it (%s)",
                     trusted_name(c), whose(c, 0, NULL), f->cert.issuer);
    f->end = judge_of(c);
}

/* Errors 20 and 21: the chain ends with a certificate whose issuer is nowhere. */
static void
judge_no_issuer(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    X509 *leaf = c->shown_count > 0 ? c->shown[0] : x;
    X509 *namesake = x != NULL ? find_namesake(c, x) : NULL;
    struct nj_judge_beside beside;

    if (namesake != NULL && !nj_judge_has_signed(namesake, x)) {
        change(f, NJ_FINDING_OTHER_CA_OF_THIS_NAME);
        say_other_generation(f, c, namesake);
        return;
    }
    if (leaf != NULL && is_trusted(c, leaf)) {
        change(f, NJ_FINDING_LEAF_AS_CA);
        say_leaf_as_ca(f, c);
        return;
    }
    if (c->capath != NULL && c->trusted_count == 0) {
        enum nj_finding_id id = nj_judge_capath(c->capath);

        if (id != NJ_FINDING_NONE) {
            change(f, id);
            f->end = judge_of(c);
            nj_judge_say_capath(f, c->capath);
            return;
        }
    }
    bool is_beside = x != NULL && nj_judge_find_issuer(c, x, &beside);
    if (is_beside && !beside.is_self_signed) {
        change(f, NJ_FINDING_NO_INTERMEDIATE);
        say_no_intermediate(f, c, beside.path);
        return;
    }
    if (c->trusted_count == 0 && (c->capath == NULL || c->is_system_store)) {
        f->end = judge_of(c);
        change(f, NJ_FINDING_CA_NOT_GIVEN);
        if (c->end == NJ_END_BROKER)
            nj_finding_cause(f,
                             "the client was given no CA of its own, and the CA of the broker's "
                             "certificate (%s) is none of the system's",
                             f->cert.issuer);
        nj_judge_mend_by_cafile(f, c, "ca.crt");
        return;
    }
    change(f, NJ_FINDING_UNKNOWN_ISSUER);
    say_unknown_issuer(f, c, x, is_beside ? beside.path : NULL);
}

/* Error 18: subject and issuer are one, and nobody trusts it. Is it signed by itself? */
static void
judge_apparent_root(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    if (x != NULL && !nj_judge_has_signed(x, x)) {
        change(f, NJ_FINDING_SAME_NAME_AS_CA);
        say_same_name(f, c);
        return;
    }
    change(f, NJ_FINDING_SELF_SIGNED);
    nj_finding_cause(f, "%s is signed by itself, not by a CA, and is not in %s", whose(c, 0, NULL),
                     trusted_name(c));
    reissue(f, c, c->host);
}

/* Error 19: the chain is whole, and its root is a stranger. */
static void
judge_strange_root(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    X509 *namesake = x != NULL ? find_namesake(c, x) : NULL;

    if (namesake != NULL && X509_cmp(namesake, x) != 0) {
        change(f, NJ_FINDING_OTHER_CA_OF_THIS_NAME);
        say_other_generation(f, c, namesake);
    } else if (c->shown_count > 0 && is_trusted(c, c->shown[0])) {
        change(f, NJ_FINDING_LEAF_AS_CA);
        say_leaf_as_ca(f, c);
    } else if (c->trusted_count == 0) {
        judge_no_issuer(f, c, x);
    } else {
        change(f, NJ_FINDING_UNKNOWN_ROOT);
        nj_finding_cause(f, "%s ends in the CA %s, which is not in %s", whose(c, 0, NULL),
                         f->cert.subject, trusted_name(c));
        f->end = judge_of(c);
    }
}

static void
judge_no_root(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    struct nj_judge_beside beside;

    change(f, NJ_FINDING_NO_ROOT);
    nj_finding_cause(f, "%s holds the intermediate %s only; the root %s above it is missing",
                     trusted_name(c), f->cert.subject, f->cert.issuer);
    f->end = judge_of(c);
    if (x != NULL && nj_judge_find_issuer(c, x, &beside))
        nj_judge_mend_by_cafile(f, c, beside.path);
}

/* Error 7: the key of the one that passes for the issuer did not make the signature. */
static void
judge_bad_signature(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    X509 *namesake = x != NULL ? find_namesake(c, x) : NULL;

    if (namesake != NULL && !nj_judge_has_signed(namesake, x)) {
        change(f, NJ_FINDING_OTHER_CA_OF_THIS_NAME);
        say_other_generation(f, c, namesake);
        return;
    }
    change(f, NJ_FINDING_OTHER_CHECK);
    nj_finding_cause(f,
                     "the signature of %s is not its issuer's: the file was altered, or the issuer "
                     "has another key by now",
                     whose(c, f->depth, x));
}

/* ---- a certificate of it is not good ---- */

static bool
is_too_early(const X509 *x, int64_t now_s)
{
    time_t now = (time_t)now_s;

    return X509_cmp_time(X509_get0_notBefore(x), &now) > 0;
}

/* If not one certificate at hand is valid yet, it is rather the clock that errs. */
static bool
is_clock_behind(const struct nj_judge_chain *c)
{
    int64_t now_s = nj_judge_now(c->now_s);
    size_t others = 0;

    if (now_s < c->passed_s)
        return true;
    for (size_t i = 0; i < c->shown_count; i++) {
        if (!is_too_early(c->shown[i], now_s))
            return false;
    }
    for (size_t i = 0; i < c->trusted_count; i++) {
        if (!is_too_early(c->trusted[i], now_s))
            return false;
        others++;
    }
    return c->shown_count + others > 1;
}

static void
judge_not_yet(struct nj_finding *f, const struct nj_judge_chain *c, const X509 *x)
{
    char from[32];
    char now[32];

    nj_judge_day(f->cert.not_before_s, from);
    nj_judge_day(nj_judge_now(c->now_s), now);
    if (is_clock_behind(c)) {
        change(f, NJ_FINDING_CLOCK_BEHIND);
        f->end = c->is_own ? c->end : judge_of(c);
        nj_finding_cause(
            f, "the clock of %s is behind: it says %s, and %s made by then (%s was on %s)",
            f->end == NJ_END_CLIENT ? "the client" : "the broker", now,
            nj_judge_now(c->now_s) < c->passed_s ? "this program was not"
                                                 : "neither the certificates nor their CA were",
            whose(c, f->depth, x), from);
        nj_finding_mend(f, "timedatectl set-ntp true");
        return;
    }
    change(f, NJ_FINDING_NOT_YET_VALID);
    nj_finding_cause(f,
                     "%s is valid from %s on, and it is %s: the clock was ahead where it was made",
                     whose(c, f->depth, x), from, now);
    if (f->depth == 0)
        renew(f, c);
}

static void
judge_expired(struct nj_finding *f, const struct nj_judge_chain *c, const X509 *x)
{
    char to[32];
    char now[32];

    change(f, NJ_FINDING_EXPIRED);
    nj_finding_cause(f, "%s (%s) expired on %s; it is %s", whose(c, f->depth, x), f->cert.subject,
                     nj_judge_day(f->cert.not_after_s, to),
                     nj_judge_day(nj_judge_now(c->now_s), now));
    if (f->depth == 0)
        renew(f, c);
    else if (is_intermediate(c, x))
        nj_finding_mend(f, NJ_JUDGE_NEW_INTERMEDIATE);
    else
        nj_judge_mend_by_new_dates_of_ca(f, c->trusted_file);
}

static void
judge_invalid_ca(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    bool is_ca = x != NULL && (X509_get_extension_flags(x) & EXFLAG_CA) != 0;
    bool has_constraints = x != NULL && (X509_get_extension_flags(x) & EXFLAG_BCONS) != 0;

    if (is_ca) {
        change(f, NJ_FINDING_CA_MAY_NOT_SIGN);
        nj_finding_cause(f, "the CA %s may not sign certificates: its keyUsage lacks keyCertSign",
                         f->cert.subject);
    } else {
        change(f, NJ_FINDING_NOT_A_CA);
        nj_finding_cause(f, "%s signed a certificate, but is no CA itself: %s", f->cert.subject,
                         has_constraints ? "its basicConstraints say CA:FALSE"
                                         : "it has no basicConstraints that say CA:TRUE");
    }
    nj_judge_mend_by_new_authority(f, c);
}

static void
judge_path(struct nj_finding *f, const struct nj_judge_chain *c)
{
    change(f, NJ_FINDING_PATH_TOO_LONG);
    nj_finding_cause(f,
                     "the CA %s allows fewer intermediates below itself (pathlen) than there are "
                     "above %s",
                     f->cert.subject, whose(c, 0, NULL));
}

static void
judge_purpose(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    bool is_broker = c->end == NJ_END_BROKER;

    if (f->depth > 0 && x != NULL && X509_check_ca(x) == 0) {
        judge_invalid_ca(f, c, x); /* it serves no purpose, because it is no CA */
        return;
    }
    change(f, NJ_FINDING_WRONG_PURPOSE);
    nj_finding_cause(f, "%s (%s) is not for %s: its extendedKeyUsage lacks %s",
                     whose(c, f->depth, x), f->cert.subject, is_broker ? "servers" : "clients",
                     is_broker ? "serverAuth" : "clientAuth");
    reissue(f, c, c->host);
}

static void
judge_weak(struct nj_finding *f, const struct nj_judge_chain *c, enum nj_finding_id id, X509 *x)
{
    EVP_PKEY *key = x != NULL ? X509_get0_pubkey(x) : NULL;

    change(f, id);
    if (id == NJ_FINDING_WEAK_DIGEST)
        nj_finding_cause(f, "%s (%s) is signed with %s, which OpenSSL refuses at security level 2",
                         whose(c, f->depth, x), f->cert.subject,
                         x != NULL ? OBJ_nid2ln(X509_get_signature_nid(x)) : "an old digest");
    else
        nj_finding_cause(
            f, "the key in %s (%s) has %d bits; OpenSSL refuses it at security level 2",
            whose(c, f->depth, x), f->cert.subject, key != NULL ? EVP_PKEY_get_bits(key) : 0);
    if (f->depth == 0)
        reissue(f, c, c->host);
    else
        nj_judge_mend_by_new_authority(f, c);
}

static void
judge_host(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    const struct nj_judge_worn worn = worn_of(f, c, c->host);
    const char *host = c->host != NULL ? c->host : "what was typed";
    bool is_address = nj_judge_is_address(host);
    const char *kind = is_address ? "IP" : "DNS";

    if (x == NULL && c->shown_count > 0)
        x = c->shown[0];
    if (x != NULL && c->host != NULL && nj_judge_is_host_as_text(x, host)) {
        change(f, NJ_FINDING_HOST_AS_TEXT);
        nj_finding_cause(
            f,
            "the broker's certificate holds %s only as text (%s), which Mosquitto's "
            "clients accept and all others refuse; it belongs into subjectAltName as %s:%s",
            host, f->cert.names[0] != '\0' ? f->cert.names : f->cert.subject, kind, host);
    } else {
        change(f, is_address ? NJ_FINDING_HOST_ADDRESS : NJ_FINDING_HOST_NAME);
        if (f->cert.names[0] != '\0')
            nj_finding_cause(f,
                             "the broker's certificate is for %s, not for %s, by which the client "
                             "reaches it",
                             f->cert.names, host);
        else
            nj_finding_cause(f,
                             "the broker's certificate has no subjectAltName, and its subject %s "
                             "is not %s, by which the client reaches it",
                             f->cert.subject, host);
    }
    nj_judge_mend_by_names(f, &worn);
}

static void
judge_revoked(struct nj_finding *f, const struct nj_judge_chain *c, const X509 *x)
{
    change(f, NJ_FINDING_REVOKED);
    nj_finding_cause(f, "%s (%s, serial %s) is revoked by %s", whose(c, f->depth, x),
                     f->cert.subject, f->cert.serial, c->crl_file != NULL ? c->crl_file : "its CA");
    reissue(f, c, c->host);
}

/* When the list that begins last does. */
static int64_t
latest_list(const struct nj_judge_chain *c)
{
    int64_t latest = 0;

    for (size_t i = 0; i < c->crl_count; i++) {
        struct tm tm;

        if (ASN1_TIME_to_tm(X509_CRL_get0_lastUpdate(c->crls[i]), &tm) == 1)
            latest = NJ_MAX(latest, (int64_t)timegm(&tm));
    }
    return latest;
}

static void
judge_crl(struct nj_finding *f, const struct nj_judge_chain *c, int error)
{
    const char *file = c->crl_file != NULL ? c->crl_file : "the list of revoked certificates";

    (void)snprintf(f->file, sizeof(f->file), "%s", c->crl_file != NULL ? c->crl_file : "");
    f->end = judge_of(c);
    if (error == X509_V_ERR_CRL_HAS_EXPIRED || error == X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD) {
        change(f, NJ_FINDING_CRL_EXPIRED);
        nj_finding_cause(f, "%s is out of date, so %s is refused", file,
                         c->end == NJ_END_CLIENT ? "every client" : "the broker");
    } else if (error == X509_V_ERR_CRL_NOT_YET_VALID) {
        char from[32];
        char now[32];

        change(f, NJ_FINDING_CRL_NOT_YET_VALID);
        nj_finding_cause(
            f,
            "%s begins on %s, and it is %s, so %s is refused: this clock is behind, or "
            "that of who made it was ahead",
            file, nj_judge_day(latest_list(c), from), nj_judge_day(nj_judge_now(c->now_s), now),
            c->end == NJ_END_CLIENT ? "every client" : "the broker");
        nj_finding_mend(f, "timedatectl set-ntp true");
        return;
    } else {
        change(f, NJ_FINDING_NO_CRL);
        nj_finding_cause(f, "%s holds no list of the CA that signed %s (%s), so %s is refused",
                         file, whose(c, 0, NULL), f->cert.issuer,
                         c->end == NJ_END_CLIENT ? "every client of that CA" : "the broker");
        nj_judge_mend_by_crl_of(f, c->crl_file, c->trusted_file);
        return;
    }
    nj_judge_mend_by_new_crl(f, c->crl_file);
}

/* ---- the door ---- */

/* Where the certificate stands: an intermediate behind the one that is shown. */
static const char *
file_of(const struct nj_judge_chain *c, int depth, const X509 *x)
{
    bool is_shown = depth == 0 || is_intermediate(c, x);
    const char *file = is_shown ? c->shown_file : c->trusted_file;

    return file != NULL ? file : "";
}

void
nj_judge_error(struct nj_finding *out, const struct nj_judge_chain *c, int error, int depth,
               struct x509_st *x)
{
    nj_finding_init(out, NJ_FINDING_OTHER_CHECK, c->end);
    (void)snprintf(out->file, sizeof(out->file), "%s", file_of(c, depth, x));
    if (x != NULL) {
        out->depth = depth;
        nj_cert_facts_read(&out->cert, x);
    }
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        judge_no_issuer(out, c, x);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        judge_apparent_root(out, c, x);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        judge_strange_root(out, c, x);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        judge_no_root(out, c, x);
        break;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        judge_bad_signature(out, c, x);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        judge_not_yet(out, c, x);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        judge_expired(out, c, x);
        break;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        judge_invalid_ca(out, c, x);
        break;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        judge_path(out, c);
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        judge_purpose(out, c, x);
        break;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
        judge_weak(out, c, NJ_FINDING_WEAK_KEY, x);
        break;
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        judge_weak(out, c, NJ_FINDING_WEAK_CA_KEY, x);
        break;
    case X509_V_ERR_CA_MD_TOO_WEAK:
        judge_weak(out, c, NJ_FINDING_WEAK_DIGEST, x);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        judge_host(out, c, x);
        break;
    case X509_V_ERR_CERT_REVOKED:
        judge_revoked(out, c, x);
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
        judge_crl(out, c, error);
        break;
    default:
        nj_finding_cause(out, "%s does not verify: %s", whose(c, depth, x),
                         X509_verify_cert_error_string(error));
        break;
    }
}
