/* SPDX-License-Identifier: Apache-2.0 */
/* init.c — `nightjar init`: the words around setup/. What it prints can be typed as it stands. */
#include "base/mdoc.h"
#include "base/nearest.h"
#include "base/shell.h"
#include "cmd/cmd.h"
#include "cmd/words.h"
#include "setup/setup.h"

#include <errno.h>
#include <stdlib.h>

#define WORD_SIZE  (NJ_SETUP_PATH_SIZE * 4)
#define NAMES_SIZE 2048

enum init_option {
    LEVEL,
    HOST,
    USER,
    PORT,
    UPGRADE,
    HELP,
};

static const struct {
    const char *name, *argument, *help;
} init_options[] = {
    [LEVEL] = {"--level", "LEVEL",
               "open (no protection, on this machine alone), password (in clear), tls (TLS and a "
               "password; the default) or mtls (certificates on both sides). With --upgrade the "
               "default is the next one up."},
    [HOST] = {"--host", "NAMES",
              "Names and addresses by which clients reach the broker, between commas, besides "
              "those of this machine; the first is what the client's options say. May be given "
              "several times. Default: localhost."},
    [USER] = {"--user", "NAME", "The first user. Default: client1."},
    [PORT] = {"--port", "PORT", "Where to listen. Default: 1883, with TLS 8883."},
    [UPGRADE] = {"--upgrade", NULL,
                 "Raise the level of the set-up in DIR. Users, keys and authority stay; the old "
                 "configuration is kept beside the new one. No level is ever lowered."},
    [HELP] = {"--help", NULL, "Print this."},
};

/* --- help --- */

static void
print_init_help(FILE *out)
{
    (void)fputs("nightjar init: a broker and its first client, set up to work.\n\n"
                "usage: nightjar init DIR [OPTION]...\n"
                "       nightjar init --upgrade DIR [OPTION]...\n\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(init_options); i++)
        nj_words_option(out, NULL, init_options[i].name, init_options[i].argument,
                        init_options[i].help);
    (void)fputs("\nDIR is made, or empty; nothing is overwritten.\n", out);
}

void
nj_init_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(init_options); i++)
        (void)fprintf(out, "%s\n", init_options[i].name);
}

void
nj_init_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-init", 1);
    (void)fputs(".Nm nightjar-init\n.Nd set up a broker and its first client\n.Sh SYNOPSIS\n"
                ".Nm nightjar init\n.Op Fl -upgrade\n.Ar dir\n.Op Ar option ...\n"
                ".Sh DESCRIPTION\nMakes the folder\n.Ar dir\nwith a working set-up, and prints "
                "the commands that start the broker,\nsubscribe and publish.\n"
                ".Bl -tag -width Ds\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(init_options); i++) {
        (void)fprintf(out, ".It Fl %s%s%s\n", init_options[i].name + 1,
                      init_options[i].argument != NULL ? " Ar " : "",
                      init_options[i].argument != NULL ? init_options[i].argument : "");
        nj_words_roff(out, init_options[i].help);
    }
    (void)fputs(".El\n.Sh LEVELS\n.Bl -tag -width password\n", out);
    for (unsigned i = 0; i < NJ_LEVELS; i++) {
        const struct nj_level_facts *level = nj_level_facts((enum nj_level)i);

        (void)fprintf(out, ".It Cm %s\n%s.\n.Pp\n", level->name, level->title);
        nj_words_roff(out, level->exposed);
    }
    (void)fputs(
        ".El\n.Sh FILES\n.Bl -tag -width Ds\n"
        ".It Pa dir/broker.conf\nThe configuration, each line with its reason. What is written "
        "below its\nlast line stays when the level is raised.\n"
        ".It Pa dir/state/\nWhat outlives the broker: sessions, what waits for them, retained "
        "messages.\nThe broker makes it when it starts.\n"
        ".It Pa dir/users\nUsers and hashes, for the broker's account alone; see\n"
        ".Xr nightjar-passwd 1 .\n"
        ".It Pa dir/ca.crt , dir/ca.key\nThe authority; see\n.Xr nightjar-pki 1 ,\n"
        "whose option\n.Fl -dir\nis\n.Ar dir .\n"
        ".It Pa dir/hosts/broker/\nThe broker's certificate and key.\n"
        ".It Pa dir/clients/USER/\nAll that this client needs. Its options file is read by\n"
        ".Fl o\nof\n.Xr nightjar-pub 1 ,\nand by Mosquitto's clients when\n.Ev XDG_CONFIG_HOME\n"
        "is the folder.\n.El\n"
        ".Sh EXIT STATUS\n0 done; 2 it could not be done, and why was said; nothing has changed "
        "then.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar init home\n"
        "nightjar init /etc/nightjar --level mtls --host broker.example,192.168.56.101\n"
        "nightjar init --upgrade home --level mtls\n"
        ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar-pki 1 ,\n.Xr nightjar.conf 5\n",
        out);
}

/* --- the command line --- */

static int
refuse_option(const char *word)
{
    struct nj_nearest near = nj_nearest_to(nj_str_of(word));

    for (size_t i = 0; i < NJ_COUNT_OF(init_options); i++)
        nj_nearest_try(&near, init_options[i].name);
    return nj_words_no_option("init", word, near.name);
}

static int
take_port(struct nj_setup_wish *wish, const char *text)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < 1 || n > 65535)
        return nj_words_mistake("init", "--port takes a number from 1 to 65535, not '%s'.", text);
    wish->port = (unsigned)n;
    return NJ_EXIT_GOOD;
}

static int
take_value(struct nj_setup_wish *wish, bool *is_upgrade, enum init_option option, const char *value)
{
    struct nj_diag diag = {0};

    switch (option) {
    case LEVEL:
        wish->has_level = nj_level_find(&wish->level, value);
        return wish->has_level
                   ? NJ_EXIT_GOOD
                   : nj_words_mistake(
                         "init", "there is no level '%s': open, password, tls or mtls.", value);
    case HOST:
        return nj_names_add(&wish->hosts, nj_str_of(value), &diag) == NJ_OK
                   ? NJ_EXIT_GOOD
                   : nj_words_mistake("init", "%s. %s", diag.text, diag.hint);
    case USER:
        wish->user = value;
        return NJ_EXIT_GOOD;
    case PORT:
        return take_port(wish, value);
    case UPGRADE:
        *is_upgrade = true;
        return NJ_EXIT_GOOD;
    case HELP:
        break;
    }
    return NJ_EXIT_GOOD;
}

static size_t
find_init_option(const char *word)
{
    size_t i = 0;

    while (i < NJ_COUNT_OF(init_options) && strcmp(init_options[i].name, word) != 0)
        i++;
    return i;
}

static int
take_words(struct nj_setup_wish *wish, bool *is_upgrade, int argc, char **argv)
{
    int code = NJ_EXIT_GOOD;

    for (int i = 1; i < argc && code == NJ_EXIT_GOOD; i++) {
        size_t o = find_init_option(argv[i]);

        if (argv[i][0] != '-') {
            if (wish->dir != NULL)
                return nj_words_mistake("init", "one folder, not both '%s' and '%s'.", wish->dir,
                                        argv[i]);
            wish->dir = argv[i];
        } else if (o == NJ_COUNT_OF(init_options)) {
            return refuse_option(argv[i]);
        } else if (init_options[o].argument != NULL && i + 1 == argc) {
            return nj_words_mistake("init", "%s needs its %s.", init_options[o].name,
                                    init_options[o].argument);
        } else {
            code = take_value(wish, is_upgrade, (enum init_option)o,
                              init_options[o].argument != NULL ? argv[++i] : argv[i]);
        }
    }
    if (code == NJ_EXIT_GOOD && (wish->dir == NULL || wish->dir[0] == '\0'))
        return nj_words_mistake("init", "which folder? nightjar init DIR");
    return code;
}

/* --- saying --- */

static int
fail_init(const struct nj_diag *diag)
{
    (void)fprintf(stderr, "nightjar init: %s.\n", diag->text);
    if (diag->hint[0] != '\0')
        (void)fprintf(stderr, "  %s\n", diag->hint);
    return NJ_EXIT_COULD_NOT;
}

static void
say_file(const char *name, const char *what)
{
    printf("  %-26s %s\n", name, what);
}

static void
say_files(const struct nj_setup *s)
{
    char client[NJ_SETUP_USER_SIZE + 16];

    (void)snprintf(client, sizeof(client), "clients/%s/", s->user);
    say_file("broker.conf", "what the broker does, line by line, and why");
    if (s->level == NJ_LEVEL_PASSWORD || s->level == NJ_LEVEL_TLS)
        say_file("users", "who may connect; `nightjar passwd` adds others");
    if (s->level >= NJ_LEVEL_TLS) {
        say_file("ca.crt", "for every client: by it the broker is known");
        say_file("ca.key", "for nobody: who has it can make certificates");
        say_file("hosts/broker/", "the broker's certificate and key");
    }
    say_file(client, s->level == NJ_LEVEL_OPEN ? "how a client connects"
                                               : "all that this client needs, for it alone");
    if (s->others > 0)
        printf("  %-26s the same for %u other%s\n", "clients/", s->others,
               s->others == 1 ? "" : "s");
}

static void
say_names(const struct nj_setup *s)
{
    char names[NAMES_SIZE];

    if (s->names.count == 0)
        return;
    nj_names_print(&s->names, names, sizeof(names));
    printf("\nThe broker may be called by these names and addresses:\n  %s\n", names);
}

static void
say_users(const struct nj_setup *s)
{
    if (s->password.n > 0)
        printf("\nPassword of %s: %" NJ_STR_FMT "\n  It is shown this once, and kept in the "
               "options below.\n",
               s->user, NJ_STR_ARG(s->password));
    if (s->is_password_unknown)
        printf(
            "\nThe password of %s is not known here, there were users already. Another: nightjar "
            "passwd\nmakes it; write it behind -P into the options below.\n",
            s->user);
    if (s->level == NJ_LEVEL_MTLS && s->nameless > 0)
        printf("\n%u user%s cannot connect any more: no certificate can have the name '%s'.\n",
               s->nameless, s->nameless == 1 ? "" : "s", s->nameless_user);
}

static void
say_commands(const struct nj_setup *s)
{
    char us[WORD_SIZE], conf[WORD_SIZE], opts[WORD_SIZE], folder[WORD_SIZE];
    char path[NJ_SETUP_PATH_SIZE];

    (void)nj_shell_word(us, sizeof(us), nj_str_of(program_invocation_name));
    (void)nj_shell_word(conf, sizeof(conf), nj_str_of(nj_setup_path(s, NULL, "broker.conf", path)));
    (void)nj_shell_word(opts, sizeof(opts), nj_str_of(nj_setup_path(s, s->user, "options", path)));
    *strrchr(path, '/') = '\0';
    (void)nj_shell_word(folder, sizeof(folder), nj_str_of(path));
    printf("\nStart the broker, subscribe, publish:\n\n"
           "  %s broker -c %s\n  %s sub -o %s -t test -v\n  %s pub -o %s -t test -m hello\n\n"
           "Mosquitto's programs in their place:\n\n"
           "  mosquitto -c %s\n  XDG_CONFIG_HOME=%s mosquitto_sub -t test -v\n"
           "  XDG_CONFIG_HOME=%s mosquitto_pub -t test -m hello\n",
           us, conf, us, opts, us, opts, conf, folder, folder);
}

static void
say_all(const struct nj_setup *s)
{
    const struct nj_level_facts *level = nj_level_facts(s->level);
    char us[WORD_SIZE], dir[WORD_SIZE];

    printf("%s: %s (level %s).\n", s->dir, level->title, level->name);
    if (s->backup[0] != '\0')
        printf("The old configuration: %s\n"
               "A broker that runs goes by it until it is started again.\n",
               s->backup);
    if (s->is_edited)
        puts("  It had been edited above its line of dashes: what was changed there is in it "
             "alone.");
    (void)putchar('\n');
    say_files(s);
    say_names(s);
    say_users(s);
    say_commands(s);
    printf("\n%s\n", level->exposed);
    if (s->level != NJ_LEVEL_MTLS)
        printf("The next level, %s: %s init --upgrade %s\n",
               nj_level_facts((enum nj_level)(s->level + 1))->title,
               nj_shell_word(us, sizeof(us), nj_str_of(program_invocation_name)),
               nj_shell_word(dir, sizeof(dir), nj_str_of(s->dir)));
}

int
nj_cmd_init(int argc, char **argv)
{
    struct nj_setup_wish wish = {0};
    struct nj_setup setup = {0};
    struct nj_diag diag = {0};
    bool is_upgrade = false;
    enum nj_err err;
    int code;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], init_options[HELP].name) == 0 || strcmp(argv[i], "-h") == 0) {
            print_init_help(stdout);
            return NJ_EXIT_GOOD;
        }
    }
    code = take_words(&wish, &is_upgrade, argc, argv);
    if (code != NJ_EXIT_GOOD)
        return code;
    err = is_upgrade ? nj_setup_raise(&setup, &wish, &diag) : nj_setup_make(&setup, &wish, &diag);
    if (err == NJ_OK)
        say_all(&setup);
    nj_setup_fini(&setup);
    return err == NJ_OK ? NJ_EXIT_GOOD : fail_init(&diag);
}
