/* SPDX-License-Identifier: Apache-2.0 */
/* pki_config.c — the command line of `nightjar pki`: its verbs and options as tables, from which
 * parser, help, manual page and completion come. */
#include "cmd/pki_config.h"

#include "base/mdoc.h"
#include "base/nearest.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <errno.h>
#include <stdlib.h>

#define DAYS_MAX 36500

enum type {
    FLAG,
    TEXT,
    SECRET,
    DAYS,
    NAMES
};

static const struct verb {
    const char *name, *operand; /* in brackets: may be left out */
    enum nj_pki_verb verb;
    const char *help;
} verbs[] = {
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
     "The same certificate with new dates; without a name, all that end soon."},
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

static const struct option {
    const char *name, *argument;
    size_t offset;
    enum type type;
    unsigned verbs;
    const char *help;
} options[] = {
#define PKI_OPTION(name, argument, field, type, verbs, help)                                       \
    {name, argument, offsetof(struct nj_pki_config, field), type, verbs, help},
#include "cmd/pki_option.def"
#undef PKI_OPTION
};

/* --- help --- */

static void
print_options_of(FILE *out, unsigned which)
{
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        const struct option *o = &options[i];

        if ((o->verbs & which) != 0)
            nj_words_option(out, NULL, o->name, o->argument, o->help);
    }
}

static void
print_help(FILE *out)
{
    (void)fputs("nightjar pki: a certificate authority for MQTT.\n\n"
                "usage: nightjar pki VERB [OPTION]... [OPERAND]\n\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(verbs); i++)
        nj_words_option(out, NULL, verbs[i].name, verbs[i].operand, verbs[i].help);
    (void)fputs("\nOptions (`nightjar pki VERB --help`: those of one verb):\n", out);
    print_options_of(out, ALL);
    (void)fputs(
        "\nFrom nothing to mutual TLS:\n"
        "  nightjar pki init && nightjar pki server broker && nightjar pki client sensor1\n",
        out);
}

static void
print_verb_help(FILE *out, const struct verb *v)
{
    (void)fprintf(out, "usage: nightjar pki %s [OPTION]...%s%s\n\n", v->name,
                  v->operand != NULL ? " " : "", v->operand != NULL ? v->operand : "");
    nj_words_row(out, v->name, v->help);
    (void)fputc('\n', out);
    print_options_of(out, v->verb);
}

void
nj_pki_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(verbs); i++)
        (void)fprintf(out, "%s\n", verbs[i].name);
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++)
        (void)fprintf(out, "%s\n", options[i].name);
    (void)fputs("--help\n", out);
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
    for (size_t i = 0; i < NJ_COUNT_OF(verbs); i++) {
        (void)fprintf(out, ".It Cm %s%s%s\n", verbs[i].name, verbs[i].operand != NULL ? " Ar " : "",
                      verbs[i].operand != NULL ? verbs[i].operand : "");
        nj_words_roff(out, verbs[i].help);
    }
    (void)fputs(".El\n.Sh OPTIONS\n.Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        (void)fprintf(out, ".It Fl %s%s%s\n", options[i].name + 1,
                      options[i].argument != NULL ? " Ar " : "",
                      options[i].argument != NULL ? options[i].argument : "");
        nj_words_roff(out, options[i].help);
    }
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
        ".Sh EXIT STATUS\n0 done; 1\n.Cm list\nfound something that has expired, "
        "or\n.Cm inspect\nsomething that would be refused; 2 it could not be "
        "done, and why was said.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar pki init --name \"Lab CA\"\n"
        "nightjar pki server broker --san broker,192.168.56.101\n"
        "nightjar pki client sensor1 --profile esp32\n"
        "nightjar pki renew --within 60\n"
        "nightjar pki revoke sensor1 --reason keyCompromise\n"
        ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar.conf 5\n",
        out);
}

/* --- parser --- */

static enum nj_pki_parsed
mistake(const char *fmt, const char *first, const char *second)
{
    (void)fputs("nightjar pki: ", stderr);
    (void)fprintf(stderr, fmt, first, second);
    (void)fputs("\n`nightjar pki --help` lists verbs and options.\n", stderr);
    return NJ_PKI_MISTAKE;
}

static enum nj_pki_parsed
refuse_word(const char *word, bool is_verb)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; is_verb && i < NJ_COUNT_OF(verbs); i++)
        nj_nearest_try(&near, verbs[i].name);
    for (size_t i = 0; !is_verb && i < NJ_COUNT_OF(options); i++)
        nj_nearest_try(&near, options[i].name);
    if (near.name != NULL)
        return mistake("'%s' is not known; did you mean '%s'?", word, near.name);
    return mistake("'%s' is not known.%s", word, "");
}

static bool
read_days(unsigned *out, const char *text)
{
    char *end;
    long days;

    errno = 0;
    days = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || days < 1 || days > DAYS_MAX)
        return false;
    *out = (unsigned)days;
    return true;
}

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

/* `value`: the word behind the option; of a flag, its own. */
static enum nj_pki_parsed
take(struct nj_pki_config *c, const struct option *o, char *value)
{
    void *field = (char *)c + o->offset;
    struct nj_diag diag = {0};

    switch (o->type) {
    case FLAG:
        *(bool *)field = true;
        return NJ_PKI_RUN;
    case TEXT:
        *(const char **)field = value;
        return NJ_PKI_RUN;
    case SECRET:
        return keep_secret(field, value) ? NJ_PKI_RUN : mistake("no memory for %s%s", o->name, "");
    case DAYS:
        return read_days(field, value)
                   ? NJ_PKI_RUN
                   : mistake("%s takes days, from 1 to 36500, not '%s'.", o->name, value);
    case NAMES:
        if (nj_names_add(field, nj_str_of(value), &diag) == NJ_OK)
            return NJ_PKI_RUN;
        return mistake("%s. %s", diag.text, diag.hint);
    }
    return NJ_PKI_MISTAKE;
}

static const struct option *
find_option(const char *word)
{
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        if (strcmp(options[i].name, word) == 0)
            return &options[i];
    }
    return NULL;
}

static enum nj_pki_parsed
walk(struct nj_pki_config *c, const struct verb *v, int argc, char **argv)
{
    bool is_operand_only = false;

    for (int i = 2; i < argc; i++) {
        const struct option *o = find_option(argv[i]);

        if (!is_operand_only && strcmp(argv[i], "--") == 0) {
            is_operand_only = true;
        } else if (is_operand_only || argv[i][0] != '-') {
            if (c->operand != NULL || v->operand == NULL)
                return mistake("`%s` takes no '%s'.", v->name, argv[i]);
            c->operand = argv[i];
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_verb_help(stdout, v);
            return NJ_PKI_HELPED;
        } else if (o == NULL) {
            return refuse_word(argv[i], false);
        } else if ((o->verbs & v->verb) == 0) {
            return mistake("`%s` has no option %s.", v->name, o->name);
        } else if (o->argument != NULL && i + 1 == argc) {
            return mistake("%s needs its %s.", o->name, o->argument);
        } else {
            enum nj_pki_parsed parsed = take(c, o, o->argument != NULL ? argv[++i] : argv[i]);

            if (parsed != NJ_PKI_RUN)
                return parsed;
        }
    }
    if (c->operand == NULL && v->operand != NULL && v->operand[0] != '[')
        return mistake("`%s` needs a %s.", v->name, v->operand);
    return NJ_PKI_RUN;
}

enum nj_pki_parsed
nj_pki_config_load(struct nj_pki_config *c, int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return NJ_PKI_MISTAKE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return NJ_PKI_HELPED;
    }
    c->dir = "pki";
    for (size_t i = 0; i < NJ_COUNT_OF(verbs); i++) {
        if (strcmp(verbs[i].name, argv[1]) == 0) {
            c->verb = verbs[i].verb;
            return walk(c, &verbs[i], argc, argv);
        }
    }
    return refuse_word(argv[1], true);
}

void
nj_pki_config_fini(struct nj_pki_config *c)
{
    nj_secret_fini(&c->passin);
    nj_secret_fini(&c->passout);
}
