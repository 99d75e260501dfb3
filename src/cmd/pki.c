/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c — `nightjar pki`: what the authority does, said to people. The doing is in pki/. */
#include "base/json.h"
#include "base/shell.h"
#include "cmd/cmd.h"
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
fail(const struct nj_diag *diag)
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

/* A path that works from anywhere, for configuration files and command lines. */
static const char *
whole(const char *path, char out[PATH_MAX])
{
    if (realpath(path, out) == NULL)
        (void)snprintf(out, PATH_MAX, "%s", path);
    return out;
}

static const char *
typed(const char *path, char out[PATH_MAX])
{
    char real[PATH_MAX];

    return nj_shell_word(out, PATH_MAX, nj_str_of(whole(path, real)));
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
options(const struct nj_pki_config *c)
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
    const struct nj_authority_opts opts = options(c);
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
        return fail(&diag);
    end_explanation(c);
    printf("Authority: %s, good until %s\n", nj_authority_subject(a),
           day(nj_authority_expires(a), until));
    printf("  %s/ca.crt   for everybody: who has it trusts what the authority signs\n"
           "  %s/ca.key   for nobody: who has it can sign (0600, %s)\n"
           "  %s/crl.pem  what is revoked; nothing yet\n"
           "Next: nightjar pki server NAME, where NAME is what clients type after -h\n",
           c->dir, c->dir, c->is_encrypted ? "encrypted" : "not encrypted", c->dir);
    nj_authority_close(a);
    return NJ_EXIT_GOOD;
}

/* --- server, client, sign --- */

static void
advise_server(const struct nj_pki_config *c, const struct nj_issued *i)
{
    char path[PATH_MAX];

    if (c->names.count == 0 && c->verb == NJ_PKI_SERVER)
        puts("  These are the names of this machine. For another one: --san NAME,ADDRESS");
    if (i->key[0] == '\0')
        return;
    printf("In the broker's configuration:\n  listener 8883\n  certfile %s\n",
           whole(i->certificate, path));
    printf("  keyfile %s\n", whole(i->key, path));
    printf(
        "and, to ask clients for a certificate:\n  cafile %s/ca.crt\n  require_certificate true\n"
        "  use_identity_as_username true\n",
        whole(i->folder, path));
}

static void
advise_client(const struct nj_issued *i)
{
    char path[PATH_MAX], file[NJ_WHERE_SIZE + 8];

    if (i->key[0] == '\0')
        return;
    if (i->header[0] != '\0')
        printf("  as a header of C: %s\n", i->header);
    (void)snprintf(file, sizeof(file), "%s/ca.crt", i->folder);
    printf("On the client's command line:\n  --cafile %s", typed(file, path));
    printf(" --cert %s", typed(i->certificate, path));
    printf(" --key %s\n", typed(i->key, path));
}

static int
issue(const struct nj_pki_config *c, struct nj_issue *wish)
{
    const struct nj_authority_opts opts = options(c);
    struct nj_issued made = {0};
    struct nj_diag diag = {0};
    struct nj_authority *a;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail(&diag);
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
        return fail(&diag);
    end_explanation(c);
    say_issued(&made, made.kind == NJ_ISSUE_SERVER ? "Server certificate" : "Client certificate");
    if (made.kind == NJ_ISSUE_SERVER)
        advise_server(c, &made);
    else
        advise_client(&made);
    return NJ_EXIT_GOOD;
}

static int
mistake(const char *fmt, const char *what)
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
        return mistake("there is no profile '%s': default or esp32.", c->profile);
    if (wish.is_small && c->is_rsa)
        return mistake("the profile %s is for P-256: leave out --rsa.", c->profile);
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
        return mistake("--as '%s': server or client.", c->as);
    return issue(c, &wish);
}

/* --- revoke, crl, renew --- */

static void
say_crl(const struct nj_pki_config *c, const struct nj_authority *a)
{
    char until[16];

    printf("Revocation list: %s/crl.pem, good until %s\n"
           "  The broker refuses what stands in it once it has read it: crlfile %s/crl.pem\n",
           c->dir, day(nj_authority_crl_expires(a), until), c->dir);
}

static int
revoke(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = options(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    unsigned count = 0;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail(&diag);
    err = nj_authority_revoke(a, c->operand, c->reason, c->days, &count, &diag);
    if (err == NJ_OK) {
        end_explanation(c);
        printf("Revoked: %u certificate%s of %s\n", count, count == 1 ? "" : "s", c->operand);
        say_crl(c, a);
    }
    nj_authority_close(a);
    return err == NJ_OK ? NJ_EXIT_GOOD : fail(&diag);
}

static int
write_crl(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = options(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    enum nj_err err = nj_authority_open(&a, &opts, &diag);

    if (err != NJ_OK)
        return fail(&diag);
    err = nj_authority_write_crl(a, c->days, &diag);
    if (err == NJ_OK) {
        end_explanation(c);
        say_crl(c, a);
    }
    nj_authority_close(a);
    return err == NJ_OK ? NJ_EXIT_GOOD : fail(&diag);
}

static bool
renew_one(struct nj_authority *a, const struct nj_pki_config *c, const char *name)
{
    struct nj_issued made = {0};
    struct nj_diag diag = {0};

    if (nj_authority_renew(a, name, c->is_new_key, c->days, &made, &diag) != NJ_OK) {
        (void)fail(&diag);
        return false;
    }
    end_explanation(c);
    say_issued(&made, c->is_new_key ? "Renewed, with a new key" : "Renewed");
    return true;
}

/* All whose last certificate ends soon, or has ended. One that fails does not stop the others. */
static bool
renew_due(struct nj_authority *a, const struct nj_pki_config *c)
{
    time_t limit = time(NULL) + (time_t)(c->within != 0 ? c->within : SOON_DAYS) * DAY_S;
    size_t count = nj_authority_count(a), done = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        struct nj_issued_row row = nj_authority_row(a, i);
        const char *slash = row.file.n > 0 ? memrchr(row.file.p, '/', row.file.n) : NULL;
        char name[NJ_WHERE_SIZE];

        if (!row.is_last || row.state == NJ_ISSUED_REVOKED || row.expires > limit || slash == NULL)
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(slash - row.file.p), row.file.p);
        if (renew_one(a, c, name))
            done++;
        else
            failed++;
    }
    if (done == 0 && failed == 0)
        printf("Nothing ends within %u days.\n", c->within != 0 ? c->within : SOON_DAYS);
    return failed == 0;
}

static bool
renew_authority(struct nj_authority *a, const struct nj_pki_config *c)
{
    struct nj_diag diag = {0};
    char until[16];

    if (nj_authority_renew_self(a, c->days, &diag) != NJ_OK) {
        (void)fail(&diag);
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
    const struct nj_authority_opts opts = options(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    bool is_done;

    if (c->is_authority && (c->is_new_key || c->operand != NULL))
        return mistake("--ca renews the authority's certificate alone, for the same key%s.",
                       "; another key is another authority: nightjar pki init --force");
    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail(&diag);
    if (c->is_authority)
        is_done = renew_authority(a, c);
    else if (c->operand != NULL)
        is_done = renew_one(a, c, c->operand);
    else
        is_done = renew_due(a, c);
    nj_authority_close(a);
    return is_done ? NJ_EXIT_GOOD : NJ_EXIT_COULD_NOT;
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

static const char *
state_for_people(const struct nj_issued_row *row)
{
    if (row->state == NJ_ISSUED_GOOD && row->expires < time(NULL) + SOON_DAYS * DAY_S)
        return "ends soon";
    return nj_issued_state_text(row->state);
}

static void
print_list(const struct nj_authority *a)
{
    time_t crl = nj_authority_crl_expires(a), now = time(NULL);
    char until[16];

    printf("Authority %s, %s %s\n", nj_authority_subject(a),
           nj_authority_expires(a) > now ? "good until" : "EXPIRED on",
           day(nj_authority_expires(a), until));
    if (crl == 0)
        puts("No revocation list that can be read: nightjar pki crl");
    else
        printf("Revocation list %s %s\n", crl > now ? "good until" : "EXPIRED on", day(crl, until));
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
put_time(struct nj_json *into, const char *name, time_t when)
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
    put_time(one, "expires", row->expires);
    put_time(one, "revoked", row->revoked);
    nj_json_put_text(one, "reason", row->reason.p != NULL ? row->reason : NJ_STR(""));
}

static bool
print_json(const struct nj_authority *a)
{
    struct nj_json *root = nj_json_new();
    struct nj_json *authority = nj_json_put_object(root, "authority");
    struct nj_json *list = nj_json_put_array(root, "certificates");
    char *text;

    nj_json_put_text(authority, "subject", nj_str_of(nj_authority_subject(a)));
    put_time(authority, "expires", nj_authority_expires(a));
    put_time(root, "crl_expires", nj_authority_crl_expires(a));
    for (size_t i = 0; i < nj_authority_count(a); i++) {
        struct nj_issued_row row = nj_authority_row(a, i);

        put_row(list, &row);
    }
    text = nj_json_print(root, true);
    if (text != NULL)
        puts(text);
    nj_json_free(root);
    if (text == NULL)
        return false;
    nj_json_text_free(text);
    return true;
}

static int
list(const struct nj_pki_config *c)
{
    const struct nj_authority_opts opts = options(c);
    struct nj_diag diag = {0};
    struct nj_authority *a;
    int code;

    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail(&diag);
    code = is_faulty(a) ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
    if (!c->is_json)
        print_list(a);
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
        return fail(&diag);
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
    const struct nj_authority_opts opts = options(c);
    struct nj_issued what = {0};
    struct nj_diag diag = {0};
    struct nj_authority *a;
    char path[PATH_MAX];
    enum nj_err err;

    if (c->is_p12 + c->is_pem + c->is_header != 1)
        return mistake("`export` needs one of %s.", "--p12, --pem and --c-header");
    if (nj_authority_open(&a, &opts, &diag) != NJ_OK)
        return fail(&diag);
    err = nj_authority_find(a, c->operand, &what, &diag);
    nj_authority_close(a);
    if (err == NJ_OK)
        err = export_as(c, &what, path, &diag);
    if (err != NJ_OK)
        return fail(&diag);
    printf("Exported: %s\n", path);
    return NJ_EXIT_GOOD;
}

/* --- which --- */

static int
run(const struct nj_pki_config *c)
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
        return revoke(c);
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
    case NJ_PKI_RUN:
        code = run(&c);
        break;
    case NJ_PKI_HELPED:
        code = NJ_EXIT_GOOD;
        break;
    case NJ_PKI_MISTAKE:
        break;
    }
    nj_pki_config_fini(&c);
    return code;
}
