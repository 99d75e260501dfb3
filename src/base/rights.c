/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rights.h"

#include "base/compiler.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct user {
    uid_t id;
    gid_t groups[64];
    int count;
};

/* False: nobody knows the user, or it is root. */
static bool
find(struct user *out, const char *name)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[1024];

    if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL ||
        entry.pw_uid == 0)
        return false;
    out->id = entry.pw_uid;
    out->count = NJ_COUNT_OF(out->groups);
    if (getgrouplist(name, entry.pw_gid, out->groups, &out->count) < 0)
        out->count = NJ_COUNT_OF(out->groups);
    return true;
}

static bool
is_member(const struct user *u, gid_t group)
{
    for (int i = 0; i < u->count; i++) {
        if (u->groups[i] == group)
            return true;
    }
    return false;
}

/* R_OK, W_OK and X_OK are the bits of a mode. */
static bool
may(const struct user *u, const char *path, int how)
{
    struct stat st;
    unsigned shift = 0;

    if (stat(path, &st) != 0 || getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
        return true;
    if (u->id == st.st_uid)
        shift = 6;
    else if (is_member(u, st.st_gid))
        shift = 3;
    return ((st.st_mode >> shift) & (mode_t)how) == (mode_t)how;
}

bool
nj_rights_may(const char *user, const char *path, int how, char *at, size_t room)
{
    struct user u;
    char real[PATH_MAX];

    if (!find(&u, user) || realpath(path, real) == NULL)
        return true;
    for (char *slash = strchr(real + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool is_passed = may(&u, real, X_OK);
        if (!is_passed)
            (void)snprintf(at, room, "%s", real);
        *slash = '/';
        if (!is_passed)
            return false;
    }
    if (may(&u, real, how))
        return true;
    (void)snprintf(at, room, "%s", path);
    return false;
}

const char *
nj_rights_usual_user(void)
{
    struct user user;

    return find(&user, "mosquitto") ? "mosquitto" : "nobody";
}
