/* SPDX-License-Identifier: Apache-2.0 */
/* opts.h — a client's options: checked once, held with all that they point at. */
#ifndef NJ_CLIENT_OPTS_H
#define NJ_CLIENT_OPTS_H

#include <nightjar/client.h>

/**
 * Check and copy. `out` owns its strings until nj_client_opts_fini().
 *
 * Errors  EINVAL: a string that is no UTF-8 or too long, a will topic with wildcards, properties
 *         that do not belong there, or what the version does not know; ENOMEM.
 * Spec    [MQTT5-3.1.3-4] [MQTT5-3.1.3-11] [MQTT311-3.1.2-22] [MQTT311-3.1.3-7]
 */
enum nj_client_err nj_client_opts_copy(struct nj_client_opts *out, const struct nj_client_opts *in);
/* The client identifier from now on; `id` is owned by the options then. */
void nj_client_opts_rename(struct nj_client_opts *opts, const char *id);
void nj_client_opts_fini(struct nj_client_opts *opts);

#endif
