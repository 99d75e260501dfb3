/* SPDX-License-Identifier: Apache-2.0 */
#include "store/survey.h"

#include "store/store_priv.h"
#include "store/walk.h"

#include <stdio.h>
#include <sys/stat.h>

struct view {
    struct nj_snapshot *snapshot;
    struct nj_seal seal;
    void (*show)(void *ctx, const struct nj_surveyed *record);
    void *ctx;
    struct nj_survey *out;
};

static bool
is_there(struct view *v, enum nj_table table, uint64_t number)
{
    struct nj_key key = nj_key_number(number);
    struct nj_str value;

    return nj_snapshot_get(v->snapshot, table, &key, &value) == NJ_END_DONE;
}

/* What the load would find out about it. */
static const char *
fault_of(struct view *v, enum nj_table table, struct nj_str key, struct nj_str value)
{
    struct nj_session_state state;
    struct nj_msg_parts parts;
    struct nj_sub_opts opts;
    struct nj_queued queued;
    struct nj_will will;
    struct nj_str filter;
    uint64_t number;
    bool makes_sense = true;

    switch (table) {
    case NJ_TABLE_META:
        return NULL; /* looked at before all others */
    case NJ_TABLE_SESSIONS:
        makes_sense = nj_record_session_read(value, 0, &state);
        break;
    case NJ_TABLE_SUBSCRIPTIONS:
        makes_sense = nj_record_subscription_read(value, &filter, &opts);
        break;
    case NJ_TABLE_MESSAGES:
    case NJ_TABLE_RETAINED:
        makes_sense = nj_record_message_read(value, 0, &parts);
        break;
    case NJ_TABLE_QUEUE:
        makes_sense = nj_record_queued_read(value, &queued);
        if (makes_sense && is_there(v, NJ_TABLE_SESSIONS, nj_key_first(key)) &&
            !is_there(v, NJ_TABLE_MESSAGES, nj_key_second(key)))
            return "its message is not there";
        break;
    case NJ_TABLE_RELEASED:
        makes_sense = nj_record_number_read(value, &number);
        break;
    case NJ_TABLE_RECEIVED:
        makes_sense = nj_record_number_read(value, &number);
        if (makes_sense && number != 0 && !is_there(v, NJ_TABLE_MESSAGES, number))
            return "its message is not there";
        break;
    case NJ_TABLE_WILLS:
        makes_sense = nj_record_will_read(value, &will);
        break;
    case NJ_TABLE_COUNT:
        break;
    }
    return makes_sense ? NULL : "it makes no sense";
}

static enum nj_end
survey_table(struct view *v, enum nj_table table)
{
    struct nj_surveyed record = {.table = table};
    struct nj_cursor *cursor;
    enum nj_end end = nj_cursor_open(&cursor, v->snapshot, table);

    if (end != NJ_END_DONE)
        return end;
    end = nj_cursor_first(cursor, &record.key, &record.value);
    while (end == NJ_END_DONE) {
        v->out->records[table]++;
        v->out->bytes[table] += record.value.n;
        record.why = NULL;
        if (table != NJ_TABLE_META && !nj_seal_check(&v->seal, table, record.key, &record.value))
            record.why = "its checksum is wrong";
        else
            record.why = fault_of(v, table, record.key, record.value);
        v->out->faults += record.why != NULL;
        if (v->show != NULL)
            v->show(v->ctx, &record);
        end = nj_cursor_next(cursor, &record.key, &record.value);
    }
    nj_cursor_close(cursor);
    return end == NJ_END_NONE ? NJ_END_DONE : end;
}

static enum nj_err
survey_db(struct view *v, struct nj_db *db, const char *directory, struct nj_diag *diag)
{
    struct nj_db_room room;
    struct nj_meta meta;
    enum nj_end end = nj_store_meta(db, &meta);

    if (end == NJ_END_NONE)
        return NJ_OK; /* a new one */
    if (end == NJ_END_FAILED)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Error: The store %s is damaged: the record that says what it is.",
                            directory);
    if (end == NJ_END_DONE && !nj_meta_is_known(&meta))
        return nj_diag_fail(diag, NJ_EUNSUPPORTED, "Error: The store %s has format %u, not %u.",
                            directory, meta.format, NJ_STORE_FORMAT);
    v->seal = meta.seal;
    nj_db_room(db, &room);
    v->out->file_bytes = room.used_bytes;
    if (end == NJ_END_DONE)
        end = nj_db_free_bytes(db, &v->out->free_bytes);
    if (end == NJ_END_DONE)
        end = nj_snapshot_open(&v->snapshot, db);
    if (end == NJ_END_DONE) {
        for (unsigned i = 0; i < NJ_TABLE_COUNT && end == NJ_END_DONE; i++)
            end = survey_table(v, i);
        nj_snapshot_close(v->snapshot);
    }
    if (end != NJ_END_DONE)
        return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to read the store %s: %s.", directory,
                            nj_db_fault(db));
    return NJ_OK;
}

static enum nj_err
survey(struct view *v, const char *directory, struct nj_diag *diag)
{
    const struct nj_db_opts opts = {.directory = directory,
                                    .mode = v->out->is_in_use ? NJ_DB_BESIDE : NJ_DB_LOOKED_AT};
    char why[128];
    struct nj_db *db;
    enum nj_err err;
    enum nj_end end;

    /* Under a broker's hands pages change while they are looked at, and it has looked itself. */
    if (!v->out->is_in_use && nj_walk(directory, why) == NJ_WALK_DAMAGED)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: The store %s is damaged: %s.", directory, why);
    end = nj_db_open(&db, &opts, diag);
    if (end != NJ_END_DONE)
        return end == NJ_END_NONE ? NJ_OK : NJ_ESYS;
    err = survey_db(v, db, directory, diag);
    nj_db_close(db);
    return err;
}

enum nj_err
nj_store_survey(const char *directory, void (*show)(void *ctx, const struct nj_surveyed *record),
                void *ctx, struct nj_survey *out, struct nj_diag *diag)
{
    struct view v = {.show = show, .ctx = ctx, .out = out};
    struct nj_folder folder;
    enum nj_err err;

    *out = (struct nj_survey){0};
    if (!nj_folder_has_store(directory))
        return nj_diag_fail(diag, NJ_ENOENT, "Error: There is no store in %s.", directory);
    err = nj_folder_open_to_read(&folder, directory, diag);
    out->is_in_use = err == NJ_EEXIST;
    if (err != NJ_OK && !out->is_in_use)
        return err;
    *diag = (struct nj_diag){0};
    err = survey(&v, directory, diag);
    if (!out->is_in_use)
        nj_folder_close(&folder, folder.was_clean);
    return err;
}
