/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.h — `nightjar sniff` between its command line (sniff_option.c) and its work: what both
 * sources need, and files (sniff_read.c), and what passes an interface (sniff_live.c). */
#ifndef NJ_CMD_SNIFF_H
#define NJ_CMD_SNIFF_H

#include "sniff/capture/capture_write.h"
#include "sniff/capture/source_pcap.h"
#include "sniff/filter/filter.h"
#include "sniff/print/print.h"
#include "sniff/report/report.h"

#include <stdio.h>

enum nj_sniff_format {
    NJ_SNIFF_LIST,
    NJ_SNIFF_FIELDS,
    NJ_SNIFF_JSONL,
    NJ_SNIFF_JSON,
    NJ_SNIFF_REPORT, /* this one and those behind it are stories */
    NJ_SNIFF_PAGE,
    NJ_SNIFF_LADDER,
};

struct nj_sniff {
    const char *file; /* one of the two is NULL */
    const char *interface;
    char first_interface[NJ_SOURCE_NAME_BYTES]; /* captured on where neither was named */
    const char *keylog;                         /* NULL: none */
    enum nj_sniff_format format;
    const char *form; /* the option that has said it; NULL: none */
    enum nj_time_form time;
    bool is_dump; /* the file is a hex dump */
    bool has_tree, has_hex, has_vendors, is_colored, shows_text;
    struct nj_dfilter *filter; /* NULL: all frames */
    uint64_t count;            /* 0: all */
    struct nj_fields_opts fields_opts;
    enum nj_language language;
    bool shows_secrets, is_utf8, has_stream, has_language, has_set;
    uint32_t stream;
    const char **field; /* lent from argv */
    size_t field_count;
    const char *write; /* NULL: frames are not kept */
    bool has_list;     /* -D */
    bool is_printing;  /* also when frames are kept */
    /* Of an interface. */
    char *joined;               /* the words of the capture filter; on the heap */
    const char *capture_filter; /* NULL: it is made of the ports and hosts */
    const char **port, **host;  /* lent from argv */
    size_t port_count, host_count;
    uint32_t snap_bytes, buffer_mib;
    int64_t duration_ms; /* 0: until it is ended */
};

struct nj_sniff_option {
    const char *letter, *name, *argument, *help; /* letter and argument may be NULL */
};
extern const struct nj_sniff_option nj_sniff_options[];
extern const size_t nj_sniff_option_count;

/* The exit code; anything but NJ_EXIT_GOOD has been said. In `s` the arrays are there, with room
 * for a word of the command line each, and what it owns is to be freed in every case. */
int nj_sniff_parse(struct nj_sniff *s, int argc, char **argv);

/* Language and characters, from LC_ALL, LC_CTYPE or LC_MESSAGES, LANG. */
void nj_sniff_ask_locale(struct nj_sniff *s);

/* What is told when all frames were read; NULL: it is none of that. */
struct nj_story {
    struct nj_report *report;
    struct nj_ladder *ladder;
};
static inline bool
nj_sniff_tells_a_story(const struct nj_sniff *s)
{
    return s->format >= NJ_SNIFF_REPORT;
}
NJ_NODISCARD enum nj_err nj_story_init(struct nj_story *story, const struct nj_sniff *s);
void nj_story_fini(struct nj_story *story);
void nj_story_add(struct nj_story *story, const struct nj_dissected *d);
/* False: it should be of one conversation, and there is none of that number. */
bool nj_story_has_stream(const struct nj_story *story, const struct nj_sniff *s);
/* False without memory. */
bool nj_story_tell(struct nj_story *story, const struct nj_sniff *s,
                   const struct nj_sniff_losses *lost);

/* Where frames go: each is dissected, chosen, printed, kept. */
struct nj_sniff_work {
    const struct nj_sniff *s;
    struct nj_dissector *dissector;
    struct nj_fields *fields;
    struct nj_story story;
    struct nj_keylog *keys;
    bool has_printed;                 /* a frame, in an array of JSON */
    struct nj_text line;              /* of the tree */
    struct nj_capture_writer *writer; /* NULL: none is kept */
    FILE *kept;                       /* stdout: `-w -` */
    int print_error, kept_error;      /* of errno, when writing first failed */
};

/* Says what the diag says, on stderr; `code`. */
int nj_sniff_fail(const struct nj_diag *diag, int code);

/* Reads and prints; the exit code. `file` stays the caller's; NULL: the interface is captured on.
 */
int nj_sniff_run(const struct nj_sniff *s, FILE *file);

/* False: that was enough, or the diag says what is wrong. */
bool nj_sniff_take(struct nj_sniff_work *w, const struct nj_captured *frame, struct nj_diag *diag);
/* What was printed and kept is there for who reads it. False: who reads it is gone. */
bool nj_sniff_flush(struct nj_sniff_work *w);
/* Makes the file of -w, if it is wanted; only once the source is open, for what the file held is
 * gone then. The exit code. `file` is what is read, or NULL. */
int nj_sniff_begin_to_keep(struct nj_sniff_work *w, FILE *file);
/* Captures until it is ended; the exit code. */
int nj_sniff_live(struct nj_sniff_work *w);
int nj_sniff_list_interfaces(void);

#endif
