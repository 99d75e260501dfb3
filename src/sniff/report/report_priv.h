/* SPDX-License-Identifier: Apache-2.0 */
/* report_priv.h — the tables of a report, between those who fill, judge and print them. */
#ifndef NJ_SNIFF_REPORT_PRIV_H
#define NJ_SNIFF_REPORT_PRIV_H

#include "sniff/report/ends.h"
#include "sniff/report/report.h"
#include "sniff/report/report_words.h"
#include "sniff/report/said.h"

/* ---- names of entries: which one has this hash? ---- */

struct nj_index {
    uint64_t *hash; /* by entry */
    uint32_t *slot; /* by hash: entry + 1; 0: free */
    size_t count, most;
    uint64_t given_up; /* that were not found, and for which there was no room */
};

#define NJ_INDEX_NONE SIZE_MAX
/* The entry of `hash`; NJ_INDEX_NONE: it is not there, and there is no room for it. */
size_t nj_index_get(struct nj_index *x, uint64_t hash, bool *is_new);

/* ---- texts ---- */

/* Foreign bytes as they may be shown: valid UTF-8, control characters and NULs as \x1b, and
 * behind NJ_REPORT_TEXT_MAX bytes an ellipsis. On the heap; NULL without memory. */
char *nj_report_text(struct nj_str s);

enum nj_payload_kind {
    NJ_PAYLOAD_EMPTY,
    NJ_PAYLOAD_TEXT,
    NJ_PAYLOAD_JSON,
    NJ_PAYLOAD_BINARY,
};

struct nj_sample {
    enum nj_payload_kind kind;
    size_t bytes; /* that the payload had */
    uint64_t hash;
    char *text;
};
struct nj_sample nj_sample_of(struct nj_str payload);

/* ---- tables ---- */

/* The parts of a TLS handshake that are in clear. */
struct nj_report_tls {
    unsigned version, suite; /* that the server chose; 0: not seen */
    bool has_hello;          /* the client's */
    bool has_answer;         /* the server's */
    bool offers_weak;        /* suites that nobody should take any more */
    unsigned sent[2];        /* records of application data */
    bool asks_certificate;   /* the server, of the client */
    bool client_certificate; /* shown, in clear */
    unsigned alert;          /* the first fatal one … */
    bool has_alert;
    bool is_alert_of_server; /* … and whose */
    char *server_name;       /* the client asked for */
    char *subject, *issuer;  /* of the server's certificate; by their last parts */
    char *client_subject;
    char *not_after;
};

struct nj_conversation {
    struct nj_ends ends;
    bool has_syn, has_rst;
    bool is_clear_mqtt;     /* MQTT that anybody can read */
    bool is_tls, is_opened; /* MQTT in it could be read by a secret */
    bool is_joined;         /* begins before the capture */
    bool has_connect, is_accepted, has_password;
    uint8_t level; /* 0: not known */
    unsigned connects;
    uint64_t frames;
    uint64_t published, delivered, faults;
    char *client_id;
    struct nj_report_tls tls;
};

struct nj_topic {
    char *name;
    uint64_t published, delivered, retained, bytes;
    int64_t first_ns, last_ns;
    bool is_opened_only; /* nowhere in clear */
    unsigned qos;        /* the highest */
    struct nj_sample sample[NJ_REPORT_SAMPLES_MAX];
    size_t samples;
};

struct nj_filter_seen {
    char *filter, *client;
    uint32_t stream;
    unsigned qos;
    bool is_everything; /* '#', or what comes to the same */
    bool is_opened;
};

struct nj_credential {
    char *user, *password, *client;
    uint32_t stream; /* one conversation that it was seen in */
    bool has_password, is_opened;
    uint64_t count;
};

struct nj_will_seen {
    char *topic, *client;
    struct nj_sample sample;
    unsigned qos;
    bool is_retained, is_opened;
};

/* "PUBLISH: QoS 3", "CONNACK: not authorized (5)". Codes have the standard's names in every
 * language. */
struct nj_fault_words {
    const char *where;   /* a packet's name; NULL: it is all in `what` */
    const char *what[2]; /* by language; static, as `where` is */
    int code;            /* behind it; -1: none */
};

struct nj_fault {
    uint64_t frame;
    uint32_t stream;
    bool is_of_server;
    struct nj_fault_words words;
};

struct nj_report {
    struct nj_conversation *conversation; /* by the number of its stream */
    size_t conversations, conversation_capacity;
    uint64_t conversations_given_up; /* frames of them */
    struct nj_index topic_index, filter_index, credential_index, will_index;
    struct nj_topic *topic;
    struct nj_filter_seen *filter;
    struct nj_credential *credential;
    struct nj_will_seen *will;
    struct nj_fault *fault;
    size_t faults;
    uint64_t faults_given_up;
    uint64_t frames;
    int64_t first_ns, last_ns;
};

/* A frame of a conversation, as its layers are gone through. */
struct nj_report_frame {
    const struct nj_dissected *d;
    struct nj_conversation *c;
    uint32_t stream;
    unsigned from; /* which end */
    bool has_tls;
};

bool nj_report_is_from_server(const struct nj_report_frame *f);
/* Something that should not be. */
void nj_report_fault(struct nj_report *r, const struct nj_report_frame *f,
                     const struct nj_fault_words *words);
/* report_mqtt.c, report_tls.c */
void nj_report_take_mqtt(struct nj_report *r, struct nj_report_frame *f);
void nj_report_take_tls(struct nj_report *r, struct nj_report_frame *f);

/* ---- verdicts ---- */

enum nj_answer {
    NJ_ANSWER_NO,
    NJ_ANSWER_WEAK,
    NJ_ANSWER_YES,
    NJ_ANSWER_UNKNOWN,
};

#define NJ_VERDICT_WEAK_SPOTS_MAX 8u
#define NJ_VERDICT_STEPS_MAX      4u

struct nj_verdict_of {
    enum nj_answer answer;
    enum nj_word why;
};

struct nj_listener_seen {
    char address[NJ_SNIFF_ADDRESS_BYTES];
    uint16_t port;
    size_t conversations, in_clear, in_tls, opened, failed, connects, with_password, broken;
    bool has_anonymous_in; /* a client without a password was accepted */
    bool has_data;         /* something was said inside TLS */
    bool asks_certificate, has_client_certificate, has_clear_certificate, has_same_names;
    bool offers_weak, has_weak_suite, has_old_version, has_tls_1_3, has_no_forward_secrecy;
    bool has_hello_unanswered, has_no_hello; /* who should speak TLS does not */
    bool is_joined; /* TLS that began before the capture, and of which it has one side, or less */
    bool has_alert;
    unsigned alert; /* the first */
    /* the verdict */
    enum nj_word level;
    struct nj_verdict_of confidentiality, integrity, authentication;
    enum nj_word weak[NJ_VERDICT_WEAK_SPOTS_MAX];
    size_t weak_spots;
    enum nj_word step[NJ_VERDICT_STEPS_MAX];
    size_t steps;
};

struct nj_judgement {
    struct nj_listener_seen listener[NJ_REPORT_LISTENERS_MAX];
    size_t listeners;
    uint64_t given_up; /* conversations of listeners for which there was no room */
};

void nj_report_judge(const struct nj_report *r, struct nj_judgement *out);

/* Messages for each second between the first and the last; 0: there was only one, or less than a
 * second. */
double nj_topic_rate(const struct nj_topic *t);
bool nj_conversation_counts(const struct nj_conversation *c);
/* In clear, encrypted, opened, failed. */
enum nj_word nj_conversation_word(const struct nj_conversation *c);

/* What is missing in the report: how often, and which sentence says so. */
struct nj_left_out {
    uint64_t count;
    enum nj_word word;
    uint64_t ceiling; /* 0: the sentence names none */
};
#define NJ_LEFT_OUT_MAX 10u
size_t nj_report_left_out(const struct nj_report *r, const struct nj_sniff_losses *lost,
                          struct nj_left_out out[NJ_LEFT_OUT_MAX]);

/* ---- forms: the terminal's and the page's ---- */

struct nj_report_page {
    FILE *out;
    const struct nj_report *r;
    const struct nj_report_opts *opts;
    const struct nj_listener_seen *listener; /* of the section `listener` alone */
    const struct nj_topic **topic;           /* those with most messages first */
    struct nj_text sentence;
};

/* A section prints itself with its title, or nothing where it has nothing. */
typedef void nj_report_section(struct nj_report_page *p);

struct nj_report_form {
    nj_report_section *head, *listener, *no_listener, *conversations, *credentials, *topics,
        *filters, *wills, *ladder, *tls, *faults, *left_out, *foot;
};

/* All sections, in the one order that a report has. False without memory. */
bool nj_report_print_form(const struct nj_report_form *form, const struct nj_report *r, FILE *out,
                          const struct nj_report_opts *opts);

/* The first sentence: how much there was. Lent until the next call with `t`, as all sentences. */
const char *nj_report_summary(struct nj_text *t, enum nj_language language,
                              const struct nj_report *r);
/* What is said of availability. */
const char *nj_report_broken_words(struct nj_text *t, enum nj_language language,
                                   const struct nj_listener_seen *l);
const char *nj_fault_sentence(struct nj_text *t, enum nj_language language,
                              const struct nj_fault *f);
const char *nj_conversation_client(const struct nj_conversation *c, enum nj_language language);
bool nj_tls_is_worth_saying(const struct nj_conversation *c);
const char *nj_left_out_words(struct nj_text *t, enum nj_language language,
                              const struct nj_left_out *left);

/* Sentences with the listener's own values in them; lent until the next call with `t`. */
const char *nj_verdict_words(struct nj_text *t, enum nj_language language,
                             const struct nj_listener_seen *l, const struct nj_verdict_of *verdict);
/* A command, and behind a tab what it is for; or a sentence. */
const char *nj_step_words(struct nj_text *t, enum nj_language language,
                          const struct nj_listener_seen *l, enum nj_word step);
enum nj_word nj_answer_word(enum nj_answer answer);
enum nj_word nj_payload_word(enum nj_payload_kind kind);

/* Escaped for HTML, in text and in attributes. */
void nj_html_put(FILE *out, struct nj_str s);
/* Returns how many rows there were no room for. */
uint64_t nj_report_print_svg(struct nj_ladder *l, uint32_t stream, FILE *out,
                             enum nj_language language);

/* Of cipher suites; NULL: not known here. */
const char *nj_suite_name(unsigned suite);
bool nj_suite_is_weak(unsigned suite);
/* Whoever gets hold of the server's key later can read what was said before. */
bool nj_suite_has_forward_secrecy(unsigned suite);

/* "3.1.1"; "?" for what is none. */
const char *nj_mqtt_level_name(unsigned level);

#endif
