/* SPDX-License-Identifier: Apache-2.0 */
/* err.h — what happened to OUR world: memory, disk, descriptors, quota.
 *
 * A peer that breaks a rule is no nj_err (see enum nj_cause, mqtt/reason.h), a mistake of ours is
 * no nj_err either (see assert.h). A function that fails leaves its object as it was and its
 * out-parameters unwritten, unless its header says otherwise. */
#ifndef NJ_BASE_ERR_H
#define NJ_BASE_ERR_H

#include "base/compiler.h"

enum nj_err {
    NJ_OK = 0,
    NJ_ENOMEM,       /* no memory, or memory_limit reached */
    NJ_EQUOTA,       /* a ceiling of the configuration is reached */
    NJ_ENOFD,        /* no file descriptor left */
    NJ_ESYS,         /* a system call failed; errno, and the diag, say how */
    NJ_ECONFIG,      /* a mistake in a configuration file or on a command line */
    NJ_EINVAL,       /* an argument makes no sense */
    NJ_ENOENT,       /* what was named does not exist */
    NJ_EEXIST,       /* what was to be made exists */
    NJ_EUNSUPPORTED, /* known, but not supported (yet) */
    NJ_ECLOSED,      /* the other end is gone */
    NJ_ETIMEOUT,     /* it took longer than allowed */
};

/* A message for a human about a failure at start-up or in a configuration: what was attempted, on
 * what, and what to do. In caller's memory, zeroed before use. */
struct nj_diag {
    char text[512]; /* what went wrong; empty: nothing did */
    char file[256]; /* where, if it is in a file */
    int line;       /* 1.., or 0 */
    char hint[256]; /* what to do about it; may be empty */
};

/* Fill in the text (cut if too long) and return `err`, so that a failure is one line. `diag` may be
 * NULL. nj_diag_hint() adds the hint. */
enum nj_err nj_diag_fail(struct nj_diag *diag, enum nj_err err, const char *fmt, ...)
    NJ_PRINTF(3, 4);
void nj_diag_hint(struct nj_diag *diag, const char *fmt, ...) NJ_PRINTF(2, 3);

#endif
