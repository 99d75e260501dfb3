/* SPDX-License-Identifier: Apache-2.0 */
/* lab_run.c — the lab's commands as a user would type them: by the shell, in a directory of their
 * own, where `nightjar` is this program. Each writes into a file, and what stands in it is shown.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define LOOK_MS     10
#define TEXT_MAX    4096u /* of a command or file, with its ports */
#define NOBODY      65534u
#define OUTPUT_MAX  (1u << 20) /* what is shown of one command */

static volatile sig_atomic_t is_interrupted;

static void
on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

static bool
fail(const char *what, const char *name)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "nightjar lab: %s %s: %s.\n", what, name, strerror(errno));
    return false;
}

/* --- the texts --- */

/* `text` with its ports; cut at TEXT_MAX, which none of ours has. */
static void
fill_in(const struct nj_lab *lab, const char *text, char out[TEXT_MAX])
{
    static const char *const names[] = {"%plain%", "%secure%", "%language%"};
    char values[NJ_COUNT_OF(names)][16];
    size_t n = 0;

    (void)snprintf(values[0], sizeof(values[0]), "%u", lab->port);
    (void)snprintf(values[1], sizeof(values[1]), "%u", lab->port + 7000);
    (void)snprintf(values[2], sizeof(values[2]), "%s",
                   lab->language == NJ_LAB_FRENCH ? "fr" : "en");
    while (*text != '\0' && n + sizeof(values[0]) < TEXT_MAX) {
        size_t which = 0;

        while (which < NJ_COUNT_OF(names) && strncmp(text, names[which], strlen(names[which])) != 0)
            which++;
        if (which == NJ_COUNT_OF(names)) {
            out[n++] = *text++;
            continue;
        }
        n += (size_t)snprintf(out + n, TEXT_MAX - n, "%s", values[which]);
        text += strlen(names[which]);
    }
    out[n] = '\0';
}

static void
path_of(const struct nj_lab *lab, const char *name, const char *suffix, char out[128])
{
    (void)snprintf(out, 128, "%s/work/%.40s%s", lab->directory, name, suffix);
}

/* What a command has printed, from `from` on: into `text`, which is the caller's to free. Empty
 * where there is nothing. */
static struct nj_str
printed(const char *path, size_t from, char **text)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd >= 0 ? fdopen(fd, "rb") : NULL;
    size_t n = 0;

    *text = nj_alloc(OUTPUT_MAX);
    if (file != NULL && *text != NULL && fseek(file, (long)from, SEEK_SET) == 0)
        n = fread(*text, 1, OUTPUT_MAX, file);
    if (file != NULL)
        (void)fclose(file);
    else if (fd >= 0)
        (void)close(fd);
    return (struct nj_str){*text, n};
}

/* --- processes --- */

static bool
is_root(void)
{
    return geteuid() == 0;
}

/* Root is needed to open a capture, and for nothing else: all commands run as nobody, and the one
 * that captures with that right alone. Where it cannot be kept, that command says so. */
static bool
become_nobody(bool is_capturing)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct raw[_LINUX_CAPABILITY_U32S_3] = {
        {CAP_TO_MASK(CAP_NET_RAW), CAP_TO_MASK(CAP_NET_RAW), CAP_TO_MASK(CAP_NET_RAW)}};

    (void)prctl(PR_SET_KEEPCAPS, is_capturing ? 1 : 0);
    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return false;
    if (is_capturing && syscall(SYS_capset, &head, raw) == 0)
        (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
    return true;
}

static void
become(const struct nj_lab *lab, const char *command, const char *output, bool is_capturing)
{
    static const char *const set[][2] = {{"LC_ALL", "C.UTF-8"}, {"TZ", "UTC"}};
    const char *path = getenv("PATH");
    char search[TEXT_MAX], work[128];
    int in, out;

    path_of(lab, "", "", work);
    (void)umask(022);
    if (setpgid(0, 0) != 0 || (is_root() && !become_nobody(is_capturing)) || chdir(work) != 0)
        _exit(127);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* becoming another user forgets it */
    in = open("/dev/null", O_RDONLY);
    out = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0644);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(127);
    (void)snprintf(search, sizeof(search), "%s/bin:%s", lab->directory,
                   path != NULL ? path : "/usr/bin:/bin");
    for (size_t i = 0; i < NJ_COUNT_OF(set); i++)
        (void)setenv(set[i][0], set[i][1], 1);
    (void)setenv("PATH", search, 1);
    (void)setenv("HOME", work, 1); /* no options files of the user's own */
    (void)unsetenv("XDG_CONFIG_HOME");
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static pid_t
start(const struct nj_lab *lab, const char *command, const char *output, bool is_capturing)
{
    pid_t pid;

    (void)fflush(stdout);
    pid = fork();
    if (pid == 0)
        become(lab, command, output, is_capturing);
    if (pid > 0)
        (void)setpgid(pid, pid); /* here as well: it may have to be ended before it has run */
    return pid;
}

/* Its exit code; 128 and the signal that has ended it; -1: it takes too long, or, where that
 * counts, the user has enough. */
static int
wait_for(pid_t pid, int patience_ms, bool may_be_interrupted)
{
    int status;

    for (int waited = 0; waited < patience_ms; waited += LOOK_MS) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (may_be_interrupted && is_interrupted)
            return -1;
        (void)poll(NULL, 0, LOOK_MS);
    }
    return -1;
}

static void
end(pid_t pid, int number)
{
    (void)kill(-pid, number);
    if (wait_for(pid, PATIENCE_MS, false) >= 0)
        return;
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static struct nj_lab_process *
find(struct nj_lab *lab, const char *name)
{
    for (size_t i = 0; i < NJ_LAB_PROCESSES; i++)
        if (lab->process[i].name != NULL && strcmp(lab->process[i].name, name) == 0)
            return &lab->process[i];
    return NULL;
}

/* Waits a little for it. */
static bool
has_ended(struct nj_lab_process *p)
{
    if (p->pid > 0 && wait_for(p->pid, LOOK_MS, true) >= 0)
        p->pid = 0;
    return p->pid == 0;
}

static bool
has_said(struct nj_str said, const char *text, unsigned times)
{
    size_t n = strlen(text);

    for (const char *at; times > 0; times--) {
        at = said.n > 0 ? memmem(said.p, said.n, text, n) : NULL;
        if (at == NULL)
            return false;
        said = (struct nj_str){at + n, said.n - (size_t)(at - said.p) - n};
    }
    return true;
}

/* Until `text` stands so often in what `p` has printed and was not shown. */
static bool
hear(struct nj_lab *lab, struct nj_lab_process *p, const char *text, unsigned times)
{
    char path[128];

    path_of(lab, p->name, ".out", path);
    for (int waited = 0; waited < PATIENCE_MS && !is_interrupted; waited += LOOK_MS) {
        bool was_over = has_ended(p);
        char *output;
        struct nj_str said = printed(path, p->shown, &output);
        bool is_there = has_said(said, text, times);

        nj_free(output);
        if (is_there || was_over)
            return is_there;
    }
    return false;
}

/* --- the acts --- */

static bool
not_so(const struct nj_lab *lab, const char *command, struct nj_str said)
{
    (void)fflush(stdout);
    if (is_interrupted)
        return false;
    (void)fprintf(stderr, "nightjar lab: this did not go as it should: %s\n%.*s", command,
                  (int)said.n, said.p != NULL ? said.p : "");
    (void)fprintf(stderr, "Its files are in %s/work while this runs; --keep leaves them there.\n",
                  lab->directory);
    return false;
}

static bool
write_file(const struct nj_lab *lab, const char *name, const char *text)
{
    char path[128];
    size_t n = strlen(text);
    bool is_good;
    int fd;

    path_of(lab, name, "", path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    is_good = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, n) == (ssize_t)n;
    if (fd >= 0 && close(fd) != 0)
        is_good = false;
    if (!is_good)
        return fail("cannot write", path);
    nj_lab_show_file(lab, name, text);
    return true;
}

static bool
run(const struct nj_lab *lab, const struct nj_lab_act *act, const char *command)
{
    char path[128], *output;
    struct nj_str said;
    pid_t pid;
    int code;

    path_of(lab, "command", ".out", path);
    pid = start(lab, command, path, act->is_capturing);
    if (pid < 0)
        return fail("cannot start", command);
    code = wait_for(pid, PATIENCE_MS, true);
    if (code < 0)
        end(pid, SIGTERM);
    said = printed(path, 0, &output);
    if (code == act->code)
        nj_lab_show_command(lab, command, act->is_quiet ? (struct nj_str){"", 0} : said);
    else
        (void)not_so(lab, command, said);
    nj_free(output);
    return code == act->code;
}

/* Without the right to capture the lab goes on, and says so once. */
static bool
go_without(struct nj_lab *lab, struct nj_str said)
{
    static const struct nj_lab_words words = {{"Here the lab would listen to the wire, and may "
                                               "not. What follows from captures is left out:",
                                               "Ici, le TP écouterait le réseau, mais n'en a pas "
                                               "le droit. Ce qui suit des captures est omis :"}};
    bool was_shown = lab->is_shown;

    lab->may_not_capture = true;
    lab->is_shown = true;
    nj_lab_show_words(lab, nj_lab_in(lab, &words), false);
    nj_lab_show_output(lab, "nightjar sniff", said);
    lab->is_shown = was_shown;
    return true;
}

static bool
start_act(struct nj_lab *lab, const struct nj_lab_act *act, const char *command)
{
    struct nj_lab_process *p = NULL, *by;
    char path[128], shell[TEXT_MAX + 8], *output;
    struct nj_str said;
    bool is_ready;

    for (size_t i = 0; i < NJ_LAB_PROCESSES; i++)
        if (lab->process[i].name == NULL)
            p = &lab->process[i];
    NJ_ASSERT(p != NULL);
    path_of(lab, act->name, ".out", path);
    (void)snprintf(shell, sizeof(shell), "exec %s", command);
    /* What another of this name has said is not to be taken for its own. */
    if (unlink(path) != 0 && errno != ENOENT)
        return fail("cannot remove", path);
    *p = (struct nj_lab_process){.name = act->name};
    p->pid = start(lab, shell, path, act->is_capturing);
    if (p->pid < 0)
        return fail("cannot start", command);
    by = act->by != NULL ? find(lab, act->by) : p;
    is_ready = by != NULL && hear(lab, by, act->until, 1);
    said = printed(path, 0, &output);
    if (is_ready) {
        char typed[TEXT_MAX + 8];

        (void)snprintf(typed, sizeof(typed), "%s &", command);
        nj_lab_show_command(lab, typed, (struct nj_str){"", 0});
        if (act->is_quiet)
            p->shown = said.n;
    } else if (act->is_capturing && has_ended(p)) {
        p->name = NULL;
        is_ready = go_without(lab, said);
    } else {
        (void)not_so(lab, command, said);
    }
    nj_free(output);
    return is_ready;
}

static bool
show(struct nj_lab *lab, struct nj_lab_process *p, const char *until, unsigned times)
{
    bool is_good = until == NULL || hear(lab, p, until, times);
    struct nj_str said;
    char path[128], *output;

    if (!is_good && p->pid > 0) {
        end(p->pid, SIGINT); /* its last words may say why */
        p->pid = 0;
    }
    path_of(lab, p->name, ".out", path);
    said = printed(path, p->shown, &output);
    p->shown += said.n;
    if (is_good)
        nj_lab_show_output(lab, p->name, said);
    else
        (void)not_so(lab, p->name, said);
    nj_free(output);
    return is_good;
}

static bool
stop(struct nj_lab *lab, struct nj_lab_process *p, bool is_quiet)
{
    bool is_good = true;

    if (p->pid > 0)
        end(p->pid, SIGINT);
    p->pid = 0;
    if (!is_quiet)
        is_good = show(lab, p, NULL, 0);
    p->name = NULL;
    return is_good;
}

bool
nj_lab_act(struct nj_lab *lab, const struct nj_lab_act *act)
{
    struct nj_lab_process *p = act->name != NULL ? find(lab, act->name) : NULL;
    char text[TEXT_MAX] = "";

    if (is_interrupted)
        return false;
    if ((act->is_capturing || act->takes_capture) && lab->may_not_capture)
        return true;
    if (act->text != NULL)
        fill_in(lab, act->text, text);
    switch (act->kind) {
    case NJ_LAB_SAY:
    case NJ_LAB_QUESTION:
        fill_in(lab, nj_lab_in(lab, &act->words), text);
        nj_lab_show_words(lab, text, act->kind == NJ_LAB_QUESTION);
        return true;
    case NJ_LAB_WRITE:
        return write_file(lab, act->name, text);
    case NJ_LAB_RUN:
        return run(lab, act, text);
    case NJ_LAB_START:
        return start_act(lab, act, text);
    case NJ_LAB_SHOW:
        NJ_ASSERT(p != NULL);
        return show(lab, p, act->until, act->times > 0 ? act->times : 1);
    case NJ_LAB_STOP:
        NJ_ASSERT(p != NULL);
        return stop(lab, p, act->is_quiet);
    }
    return false;
}

/* --- beginning and end --- */

/* Nobody may not pass to where this program lies. */
static bool
copy_program(const char *to)
{
    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    struct stat is;
    off_t at = 0;
    bool is_good = in >= 0 && out >= 0 && fstat(in, &is) == 0;

    while (is_good && at < is.st_size)
        is_good = sendfile(out, in, &at, (size_t)(is.st_size - at)) > 0;
    is_good = is_good && fchmod(out, 0755) == 0;
    if (in >= 0)
        (void)close(in);
    if (out >= 0 && close(out) != 0)
        is_good = false;
    return is_good;
}

/* The directory is root's where root runs this, with the program in it; nobody has only the one
 * below it in which all of it happens. */
static bool
make_directories(struct nj_lab *lab)
{
    const char *where = getenv("TMPDIR");
    char path[128];

    if (where == NULL || strlen(where) > 30)
        where = "/tmp";
    (void)snprintf(lab->directory, sizeof(lab->directory), "%s/nightjar-lab-XXXXXX", where);
    if (mkdtemp(lab->directory) == NULL) {
        (void)fail("cannot make", lab->directory);
        lab->directory[0] = '\0';
        return false;
    }
    if (chmod(lab->directory, 0755) != 0)
        return fail("cannot make", lab->directory);
    (void)snprintf(path, sizeof(path), "%s/bin", lab->directory);
    if (mkdir(path, 0755) != 0 || chmod(path, 0755) != 0)
        return fail("cannot make", path);
    path_of(lab, "", "", path);
    if (mkdir(path, 0755) != 0 || chmod(path, 0755) != 0 ||
        (is_root() && chown(path, NOBODY, NOBODY) != 0))
        return fail("cannot make", path);
    (void)snprintf(path, sizeof(path), "%s/bin/nightjar", lab->directory);
    return copy_program(path) || fail("cannot make", path);
}

bool
nj_lab_begin(struct nj_lab *lab)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    if (!make_directories(lab))
        return false;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    return true;
}

/* What lies in the place of work is nobody's, and is removed by nobody. */
static void
remove_all(const struct nj_lab *lab)
{
    static const char *const below[] = {"bin/nightjar", "bin", "work", ""};
    char path[128];
    pid_t pid = start(lab, "rm -rf ./* ./.[!.]*", "/dev/null", false);

    if (pid > 0)
        (void)wait_for(pid, PATIENCE_MS, false);
    for (size_t i = 0; i < NJ_COUNT_OF(below); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", lab->directory, below[i]);
        (void)remove(path);
    }
}

void
nj_lab_end(struct nj_lab *lab, bool is_kept)
{
    for (size_t i = 0; i < NJ_LAB_PROCESSES; i++)
        if (lab->process[i].name != NULL && lab->process[i].pid > 0)
            end(lab->process[i].pid, SIGTERM);
    if (lab->directory[0] == '\0')
        return;
    if (is_kept)
        (void)printf("%s/work\n", lab->directory);
    else
        remove_all(lab);
}
