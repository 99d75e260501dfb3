/* SPDX-License-Identifier: Apache-2.0 */
/* pki_config.c — the command line of `nightjar pki`: its verbs and options as tables. */
#include "cmd/pki_config.h"

#include "base/mdoc.h"
#include "cmd/cmd.h"
#include "cmd/verbs.h"
#include "pki/authority.h"

#define DAYS_MAX 36500

enum {
    FLAG = NJ_OPTION_FLAG,
    TEXT = NJ_OPTION_TEXT,
    DAYS = NJ_OPTION_NUMBER,
    SECRET = NJ_OPTION_OWN,
    NAMES,
};

static const struct nj_verb verbs[] = {
    {"init", NULL, NJ_PKI_INIT, "Make an authority, with an empty revocation list."},
    {"server", "NAME", NJ_PKI_SERVER,
     "Key and certificate of a broker; NAME is what clients type after -h. Without --san for all "
     "names "
     "and addresses of this machine, which are printed."},
    {"client", "ID", NJ_PKI_CLIENT,
     "Key and certificate of a client; ID becomes its user name where the broker says "
     "use_identity_as_username."},
    {"sign", "REQUEST", NJ_PKI_SIGN,
     "A certificate for a key that stays on its own host, from a signing request. Its names are "
     "kept, unless they would let it pass for others; all else is decided here, and what was "
     "granted is shown."},
    {"revoke", "WHICH", NJ_PKI_REVOKE,
     "Revoke all certificates of a name, or one by its serial number or file, and write the "
     "revocation "
     "list."},
    {"crl", NULL, NJ_PKI_WRITE_CRL, "Write the revocation list again, with new dates."},
    {"renew", "[NAME]", NJ_PKI_RENEW,
     "The same certificate with new dates, and if you like other names; without a name, all that "
     "end "
     "soon."},
    {"list", NULL, NJ_PKI_LIST, "What was issued, until when it is good, what is revoked."},
    {"inspect", "FILE", NJ_PKI_INSPECT,
     "What a certificate, request, key or revocation list says, and a verdict."},
    {"export", "NAME", NJ_PKI_EXPORT, "Certificate, authority and key in one file."},
};

enum {
    INIT = NJ_PKI_INIT,
    SERVER = NJ_PKI_SERVER,
    CLIENT = NJ_PKI_CLIENT,
    SIGN = NJ_PKI_SIGN,
    REVOKE = NJ_PKI_REVOKE,
    CRL = NJ_PKI_WRITE_CRL,
    RENEW = NJ_PKI_RENEW,
    LIST = NJ_PKI_LIST,
    INSPECT = NJ_PKI_INSPECT,
    EXPORT = NJ_PKI_EXPORT,
    MAKING = INIT | SERVER | CLIENT | SIGN | REVOKE | CRL | RENEW,
    ALL = MAKING | LIST | INSPECT | EXPORT,
};

static const struct nj_option pki_options[] = {
#define PKI_OPTION(name, argument, field, kind, verbs, help)                                       \
    {NULL, name, argument, offsetof(struct nj_pki_config, field), kind, 1, DAYS_MAX, verbs, help},
#include "cmd/pki_option.def"
#undef PKI_OPTION
};

/* Copied with its NUL, and gone from what `ps` shows. */
static bool
keep_secret(struct nj_secret *out, char *word)
{
    nj_secret_fini(out);
    if (!nj_secret_copy(out, (struct nj_str){word, strlen(word) + 1}))
        return false;
    if (strncmp(word, "pass:", 5) == 0)
        memset(word + 5, 'x', strlen(word + 5));
    return true;
}

static enum nj_parsed take_own(void *config, const struct nj_option *o, char *value);

static const struct nj_verbs pki_words = {
    .command = "pki",
    .kind = "verb",
    .does = "a certificate authority for MQTT.",
    .end = "From nothing to mutual TLS:\n"
           "  nightjar pki init && nightjar pki server broker && nightjar pki client sensor1\n",
    .verb = verbs,
    .verb_count = NJ_COUNT_OF(verbs),
    .option = pki_options,
    .option_count = NJ_COUNT_OF(pki_options),
    .take = take_own,
};

static enum nj_parsed
take_own(void *config, const struct nj_option *o, char *value)
{
    void *field = (char *)config + o->offset;
    struct nj_diag diag = {0};

    if (o->kind == SECRET)
        return keep_secret(field, value)
                   ? NJ_PARSED_RUN
                   : nj_verbs_mistake(&pki_words, "no memory for %s", o->name);
    if (nj_names_add(field, nj_str_of(value), &diag) == NJ_OK)
        return NJ_PARSED_RUN;
    return nj_verbs_mistake(&pki_words, "%s. %s", diag.text, diag.hint);
}

void
nj_pki_print_options(FILE *out)
{
    nj_verbs_print_words(out, &pki_words);
}

void
nj_pki_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-pki", 1);
    (void)fputs(".Nm nightjar-pki\n"
                ".Nd a certificate authority for MQTT\n.Sh SYNOPSIS\n.Nm nightjar pki\n"
                ".Ar verb\n.Op Ar option ...\n.Op Ar operand\n.Sh DESCRIPTION\n"
                ".Bl -tag -width Ds\n",
                out);
    nj_verbs_print_manual_verbs(out, &pki_words);
    (void)fputs(".El\n.Sh OPTIONS\n.Bl -tag -width Ds\n", out);
    nj_verbs_print_manual_options(out, &pki_words);
    (void)fputs(
        ".El\n.Sh FILES\n.Bl -tag -width Ds\n"
        ".It Pa pki/ca.crt\nThe authority's certificate; clients and brokers trust what it "
        "signed.\n"
        ".It Pa pki/ca.key\nIts private key, 0600. Whoever has it can make certificates.\n"
        ".It Pa pki/index.txt\nWhat was issued and revoked, in the form of\n.Xr openssl-ca 1 .\n"
        ".It Pa pki/crl.pem\nThe revocation list, for the directive\n.Cm crlfile\nof the broker.\n"
        ".It Pa pki/ca.srl\nWhere another tool left it, serial numbers count on from it; without "
        "it "
        "they are random.\n"
        ".It Pa pki/hosts/NAME/\n.Pa server.crt server.key ca.crt\n"
        ".It Pa pki/clients/ID/\n.Pa client.crt client.key ca.crt ,\n"
        "for small devices also\n.Pa client.h\n.El\n"
        ".Pp\nA folder with a\n.Pa ca.crt\nand\n.Pa ca.key\nthat were made otherwise is an "
        "authority, "
        "too.\n"
        ".Sh EXIT STATUS\n0 done; 1\n.Cm list\nfound something that has expired,\n.Cm inspect\n"
        "something that would be refused, or\n.Cm renew\nwithout a name that the authority itself "
        "ends soon; 2 it could not be done, and why was said.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar pki init --name \"Lab CA\"\n"
        "nightjar pki server broker --san broker,192.168.56.101\n"
        "nightjar pki client sensor1 --profile esp32\n"
        "nightjar pki renew --within 60\n"
        "nightjar pki revoke sensor1 --reason keyCompromise\n"
        ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar.conf 5\n",
        out);
}

enum nj_parsed
nj_pki_config_load(struct nj_pki_config *c, int argc, char **argv)
{
    const struct nj_verb *verb = NULL;
    enum nj_parsed parsed;

    c->dir = NJ_AUTHORITY_DIR;
    parsed = nj_verbs_parse(&pki_words, c, &verb, &c->operand, argc, argv);
    if (verb != NULL)
        c->verb = verb->bit;
    return parsed;
}

void
nj_pki_config_fini(struct nj_pki_config *c)
{
    nj_secret_fini(&c->passin);
    nj_secret_fini(&c->passout);
}
