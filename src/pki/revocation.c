/* SPDX-License-Identifier: Apache-2.0 */
/* revocation.c — what is no longer to be trusted: entered in the index, and told to the brokers in
 * crl.pem. And what the index says, line by line. */
#include "pki/authority_priv.h"

#include "base/save.h"
#include "pki/file.h"
#include "pki/key_priv.h"
#include "pki/profile_priv.h"

#include <openssl/pem.h>
#include <strings.h>
#include <unistd.h>

#define DAY_S 86400

/* RFC 5280, 5.3.1, as openssl writes them. */
static const struct {
    const char *name;
    int number;
} reasons[] = {
    {"unspecified", 0},        {"keyCompromise", 1}, {"CACompromise", 2},
    {"affiliationChanged", 3}, {"superseded", 4},    {"cessationOfOperation", 5},
};

/* The name as it is written; NULL: there is none of that name. */
static const char *
find_reason(struct nj_str name, int *number)
{
    for (size_t i = 0; i < NJ_COUNT_OF(reasons); i++) {
        if (strlen(reasons[i].name) == name.n &&
            strncasecmp(reasons[i].name, name.p, name.n) == 0) {
            *number = reasons[i].number;
            return reasons[i].name;
        }
    }
    return NULL;
}

/* --- the index, for people --- */

const char *
nj_issued_state_text(enum nj_issued_state state)
{
    switch (state) {
    case NJ_ISSUED_GOOD:
        return "good";
    case NJ_ISSUED_REPLACED:
        return "replaced";
    case NJ_ISSUED_EXPIRED:
        return "expired";
    case NJ_ISSUED_REVOKED:
        return "revoked";
    }
    return "unknown";
}

size_t
nj_authority_count(const struct nj_authority *authority)
{
    return authority->ledger.count;
}

/* Is there a later one in the same file? */
static bool
is_replaced(const struct nj_ca_ledger *ledger, size_t i)
{
    struct nj_str file = ledger->line[i].column[NJ_LEDGER_FILE];

    if (nj_str_eq(file, NJ_STR("unknown")))
        return false;
    for (size_t k = i + 1; k < ledger->count; k++) {
        if (nj_str_eq(ledger->line[k].column[NJ_LEDGER_FILE], file))
            return true;
    }
    return false;
}

struct nj_issued_row
nj_authority_row(const struct nj_authority *authority, size_t i)
{
    const struct nj_str *column = authority->ledger.line[i].column;
    struct nj_str reason = column[NJ_LEDGER_REVOKED];
    struct nj_str revoked = nj_str_cut(&reason, ',');
    struct nj_issued_row row = {
        .serial = column[NJ_LEDGER_SERIAL],
        .file = column[NJ_LEDGER_FILE],
        .subject = column[NJ_LEDGER_SUBJECT],
        .expires = nj_ca_ledger_time(column[NJ_LEDGER_END]),
        .is_last = !is_replaced(&authority->ledger, i),
        .reason = reason,
    };

    if (column[NJ_LEDGER_STATE].p[0] == 'R') {
        row.state = NJ_ISSUED_REVOKED;
        row.revoked = nj_ca_ledger_time(revoked);
    } else if (row.expires <= time(NULL)) {
        row.state = NJ_ISSUED_EXPIRED;
    } else {
        row.state = row.is_last ? NJ_ISSUED_GOOD : NJ_ISSUED_REPLACED;
    }
    return row;
}

/* --- the CRL --- */

static enum nj_err
read_crl(X509_CRL **out, const char *path)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CRL, .is_der_good = true};
    struct nj_pki_file file;
    enum nj_err err = nj_pki_file_read(&file, path, &opts, NULL);

    if (err == NJ_OK) {
        *out = file.crls[0];
        (void)X509_CRL_up_ref(*out);
    }
    nj_pki_file_fini(&file);
    return err;
}

time_t
nj_authority_crl_expires(const struct nj_authority *authority)
{
    NJ_CLEANUP(nj_drop_crl) X509_CRL *crl = NULL;
    char path[NJ_WHERE_SIZE];

    nj_authority_path(authority, path, NULL, "crl.pem");
    if (read_crl(&crl, path) != NJ_OK || X509_CRL_get0_nextUpdate(crl) == NULL)
        return 0;
    return nj_certificate_time(X509_CRL_get0_nextUpdate(crl));
}

/* One more than the last list's. */
static bool
put_number(X509_CRL *crl, const char *path)
{
    NJ_CLEANUP(nj_drop_crl) X509_CRL *last = NULL;
    NJ_CLEANUP(nj_drop_bn) BIGNUM *next = BN_new();
    ASN1_INTEGER *number = NULL;
    bool is_done;

    if (read_crl(&last, path) == NJ_OK)
        number = X509_CRL_get_ext_d2i(last, NID_crl_number, NULL, NULL);
    if (next != NULL && number != NULL)
        (void)ASN1_INTEGER_to_BN(number, next);
    ASN1_INTEGER_free(number);
    number = NULL;
    if (next != NULL && BN_add_word(next, 1) == 1)
        number = BN_to_ASN1_INTEGER(next, NULL);
    is_done = number != NULL &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(number);
    return is_done;
}

static bool
put_issuer(struct nj_authority *a, X509_CRL *crl)
{
    AUTHORITY_KEYID *id = nj_profile_key_id(a->certificate);
    bool is_done = id != NULL && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0,
                                                       X509V3_ADD_DEFAULT) == 1;

    AUTHORITY_KEYID_free(id);
    return is_done;
}

static bool
put_reason(X509_REVOKED *entry, struct nj_str reason)
{
    ASN1_ENUMERATED *value;
    int number = 0;
    bool is_done;

    if (find_reason(reason, &number) == NULL || number == 0)
        return true;
    value = ASN1_ENUMERATED_new();
    is_done = value != NULL && ASN1_ENUMERATED_set(value, number) == 1 &&
              X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, value, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_ENUMERATED_free(value);
    return is_done;
}

static bool
put_entry(X509_CRL *crl, const struct nj_issued_row *row)
{
    char digits[NJ_SERIAL_SIZE];
    NJ_CLEANUP(nj_drop_bn) BIGNUM *number = NULL;
    NJ_CLEANUP(nj_drop_time) ASN1_TIME *when = ASN1_TIME_set(NULL, row->revoked);
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = NULL;
    bool is_done;

    (void)snprintf(digits, sizeof(digits), "%" NJ_STR_FMT, NJ_STR_ARG(row->serial));
    if (BN_hex2bn(&number, digits) > 0)
        serial = BN_to_ASN1_INTEGER(number, NULL);
    is_done = serial != NULL && when != NULL && entry != NULL &&
              X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
              X509_REVOKED_set_revocationDate(entry, when) == 1 && put_reason(entry, row->reason) &&
              X509_CRL_add0_revoked(crl, entry) == 1;
    ASN1_INTEGER_free(serial);
    if (!is_done)
        X509_REVOKED_free(entry);
    return is_done;
}

static bool
put_entries(struct nj_authority *a, X509_CRL *crl)
{
    for (size_t i = 0; i < a->ledger.count; i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        if (row.state == NJ_ISSUED_REVOKED && !put_entry(crl, &row))
            return false;
    }
    return X509_CRL_sort(crl) == 1;
}

static bool
put_dates(X509_CRL *crl, time_t until)
{
    NJ_CLEANUP(nj_drop_time) ASN1_TIME *from = ASN1_TIME_set(NULL, time(NULL));
    NJ_CLEANUP(nj_drop_time) ASN1_TIME *to = ASN1_TIME_set(NULL, until);

    return from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
           X509_CRL_set1_nextUpdate(crl, to) == 1;
}

enum nj_err
nj_authority_write_crl(struct nj_authority *authority, unsigned days, struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_crl) X509_CRL *crl = X509_CRL_new();
    NJ_CLEANUP(nj_drop_bio) BIO *bio = BIO_new(BIO_s_mem());
    time_t until = nj_authority_expires(authority);
    char path[NJ_WHERE_SIZE];
    enum nj_err err = nj_authority_unlock(authority, diag);

    if (err != NJ_OK)
        return err;
    nj_authority_path(authority, path, NULL, "crl.pem");
    if (days != 0)
        until = NJ_MIN(until, time(NULL) + (time_t)days * DAY_S);
    if (crl == NULL || bio == NULL || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority->certificate)) != 1 ||
        !put_dates(crl, until) || !put_issuer(authority, crl) || !put_number(crl, path) ||
        !put_entries(authority, crl) ||
        X509_CRL_sign(crl, authority->key, nj_key_hash(authority->key)) == 0 ||
        PEM_write_bio_X509_CRL(bio, crl) != 1)
        return nj_openssl_fail(diag, "make the revocation list");
    nj_explain_crl(&authority->explain, crl, authority->key);
    return nj_save(path, nj_bio_str(bio), NJ_SAVE_PUBLIC, true, diag);
}

/* --- revoking --- */

/* NAME or hosts/NAME for hosts/NAME/server.crt; and so for clients. */
static bool
is_in(struct nj_str file, const char *folder, const char *ending, const char *which)
{
    size_t n = strlen(folder);
    char path[NJ_WHERE_SIZE];

    (void)snprintf(path, sizeof(path), "%s%s%s", folder,
                   strncmp(which, folder, n) == 0 ? which + n : which, ending);
    return nj_str_eq(file, nj_str_of(path));
}

static bool
is_named(struct nj_str file, const char *which)
{
    return is_in(file, "hosts/", "/server.crt", which) ||
           is_in(file, "clients/", "/client.crt", which);
}

/* The serial number of a certificate in a file, or `which` itself. */
static void
read_serial(const char *which, char out[NJ_SERIAL_SIZE])
{
    NJ_CLEANUP(nj_drop_x509) X509 *certificate = NULL;

    (void)snprintf(out, NJ_SERIAL_SIZE, "%s", which);
    if (access(which, R_OK) == 0 && nj_certificate_read(&certificate, which, NULL) == NJ_OK)
        nj_serial_print(X509_get0_serialNumber(certificate), out);
}

static bool
is_meant(const struct nj_issued_row *row, const char *which, const char *serial)
{
    return is_named(row->file, which) || (strlen(serial) == row->serial.n &&
                                          strncasecmp(serial, row->serial.p, row->serial.n) == 0);
}

static bool
is_good(const struct nj_issued_row *row)
{
    return row->state == NJ_ISSUED_GOOD || row->state == NJ_ISSUED_REPLACED;
}

/* A host and a client may share a name: what is meant has to be said. */
static enum nj_err
refuse_ambiguous(struct nj_authority *a, const char *which, struct nj_diag *diag)
{
    bool is_host = false, is_client = false;

    if (strchr(which, '/') != NULL)
        return NJ_OK;
    for (size_t i = 0; i < a->ledger.count; i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        if (is_good(&row) && is_meant(&row, which, "")) {
            is_host = is_host || nj_str_starts(row.file, NJ_STR("hosts/"));
            is_client = is_client || nj_str_starts(row.file, NJ_STR("clients/"));
        }
    }
    if (!is_host || !is_client)
        return NJ_OK;
    nj_diag_hint(diag, "Say which: hosts/%s or clients/%s.", which, which);
    return nj_diag_fail(diag, NJ_EINVAL, "there are a host and a client called %s", which);
}

/* Entered in the index, and not in the list: the command was killed in between. */
static bool
is_unlisted(X509_CRL *crl, const struct nj_issued_row *row)
{
    NJ_CLEANUP(nj_drop_bn) BIGNUM *number = NULL;
    X509_REVOKED *entry = NULL;
    ASN1_INTEGER *serial;
    char digits[NJ_SERIAL_SIZE];

    if (row->state != NJ_ISSUED_REVOKED)
        return false;
    (void)snprintf(digits, sizeof(digits), "%" NJ_STR_FMT, NJ_STR_ARG(row->serial));
    serial = BN_hex2bn(&number, digits) > 0 ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    if (crl != NULL && serial != NULL)
        (void)X509_CRL_get0_by_serial(crl, &entry, serial);
    ASN1_INTEGER_free(serial);
    return entry == NULL;
}

static enum nj_err
revoke_all(struct nj_authority *a, const char *which, const char *reason, unsigned *count,
           struct nj_diag *diag)
{
    NJ_CLEANUP(nj_drop_crl) X509_CRL *crl = NULL;
    char serial[NJ_SERIAL_SIZE], path[NJ_WHERE_SIZE], option[NJ_DIR_OPTION_SIZE];
    unsigned n = 0;

    nj_authority_path(a, path, NULL, "crl.pem");
    (void)!read_crl(&crl, path);
    read_serial(which, serial);
    for (size_t i = 0; i < a->ledger.count; i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        if (!is_meant(&row, which, serial) || (!is_good(&row) && !is_unlisted(crl, &row)))
            continue;
        if (is_good(&row) && nj_ca_ledger_revoke(&a->ledger.line[i], time(NULL), reason) != NJ_OK)
            return nj_diag_fail(diag, NJ_ENOMEM, "no memory for the index");
        n++;
    }
    if (n == 0) {
        nj_diag_hint(diag, "`nightjar pki list%s` shows what there is.",
                     nj_authority_dir_option(a->dir, option));
        return nj_diag_fail(diag, NJ_ENOENT, "no certificate of '%s' is good now", which);
    }
    *count = n;
    return NJ_OK;
}

enum nj_err
nj_authority_revoke(struct nj_authority *authority, const char *which, const char *reason,
                    unsigned days, unsigned *count, struct nj_diag *diag)
{
    int number;
    enum nj_err err;

    if (reason != NULL) {
        const char *name = find_reason(nj_str_of(reason), &number);

        if (name == NULL) {
            nj_diag_hint(diag, "unspecified, keyCompromise, CACompromise, affiliationChanged, "
                               "superseded, cessationOfOperation");
            return nj_diag_fail(diag, NJ_EINVAL, "'%s' is no reason that a CRL knows", reason);
        }
        reason = name;
    }
    err = refuse_ambiguous(authority, which, diag);
    if (err == NJ_OK)
        err = nj_authority_unlock(authority, diag);
    if (err == NJ_OK)
        err = revoke_all(authority, which, reason, count, diag);
    if (err == NJ_OK)
        err = nj_authority_save_index(authority, diag);
    return err == NJ_OK ? nj_authority_write_crl(authority, days, diag) : err;
}
