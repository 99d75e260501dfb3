/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h — a working set-up of broker and first client in a folder, for the command `init`.
 *
 *     DIR/broker.conf             mosquitto.conf, each line with its reason        every level
 *     DIR/state/                  what outlives the broker, which makes it at its first start
 *     DIR/clients/USER/options    how the client connects, 0600; as -o takes it
 *                     /mosquitto_pub …  the same under the names that Mosquitto's clients look for
 *     DIR/users                   password file, 0600, the broker's                password, tls
 *     DIR/ca.crt ca.key …         an authority: pki/authority.h                    tls, mtls
 *     DIR/hosts/broker/           the broker's certificate and key
 *     DIR/clients/USER/ca.crt     whom the client trusts
 *                     /client.crt client.key                                       mtls
 *
 * A set-up is made beside its place and moved there when it is whole. To raise its level, what the
 * new level needs besides is added first, which disturbs nothing; then the clients' options are
 * replaced, and last the configuration, whose old text is kept under the name of its level. What
 * fails in between is put back, and what is killed can be done again: what is there is kept and
 * used. All paths within are absolute.
 *
 * Made by root, the key and the passwords belong to the account that the broker becomes.
 *
 * Thread: one for each folder.
 * Errors: NJ_EINVAL, NJ_EEXIST, NJ_ENOENT, NJ_ESYS, NJ_ENOMEM, said in diag, with what to do. */
#ifndef NJ_SETUP_SETUP_H
#define NJ_SETUP_SETUP_H

#include "base/err.h"
#include "base/secret.h"
#include "pki/names.h"
#include "setup/level.h"

#define NJ_SETUP_DIR_SIZE  320
#define NJ_SETUP_PATH_SIZE 512
#define NJ_SETUP_USER_SIZE 65

struct nj_setup_wish {
    const char *dir;
    enum nj_level level;
    bool has_level;        /* without: tls, or the next level above the present one */
    const char *user;      /* NULL: the present one, or "client1" */
    unsigned port;         /* 0: the present one if it is not its level's, else the level's */
    struct nj_names hosts; /* besides those of the machine; the first is what clients are told */
};

struct nj_setup {
    enum nj_level level;
    unsigned port;
    char dir[NJ_SETUP_DIR_SIZE];            /* absolute */
    char host[NJ_NAME_SIZE];                /* as clients are told */
    char user[NJ_SETUP_USER_SIZE];          /* the first */
    char account[NJ_SETUP_USER_SIZE];       /* whom the broker runs as */
    char backup[NJ_SETUP_PATH_SIZE];        /* the old configuration; empty: there was none */
    bool is_edited;                         /* above its last line: only `backup` has that now */
    struct nj_names names;                  /* of the broker's certificate, if it was made now */
    struct nj_secret password;              /* of the user, if it was made now */
    bool is_password_unknown;               /* there were users, and no options with the password */
    unsigned others;                        /* clients that have a folder, besides the first */
    unsigned nameless;                      /* users whose name no certificate can carry… */
    char nameless_user[NJ_SETUP_USER_SIZE]; /* …the first of them */
};

/* Make a set-up in a folder that is not there, or empty. `out` is zeroed; nj_setup_fini() in every
 * case. */
NJ_NODISCARD enum nj_err nj_setup_make(struct nj_setup *out, const struct nj_setup_wish *wish,
                                       struct nj_diag *diag);
/* Raise the level of one that is there: users, keys and authority stay. NJ_EINVAL: lower, or what
 * cannot be changed in this way. */
NJ_NODISCARD enum nj_err nj_setup_raise(struct nj_setup *out, const struct nj_setup_wish *wish,
                                        struct nj_diag *diag);
void nj_setup_fini(struct nj_setup *setup);

/* DIR/NAME, or with `user` DIR/clients/USER/NAME. */
const char *nj_setup_path(const struct nj_setup *setup, const char *user, const char *name,
                          char out[NJ_SETUP_PATH_SIZE]);

#endif
