/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/password_files.h"

#include "auth/password_file.h"

#include <string.h>

void
nj_password_files_forget(struct nj_config *config)
{
    struct nj_server_opts *o = &config->server;

    for (size_t i = 0; i < o->listener_count; i++) {
        nj_users_unref(o->listeners[i].users);
        o->listeners[i].users = NULL;
    }
}

/* The same file is read once, however many listeners use it. */
static struct nj_users *
find_users(const struct nj_server_opts *o, size_t before, const char *path)
{
    for (size_t i = 0; i < before; i++) {
        const struct nj_listener_opts *l = &o->listeners[i];

        if (l->password_file != NULL && strcmp(l->password_file, path) == 0)
            return nj_users_ref(l->users);
    }
    return NULL;
}

enum nj_err
nj_password_files_load(struct nj_config *config, struct nj_diag *diag)
{
    struct nj_server_opts *o = &config->server;

    for (size_t i = 0; i < o->listener_count; i++) {
        struct nj_listener_opts *l = &o->listeners[i];
        enum nj_err err = NJ_OK;

        if (l->password_file == NULL)
            continue;
        l->users = find_users(o, i, l->password_file);
        if (l->users == NULL)
            err = nj_password_file_load(&l->users, l->password_file, diag);
        if (err != NJ_OK) {
            nj_password_files_forget(config);
            return err;
        }
    }
    return NJ_OK;
}
