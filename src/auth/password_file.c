/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password_file.h"

#include "auth/password.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/secret_file.h"

struct password_file {
    struct nj_users users; /* first */
    struct nj_secret_file file;
    struct nj_password passwords[]; /* of the same lines, in the same order */
};

/* For the names of a file in which there are none. */
static const struct nj_password nobodys = {
    .kind = NJ_PASSWORD_PBKDF2,
    .iterations = NJ_PASSWORD_ITERATIONS,
    .salt_n = NJ_PASSWORD_SALT_MAX,
    .hash_n = NJ_PASSWORD_HASH_MAX,
};

static const struct password_file *
of(const struct nj_users *users)
{
    return (const struct password_file *)(const void *)users;
}

static struct nj_user
find(const struct nj_users *users, struct nj_str name)
{
    const struct password_file *f = of(users);
    const struct nj_secret_line *line = nj_secret_file_find(&f->file, name);

    if (line != NULL)
        return (struct nj_user){&f->passwords[line - f->file.lines], nj_hash(line->value) | 1};
    if (f->file.count == 0)
        return (struct nj_user){&nobodys, 0};
    return (struct nj_user){&f->passwords[nj_hash(name) % f->file.count], 0};
}

static enum nj_err
check(const void *entry, struct nj_str password, bool *fits)
{
    return nj_password_check(entry, password, fits);
}

static void
free_users(struct nj_users *users)
{
    struct password_file *f = nj_container_of(users, struct password_file, users);

    nj_secret_file_fini(&f->file);
    nj_free(f);
}

static const struct nj_users_ops ops = {find, check, free_users};

/* "Error: The user 'x': the password is not hashed." */
static enum nj_err
refuse(const struct nj_secret_line *line, const char *path, const struct nj_diag *why,
       struct nj_diag *diag)
{
    (void)nj_diag_fail(diag, NJ_ECONFIG, "Error: User '%" NJ_STR_FMT "': %s.",
                       (int)NJ_MIN(line->name.n, 100), line->name.p, why->text);
    if (why->hint[0] != '\0')
        nj_diag_hint(diag, "%s", why->hint);
    return nj_secret_file_blame(path, line, diag);
}

enum nj_err
nj_password_file_load(struct nj_users **out, const char *path, struct nj_diag *diag)
{
    struct nj_secret_file file = {0};
    struct password_file *f = NULL;
    enum nj_err err = nj_secret_file_load(&file, path, "password file", diag);

    if (err != NJ_OK)
        return err;
    f = nj_zalloc(sizeof(*f) + file.count * sizeof(f->passwords[0]));
    if (f == NULL) {
        nj_secret_file_fini(&file);
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    }
    f->users.ops = &ops;
    atomic_init(&f->users.references, 1);
    f->file = file;
    for (size_t i = 0; i < file.count; i++) {
        struct nj_diag why = {0};

        if (nj_password_read(&f->passwords[i], file.lines[i].value, &why) != NJ_OK) {
            err = refuse(&file.lines[i], path, &why, diag);
            nj_users_unref(&f->users);
            return err;
        }
    }
    *out = &f->users;
    return NJ_OK;
}
