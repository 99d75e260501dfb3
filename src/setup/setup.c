/* SPDX-License-Identifier: Apache-2.0 */
/* setup.c — made whole or not at all; raised without a moment in which neither level works. */
#include "base/log.h"
#include "base/rights.h"
#include "base/save.h"
#include "base/shell.h"
#include "setup/setup_priv.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_MAX   (1u << 20)
#define DIR_MAX    255 /* leaves room for the names below */
#define FIRST_USER "client1"

void
nj_setup_fini(struct nj_setup *setup)
{
    nj_secret_fini(&setup->password);
}

/* --- what is wished --- */

static enum nj_err
choose_user(struct nj_setup *s, const struct nj_setup_wish *wish, struct nj_diag *diag)
{
    const char *user = wish->user != NULL ? wish->user : FIRST_USER;

    if (strchr(user, ':') != NULL)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the name '%s' has a ':', with which names end in password files",
                            user);
    if (nj_names_check_folder(user, diag) != NJ_OK)
        return NJ_EINVAL;
    (void)snprintf(s->user, sizeof(s->user), "%s", user);
    return NJ_OK;
}

static enum nj_err
choose_host(struct nj_setup *s, const struct nj_setup_wish *wish, struct nj_diag *diag)
{
    const char *first = wish->hosts.count > 0 ? wish->hosts.at[0] : "DNS:localhost";

    if (wish->hosts.count > 0 && s->level == NJ_LEVEL_OPEN) {
        nj_diag_hint(diag, "Choose a level that asks who connects: --level password, tls, mtls.");
        return nj_diag_fail(diag, NJ_EINVAL,
                            "a broker of the level open is for this machine alone: no --host");
    }
    if (strncmp(first, "DNS:", 4) != 0 && strncmp(first, "IP:", 3) != 0)
        return nj_diag_fail(diag, NJ_EINVAL, "clients cannot connect to '%s'", first);
    first = strchr(first, ':') + 1;
    /* A wildcard is a name for the certificate, not one to connect to. */
    if (strchr(first, '*') != NULL) {
        nj_diag_hint(diag, "Give the wildcard after a name: --host broker.example,*.example");
        return nj_diag_fail(diag, NJ_EINVAL, "clients cannot connect to '%s'", first);
    }
    (void)snprintf(s->host, sizeof(s->host), "%s", first);
    return NJ_OK;
}

/* --- the folder --- */

/* Readers of mosquitto.conf take a value to the end of its line, but for blanks there; what they
 * make of quotes is another thing with each. */
static enum nj_err
check_path(const char *path, struct nj_diag *diag)
{
    size_t n = strlen(path);

    if (n > DIR_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "the path %.60s… is too long", path);
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c >= ' ' && *c != 0x7f && strchr("\"'\\", *c) == NULL)
            continue;
        nj_diag_hint(diag, "Choose another place.");
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the path '%s' has a quote, a backslash or a control character, which "
                            "not every reader of mosquitto.conf takes as a part of it",
                            path);
    }
    return NJ_OK;
}

/* The absolute path of a folder that need not be there; the one above it must be. */
static enum nj_err
place(struct nj_setup *s, const char *dir, struct nj_diag *diag)
{
    char real[PATH_MAX], above[DIR_MAX + 1], path[PATH_MAX + DIR_MAX + 2];
    const char *name;
    size_t n = strlen(dir);

    if (check_path(dir, diag) != NJ_OK)
        return NJ_EINVAL;
    if (realpath(dir, real) == NULL) {
        while (n > 1 && dir[n - 1] == '/')
            n--;
        (void)snprintf(above, sizeof(above), "%.*s", (int)n, dir);
        name = strrchr(above, '/') != NULL ? strrchr(above, '/') + 1 : above;
        (void)snprintf(path, sizeof(path), "%.*s.", (int)(name - above), above);
        if (n == 0 || realpath(path, real) == NULL)
            return nj_diag_fail(diag, NJ_ENOENT, "cannot make '%s': %s", dir, strerror(errno));
        (void)snprintf(path, sizeof(path), "%s/%s", strcmp(real, "/") != 0 ? real : "", name);
    } else {
        (void)snprintf(path, sizeof(path), "%s", real);
    }
    if (check_path(path, diag) != NJ_OK)
        return NJ_EINVAL;
    memcpy(s->dir, path, strlen(path) + 1);
    return NJ_OK;
}

/* Or not there. False with errno 0: it is not. */
static bool
is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool is = true;

    if (dir == NULL)
        return errno == ENOENT;
    errno = 0;
    while (is && (entry = readdir(dir)) != NULL)
        is = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(dir);
    errno = 0;
    return is;
}

static enum nj_err
check_is_free(const struct nj_setup *s, struct nj_diag *diag)
{
    char here[PATH_MAX];

    if (getcwd(here, sizeof(here)) != NULL && strcmp(here, s->dir) == 0)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "the folder is made anew, so it cannot be the one you are in: give "
                            "the name of another");
    if (is_empty(s->dir))
        return NJ_OK;
    if (errno != 0)
        return nj_diag_fail(diag, NJ_ESYS, "cannot use %s: %s", s->dir, strerror(errno));
    nj_diag_hint(diag, "Choose another name; --upgrade raises the level of a set-up.");
    return nj_diag_fail(diag, NJ_EEXIST,
                        "there is something in %s already, and nothing is overwritten", s->dir);
}

/* --- the account --- */

static enum nj_err
find_account(struct nj_setup *s, struct nj_diag *diag)
{
    const struct passwd *pw =
        geteuid() != 0 ? getpwuid(geteuid()) : getpwnam(nj_rights_usual_user());

    if (pw == NULL)
        return nj_diag_fail(diag, NJ_ENOENT, "there is no account for the broker to run as");
    (void)snprintf(s->account, sizeof(s->account), "%s", pw->pw_name);
    return NJ_OK;
}

/* Root reaches everything, the account that the broker becomes does not. */
static enum nj_err
check_is_reachable(const struct nj_setup *s, struct nj_diag *diag)
{
    size_t n = (size_t)(strrchr(s->dir, '/') - s->dir);
    char above[NJ_SETUP_DIR_SIZE], at[NJ_SETUP_DIR_SIZE];

    (void)snprintf(above, sizeof(above), "%.*s", n > 0 ? (int)n : 1, s->dir);
    if (geteuid() != 0 || nj_rights_may(s->account, above, X_OK, at, sizeof(at)))
        return NJ_OK;
    nj_diag_hint(diag, "Choose another place, such as /etc/nightjar, or run this as the user who "
                       "will run the broker.");
    return nj_diag_fail(diag, NJ_EINVAL,
                        "started by root the broker runs as %s, who may not enter %s", s->account,
                        at);
}

/* --- making --- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Below `at`, which is ours alone, until all is there. */
static enum nj_err
fill(struct nj_setup *s, const char *at, const struct nj_names *hosts, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    if (chmod(at, 0755) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "cannot open %s to others: %s", at, strerror(errno));
    err = nj_setup_furnish(s, at, hosts, diag);
    if (err == NJ_OK)
        err = nj_setup_equip(s, at, diag);
    if (err == NJ_OK)
        err = nj_setup_conf_save(s, at, NJ_STR(""), diag);
    if (err == NJ_OK && rename(at, s->dir) != 0)
        err = nj_diag_fail(diag, NJ_ESYS, "cannot make %s: %s", s->dir, strerror(errno));
    return err;
}

/* ".NAME.nightjar-PID": who makes it. False: another name, or he lives. */
static bool
is_left_behind(const char *name, const char *stem)
{
    const char *digits = name + strlen(stem);
    char *end;
    long pid;

    if (strncmp(name, stem, strlen(stem)) != 0 || *digits < '0' || *digits > '9')
        return false;
    pid = strtol(digits, &end, 10);
    return *end == '\0' && pid > 0 && pid <= INT_MAX &&
           (pid == getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH));
}

/* What a making that was killed has left; it holds keys. */
static void
sweep(const char *above, const char *stem)
{
    DIR *dir = opendir(above);
    const struct dirent *entry;
    char path[PATH_MAX];
    struct stat st;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!is_left_behind(entry->d_name, stem))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", above, entry->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
            nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0)
            nj_log_line(NJ_LOG_NOTICE,
                        "%s: removed; an init left it that was ended before its time.", path);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static enum nj_err
make(struct nj_setup *s, const struct nj_names *hosts, struct nj_diag *diag)
{
    const char *slash = strrchr(s->dir, '/');
    char above[NJ_SETUP_PATH_SIZE], stem[NJ_SETUP_PATH_SIZE], at[NJ_SETUP_PATH_SIZE * 2 + 16];
    enum nj_err err;

    (void)snprintf(above, sizeof(above), "%.*s", (int)(slash - s->dir), s->dir);
    (void)snprintf(stem, sizeof(stem), ".%s.nightjar-", slash + 1);
    sweep(above[0] != '\0' ? above : "/", stem);
    (void)snprintf(at, sizeof(at), "%s/%s%d", above, stem, (int)getpid());
    if (mkdir(at, 0700) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "cannot make %s: %s", s->dir, strerror(errno));
    err = fill(s, at, hosts, diag);
    if (err != NJ_OK)
        (void)nftw(at, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return err;
}

enum nj_err
nj_setup_make(struct nj_setup *out, const struct nj_setup_wish *wish, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    out->level = wish->has_level ? wish->level : NJ_LEVEL_TLS;
    out->port = wish->port != 0 ? wish->port : nj_level_facts(out->level)->port;
    err = choose_user(out, wish, diag);
    if (err == NJ_OK)
        err = choose_host(out, wish, diag);
    if (err == NJ_OK)
        err = place(out, wish->dir, diag);
    if (err == NJ_OK)
        err = find_account(out, diag);
    if (err == NJ_OK)
        err = check_is_reachable(out, diag);
    if (err == NJ_OK)
        err = check_is_free(out, diag);
    return err == NJ_OK ? make(out, &wish->hosts, diag) : err;
}

/* --- raising --- */

static enum nj_err
open_old(struct nj_setup *old, const char *dir, struct nj_secret *text, struct nj_str *own,
         struct nj_diag *diag)
{
    char path[NJ_SETUP_PATH_SIZE];
    enum nj_err err = place(old, dir, diag);

    if (err == NJ_OK)
        err = nj_save_read(text, nj_setup_path(old, NULL, "broker.conf", path), CONF_MAX, diag);
    if (err == NJ_ENOENT)
        nj_diag_hint(diag, "Without --upgrade, nightjar init makes a set-up.");
    if (err == NJ_OK && !nj_setup_conf_read(old, nj_secret_lend(text), own)) {
        nj_diag_hint(diag, "Its first line and its line of dashes say what may be rewritten; make "
                           "a new set-up in another folder, and copy from there.");
        return nj_diag_fail(diag, NJ_EINVAL, "%s is not as nightjar init writes it", path);
    }
    return err;
}

static enum nj_err
choose_level(struct nj_setup *s, const struct nj_setup_wish *wish, struct nj_diag *diag)
{
    const char *is = nj_level_facts(s->level)->name;
    enum nj_level old = s->level;

    if (!wish->has_level && old == NJ_LEVEL_MTLS)
        return nj_diag_fail(diag, NJ_EEXIST, "%s has the level mtls; there is none above it",
                            s->dir);
    s->level = wish->has_level ? wish->level : (enum nj_level)(old + 1);
    if (s->level == old)
        return nj_diag_fail(diag, NJ_EEXIST, "%s has the level %s already", s->dir, is);
    if (s->level < old) {
        nj_diag_hint(diag, "Each upgrade has left the old configuration beside the new one.");
        return nj_diag_fail(diag, NJ_EINVAL, "%s has the level %s, and none is ever lowered",
                            s->dir, is);
    }
    if (wish->port != 0)
        s->port = wish->port;
    else if (s->port == nj_level_facts(old)->port)
        s->port = nj_level_facts(s->level)->port;
    return NJ_OK;
}

/* Names are changed only where nothing has been made for the old ones. */
static enum nj_err
choose_names(struct nj_setup *s, const struct nj_setup_wish *wish, bool was_open,
             struct nj_diag *diag)
{
    char path[NJ_SETUP_PATH_SIZE], dir[NJ_SETUP_DIR_SIZE * 4];
    enum nj_err err = NJ_OK;

    if (wish->user != NULL && strcmp(wish->user, s->user) != 0 && !was_open) {
        nj_diag_hint(diag, "nightjar passwd, or nightjar pki client NAME --dir %s, adds another.",
                     nj_shell_word(dir, sizeof(dir), nj_str_of(s->dir)));
        return nj_diag_fail(diag, NJ_EINVAL, "the first user of %s is %s", s->dir, s->user);
    }
    if (wish->user != NULL)
        err = choose_user(s, wish, diag);
    if (err != NJ_OK || wish->hosts.count == 0)
        return err;
    if (access(nj_setup_path(s, NULL, "hosts/" NJ_SETUP_HOST "/server.crt", path), F_OK) == 0) {
        nj_diag_hint(
            diag, "nightjar pki renew " NJ_SETUP_HOST " --san NAMES --dir %s gives it other names.",
            nj_shell_word(dir, sizeof(dir), nj_str_of(s->dir)));
        return nj_diag_fail(diag, NJ_EINVAL, "the broker of %s has its certificate", s->dir);
    }
    return choose_host(s, wish, diag);
}

/* The configuration decides the level, and is replaced last. */
static enum nj_err
replace(struct nj_setup *s, const char *old_level, struct nj_str old, struct nj_str own,
        struct nj_diag *diag)
{
    enum nj_err err;

    (void)snprintf(s->backup, sizeof(s->backup), "%s/broker.conf.%s", s->dir, old_level);
    err = nj_save(s->backup, old, NJ_SAVE_PUBLIC, true, diag);
    if (err != NJ_OK)
        return err;
    err = nj_setup_equip(s, s->dir, diag);
    if (err == NJ_OK)
        err = nj_setup_conf_save(s, s->dir, own, diag);
    if (err == NJ_OK)
        nj_setup_equipped(s, s->dir);
    else
        nj_setup_unequip(s, s->dir);
    return err;
}

enum nj_err
nj_setup_raise(struct nj_setup *out, const struct nj_setup_wish *wish, struct nj_diag *diag)
{
    struct nj_secret text = {0};
    struct nj_str own;
    enum nj_level was;
    enum nj_err err = open_old(out, wish->dir, &text, &own, diag);

    was = out->level;
    if (err == NJ_OK)
        out->is_edited = nj_setup_conf_is_edited(out, nj_secret_lend(&text), own);
    if (err == NJ_OK)
        err = choose_level(out, wish, diag);
    if (err == NJ_OK)
        err = choose_names(out, wish, was == NJ_LEVEL_OPEN, diag);
    if (err == NJ_OK && getpwnam(out->account) == NULL)
        err = find_account(out, diag);
    if (err == NJ_OK)
        err = check_is_reachable(out, diag);
    if (err == NJ_OK) {
        (void)nj_save_sweep(out->dir);
        err = nj_setup_furnish(out, out->dir, &wish->hosts, diag);
    }
    if (err == NJ_OK)
        err = replace(out, nj_level_facts(was)->name, nj_secret_lend(&text), own, diag);
    nj_secret_fini(&text);
    return err;
}
