/* SPDX-License-Identifier: Apache-2.0 */
/* The manual, in mdoc(7): what the tables know, and around it what they do not. */
#include "base/mdoc.h"
#include "config/args.h"
#include "config/config.h"
#include "config/option.h"

#include <limits.h>
#include <string.h>

#define LINE_WIDTH 76

/* --- mdoc --- */

/* A backslash begins an escape of roff's, and a hyphen that is typed must not become a typographic
 * one. */
static void
put(FILE *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\')
            (void)fputs("\\e", out);
        else if (text[i] == '-')
            (void)fputs("\\-", out);
        else
            (void)fputc(text[i], out);
    }
}

/* Words in short lines, each sentence on a new one, as roff likes it. */
static void
put_paragraph(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        bool is_last = text[n] == '\0' || text[n - 1] == '.';

        /* At the start of a line a dot or quote would begin a request. */
        if (column == 0 && (*text == '.' || *text == '\''))
            (void)fputs("\\&", out);
        put(out, text, n);
        column += n + 1;
        text += n + (text[n] != '\0');
        if (is_last || column + strcspn(text, " ") > LINE_WIDTH)
            column = 0;
        (void)fputc(column == 0 ? '\n' : ' ', out);
    }
}

/* An argument of a macro: in quotes, since it may have spaces, or words that are macros. */
static void
put_argument(FILE *out, const char *macro, const char *text)
{
    (void)fprintf(out, " %s \"", macro);
    put(out, text, strlen(text));
    (void)fputc('"', out);
}

static void
put_head(FILE *out, const char *name, int section, const char *does)
{
    nj_mdoc_begin(out, name, section);
    (void)fprintf(out, ".Nm %s\n.Nd %s\n", name, does);
}

/* --- nightjar.conf(5) --- */

static const char *const about_the_file[] = {
    "The configuration of the broker: one directive in each line, its name, a space, and its "
    "value.",
    "A line is a comment if its very first character is #; empty lines are passed over.",
    "Names and values are case sensitive; only spaces, no tabs, separate them.",
    "Yes and no are true and false, or 1 and 0.",
    "Numbers may be written in decimal, in hexadecimal after 0x, and in octal after 0.",
    "Text runs to the end of the line, without quotes; blanks at both ends do not count.",
    "The format is that of Mosquitto's mosquitto.conf(5), and every directive of it is known here; "
    "one whose work cannot be done yet is refused, not ignored.",
    "Without a file, and without any listener, port or bind_address in it, only the loopback "
    "listens.",
};

static void
put_range(FILE *out, const struct nj_option *o)
{
    bool has_least = o->min > INT_MIN, has_most = o->max < INT_MAX;

    if (o->type != NJ_TYPE_INT)
        return;
    if (has_least && has_most)
        (void)fprintf(out, "From %lld to %lld.\n", o->min, o->max);
    else if (has_least && o->min > 0)
        (void)fprintf(out, "At least %lld.\n", o->min);
    else if (has_most)
        (void)fprintf(out, "At most %lld.\n", o->max);
}

static void
put_default(FILE *out, const struct nj_option *o)
{
    const char *what = o->initial != NULL ? o->initial : o->shown;

    if (what == NULL)
        return;
    (void)fputs("Default: ", out);
    put(out, what, strlen(what));
    (void)fputs(".\n", out);
}

static void
put_status(FILE *out, const struct nj_option *o)
{
    if (o->is_fixed)
        (void)fputs("Changed by a restart only.\n", out);
    if (o->deprecated != NULL)
        (void)fputs("Deprecated.\n", out);
    if (o->status == NJ_STATUS_IGNORED)
        (void)fprintf(out, "Accepted without effect: %s.\n", o->notice);
    if (o->status == NJ_STATUS_LATER && o->accepts != NULL)
        (void)fprintf(out, "Not supported yet: only %s is accepted.\n", o->accepts);
    else if (o->status == NJ_STATUS_LATER)
        (void)fputs("Not supported yet.\n", out);
}

static void
put_option(FILE *out, const struct nj_option *o)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "%s%s", o->name, o->is_prefix ? "NAME" : "");
    (void)fputs(".It", out);
    put_argument(out, "Ic", name);
    put_argument(out, "Ar", o->form);
    (void)fputc('\n', out);
    put_paragraph(out, o->text);
    put_range(out, o);
    put_default(out, o);
    if (o->alias != NULL)
        (void)fprintf(out, "Also called\n.Ic %s .\n", o->alias);
    put_status(out, o);
}

void
nj_config_print_man(FILE *out)
{
    put_head(out, "nightjar.conf", 5, "configuration file of the MQTT broker");
    (void)fputs(".Sh DESCRIPTION\n", out);
    for (size_t i = 0; i < NJ_COUNT_OF(about_the_file); i++)
        put_paragraph(out, about_the_file[i]);
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];

        if (o->opens != NULL)
            (void)fprintf(out, "%s.Sh %s\n.Bl -tag -width Ds\n", i > 0 ? ".El\n" : "", o->opens);
        put_option(out, o);
    }
    (void)fputs(".El\n"
                ".Sh SIGNALS\n"
                "SIGHUP has the broker read the file again.\n"
                "A file with a mistake changes nothing; the log tells what is wrong with it.\n"
                "Listeners can be changed, but neither added nor removed.\n"
                ".Sh EXAMPLES\n"
                "A broker that everybody in reach may use:\n"
                ".Bd -literal -offset indent\n"
                "listener 1883\n"
                "allow_anonymous true\n"
                ".Ed\n"
                ".Sh SEE ALSO\n"
                ".Xr nightjar-broker 1\n",
                out);
}

/* --- nightjar-broker(1) --- */

void
nj_config_print_broker_man(FILE *out)
{
    put_head(out, "nightjar-broker", 1, "MQTT broker");
    (void)fputs(".Sh SYNOPSIS\n.Nm nightjar broker\n", out);
    for (size_t i = 0; i < nj_flag_count; i++) {
        const struct nj_flag *f = &nj_flags[i];

        (void)fprintf(out, ".Op Fl %s%s%s\n", (f->letter != NULL ? f->letter : f->name) + 1,
                      f->takes != NULL ? " Ar " : "", f->takes != NULL ? f->takes : "");
    }
    (void)fputs(".Sh DESCRIPTION\n"
                "A broker for MQTT 3.1, 3.1.1 and 5.0, which takes the command line and the "
                "configuration of Mosquitto 2.1.\n"
                ".Bl -tag -width Ds\n",
                out);
    for (size_t i = 0; i < nj_flag_count; i++) {
        const struct nj_flag *f = &nj_flags[i];

        (void)fputs(".It", out);
        if (f->letter != NULL)
            (void)fprintf(out, " Fl %s ,", f->letter + 1);
        (void)fprintf(out, " Fl %s%s%s\n", f->name + 1, f->takes != NULL ? " Ar " : "",
                      f->takes != NULL ? f->takes : "");
        put_paragraph(out, f->text);
    }
    (void)fprintf(
        out,
        ".El\n"
        ".Sh SIGNALS\n"
        ".Bl -tag -width SIGRTMIN\n"
        ".It SIGINT , SIGTERM\nEnd: no new connections, what is on its way is written.\n"
        ".It SIGHUP\nRead the configuration file again, and reopen the log.\n"
        ".It SIGUSR1\nBack up the store now, as store_backup_interval does every so often.\n"
        ".It SIGUSR2\nPrint a summary of the subscriptions, and log the last 1,000 refusals.\n"
        ".It SIGRTMIN\nReopen the log.\n"
        ".El\n"
        ".Sh TOPICS\n"
        "What Mosquitto 2.1 tells of itself below $SYS/broker/ is there under its names, "
        "each time that sys_interval is over and it has changed.\n"
        "These are not Mosquitto's:\n"
        ".Bl -tag -width Ds\n"
        ".It $SYS/broker/heap/refused\n"
        "How often memory was refused because memory_limit was reached.\n"
        ".It $SYS/broker/logging/lines/dropped\n"
        "Log lines lost because a destination could not keep up, or failed; once for each "
        "destination.\n"
        ".It $SYS/broker/logging/writes/failed\n"
        "Failed attempts to write log lines, to a full disk for instance.\n"
        ".It $SYS/broker/certificates/days left\n"
        "How long the certificate that ends first is still good; below\n"
        "$SYS/broker/certificates/ca/, $SYS/broker/certificates/crl/ and\n"
        "$SYS/broker/certificates/ocsp/ the same of CAs that clients are judged by, of lists of "
        "revoked ones, and of stapled responses.\n"
        ".It $SYS/broker/certificates/warnings\n"
        "How often the log has warned of one that ends soon.\n"
        ".El\n"
        ".Sh EXIT STATUS\n"
        ".Bl -tag -width 14\n"
        ".It %d\nA normal end, help, version, a good configuration file.\n"
        ".It %d\nA listener or the log could not be opened, or there was no memory.\n"
        ".It %d\nA mistake on the command line or in the configuration file.\n"
        ".It %d\nA file of passwords or access rules cannot be read.\n"
        ".It %d\nA system call failed.\n"
        ".El\n"
        ".Sh SEE ALSO\n"
        ".Xr nightjar.conf 5\n",
        NJ_CONFIG_EXIT_GOOD, NJ_CONFIG_EXIT_STARTUP, NJ_CONFIG_EXIT_CONFIG, NJ_CONFIG_EXIT_SECURITY,
        NJ_CONFIG_EXIT_SYSTEM);
}

void
nj_config_print_completion(FILE *out)
{
    for (size_t i = 0; i < nj_flag_count; i++) {
        if (nj_flags[i].letter != NULL)
            (void)fprintf(out, "%s\n", nj_flags[i].letter);
        (void)fprintf(out, "%s\n", nj_flags[i].name);
    }
}
