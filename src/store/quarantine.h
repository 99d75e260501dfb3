/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine.h — records that are damaged, and those that are lost with them, put aside: a line
 * each in DIR/quarantine-TIME, with their table, their key, what is wrong, and their bytes. The
 * file is made with the first one. */
#ifndef NJ_STORE_QUARANTINE_H
#define NJ_STORE_QUARANTINE_H

#include "store/folder.h"
#include "store/record.h"

#include <stdio.h>

struct nj_quarantine {
    const struct nj_folder *folder;
    char path[PATH_MAX];
    FILE *file;
    uint64_t count, synced; /* added; and on the disk */
    uint64_t along;         /* of those added: whole, but of no use without another that is not */
};

void nj_quarantine_init(struct nj_quarantine *quarantine, const struct nj_folder *folder);
/* Counted, also where it cannot be written: nj_quarantine_sync() finds out. */
void nj_quarantine_add(struct nj_quarantine *quarantine, enum nj_table table, struct nj_str key,
                       struct nj_str value, const char *why);
/* Whether all that was added is on the disk; what is not must stay where it was. */
bool nj_quarantine_sync(struct nj_quarantine *quarantine);
/* Synced; logged, if there was any. */
void nj_quarantine_close(struct nj_quarantine *quarantine);

#endif
