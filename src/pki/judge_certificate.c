/* SPDX-License-Identifier: Apache-2.0 */
/* judge_certificate.c — small questions about one certificate: its names, its signature, its dates.
 */
#include "pki/judge_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool
nj_judge_is_issuer_by_name(const X509 *of, const X509 *issuer)
{
    return X509_NAME_cmp(X509_get_issuer_name(of), X509_get_subject_name(issuer)) == 0;
}

bool
nj_judge_has_signed(X509 *signer, X509 *of)
{
    EVP_PKEY *key = X509_get0_pubkey(signer);
    bool is_so = key != NULL && X509_verify(of, key) == 1;

    ERR_clear_error();
    return is_so;
}

bool
nj_judge_is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* Mosquitto's clients compare the text that was typed with DNS names, and with the common name
 * where there is none of those. */
bool
nj_judge_is_host_as_text(X509 *x, const char *host)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool has_dns = false;
    bool is_there = false;
    char cn[256];

    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        has_dns = true;
        if ((size_t)ASN1_STRING_length(name->d.dNSName) == strlen(host) &&
            strncasecmp((const char *)ASN1_STRING_get0_data(name->d.dNSName), host, strlen(host)) ==
                0)
            is_there = true;
    }
    GENERAL_NAMES_free(names);
    if (!has_dns &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn)) > 0)
        is_there = strcasecmp(cn, host) == 0;
    ERR_clear_error();
    return is_there;
}

int64_t
nj_judge_now(int64_t now_s)
{
    return now_s != 0 ? now_s : (int64_t)time(NULL);
}

const char *
nj_judge_day(int64_t at, char out[32])
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        (void)snprintf(out, 32, "an impossible date");
    return out;
}
