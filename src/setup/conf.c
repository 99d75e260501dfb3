/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c — broker.conf: its first line says what it was made from, a line near its end where the
 * operator's own begin. Comments stand above their directives: Mosquitto knows no others. */
#include "base/save.h"
#include "base/shell.h"
#include "setup/setup_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE 16384
#define FIRST     "# Set up by: nightjar init "
#define LAST      "# ---- yours from here: `nightjar init --upgrade` keeps what follows ----\n"

/* --- writing --- */

#define WORD_SIZE (NJ_SETUP_PATH_SIZE * 4)

/* A path of the set-up's, as a shell takes it. */
static const char *
typed(const struct nj_setup *s, const char *name, char out[WORD_SIZE])
{
    char path[NJ_SETUP_PATH_SIZE];

    return nj_shell_word(out, WORD_SIZE,
                         nj_str_of(name != NULL ? nj_setup_join(s->dir, name, path) : s->dir));
}

static void
write_listener(FILE *out, const struct nj_setup *s)
{
    if (s->level == NJ_LEVEL_OPEN) {
        (void)fprintf(out,
                      "# The loopback alone: nothing here asks who connects, so nobody else may "
                      "try.\n"
                      "listener %u 127.0.0.1\n",
                      s->port);
        return;
    }
    (void)fprintf(out, "# On every interface of this machine.%s\nlistener %u\n",
                  s->level == NJ_LEVEL_PASSWORD
                      ? " All that passes here can be read on the wire, passwords\n"
                        "# too: for a network in which you trust everybody, or for a lesson."
                  : s->port == 8883 ? " 8883 is the usual port of MQTT over TLS."
                                    : "",
                  s->port);
}

static void
write_certificates(FILE *out, const struct nj_setup *s)
{
    (void)fprintf(out,
                  "\n# By this certificate clients know the broker; it carries the names and "
                  "addresses that they may\n"
                  "# type. With a certificate a listener speaks TLS, and nothing else.\n"
                  "certfile %s/hosts/%s/server.crt\n"
                  "# Its private key, for %s alone (0600).\n"
                  "keyfile %s/hosts/%s/server.key\n",
                  s->dir, NJ_SETUP_HOST, s->account, s->dir, NJ_SETUP_HOST);
}

static void
write_client_certificates(FILE *out, const struct nj_setup *s)
{
    char dir[WORD_SIZE];

    (void)typed(s, NULL, dir);
    (void)fprintf(out,
                  "\n# Clients are let in who hold a key that this authority has certified:\n"
                  "# nightjar pki client NAME --dir %s\n"
                  "cafile %s/ca.crt\nrequire_certificate true\n"
                  "# The name in the certificate is the user name; what a client says of itself "
                  "counts for nothing.\n"
                  "use_identity_as_username true\n"
                  "# Except those that were revoked: nightjar pki revoke NAME --dir %s\n"
                  "# The list has an end, like a certificate (nightjar pki list --dir %s shows it, "
                  "`crl` renews it):\n"
                  "# after it nobody is let in.\n"
                  "crlfile %s/crl.pem\n",
                  dir, s->dir, dir, dir, s->dir);
}

static void
write_users(FILE *out, const struct nj_setup *s)
{
    char users[WORD_SIZE];

    switch (s->level) {
    case NJ_LEVEL_OPEN:
        (void)fputs("\n# Nobody has to say who he is.\nallow_anonymous true\n", out);
        return;
    case NJ_LEVEL_PASSWORD:
    case NJ_LEVEL_TLS:
        (void)fprintf(out,
                      "\n# Nobody without a user name and its password. Another user:\n"
                      "# nightjar passwd %s NAME, then SIGHUP to the broker\n"
                      "allow_anonymous false\npassword_file %s/users\n",
                      typed(s, "users", users), s->dir);
        return;
    case NJ_LEVEL_MTLS:
        (void)fputs("\n# Nobody without a user name, and that is the certificate's.\n"
                    "allow_anonymous false\n",
                    out);
        return;
    }
}

static void
write_conf(FILE *out, const struct nj_setup *s, struct nj_str own)
{
    const struct nj_level_facts *level = nj_level_facts(s->level);
    char conf[WORD_SIZE];

    (void)fprintf(out, FIRST "--level %s --host %s --port %u --user %s\n", level->name, s->host,
                  s->port, s->user);
    (void)fprintf(out,
                  "# Level %s: %s. The manual of every line: man nightjar.conf\n"
                  "# Test it:  nightjar doctor --config %s\n\n",
                  level->name, level->title, typed(s, "broker.conf", conf));
    write_listener(out, s);
    if (s->level >= NJ_LEVEL_TLS)
        write_certificates(out, s);
    if (s->level == NJ_LEVEL_MTLS)
        write_client_certificates(out, s);
    write_users(out, s);
    (void)fprintf(
        out,
        "\n# Where sessions, what waits for them and retained messages outlive the broker; made "
        "when it starts.\npersistence_location %s/state\n",
        s->dir);
    (void)fprintf(out,
                  "\n# Whom the broker becomes when root starts it; the files above are readable "
                  "for this account.\nuser %s\n\n" LAST "%" NJ_STR_FMT,
                  s->account, NJ_STR_ARG(own));
}

/* False: no memory. */
static bool
print(struct nj_secret *text, const struct nj_setup *setup, struct nj_str own)
{
    FILE *out = NULL;

    if (nj_secret_init(text, TEXT_SIZE + own.n))
        out = fmemopen(text->p, text->n, "w");
    if (out == NULL)
        return false;
    write_conf(out, setup, own);
    return fclose(out) == 0;
}

enum nj_err
nj_setup_conf_save(const struct nj_setup *setup, const char *at, struct nj_str own,
                   struct nj_diag *diag)
{
    struct nj_secret text = {0};
    char path[NJ_SETUP_PATH_SIZE];
    enum nj_err err;

    if (print(&text, setup, own))
        err = nj_save(nj_setup_join(at, "broker.conf", path), nj_str_of(text.p), NJ_SAVE_PUBLIC,
                      true, diag);
    else
        err = nj_diag_fail(diag, NJ_ENOMEM, "no memory for the configuration");
    nj_secret_fini(&text);
    return err;
}

bool
nj_setup_conf_is_edited(const struct nj_setup *setup, struct nj_str text, struct nj_str own)
{
    struct nj_secret ours = {0};
    bool is = print(&ours, setup, own) && !nj_str_eq(text, nj_str_of(ours.p));

    nj_secret_fini(&ours);
    return is;
}

/* --- reading --- */

static bool
read_facts(struct nj_setup *s, const char *line)
{
    char level[16], port[8], *end;
    enum nj_level found;
    unsigned long n;

    if (sscanf(line, FIRST "--level %15s --host %263s --port %7s --user %64s", level, s->host, port,
               s->user) != 4 ||
        !nj_level_find(&found, level))
        return false;
    n = strtoul(port, &end, 10);
    if (*end != '\0' || n == 0 || n > 65535)
        return false;
    s->level = found;
    s->port = (unsigned)n;
    return nj_names_check_folder(s->user, NULL) == NJ_OK;
}

bool
nj_setup_conf_read(struct nj_setup *setup, struct nj_str text, struct nj_str *own)
{
    const char *last = memmem(text.p, text.n, LAST, sizeof(LAST) - 1), *account;

    if (last == NULL || memchr(text.p, '\0', text.n) != NULL || !read_facts(setup, text.p))
        return false;
    *own = nj_str_from(text, (size_t)(last - text.p) + sizeof(LAST) - 1);
    account = memmem(text.p, (size_t)(last - text.p), "\nuser ", 6);
    if (account != NULL)
        (void)snprintf(setup->account, sizeof(setup->account), "%.*s",
                       (int)strcspn(account + 6, "\n"), account + 6);
    return true;
}
