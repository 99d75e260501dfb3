/* SPDX-License-Identifier: Apache-2.0 */
/* furnish.c — what a level needs besides its configuration: users, authority, certificates, what
 * clients carry. What is there already is kept, so that all of it can be done twice. */
#include "auth/password.h"
#include "base/rand.h"
#include "base/save.h"
#include "pki/authority.h"
#include "setup/setup_priv.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWORD_SIZE 24 /* of 32 letters each: 120 bits */
#define USERS_MAX     (1u << 20)
#define CA_MAX        65536

const char *
nj_setup_join(const char *at, const char *name, char out[NJ_SETUP_PATH_SIZE])
{
    /* Cut, it could be the path of another file; without a name it is nobody's. */
    if (snprintf(out, NJ_SETUP_PATH_SIZE, "%s/%s", at, name) >= NJ_SETUP_PATH_SIZE)
        out[0] = '\0';
    return out;
}

static const char *
of_client(const char *at, const char *user, const char *name, char out[NJ_SETUP_PATH_SIZE])
{
    (void)snprintf(out, NJ_SETUP_PATH_SIZE, "%s/clients/%s/%s", at, user, name);
    return out;
}

const char *
nj_setup_path(const struct nj_setup *setup, const char *user, const char *name,
              char out[NJ_SETUP_PATH_SIZE])
{
    return user != NULL ? of_client(setup->dir, user, name, out)
                        : nj_setup_join(setup->dir, name, out);
}

static bool
is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* To the account that the broker becomes, which must read it; unless somebody has seen to that. */
static enum nj_err
give(const struct nj_setup *s, const char *path, struct nj_diag *diag)
{
    const struct passwd *pw = geteuid() == 0 ? getpwnam(s->account) : NULL;
    struct stat st;

    if (pw == NULL || (stat(path, &st) == 0 && (st.st_uid != 0 || (st.st_mode & 077) != 0)) ||
        chown(path, pw->pw_uid, pw->pw_gid) == 0)
        return NJ_OK;
    return nj_diag_fail(diag, NJ_ESYS, "cannot give %s to %s: %s", path, s->account,
                        strerror(errno));
}

/* --- users --- */

/* Without letters that look alike, and none that a shell, a URL or an options file would read
 * otherwise. */
static bool
invent_password(struct nj_secret *out)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

    if (!nj_secret_init(out, PASSWORD_SIZE))
        return false;
    nj_rand_system(out->p, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->p[i] = letters[(unsigned char)out->p[i] % (sizeof(letters) - 1)];
    return true;
}

static bool
has_passwords(const struct nj_setup *s)
{
    return s->level == NJ_LEVEL_PASSWORD || s->level == NJ_LEVEL_TLS;
}

static enum nj_err
save_users(struct nj_setup *s, const char *at, struct nj_diag *diag)
{
    char path[NJ_SETUP_PATH_SIZE], line[NJ_SETUP_USER_SIZE + NJ_PASSWORD_TEXT_MAX + 2];
    char text[NJ_PASSWORD_TEXT_MAX];
    struct nj_password hash;
    enum nj_err err = NJ_OK;

    (void)nj_setup_join(at, "users", path);
    if (s->password.n > 0) {
        if (nj_password_make(&hash, NJ_PASSWORD_PBKDF2, 0, nj_secret_lend(&s->password)) != NJ_OK)
            return nj_diag_fail(diag, NJ_ENOMEM, "no memory for a password");
        (void)nj_password_write(&hash, text);
        (void)snprintf(line, sizeof(line), "%s:%s\n", s->user, text);
        err = nj_save(path, nj_str_of(line), NJ_SAVE_SECRET, false, diag);
    }
    return err == NJ_OK ? give(s, path, diag) : err;
}

typedef enum nj_err (*user_fn)(struct nj_setup *s, const char *at, const char *user, void *with,
                               struct nj_diag *diag);

/* Can a certificate, and a folder, have this name? Those that cannot are told of. */
static bool
is_nameable(struct nj_setup *s, const char *user)
{
    if (nj_names_check_folder(user, NULL) == NJ_OK)
        return true;
    if (s->nameless++ == 0)
        (void)snprintf(s->nameless_user, sizeof(s->nameless_user), "%s", user);
    return false;
}

static enum nj_err
visit_lines(struct nj_setup *s, const char *at, char *text, user_fn visit, void *with,
            struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;
    char *rest = text, *line;

    s->nameless = 0;
    while (err == NJ_OK && (line = strsep(&rest, "\n")) != NULL) {
        char *colon = strchr(line, ':');

        if (line[0] == '#' || colon == NULL)
            continue;
        *colon = '\0';
        if (is_nameable(s, line))
            err = visit(s, at, line, with, diag);
    }
    return err;
}

/* All in the password file; where there is none, the first. */
static enum nj_err
for_each_user(struct nj_setup *s, const char *at, user_fn visit, void *with, struct nj_diag *diag)
{
    char path[NJ_SETUP_PATH_SIZE];
    struct nj_secret text = {0};
    enum nj_err err;

    if (!is_there(nj_setup_join(at, "users", path)))
        return visit(s, at, s->user, with, diag);
    err = nj_save_read(&text, path, USERS_MAX, diag);
    if (err == NJ_OK)
        err = visit_lines(s, at, text.p, visit, with, diag);
    nj_secret_fini(&text);
    return err;
}

/* --- certificates --- */

static enum nj_err
open_authority(struct nj_authority **out, const char *at, struct nj_diag *diag)
{
    const struct nj_authority_opts opts = {.dir = at};
    const struct nj_authority_plan plan = {.key = NJ_KEY_P256};
    char path[NJ_SETUP_PATH_SIZE];

    return is_there(nj_setup_join(at, "ca.crt", path)) ? nj_authority_open(out, &opts, diag)
                                                       : nj_authority_init(out, &opts, &plan, diag);
}

static enum nj_err
certify_broker(struct nj_setup *s, struct nj_authority *authority, const char *at,
               const struct nj_names *hosts, struct nj_diag *diag)
{
    struct nj_issue wish = {.kind = NJ_ISSUE_SERVER, .name = NJ_SETUP_HOST, .names = *hosts};
    struct nj_issued made = {0};
    char path[NJ_SETUP_PATH_SIZE];
    enum nj_err err;

    if (is_there(nj_setup_join(at, "hosts/" NJ_SETUP_HOST "/server.crt", path)))
        return give(s, nj_setup_join(at, "hosts/" NJ_SETUP_HOST "/server.key", path), diag);
    nj_names_add_machine(&wish.names);
    err = nj_authority_issue(authority, &wish, &made, diag);
    if (err == NJ_OK)
        err = give(s, made.key, diag);
    if (err == NJ_OK)
        s->names = made.names;
    return err;
}

static enum nj_err
certify_client(struct nj_setup *s, const char *at, const char *user, void *with,
               struct nj_diag *diag)
{
    const struct nj_issue wish = {.kind = NJ_ISSUE_CLIENT, .name = user};
    struct nj_issued made = {0};
    char path[NJ_SETUP_PATH_SIZE];

    (void)s;
    if (is_there(of_client(at, user, "client.crt", path)))
        return NJ_OK;
    return nj_authority_issue(with, &wish, &made, diag);
}

enum nj_err
nj_setup_furnish(struct nj_setup *setup, const char *at, const struct nj_names *hosts,
                 struct nj_diag *diag)
{
    char users[NJ_SETUP_PATH_SIZE];
    struct nj_authority *authority;
    enum nj_err err;

    if (has_passwords(setup) && !is_there(nj_setup_join(at, "users", users)) &&
        !invent_password(&setup->password))
        return nj_diag_fail(diag, NJ_ENOMEM, "no memory for a password");
    if (setup->level < NJ_LEVEL_TLS)
        return NJ_OK;
    err = open_authority(&authority, at, diag);
    if (err != NJ_OK)
        return err;
    err = certify_broker(setup, authority, at, hosts, diag);
    if (err == NJ_OK && setup->level == NJ_LEVEL_MTLS)
        err = for_each_user(setup, at, certify_client, authority, diag);
    nj_authority_close(authority);
    return err;
}

/* --- clients --- */

static enum nj_err
hand_out_authority(const char *at, const char *user, struct nj_diag *diag)
{
    char from[NJ_SETUP_PATH_SIZE], to[NJ_SETUP_PATH_SIZE];
    struct nj_secret text = {0};
    enum nj_err err = nj_save_read(&text, nj_setup_join(at, "ca.crt", from), CA_MAX, diag);

    if (err == NJ_OK)
        err = nj_save_folder(of_client(at, user, ".", to), diag);
    if (err == NJ_OK)
        err = nj_save(of_client(at, user, "ca.crt", to), nj_secret_lend(&text), NJ_SAVE_PUBLIC,
                      true, diag);
    nj_secret_fini(&text);
    return err;
}

/* The first user always, of the others those who have a folder. */
static enum nj_err
equip(struct nj_setup *s, const char *at, const char *user, void *with, struct nj_diag *diag)
{
    bool is_first = strcmp(user, s->user) == 0;
    char path[NJ_SETUP_PATH_SIZE];
    struct nj_secret old = {0};
    struct nj_str password = nj_secret_lend(&s->password);
    enum nj_err err = NJ_OK;

    (void)with;
    if (!is_first && !is_there(of_client(at, user, ".", path)))
        return NJ_OK;
    (void)nj_save_sweep(of_client(at, user, ".", path));
    if (s->level >= NJ_LEVEL_TLS)
        err = hand_out_authority(at, user, diag);
    if (err == NJ_OK && (!is_first || password.n == 0)) {
        err = nj_setup_options_password(&old, at, user, diag);
        password = nj_secret_lend(&old);
    }
    if (err == NJ_OK)
        err = nj_setup_options_keep(at, user, diag);
    s->is_password_unknown =
        s->is_password_unknown || (is_first && has_passwords(s) && password.n == 0);
    if (err == NJ_OK)
        err = nj_setup_options_save(s, at, user, password, diag);
    s->others += !is_first;
    nj_secret_fini(&old);
    return err;
}

static enum nj_err
restore(struct nj_setup *s, const char *at, const char *user, void *with, struct nj_diag *diag)
{
    (void)s;
    (void)with;
    (void)diag;
    nj_setup_options_restore(at, user);
    return NJ_OK;
}

static enum nj_err
forget(struct nj_setup *s, const char *at, const char *user, void *with, struct nj_diag *diag)
{
    (void)s;
    (void)with;
    (void)diag;
    nj_setup_options_forget(at, user);
    return NJ_OK;
}

enum nj_err
nj_setup_equip(struct nj_setup *setup, const char *at, struct nj_diag *diag)
{
    enum nj_err err = for_each_user(setup, at, equip, NULL, diag);

    return err == NJ_OK && has_passwords(setup) ? save_users(setup, at, diag) : err;
}

void
nj_setup_unequip(struct nj_setup *setup, const char *at)
{
    (void)!for_each_user(setup, at, restore, NULL, NULL);
}

void
nj_setup_equipped(struct nj_setup *setup, const char *at)
{
    (void)!for_each_user(setup, at, forget, NULL, NULL);
}
