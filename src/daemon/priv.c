/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/priv.h"

#include "base/log.h"
#include "base/rights.h"
#include "config/config.h"
#include "store/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
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

/* Through the descriptor: a link that somebody puts there meanwhile is not followed. */
static void
give(const char *folder, uid_t uid, gid_t gid)
{
    bool is_new;
    int fd;

    if (nj_folder_make(folder, &is_new, NULL) != NJ_OK || !is_new)
        return;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!fchown(fd, uid, gid);
    (void)close(fd);
}

static enum nj_err
become(uid_t uid, gid_t gid, const char *name, const char *folder, struct nj_diag *diag)
{
    if (folder[0] != '\0')
        give(folder, uid, gid);
    if ((name != NULL ? initgroups(name, gid) : setgroups(0, NULL)) != 0 || setgid(gid) != 0 ||
        setuid(uid) != 0)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error setting user and group whilst dropping privileges: %s.",
                            strerror(errno));
    return NJ_OK;
}

static enum nj_err
become_ids(unsigned long uid, unsigned long gid, const char *folder, struct nj_diag *diag)
{
    enum nj_err err = become((uid_t)uid, gid > 0 ? (gid_t)gid : getgid(), NULL, folder, diag);

    if (err == NJ_OK)
        nj_log(NJ_LOG_INFO, "Info: running mosquitto as user id: %lu.", uid);
    return err;
}

static enum nj_err
become_named(const char *name, const struct passwd *pw, const char *folder, struct nj_diag *diag)
{
    enum nj_err err = become(pw->pw_uid, pw->pw_gid, name, folder, diag);

    if (err == NJ_OK)
        nj_log(NJ_LOG_INFO, "Info: running mosquitto as user: %s.", name);
    return err;
}

enum nj_err
nj_priv_drop(const char *user, const char *folder, struct nj_diag *diag)
{
    unsigned long uid = id_from_environment("PUID"), gid = id_from_environment("PGID");
    const char *name = user != NULL ? user : nj_rights_usual_user();
    const struct passwd *pw;

    (void)umask(0077);
    if (geteuid() != 0)
        return NJ_OK;
    if (uid > 0)
        return become_ids(uid, gid, folder, diag);
    if (strcmp(name, "root") != 0) {
        pw = getpwnam(name);
        if (pw == NULL) {
            nj_diag_hint(diag, "Create the user, or name another one with the 'user' option.");
            return nj_diag_fail(
                diag, NJ_ENOENT,
                "Error: Unable to drop privileges to '%s' because this user does not "
                "exist.",
                name);
        }
        return become_named(name, pw, folder, diag);
    }
    nj_log(NJ_LOG_WARNING, "Warning: Mosquitto should not be run as root/administrator.");
    return NJ_OK;
}

/* Lines, then a NUL and the code; the end before it: the child is gone. */
static int
wait_for_child(int from)
{
    char text[512];
    bool is_over = false;
    ssize_t n;

    while ((n = read(from, text, sizeof(text))) > 0 || (n < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < n; i++) {
            if (is_over)
                return text[i];
            is_over = text[i] == '\0';
            if (!is_over)
                (void)fputc(text[i], stderr);
        }
    }
    (void)fputs("Error: The broker ended before it was ready.\n", stderr);
    return NJ_CONFIG_EXIT_STARTUP;
}

/* What does not reach it is in the log. */
static void
write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done <= 0)
            return;
        p += done;
        n -= (size_t)done;
    }
}

void
nj_priv_tell_parent(int parent, const char *line)
{
    if (parent < 0)
        return;
    write_all(parent, line, strlen(line));
    write_all(parent, "\n", 1);
}

void
nj_priv_let_parent_go(int *parent, int code)
{
    const char end[2] = {'\0', (char)code};

    if (*parent < 0)
        return;
    write_all(*parent, end, sizeof(end));
    (void)close(*parent);
    *parent = -1;
}

enum nj_err
nj_priv_daemonise(int *parent, struct nj_diag *diag)
{
    int ends[2], null;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error in pipe: %s", strerror(errno));
    pid = fork();
    if (pid < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return nj_diag_fail(diag, NJ_ESYS, "Error in fork: %s", strerror(errno));
    }
    if (pid > 0) {
        (void)close(ends[1]);
        _exit(wait_for_child(ends[0]));
    }
    (void)close(ends[0]);
    *parent = ends[1];
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
