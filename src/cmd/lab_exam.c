/* SPDX-License-Identifier: Apache-2.0 */
/* lab_exam.c — a mistake is planted, and has to be found. */
#include "base/assert.h"
#include "base/rand.h"
#include "cmd/cmd.h"
#include "cmd/lab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
say(const struct nj_lab *lab, const char *english, const char *french)
{
    (void)puts(lab->language == NJ_LAB_FRENCH ? french : english);
}

#define COMMAND_MAX 512u

static bool
do_all(struct nj_lab *lab, const struct nj_lab_act *acts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!nj_lab_act(lab, &acts[i]))
            return false;
    return true;
}

/* `nightjar TOOL`, with the client's options or about the broker's configuration. */
static void
command_of(const struct nj_lab_mistake *m, const char *tool, const char *more,
           char out[COMMAND_MAX])
{
    int n = snprintf(out, COMMAND_MAX, "%snightjar %s %s%s",
                     m->environment != NULL ? m->environment : "", tool,
                     m->client != NULL ? m->client : "", more);

    NJ_ASSERT(n > 0 && (unsigned)n < COMMAND_MAX);
}

/* The files are the student's to find; the command that fails and what came of it are shown. */
static bool
plant(struct nj_lab *lab, const struct nj_lab_mistake *m)
{
    const struct nj_lab_act files[] = {
        {.kind = NJ_LAB_RUN,
         .text = "nightjar pki init --name 'Lab CA' && nightjar pki client A && "
                 "nightjar pki server localhost --san localhost,127.0.0.1"},
        {.kind = NJ_LAB_RUN, .text = m->prepare != NULL ? m->prepare : "true"},
        {.kind = NJ_LAB_WRITE, .name = "exam.conf", .text = m->config},
    };
    const struct nj_lab_act broker = {.kind = NJ_LAB_START,
                                      .name = "broker",
                                      .text = "nightjar broker -c exam.conf -v",
                                      .until = "Listening on"};
    char command[COMMAND_MAX];
    const struct nj_lab_act failing = {.kind = NJ_LAB_RUN, .text = command, .code = m->code};
    const struct nj_lab_act refusal = {
        .kind = NJ_LAB_SHOW, .name = "broker", .until = "disconnected"};

    lab->is_shown = false;
    if (!do_all(lab, files, NJ_COUNT_OF(files)) || (m->client != NULL && !nj_lab_act(lab, &broker)))
        return false;
    if (m->client != NULL)
        command_of(m, "pub", " -m hello -t world", command);
    else
        command_of(m, "broker", "-c exam.conf", command);
    lab->is_shown = true;
    if (!nj_lab_act(lab, &failing))
        return false;
    lab->is_shown = false; /* the log is the student's to read; here only so that it is there */
    if (m->is_told_by_broker && !nj_lab_act(lab, &refusal))
        return false;
    lab->is_shown = true;
    return true;
}

/* Why, what mends it, and how it could be found. */
static bool
explain(struct nj_lab *lab, const struct nj_lab_mistake *m)
{
    static const struct nj_lab_words mend = {{"What mends it: ", "Le remède : "}};
    char command[COMMAND_MAX];
    const struct nj_lab_act doctor = {.kind = NJ_LAB_RUN, .text = command, .code = NJ_EXIT_FOUND};
    const struct nj_lab_act log = {.kind = NJ_LAB_RUN,
                                   .text = "grep -m 1 -e 'refused here' -e 'refused:' broker.out"};

    if (m->client != NULL)
        command_of(m, "doctor", "", command);
    else
        command_of(m, "doctor", "--config exam.conf --files", command);
    nj_lab_show_words(lab, nj_lab_in(lab, &m->why), false);
    (void)fputs(nj_lab_in(lab, &mend), stdout);
    nj_lab_show_words(lab, nj_lab_in(lab, &m->mend), false);
    return nj_lab_act(lab, &doctor) && (!m->is_told_by_broker || nj_lab_act(lab, &log));
}

static void
list(const struct nj_lab *lab)
{
    for (size_t i = 0; i < nj_lab_mistake_count; i++)
        (void)printf("  %2zu  %s\n", i + 1, nj_lab_in(lab, &nj_lab_mistakes[i].name));
}

/* From 1; 0: nobody answers any more. */
static unsigned
asked(const struct nj_lab *lab)
{
    char line[64];
    unsigned answer = 0;

    while (answer < 1 || answer > nj_lab_mistake_count) {
        (void)fputs(lab->language == NJ_LAB_FRENCH ? "Votre réponse : " : "Your answer: ", stdout);
        (void)fflush(stdout);
        if (fgets(line, sizeof(line), stdin) == NULL)
            return 0;
        answer = (unsigned)strtoul(line, NULL, 10);
    }
    return answer;
}

int
nj_lab_exam(struct nj_lab *lab, unsigned which)
{
    const struct nj_lab_mistake *m;
    unsigned answer;

    if (which == 0) {
        uint8_t dice;

        nj_rand_system(&dice, sizeof(dice));
        which = 1 + (unsigned)(dice % nj_lab_mistake_count);
    }
    m = &nj_lab_mistakes[which - 1];
    say(lab, "A broker and a client, and one mistake. This fails:\n",
        "Un broker et un client, et une erreur. Ceci échoue :\n");
    if (!plant(lab, m))
        return NJ_EXIT_COULD_NOT;
    say(lab,
        "Find out why, in another terminal: what was made stays as long as you are asked. The "
        "broker's\n"
        "configuration is exam.conf, its log, where it could start, broker.out, in",
        "Trouvez pourquoi, dans un autre terminal : tout reste en place tant que l'on vous "
        "interroge. La\n"
        "configuration du broker est exam.conf, son journal, s'il a pu démarrer, broker.out, dans");
    (void)printf("  %s/work\n", lab->directory);
    say(lab,
        "`nightjar doctor` helps, with the client's options or with --config exam.conf. What is "
        "it?\n",
        "`nightjar doctor` aide, avec les options du client ou avec --config exam.conf. "
        "Qu'est-ce ?\n");
    list(lab);
    while ((answer = asked(lab)) != which && answer != 0)
        say(lab, "No, that is not it. Look again.", "Non, ce n'est pas cela. Regardez encore.");
    if (answer == which)
        say(lab, "\nYes.", "\nOui.");
    else
        (void)printf("\n%s\n", nj_lab_in(lab, &m->name));
    if (!explain(lab, m))
        return NJ_EXIT_COULD_NOT;
    return answer == which ? NJ_EXIT_GOOD : NJ_EXIT_FOUND;
}
