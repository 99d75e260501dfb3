/* SPDX-License-Identifier: Apache-2.0 */
#include "store/space.h"

#include "base/log.h"

#include <inttypes.h>
#include <sys/statvfs.h>

#define RESERVE_BYTES ((uint64_t)32 << 20)

void
nj_space_init(struct nj_space *space, const char *directory, uint64_t max_bytes)
{
    *space = (struct nj_space){.directory = directory, .max_bytes = max_bytes};
}

uint64_t
nj_space_reserve(const struct nj_space *space)
{
    return space->max_bytes > 0 ? NJ_MIN(RESERVE_BYTES, space->max_bytes / 8) : RESERVE_BYTES;
}

bool
nj_space_judge(struct nj_space *space, uint64_t room_bytes)
{
    uint64_t reserve = nj_space_reserve(space);
    bool is_full = room_bytes < (space->is_full ? 2 * reserve : reserve);

    space->room_bytes = room_bytes;
    if (is_full == space->is_full)
        return false;
    space->is_full = is_full;
    if (is_full) {
        nj_log(NJ_LOG_ERROR,
               "Store %s is full: room for %" PRIu64 " KiB more. No QoS 1 or 2 message that needs "
               "it, and no retained one, is taken until there is room for %" PRIu64 " KiB.",
               space->directory, room_bytes >> 10, 2 * reserve >> 10);
    } else {
        nj_log(NJ_LOG_NOTICE, "Store %s has room again: %" PRIu64 " KiB.", space->directory,
               room_bytes >> 10);
    }
    return true;
}

/* What the file can still grow by. */
static uint64_t
growth(const struct nj_space *space, const struct nj_db_room *file)
{
    uint64_t left = UINT64_MAX;
    struct statvfs disk;

    if (space->max_bytes > 0)
        left = space->max_bytes > file->used_bytes ? space->max_bytes - file->used_bytes : 0;
    if (statvfs(space->directory, &disk) == 0)
        left = NJ_MIN(left, (uint64_t)disk.f_bavail * disk.f_frsize);
    return left;
}

bool
nj_space_look(struct nj_space *space, struct nj_db *db)
{
    struct nj_db_room file;
    uint64_t room, within;

    nj_db_room(db, &file);
    room = growth(space, &file);
    if (room < NJ_SPACE_TIGHT * nj_space_reserve(space) &&
        nj_db_free_bytes(db, &within) == NJ_END_DONE)
        room += within;
    return nj_space_judge(space, room);
}
