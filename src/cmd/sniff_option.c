/* SPDX-License-Identifier: Apache-2.0 */
/* sniff_option.c — the options of `nightjar sniff`: the table that help, manual and completion come
 * from, too, and what each makes of its value. */
#include "base/mem.h"
#include "base/nearest.h"
#include "base/writer.h"
#include "cmd/cmd.h"
#include "cmd/sniff.h"
#include "cmd/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum sniff_option {
    READ,
    HEX,
    INTERFACE,
    INTERFACES,
    PORT,
    HOST,
    CAPTURE_FILTER,
    SNAP,
    BUFFER,
    STOP_AFTER,
    WRITE,
    PRINT,
    FILTER,
    FORMAT,
    TIME,
    COLOR,
    TREE,
    HEX_DUMP,
    FIELD,
    SET,
    PREFERENCE,
    COUNT,
    KEYLOG,
    REPORT,
    PAGE,
    LADDER,
    STREAM,
    SECRETS,
    LANGUAGE,
    NUMERIC,
    HELP,
};

const struct nj_sniff_option nj_sniff_options[] = {
    [READ] = {"-r", "--read", "FILE", "The capture: pcap or pcapng; - is the standard input."},
    [HEX] =
        {NULL, "--hex", "FILE",
         "The capture, from a hex dump: as Wireshark, tshark -x, hexdump -C and -x print it, also "
         "in the middle of a text; - is the standard input. Offset 0 begins a frame."},
    [INTERFACE] = {"-i", "--interface", "INTERFACE",
                   "Capture what passes this network interface; any: all of them. Until it is "
                   "ended, by SIGINT (Ctrl-C) say. Without -i, -r and --hex: the first one that -D "
                   "lists, as tshark does."},
    [INTERFACES] = {"-D", "--list-interfaces", NULL, "List the interfaces."},
    [PORT] =
        {NULL, "--port", "PORT",
         "What goes from or to this port is MQTT, or TLS with that inside, though the CONNECT "
         "came before the capture; of 1883 and 8883 that is known. When capturing, nothing else "
         "is captured; without --port: 1883, 8883, 8080 and 9001. May be given up to 16 times."},
    [HOST] = {NULL, "--host", "ADDRESS",
              "When capturing: only from or to this host. May be given several times."},
    [CAPTURE_FILTER] =
        {"-f", "--capture-filter", "EXPRESSION",
         "When capturing, in the place of --port and --host: what is captured, in the "
         "language of pcap-filter(7); an empty one captures everything."},
    [SNAP] = {"-s", "--snapshot-length", "BYTES",
              "When capturing: keep no more than this of each frame. Without it, 262144."},
    [BUFFER] =
        {"-B", "--buffer-size", "MIB",
         "When capturing: room in the kernel for frames that wait to be read. Without it, 16."},
    [STOP_AFTER] = {"-a", "--autostop", "duration:SECONDS", "When capturing: end after this time."},
    [WRITE] = {"-w", "--write", "FILE",
               "Keep the frames (with -Y: those it chooses) in FILE instead of printing them; - is "
               "the standard output. It becomes a pcapng, or a pcap when its name ends in .pcap."},
    [PRINT] = {"-P", "--print", NULL, "With -w: print them, too."},
    [FILTER] = {"-Y", "--filter", "EXPRESSION",
                "Only frames of which this is true, in the language of Wireshark 4.0: a protocol "
                "or a field that is there (mqtt), a value (mqtt.topic == \"a/b\", ip.addr == "
                "10.0.0.0/8), contains, matches, in {1, 3..5}, and, or, not, parentheses."},
    [FORMAT] = {"-T", "--format", "list|fields|json|jsonl",
                "One line for each frame: the list (the default), chosen fields (-e), or a JSON "
                "object with the row and all fields by layer; json makes an array of them."},
    [TIME] = {"-t", "--time", "FORM",
              "The times of the list: r or relative, to the first frame (the default); d or delta, "
              "to the frame before, dd to the one that was printed before; a or absolute, ad with "
              "the date; u or utc, ud with the date; e or epoch, seconds since 1970."},
    [COLOR] =
        {NULL, "--color", "auto|always|never",
         "The list in colors: MQTT green, TLS cyan, HTTP and WebSocket blue, what is malformed "
         "red. auto, the default: on a terminal, unless NO_COLOR is set."},
    [TREE] = {"-V", "--tree", NULL,
              "Instead of the list: each frame with all its fields, a line each, by layer."},
    [HEX_DUMP] = {"-x", "--bytes", NULL,
                  "The bytes of each frame in hexadecimal and as ASCII, instead of the list or "
                  "behind the tree."},
    [FIELD] = {"-e", "--field", "FIELD",
               "With -T fields: a column, by Wireshark's name of the field. May be given several "
               "times."},
    [SET] = {"-E", "--set", "NAME=VALUE",
             "With -T fields: header=y|n, separator=/t|/s|CHARACTER, aggregator=,|/s|CHARACTER, "
             "occurrence=a|f|l (all values of a field, the first, the last), quote=d|s|n. May be "
             "given several times, with one setting each."},
    [PREFERENCE] = {"-o", "--preference", "mqtt.show_msg_as_text:TRUE|FALSE",
                    "TRUE: payloads as text, by the fields mqtt.msg_text and mqtt.willmsg_text "
                    "instead of mqtt.msg and mqtt.willmsg, as tshark has it. These two are empty "
                    "without it. mqtt.msg_decoded_as, which tshark fills where it is told how to "
                    "decode payloads, is always empty."},
    [COUNT] = {"-c", "--count", "N", "Stop after N frames of the capture."},
    [KEYLOG] =
        {NULL, "--keylog", "FILE",
         "Open TLS 1.2 and 1.3 (AES-GCM, ChaCha20-Poly1305) with the secrets of FILE, a key "
         "log as programs write it when SSLKEYLOGFILE is set. Those that a pcapng file "
         "holds itself are used without being asked for. With -i secrets may be added to FILE "
         "while it is captured."},
    [REPORT] = {NULL, "--report", NULL,
                "Instead of lines for frames, what an eavesdropper learns: clients, topics, "
                "payloads, passwords, certificates, errors; and for each listener a verdict and "
                "the next step to take."},
    [PAGE] =
        {NULL, "--report=html", NULL,
         "The same as a page of HTML that needs nothing beside it, with the sequence diagram of "
         "a conversation (--stream; the first with MQTT)."},
    [LADDER] = {NULL, "--ladder", NULL,
                "Instead of lines for frames, each conversation as a sequence diagram, from SYN to "
                "FIN."},
    [STREAM] = {NULL, "--stream", "N", "With --ladder and --report=html: conversation N alone."},
    [SECRETS] = {NULL, "--show-secrets", NULL, "With --report: passwords as they were sent."},
    [LANGUAGE] =
        {NULL, "--lang", "en|fr",
         "With --report and --ladder: the language. Default: that of LC_ALL, LC_MESSAGES or LANG."},
    [NUMERIC] =
        {"-n", "--numeric", NULL,
         "In the tree, addresses of Ethernet as numbers only, without who made the card. No "
         "other names are looked up, with or without it."},
    [HELP] = {"-h", "--help", NULL, "Print this."},
};
const size_t nj_sniff_option_count = NJ_COUNT_OF(nj_sniff_options);

static int
refuse_option(const char *word)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; i < nj_sniff_option_count; i++)
        nj_nearest_try(&near, nj_sniff_options[i].name);
    return nj_words_no_option("sniff", word, near.name);
}

/* tshark writes two characters as /t and /s. */
static bool
take_character(const char *value, char *out)
{
    if (strcmp(value, "/t") == 0)
        *out = '\t';
    else if (strcmp(value, "/s") == 0)
        *out = ' ';
    else if (value[0] != '\0' && value[1] == '\0')
        *out = value[0];
    else
        return false;
    return true;
}

/* Of -E NAME=VALUE with one letter: which of `letters` it is; -1: none. */
static int
letter_of(const char *value, const char *letters)
{
    const char *at = value[0] != '\0' && value[1] == '\0' ? strchr(letters, value[0]) : NULL;

    return at != NULL ? (int)(at - letters) : -1;
}

static int
take_set(struct nj_sniff *s, const char *text)
{
    const char *value = strchr(text, '=');
    struct nj_str name;
    int letter;

    if (value == NULL)
        return nj_words_mistake("sniff", "-E %s: NAME=VALUE is expected.", text);
    name = (struct nj_str){text, (size_t)(value++ - text)};
    if (nj_str_eq(name, NJ_STR("separator")) && take_character(value, &s->fields_opts.separator))
        return NJ_EXIT_GOOD;
    if (nj_str_eq(name, NJ_STR("aggregator")) && take_character(value, &s->fields_opts.aggregator))
        return NJ_EXIT_GOOD;
    if (nj_str_eq(name, NJ_STR("header")) && (letter = letter_of(value, "ny")) >= 0) {
        s->fields_opts.has_header = letter == 1;
        return NJ_EXIT_GOOD;
    }
    if (nj_str_eq(name, NJ_STR("occurrence")) && (letter = letter_of(value, "afl")) >= 0) {
        s->fields_opts.occurrence = (enum nj_occurrence)letter;
        return NJ_EXIT_GOOD;
    }
    if (nj_str_eq(name, NJ_STR("quote")) && (letter = letter_of(value, "nds")) >= 0) {
        s->fields_opts.quote = "\0\"'"[letter];
        return NJ_EXIT_GOOD;
    }
    return nj_words_mistake("sniff", "-E %s: no such setting; each has an -E of its own.", text);
}

/* Of tshark's the one that changes which fields there are. */
static int
take_preference(struct nj_sniff *s, const char *text)
{
    static const char name[] = "mqtt.show_msg_as_text:";
    const char *value = strncmp(text, name, strlen(name)) == 0 ? text + strlen(name) : "";

    if (strcasecmp(value, "TRUE") != 0 && strcasecmp(value, "FALSE") != 0)
        return nj_words_mistake("sniff", "-o %s: mqtt.show_msg_as_text:TRUE or :FALSE is expected.",
                                text);
    s->shows_text = strcasecmp(value, "TRUE") == 0;
    return NJ_EXIT_GOOD;
}

static int
take_filter(struct nj_sniff *s, const char *text)
{
    struct nj_diag diag = {0};

    nj_dfilter_free(s->filter);
    s->filter = NULL;
    if (nj_dfilter_new(&s->filter, nj_str_of(text), &diag) == NJ_OK)
        return NJ_EXIT_GOOD;
    return nj_words_mistake("sniff", diag.hint[0] != '\0' ? "-Y: %s\n%s" : "-Y: %s.%s", diag.text,
                            diag.hint);
}

static bool
is_terminal_colored(void)
{
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

static int
take_color(struct nj_sniff *s, const char *text)
{
    if (strcmp(text, "auto") != 0 && strcmp(text, "always") != 0 && strcmp(text, "never") != 0)
        return nj_words_mistake("sniff", "--color %s: auto, always or never.", text);
    s->is_colored = strcmp(text, "always") == 0 || (text[0] == 'a' && is_terminal_colored());
    return NJ_EXIT_GOOD;
}

/* An option that says what is printed: one of them has its way. */
static int
choose_form(struct nj_sniff *s, const char *option)
{
    if (s->form != NULL && strcmp(s->form, option) != 0)
        return nj_words_mistake("sniff", "%s and %s exclude each other.", s->form, option);
    s->form = option;
    return NJ_EXIT_GOOD;
}

static int
choose_story(struct nj_sniff *s, const char *option, enum nj_sniff_format format)
{
    s->format = format;
    return choose_form(s, option);
}

static int
take_format(struct nj_sniff *s, const char *text)
{
    static const char *const names[] = {[NJ_SNIFF_LIST] = "list",
                                        [NJ_SNIFF_FIELDS] = "fields",
                                        [NJ_SNIFF_JSONL] = "jsonl",
                                        [NJ_SNIFF_JSON] = "json"};

    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        if (strcmp(names[i], text) != 0)
            continue;
        s->format = (enum nj_sniff_format)i;
        return choose_form(s, "-T");
    }
    return nj_words_mistake("sniff", "-T %s: list, fields, json or jsonl.", text);
}

/* A whole number from 1 to `most`. */
static bool
take_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out > 0 && *out <= most && text[0] >= '0' &&
           text[0] <= '9';
}

static int
take_count(struct nj_sniff *s, const char *text)
{
    if (!take_number(text, UINT64_MAX, &s->count))
        return nj_words_mistake("sniff", "-c %s: no number of frames.", text);
    return NJ_EXIT_GOOD;
}

static int
take_stream(struct nj_sniff *s, const char *text)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || n >= NJ_LADDER_STREAMS_MAX)
        return nj_words_mistake("sniff", "--stream %s: no number of a conversation.", text);
    s->has_stream = true;
    s->stream = (uint32_t)n;
    return NJ_EXIT_GOOD;
}

static int
take_language(struct nj_sniff *s, const char *text)
{
    if (strcmp(text, "en") != 0 && strcmp(text, "fr") != 0)
        return nj_words_mistake("sniff", "--lang %s: en or fr.", text);
    s->language = text[0] == 'f' ? NJ_FRENCH : NJ_ENGLISH;
    s->has_language = true;
    return NJ_EXIT_GOOD;
}

static int
take_port(struct nj_sniff *s, const char *text)
{
    uint64_t port;

    if (!take_number(text, UINT16_MAX, &port))
        return nj_words_mistake("sniff", "--port %s: a port is a number from 1 to 65535.", text);
    if (s->port_count == NJ_DISSECTOR_PORTS_MAX)
        return nj_words_mistake("sniff", "--port %s: there are 16 already.", text);
    s->port[s->port_count++] = text;
    return NJ_EXIT_GOOD;
}

/* It becomes a word of the filter, and shall be no more than one. */
static int
take_host(struct nj_sniff *s, const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_";

    if (text[0] == '\0' || text[0] == '-' || text[strspn(text, letters)] != '\0')
        return nj_words_mistake("sniff", "--host %s: no address, and no name.", text);
    s->host[s->host_count++] = text;
    return NJ_EXIT_GOOD;
}

static int
take_snap(struct nj_sniff *s, const char *text)
{
    uint64_t bytes;

    if (!take_number(text, NJ_CAPTURE_FRAME_MAX, &bytes))
        return nj_words_mistake("sniff", "-s %s: a number of bytes, up to 262144.", text);
    s->snap_bytes = (uint32_t)bytes;
    return NJ_EXIT_GOOD;
}

static int
take_buffer(struct nj_sniff *s, const char *text)
{
    uint64_t mib;

    if (!take_number(text, NJ_SOURCE_BUFFER_MIB_MAX, &mib))
        return nj_words_mistake("sniff", "-B %s: a number of MiB, up to 2047.", text);
    s->buffer_mib = (uint32_t)mib;
    return NJ_EXIT_GOOD;
}

/* tshark has more such ends than a time. */
static int
take_end(struct nj_sniff *s, const char *text)
{
    static const char kind[] = "duration:";
    uint64_t seconds;

    if (strncmp(text, kind, strlen(kind)) != 0 ||
        !take_number(text + strlen(kind), UINT32_MAX, &seconds))
        return nj_words_mistake("sniff", "-a %s: duration:SECONDS is expected.", text);
    s->duration_ms = (int64_t)seconds * 1000;
    return NJ_EXIT_GOOD;
}

static int
take_file(struct nj_sniff *s, const char *path, bool is_dump)
{
    if (s->file != NULL)
        return nj_words_mistake("sniff", "one capture at a time: %s or %s?", s->file, path);
    s->file = path;
    s->is_dump = is_dump;
    return NJ_EXIT_GOOD;
}

static int
take_interface(struct nj_sniff *s, const char *name)
{
    if (s->interface != NULL)
        return nj_words_mistake("sniff",
                                "one interface at a time: %s or %s? -i any captures on all.",
                                s->interface, name);
    s->interface = name;
    return NJ_EXIT_GOOD;
}

static int
take_option(struct nj_sniff *s, enum sniff_option option, const char *value)
{
    switch (option) {
    case READ:
    case HEX:
        return take_file(s, value, option == HEX);
    case INTERFACE:
        return take_interface(s, value);
    case INTERFACES:
        s->has_list = true;
        return NJ_EXIT_GOOD;
    case PORT:
        return take_port(s, value);
    case HOST:
        return take_host(s, value);
    case CAPTURE_FILTER:
        s->capture_filter = value;
        return NJ_EXIT_GOOD;
    case SNAP:
        return take_snap(s, value);
    case BUFFER:
        return take_buffer(s, value);
    case STOP_AFTER:
        return take_end(s, value);
    case WRITE:
        s->write = value;
        return NJ_EXIT_GOOD;
    case PRINT:
        s->is_printing = true;
        return NJ_EXIT_GOOD;
    case FILTER:
        return take_filter(s, value);
    case FORMAT:
        return take_format(s, value);
    case FIELD:
        s->field[s->field_count++] = value; /* argv has more words than that */
        return NJ_EXIT_GOOD;
    case SET:
        s->has_set = true;
        return take_set(s, value);
    case PREFERENCE:
        return take_preference(s, value);
    case COUNT:
        return take_count(s, value);
    case KEYLOG:
        s->keylog = value;
        return NJ_EXIT_GOOD;
    case REPORT:
        return choose_story(s, "--report", NJ_SNIFF_REPORT);
    case PAGE:
        return choose_story(s, "--report=html", NJ_SNIFF_PAGE);
    case LADDER:
        return choose_story(s, "--ladder", NJ_SNIFF_LADDER);
    case STREAM:
        return take_stream(s, value);
    case SECRETS:
        s->shows_secrets = true;
        return NJ_EXIT_GOOD;
    case LANGUAGE:
        return take_language(s, value);
    case COLOR:
        return take_color(s, value);
    case TIME:
        return nj_time_form_find(value, &s->time)
                   ? NJ_EXIT_GOOD
                   : nj_words_mistake("sniff", "-t %s: r, d, dd, a, ad, u, ud or e.", value);
    case TREE:
        s->has_tree = true;
        return NJ_EXIT_GOOD;
    case HEX_DUMP:
        s->has_hex = true;
        return NJ_EXIT_GOOD;
    case NUMERIC:
        s->has_vendors = false;
        return NJ_EXIT_GOOD;
    case HELP:
        return NJ_EXIT_GOOD;
    }
    return NJ_EXIT_COULD_NOT;
}

static bool
is_for_interface(const struct nj_sniff *s)
{
    return s->capture_filter != NULL || s->host_count > 0 || s->snap_bytes > 0 ||
           s->buffer_mib > 0 || s->duration_ms > 0;
}

/* As other programs that capture have it: what stands behind the options is -f. */
static int
take_capture_filter(struct nj_sniff *s, char **word)
{
    struct nj_writer w;
    size_t n = 1;

    if (s->interface == NULL || s->capture_filter != NULL)
        return nj_words_mistake("sniff",
                                "'%s': a filter of what is captured stands behind -i INTERFACE, "
                                "once; -Y chooses frames of a file.",
                                word[0]);
    for (char **at = word; *at != NULL; at++)
        n += strlen(*at) + 1;
    s->joined = nj_zalloc(n);
    if (s->joined == NULL)
        return NJ_EXIT_COULD_NOT;
    w = nj_writer_of(s->joined, n - 1);
    for (char **at = word; *at != NULL; at++) {
        nj_write_bytes(&w, nj_str_of(at == word ? "" : " "));
        nj_write_bytes(&w, nj_str_of(*at));
    }
    s->capture_filter = s->joined;
    return NJ_EXIT_GOOD;
}

static int
take_words(struct nj_sniff *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        size_t option = 0;
        int code;

        while (option < nj_sniff_option_count &&
               (nj_sniff_options[option].letter == NULL ||
                strcmp(argv[i], nj_sniff_options[option].letter) != 0) &&
               strcmp(argv[i], nj_sniff_options[option].name) != 0)
            option++;
        if (option == nj_sniff_option_count)
            return argv[i][0] == '-' ? refuse_option(argv[i]) : take_capture_filter(s, argv + i);
        if (nj_sniff_options[option].argument != NULL && i + 1 == argc)
            return nj_words_mistake("sniff", "%s wants %s.", argv[i],
                                    nj_sniff_options[option].argument);
        code = take_option(s, (enum sniff_option)option,
                           nj_sniff_options[option].argument != NULL ? argv[++i] : NULL);
        if (code != NJ_EXIT_GOOD)
            return code;
    }
    return NJ_EXIT_GOOD;
}

static int
check_source(const struct nj_sniff *s)
{
    if (s->file != NULL && s->interface != NULL)
        return nj_words_mistake("sniff", "%s and -i exclude each other.",
                                s->is_dump ? "--hex" : "-r");
    if (s->file != NULL && is_for_interface(s))
        return nj_words_mistake("sniff", "--host, -f, -s, -B and -a are for capturing; "
                                         "-Y chooses frames of a file.");
    if (s->capture_filter != NULL && s->port_count + s->host_count > 0)
        return nj_words_mistake("sniff",
                                "-f says it all: --port and --host have no place beside it.");
    return NJ_EXIT_GOOD;
}

static int
check_form(const struct nj_sniff *s)
{
    if (s->is_printing && s->write == NULL)
        return nj_words_mistake("sniff", "-P goes with -w FILE.");
    if (s->write != NULL && strcmp(s->write, "-") == 0 &&
        (s->is_printing || nj_sniff_tells_a_story(s)))
        return nj_words_mistake("sniff", "-w - and %s write to the same place.",
                                s->is_printing                 ? "-P"
                                : s->format == NJ_SNIFF_LADDER ? "--ladder"
                                                               : "--report");
    if ((s->format == NJ_SNIFF_FIELDS) != (s->field_count > 0))
        return nj_words_mistake("sniff", "-T fields and -e FIELD go together.");
    if (s->has_set && s->format != NJ_SNIFF_FIELDS)
        return nj_words_mistake("sniff", "-E goes with -T fields.");
    if ((s->shows_secrets || s->has_language) && !nj_sniff_tells_a_story(s))
        return nj_words_mistake("sniff", "%s goes with --report or --ladder.",
                                s->shows_secrets ? "--show-secrets" : "--lang");
    if (s->shows_text && nj_sniff_tells_a_story(s))
        return nj_words_mistake("sniff", "-o mqtt.show_msg_as_text:TRUE and %s exclude each other.",
                                s->form);
    if (s->has_stream && s->format != NJ_SNIFF_PAGE && s->format != NJ_SNIFF_LADDER)
        return nj_words_mistake("sniff", "--stream goes with --ladder or --report=html.");
    if (s->format != NJ_SNIFF_LIST && (s->has_tree || s->has_hex))
        return nj_words_mistake("sniff", "%s and %s exclude each other.", s->has_tree ? "-V" : "-x",
                                s->form);
    return NJ_EXIT_GOOD;
}

int
nj_sniff_parse(struct nj_sniff *s, int argc, char **argv)
{
    int code;

    s->is_colored = is_terminal_colored();
    code = take_words(s, argc, argv);
    if (code == NJ_EXIT_GOOD)
        code = check_source(s);
    return code == NJ_EXIT_GOOD ? check_form(s) : code;
}
