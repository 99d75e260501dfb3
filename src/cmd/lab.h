/* SPDX-License-Identifier: Apache-2.0 */
/* lab.h — `nightjar lab`: steps of words and commands (lab_steps.c), what runs them (lab_run.c),
 * how they are shown (lab_show.c), and the exam (lab_exam.c) with its mistakes (lab_mistakes.c).
 */
#ifndef NJ_CMD_LAB_H
#define NJ_CMD_LAB_H

#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum nj_lab_language {
    NJ_LAB_ENGLISH,
    NJ_LAB_FRENCH,
    NJ_LAB_LANGUAGES,
};

struct nj_lab_words {
    const char *in[NJ_LAB_LANGUAGES];
};

enum nj_lab_kind {
    NJ_LAB_SAY,      /* words */
    NJ_LAB_QUESTION, /* words: one of the course's, which what follows answers */
    NJ_LAB_WRITE,    /* `text` into the file `name` */
    NJ_LAB_RUN,      /* the command `text`, to its end; what it has printed is shown */
    NJ_LAB_START,    /* the same, in the background, as `name` */
    NJ_LAB_SHOW,     /* what `name` has printed since it was shown last */
    NJ_LAB_STOP,     /* `name` ends, as by Ctrl-C; what is left is shown */
};

/* In texts %plain% and %secure% are the ports, %language% is en or fr. */
struct nj_lab_act {
    enum nj_lab_kind kind;
    struct nj_lab_words words;
    const char *name, *text;
    const char *until; /* START, SHOW: this has to be printed first, by `by` where that is said */
    const char *by;
    unsigned times;     /* SHOW: so often; 0: once */
    int code;           /* RUN: how it has to end */
    bool is_capturing;  /* takes the right to capture */
    bool takes_capture; /* … or what was captured: left out without it */
    bool is_quiet;      /* what it prints is of no interest here */
};

struct nj_lab_step {
    struct nj_lab_words title;
    const struct nj_lab_act *acts;
    size_t count;
};

extern const struct nj_lab_step nj_lab_steps[];
extern const size_t nj_lab_step_count;

/* A mistake that can be planted, for the exam: one of what the student may answer, why things go as
 * they do, what mends it. */
struct nj_lab_mistake {
    struct nj_lab_words name, why, mend;
    const char *prepare;     /* a command that makes the right files wrong; NULL: they are right */
    const char *config;      /* of the broker */
    const char *environment; /* of the client's commands; NULL: none */
    const char *client;      /* its options; NULL: the broker does not start */
    int code;                /* with which client or broker ends */
    bool is_told_by_broker;  /* it refuses, and its log knows more than the client */
};

extern const struct nj_lab_mistake nj_lab_mistakes[];
extern const size_t nj_lab_mistake_count;

/* --- running --- */

#define NJ_LAB_PROCESSES 4u

struct nj_lab_process {
    const char *name; /* NULL: this place is free */
    pid_t pid;        /* 0: it has ended */
    size_t shown;     /* bytes of what it has printed */
};

struct nj_lab {
    enum nj_lab_language language;
    bool is_page;  /* Markdown, for docs/lab/ */
    bool is_shown; /* false: a step before the one that is asked for */
    unsigned port; /* %plain%; %secure% is 7000 above */
    char directory[64];
    bool may_not_capture; /* found out, and said */
    struct nj_lab_process process[NJ_LAB_PROCESSES];
};

/* Make the directory, and `nightjar` in it as a command. False: it has been said why not. */
bool nj_lab_begin(struct nj_lab *lab);
/* Ends what runs; the directory goes, unless it is kept. */
void nj_lab_end(struct nj_lab *lab, bool is_kept);
/* False: it did not go as it has to, and that has been said. */
bool nj_lab_act(struct nj_lab *lab, const struct nj_lab_act *act);

/* --- showing --- */

const char *nj_lab_in(const struct nj_lab *lab, const struct nj_lab_words *words);
void nj_lab_show_title(const struct nj_lab *lab, size_t number, const char *title);
void nj_lab_show_words(const struct nj_lab *lab, const char *words, bool is_question);
void nj_lab_show_file(const struct nj_lab *lab, const char *name, const char *text);
/* What is typed, and what comes of it: one block. `text` ends with an LF, or is empty. */
void nj_lab_show_command(const struct nj_lab *lab, const char *command, struct nj_str text);
void nj_lab_show_output(const struct nj_lab *lab, const char *of, struct nj_str text);

/* --- the exam --- */

/* Exit code: 0 where the mistake was found. `which` counts from 1; 0: by chance. */
int nj_lab_exam(struct nj_lab *lab, unsigned which);

#endif
