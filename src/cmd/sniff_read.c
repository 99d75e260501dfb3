/* SPDX-License-Identifier: Apache-2.0 */
/* sniff_read.c — the work of `nightjar sniff`: frames are read, dissected, chosen and printed. */
#include "cmd/cmd.h"
#include "cmd/sniff.h"
#include "cmd/sniff_stop.h"
#include "cmd/words.h"
#include "sniff/capture/capture_hex.h"
#include "sniff/dissector.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
nj_sniff_fail(const struct nj_diag *diag, int code)
{
    (void)fprintf(stderr, "nightjar sniff: %s\n", diag->text);
    if (diag->hint[0] != '\0')
        (void)fprintf(stderr, "%s\n", diag->hint);
    return code;
}

static int
out_of_memory(void)
{
    (void)fputs("nightjar sniff: Out of memory.\n", stderr);
    return NJ_EXIT_COULD_NOT;
}

/* The row; or the tree, the bytes, or both. */
static void
print_listed(struct nj_sniff_work *w, const struct nj_dissected *d)
{
    if (!w->s->has_tree && !w->s->has_hex)
        nj_print_row(stdout, d, w->s->time, w->s->is_colored, &w->line);
    if (w->s->has_tree)
        nj_print_tree(stdout, d, w->s->has_vendors, &w->line);
    if (w->s->has_hex)
        nj_print_hex(stdout, d->frame.bytes);
}

static bool
print_frame(struct nj_sniff_work *w, const struct nj_dissected *d)
{
    switch (w->s->format) {
    case NJ_SNIFF_LIST:
        print_listed(w, d);
        return true;
    case NJ_SNIFF_FIELDS:
        nj_fields_print(w->fields, stdout, d);
        return true;
    case NJ_SNIFF_JSON:
        (void)fputs(w->has_printed ? "," : "", stdout);
        w->has_printed = true;
        return nj_print_json(stdout, d);
    case NJ_SNIFF_JSONL:
        return nj_print_json(stdout, d);
    case NJ_SNIFF_REPORT:
    case NJ_SNIFF_PAGE:
    case NJ_SNIFF_LADDER:
        nj_story_add(&w->story, d);
        return true;
    }
    return false;
}

static void
say_losses(const struct nj_sniff_losses *lost)
{
    const struct {
        uint64_t count;
        const char *what;
    } rows[] = {
        {lost->datagrams, "IP datagrams that were never whole"},
        {lost->streams, "TCP streams that were forgotten for want of room"},
        {lost->gaps, "Gaps in TCP streams, of bytes that the capture does not have"},
        {lost->bytes, "Bytes that could not be put in order"},
        {lost->closed_records, "TLS records that the given secrets do not open "
                               "(_ws.expert.message says why)"},
        {lost->compressed_messages, "WebSocket messages that are compressed, and so not read"},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        if (rows[i].count > 0)
            (void)fprintf(stderr, "%s: %" PRIu64 ".\n", rows[i].what, rows[i].count);
}

/* As tshark has it: what is kept is not printed, too, unless that is asked for. A story is. */
static bool
prints(const struct nj_sniff *s)
{
    return s->write == NULL || s->is_printing || nj_sniff_tells_a_story(s);
}

/* Where a failure is seen, for errno is another one later. */
static bool
see_error(FILE *file, int *error)
{
    if (file == NULL || !ferror(file))
        return false;
    if (*error == 0)
        *error = errno != 0 ? errno : EIO;
    return true;
}

bool
nj_sniff_take(struct nj_sniff_work *w, const struct nj_captured *frame, struct nj_diag *diag)
{
    const struct nj_dissected *dissected = NULL;

    if (prints(w->s) || w->s->filter != NULL)
        dissected = nj_dissector_read(w->dissector, frame);
    if (w->s->filter == NULL || nj_dfilter_passes(w->s->filter, dissected)) {
        if (w->writer != NULL && nj_capture_writer_frame(w->writer, frame, diag) != NJ_OK)
            return false;
        if (see_error(w->kept, &w->kept_error))
            return false;
        if (prints(w->s) && !print_frame(w, dissected)) {
            (void)nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
            return false;
        }
        nj_dissector_mark_shown(w->dissector);
    }
    return !see_error(stdout, &w->print_error) && frame->number != w->s->count;
}

bool
nj_sniff_flush(struct nj_sniff_work *w)
{
    bool is_failed;

    (void)fflush(stdout);
    is_failed = see_error(stdout, &w->print_error);
    if (w->kept != NULL && w->kept != stdout)
        (void)fflush(w->kept);
    return !see_error(w->kept, &w->kept_error) && !is_failed;
}

/* A regular file is there; all else is still being written, and each line is wanted when it can be.
 */
static bool
is_growing(FILE *file)
{
    struct stat st;

    return fstat(fileno(file), &st) == 0 && !S_ISREG(st.st_mode);
}

/* What a pcapng holds. */
static void
add_secrets(void *context, uint32_t kind, struct nj_str bytes)
{
    struct nj_sniff_work *w = context;

    if (kind == NJ_CAPTURE_SECRETS_TLS)
        nj_keylog_add(w->keys, bytes);
    if (w->writer != NULL)
        nj_capture_writer_secrets(w->writer, kind, bytes);
}

/* A file: one of the two. */
struct source {
    struct nj_capture *capture;
    struct nj_hex *dump;
};

static enum nj_err
open_source(struct source *out, const struct nj_sniff *s, FILE *file, struct nj_diag *diag)
{
    if (!s->is_dump)
        return nj_capture_new(&out->capture, file, diag);
    if (nj_hex_new(&out->dump, file) != NJ_OK)
        return nj_diag_fail(diag, NJ_ENOMEM, "Out of memory.");
    return NJ_OK;
}

static void
close_source(struct source *source)
{
    nj_capture_free(source->capture);
    nj_hex_free(source->dump);
}

static enum nj_capture_next
next_frame(const struct source *source, struct nj_captured *out, struct nj_diag *diag)
{
    return source->dump != NULL ? nj_hex_next(source->dump, out, diag)
                                : nj_capture_next(source->capture, out, diag);
}

static int
read_file(struct nj_sniff_work *w, FILE *file)
{
    struct source source = {0};
    bool has_to_flush = is_growing(file);
    struct nj_captured frame;
    struct nj_diag diag = {0};
    enum nj_capture_next next;
    int code;

    if (open_source(&source, w->s, file, &diag) != NJ_OK) {
        (void)fprintf(stderr, "nightjar sniff: %s: %s\n", w->s->file, diag.text);
        if (diag.hint[0] != '\0')
            (void)fprintf(stderr, "%s\n", diag.hint);
        return NJ_EXIT_COULD_NOT;
    }
    code = nj_sniff_begin_to_keep(w, file);
    if (code != NJ_EXIT_GOOD) {
        close_source(&source);
        return code;
    }
    if (source.capture != NULL)
        nj_capture_on_secrets(source.capture, add_secrets, w);
    while ((next = next_frame(&source, &frame, &diag)) == NJ_CAPTURE_FRAME &&
           nj_sniff_take(w, &frame, &diag) && (!has_to_flush || nj_sniff_flush(w)) &&
           !nj_sniff_is_stopped())
        ;
    close_source(&source);
    if (next == NJ_CAPTURE_FAULT && nj_sniff_is_stopped())
        return NJ_EXIT_GOOD; /* in the middle of a frame */
    if (next == NJ_CAPTURE_FAULT)
        return nj_sniff_fail(&diag, NJ_EXIT_FOUND);
    return diag.text[0] != '\0' ? nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT) : NJ_EXIT_GOOD;
}

static int
make_fields(const struct nj_sniff *s, struct nj_fields **out)
{
    struct nj_diag diag = {0};

    if (nj_fields_new(out, &s->fields_opts) != NJ_OK) {
        (void)nj_diag_fail(&diag, NJ_ENOMEM, "Out of memory.");
        return nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
    }
    for (size_t i = 0; i < s->field_count; i++)
        if (nj_fields_add(*out, nj_str_of(s->field[i]), &diag) != NJ_OK)
            return nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
    return NJ_EXIT_GOOD;
}

static bool
is_regular(FILE *file)
{
    struct stat st;

    return fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
}

/* While it is captured secrets may be added. */
static int
read_keylog(const char *path, bool is_live, struct nj_keylog *keys)
{
    FILE *file = fopen(path, "rbe");
    enum nj_err err;

    if (file == NULL)
        return nj_words_mistake("sniff", "--keylog %s: %s.", path, strerror(errno));
    is_live = is_live && is_regular(file);
    if (is_live) {
        err = nj_keylog_follow(keys, file);
    } else {
        err = nj_keylog_read(keys, file);
        (void)fclose(file);
    }
    if (err != NJ_OK)
        return nj_words_mistake("sniff", "--keylog %s: it cannot be read.", path);
    if (nj_keylog_refused(keys) > 0)
        (void)fprintf(stderr, "nightjar sniff: %s: %" PRIu64 " lines are no secrets.\n", path,
                      nj_keylog_refused(keys));
    if (nj_keylog_count(keys) == 0 && !is_live)
        (void)fprintf(stderr, "nightjar sniff: %s has no secret of TLS in it.\n", path);
    return NJ_EXIT_GOOD;
}

static int
make_keys(const struct nj_sniff *s, struct nj_keylog **out)
{
    if (nj_keylog_new(out) != NJ_OK)
        return out_of_memory();
    return s->keylog != NULL ? read_keylog(s->keylog, s->interface != NULL, *out) : NJ_EXIT_GOOD;
}

/* ---- what is kept ---- */

static enum nj_capture_format
format_of(const char *path)
{
    size_t n = strlen(path);

    return n >= 5 && strcmp(path + n - 5, ".pcap") == 0 ? NJ_CAPTURE_PCAP : NJ_CAPTURE_PCAPNG;
}

/* To begin to write what is being read would be the end of it. */
static bool
is_same(FILE *file, const char *path)
{
    struct stat a, b;

    return file != NULL && fstat(fileno(file), &a) == 0 && S_ISREG(a.st_mode) &&
           stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* It may hold passwords, and secrets of TLS: nobody else reads it. */
static FILE *
open_kept(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;

    if (fd >= 0 && file == NULL)
        (void)close(fd);
    return file;
}

int
nj_sniff_begin_to_keep(struct nj_sniff_work *w, FILE *file)
{
    const char *path = w->s->write;

    if (path == NULL)
        return NJ_EXIT_GOOD;
    if (is_same(file, path))
        return nj_words_mistake("sniff", "-w %s: that is the capture that is read.", path);
    w->kept = strcmp(path, "-") == 0 ? stdout : open_kept(path);
    if (w->kept == NULL)
        return nj_words_mistake("sniff", "-w %s: %s.", path, strerror(errno));
    if (nj_capture_writer_new(&w->writer, w->kept, format_of(path)) != NJ_OK)
        return out_of_memory();
    return NJ_EXIT_GOOD;
}

/* `code`, or what writing has come to. */
static int
finish(struct nj_sniff_work *w, int code)
{
    struct nj_diag diag = {0};
    int error;

    nj_capture_writer_free(w->writer);
    (void)nj_sniff_flush(w);
    if (w->kept != NULL && w->kept != stdout && fclose(w->kept) != 0 && w->kept_error == 0)
        w->kept_error = errno;
    error = w->kept_error != 0 && w->kept_error != EPIPE ? w->kept_error : w->print_error;
    if (error == 0 || error == EPIPE) /* who reads has seen enough */
        return code;
    (void)nj_diag_fail(&diag, NJ_ESYS, "What was read cannot be written: %s.", strerror(error));
    return nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
}

static int
make_dissector(struct nj_sniff_work *w)
{
    if (nj_dissector_new(&w->dissector) != NJ_OK || nj_story_init(&w->story, w->s) != NJ_OK)
        return out_of_memory();
    if (nj_dissector_use_keys(w->dissector, w->keys) != NJ_OK) {
        (void)fputs("nightjar sniff: OpenSSL lacks what it takes to decrypt TLS.\n", stderr);
        return NJ_EXIT_COULD_NOT;
    }
    if (w->s->shows_text)
        nj_dissector_show_text(w->dissector);
    for (size_t i = 0; i < w->s->port_count; i++) /* the command line has no more of them */
        (void)nj_dissector_use_port(w->dissector, (uint16_t)strtoul(w->s->port[i], NULL, 10));
    return NJ_EXIT_GOOD;
}

int
nj_sniff_run(const struct nj_sniff *s, FILE *file)
{
    struct nj_sniff_work w = {.s = s};
    struct nj_sniff_losses lost;
    int code = make_fields(s, &w.fields);

    if (code == NJ_EXIT_GOOD)
        code = make_keys(s, &w.keys);
    if (code == NJ_EXIT_GOOD)
        code = make_dissector(&w);
    if (code == NJ_EXIT_GOOD && !nj_sniff_stop_catch(file != NULL ? fileno(file) : -1))
        code = nj_words_mistake("sniff", "signals cannot be waited for: %s.", strerror(errno));
    if (code == NJ_EXIT_GOOD) {
        if (s->format == NJ_SNIFF_FIELDS && s->fields_opts.has_header && prints(s))
            nj_fields_print_header(w.fields, stdout);
        if (s->format == NJ_SNIFF_JSON && prints(s))
            (void)fputs("[\n", stdout);
        code = file != NULL ? read_file(&w, file) : nj_sniff_live(&w);
        if (s->format == NJ_SNIFF_JSON && prints(s))
            (void)fputs("]\n", stdout);
        nj_dissector_losses(w.dissector, &lost);
        if (code != NJ_EXIT_COULD_NOT && !nj_story_tell(&w.story, s, &lost))
            code = out_of_memory();
        if (code == NJ_EXIT_GOOD && !nj_story_has_stream(&w.story, s)) {
            (void)fprintf(stderr, "nightjar sniff: There is no conversation %u.\n", s->stream);
            code = NJ_EXIT_FOUND;
        }
        code = finish(&w, code);
        say_losses(&lost);
        nj_text_fini(&w.line);
        if (s->filter != NULL && nj_dfilter_given_up(s->filter) > 0)
            (void)fprintf(stderr,
                          "Values of which it was not found out whether they match: %" PRIu64 ".\n",
                          nj_dfilter_given_up(s->filter));
    }
    nj_story_fini(&w.story);
    nj_fields_free(w.fields);
    nj_dissector_free(w.dissector);
    nj_keylog_free(w.keys);
    return code;
}
