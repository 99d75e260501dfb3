/* SPDX-License-Identifier: Apache-2.0 */
/* setup_priv.h — the files of a set-up, as texts. `setup->dir` is where they will lie. */
#ifndef NJ_SETUP_SETUP_PRIV_H
#define NJ_SETUP_SETUP_PRIV_H

#include "setup/setup.h"

#define NJ_SETUP_HOST "broker" /* hosts/broker */

/* broker.conf; `own` is what the operator has added to it, kept at its end. Replaces the file.
 * `at`: the folder in which it is written now. */
NJ_NODISCARD enum nj_err nj_setup_conf_save(const struct nj_setup *setup, const char *at,
                                            struct nj_str own, struct nj_diag *diag);
/* What a configuration of ours says about its set-up (level, host, port, user, account), and where
 * the operator's own lines begin. False: it is not one of ours. */
NJ_NODISCARD bool nj_setup_conf_read(struct nj_setup *setup, struct nj_str text,
                                     struct nj_str *own);
/* Is it otherwise than it was written for this set-up, above the operator's own lines? */
NJ_NODISCARD bool nj_setup_conf_is_edited(const struct nj_setup *setup, struct nj_str text,
                                          struct nj_str own);

/* clients/USER/options and its links. Replaces the file. `password`: empty, none is known. */
NJ_NODISCARD enum nj_err nj_setup_options_save(const struct nj_setup *setup, const char *at,
                                               const char *user, struct nj_str password,
                                               struct nj_diag *diag);
/* The password in the options of a user, or in those that were kept; empty where there is none. */
NJ_NODISCARD enum nj_err nj_setup_options_password(struct nj_secret *out, const char *at,
                                                   const char *user, struct nj_diag *diag);
/* What the options were, under a second name until they are restored or forgotten. What is kept
 * already stays: it is older. */
NJ_NODISCARD enum nj_err nj_setup_options_keep(const char *at, const char *user,
                                               struct nj_diag *diag);
void nj_setup_options_restore(const char *at, const char *user);
void nj_setup_options_forget(const char *at, const char *user);

/* All that the level needs besides configuration and options, into `at`; what is there stays. A
 * password is invented where there are no users, but not yet theirs. */
NJ_NODISCARD enum nj_err nj_setup_furnish(struct nj_setup *setup, const char *at,
                                          const struct nj_names *hosts, struct nj_diag *diag);
/* The options of every client that the level has, and then the users, if a password was invented:
 * whoever is killed in between has lost none. */
NJ_NODISCARD enum nj_err nj_setup_equip(struct nj_setup *setup, const char *at,
                                        struct nj_diag *diag);
/* Put the options back as they were before nj_setup_equip(), or let them go. */
void nj_setup_unequip(struct nj_setup *setup, const char *at);
void nj_setup_equipped(struct nj_setup *setup, const char *at);

/* "AT/NAME". */
const char *nj_setup_join(const char *at, const char *name, char out[NJ_SETUP_PATH_SIZE]);

#endif
