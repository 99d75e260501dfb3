/* SPDX-License-Identifier: Apache-2.0 */
/* sniff_live.c — `nightjar sniff -i`: what is captured, as whom, and until when. */
#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/sniff.h"
#include "cmd/sniff_stop.h"
#include "sniff/capture/source_pcap.h"
#include "sniff/tree/text.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Until what has come is handed out. */
#define LAST_MS   (2 * NJ_SOURCE_DELAY_MS)
#define NS_PER_MS 1000000

/* ---- what is captured ---- */

/* Where brokers listen: the two of the standard, and for WebSockets those of their examples. */
static const char *const usual_ports[] = {"1883", "8883", "8080", "9001"};

static void
put_each(struct nj_text *filter, const char *what, const char *const *word, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nj_text_putf(filter, "%s%s %s", i > 0 ? " or " : "", what, word[i]);
}

/* A fragment has no port, unless it is the first. */
static void
put_filter(struct nj_text *filter, const struct nj_sniff *s)
{
    if (s->capture_filter != NULL) {
        nj_text_put(filter, nj_str_of(s->capture_filter));
        return;
    }
    if (s->host_count > 0) {
        nj_text_put(filter, NJ_STR("("));
        put_each(filter, "host", s->host, s->host_count);
        nj_text_put(filter, NJ_STR(") and "));
    }
    nj_text_put(filter, NJ_STR("("));
    if (s->port_count > 0)
        put_each(filter, "tcp port", s->port, s->port_count);
    else
        put_each(filter, "tcp port", usual_ports, NJ_COUNT_OF(usual_ports));
    nj_text_put(filter, NJ_STR(" or (ip proto 6 and ip[6:2] & 0x1fff != 0))"));
}

/* ---- as whom ---- */

static unsigned
id_from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    unsigned long id = text != NULL ? strtoul(text, NULL, 10) : 0;

    return id > 0 && id < UINT32_MAX ? (unsigned)id : otherwise;
}

/* What is read from now on is foreign. Root becomes who called sudo, or nobody; no right is kept,
 * and none is got again. False: that was refused, and said. */
static bool
let_go(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const struct passwd *nobody = getpwnam("nobody");
    unsigned uid = id_from_environment("SUDO_UID", nobody != NULL ? nobody->pw_uid : 65534);
    unsigned gid = id_from_environment("SUDO_GID", nobody != NULL ? nobody->pw_gid : 65534);

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0)) {
        (void)fprintf(stderr,
                      "nightjar sniff: Nothing is read as root, and to become another user is "
                      "refused: %s.\n",
                      strerror(errno));
        return false;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &header, none) != 0) {
        (void)fprintf(stderr,
                      "nightjar sniff: Nothing is read with the rights to capture, and to drop "
                      "them is refused: %s.\n",
                      strerror(errno));
        return false;
    }
    return true;
}

/* ---- until when ---- */

/* A frame is handed out some time after it came: those that came before the end are waited for. */
struct end {
    nj_time wait_until;
    int64_t last_ns; /* of the wall's clock, which frames have */
    int stop_fd;     /* -1: it has spoken */
};

static struct end
end_after(int64_t duration_ms)
{
    struct end end = {.wait_until = NJ_NEVER, .last_ns = INT64_MAX, .stop_fd = nj_sniff_stop_fd()};

    if (duration_ms > 0) {
        end.wait_until = nj_clock_monotonic_ms() + duration_ms + LAST_MS;
        end.last_ns = (nj_clock_wall_ms() + duration_ms) * NS_PER_MS;
    }
    return end;
}

static void
look_for_stop(struct end *end)
{
    if (end->stop_fd < 0 || !nj_sniff_is_stopped())
        return;
    end->stop_fd = -1;
    end->wait_until = NJ_MIN(end->wait_until, nj_clock_monotonic_ms() + LAST_MS);
    end->last_ns = NJ_MIN(end->last_ns, (nj_clock_wall_ms() + 1) * NS_PER_MS);
}

/* For frames, or a signal. False: who reads our output is gone, or it is time. */
static bool
wait_for_frames(const struct nj_source *source, const struct end *end)
{
    struct pollfd fds[] = {
        {.fd = nj_source_fd(source), .events = POLLIN},
        {.fd = end->stop_fd, .events = POLLIN},
        {.fd = STDOUT_FILENO},
    };
    nj_time left =
        end->wait_until == NJ_NEVER ? NJ_NEVER : end->wait_until - nj_clock_monotonic_ms();

    if (left <= 0)
        return false;
    (void)poll(fds, NJ_COUNT_OF(fds), left > INT32_MAX ? -1 : (int)left);
    return (fds[2].revents & POLLERR) == 0;
}

static bool
take_frames(struct nj_sniff_work *w, struct nj_source *source, uint64_t *frames,
            struct nj_diag *diag)
{
    struct end end = end_after(w->s->duration_ms);

    for (;;) {
        struct nj_captured frame;
        enum nj_source_next next = nj_source_next(source, &frame, diag);

        look_for_stop(&end);
        if (next == NJ_SOURCE_FAULT)
            return false;
        if (next == NJ_SOURCE_FRAME) {
            if (frame.time_ns >= end.last_ns)
                return true;
            *frames = frame.number;
            if (!nj_sniff_take(w, &frame, diag))
                return diag->text[0] == '\0';
        } else if (!nj_sniff_flush(w) || !wait_for_frames(source, &end)) {
            return true;
        }
    }
}

static void
say_counts(const struct nj_source *source, const struct nj_sniff *s, uint64_t frames)
{
    struct nj_source_drops drops = nj_source_drops(source);

    (void)fprintf(stderr,
                  "Captured %" PRIu64 " frames on '%s'; dropped: %" PRIu64
                  " by the kernel, %" PRIu64 " by the interface.\n",
                  frames, s->interface, drops.by_kernel, drops.by_interface);
    if (drops.by_kernel > 0)
        (void)fprintf(stderr, "-B %u gives the kernel twice the room.\n", 2 * s->buffer_mib);
}

static enum nj_err
open_source(struct nj_source **out, const struct nj_sniff *s, struct nj_text *filter,
            struct nj_diag *diag)
{
    struct nj_source_opts opts = {
        .interface = s->interface, .snap_bytes = s->snap_bytes, .buffer_mib = s->buffer_mib};

    put_filter(filter, s);
    opts.filter = nj_text_c(filter);
    return nj_source_open(out, &opts, diag);
}

int
nj_sniff_live(struct nj_sniff_work *w)
{
    struct nj_source *source = NULL;
    struct nj_text filter = {0};
    struct nj_diag diag = {0};
    uint64_t frames = 0;
    int code = NJ_EXIT_COULD_NOT;

    if (open_source(&source, w->s, &filter, &diag) != NJ_OK) {
        code = nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
        goto done;
    }
    code = nj_sniff_begin_to_keep(w, NULL);
    if (code != NJ_EXIT_GOOD)
        goto done;
    code = NJ_EXIT_COULD_NOT;
    if (!let_go())
        goto done;
    if (w->writer != NULL &&
        nj_capture_writer_interface(w->writer, w->s->interface, nj_source_link_type(source),
                                    NJ_SOURCE_DIGITS, w->s->snap_bytes) != NJ_OK) {
        (void)fputs("nightjar sniff: Out of memory.\n", stderr);
        goto done;
    }
    (void)fprintf(stderr, "Capturing on '%s'%s%s\n", w->s->interface, filter.n > 0 ? ": " : "",
                  nj_text_c(&filter));
    code =
        take_frames(w, source, &frames, &diag) ? NJ_EXIT_GOOD : nj_sniff_fail(&diag, NJ_EXIT_FOUND);
    say_counts(source, w->s, frames);
done:
    nj_source_close(source);
    nj_text_fini(&filter);
    return code;
}

int
nj_sniff_list_interfaces(void)
{
    struct nj_diag diag = {0};

    if (nj_source_list(stdout, &diag) != NJ_OK)
        return nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
    return fflush(stdout) == 0 ? NJ_EXIT_GOOD : NJ_EXIT_COULD_NOT;
}
