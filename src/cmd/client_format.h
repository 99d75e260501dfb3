/* SPDX-License-Identifier: Apache-2.0 */
/* client_format.h — a message as sub and rr print it: plain, with its topic, or by a format. */
#ifndef NJ_CMD_CLIENT_FORMAT_H
#define NJ_CMD_CLIENT_FORMAT_H

#include "cmd/client_config.h"

#include <time.h>

/**
 * Print one message to `out` as -v, -F, -N and --pretty say; what cannot be printed is said on
 * stderr.
 *
 * now  wall clock, for the escapes of time.
 */
void nj_client_print_message(const struct nj_client_config *c, const struct nj_client_message *m,
                             const struct timespec *now, FILE *out);

#endif
