/* SPDX-License-Identifier: Apache-2.0 */
/* lab_exam.c — a mistake is planted, and has to be found. */
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

/* The files are the student's to find; the client's command and what came of it are shown. */
static bool
plant(struct nj_lab *lab, const struct nj_lab_mistake *m)
{
    static const struct nj_lab_act authority = {
        .kind = NJ_LAB_RUN, .text = "nightjar pki init --name 'Lab CA'", .is_quiet = true};

    lab->is_shown = false;
    if (!nj_lab_act(lab, &authority))
        return false;
    for (size_t i = 0; i + 1 < m->count; i++)
        if (!nj_lab_act(lab, &m->acts[i]))
            return false;
    lab->is_shown = true;
    return nj_lab_act(lab, &m->acts[m->count - 1]);
}

static void
list(const struct nj_lab *lab)
{
    for (size_t i = 0; i < nj_lab_mistake_count; i++)
        (void)printf("  %zu  %s\n", i + 1, nj_lab_in(lab, &nj_lab_mistakes[i].name));
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
    say(lab, "A broker and a client, and one mistake. The client fails:\n",
        "Un broker et un client, et une erreur. Le client échoue :\n");
    if (!plant(lab, m))
        return NJ_EXIT_COULD_NOT;
    say(lab,
        "Find out why, in another terminal: the broker runs as long as you are asked, its "
        "configuration\n"
        "is exam.conf and its log broker.out, in",
        "Trouvez pourquoi, dans un autre terminal : le broker tourne tant que l'on vous interroge, "
        "sa\n"
        "configuration est exam.conf et son journal broker.out, dans");
    (void)printf("  %s/work\n", lab->directory);
    say(lab, "`nightjar doctor` with the client's options helps. What is it?\n",
        "`nightjar doctor` avec les options du client aide. Qu'est-ce ?\n");
    list(lab);
    while ((answer = asked(lab)) != which) {
        if (answer == 0) {
            (void)printf("\n%s\n", nj_lab_in(lab, &m->name));
            return NJ_EXIT_FOUND;
        }
        say(lab, "No, that works here. Look again.", "Non, cela fonctionne ici. Regardez encore.");
    }
    say(lab, "\nYes. What mends it:", "\nOui. Le remède :");
    (void)printf("  %s\n", nj_lab_in(lab, &m->mend));
    return NJ_EXIT_GOOD;
}
