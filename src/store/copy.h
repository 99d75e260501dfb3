/* SPDX-License-Identifier: Apache-2.0 */
/* copy.h — a store once more: backups, also of one that a broker has, and back from them. */
#ifndef NJ_STORE_COPY_H
#define NJ_STORE_COPY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct nj_store_copy_opts {
    bool is_compact;           /* without the pages that are free */
    uint64_t bytes_per_second; /* at most; 0: as fast as it goes */
    /* After each piece, if it is not NULL: wait so long, and say whether to go on. */
    bool (*rest)(void *ctx, int64_t rest_ms);
    void *ctx;
};

/**
 * What the store in `from` holds at this instant, as a store in `to`, which has none; synced.
 *
 * Errors  NJ_ENOENT: there is no store in `from`; NJ_EEXIST: there is one in `to`, or it is in use;
 *         NJ_EINVAL: `from` cannot be walked, or is `to`; NJ_ESYS, NJ_ENOMEM. `to` has no store
 * then.
 */
NJ_NODISCARD enum nj_err nj_store_copy(const char *from, const char *to,
                                       const struct nj_store_copy_opts *opts, struct nj_diag *diag);

/* Give back what is free in the file of a store that nobody has. Errors as above, and NJ_EEXIST:
 * it is in use. The file is the old one or the new one, whatever happens. */
NJ_NODISCARD enum nj_err nj_store_compact(const char *directory, struct nj_diag *diag);

#endif
