/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/priv.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A decimal id from the environment; 0: not set, or no change. */
static unsigned long
id_from_environment(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

static enum nj_err
become(uid_t uid, gid_t gid, const char *name, struct nj_diag *diag)
{
    if ((name != NULL ? initgroups(name, gid) : setgroups(0, NULL)) != 0 || setgid(gid) != 0 ||
        setuid(uid) != 0)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error setting user and group whilst dropping privileges: %s.",
                            strerror(errno));
    return NJ_OK;
}

static enum nj_err
become_ids(unsigned long uid, unsigned long gid, struct nj_diag *diag)
{
    enum nj_err err = become((uid_t)uid, gid > 0 ? (gid_t)gid : getgid(), NULL, diag);

    if (err == NJ_OK)
        nj_log(NJ_LOG_INFO, "Info: running mosquitto as user id: %lu.", uid);
    return err;
}

static enum nj_err
become_named(const char *name, const struct passwd *pw, struct nj_diag *diag)
{
    enum nj_err err = become(pw->pw_uid, pw->pw_gid, name, diag);

    if (err == NJ_OK)
        nj_log(NJ_LOG_INFO, "Info: running mosquitto as user: %s.", name);
    return err;
}

enum nj_err
nj_priv_drop(const char *user, struct nj_diag *diag)
{
    unsigned long uid = id_from_environment("PUID"), gid = id_from_environment("PGID");
    const char *name = user != NULL ? user : "mosquitto";
    const struct passwd *pw;

    (void)umask(0077);
    if (geteuid() != 0)
        return NJ_OK;
    if (uid > 0)
        return become_ids(uid, gid, diag);
    if (strcmp(name, "root") != 0) {
        pw = getpwnam(name);
        if (pw == NULL && user == NULL) {
            name = "nobody";
            pw = getpwnam(name);
        }
        if (pw == NULL) {
            nj_diag_hint(diag, "Create the user, or name another one with the 'user' option.");
            return nj_diag_fail(
                diag, NJ_ENOENT,
                "Error: Unable to drop privileges to '%s' because this user does not "
                "exist.",
                name);
        }
        return become_named(name, pw, diag);
    }
    nj_log(NJ_LOG_WARNING, "Warning: Mosquitto should not be run as root/administrator.");
    return NJ_OK;
}

enum nj_err
nj_priv_daemonise(struct nj_diag *diag)
{
    pid_t pid = fork();
    int null;

    if (pid < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error in fork: %s", strerror(errno));
    if (pid > 0)
        _exit(0);
    if (setsid() < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error in setsid: %s", strerror(errno));
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error opening /dev/null: %s", strerror(errno));
    for (int fd = 0; fd <= 2; fd++)
        (void)dup2(null, fd);
    if (null > 2)
        (void)close(null);
    return NJ_OK;
}
