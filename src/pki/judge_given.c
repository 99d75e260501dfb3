/* SPDX-License-Identifier: Apache-2.0 */
/* judge_given.c — what one end was given, file by file: can it be read, by whom, is it what it
 * should be, do certificate and key belong together? */
#include "base/rights.h"
#include "base/shell.h"
#include "pki/judge_side_priv.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum nj_finding_id
id_of(enum nj_file_fault fault)
{
    switch (fault) {
    case NJ_FILE_GOOD:
        return NJ_FINDING_NONE;
    case NJ_FILE_MISSING:
        return NJ_FINDING_FILE_MISSING;
    case NJ_FILE_UNREADABLE:
        return NJ_FINDING_FILE_UNREADABLE;
    case NJ_FILE_NOT_REGULAR:
        return NJ_FINDING_FILE_NOT_REGULAR;
    case NJ_FILE_TOO_LARGE:
        return NJ_FINDING_FILE_TOO_LARGE;
    case NJ_FILE_EMPTY:
        return NJ_FINDING_FILE_EMPTY;
    case NJ_FILE_DER:
        return NJ_FINDING_FILE_DER;
    case NJ_FILE_OTHER_KIND:
        return NJ_FINDING_FILE_OTHER_KIND;
    case NJ_FILE_FOREIGN:
        return NJ_FINDING_FILE_FOREIGN;
    case NJ_FILE_BROKEN:
        return NJ_FINDING_FILE_BROKEN;
    case NJ_FILE_ENCRYPTED:
        return NJ_FINDING_KEY_ENCRYPTED;
    case NJ_FILE_PASSPHRASE:
        return NJ_FINDING_KEY_PASSPHRASE;
    }
    return NJ_FINDING_FILE_FOREIGN;
}

void
nj_judge_place(struct nj_finding *f, const char *path)
{
    (void)snprintf(f->file, sizeof(f->file), "%s", path);
}

void
nj_judge_side_reissue(struct nj_finding *f, const struct nj_judge_side *s)
{
    X509 *x = s->certificate.certificates[0];
    const struct nj_judge_worn worn = {.end = s->end,
                                       .facts = &f->cert,
                                       .certfile = s->given->certfile,
                                       .ca_file = s->given->cafile,
                                       .is_named_as_ca = nj_judge_is_issuer_by_name(x, x) &&
                                                         !nj_judge_has_signed(x, x)};

    nj_judge_mend_by_reissue(f, &worn);
}

static bool
is_said(const struct nj_findings *out, enum nj_finding_id id, const char *path)
{
    for (size_t i = 0; i < out->count; i++) {
        if (out->at[i].id == id && strcmp(out->at[i].file, path) == 0)
            return true;
    }
    return false;
}

/* Read one file of `kind`; what is wrong with it becomes a finding. */
static bool
read_file(struct nj_findings *out, const struct nj_judge_side *s, struct nj_pki_file *file,
          const char *path, enum nj_pki_kind kind)
{
    const struct nj_pki_file_opts opts = {
        .wanted = kind,
        .passphrase = s->given->passphrase,
        .passphrase_ctx = s->given->passphrase_ctx,
    };
    struct nj_diag diag = {0};

    if (path == NULL)
        return false;
    enum nj_err err = nj_pki_file_read(file, path, &opts, &diag);
    if (err == NJ_OK)
        return true;
    struct nj_finding *f = is_said(out, id_of(file->fault), path)
                               ? NULL
                               : nj_findings_add(out, id_of(file->fault), s->end);
    if (f == NULL)
        return false;
    nj_judge_place(f, path);
    nj_finding_cause(f, "%s", diag.text);
    if (diag.hint[0] != '\0')
        nj_finding_mend(f, "%s", diag.hint);
    if (f->id == NJ_FINDING_KEY_PASSPHRASE && s->end == NJ_END_CLIENT)
        nj_finding_mend_more(f, "or put the right passphrase into NIGHTJAR_KEY_PASSWORD");
    return false;
}

static bool
is_swapped(const struct nj_judge_side *s)
{
    return s->certificate.fault == NJ_FILE_OTHER_KIND && s->key.fault == NJ_FILE_OTHER_KIND &&
           (s->certificate.holds & NJ_PKI_KEY) && (s->key.holds & NJ_PKI_CERTIFICATE);
}

static const char *
option(const struct nj_judge_side *s, const char *of_broker, const char *of_client)
{
    return s->end == NJ_END_BROKER ? of_broker : of_client;
}

/* Two findings about a swapped pair are one. */
static void
say_swapped(struct nj_findings *out, const struct nj_judge_side *s)
{
    struct nj_finding *f = &out->at[out->count - 2];
    char a[300];
    char b[300];

    out->count--;
    nj_finding_cause(f, "certificate and key are swapped: %s holds the key, %s the certificate",
                     s->given->certfile, s->given->keyfile);
    if (s->end == NJ_END_BROKER) /* in its configuration a quote would belong to the path */
        nj_finding_mend(f, "certfile %s\nkeyfile %s", s->given->keyfile, s->given->certfile);
    else
        nj_finding_mend(f, "--cert %s --key %s",
                        nj_shell_word(a, sizeof(a), nj_str_of(s->given->keyfile)),
                        nj_shell_word(b, sizeof(b), nj_str_of(s->given->certfile)));
}

static void
check_rights(struct nj_findings *out, const struct nj_judge_side *s)
{
    char word[300];
    char user[300];

    if ((s->key.mode & (S_IROTH | S_IWOTH)) == 0)
        return;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_KEY_EXPOSED, s->end);
    if (f == NULL)
        return;
    nj_judge_place(f, s->given->keyfile);
    nj_finding_cause(f, "every user of this machine can read the private key %s: its mode is %04o",
                     s->given->keyfile, (unsigned)s->key.mode & 07777u);
    (void)nj_shell_word(word, sizeof(word), nj_str_of(s->given->keyfile));
    if (s->given->user != NULL) /* whom it would shut out */
        nj_finding_mend(f, "chown %s %s",
                        nj_shell_word(user, sizeof(user), nj_str_of(s->given->user)), word);
    if (s->given->user != NULL)
        nj_finding_mend_more(f, "chmod 600 %s", word);
    else
        nj_finding_mend(f, "chmod 600 %s", word);
}

void
nj_judge_reader(struct nj_findings *out, const char *user, const char *path)
{
    char at[256];
    char word[300];
    char to[300];

    if (user == NULL || path == NULL || is_said(out, NJ_FINDING_FILE_OF_ANOTHER, path) ||
        nj_rights_may(user, path, R_OK, at, sizeof(at)))
        return;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_FILE_OF_ANOTHER, NJ_END_BROKER);
    if (f == NULL)
        return;
    nj_judge_place(f, path);
    (void)nj_shell_word(word, sizeof(word), nj_str_of(path));
    if (strcmp(at, path) == 0) {
        nj_finding_cause(f,
                         "the broker becomes the user %s, who may not read %s: Mosquitto does not "
                         "start, and no broker can load it again",
                         user, path);
        nj_finding_mend(f, "chown %s %s", nj_shell_word(to, sizeof(to), nj_str_of(user)), word);
    } else {
        nj_finding_cause(f,
                         "the broker becomes the user %s, who may not enter %s, so cannot read %s: "
                         "Mosquitto does not start, and no broker can load it again",
                         user, at, path);
        nj_finding_mend(f, "move %s to a folder that %s may enter, such as one in /etc", word,
                        user);
    }
}

static void
check_pair(struct nj_findings *out, struct nj_judge_side *s)
{
    const struct nj_pki_file *certs = &s->certificate;

    if (X509_check_private_key(certs->certificates[0], s->key.key) == 1)
        return;
    ERR_clear_error();
    size_t at = 1;
    while (at < certs->certificate_count &&
           X509_check_private_key(certs->certificates[at], s->key.key) != 1)
        at++;
    ERR_clear_error();
    bool is_order = at < certs->certificate_count;
    s->is_out_of_order = is_order;
    struct nj_finding *f =
        nj_findings_add(out, is_order ? NJ_FINDING_CHAIN_ORDER : NJ_FINDING_KEY_MISMATCH, s->end);
    if (f == NULL)
        return;
    nj_judge_place(f, s->given->certfile);
    f->depth = 0;
    nj_cert_facts_read(&f->cert, certs->certificates[0]);
    if (is_order)
        nj_finding_cause(f,
                         "%s begins with %s; the certificate of the key is number %zu in it, and "
                         "must come first, then its intermediates",
                         s->given->certfile, f->cert.subject, at + 1);
    else
        nj_finding_cause(f, "the key %s does not belong to the certificate %s (%s)",
                         s->given->keyfile, s->given->certfile, f->cert.subject);
    if (!is_order)
        nj_judge_side_reissue(f, s);
}

static void
say_half(struct nj_findings *out, const struct nj_judge_side *s)
{
    const struct nj_judge_end *g = s->given;
    struct nj_finding *f = nj_findings_add(out, NJ_FINDING_HALF_A_PAIR, s->end);

    if (f == NULL)
        return;
    nj_judge_place(f, g->certfile != NULL ? g->certfile : g->keyfile);
    nj_finding_cause(f, "there is %s (%s), but no %s: both are needed",
                     g->certfile != NULL ? "a certificate" : "a key",
                     g->certfile != NULL ? g->certfile : g->keyfile,
                     g->certfile != NULL ? option(s, "keyfile", "--key")
                                         : option(s, "certfile", "--cert"));
}

static void
check_capath(struct nj_findings *out, const struct nj_judge_side *s)
{
    enum nj_finding_id id =
        s->given->capath != NULL ? nj_judge_capath(s->given->capath) : NJ_FINDING_NONE;

    if (id == NJ_FINDING_NONE)
        return;
    struct nj_finding *f = nj_findings_add(out, id, s->end);
    if (f != NULL)
        nj_judge_say_capath(f, s->given->capath);
}

void
nj_judge_side_read(struct nj_findings *out, struct nj_judge_side *s)
{
    const struct nj_judge_end *g = s->given;

    s->has_certificate = read_file(out, s, &s->certificate, g->certfile, NJ_PKI_CERTIFICATE);
    s->has_key = read_file(out, s, &s->key, g->keyfile, NJ_PKI_KEY);
    if (g->certfile != NULL && g->keyfile != NULL && is_swapped(s) && out->count >= 2)
        say_swapped(out, s);
    if ((g->certfile == NULL) != (g->keyfile == NULL) && !g->key_in_engine)
        say_half(out, s);
    if (s->has_key)
        check_rights(out, s);
    if (s->has_certificate && s->has_key)
        check_pair(out, s);
    s->has_ca = read_file(out, s, &s->ca, g->cafile, NJ_PKI_CERTIFICATE);
    s->has_crl = read_file(out, s, &s->crl, g->crlfile, NJ_PKI_CRL);
    check_capath(out, s);
    if (g->user == NULL)
        return;
    nj_judge_reader(out, g->user, g->certfile);
    nj_judge_reader(out, g->user, g->keyfile);
    nj_judge_reader(out, g->user, g->cafile);
    nj_judge_reader(out, g->user, g->crlfile);
}

void
nj_judge_side_close(struct nj_judge_side *s)
{
    nj_pki_file_fini(&s->certificate);
    nj_pki_file_fini(&s->key);
    nj_pki_file_fini(&s->ca);
    nj_pki_file_fini(&s->crl);
}
