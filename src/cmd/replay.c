/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c — `nightjar replay`: what the clients of a capture sent, sent again to a broker; and
 * what that answers, beside what was answered then. */
#include "cmd/replay.h"
#include "base/hash.h"
#include "base/mdoc.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum replay_option {
    TO,
    SPEED,
    TIMEOUT,
    KEYLOG,
    YES_REMOTE,
    HELP,
};

static const struct {
    const char *letter, *name, *argument, *help;
} replay_options[] = {
    [TO] = {NULL, "--to", "HOST:PORT",
            "The broker, without TLS. It has to be on this machine, see --yes-remote."},
    [SPEED] = {NULL, "--speed", "X",
               "1 is the capture's own time (the default), 10 is ten times as fast; 0 or max is as "
               "fast as the broker answers."},
    [TIMEOUT] = {NULL, "--timeout", "SECONDS",
                 "How long an answer is waited for that came in the capture. Default: 5. A "
                 "conversation that is kept waiting once is not waited for again."},
    [KEYLOG] = {NULL, "--keylog", "FILE",
                "Open TLS in the capture with the secrets of FILE, as `nightjar sniff` does."},
    [YES_REMOTE] = {NULL, "--yes-remote", NULL,
                    "The broker may be on another machine. Passwords and all else of the capture "
                    "go there in clear."},
    [HELP] = {"-h", "--help", NULL, "Print this."},
};

struct replay {
    const char *file, *to, *keylog;
    double speed;
    int64_t timeout_ms;
    bool is_remote_allowed;
};

/* --- help --- */

static void
print_replay_help(FILE *out)
{
    (void)fputs("nightjar replay: the clients of a capture, played again to a broker.\n\n"
                "usage: nightjar replay FILE --to HOST:PORT [OPTION]...\n\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(replay_options); i++)
        nj_words_option(out, replay_options[i].letter, replay_options[i].name,
                        replay_options[i].argument, replay_options[i].help);
}

void
nj_replay_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(replay_options); i++) {
        if (replay_options[i].letter != NULL)
            (void)fprintf(out, "%s\n", replay_options[i].letter);
        (void)fprintf(out, "%s\n", replay_options[i].name);
    }
}

void
nj_replay_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-replay", 1);
    (void)fputs(
        ".Nm nightjar-replay\n.Nd play the clients of a capture again\n.Sh SYNOPSIS\n"
        ".Nm nightjar replay\n.Ar file\n.Fl -to Ar host : Ns Ar port\n.Op Ar option ...\n"
        ".Sh DESCRIPTION\n"
        "Reads a capture (pcap or pcapng;\n.Ql -\nis the standard input) and sends what its "
        "clients sent over MQTT to a broker, each\nconversation on a connection of its own, "
        "in the order and, if you like, in the time of\nthe capture.\n"
        "Before a packet is sent, the answers must have come that had come before it in the "
        "capture.\nWhat the broker delivers is acknowledged where the client of the capture "
        "did so.\n.Pp\n"
        "At the end it says which answers are not those of the capture: return and reason\n"
        "codes, messages by topic and payload, and whether the broker has closed the "
        "connection.\n"
        "Conversations of which the CONNECT was not captured are left out.\n"
        ".Bl -tag -width Ds\n",
        out);
    for (size_t i = 0; i < NJ_COUNT_OF(replay_options); i++) {
        (void)fputs(".It ", out);
        if (replay_options[i].letter != NULL)
            (void)fprintf(out, "Fl %s , ", replay_options[i].letter + 1);
        (void)fprintf(out, "Fl %s%s%s\n", replay_options[i].name + 1,
                      replay_options[i].argument != NULL ? " Ar " : "",
                      replay_options[i].argument != NULL ? replay_options[i].argument : "");
        nj_words_roff(out, replay_options[i].help);
    }
    (void)fputs(
        ".El\n.Sh EXIT STATUS\n0 the broker answers as in the capture; 1 it does not, or not "
        "all could be played; 2 it\ncould not begin.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar replay lab.pcap --to localhost:1883\n"
        "nightjar replay lab.pcap --to '[::1]:1883' --speed max\n"
        ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar-sniff 1\n",
        out);
}

/* --- the command line --- */

static int
refuse_option(const char *word)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; i < NJ_COUNT_OF(replay_options); i++)
        nj_nearest_try(&near, replay_options[i].name);
    return nj_words_no_option("replay", word, near.name);
}

static bool
take_number(const char *text, double most, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out) && *out >= 0 && *out <= most;
}

static int
take_option(struct replay *r, enum replay_option option, const char *value)
{
    double number;

    switch (option) {
    case TO:
        r->to = value;
        return NJ_EXIT_GOOD;
    case SPEED:
        if (strcmp(value, "max") == 0)
            number = 0;
        else if (!take_number(value, 1e9, &number))
            return nj_words_mistake("replay", "--speed %s: a number is expected, or max.", value);
        r->speed = number;
        return NJ_EXIT_GOOD;
    case TIMEOUT:
        if (!take_number(value, 86400, &number))
            return nj_words_mistake("replay", "--timeout %s: seconds are expected.", value);
        r->timeout_ms = (int64_t)(number * 1000);
        return NJ_EXIT_GOOD;
    case KEYLOG:
        r->keylog = value;
        return NJ_EXIT_GOOD;
    case YES_REMOTE:
        r->is_remote_allowed = true;
        return NJ_EXIT_GOOD;
    case HELP:
        return NJ_EXIT_GOOD;
    }
    return NJ_EXIT_COULD_NOT;
}

static size_t
find_option(const char *word)
{
    size_t i = 0;

    while (i < NJ_COUNT_OF(replay_options) && strcmp(word, replay_options[i].name) != 0 &&
           (replay_options[i].letter == NULL || strcmp(word, replay_options[i].letter) != 0))
        i++;
    return i;
}

static int
parse(struct replay *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t option = find_option(argv[i]);
        int code;

        if (option == NJ_COUNT_OF(replay_options)) {
            if (argv[i][0] == '-' && argv[i][1] != '\0')
                return refuse_option(argv[i]);
            if (r->file != NULL)
                return nj_words_mistake("replay", "one capture at a time: %s or %s?", r->file,
                                        argv[i]);
            r->file = argv[i];
            continue;
        }
        if (replay_options[option].argument != NULL && i + 1 == argc)
            return nj_words_mistake("replay", "%s wants %s.", argv[i],
                                    replay_options[option].argument);
        code = take_option(r, (enum replay_option)option,
                           replay_options[option].argument != NULL ? argv[++i] : NULL);
        if (code != NJ_EXIT_GOOD)
            return code;
    }
    if (r->file == NULL)
        return nj_words_mistake("replay", "which capture?");
    if (r->to == NULL)
        return nj_words_mistake("replay", "which broker? --to HOST:PORT.");
    return NJ_EXIT_GOOD;
}

/* --- the broker --- */

static bool
is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    if (a->sa_family == AF_INET6) {
        const struct in6_addr *in = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

        return IN6_IS_ADDR_LOOPBACK(in) || (IN6_IS_ADDR_V4MAPPED(in) && in->s6_addr[12] == 127);
    }
    return false;
}

/* "host:port", "[::1]:port" */
static bool
split_target(const char *to, char host[256], const char **port)
{
    const char *colon = strrchr(to, ':');
    size_t n = colon != NULL ? (size_t)(colon - to) : 0;
    bool has_brackets = n >= 2 && to[0] == '[' && to[n - 1] == ']';

    if (colon == NULL || n == 0 || n >= 256 || colon[1] == '\0' ||
        (!has_brackets && memchr(to, ':', n) != NULL))
        return false;
    (void)snprintf(host, 256, "%.*s", (int)(has_brackets ? n - 2 : n), to + has_brackets);
    *port = colon + 1;
    return true;
}

static int
resolve(const struct replay *r, struct addrinfo **out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    const char *port;
    char host[256];
    int error;

    if (!split_target(r->to, host, &port))
        return nj_words_mistake(
            "replay", "--to %s: HOST:PORT is expected, an address of IPv6 in brackets.", r->to);
    error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        return nj_words_mistake("replay", "--to %s: %s.", r->to, gai_strerror(error));
    for (const struct addrinfo *a = found; a != NULL && !r->is_remote_allowed; a = a->ai_next) {
        if (is_loopback(a->ai_addr))
            continue;
        freeaddrinfo(found);
        return nj_words_mistake(
            "replay",
            "--to %s is not this machine. With --yes-remote it may be another: what was "
            "captured, passwords too, is sent to it in clear.",
            r->to);
    }
    *out = found;
    return NJ_EXIT_GOOD;
}

/* --- the capture --- */

static void
add_secrets(void *context, uint32_t kind, struct nj_str bytes)
{
    if (kind == NJ_CAPTURE_SECRETS_TLS)
        nj_keylog_add(context, bytes);
}

static int
read_keylog(const struct replay *r, struct nj_keylog *keys)
{
    FILE *file;
    enum nj_err err;

    if (r->keylog == NULL)
        return NJ_EXIT_GOOD;
    file = fopen(r->keylog, "rbe");
    if (file == NULL)
        return nj_words_mistake("replay", "--keylog %s: %s.", r->keylog, strerror(errno));
    err = nj_keylog_read(keys, file);
    (void)fclose(file);
    return err == NJ_OK ? NJ_EXIT_GOOD
                        : nj_words_mistake("replay", "--keylog %s: it cannot be read.", r->keylog);
}

static int
read_capture(const struct replay *r, FILE *file, struct nj_keylog *keys,
             struct nj_dissector *dissector, struct nj_script *script)
{
    struct nj_capture *capture;
    struct nj_captured frame;
    struct nj_diag diag = {0};
    enum nj_capture_next next;

    if (nj_capture_new(&capture, file, &diag) != NJ_OK)
        return nj_words_mistake("replay", "%s: %s", r->file, diag.text);
    nj_capture_on_secrets(capture, add_secrets, keys);
    while ((next = nj_capture_next(capture, &frame, &diag)) == NJ_CAPTURE_FRAME)
        nj_script_add(script, nj_dissector_read(dissector, &frame));
    nj_capture_free(capture);
    if (next == NJ_CAPTURE_FAULT)
        (void)fprintf(stderr, "nightjar replay: %s: %s\nWhat comes before it is played.\n", r->file,
                      diag.text);
    return NJ_EXIT_GOOD;
}

static int
read_script(const struct replay *r, FILE *file, struct nj_script *script)
{
    struct nj_dissector *dissector = NULL;
    struct nj_keylog *keys = NULL;
    int code = NJ_EXIT_COULD_NOT;

    if (nj_keylog_new(&keys) != NJ_OK || nj_dissector_new(&dissector) != NJ_OK)
        (void)nj_words_mistake("replay", "out of memory.");
    else if (nj_dissector_use_keys(dissector, keys) != NJ_OK)
        (void)nj_words_mistake("replay", "OpenSSL lacks what it takes to decrypt TLS.");
    else if (read_keylog(r, keys) == NJ_EXIT_GOOD)
        code = read_capture(r, file, keys, dissector, script);
    nj_dissector_free(dissector);
    nj_keylog_free(keys);
    return code;
}

static int
play(const struct replay *r, const struct nj_script *script, const struct addrinfo *to)
{
    const struct nj_replay_opts opts = {.to = to, .speed = r->speed, .timeout_ms = r->timeout_ms};
    struct nj_replayed *replayed = nj_zalloc((script->conversations + 1) * sizeof(*replayed));
    size_t differences = 0;
    int code = NJ_EXIT_COULD_NOT;

    if (replayed == NULL || nj_replay_play(script, &opts, replayed) != NJ_OK ||
        nj_replay_tell(script, replayed, &differences) != NJ_OK)
        (void)nj_words_mistake("replay", "out of memory.");
    else
        code = differences > 0 ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
    for (size_t i = 0; replayed != NULL && i < script->conversations; i++)
        nj_replayed_fini(&replayed[i]);
    nj_free(replayed);
    return code;
}

static bool
has_anything(const struct nj_script *s)
{
    for (size_t i = 0; i < s->steps; i++)
        if (s->step[i].kind == NJ_STEP_SEND)
            return true;
    return false;
}

int
nj_cmd_replay(int argc, char **argv)
{
    struct replay r = {.speed = 1, .timeout_ms = 5000};
    struct nj_script script = {0};
    struct addrinfo *to = NULL;
    FILE *file = NULL;
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++)
        if (find_option(argv[i]) == HELP) {
            print_replay_help(stdout);
            return NJ_EXIT_GOOD;
        }
    code = parse(&r, argc, argv);
    if (code == NJ_EXIT_GOOD)
        code = resolve(&r, &to);
    if (code == NJ_EXIT_GOOD) {
        file = strcmp(r.file, "-") == 0 ? stdin : fopen(r.file, "rbe");
        if (file == NULL)
            code = nj_words_mistake("replay", "%s: %s.", r.file, strerror(errno));
    }
    if (code == NJ_EXIT_GOOD) {
        nj_hash_key_draw();
        code = read_script(&r, file, &script);
    }
    if (code == NJ_EXIT_GOOD && !has_anything(&script))
        code = nj_words_mistake(
            "replay",
            "%s: there is no conversation in it that can be played: none with a CONNECT "
            "that can be read.",
            r.file);
    if (code == NJ_EXIT_GOOD)
        code = play(&r, &script, to);
    if (file != NULL && file != stdin)
        (void)fclose(file);
    nj_script_fini(&script);
    if (to != NULL)
        freeaddrinfo(to);
    return code;
}
