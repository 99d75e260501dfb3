/* SPDX-License-Identifier: Apache-2.0 */
/* judge_alert.c — an alert is a number behind which several mistakes hide. What they may be, most
 * likely first; measured with the mistakes of a lab and clients and brokers on OpenSSL. Whoever
 * refused looked at what we showed: so the mistake is in our certificate, or in what the other side
 * was given to judge it by. For who sees no more than the alert, sniff/payload/tls_cause.def says
 * it in a sentence: what is measured anew belongs into both. */
#include "pki/judge.h"

#include <openssl/ssl.h> /* the numbers of alerts */

#define CAUSES 13

struct meaning {
    int alert;
    uint8_t causes[CAUSES]; /* enum nj_finding_id; NJ_FINDING_NONE ends it */
};

#define F(name) NJ_FINDING_##name

/* A chain that was refused, whoever showed it. */
static const struct meaning of_chain[] = {
    {TLS1_AD_UNKNOWN_CA,
     {F(UNKNOWN_ISSUER), F(SAME_NAME_AS_CA), F(OTHER_CA_OF_THIS_NAME), F(SELF_SIGNED),
      F(NO_INTERMEDIATE), F(CA_NOT_GIVEN), F(CAPATH_UNHASHED), F(LEAF_AS_CA), F(NO_ROOT),
      F(PATH_TOO_LONG), F(NOT_A_CA), F(CA_MAY_NOT_SIGN), F(NO_CRL)}},
    /* A list ends every month by itself; a clock is seldom ahead, and by more than is left. */
    {SSL3_AD_CERTIFICATE_EXPIRED, {F(EXPIRED), F(CRL_EXPIRED), F(CLOCK_AHEAD)}},
    {SSL3_AD_BAD_CERTIFICATE,
     {F(HOST_NAME), F(HOST_ADDRESS), F(NOT_YET_VALID), F(CLOCK_BEHIND), F(WEAK_KEY), F(WEAK_DIGEST),
      F(WEAK_CA_KEY)}},
    {SSL3_AD_CERTIFICATE_REVOKED, {F(REVOKED)}},
    {SSL3_AD_UNSUPPORTED_CERTIFICATE, {F(WRONG_PURPOSE)}},
    {SSL3_AD_CERTIFICATE_UNKNOWN,
     {F(UNKNOWN_ISSUER), F(HOST_NAME), F(HOST_ADDRESS), F(EXPIRED), F(SAME_NAME_AS_CA)}},
    {TLS1_AD_DECRYPT_ERROR, {F(OTHER_CA_OF_THIS_NAME), F(WRONG_KEY), F(WRONG_PSK)}},
    {TLS1_AD_INTERNAL_ERROR, {F(HOST_NAME), F(HOST_ADDRESS), F(WEAK_CA_KEY), F(NO_SIGNATURE)}},
};

/* What both sides must agree on. */
static const struct meaning of_terms[] = {
    {TLS13_AD_CERTIFICATE_REQUIRED, {F(NO_CERTIFICATE)}},
    {TLS1_AD_PROTOCOL_VERSION, {F(NO_VERSION)}},
    {SSL3_AD_HANDSHAKE_FAILURE, {F(NO_CIPHER), F(NO_CERTIFICATE), F(NO_SIGNATURE), F(NO_PSK)}},
    {TLS1_AD_INSUFFICIENT_SECURITY, {F(NO_CIPHER), F(NO_SIGNATURE)}},
    {TLS1_AD_NO_APPLICATION_PROTOCOL, {F(NO_PROTOCOL)}},
    {TLS1_AD_UNKNOWN_PSK_IDENTITY, {F(UNKNOWN_IDENTITY), F(WRONG_PSK)}},
    {SSL3_AD_UNEXPECTED_MESSAGE, {F(MALFORMED)}},
    {SSL3_AD_BAD_RECORD_MAC, {F(MALFORMED), F(WRONG_PSK)}},
    {TLS1_AD_DECODE_ERROR, {F(MALFORMED)}},
    {TLS1_AD_RECORD_OVERFLOW, {F(MALFORMED)}},
    {SSL3_AD_ILLEGAL_PARAMETER, {F(MALFORMED), F(NO_VERSION)}},
};

/* The same from a broker to which a pre-shared key was offered. */
static const struct meaning of_key[] = {
    {SSL3_AD_ILLEGAL_PARAMETER, {F(WRONG_PSK)}}, /* TLS 1.3: it knows the identity */
    {SSL3_AD_BAD_RECORD_MAC, {F(WRONG_PSK)}},
    {TLS1_AD_DECRYPT_ERROR, {F(WRONG_PSK)}},
    {TLS1_AD_UNKNOWN_PSK_IDENTITY, {F(UNKNOWN_IDENTITY)}},
    {SSL3_AD_HANDSHAKE_FAILURE, {F(UNKNOWN_IDENTITY), F(NO_PSK), F(NO_CIPHER)}},
};

/* Whether this cause can be behind what a side saw that is `self`. Names are compared by clients
 * only; a client without CA is a broker's with its system's, and lists of the revoked are kept by
 * brokers. */
static bool
is_possible(enum nj_finding_id id, const struct nj_judge_alert *seen)
{
    bool is_by_client = seen->self == NJ_END_BROKER;

    switch (id) {
    case NJ_FINDING_HOST_NAME:
    case NJ_FINDING_HOST_ADDRESS:
        return is_by_client;
    case NJ_FINDING_CRL_EXPIRED:
    case NJ_FINDING_NO_CRL:
        return !is_by_client;
    case NJ_FINDING_SAME_NAME_AS_CA:
    case NJ_FINDING_SELF_SIGNED:
        return !seen->shows_issued;
    case NJ_FINDING_NO_INTERMEDIATE:
        return !seen->shows_chain;
    case NJ_FINDING_NO_CERTIFICATE: /* TLS 1.3 has an alert of its own for that */
        return !is_by_client && !seen->showed_certificate &&
               (seen->alert == TLS13_AD_CERTIFICATE_REQUIRED || seen->asked_certificate);
    default:
        return true;
    }
}

/* Whose mistake it is to mend: what was shown is ours; by what it was judged, the other's. */
static enum nj_end
end_of(enum nj_finding_id id, const struct nj_judge_alert *seen)
{
    enum nj_end other = seen->self == NJ_END_CLIENT ? NJ_END_BROKER : NJ_END_CLIENT;

    switch (id) {
    case NJ_FINDING_CA_NOT_GIVEN:
    case NJ_FINDING_CAPATH_UNHASHED:
    case NJ_FINDING_CAPATH_MISSING:
    case NJ_FINDING_CLOCK_BEHIND:
    case NJ_FINDING_CLOCK_AHEAD:
    case NJ_FINDING_WEAK_CA_KEY: /* it cannot even build the chain that it shows itself */
        return other;
    default:
        return seen->self;
    }
}

static void
add_guess(struct nj_findings *out, enum nj_finding_id id, enum nj_end end)
{
    struct nj_finding *f = nj_findings_add(out, id, end);

    if (f != NULL)
        f->is_guess = true;
}

static bool
add_meaning(struct nj_findings *out, const struct meaning *table, size_t n,
            const struct nj_judge_alert *seen)
{
    for (size_t i = 0; i < n; i++) {
        if (table[i].alert != seen->alert)
            continue;
        for (size_t k = 0; k < CAUSES && table[i].causes[k] != NJ_FINDING_NONE; k++) {
            if (is_possible(table[i].causes[k], seen))
                add_guess(out, table[i].causes[k], end_of(table[i].causes[k], seen));
        }
        return true;
    }
    return false;
}

/* The connection ended, and nobody said why. */
static void
add_silence(struct nj_findings *out, const struct nj_judge_alert *seen)
{
    bool is_client = seen->self == NJ_END_CLIENT;

    if (!is_client && seen->heard_nothing) {
        add_guess(out, NJ_FINDING_SCAN, NJ_END_CLIENT);
        add_guess(out, NJ_FINDING_GAVE_UP, NJ_END_CLIENT);
        return;
    }
    if (is_client && seen->heard_nothing)
        add_guess(out, NJ_FINDING_TLS_ON_PLAIN, NJ_END_BROKER);
    /* The broker judges the client's certificate after the client has finished (TLS 1.3); where
     * its alert is lost, only the end is seen. */
    if (is_client && seen->was_open && seen->showed_certificate) {
        add_guess(out, NJ_FINDING_UNKNOWN_ISSUER, NJ_END_CLIENT);
        add_guess(out, NJ_FINDING_EXPIRED, NJ_END_CLIENT);
        add_guess(out, NJ_FINDING_REVOKED, NJ_END_CLIENT);
    } else if (is_client && seen->was_open) {
        add_guess(out, NJ_FINDING_NO_CERTIFICATE, NJ_END_CLIENT);
    } else if (!(is_client && seen->heard_nothing)) {
        add_guess(out, NJ_FINDING_GAVE_UP, is_client ? NJ_END_BROKER : NJ_END_CLIENT);
    }
}

void
nj_judge_alert(struct nj_findings *out, const struct nj_judge_alert *seen)
{
    if (seen->alert < 0)
        add_silence(out, seen);
    else if (seen->offered_key && add_meaning(out, of_key, NJ_COUNT_OF(of_key), seen))
        return;
    else if (!add_meaning(out, of_chain, NJ_COUNT_OF(of_chain), seen) &&
             !add_meaning(out, of_terms, NJ_COUNT_OF(of_terms), seen))
        add_guess(out, NJ_FINDING_OTHER_CHECK, seen->self);
}
