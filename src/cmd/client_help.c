/* SPDX-License-Identifier: Apache-2.0 */
/* client_help.c — pub, sub, rr and doctor's options in words: help, manual page and completion,
 * from the table of options. */
#include "base/mdoc.h"
#include "cmd/client_config.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <nightjar/version.h>
#include <string.h>

#define PUB    NJ_TOOL_PUB
#define SUB    NJ_TOOL_SUB
#define RR     NJ_TOOL_RR
#define DOCTOR NJ_TOOL_DOCTOR
#define ALL    NJ_TOOLS_ALL
static const struct row {
    const char *short_name, *long_name, *argument, *help;
    unsigned tools;
    bool is_later;
} rows[] = {
#define NJ_OPTION(id, short_name, long_name, tools, argument, missing, help)                       \
    {short_name, long_name, argument, help, tools, false},
#define NJ_LATER(name, tools, argument, help) {name, NULL, argument, help, tools, true},
#include "cmd/client_option.def"
#undef NJ_OPTION
#undef NJ_LATER
};

static const struct about {
    const char *name, *does, *usage, *usage_url;
} abouts[] = {
    [NJ_TOOL_PUB] = {"pub", "publish messages to an MQTT broker",
                     "-t topic {-m text | -f file | -s | -l | -n}",
                     "-L url {-m text | -f file | -s | -l | -n}"},
    [NJ_TOOL_SUB] = {"sub", "subscribe to topics of an MQTT broker and print what comes",
                     "{-t filter | -U filter} ...", "-L url [-t filter] ..."},
    [NJ_TOOL_RR] = {"rr", "send a request over MQTT and wait for its response",
                    "-t topic -e topic {-m text | -f file | -s | -n}",
                    "-L url -e topic {-m text | -f file | -s | -n}"},
    [NJ_TOOL_DOCTOR] = {"doctor", "find why a connection fails, and what mends it",
                        "[HOST[:PORT] | URL]", "--config FILE [--files]"},
};

/* What -F knows; the first column is also what the checker lets pass. */
static const struct {
    const char *letters, *text;
} escapes[] = {
    {"%t", "topic"},
    {"%p", "payload; a width pads it and cuts it"},
    {"%x %X", "payload in hexadecimal; .4- puts a dash between groups of 4 digits"},
    {"%f %d", "payload as a float of 4, a double of 8 bytes"},
    {"%l", "length of the payload"},
    {"%q %r %m", "QoS, retain flag, packet identifier"},
    {"%j %J", "the message as JSON, the payload as a string or as JSON itself"},
    {"%I %U", "local time in ISO 8601; seconds since 1970, with nanoseconds"},
    {"%A %E %F %S", "topic alias, expiry, payload format, subscription identifier (MQTT 5)"},
    {"%C %D %R %P", "content type, correlation data, response topic, user properties (MQTT 5)"},
    {"@X", "local time as strftime's %X; @N nanoseconds; @@ an at sign"},
    {"\\n", "also \\t \\r \\a \\e \\v \\0 \\\\; %% a percent sign"},
};

static void
print_row(FILE *out, const struct row *r)
{
    bool has_both = r->short_name != NULL && r->long_name != NULL;

    nj_words_option(out, has_both ? r->short_name : NULL,
                    r->long_name != NULL ? r->long_name : r->short_name, r->argument, r->help);
}

void
nj_client_print_help(const struct nj_client_config *c, FILE *out)
{
    const struct about *a = &abouts[c->tool];

    (void)fprintf(out, "%s: %s.\n\nusage: %s [option ...] %s\n       %s [option ...] %s\n\n",
                  c->name, a->does, c->name, a->usage, c->name, a->usage_url);
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if ((rows[i].tools & c->tool) != 0 && !rows[i].is_later)
            print_row(out, &rows[i]);
    }
    if ((c->tool & (NJ_TOOL_SUB | NJ_TOOL_RR)) != 0) {
        (void)fputs("\nOutput format (-F), with %[-][0][width][.precision]:\n", out);
        for (size_t i = 0; i < NJ_COUNT_OF(escapes); i++)
            nj_words_row(out, escapes[i].letters, escapes[i].text);
    }
    (void)fputs(
        "\nPasswords may stand in the environment: NIGHTJAR_PASSWORD, and NIGHTJAR_KEY_PASSWORD "
        "for\nthe key of --key.\n\nNot supported yet: proxies, WebSocket.\n",
        out);
}

void
nj_client_print_version(const struct nj_client_config *c, FILE *out)
{
    (void)fprintf(out, "%s version %s running on libnightjar %s.\n", c->name, NJ_VERSION,
                  NJ_VERSION);
}

/* Flags are given without the dash that mdoc puts before them. */
static void
print_flags(FILE *out, const struct row *r)
{
    (void)fputs(".It", out);
    if (r->short_name != NULL)
        (void)fprintf(out, " Fl %s%s", r->short_name + 1, r->long_name != NULL ? " ," : "");
    if (r->long_name != NULL)
        (void)fprintf(out, " Fl %s", r->long_name + 1);
    if (r->argument != NULL)
        (void)fprintf(out, " Ar %s", r->argument);
    (void)putc('\n', out);
}

void
nj_client_print_manual_rows(FILE *out, enum nj_client_tool tool, bool is_later)
{
    (void)fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if ((rows[i].tools & tool) == 0 || rows[i].is_later != is_later)
            continue;
        if (is_later && rows[i].short_name[1] == '-') {
            (void)fprintf(out, ".It Fl %s", rows[i].short_name + 1);
            (void)fprintf(out, rows[i].argument != NULL ? " Ar %s\n" : "%s\n",
                          rows[i].argument != NULL ? rows[i].argument : "");
        } else {
            print_flags(out, &rows[i]);
        }
        nj_words_roff(out, rows[i].help);
    }
    (void)fputs(".El\n", out);
}

static void
print_manual_formats(FILE *out)
{
    (void)fputs(
        ".Sh OUTPUT FORMAT\n"
        "Without options the payload and an end of line are printed, and nothing for an\n"
        "empty payload. The format of\n.Fl F\nis text with these escapes; a number between\n"
        "the percent sign and the letter is a width, a minus sign before it aligns to the\n"
        "left, a zero pads with zeros, a number after a dot is a precision:\n"
        ".Bl -tag -width Ds\n",
        out);
    for (size_t i = 0; i < NJ_COUNT_OF(escapes); i++) {
        (void)fputs(".It Li \"", out);
        for (const char *p = escapes[i].letters; *p != '\0'; p++)
            (void)fputs(*p == '\\' ? "\\e" : (char[2]){*p, '\0'}, out);
        (void)fputs("\"\n", out);
        nj_words_roff(out, escapes[i].text);
    }
    (void)fputs(".El\n", out);
}

static void
print_manual(enum nj_client_tool tool, FILE *out)
{
    const struct about *a = &abouts[tool];
    char name[32];

    (void)snprintf(name, sizeof(name), "nightjar-%s", a->name);
    nj_mdoc_begin(out, name, 1);
    (void)fprintf(out,
                  ".Nm %s ,\n"
                  ".Nm mosquitto_%s\n.Nd %s\n.Sh SYNOPSIS\n.Nm nightjar %s\n"
                  ".Op Ar option ...\n.Ar %s\n.Nm mosquitto_%s\n.Op Ar option ...\n.Ar %s\n"
                  ".Sh OPTIONS\n",
                  name, a->name, a->does, a->name, a->usage, a->name, a->usage_url);
    nj_client_print_manual_rows(out, tool, false);
    (void)fputs(".Pp\n"
                "Known, but not supported yet:\n",
                out);
    nj_client_print_manual_rows(out, tool, true);
    if (tool != NJ_TOOL_PUB)
        print_manual_formats(out);
    (void)fprintf(
        out,
        ".Sh SERVICE RECORDS\n"
        "With\n.Fl S\nthe host of\n.Fl h\nis a domain, and its SRV records (RFC 2782) say\n"
        "which hosts serve it, on which ports;\n.Fl p\nnames none then. Hosts of the lowest\n"
        "priority number come first, those of the same priority in an order drawn by their\n"
        "weight; where one does not take the connection the next is tried. Each reconnect\n"
        "asks anew.\n"
        ".Pp\n"
        "With TLS the broker's certificate has to be for the domain that was given, and the\n"
        "server name that the broker is asked for (SNI) is the domain's. Mosquitto's programs\n"
        "expect the certificate of the host that the record names; but nobody vouches for\n"
        "records, and who forges one would choose the name to be expected.\n"
        ".Sh FILES\n"
        ".Pa $XDG_CONFIG_HOME/nightjar-%s ,\n"
        "or\n.Pa ~/.config/nightjar-%s ,\n"
        "holds one option a line, with its value after the first blank; lines that begin\n"
        "with # are comments. The command line goes on from there. Called as\n"
        ".Nm mosquitto_%s ,\nthe file is that of the same name.\n"
        ".Sh ENVIRONMENT\n"
        ".Bl -tag -width Ds\n"
        ".It Ev NIGHTJAR_PASSWORD\nthe password, where\n.Fl u\nis given and\n.Fl P\nis not\n"
        ".It Ev NIGHTJAR_KEY_PASSWORD\nthe password of an encrypted\n.Fl -key ;\n"
        "without it the terminal is asked\n"
        ".El\n"
        ".Sh EXIT STATUS\n"
        "0 when all went well; 1 for a mistake on the command line; the code of CONNACK\n"
        "where the broker refuses; 27 after\n.Fl W ;\n"
        "%s; otherwise Mosquitto's number\n"
        "of the error: 4 not connected, 7 connection lost, 8 TLS failed, 14 system error,\n"
        "15 unknown host, 24 QoS not supported, 25 message too large.\n"
        ".Sh DIAGNOSTICS\n"
        "When TLS fails, the first line names the cause, the next ones the certificate that it\n"
        "is about and what mends it. Where only the broker knows why, the possible causes are\n"
        "listed, most likely first, after a look at the files given here.\n"
        ".Sh SEE ALSO\n.Xr nightjar 1\n",
        a->name, a->name, a->name,
        tool == NJ_TOOL_PUB ? "a signal that comes before all is sent ends it"
                            : "255 after a signal before the broker has answered");
}

void
nj_client_print_options(FILE *out, enum nj_client_tool tool)
{
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if ((rows[i].tools & tool) == 0 || rows[i].is_later)
            continue;
        if (rows[i].short_name != NULL)
            (void)fprintf(out, "%s\n", rows[i].short_name);
        if (rows[i].long_name != NULL)
            (void)fprintf(out, "%s\n", rows[i].long_name);
    }
}

#define PRINTERS(name, tool)                                                                       \
    void nj_##name##_print_manual(FILE *out)                                                       \
    {                                                                                              \
        print_manual(tool, out);                                                                   \
    }                                                                                              \
    void nj_##name##_print_options(FILE *out)                                                      \
    {                                                                                              \
        nj_client_print_options(out, tool);                                                        \
    }

PRINTERS(pub, NJ_TOOL_PUB)
PRINTERS(sub, NJ_TOOL_SUB)
PRINTERS(rr, NJ_TOOL_RR)
