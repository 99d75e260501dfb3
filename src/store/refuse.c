/* SPDX-License-Identifier: Apache-2.0 */
#include "store/refuse.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/crash.h"
#include "store/db.h"

#define MOST 4096u

enum nj_err
nj_refuse_init(struct nj_refuse *refuse, struct nj_db *db, const struct nj_folder *folder)
{
    *refuse = (struct nj_refuse){.db = db, .list = nj_alloc_array(MOST, sizeof(*refuse->list))};
    nj_quarantine_init(&refuse->quarantine, folder);
    return refuse->list != NULL ? NJ_OK : NJ_ENOMEM;
}

void
nj_refuse_fini(struct nj_refuse *refuse)
{
    nj_quarantine_close(&refuse->quarantine);
    nj_free(refuse->list);
    refuse->list = NULL;
}

void
nj_refuse_add(struct nj_refuse *refuse, enum nj_table table, struct nj_str key)
{
    struct nj_refused *r;

    if (key.n == 0 || key.n > NJ_KEY_BYTES)
        return;
    if (refuse->count == MOST)
        nj_refuse_delete(refuse);
    r = &refuse->list[refuse->count++];
    r->table = table;
    r->key.n = (uint8_t)key.n;
    memcpy(r->key.bytes, key.p, key.n);
}

void
nj_refuse_put_aside(struct nj_refuse *refuse, enum nj_table table, struct nj_str key,
                    struct nj_str value, const char *why)
{
    nj_quarantine_add(&refuse->quarantine, table, key, value, why);
    nj_refuse_add(refuse, table, key);
}

void
nj_refuse_put_along(struct nj_refuse *refuse, enum nj_table table, struct nj_str key,
                    struct nj_str value, const char *why)
{
    refuse->quarantine.along++;
    nj_refuse_put_aside(refuse, table, key, value, why);
}

/* In a transaction of its own, beside the snapshot that is read. */
void
nj_refuse_delete(struct nj_refuse *refuse)
{
    struct nj_db *db = refuse->db;
    unsigned count = refuse->count;
    enum nj_end end;

    refuse->count = 0;
    if (count == 0 || !nj_quarantine_sync(&refuse->quarantine))
        return;
    end = nj_db_begin(db);
    for (unsigned i = 0; i < count && end == NJ_END_DONE; i++) {
        end = nj_db_remove(db, refuse->list[i].table, &refuse->list[i].key);
        end = end == NJ_END_NONE ? NJ_END_DONE : end;
    }
    NJ_CRASH(THROWING);
    if (end == NJ_END_DONE)
        end = nj_db_commit(db);
    if (end != NJ_END_DONE) {
        nj_log(NJ_LOG_WARNING, "Cannot clean the store %s: %s.", refuse->quarantine.folder->path,
               nj_db_fault(db));
        nj_db_abort(db);
    }
}
