/* SPDX-License-Identifier: Apache-2.0 */
/* client_config.h — what pub, sub, rr and doctor were asked to do: options files and command line,
 * checked. */
#ifndef NJ_CMD_CLIENT_CONFIG_H
#define NJ_CMD_CLIENT_CONFIG_H

#include "base/str.h"

#include <nightjar/client.h>
#include <stdio.h>

enum nj_client_tool {
    NJ_TOOL_PUB = 1,
    NJ_TOOL_SUB = 2,
    NJ_TOOL_RR = 4,
    NJ_TOOL_DOCTOR = 8,
};

#define NJ_TOOLS_ALL (NJ_TOOL_PUB | NJ_TOOL_SUB | NJ_TOOL_RR | NJ_TOOL_DOCTOR)

enum nj_message_source {
    NJ_SOURCE_NONE,
    NJ_SOURCE_TEXT,       /* -m */
    NJ_SOURCE_NULL,       /* -n */
    NJ_SOURCE_FILE,       /* -f */
    NJ_SOURCE_STDIN_FILE, /* -s */
    NJ_SOURCE_STDIN_LINE, /* -l */
};

/* The packets to which -D adds properties. */
enum nj_property_target {
    NJ_FOR_CONNECT,
    NJ_FOR_PUBLISH,
    NJ_FOR_SUBSCRIBE,
    NJ_FOR_UNSUBSCRIBE,
    NJ_FOR_DISCONNECT,
    NJ_FOR_WILL,
    NJ_FOR_COUNT
};

struct nj_strings {
    char **at;
    size_t count;
};

struct nj_client_config {
    enum nj_client_tool tool;
    const char *name;      /* for messages: "mosquitto_pub" or "nightjar pub" */
    const char *file_name; /* of the options file */

    char *host, *unix_path, *bind_address, *user, *password, *id, *id_prefix;
    int port; /* -1: by default */
    bool srv;
    int version; /* 3, 4, 5; 0: by default */
    bool is_persistent, has_expiry, nodelay;
    bool asks_password;
    uint32_t expiry_s;
    int keep_alive_s;
    int inflight;

    /* client_tls.c; `no_tls` goes before all others. */
    bool no_tls, use_os_certs, insecure, is_mqtts;
    char *cafile, *capath, *cert, *key, *keyform, *ciphers, *tls_version, *tls_alpn, *psk,
        *psk_identity, *tls_engine, *tls_engine_kpass_sha1, *tls_keylog;

    struct nj_strings topics, filters_out, unsubscribes;
    char *response_topic;
    int qos;
    bool retain;

    enum nj_message_source source;
    char *text; /* -m, or the name of the file */
    char *payload;
    size_t payload_n;
    long repeat;
    int64_t repeat_delay_us;

    long count;
    int timeout_s;
    bool exit_after_sub, no_retained, retained_only, remove_retained, retain_as_published;
    int retain_handling;
    int random_filter; /* of 10,000 messages print so many */
    bool verbose, no_eol, pretty, watch, message_rate, latency;
    char *format;

    struct nj_client_property_list *properties[NJ_FOR_COUNT];
    bool has_topic_alias;

    char *will_topic, *will_payload;
    size_t will_payload_n;
    int will_qos;
    bool will_retain;

    bool debug, quiet;
    bool is_told; /* help or version was asked for, and printed */

    char *broker_config; /* doctor: --config */
    bool is_offline;     /* --files: connect nowhere */
    bool is_json;
};

/**
 * Read the options file and the command line, check them, and read the payload that they name.
 *
 * argv    a password in it is overwritten.
 * Result  0: go on. Otherwise all is said, and the exit code is 1 (help and version included; see
 *         `is_told`).
 */
int nj_client_config_load(struct nj_client_config *c, enum nj_client_tool tool, int argc,
                          char **argv);
void nj_client_config_fini(struct nj_client_config *c);

/* On stderr, unless --quiet. */
void nj_client_say(const struct nj_client_config *c, const char *fmt, ...) NJ_PRINTF(2, 3);

/* A mistake on the command line, which --quiet does not hide; false. */
bool nj_client_mistake(const char *fmt, ...) NJ_PRINTF(1, 2);

/* client_tls.c */
/* Whether the options of TLS fit together; false: said why. */
bool nj_client_config_check_tls(const struct nj_client_config *c);
bool nj_client_config_has_tls(const struct nj_client_config *c);
/* The same for the library, as long as `c`. */
struct nj_client_tls nj_client_config_tls(const struct nj_client_config *c);
/* What --insecure skips and what it does not. */
void nj_client_warn_insecure(const struct nj_client_config *c);

/* client_opts.c: what the library is told. */
struct nj_client_told {
    struct nj_client_opts opts; /* points at the rest, and at the configuration's texts */
    struct nj_client_tls tls;
    struct nj_client_message will;
    struct nj_client_property_list *properties;
    char *id;
};
/* `out` must not move while its options are in use. False: no memory. */
bool nj_client_told_init(struct nj_client_told *out, const struct nj_client_config *c);
void nj_client_told_fini(struct nj_client_told *told);

/* client_password.c: the password, where the options have none, from the environment or the
 * terminal. False: said why. */
bool nj_client_config_find_password(struct nj_client_config *c);

/* client_help.c. The rows of the table for one tool: of the manual's list, and names for
 * completion, one a line. */
void nj_client_print_manual_rows(FILE *out, enum nj_client_tool tool, bool is_later);
void nj_client_print_options(FILE *out, enum nj_client_tool tool);
void nj_client_print_help(const struct nj_client_config *c, FILE *out);
void nj_client_print_version(const struct nj_client_config *c, FILE *out);

/* client_property.c: one -D. `values` are what follows the packet's name; `used` says how many of
 * them. False: said why. */
bool nj_client_config_property(struct nj_client_config *c, const char *target, char **values,
                               int value_count, int *used);
/* Whether each list may stand in its packet; false: said why. */
bool nj_client_config_properties_check(const struct nj_client_config *c);

/* client_format.c: whether a format is one; false: said why. */
bool nj_client_format_check(const struct nj_client_config *c, const char *format);

#endif
