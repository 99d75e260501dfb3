/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/passphrase.h"

#include "base/save.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define LENGTH_MIN 4

/* Up to the end of line, which does not belong to it. */
static enum nj_err
take(struct nj_secret *out, struct nj_str text, struct nj_diag *diag)
{
    struct nj_str line = nj_str_cut(&text, '\n');

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n > NJ_PASSPHRASE_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "the pass phrase is longer than %d bytes",
                            NJ_PASSPHRASE_MAX);
    if (line.n == 0)
        return nj_diag_fail(diag, NJ_EINVAL, "the pass phrase is empty");
    if (!nj_secret_init(out, line.n + 1))
        return nj_diag_fail(diag, NJ_ENOMEM, "no memory for a pass phrase");
    memcpy(out->p, line.p, line.n);
    out->n = line.n;
    return NJ_OK;
}

/* A line, byte by byte: what follows is for others to read. */
static enum nj_err
take_line(struct nj_secret *out, int fd, struct nj_diag *diag)
{
    char line[NJ_PASSPHRASE_MAX + 2];
    size_t n = 0;
    enum nj_err err;

    while (n < sizeof(line)) {
        ssize_t got = read(fd, line + n, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            nj_secret_wipe(line, sizeof(line));
            return nj_diag_fail(diag, NJ_ESYS, "cannot read the pass phrase: %s", strerror(errno));
        }
        if (got == 0 || line[n] == '\n')
            break;
        n++;
    }
    err = take(out, (struct nj_str){line, n}, diag);
    nj_secret_wipe(line, sizeof(line));
    return err;
}

static enum nj_err
take_from_file(struct nj_secret *out, const char *path, struct nj_diag *diag)
{
    struct nj_secret bytes = {0};
    enum nj_err err = nj_save_read(&bytes, path, 64 << 10, diag);

    if (err != NJ_OK)
        return err;
    err = take(out, nj_secret_lend(&bytes), diag);
    nj_secret_fini(&bytes);
    return err;
}

static enum nj_err
take_from_number(struct nj_secret *out, const char *text, struct nj_diag *diag)
{
    char *end;
    long fd = strtol(text, &end, 10);

    if (end == text || *end != '\0' || fd < 0 || fd > INT_MAX)
        return nj_diag_fail(diag, NJ_EINVAL, "'fd:%s' names no file descriptor", text);
    return take_line(out, (int)fd, diag);
}

static enum nj_err
take_from(struct nj_secret *out, const char *source, struct nj_diag *diag)
{
    if (strncmp(source, "pass:", 5) == 0)
        return take(out, nj_str_of(source + 5), diag);
    if (strncmp(source, "file:", 5) == 0)
        return take_from_file(out, source + 5, diag);
    if (strncmp(source, "fd:", 3) == 0)
        return take_from_number(out, source + 3, diag);
    if (strcmp(source, "stdin") == 0)
        return take_line(out, STDIN_FILENO, diag);
    if (strncmp(source, "env:", 4) == 0) {
        const char *value = getenv(source + 4);

        if (value == NULL)
            return nj_diag_fail(diag, NJ_ENOENT, "the environment has no variable %s", source + 4);
        return take(out, nj_str_of(value), diag);
    }
    nj_diag_hint(diag, "pass:TEXT, env:VARIABLE, file:PATH, fd:NUMBER or stdin.");
    return nj_diag_fail(diag, NJ_EINVAL, "where is the pass phrase? '%.16s…' does not say so",
                        source);
}

/* Without echo, and without the keys that send signals: a process ended in between would leave the
 * terminal mute. An empty line gives up. */
static enum nj_err
ask_once(struct nj_secret *out, int tty, const char *prompt, struct nj_diag *diag)
{
    struct termios was, mute;
    enum nj_err err;

    if (tcgetattr(tty, &was) != 0)
        return nj_diag_fail(diag, NJ_ESYS, "cannot ask for the pass phrase: %s", strerror(errno));
    mute = was;
    mute.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    /* The question comes when the echo is off and what was typed before is gone: an answer may be
     * quick. */
    (void)tcsetattr(tty, TCSAFLUSH, &mute);
    (void)dprintf(tty, "%s: ", prompt);
    err = take_line(out, tty, diag);
    (void)tcsetattr(tty, TCSAFLUSH, &was);
    (void)dprintf(tty, "\n");
    return err;
}

static enum nj_err
ask(struct nj_secret *out, int tty, const char *prompt, bool is_new, struct nj_diag *diag)
{
    struct nj_secret again = {0};
    enum nj_err err = ask_once(out, tty, prompt, diag);

    if (err != NJ_OK || !is_new)
        return err;
    err = ask_once(&again, tty, "The same once more", diag);
    if (err == NJ_OK && (again.n != out->n || !nj_secret_is_same(again.p, out->p, out->n)))
        err = nj_diag_fail(diag, NJ_EINVAL, "the two pass phrases are not the same");
    nj_secret_fini(&again);
    return err;
}

enum nj_err
nj_passphrase_get(struct nj_secret *out, const char *source, const char *prompt, bool is_new,
                  struct nj_diag *diag)
{
    struct nj_secret got = {0};
    enum nj_err err;

    if (source != NULL) {
        err = take_from(&got, source, diag);
    } else {
        int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

        if (tty < 0) {
            nj_diag_hint(diag,
                         "Say where it is: --passin file:PATH, env:VARIABLE, stdin or fd:NUMBER.");
            return nj_diag_fail(diag, NJ_ENOENT,
                                "a pass phrase is needed, and there is no terminal");
        }
        err = ask(&got, tty, prompt, is_new, diag);
        (void)close(tty);
    }
    if (err == NJ_OK && is_new && got.n < LENGTH_MIN)
        err = nj_diag_fail(diag, NJ_EINVAL, "the pass phrase is shorter than %d characters",
                           LENGTH_MIN);
    if (err == NJ_OK)
        *out = got;
    else
        nj_secret_fini(&got);
    return err;
}
