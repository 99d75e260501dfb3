/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c — a chain, verified as OpenSSL does; then each error told from those that look the same.
 * OpenSSL goes on after an error as if there were none, so that a second mistake shows behind the
 * first. */
#include "pki/judge.h"

#include "base/shell.h"
#include "pki/judge_priv.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Errors of one verification. Beyond that they only repeat themselves. */
#define ERRORS_MAX 24

struct met {
    int error;
    int depth;
    X509 *at_fault; /* counted; NULL */
};

struct meeting {
    struct met at[ERRORS_MAX];
    size_t count;
};

/* ---- small questions ---- */

bool
nj_judge_is_same_name(const X509 *a, const X509 *b)
{
    return X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0;
}

bool
nj_judge_is_issuer_by_name(const X509 *of, const X509 *issuer)
{
    return X509_NAME_cmp(X509_get_issuer_name(of), X509_get_subject_name(issuer)) == 0;
}

/* Whether the key in `signer` made the signature of `of`. */
bool
nj_judge_has_signed(X509 *signer, X509 *of)
{
    EVP_PKEY *key = X509_get0_pubkey(signer);
    bool is_so = key != NULL && X509_verify(of, key) == 1;

    ERR_clear_error();
    return is_so;
}

int64_t
nj_judge_now(int64_t now_s)
{
    return now_s != 0 ? now_s : (int64_t)time(NULL);
}

static bool
is_trusted(const struct nj_judge_chain *c, const X509 *x)
{
    for (size_t i = 0; i < c->trusted_count; i++) {
        if (X509_cmp(c->trusted[i], x) == 0)
            return true;
    }
    return false;
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

const char *
nj_judge_day(int64_t at, char out[32])
{
    time_t t = (time_t)at;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        (void)snprintf(out, 32, "an impossible date");
    return out;
}

bool
nj_judge_is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* "the broker's certificate", "the CA's certificate". */
static const char *
whose(const struct nj_judge_chain *c, int depth)
{
    if (depth > 0)
        return c->end == NJ_END_BROKER ? "the CA certificate above the broker's"
                                       : "the CA certificate above the client's";
    return c->end == NJ_END_BROKER ? "the broker's certificate" : "the client's certificate";
}

/* ---- commands that mend ---- */

/* The folder that holds `path`. */
static void
folder_of(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        (void)snprintf(out, room, ".");
    else
        (void)snprintf(out, room, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* " --dir FOLDER" where the CA's key lies beside its certificate; else nothing: the command's own
 * default, or the place where the key is kept. */
static const char *
authority_option(const char *ca_file, char *out, size_t room)
{
    char folder[512];
    char key[600];
    char word[300];

    out[0] = '\0';
    if (ca_file == NULL)
        return out;
    folder_of(ca_file, folder, sizeof(folder));
    (void)snprintf(key, sizeof(key), "%s/ca.key", folder);
    if (access(key, F_OK) == 0)
        (void)snprintf(out, room, " --dir %s",
                       nj_shell_word(word, sizeof(word), nj_str_of(folder)));
    return out;
}

/* `nightjar pki server NAME …` or `client ID`: a new certificate from the authority. */
void
nj_judge_mend_reissue(struct nj_finding *f, enum nj_end end, const struct nj_cert_facts *facts,
                      const char *host, const char *ca_file)
{
    bool is_client = end == NJ_END_CLIENT;
    const char *cn = strstr(facts->subject, "CN=");
    char name[256];
    char word[300];
    char dir[320];

    (void)snprintf(name, sizeof(name), "%s", cn != NULL ? cn + 3 : "");
    name[strcspn(name, ",+ \\\"")] = '\0';
    if (!is_client && host != NULL)
        (void)snprintf(name, sizeof(name), "%s", host);
    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "%s", is_client ? "client" : "broker");
    nj_finding_mend(f, "nightjar pki %s %s --force%s", is_client ? "client" : "server",
                    nj_shell_word(word, sizeof(word), nj_str_of(name)),
                    authority_option(ca_file, dir, sizeof(dir)));
}

static void
reissue(struct nj_finding *f, const struct nj_judge_chain *c, const char *host)
{
    nj_judge_mend_reissue(f, c->end, &f->cert, host, c->trusted_file);
}

/* A CA that is of no use is made anew beside the old one, and what it signed with it. */
static void
mend_by_new_authority(struct nj_finding *f, const struct nj_judge_chain *c)
{
    const char *name = c->host != NULL ? c->host : "broker";
    char word[300];

    nj_finding_mend(f, "nightjar pki init --dir new-pki");
    nj_finding_mend_more(f, "nightjar pki server %s --dir new-pki",
                         nj_shell_word(word, sizeof(word), nj_str_of(name)));
}

/* Where a path stands as an option. */
static void
mend_by_cafile(struct nj_finding *f, const struct nj_judge_chain *c, const char *path)
{
    char word[300];

    nj_finding_mend(f,
                    c->end == NJ_END_BROKER ? "give the client: --cafile %s"
                                            : "in the broker's configuration: cafile %s",
                    nj_shell_word(word, sizeof(word), nj_str_of(path)));
}

/* ---- what an error means ---- */

static void
say_same_name(struct nj_finding *f, const struct nj_judge_chain *c)
{
    nj_finding_cause(
        f,
        "%s has the same subject as the CA that signed it (%s), so it passes for a "
        "self-signed certificate that nobody trusts, whatever CA is given and whatever "
        "the system's store holds",
        whose(c, 0), f->cert.subject);
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
                     trusted_name(c), whose(c, 0), ca.subject, nj_judge_day(ca.not_before_s, day));
    if (c->end == NJ_END_BROKER) {
        f->end = NJ_END_CLIENT;
        nj_finding_mend(f, "copy the CA certificate that is in use now from the broker's machine, "
                           "over the client's");
    } else {
        reissue(f, c, NULL);
    }
}

/* Where the CA that signed `x` lies, if it lies beside the files that are in use. */
static bool
find_issuer_file(const struct nj_judge_chain *c, X509 *x, struct nj_judge_beside *out)
{
    const char *files[] = {c->shown_file, c->trusted_file};
    char folder[512];

    for (size_t i = 0; i < NJ_COUNT_OF(files); i++) {
        if (files[i] == NULL)
            continue;
        folder_of(files[i], folder, sizeof(folder));
        if (nj_judge_look_beside(folder, x, out))
            return true;
    }
    return false;
}

static void
say_no_intermediate(struct nj_finding *f, const struct nj_judge_chain *c, const char *lies_in)
{
    char certs[300];
    char inter[300];
    const char *shown = c->shown_file != NULL ? c->shown_file : "CERTIFICATE";

    nj_finding_cause(f, "%s is signed by the intermediate %s, which %s does not send along with it",
                     whose(c, 0), f->cert.issuer,
                     c->end == NJ_END_BROKER ? "the broker" : "the client");
    if (lies_in != NULL)
        nj_finding_mend(f, "cat %s >> %s", nj_shell_word(inter, sizeof(inter), nj_str_of(lies_in)),
                        nj_shell_word(certs, sizeof(certs), nj_str_of(shown)));
    else
        nj_finding_mend(f, "append the certificate of the intermediate to %s", shown);
}

/* The issuer is not at hand: which one is it, and where should it come from? */
static void
say_unknown_issuer(struct nj_finding *f, const struct nj_judge_chain *c, const char *lies_in)
{
    char ca[300];
    struct nj_cert_facts facts = {0};

    if (c->trusted_count > 0)
        nj_cert_facts_read(&facts, c->trusted[0]);
    (void)snprintf(ca, sizeof(ca), "%s%s", facts.subject, c->trusted_count > 1 ? ", …" : "");
    nj_finding_cause(f, "%s is signed by %s, which is not in %s%s%s%s", whose(c, f->depth),
                     f->cert.issuer, trusted_name(c), ca[0] != '\0' ? " (it holds " : "", ca,
                     ca[0] != '\0' ? ")" : "");
    f->end = judge_of(c);
    if (lies_in != NULL)
        mend_by_cafile(f, c, lies_in);
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
                     trusted_name(c), whose(c, 0), f->cert.issuer);
    f->end = judge_of(c);
}

/* Whether a directory of CA certificates is one that OpenSSL can search. */
enum nj_finding_id
nj_judge_capath(const char *capath)
{
    DIR *dir = opendir(capath);
    bool has_certificates = false;
    unsigned seen = 0;

    if (dir == NULL)
        return NJ_FINDING_CAPATH_MISSING;
    for (struct dirent *e = readdir(dir); e != NULL && seen < 100000; e = readdir(dir), seen++) {
        if (strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.') {
            (void)closedir(dir);
            return NJ_FINDING_NONE;
        }
        const char *dot = strrchr(e->d_name, '.');
        if (dot != NULL &&
            (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0 || strcmp(dot, ".cer") == 0))
            has_certificates = true;
    }
    (void)closedir(dir);
    return has_certificates ? NJ_FINDING_CAPATH_UNHASHED : NJ_FINDING_NONE;
}

void
nj_judge_say_capath(struct nj_finding *f, const char *capath)
{
    char word[300];

    (void)snprintf(f->file, sizeof(f->file), "%s", capath);
    f->depth = -1;
    if (f->id == NJ_FINDING_CAPATH_MISSING) {
        nj_finding_cause(f, "the directory of CA certificates %s does not exist", capath);
        return;
    }
    nj_finding_cause(f,
                     "%s holds CA certificates, but not under the names by which OpenSSL looks for "
                     "them (the hash of the subject)",
                     capath);
    nj_finding_mend(f, "openssl rehash %s", nj_shell_word(word, sizeof(word), nj_str_of(capath)));
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

static bool
is_root_beside(const struct nj_judge_chain *c, const struct nj_judge_beside *beside)
{
    (void)c;
    return beside->is_self_signed;
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
    if (c->trusted_count == 0 && (c->capath == NULL || c->is_system_store)) {
        change(f, NJ_FINDING_CA_NOT_GIVEN);
        f->end = judge_of(c);
        if (c->end == NJ_END_BROKER)
            nj_finding_cause(f,
                             "the client was given no CA of its own, and the CA of the broker's "
                             "certificate (%s) is none of the system's",
                             f->cert.issuer);
        mend_by_cafile(f, c, "ca.crt");
        return;
    }
    bool is_beside = x != NULL && find_issuer_file(c, x, &beside);
    if (is_beside && !is_root_beside(c, &beside)) {
        change(f, NJ_FINDING_NO_INTERMEDIATE);
        say_no_intermediate(f, c, beside.path);
        return;
    }
    change(f, NJ_FINDING_UNKNOWN_ISSUER);
    say_unknown_issuer(f, c, is_beside ? beside.path : NULL);
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
    nj_finding_cause(f, "%s is signed by itself, not by a CA, and is not in %s", whose(c, 0),
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
        nj_finding_cause(f, "%s ends in the CA %s, which is not in %s", whose(c, 0),
                         f->cert.subject, trusted_name(c));
        f->end = judge_of(c);
    }
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
                     whose(c, f->depth));
}

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
judge_not_yet(struct nj_finding *f, const struct nj_judge_chain *c)
{
    char from[32];
    char now[32];

    nj_judge_day(f->cert.not_before_s, from);
    nj_judge_day(nj_judge_now(c->now_s), now);
    if (is_clock_behind(c)) {
        change(f, NJ_FINDING_CLOCK_BEHIND);
        f->end = judge_of(c);
        nj_finding_cause(f,
                         "the clock of %s is behind: it says %s, and none of the certificates, nor "
                         "their CA, was made by then (%s was on %s)",
                         f->end == NJ_END_CLIENT ? "the client" : "the broker", now,
                         whose(c, f->depth), from);
        nj_finding_mend(f, "timedatectl set-ntp true");
        return;
    }
    change(f, NJ_FINDING_NOT_YET_VALID);
    nj_finding_cause(f,
                     "%s is valid from %s on, and it is %s: the clock was ahead where it was made",
                     whose(c, f->depth), from, now);
    if (f->depth == 0)
        reissue(f, c, c->host);
}

static void
judge_expired(struct nj_finding *f, const struct nj_judge_chain *c)
{
    char to[32];
    char now[32];

    change(f, NJ_FINDING_EXPIRED);
    nj_finding_cause(f, "%s (%s) expired on %s; it is %s", whose(c, f->depth), f->cert.subject,
                     nj_judge_day(f->cert.not_after_s, to),
                     nj_judge_day(nj_judge_now(c->now_s), now));
    if (f->depth == 0)
        reissue(f, c, c->host);
    else
        nj_finding_mend(f, "nightjar pki renew --ca");
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
    mend_by_new_authority(f, c);
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

static void
judge_host(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
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
    reissue(f, c, c->host);
}

static void
judge_crl(struct nj_finding *f, const struct nj_judge_chain *c, int error)
{
    const char *file = c->crl_file != NULL ? c->crl_file : "the list of revoked certificates";
    char word[300];

    (void)snprintf(f->file, sizeof(f->file), "%s", c->crl_file != NULL ? c->crl_file : "");
    f->end = judge_of(c);
    if (error == X509_V_ERR_CRL_HAS_EXPIRED || error == X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD) {
        change(f, NJ_FINDING_CRL_EXPIRED);
        nj_finding_cause(f, "%s is out of date, so %s is refused", file,
                         c->end == NJ_END_CLIENT ? "every client" : "the broker");
    } else if (error == X509_V_ERR_CRL_NOT_YET_VALID) {
        change(f, NJ_FINDING_CRL_NOT_YET_VALID);
        nj_finding_cause(f, "%s is not valid yet, so %s is refused", file,
                         c->end == NJ_END_CLIENT ? "every client" : "the broker");
    } else {
        change(f, NJ_FINDING_NO_CRL);
        nj_finding_cause(f, "%s holds no list of the CA that signed %s (%s), so %s is refused",
                         file, whose(c, 0), f->cert.issuer,
                         c->end == NJ_END_CLIENT ? "every client of that CA" : "the broker");
    }
    nj_finding_mend(f, "nightjar pki crl");
    if (c->crl_file != NULL)
        nj_finding_mend_more(f, "cp pki/crl.pem %s",
                             nj_shell_word(word, sizeof(word), nj_str_of(c->crl_file)));
}

static void
judge_weak(struct nj_finding *f, const struct nj_judge_chain *c, enum nj_finding_id id, X509 *x)
{
    EVP_PKEY *key = x != NULL ? X509_get0_pubkey(x) : NULL;

    change(f, id);
    if (id == NJ_FINDING_WEAK_DIGEST)
        nj_finding_cause(f, "%s (%s) is signed with %s, which OpenSSL refuses at security level 2",
                         whose(c, f->depth), f->cert.subject,
                         x != NULL ? OBJ_nid2ln(X509_get_signature_nid(x)) : "an old digest");
    else
        nj_finding_cause(
            f, "the key in %s (%s) has %d bits; OpenSSL refuses it at security level 2",
            whose(c, f->depth), f->cert.subject, key != NULL ? EVP_PKEY_get_bits(key) : 0);
    if (f->depth == 0)
        reissue(f, c, c->host);
    else
        mend_by_new_authority(f, c);
}

static void
judge_revoked(struct nj_finding *f, const struct nj_judge_chain *c)
{
    change(f, NJ_FINDING_REVOKED);
    nj_finding_cause(f, "%s (%s, serial %s) is revoked by %s", whose(c, f->depth), f->cert.subject,
                     f->cert.serial, c->crl_file != NULL ? c->crl_file : "its CA");
    reissue(f, c, c->host);
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
    nj_finding_cause(f, "%s (%s) is not for %s: its extendedKeyUsage lacks %s", whose(c, f->depth),
                     f->cert.subject, is_broker ? "servers" : "clients",
                     is_broker ? "serverAuth" : "clientAuth");
    reissue(f, c, c->host);
}

static void
judge_no_root(struct nj_finding *f, const struct nj_judge_chain *c, X509 *x)
{
    struct nj_judge_beside beside;

    change(f, NJ_FINDING_NO_ROOT);
    nj_finding_cause(f, "%s holds the intermediate %s only; the root %s above it is missing",
                     trusted_name(c), f->cert.subject, f->cert.issuer);
    f->end = judge_of(c);
    if (x != NULL && find_issuer_file(c, x, &beside))
        mend_by_cafile(f, c, beside.path);
}

static void
judge_path(struct nj_finding *f, const struct nj_judge_chain *c)
{
    change(f, NJ_FINDING_PATH_TOO_LONG);
    nj_finding_cause(f,
                     "the CA %s allows fewer intermediates below itself (pathlen) than there are "
                     "above %s",
                     f->cert.subject, whose(c, 0));
}

void
nj_judge_error(struct nj_finding *out, const struct nj_judge_chain *c, int error, int depth,
               struct x509_st *x)
{
    nj_finding_init(out, NJ_FINDING_OTHER_CHECK, c->end);
    (void)snprintf(out->file, sizeof(out->file), "%s",
                   depth == 0 && c->shown_file != NULL    ? c->shown_file
                   : depth > 0 && c->trusted_file != NULL ? c->trusted_file
                                                          : "");
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
        judge_not_yet(out, c);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        judge_expired(out, c);
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
        judge_revoked(out, c);
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
        judge_crl(out, c, error);
        break;
    default:
        nj_finding_cause(out, "%s does not verify: %s", whose(c, depth),
                         X509_verify_cert_error_string(error));
        break;
    }
}

/* ---- verifying ---- */

/* Note it, and go on. */
static int
meet(int is_good, X509_STORE_CTX *ctx)
{
    struct meeting *m = X509_STORE_CTX_get_app_data(ctx);
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);

    if (is_good || m->count == ERRORS_MAX)
        return 1;
    if (x != NULL)
        (void)X509_up_ref(x);
    m->at[m->count++] = (struct met){
        .error = X509_STORE_CTX_get_error(ctx),
        .depth = X509_STORE_CTX_get_error_depth(ctx),
        .at_fault = x,
    };
    return 1;
}

static X509_STORE *
make_store(const struct nj_judge_chain *c)
{
    X509_STORE *store = X509_STORE_new();

    if (store == NULL)
        return NULL;
    for (size_t i = 0; i < c->trusted_count; i++)
        (void)X509_STORE_add_cert(store, c->trusted[i]);
    for (size_t i = 0; i < c->crl_count; i++)
        (void)X509_STORE_add_crl(store, c->crls[i]);
    if (c->is_system_store)
        (void)X509_STORE_set_default_paths(store);
    if (c->capath != NULL)
        (void)X509_STORE_load_path(store, c->capath);
    ERR_clear_error();
    return store;
}

static void
set_terms(X509_VERIFY_PARAM *terms, const struct nj_judge_chain *c)
{
    (void)X509_VERIFY_PARAM_set_purpose(terms, c->end == NJ_END_BROKER ? X509_PURPOSE_SSL_SERVER
                                                                       : X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_auth_level(terms, 2);
    X509_VERIFY_PARAM_set_time(terms, (time_t)nj_judge_now(c->now_s));
    if (c->crl_count > 0)
        (void)X509_VERIFY_PARAM_set_flags(terms, X509_V_FLAG_CRL_CHECK);
    if (c->host != NULL && c->end == NJ_END_BROKER &&
        X509_VERIFY_PARAM_set1_ip_asc(terms, c->host) != 1)
        (void)X509_VERIFY_PARAM_set1_host(terms, c->host, 0);
}

static void
verify(const struct nj_judge_chain *c, struct meeting *m)
{
    X509_STORE *store = make_store(c);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *more = sk_X509_new_null();

    for (size_t i = 1; more != NULL && i < c->shown_count; i++)
        (void)sk_X509_push(more, c->shown[i]);
    if (store != NULL && ctx != NULL && more != NULL &&
        X509_STORE_CTX_init(ctx, store, c->shown[0], more) == 1) {
        set_terms(X509_STORE_CTX_get0_param(ctx), c);
        (void)X509_STORE_CTX_set_app_data(ctx, m);
        X509_STORE_CTX_set_verify_cb(ctx, meet);
        (void)X509_verify_cert(ctx);
    }
    sk_X509_free(more);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
}

/* Errors that are there only because the chain could not be built. */
static bool
is_consequence(const struct met *e)
{
    return e->error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           e->error == X509_V_ERR_UNABLE_TO_GET_CRL;
}

static bool
is_broken_chain(const struct meeting *m)
{
    for (size_t i = 0; i < m->count; i++) {
        switch (m->at[i].error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return true;
        default:
            break;
        }
    }
    return false;
}

void
nj_judge_keep(struct nj_findings *out, const struct nj_finding *f)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct nj_finding *old = &out->at[i];

        if (old->id == f->id && old->end == f->end &&
            strcmp(old->cert.serial, f->cert.serial) == 0 &&
            strcmp(old->cert.issuer, f->cert.issuer) == 0)
            return;
    }
    struct nj_finding *place = nj_findings_add(out, f->id, f->end);
    if (place != NULL)
        *place = *f;
}

void
nj_judge_chain(struct nj_findings *out, const struct nj_judge_chain *c)
{
    struct meeting m = {.count = 0};
    struct nj_finding f;

    if (c->shown_count == 0)
        return;
    verify(c, &m);
    bool is_broken = is_broken_chain(&m);
    for (size_t i = 0; i < m.count; i++) {
        if (!(is_broken && is_consequence(&m.at[i]))) {
            nj_judge_error(&f, c, m.at[i].error, m.at[i].depth, m.at[i].at_fault);
            nj_judge_keep(out, &f);
        }
        X509_free(m.at[i].at_fault);
    }
}
