/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

void
nj_quarantine_init(struct nj_quarantine *quarantine, const struct nj_folder *folder)
{
    *quarantine = (struct nj_quarantine){.folder = folder};
}

static void
write_hex(FILE *file, struct nj_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        (void)fprintf(file, "%02x", (unsigned char)bytes.p[i]);
}

static void
begin(struct nj_quarantine *q)
{
    int fd;

    nj_folder_dated(q->folder, "quarantine", q->path);
    fd = open(q->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        q->file = fdopen(fd, "w");
    if (q->file == NULL) {
        nj_log(NJ_LOG_ERROR, "Cannot write %s: %s.", q->path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
    }
}

void
nj_quarantine_add(struct nj_quarantine *quarantine, enum nj_table table, struct nj_str key,
                  struct nj_str value, const char *why)
{
    if (quarantine->count++ == 0)
        begin(quarantine);
    if (quarantine->file == NULL)
        return;
    (void)fprintf(quarantine->file, "%s key=", nj_table_name(table));
    write_hex(quarantine->file, key);
    (void)fprintf(quarantine->file, " why=\"%s\" bytes=%zu value=", why, value.n);
    write_hex(quarantine->file, value);
    (void)fputc('\n', quarantine->file);
}

bool
nj_quarantine_sync(struct nj_quarantine *quarantine)
{
    FILE *file = quarantine->file;

    if (quarantine->synced == quarantine->count)
        return true;
    if (file == NULL || fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0 ||
        !nj_folder_sync(quarantine->folder->path))
        return false;
    quarantine->synced = quarantine->count;
    return true;
}

void
nj_quarantine_close(struct nj_quarantine *quarantine)
{
    bool is_whole = nj_quarantine_sync(quarantine);
    char along[96] = "";

    if (quarantine->along > 0)
        (void)snprintf(along, sizeof(along),
                       " With them %" PRIu64 " that need them are lost: subscriptions, messages.",
                       quarantine->along);
    if (quarantine->count > 0)
        nj_log(NJ_LOG_ERROR,
               "%" PRIu64 " records of the store %s are damaged.%s %s %s; the rest is in use.",
               quarantine->count - quarantine->along, quarantine->folder->path, along,
               is_whole ? "They are put aside in" : "They stay there, since they cannot be put in",
               quarantine->path);
    if (quarantine->file != NULL)
        (void)fclose(quarantine->file);
    quarantine->file = NULL;
}
