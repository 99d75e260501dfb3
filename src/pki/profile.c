/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/profile_priv.h"

#include <arpa/inet.h>
#include <openssl/sha.h>

static bool
put(X509 *certificate, int nid, void *value, bool is_critical)
{
    return value != NULL &&
           X509_add1_ext_i2d(certificate, nid, value, is_critical, X509V3_ADD_REPLACE) == 1;
}

/* --- each extension --- */

static bool
put_constraints(X509 *certificate, bool is_authority)
{
    BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();
    bool is_done = value != NULL;

    if (is_done && is_authority) {
        value->ca = 1;
        value->pathlen = ASN1_INTEGER_new();
        is_done = value->pathlen != NULL && ASN1_INTEGER_set(value->pathlen, 0) == 1;
    }
    is_done = is_done && put(certificate, NID_basic_constraints, value, true);
    BASIC_CONSTRAINTS_free(value);
    return is_done;
}

/* Numbers of the bits: RFC 5280, 4.2.1.3. */
enum {
    DIGITAL_SIGNATURE = 0,
    KEY_ENCIPHERMENT = 2,
    KEY_CERT_SIGN = 5,
    CRL_SIGN = 6
};

static bool
put_usage(X509 *certificate, int bit, int other_bit)
{
    ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
    bool is_done = value != NULL && ASN1_BIT_STRING_set_bit(value, bit, 1) == 1 &&
                   ASN1_BIT_STRING_set_bit(value, other_bit, 1) == 1 &&
                   put(certificate, NID_key_usage, value, true);

    ASN1_BIT_STRING_free(value);
    return is_done;
}

static bool
put_purpose(X509 *certificate, int nid)
{
    EXTENDED_KEY_USAGE *value = EXTENDED_KEY_USAGE_new();
    bool is_done = value != NULL && sk_ASN1_OBJECT_push(value, OBJ_nid2obj(nid)) > 0 &&
                   put(certificate, NID_ext_key_usage, value, false);

    EXTENDED_KEY_USAGE_free(value);
    return is_done;
}

/* SHA-1 of the public key: RFC 5280, 4.2.1.2, method 1. A name, no protection. */
static ASN1_OCTET_STRING *
key_id_of(X509 *certificate)
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    unsigned n;

    if (id != NULL && X509_pubkey_digest(certificate, EVP_sha1(), digest, &n) == 1 &&
        ASN1_OCTET_STRING_set(id, digest, (int)n) == 1)
        return id;
    ASN1_OCTET_STRING_free(id);
    return NULL;
}

static bool
put_key_id(X509 *certificate)
{
    ASN1_OCTET_STRING *id = key_id_of(certificate);
    bool is_done = put(certificate, NID_subject_key_identifier, id, false);

    ASN1_OCTET_STRING_free(id);
    return is_done;
}

/* An authority of another tool may have no identifier of its own; then what it would be. */
AUTHORITY_KEYID *
nj_profile_key_id(X509 *issuer)
{
    AUTHORITY_KEYID *value = AUTHORITY_KEYID_new();
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(issuer);

    if (value == NULL)
        return NULL;
    value->keyid = own != NULL ? ASN1_OCTET_STRING_dup(own) : key_id_of(issuer);
    if (value->keyid != NULL)
        return value;
    AUTHORITY_KEYID_free(value);
    return NULL;
}

static bool
put_issuer_key_id(X509 *certificate, X509 *issuer)
{
    AUTHORITY_KEYID *value = nj_profile_key_id(issuer);
    bool is_done = put(certificate, NID_authority_key_identifier, value, false);

    AUTHORITY_KEYID_free(value);
    return is_done;
}

/* --- names --- */

static GENERAL_NAME *
general_name(const char *name)
{
    static const struct {
        const char *prefix;
        int type;
    } kinds[] = {{"DNS:", GEN_DNS}, {"IP:", GEN_IPADD}, {"URI:", GEN_URI}, {"email:", GEN_EMAIL}};

    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        size_t n = strlen(kinds[i].prefix);

        if (strncmp(name, kinds[i].prefix, n) == 0)
            return a2i_GENERAL_NAME(NULL, NULL, NULL, kinds[i].type, name + n, 0);
    }
    return NULL;
}

enum nj_err
nj_profile_general_names(GENERAL_NAMES **out, const struct nj_names *names, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_general_names) GENERAL_NAMES *list = GENERAL_NAMES_new();

    for (unsigned i = 0; list != NULL && i < names->count; i++) {
        GENERAL_NAME *name = general_name(names->at[i]);

        if (name == NULL || sk_GENERAL_NAME_push(list, name) <= 0) {
            GENERAL_NAME_free(name);
            return nj_openssl_fail(diag, "write the names");
        }
    }
    if (list == NULL)
        return nj_openssl_fail(diag, "write the names");
    *out = list;
    list = NULL;
    return NJ_OK;
}

/* "DNS:…", from bytes that nobody has looked at; a NUL in them, or a comma, adds no second name. */
static enum nj_err
copy_text(struct nj_names *out, const char *kind, const ASN1_STRING *text, struct nj_diag *diag)
{
    struct nj_str bytes = {(const char *)ASN1_STRING_get0_data(text),
                           (size_t)ASN1_STRING_length(text)};
    char name[NJ_NAME_SIZE];

    if (bytes.n + strlen(kind) >= sizeof(name) || memchr(bytes.p, '\0', bytes.n) != NULL ||
        memchr(bytes.p, ',', bytes.n) != NULL)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "a name (%s) that is too long, or has a NUL or a comma in it", kind);
    (void)snprintf(name, sizeof(name), "%s%" NJ_STR_FMT, kind, NJ_STR_ARG(bytes));
    return nj_names_add(out, nj_str_of(name), diag);
}

static enum nj_err
copy_address(struct nj_names *out, const ASN1_OCTET_STRING *address, struct nj_diag *diag)
{
    int n = ASN1_STRING_length(address);
    char text[INET6_ADDRSTRLEN], name[INET6_ADDRSTRLEN + 4];

    if ((n != 4 && n != 16) ||
        inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text,
                  sizeof(text)) == NULL)
        return nj_diag_fail(diag, NJ_EINVAL, "an address of %d bytes", n);
    (void)snprintf(name, sizeof(name), "IP:%s", text);
    return nj_names_add(out, nj_str_of(name), diag);
}

enum nj_err
nj_profile_names(struct nj_names *out, const GENERAL_NAMES *from, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    for (int i = 0; err == NJ_OK && i < sk_GENERAL_NAME_num(from); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(from, i);

        switch (name->type) {
        case GEN_DNS:
            err = copy_text(out, "DNS:", name->d.dNSName, diag);
            break;
        case GEN_IPADD:
            err = copy_address(out, name->d.iPAddress, diag);
            break;
        case GEN_URI:
            err = copy_text(out, "URI:", name->d.uniformResourceIdentifier, diag);
            break;
        case GEN_EMAIL:
            err = copy_text(out, "email:", name->d.rfc822Name, diag);
            break;
        default:
            err = nj_diag_fail(diag, NJ_EINVAL,
                               "a name of a kind that no MQTT client compares (neither DNS, IP, "
                               "URI nor email)");
        }
    }
    return err;
}

static enum nj_err
put_names(X509 *certificate, const struct nj_names *names, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_general_names) GENERAL_NAMES *list = NULL;
    bool has_subject = X509_NAME_entry_count(X509_get_subject_name(certificate)) > 0;
    enum nj_err err;

    if (names->count == 0)
        return NJ_OK;
    err = nj_profile_general_names(&list, names, diag);
    if (err != NJ_OK)
        return err;
    return put(certificate, NID_subject_alt_name, list, !has_subject)
               ? NJ_OK
               : nj_openssl_fail(diag, "write the names");
}

/* --- profiles --- */

enum nj_err
nj_profile_authority(X509 *certificate, X509 *was, struct nj_diag *diag)
{
    const ASN1_OCTET_STRING *id = was != NULL ? X509_get0_subject_key_id(was) : NULL;
    bool is_done =
        put_constraints(certificate, true) && put_usage(certificate, KEY_CERT_SIGN, CRL_SIGN) &&
        (id != NULL ? X509_add1_ext_i2d(certificate, NID_subject_key_identifier,
                                        (void *)(uintptr_t)id, 0, X509V3_ADD_REPLACE) == 1
                    : put_key_id(certificate));

    return is_done ? NJ_OK : nj_openssl_fail(diag, "write the extensions");
}

enum nj_err
nj_profile_leaf(X509 *certificate, X509 *issuer, enum nj_issue_kind kind, bool is_small,
                const struct nj_names *names, struct nj_diag *diag)
{
    bool is_server = kind == NJ_ISSUE_SERVER;
    bool is_rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA;
    bool is_done = put_constraints(certificate, false) &&
                   put_usage(certificate, DIGITAL_SIGNATURE,
                             is_server && is_rsa ? KEY_ENCIPHERMENT : DIGITAL_SIGNATURE) &&
                   put_purpose(certificate, is_server ? NID_server_auth : NID_client_auth) &&
                   (is_small || put_key_id(certificate)) && put_issuer_key_id(certificate, issuer);

    if (!is_done)
        return nj_openssl_fail(diag, "write the extensions");
    return put_names(certificate, names, diag);
}
