/* SPDX-License-Identifier: Apache-2.0 */
/* options.c — how a client connects, as the options files of nightjar's and Mosquitto's clients say
 * it: an option a line. */
#include "base/save.h"
#include "setup/setup_priv.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define OPTIONS_SIZE 4096

static void
write_options(FILE *out, const struct nj_setup *s, const char *user, struct nj_str password)
{
    char path[NJ_SETUP_PATH_SIZE];

    (void)fprintf(out,
                  "# For nightjar pub, sub and rr: -o THIS FILE. Mosquitto's clients find it by "
                  "their own names when\n"
                  "# XDG_CONFIG_HOME is this folder. On another machine: copy the folder, and "
                  "correct the paths here;\n"
                  "# -h is how that machine reaches the broker.\n"
                  "-h %s\n-p %u\n",
                  s->host, s->port);
    if (s->level >= NJ_LEVEL_TLS)
        (void)fprintf(out, "--cafile %s\n", nj_setup_path(s, user, "ca.crt", path));
    if (s->level == NJ_LEVEL_MTLS) {
        (void)fprintf(out, "--cert %s\n", nj_setup_path(s, user, "client.crt", path));
        (void)fprintf(out, "--key %s\n", nj_setup_path(s, user, "client.key", path));
    }
    if (s->level == NJ_LEVEL_PASSWORD || s->level == NJ_LEVEL_TLS) {
        (void)fprintf(out, "-u %s\n", user);
        if (password.n > 0)
            (void)fprintf(out, "-P %" NJ_STR_FMT "\n", NJ_STR_ARG(password));
    }
}

/* Links: what is mended in the file holds for all of them. */
static enum nj_err
link_names(const char *folder, struct nj_diag *diag)
{
    static const char *const names[] = {"mosquitto_pub", "mosquitto_sub", "mosquitto_rr"};
    char path[NJ_SETUP_PATH_SIZE];

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        (void)nj_setup_join(folder, names[i], path);
        if (symlink("options", path) != 0 && errno != EEXIST)
            return nj_diag_fail(diag, NJ_ESYS, "cannot make %s: %s", path, strerror(errno));
    }
    return NJ_OK;
}

enum nj_err
nj_setup_options_save(const struct nj_setup *setup, const char *at, const char *user,
                      struct nj_str password, struct nj_diag *diag)
{
    char folder[NJ_SETUP_PATH_SIZE], path[NJ_SETUP_PATH_SIZE], name[NJ_SETUP_USER_SIZE + 8];
    struct nj_secret text = {0};
    enum nj_err err = NJ_ENOMEM;
    FILE *out = NULL;

    (void)snprintf(name, sizeof(name), "clients/%s", user);
    (void)nj_setup_join(at, name, folder);
    if (nj_secret_init(&text, OPTIONS_SIZE))
        out = fmemopen(text.p, text.n, "w");
    if (out != NULL) {
        (void)setvbuf(out, NULL, _IONBF, 0); /* no second copy of the password */
        write_options(out, setup, user, password);
        if (fclose(out) == 0)
            err = nj_save_folder(folder, diag);
    }
    if (err == NJ_OK)
        err = nj_save(nj_setup_join(folder, "options", path), nj_str_of(text.p), NJ_SAVE_SECRET,
                      true, diag);
    if (err == NJ_OK)
        err = link_names(folder, diag);
    nj_secret_fini(&text);
    return err == NJ_ENOMEM ? nj_diag_fail(diag, err, "no memory for the options of %s", user)
                            : err;
}

static enum nj_err
read_password(struct nj_secret *out, const char *path, struct nj_diag *diag)
{
    struct nj_secret text = {0};
    const char *line;
    enum nj_err err = nj_save_read(&text, path, OPTIONS_SIZE, diag);

    if (err == NJ_ENOENT)
        return NJ_OK;
    if (err != NJ_OK)
        return err;
    line = strstr(text.p, "\n-P ");
    if (line != NULL && !nj_secret_copy(out, (struct nj_str){line + 4, strcspn(line + 4, "\n")}))
        err = nj_diag_fail(diag, NJ_ENOMEM, "no memory for a password");
    nj_secret_fini(&text);
    return err;
}

static void
place_options(const char *at, const char *user, char now[NJ_SETUP_PATH_SIZE],
              char old[NJ_SETUP_PATH_SIZE])
{
    (void)snprintf(now, NJ_SETUP_PATH_SIZE, "%s/clients/%s/options", at, user);
    (void)snprintf(old, NJ_SETUP_PATH_SIZE, "%s/clients/%s/options.old", at, user);
}

enum nj_err
nj_setup_options_password(struct nj_secret *out, const char *at, const char *user,
                          struct nj_diag *diag)
{
    char now[NJ_SETUP_PATH_SIZE], old[NJ_SETUP_PATH_SIZE];
    enum nj_err err;

    place_options(at, user, now, old);
    err = read_password(out, now, diag);
    return err == NJ_OK && out->n == 0 ? read_password(out, old, diag) : err;
}

enum nj_err
nj_setup_options_keep(const char *at, const char *user, struct nj_diag *diag)
{
    char now[NJ_SETUP_PATH_SIZE], old[NJ_SETUP_PATH_SIZE];

    place_options(at, user, now, old);
    if (link(now, old) == 0 || errno == EEXIST || errno == ENOENT)
        return NJ_OK;
    return nj_diag_fail(diag, NJ_ESYS, "cannot keep %s: %s", now, strerror(errno));
}

void
nj_setup_options_restore(const char *at, const char *user)
{
    char now[NJ_SETUP_PATH_SIZE], old[NJ_SETUP_PATH_SIZE];

    place_options(at, user, now, old);
    (void)rename(old, now);
}

void
nj_setup_options_forget(const char *at, const char *user)
{
    char now[NJ_SETUP_PATH_SIZE], old[NJ_SETUP_PATH_SIZE];

    place_options(at, user, now, old);
    (void)unlink(old);
}
