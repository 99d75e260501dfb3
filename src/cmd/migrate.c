/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.c — `nightjar migrate`: what Mosquitto has saved, into a store of ours. The file is only
 * read; the store must be new. */
#include "base/clock.h"
#include "base/mdoc.h"
#include "cmd/action.h"
#include "cmd/cmd.h"
#include "compat/mosquitto_db.h"
#include "store/newborn.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEVER_SAFE UINT64_MAX /* the number of a change that was not let through */

static const struct nj_action forms[] = {
    {"check FILE", "say what FILE, a mosquitto.db, holds, and what of it cannot be taken over"},
    {"run FILE DIRECTORY",
     "make a store in DIRECTORY (persistence_location) of all that FILE holds: sessions, "
     "subscriptions, queued and retained messages"},
};
static const struct nj_actions actions = {
    .command = "migrate",
    .does = "nightjar migrate takes over what Mosquitto has saved. Stop Mosquitto first: it saves "
            "when it stops.",
    .action = forms,
    .count = NJ_COUNT_OF(forms),
};

void
nj_migrate_print_options(FILE *out)
{
    nj_actions_print_words(&actions, out);
}

void
nj_migrate_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-migrate", 1);
    fputs(".Nm nightjar-migrate\n"
          ".Nd take over what Mosquitto has saved\n",
          out);
    nj_actions_print_synopsis(&actions, out);
    fputs(".Sh DESCRIPTION\n"
          "Reads a\n"
          ".Pa mosquitto.db ,\n"
          "as Mosquitto writes it with\n"
          ".Ql persistence true ,\n"
          "usually in\n"
          ".Pa /var/lib/mosquitto .\n"
          "Stop Mosquitto first: it saves when it stops.\n"
          ".Bl -tag -width Ds\n",
          out);
    nj_actions_print_items(&actions, out);
    fputs(".El\n"
          ".Pp\n"
          "The file is only read.\n"
          "Messages that have expired are left out.\n"
          "QoS 1 messages that were under way are sent again under new packet identifiers; the\n"
          "handshakes of QoS 2 go on where they were.\n"
          "Wills are not in Mosquitto's file.\n"
          ".Sh EXIT STATUS\n"
          "0 when all was taken over, 1 when some records made no sense and were left out, 2 when\n"
          "it could not be done, or not all of it has come to the disk.\n"
          ".Sh SEE ALSO\n"
          ".Xr nightjar-broker 1 ,\n"
          ".Xr nightjar.conf 5\n",
          out);
}

/* ---- the file ---- */

static enum nj_err
map_file(const char *path, struct nj_str *out, struct nj_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    else if (fd >= 0)
        errno = EINVAL;
    if (p == MAP_FAILED) {
        enum nj_err err =
            nj_diag_fail(diag, NJ_ESYS, "Error: Unable to read %s. %s.", path,
                         fd >= 0 && errno == EINVAL ? "It is empty, or no file" : strerror(errno));

        if (fd >= 0)
            (void)close(fd);
        return err;
    }
    (void)close(fd);
    *out = (struct nj_str){p, (size_t)st.st_size};
    return NJ_OK;
}

static int
say_found(const struct nj_mosquitto_db_found *f, const char *verb)
{
    printf("%s from a mosquitto.db of version %" PRIu32 ":\n"
           "%10" PRIu64 " sessions\n"
           "%10" PRIu64 " subscriptions\n"
           "%10" PRIu64 " messages waiting for them\n"
           "%10" PRIu64 " messages from clients whose QoS 2 handshake was not done\n"
           "%10" PRIu64 " retained messages\n",
           verb, f->version, f->sessions, f->subscriptions, f->queued, f->taken, f->retained);
    if (f->expired > 0)
        printf("%10" PRIu64 " deliveries left out: their message has expired\n", f->expired);
    if (f->incomplete > 0)
        printf("%10" PRIu64 " records left out: they speak of nothing that is there\n",
               f->incomplete);
    if (f->unread_bytes > 0)
        printf("The file ends within a record, or is damaged there: its last %" PRIu64
               " bytes cannot be read; all before them is there.\n",
               f->unread_bytes);
    return f->incomplete > 0 || f->unread_bytes > 0 ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
}

/* ---- the store ---- */

static void
wake(void *ctx, uint16_t home)
{
    (void)ctx, (void)home; /* nobody waits */
}

/* What stands before a port of the store: it lets nothing through while a batch of 64 MiB waits for
 * the disk, so that memory does not grow with the file; and nothing at all any more once the store
 * has no room or has failed. */
struct gate {
    struct nj_store_port port;
    struct nj_store *store;
    struct nj_store_port *behind;
    bool is_shut;
};

static uint64_t
append_in_turn(struct nj_store_port *port, const struct nj_change *change)
{
    struct gate *gate = nj_container_of(port, struct gate, port);

    while (!gate->is_shut && gate->behind->ops->is_full(gate->behind, 0)) {
        gate->is_shut = nj_store_metric(gate->store, NJ_METRIC_STORE_FULL) != 0;
        (void)poll(NULL, 0, 1);
    }
    return gate->is_shut ? NEVER_SAFE : gate->behind->ops->append(gate->behind, change);
}

static enum nj_err
fill(struct nj_store *store, struct nj_str file, struct nj_mosquitto_db_found *found,
     const char *directory, struct nj_diag *diag)
{
    static const struct nj_store_reader nothing = {0}; /* it is new */
    static const struct nj_store_ops in_turn = {.append = append_in_turn};
    struct nj_store_port *port = nj_store_port(store, 0);
    struct gate gate = {.port = {&in_turn}, .store = store, .behind = port};
    struct nj_store_numbers numbers;
    enum nj_err err = nj_store_load(store, &nothing, NULL, &numbers, diag);

    if (err == NJ_OK)
        err = nj_store_start(store, wake, NULL, diag);
    if (err != NJ_OK)
        return err;
    err = nj_mosquitto_db_tell(file, &gate.port, nj_clock_monotonic_ms(), nj_clock_wall_ms(), found,
                               diag);
    nj_store_stop(store);
    if (err != NJ_OK || port->ops->safe(port) >= found->told)
        return err;
    nj_diag_hint(diag, "Nothing is left of it. See to what stands in the way, and try again.");
    return nj_diag_fail(diag, NJ_ESYS, "Error: The store in %s could not take all of it.",
                        directory);
}

/* In its place once all of it is on the disk. */
static enum nj_err
make_store(const char *directory, struct nj_str file, struct nj_mosquitto_db_found *found,
           struct nj_diag *diag)
{
    struct nj_newborn newborn;
    struct nj_store_opts opts = {.directory = newborn.path};
    struct nj_store *store = NULL;
    enum nj_err err = nj_newborn_begin(&newborn, directory, diag);
    enum nj_err end;

    if (err != NJ_OK)
        return err;
    err = nj_store_open(&store, &opts, 1, diag);
    if (err == NJ_OK)
        err = fill(store, file, found, directory, diag);
    nj_store_close(store);
    end = nj_newborn_end(&newborn, err == NJ_OK, diag);
    return err == NJ_OK ? end : err;
}

static int
run(const char *path, const char *directory)
{
    struct nj_mosquitto_db_found found;
    struct nj_diag diag = {0};
    struct nj_str file;
    enum nj_err err = map_file(path, &file, &diag);

    if (err == NJ_OK) /* before anything is made */
        err = nj_mosquitto_db_tell(file, NULL, nj_clock_monotonic_ms(), nj_clock_wall_ms(), &found,
                                   &diag);
    if (err == NJ_OK)
        err = make_store(directory, file, &found, &diag);
    if (err != NJ_OK)
        return nj_actions_fail(&diag);
    return say_found(&found, "Taken over");
}

static int
check(const char *path)
{
    struct nj_mosquitto_db_found found;
    struct nj_diag diag = {0};
    struct nj_str file;

    if (map_file(path, &file, &diag) != NJ_OK ||
        nj_mosquitto_db_tell(file, NULL, nj_clock_monotonic_ms(), nj_clock_wall_ms(), &found,
                             &diag) != NJ_OK)
        return nj_actions_fail(&diag);
    return say_found(&found, "What can be taken over");
}

int
nj_cmd_migrate(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return nj_actions_usage(&actions, stdout, NJ_EXIT_GOOD);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    if (argc == 4 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argv[3]);
    return nj_actions_usage(&actions, stderr, NJ_EXIT_COULD_NOT);
}
