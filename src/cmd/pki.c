/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c — `nightjar pki`: what the authority does, said to people. The doing is in pki/. */
#include "base/json.h"
#include "cmd/cmd.h"
#include "cmd/pki_advice.h"
#include "cmd/pki_config.h"
#include "pki/authority.h"
#include "pki/export.h"
#include "pki/inspect.h"
#include "pki/passphrase.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define DAY_S     86400
#define SOON_DAYS 30

/* --- saying --- */

static int
fail_pki(const struct nj_diag *diag)
{
    (void)fprintf(stderr, "nightjar pki: %s%s\n", diag->text,
                  diag->text[0] != '\0' && strchr(".:", diag->text[strlen(diag->text) - 1]) == NULL
                      ? "."
                      : "");
    if (diag->hint[0] != '\0')
        (void)fprintf(stderr, "  %s\n", diag->hint);
    return NJ_EXIT_COULD_NOT;
}

/* "2029-02-25", UTC. */
static const char *
day(time_t when, char out[16])
{
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        out[0] = '\0';
    return out;
}

/* " --dir …" for the commands that are advised here. */
static const char *
same_dir(const struct nj_pki_config *c)
{
    static char option[NJ_DIR_OPTION_SIZE];

    return nj_authority_dir_option(c->dir, option);
}

/* All that was granted: whoever signs a request sees it here. */
static void
say_issued(const struct nj_issued *i, const char *verb)
{
    char until[16];

    printf("%s: %s\n  subject %s, good until %s%s, serial number %s\n", verb, i->certificate,
           i->subject, day(i->expires, until),
           i->is_shortened ? " (as long as the authority itself)" : "", i->serial);
    for (unsigned k = 0; k < i->names.count; k++)
        printf("%s%s%s", k > 0 ? ", " : "  names: ", i->names.at[k],
               k + 1 == i->names.count ? "\n" : "");
    if (i->ignored[0] != '\0')
        printf("  asked for, and not granted: %s\n", i->ignored);
}

/* --- the folder --- */

static struct nj_authority_opts
authority_opts(const struct nj_pki_config *c)
{
    return (struct nj_authority_opts){
        .dir = c->dir,
        .passin = c->passin.p,
        .explain = c->is_explained ? stdout : NULL,
        .is_reader = c->verb == NJ_PKI_LIST || c->verb == NJ_PKI_EXPORT,
    };
}

/* After the steps of --explain. */
static void
end_explanation(const struct nj_pki_config *c)
{
    if (c->is_explained)
        (void)putchar('\n');
}

/* --- init --- */

static int
init(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    const struct nj_authority_plan plan = {
        .name = c->name,
        .key = c->is_rsa ? NJ_KEY_RSA_3072 : NJ_KEY_P256,
        .is_encrypted = c->is_encrypted,
        .is_replacing = c->is_forced,
        .days = c->days,
    };
    struct nj_diag diag = {0};
    struct nj_authority *a;
    char until[16];

    if (nj_authority_init(&a, &opts, &plan, &diag) != NJ_OK)
        return fail_pki(&diag);
    end_explanation(c);
    printf("Authority: %s, good until %s\n", nj_authority_subject(a),
           day(nj_authority_expires(a), until));
    printf("  %s/ca.crt   for everybody: who has it trusts what the authority signs\n"
           "  %s/ca.key   for nobody: who has it can sign (0600, %s)\n"
           "  %s/crl.pem  what is revoked; nothing yet\n"
           "Next: nightjar pki server NAME%s, where NAME is what clients type after -h\n",
           c->dir, c->dir, c->is_encrypted ? "encrypted" : "not encrypted", c->dir, same_dir(c));
    nj_authority_close(a);
    return NJ_EXIT_GOOD;
}

/* --- server, client, sign --- */

static int
issue(const struct nj_pki_config *c, struct nj_issue *wish)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_issued made = {0};
    struct nj_diag diag = {0};
    struct nj_authority *a;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail_pki(&diag);
    wish->names = c->names;
    wish->days = c->days;
    wish->is_replacing = c->is_forced;
    if (c->verb == NJ_PKI_SERVER && c->names.count == 0)
        nj_names_add_machine(&wish->names);
    if (c->verb == NJ_PKI_SIGN)
        err = nj_authority_sign(a, c->operand, wish, &made, &diag);
    else
        err = nj_authority_issue(a, wish, &made, &diag);
    nj_authority_close(a);
    if (err != NJ_OK)
        return fail_pki(&diag);
    end_explanation(c);
    say_issued(&made, made.kind == NJ_ISSUE_SERVER ? "Server certificate" : "Client certificate");
    nj_pki_advise(c, &made);
    return NJ_EXIT_GOOD;
}

static int
pki_mistake(const char *fmt, const char *what)
{
    (void)fputs("nightjar pki: ", stderr);
    (void)fprintf(stderr, fmt, what);
    (void)fputc('\n', stderr);
    return NJ_EXIT_COULD_NOT;
}

static int
server(const struct nj_pki_config *c)
{
    struct nj_issue wish = {.kind = NJ_ISSUE_SERVER,
                            .name = c->operand,
                            .key = c->is_rsa ? NJ_KEY_RSA_2048 : NJ_KEY_P256};

    return issue(c, &wish);
}

static int
client(const struct nj_pki_config *c)
{
    struct nj_issue wish = {.kind = NJ_ISSUE_CLIENT,
                            .name = c->operand,
                            .key = c->is_rsa ? NJ_KEY_RSA_2048 : NJ_KEY_P256};

    if (c->profile != NULL && strcmp(c->profile, "esp32") == 0)
        wish.is_small = true;
    else if (c->profile != NULL && strcmp(c->profile, "default") != 0)
        return pki_mistake("there is no profile '%s': default or esp32.", c->profile);
    if (wish.is_small && c->is_rsa)
        return pki_mistake("the profile %s is for P-256: leave out --rsa.", c->profile);
    return issue(c, &wish);
}

static int
sign(const struct nj_pki_config *c)
{
    struct nj_issue wish = {
        .kind = NJ_ISSUE_AS_ASKED, .name = c->name, .allows_wildcard = c->allows_wildcard};

    if (c->as != NULL && strcmp(c->as, "server") == 0)
        wish.kind = NJ_ISSUE_SERVER;
    else if (c->as != NULL && strcmp(c->as, "client") == 0)
        wish.kind = NJ_ISSUE_CLIENT;
    else if (c->as != NULL)
        return pki_mistake("--as '%s': server or client.", c->as);
    return issue(c, &wish);
}

/* --- revoke, crl, renew --- */

static void
say_crl(const struct nj_pki_config *c, const struct nj_authority *a)
{
    char until[16], path[PATH_MAX];

    printf("Revocation list: %s/crl.pem, good until %s\n", c->dir,
           day(nj_authority_crl_expires(a), until));
    printf("  The broker refuses what stands in it, with this in its configuration:\n"
           "  crlfile %s/crl.pem\n",
           nj_pki_whole(c->dir, path));
}

static int
revoke_certificate(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    unsigned count = 0;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail_pki(&diag);
    err = nj_authority_revoke(a, c->operand, c->reason, c->days, &count, &diag);
    if (err == NJ_OK) {
        end_explanation(c);
        printf("Revoked: %u certificate%s of %s\n", count, count == 1 ? "" : "s", c->operand);
        say_crl(c, a);
    }
    nj_authority_close(a);
    return err == NJ_OK ? NJ_EXIT_GOOD : fail_pki(&diag);
}

static int
write_crl(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail_pki(&diag);
    err = nj_authority_write_crl(a, c->days, &diag);
    if (err == NJ_OK) {
        end_explanation(c);
        say_crl(c, a);
    }
    nj_authority_close(a);
    return err == NJ_OK ? NJ_EXIT_GOOD : fail_pki(&diag);
}

static bool
renew_one(struct nj_authority *a, const struct nj_pki_config *c, const char *name)
{
    const struct nj_renewal how = {.names = c->names, .days = c->days, .is_new_key = c->is_new_key};
    struct nj_issued made = {0};
    struct nj_diag diag = {0};

    if (nj_authority_renew(a, name, &how, &made, &diag) != NJ_OK) {
        (void)fail_pki(&diag);
        return false;
    }
    end_explanation(c);
    say_issued(&made, c->is_new_key ? "Renewed, with a new key" : "Renewed");
    if (made.key[0] == '\0')
        nj_pki_advise(c, &made);
    return true;
}

/* All whose last certificate ends soon, or has ended. One that fails does not stop the others; what
 * ends with the authority would end then again. */
static int
renew_due(struct nj_authority *a, const struct nj_pki_config *c)
{
    time_t limit = time(NULL) + (time_t)(c->within != 0 ? c->within : SOON_DAYS) * DAY_S;
    time_t end = nj_authority_expires(a);
    size_t count = nj_authority_count(a), done = 0, failed = 0;
    char until[16];

    for (size_t i = 0; i < count; i++) {
        struct nj_issued_row row = nj_authority_row(a, i);
        const char *slash = row.file.n > 0 ? memrchr(row.file.p, '/', row.file.n) : NULL;
        char name[NJ_WHERE_SIZE];

        if (!row.is_last || row.state == NJ_ISSUED_REVOKED || row.expires > limit ||
            row.expires >= end || slash == NULL)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(slash - row.file.p), row.file.p);
        if (renew_one(a, c, name))
            done++;
        else
            failed++;
    }
    if (end <= limit)
        (void)fprintf(stderr,
                      "nightjar pki: the authority ends on %s, and with it all that it signed.\n"
                      "  nightjar pki renew --ca%s\n",
                      day(end, until), same_dir(c));
    else if (done == 0 && failed == 0)
        printf("Nothing ends within %u days.\n", c->within != 0 ? c->within : SOON_DAYS);
    return failed > 0 ? NJ_EXIT_COULD_NOT : end <= limit ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
}

static bool
renew_authority(struct nj_authority *a, const struct nj_pki_config *c)
{
    struct nj_diag diag = {0};
    char until[16];

    if (nj_authority_renew_self(a, c->days, &diag) != NJ_OK) {
        (void)fail_pki(&diag);
        return false;
    }
    end_explanation(c);
    printf("Renewed: %s/ca.crt, good until %s; the key is the same, and what it issued stays good\n"
           "  Give it to everybody again.\n",
           c->dir, day(nj_authority_expires(a), until));
    return true;
}

static int
renew(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    int code;

    if (c->is_authority && (c->is_new_key || c->operand != NULL))
        return pki_mistake("--ca renews the authority's certificate alone, for the same key%s.",
                           "; another key is another authority: nightjar pki init --force");
    if (c->names.count > 0 && c->operand == NULL)
        return pki_mistake("--san gives names to one certificate: say which%s.",
                           ", nightjar pki renew NAME --san NAMES");
    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail_pki(&diag);
    if (c->is_authority)
        code = renew_authority(a, c) ? NJ_EXIT_GOOD : NJ_EXIT_COULD_NOT;
    else if (c->operand != NULL)
        code = renew_one(a, c, c->operand) ? NJ_EXIT_GOOD : NJ_EXIT_COULD_NOT;
    else
        code = renew_due(a, c);
    nj_authority_close(a);
    return code;
}

/* --- list --- */

/* Is something of use no more: the authority, its list, or a certificate without successor? */
static bool
is_faulty(const struct nj_authority *a)
{
    time_t now = time(NULL);

    if (nj_authority_expires(a) <= now || nj_authority_crl_expires(a) <= now)
        return true;
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        if (row.is_last && row.state == NJ_ISSUED_EXPIRED)
            return true;
    }
    return false;
}

static bool
ends_soon(time_t when)
{
    return when < time(NULL) + SOON_DAYS * DAY_S;
}

/* Followed by the day; of the authority and its list. */
static const char *
standing(time_t when)
{
    return when <= time(NULL) ? "EXPIRED on" : ends_soon(when) ? "good only until" : "good until";
}

static const char *
state_for_people(const struct nj_issued_row *row)
{
    if (row->state == NJ_ISSUED_GOOD && ends_soon(row->expires))
        return "ends soon";
    return nj_issued_state_text(row->state);
}

static void
print_list(const struct nj_pki_config *c, const struct nj_authority *a)
{
    time_t crl = nj_authority_crl_expires(a), end = nj_authority_expires(a);
    char until[16];

    printf("Authority %s, %s %s\n", nj_authority_subject(a), standing(end), day(end, until));
    if (ends_soon(end))
        printf("  nightjar pki renew --ca%s\n", same_dir(c));
    if (crl == 0)
        printf("No revocation list that can be read: nightjar pki crl%s\n", same_dir(c));
    else
        printf("Revocation list %s %s\n", standing(crl), day(crl, until));
    if (crl != 0 && ends_soon(crl) && !ends_soon(end))
        printf("  nightjar pki crl%s\n", same_dir(c));
    if (nj_authority_count(a) > 0)
        printf("\n%-10s %-11s %-33s %s\n", "STATE", "UNTIL", "SERIAL NUMBER", "FILE OR SUBJECT");
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);
        struct nj_str what = nj_str_eq(row.file, NJ_STR("unknown")) ? row.subject : row.file;

        printf("%-10s %-11s %-33.*s %" NJ_STR_FMT "\n", state_for_people(&row),
               day(row.expires, until), NJ_STR_ARG(row.serial), NJ_STR_ARG(what));
    }
}

static void
put_date(struct nj_json *into, const char *name, time_t when)
{
    char text[32];
    struct tm tm;

    if (when == 0 || gmtime_r(&when, &tm) == NULL)
        nj_json_put_null(into, name);
    else if (strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
        nj_json_put_text(into, name, nj_str_of(text));
}

static void
put_row(struct nj_json *list, const struct nj_issued_row *row)
{
    struct nj_json *one = nj_json_put_object(list, NULL);

    nj_json_put_text(one, "state", nj_str_of(nj_issued_state_text(row->state)));
    nj_json_put_text(one, "subject", row->subject);
    nj_json_put_text(one, "file", row->file);
    nj_json_put_text(one, "serial", row->serial);
    put_date(one, "expires", row->expires);
    put_date(one, "revoked", row->revoked);
    nj_json_put_text(one, "reason", row->reason);
}

static bool
print_json(const struct nj_authority *a)
{
    struct nj_json *root = nj_json_new();
    struct nj_json *authority = nj_json_put_object(root, "authority");
    struct nj_json *list = nj_json_put_array(root, "certificates");

    nj_json_put_text(authority, "subject", nj_str_of(nj_authority_subject(a)));
    put_date(authority, "expires", nj_authority_expires(a));
    put_date(root, "crl_expires", nj_authority_crl_expires(a));
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        put_row(list, &row);
    }
    return nj_json_write(stdout, root, true);
}

static int
list(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    int code;

    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail_pki(&diag);
    code = is_faulty(a) ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
    if (!c->is_json)
        print_list(c, a);
    else if (!print_json(a))
        code = NJ_EXIT_COULD_NOT;
    nj_authority_close(a);
    return code;
}

/* --- inspect, export --- */

static int
inspect(const struct nj_pki_config *c)
{
    const struct nj_inspect_opts opts = {
        .passin = c->passin.p, .cafile = c->cafile, .host = c->host};
    struct nj_diag diag = {0};
    bool is_good = false;

    if (nj_inspect_print(c->operand, &opts, stdout, &is_good, &diag) != NJ_OK)
        return fail_pki(&diag);
    return is_good ? NJ_EXIT_GOOD : NJ_EXIT_FOUND;
}

static enum nj_err
export_p12(const struct nj_pki_config *c, const struct nj_issued *what, const char *stem,
           const char *path, struct nj_diag *diag)
{
    const char *label = strrchr(what->folder, '/') + 1;
    struct nj_secret phrase = {0};
    enum nj_err err = nj_passphrase_get(&phrase, c->passout.p,
                                        "New pass phrase for the PKCS#12 file", true, diag);

    if (err == NJ_OK)
        err = nj_export_p12(what->folder, stem, label, nj_secret_lend(&phrase), path, c->is_forced,
                            diag);
    nj_secret_fini(&phrase);
    return err;
}

static enum nj_err
export_as(const struct nj_pki_config *c, const struct nj_issued *what, char *path,
          struct nj_diag *diag)
{
    const char *stem = what->kind == NJ_ISSUE_SERVER ? "server" : "client";
    const char *ending = c->is_p12 ? "p12" : c->is_pem ? "pem" : "h";

    if (c->out != NULL)
        (void)snprintf(path, PATH_MAX, "%s", c->out);
    else
        (void)snprintf(path, PATH_MAX, "%s/%s.%s", what->folder, stem, ending);
    if (c->is_p12)
        return export_p12(c, what, stem, path, diag);
    if (c->is_pem)
        return nj_export_pem(what->folder, stem, path, c->is_forced, diag);
    return nj_export_header(what->folder, stem, path, c->is_forced, diag);
}

static int export(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = authority_opts(c);
    struct nj_issued what = {0};
    struct nj_diag diag = {0};
    struct nj_authority *a;
    char path[PATH_MAX];
    enum nj_err err;

    if (c->is_p12 + c->is_pem + c->is_header != 1)
        return pki_mistake("`export` needs one of %s.", "--p12, --pem and --c-header");
    if (c->out != NULL && strcmp(c->out, "-") == 0)
        return pki_mistake(
            "--out %s: the key goes to a file that its owner alone can read; name it.", c->out);
    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail_pki(&diag);
    err = nj_authority_find(a, c->operand, &what, &diag);
    nj_authority_close(a);
    if (err == NJ_OK)
        err = export_as(c, &what, path, &diag);
    if (err != NJ_OK)
        return fail_pki(&diag);
    printf("Exported: %s\n", path);
    return NJ_EXIT_GOOD;
}

/* --- which --- */

static int
run_verb(const struct nj_pki_config *c)
{
    switch (c->verb) {
    case NJ_PKI_INIT:
        return init(c);
    case NJ_PKI_SERVER:
        return server(c);
    case NJ_PKI_CLIENT:
        return client(c);
    case NJ_PKI_SIGN:
        return sign(c);
    case NJ_PKI_REVOKE:
        return revoke_certificate(c);
    case NJ_PKI_WRITE_CRL:
        return write_crl(c);
    case NJ_PKI_RENEW:
        return renew(c);
    case NJ_PKI_LIST:
        return list(c);
    case NJ_PKI_INSPECT:
        return inspect(c);
    case NJ_PKI_EXPORT:
        return export(c);
    }
    return NJ_EXIT_COULD_NOT;
}

int
nj_cmd_pki(int argc, char **argv)
{
    struct nj_pki_config c = {0};
    int code = NJ_EXIT_COULD_NOT;

    switch (nj_pki_config_load(&c, argc, argv)) {
    case NJ_PARSED_RUN:
        code = run_verb(&c);
        break;
    case NJ_PARSED_HELPED:
        code = NJ_EXIT_GOOD;
        break;
    case NJ_PARSED_MISTAKE:
        break;
    }
    nj_pki_config_fini(&c);
    return code;
}
