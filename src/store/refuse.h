/* SPDX-License-Identifier: Apache-2.0 */
/* refuse.h — records that a load finds to be deleted: what is damaged, once it lies in the
 * quarantine, and what has no owner. Thread: the load's. */
#ifndef NJ_STORE_REFUSE_H
#define NJ_STORE_REFUSE_H

#include "store/quarantine.h"

struct nj_refused {
    enum nj_table table;
    struct nj_key key;
};

struct nj_refuse {
    struct nj_quarantine quarantine;

    /* private */
    struct nj_db *db;
    struct nj_refused *list;
    unsigned count;
};

/* `db` and `folder` outlive it. NJ_ENOMEM. */
NJ_NODISCARD enum nj_err nj_refuse_init(struct nj_refuse *refuse, struct nj_db *db,
                                        const struct nj_folder *folder);
/* Closes the quarantine. Accepts a zeroed object. */
void nj_refuse_fini(struct nj_refuse *refuse);

/* Nothing that is lent by a snapshot changes by these. */
void nj_refuse_add(struct nj_refuse *refuse, enum nj_table table, struct nj_str key);
/* The same, for a record that is damaged. */
void nj_refuse_put_aside(struct nj_refuse *refuse, enum nj_table table, struct nj_str key,
                         struct nj_str value, const char *why);
/* The same, for one that is whole and of no use without another that is damaged: `why` names it. */
void nj_refuse_put_along(struct nj_refuse *refuse, enum nj_table table, struct nj_str key,
                         struct nj_str value, const char *why);
/* Delete what has been added. What cannot be deleted now is found again at the next start; why is
 * logged. */
void nj_refuse_delete(struct nj_refuse *refuse);

#endif
