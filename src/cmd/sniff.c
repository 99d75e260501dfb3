/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c — `nightjar sniff`: the words around sniff/. Its options are those of tshark, where it
 * has them. */
#include "cmd/sniff.h"
#include "base/hash.h"
#include "base/mdoc.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* --- help --- */

static void
print_sniff_help(FILE *out)
{
    (void)fputs("nightjar sniff: captured traffic, read as MQTT.\n\n"
                "usage: nightjar sniff -r FILE [OPTION]...\n"
                "       nightjar sniff --hex FILE [OPTION]...\n"
                "       nightjar sniff -i INTERFACE [OPTION]... [CAPTURE FILTER]\n"
                "       nightjar sniff [OPTION]...\n"
                "       nightjar sniff -D\n\n",
                out);
    for (size_t i = 0; i < nj_sniff_option_count; i++)
        nj_words_option(out, nj_sniff_options[i].letter, nj_sniff_options[i].name,
                        nj_sniff_options[i].argument, nj_sniff_options[i].help);
}

void
nj_sniff_print_options(FILE *out)
{
    for (size_t i = 0; i < nj_sniff_option_count; i++) {
        if (nj_sniff_options[i].letter != NULL)
            (void)fprintf(out, "%s\n", nj_sniff_options[i].letter);
        (void)fprintf(out, "%s\n", nj_sniff_options[i].name);
    }
}

void
nj_sniff_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-sniff", 1);
    (void)fputs(".Nm nightjar-sniff\n.Nd read captured traffic as MQTT\n.Sh SYNOPSIS\n"
                ".Nm nightjar sniff\n.Fl r Ar file\n.Op Ar option ...\n"
                ".Nm nightjar sniff\n.Fl -hex Ar file\n.Op Ar option ...\n"
                ".Nm nightjar sniff\n.Fl i Ar interface\n.Op Ar option ...\n.Op Ar capture filter\n"
                ".Nm nightjar sniff\n.Op Ar option ...\n"
                ".Nm nightjar sniff\n.Fl D\n"
                ".Sh DESCRIPTION\nReads a capture, or captures, puts the TCP streams in order, and "
                "prints what "
                "they carry,\nunder the names and in the words of\n.Xr tshark 1 .\n"
                "What that does not tell stands in fields of nightjar's own, and in brackets\n"
                "behind the rows of the list:\n"
                ".Va nightjar.mqtt.inferred_version ,\n"
                "where the capture begins after the CONNECT and a packet is right in one version\n"
                "only,\n"
                ".Va nightjar.mqtt.assumed_version ,\n"
                "3.1.1, until there is such a packet, and\n"
                ".Va nightjar.tls.alert_cause ,\n"
                "what an alert of TLS is likely to come from.\n"
                ".Bl -tag -width Ds\n",
                out);
    for (size_t i = 0; i < nj_sniff_option_count; i++) {
        (void)fputs(".It ", out);
        if (nj_sniff_options[i].letter != NULL)
            (void)fprintf(out, "Fl %s , ", nj_sniff_options[i].letter + 1);
        (void)fprintf(out, "Fl %s%s%s\n", nj_sniff_options[i].name + 1,
                      nj_sniff_options[i].argument != NULL ? " Ar " : "",
                      nj_sniff_options[i].argument != NULL ? nj_sniff_options[i].argument : "");
        nj_words_roff(out, nj_sniff_options[i].help);
    }
    (void)fputs(".El\n.Sh EXIT STATUS\n0 all was read; 1 the capture ends in the middle of a frame "
                "or cannot be read\nfurther, and what came before was printed; 2 it could not "
                "begin.\n"
                ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
                "nightjar sniff -r lab.pcap\n"
                "nightjar sniff -r lab.pcap -V -x\n"
                "nightjar sniff -i lo --port 1883\n"
                "nightjar sniff -Y mqtt -T fields -e mqtt.topic\n"
                "nightjar sniff -i any -a duration:60 -w lab.pcapng\n"
                "nightjar sniff -r lab.pcap -Y mqtt -T fields -e mqtt.topic\n"
                "nightjar sniff -r lab.pcap --report=html >report.html\n"
                ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr tshark 1\n",
                out);
}

static bool
wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int
open_and_run(struct nj_sniff *s)
{
    struct nj_diag diag = {0};
    FILE *file;
    int code;

    nj_hash_key_draw();
    if (s->has_list)
        return nj_sniff_list_interfaces();
    if (s->file == NULL && s->interface == NULL) {
        if (nj_source_first(s->first_interface, &diag) != NJ_OK)
            return nj_sniff_fail(&diag, NJ_EXIT_COULD_NOT);
        s->interface = s->first_interface;
    }
    if (s->interface != NULL) {
        s->snap_bytes = s->snap_bytes > 0 ? s->snap_bytes : NJ_CAPTURE_FRAME_MAX;
        s->buffer_mib = s->buffer_mib > 0 ? s->buffer_mib : NJ_SOURCE_BUFFER_MIB;
        return nj_sniff_run(s, NULL);
    }
    file = strcmp(s->file, "-") == 0 ? stdin : fopen(s->file, "rbe");
    if (file == NULL)
        return nj_words_mistake("sniff", "%s: %s.", s->file, strerror(errno));
    code = nj_sniff_run(s, file);
    (void)fclose(file);
    return code;
}

int
nj_cmd_sniff(int argc, char **argv)
{
    struct nj_sniff s = {.has_vendors = true};
    size_t words = (size_t)argc + 1;
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    nj_sniff_ask_locale(&s);
    if (wants_help(argc, argv)) {
        print_sniff_help(stdout);
        return NJ_EXIT_GOOD;
    }
    s.field = nj_alloc_array(words, 3 * sizeof(*s.field));
    if (s.field == NULL)
        return NJ_EXIT_COULD_NOT;
    s.port = s.field + words;
    s.host = s.port + words;
    code = nj_sniff_parse(&s, argc, argv);
    if (code == NJ_EXIT_GOOD)
        code = open_and_run(&s);
    nj_dfilter_free(s.filter);
    nj_free(s.joined);
    nj_free(s.field);
    return code;
}
