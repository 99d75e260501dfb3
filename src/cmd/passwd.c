/* SPDX-License-Identifier: Apache-2.0 */
/* passwd.c — `nightjar passwd`, mosquitto_passwd: users into a password file and out of it.
 *
 * The new file is written beside the old one and takes its place when it is whole, so that neither
 * a broker nor a full disk ever meets half of one. On purpose otherwise than in Mosquitto: -U
 * leaves alone what is hashed already, where Mosquitto hashes the hash and nobody can log in any
 * more. */
#include "auth/password.h"
#include "base/assert.h"
#include "base/mdoc.h"
#include "base/regular.h"
#include "base/save.h"
#include "base/writer.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX   65535u
#define ITERATIONS_MAX (1 << 24)

enum exit_code {
    GOOD = 0,
    FAILED = 1,
    DIFFERS = 2, /* the password typed for the second time */
};

enum action {
    SET,
    DELETE,
    HASH_PLAIN, /* hash what is plain */
};

struct job {
    enum action action;
    bool is_new, is_batch;
    enum nj_password_kind kind;
    uint32_t iterations; /* 0: as usual */
    const char *file;
    const char *user;
    char *typed;               /* with -b: in argv */
    struct nj_secret password; /* to be set */
};

static const struct {
    const char *name;
    enum nj_password_kind kind;
} kinds[] = {
    {"sha512-pbkdf2", NJ_PASSWORD_PBKDF2},
    {"argon2id", NJ_PASSWORD_ARGON2ID},
    {"sha512", NJ_PASSWORD_SHA512},
};

/* ---- what is said ---- */

static int
fail_with(int code, const char *text)
{
    fprintf(stderr, "Error: %s\n", text);
    return code;
}

static int
fail_about(const char *what, const char *file)
{
    fprintf(stderr, "Error: Unable to %s %s. %s.\n", what, file, strerror(errno));
    return FAILED;
}

static const struct {
    const char *option, *argument, *does;
} passwd_options[] = {
    {"-b", NULL, "take the password from the command line, where others may see it for a moment"},
    {"-c", NULL, "make the file, which must not be there yet; - is the standard output"},
    {"-D", NULL, "delete the user"},
    {"-H", "HASH",
     "sha512-pbkdf2 (what is made unless asked otherwise), argon2id, or sha512, which "
     "is for brokers older than Mosquitto 2.0"},
    {"-I", "NUMBER", "iterations of sha512-pbkdf2; 1000 unless said otherwise"},
    {"-U", NULL, "hash every password of the file that is plain"},
};

static void
print_usage(FILE *out)
{
    fputs("nightjar passwd manages password files of the broker, as mosquitto_passwd does.\n\n"
          "Usage: nightjar passwd [-H HASH] [-I NUMBER] [-c] FILE USER\n"
          "       nightjar passwd [-H HASH] [-I NUMBER] [-c] -b FILE USER PASSWORD\n"
          "       nightjar passwd -D FILE USER\n"
          "       nightjar passwd [-H HASH] [-I NUMBER] -U FILE\n",
          out);
    for (size_t i = 0; i < NJ_COUNT_OF(passwd_options); i++)
        fprintf(out, " %s %s: %s.\n", passwd_options[i].option,
                passwd_options[i].argument != NULL ? passwd_options[i].argument : "",
                passwd_options[i].does);
}

void
nj_passwd_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(passwd_options); i++)
        fprintf(out, "%s\n", passwd_options[i].option);
}

void
nj_passwd_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-passwd", 1);
    fputs(".Nm nightjar-passwd\n"
          ".Nd users and passwords of the broker\n"
          ".Sh SYNOPSIS\n"
          ".Nm nightjar passwd\n"
          ".Op Fl b c D U\n"
          ".Op Fl H Ar hash\n"
          ".Op Fl I Ar number\n"
          ".Ar file\n"
          ".Op Ar user Op Ar password\n"
          ".Sh DESCRIPTION\n"
          "Sets the password of a user in a password file, as\n"
          ".Nm mosquitto_passwd\n"
          "does; without\n"
          ".Fl b\n"
          "it is asked for twice, or read from two lines of the standard input.\n"
          "Comments and the order of the lines are kept.\n"
          "A running broker reads the file again on SIGHUP.\n"
          ".Bl -tag -width Ds\n",
          out);
    for (size_t i = 0; i < NJ_COUNT_OF(passwd_options); i++) {
        fprintf(out, ".It Fl %s", passwd_options[i].option + 1);
        if (passwd_options[i].argument != NULL)
            fprintf(out, " Ar %s", passwd_options[i].argument);
        fprintf(out, "\n%s.\n", passwd_options[i].does);
    }
    fputs(".El\n"
          ".Sh EXIT STATUS\n"
          "0 when it is done, 1 when it is not, 2 when the password was typed in two ways.\n"
          ".Sh SEE ALSO\n"
          ".Xr nightjar.conf 5\n",
          out);
}

/* ---- the command line ---- */

static int
set_kind(struct job *job, const char *name)
{
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            job->kind = kinds[i].kind;
            return GOOD;
        }
    }
    fprintf(stderr, "Error: Unknown hash type '%s'\n", name);
    return FAILED;
}

static int
set_iterations(struct job *job, const char *text)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || n < 1 || n > ITERATIONS_MAX)
        return fail_with(FAILED, "Number of iterations must be from 1 to 16777216.");
    job->iterations = (uint32_t)n;
    return GOOD;
}

/* Options come first, each by itself; how many words they took is added to *at. */
static int
take_options(struct job *job, int argc, char **argv, int *at)
{
    bool is_delete = false, is_upgrade = false;
    int code = GOOD;

    for (; *at < argc && code == GOOD; (*at)++) {
        const char *word = argv[*at];
        bool has_value = strcmp(word, "-H") == 0 || strcmp(word, "-I") == 0;

        if (has_value && *at + 1 == argc) {
            fprintf(stderr, "Error: %s argument given but not enough other arguments.\n", word);
            return FAILED;
        }
        if (strcmp(word, "-b") == 0)
            job->is_batch = true;
        else if (strcmp(word, "-c") == 0)
            job->is_new = true;
        else if (strcmp(word, "-D") == 0)
            is_delete = true;
        else if (strcmp(word, "-U") == 0)
            is_upgrade = true;
        else if (strcmp(word, "-H") == 0)
            code = set_kind(job, argv[++*at]);
        else if (strcmp(word, "-I") == 0)
            code = set_iterations(job, argv[++*at]);
        else
            break;
    }
    if (code != GOOD)
        return code;
    if (job->is_new && is_delete)
        return fail_with(FAILED, "-c and -D cannot be used together.");
    if (job->is_new && is_upgrade)
        return fail_with(FAILED, "-c and -U cannot be used together.");
    if (is_delete && is_upgrade)
        return fail_with(FAILED, "-D and -U cannot be used together.");
    if (job->is_batch && is_delete)
        return fail_with(FAILED, "-b and -D cannot be used together.");
    job->action = is_delete ? DELETE : is_upgrade ? HASH_PLAIN : SET;
    return GOOD;
}

static int
check_user(const char *user)
{
    if (strlen(user) > 65535)
        return fail_with(FAILED, "Username must be less than 65536 characters long.");
    if (user[0] == '\0')
        return fail_with(FAILED, "Username must not be empty.");
    if (strchr(user, ':') != NULL)
        return fail_with(FAILED, "Username must not contain the ':' character.");
    for (const char *c = user; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return fail_with(FAILED, "Username must not contain control characters.");
    return GOOD;
}

/* Too many words are what only the usage can put right. */
static int
fail_without_operands(const struct job *job, bool has_too_few)
{
    if (has_too_few && job->action == DELETE)
        return fail_with(FAILED, "-D argument given but password file or username missing.");
    if (has_too_few && job->action == HASH_PLAIN)
        return fail_with(FAILED, "-U argument given but password file missing.");
    if (has_too_few && job->is_new)
        return fail_with(FAILED,
                         job->is_batch
                             ? "-c argument given but password file, username, or password missing."
                             : "-c argument given but password file or username missing.");
    print_usage(stdout);
    return FAILED;
}

static int
take_operands(struct job *job, int argc, char **argv)
{
    int at = 1, code = take_options(job, argc, argv, &at), left = argc - at;
    int wanted = job->action == HASH_PLAIN ? 1 : job->is_batch ? 3 : 2;

    if (code != GOOD)
        return code;
    if (left != wanted)
        return fail_without_operands(job, left < wanted);
    job->file = argv[at];
    job->user = wanted > 1 ? argv[at + 1] : NULL;
    job->typed = wanted > 2 ? argv[at + 2] : NULL;
    return job->user != NULL ? check_user(job->user) : GOOD;
}

/* ---- the password ---- */

static struct termios shown; /* how the terminal was */

static void
on_interrupt(int number)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &shown);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* From before the first prompt until after the last answer: what is typed early is not shown
 * either. True where there is a terminal. */
static bool
hide_typing(void)
{
    struct termios hidden;

    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)signal(SIGINT, on_interrupt);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
    return true;
}

static void
show_typing(void)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &shown);
    (void)signal(SIGINT, SIG_DFL);
}

/* A line of the standard input; false where nothing is in it. */
static bool
ask_line(const char *prompt, char *out, size_t room)
{
    fputs(prompt, stdout);
    (void)fflush(stdout);
    if (fgets(out, (int)room, stdin) == NULL)
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return out[0] != '\0';
}

static int
prompt_for_password(struct job *job)
{
    static char first[PASSWORD_MAX + 2], again[PASSWORD_MAX + 2];
    bool is_hidden = hide_typing();
    int code = GOOD;

    if (!ask_line("Password: ", first, sizeof(first)) ||
        !ask_line("\nReenter password: ", again, sizeof(again)))
        code = fail_with(FAILED, "Empty password.");
    else if (strcmp(first, again) != 0)
        code = fail_with(DIFFERS, "Passwords do not match.");
    else if (!nj_secret_copy(&job->password, nj_str_of(first)))
        code = fail_with(FAILED, "Out of memory.");
    if (is_hidden)
        show_typing();
    putchar('\n');
    nj_secret_wipe(first, sizeof(first));
    nj_secret_wipe(again, sizeof(again));
    return code;
}

/* From the command line it goes at once: `ps` shows what is left there. */
static int
get_password(struct job *job)
{
    bool is_copied;

    if (job->action != SET)
        return GOOD;
    if (job->typed == NULL)
        return prompt_for_password(job);
    is_copied = nj_secret_copy(&job->password, nj_str_of(job->typed));
    nj_secret_wipe(job->typed, strlen(job->typed));
    return is_copied ? GOOD : fail_with(FAILED, "Out of memory.");
}

/* ---- lines ---- */

static int
write_user(const struct job *job, struct nj_writer *out, struct nj_str user, struct nj_str plain)
{
    struct nj_password password;
    char text[NJ_PASSWORD_TEXT_MAX];
    size_t n;

    if (nj_password_make(&password, job->kind, job->iterations, plain) != NJ_OK)
        return fail_with(FAILED, "Out of memory.");
    n = nj_password_write(&password, text);
    nj_write_bytes(out, user);
    nj_write_u8(out, ':');
    nj_write_bytes(out, (struct nj_str){text, n});
    nj_write_u8(out, '\n');
    return GOOD;
}

static bool
is_hashed(struct nj_str value)
{
    struct nj_password ignored;

    while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\r'))
        value.n--;
    return nj_password_read(&ignored, value, NULL) == NJ_OK;
}

/* One line of the old file as it shall stand in the new one. */
static int
copy_line(const struct job *job, struct nj_writer *out, struct nj_str line, bool *is_found)
{
    struct nj_str value = line, user;
    bool is_ours = false;

    if (!nj_str_starts(line, NJ_STR("#")) && line.n > 0 && memchr(line.p, ':', line.n) != NULL) {
        user = nj_str_cut(&value, ':');
        if (job->action == HASH_PLAIN && !is_hashed(value)) {
            if (value.n > 0 && value.p[value.n - 1] == '\r')
                value.n--;
            return write_user(job, out, user, value);
        }
        is_ours = job->user != NULL && nj_str_eq(user, nj_str_of(job->user));
    }
    if (!is_ours) {
        nj_write_bytes(out, line);
        nj_write_u8(out, '\n');
        return GOOD;
    }
    *is_found = true;
    return job->action == SET ? write_user(job, out, user, nj_secret_lend(&job->password)) : GOOD;
}

static int
copy_lines(const struct job *job, struct nj_writer *out, struct nj_str old, bool *is_found)
{
    int code = GOOD;

    while (old.n > 0 && code == GOOD)
        code = copy_line(job, out, nj_str_cut(&old, '\n'), is_found);
    if (code != GOOD)
        return code;
    if (job->action == DELETE && !*is_found) {
        fprintf(stderr, "Warning: User %s not found in password file.\n", job->user);
        return FAILED;
    }
    if (job->action != SET || *is_found)
        return GOOD;
    return write_user(job, out, nj_str_of(job->user), nj_secret_lend(&job->password));
}

static void
say_done(const struct job *job, bool is_found)
{
    if (job->action == SET && strcmp(job->file, "-") != 0)
        printf("%s password for user %s\n", is_found ? "Updating" : "Adding", job->user);
}

/* What the new text can need at most: each line, and one more, may get a hash and its end. */
static size_t
room_for(const struct job *job, struct nj_str old)
{
    size_t lines = 1, bytes = old.n + (job->user != NULL ? strlen(job->user) : 0);

    for (struct nj_str rest = old; rest.n > 0; lines++)
        (void)nj_str_cut(&rest, '\n');
    return bytes + lines * (NJ_PASSWORD_TEXT_MAX + 2);
}

static int
rewrite(const struct job *job, struct nj_str old, struct nj_secret *new, bool *is_found)
{
    struct nj_writer out;
    int code;

    if (!nj_secret_init(new, room_for(job, old)))
        return fail_with(FAILED, "Out of memory.");
    out = nj_writer_of(new->p, new->n);
    code = copy_lines(job, &out, old, is_found);
    NJ_ASSERT(!out.is_full);
    new->n = (size_t)((char *)out.p - new->p);
    return code;
}

/* ---- files ---- */

static int
read_old(const struct job *job, struct nj_secret *text)
{
    struct stat st;
    int fd = nj_regular_open(job->file, O_NOFOLLOW, &st);
    int code = GOOD;

    if (fd < 0 && errno == 0) {
        fprintf(stderr, "Error: Password file %s is not a file.\n", job->file);
        return FAILED;
    }
    if (fd < 0)
        return fail_about("open password file", job->file);
    if (!nj_secret_init(text, (size_t)st.st_size))
        code = fail_with(FAILED, "Out of memory.");
    else if (!nj_regular_read(fd, text->p, &text->n))
        code = fail_about("read password file", job->file);
    (void)close(fd);
    return code;
}

static int
fail_to_save(const struct nj_diag *diag)
{
    fprintf(stderr, "Error: %s.\n", diag->text);
    return FAILED;
}

static int
change(const struct job *job)
{
    struct nj_secret old = {0}, new = {0};
    struct nj_diag diag = {0};
    bool is_found = false;
    int code = read_old(job, &old);

    if (code == GOOD)
        code = rewrite(job, nj_secret_lend(&old), &new, &is_found);
    if (code == GOOD &&
        nj_save(job->file, nj_secret_lend(&new), NJ_SAVE_SECRET, true, &diag) != NJ_OK)
        code = fail_to_save(&diag);
    if (code == GOOD)
        say_done(job, is_found);
    nj_secret_fini(&old);
    nj_secret_fini(&new);
    return code;
}

static int
save_new(const struct job *job, struct nj_str text)
{
    struct nj_diag diag = {0};

    if (strcmp(job->file, "-") == 0)
        return fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0 ? GOOD : FAILED;
    switch (nj_save(job->file, text, NJ_SAVE_SECRET, false, &diag)) {
    case NJ_OK:
        return GOOD;
    case NJ_EEXIST:
        fprintf(stderr, "Error: Unable to open file %s for writing. %s.\n", job->file,
                strerror(EEXIST));
        return FAILED;
    default:
        return fail_to_save(&diag);
    }
}

static int
make(const struct job *job)
{
    struct nj_secret new = {0};
    bool is_found = false;
    int code = rewrite(job, NJ_STR(""), &new, &is_found);

    if (code == GOOD)
        code = save_new(job, nj_secret_lend(&new));
    if (code == GOOD)
        say_done(job, is_found);
    nj_secret_fini(&new);
    return code;
}

int
nj_cmd_passwd(int argc, char **argv)
{
    struct job job = {.kind = NJ_PASSWORD_PBKDF2};
    int code;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return GOOD;
    }
    code = take_operands(&job, argc, argv);
    /* Whether there is a file to change is said before a password is asked for. */
    if (code == GOOD && !job.is_new && access(job.file, R_OK) != 0)
        code = fail_about("open password file", job.file);
    if (code == GOOD)
        code = get_password(&job);
    if (code == GOOD)
        code = job.is_new ? make(&job) : change(&job);
    nj_secret_fini(&job.password);
    return code;
}
