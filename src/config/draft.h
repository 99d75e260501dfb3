/* SPDX-License-Identifier: Apache-2.0 */
/* draft.h — a configuration while it is being read. Private to this room.
 *
 * Each line is applied to the draft by its row of the table: by the setter for its type, or by one
 * of those below. What only makes sense as a whole (who may be anonymous, which log types there are
 * in the end) waits here until nj_draft_finish(). */
#ifndef NJ_CONFIG_DRAFT_H
#define NJ_CONFIG_DRAFT_H

#include "config/config.h"
#include "config/option.h"

/* What `current` and `default_listener` are when there is none. */
#define NJ_NO_LISTENER SIZE_MAX

/* Who may be anonymous at a listener; -1: not said. */
struct nj_listener_draft {
    int allow_anonymous;          /* with per_listener_settings */
    int listener_allow_anonymous; /* goes before it */
};

struct nj_draft {
    struct nj_config *config; /* its listeners belong to the draft until it is finished */

    struct nj_listener_opts *listeners;
    struct nj_listener_draft *listener_drafts; /* of the same listeners */
    size_t listener_count;
    size_t default_listener;
    bool has_default_port; /* `port` was given */

    /* Of the file that is being read. */
    size_t current;   /* the listener that options of listeners belong to */
    bool is_included; /* by another */
    const char *path; /* lent */
    int line;
    bool has_said_why; /* the mistake that ends the reading is in the log */

    bool is_per_listener; /* per_listener_settings */
    int allow_anonymous;  /* -1: not said */
    char *password_file;
    char *psk_file;
    char *auto_id_prefix;
    bool allow_zero_length_clientid;
    bool is_listening; /* there was a listener, port or bind_address: not only the loopback */
    uint32_t log_types;
    uint32_t log_dests;
    bool has_log_types;
    bool has_log_dests;
};

/* A draft with every default. Errors: NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_draft_new(struct nj_draft *draft);
void nj_draft_free(struct nj_draft *draft);
/* Apply `name value`. */
NJ_NODISCARD enum nj_err nj_draft_apply(struct nj_draft *draft, struct nj_str name,
                                        struct nj_str value, struct nj_diag *diag);
/* Check the whole, fill the gaps and hand over the configuration; the draft is empty then. */
NJ_NODISCARD enum nj_err nj_draft_finish(struct nj_draft *draft, const struct nj_config_args *args,
                                         struct nj_config **out, struct nj_diag *diag);

/* Say it in diag: NJ_ENOMEM. */
enum nj_err nj_draft_no_memory(struct nj_diag *diag);

/* Read a file into the draft. A mistake is in diag with file and line, and has been logged. */
NJ_NODISCARD enum nj_err nj_draft_read(struct nj_draft *draft, const char *path,
                                       struct nj_diag *diag);

/* Store the value of a BOOL, INT, WIDE or STRING option; `base` is the struct that the row's
 * offset is meant for. */
NJ_NODISCARD enum nj_err nj_option_store(const struct nj_option *option, void *base, const char *as,
                                         struct nj_str value, struct nj_diag *diag);
/* The same, where `draft` has its place. */
NJ_NODISCARD enum nj_err nj_option_store_in(struct nj_draft *draft, const struct nj_option *option,
                                            const char *as, struct nj_str value,
                                            struct nj_diag *diag);

/* A new listener, with every default. */
NJ_NODISCARD enum nj_err nj_draft_add_listener(struct nj_draft *draft, size_t *out);
/* The listener that is made because `as` asks for one. */
NJ_NODISCARD enum nj_err nj_draft_need_default_listener(struct nj_draft *draft, const char *as);

/* listener_tls.c: what a listener is told about TLS, as a whole. */
NJ_NODISCARD enum nj_err nj_listener_tls_check(const struct nj_listener_tls *tls,
                                               struct nj_diag *diag);
bool nj_listener_tls_is_on(const struct nj_listener_tls *tls);
void nj_listener_tls_free(struct nj_listener_tls *tls);

/* The setters that options.def names: each knows the meaning of one option. */
nj_option_set nj_set_accept_protocol_versions;
nj_option_set nj_set_allow_anonymous;
nj_option_set nj_set_allow_zero_length_clientid;
nj_option_set nj_set_auto_id_prefix;
nj_option_set nj_set_bind_address;
nj_option_set nj_set_certfile;
nj_option_set nj_set_include_dir;
nj_option_set nj_set_keyfile;
nj_option_set nj_set_listener;
nj_option_set nj_set_listener_allow_anonymous;
nj_option_set nj_set_log_dest;
nj_option_set nj_set_log_type;
nj_option_set nj_set_mount_point;
nj_option_set nj_set_password_file;
nj_option_set nj_set_per_listener_settings;
nj_option_set nj_set_durability;
nj_option_set nj_set_persistent_client_expiration;
nj_option_set nj_set_store_max_bytes;
nj_option_set nj_set_port;
nj_option_set nj_set_protocol;
nj_option_set nj_set_psk_file;
nj_option_set nj_set_retain_expiry_interval;
nj_option_set nj_set_socket_domain;
nj_option_set nj_set_tls_keyform;
nj_option_set nj_set_tls_version;

#endif
