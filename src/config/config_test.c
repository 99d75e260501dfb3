/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: what they mean, and what is said about their mistakes, word for word. */
#include "config/config.h"

#include "base/mem.h"
#include "base/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/nj-config-XXXXXX";

/* --- What was logged --- */

static struct {
    char line[100][1000];
    size_t count;
} said;

static void
hear(void *ctx, enum nj_log_type type, struct nj_str line)
{
    (void)ctx, (void)type;
    if (said.count < NJ_COUNT_OF(said.line))
        (void)snprintf(said.line[said.count++], sizeof(said.line[0]), "%" NJ_STR_FMT,
                       NJ_STR_ARG(line));
}

static bool
was_said(const char *text)
{
    for (size_t i = 0; i < said.count; i++)
        if (strcmp(said.line[i], text) == 0)
            return true;
    return false;
}

static void
assert_said(const char *text)
{
    if (was_said(text))
        return;
    for (size_t i = 0; i < said.count; i++)
        print_error("said: %s\n", said.line[i]);
    fail_msg("was not said: %s", text);
}

/* --- Files --- */

static const char *
path_of(const char *name)
{
    static char path[4][200];
    static unsigned next;
    char *p = path[next++ % 4];

    (void)snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
    return p;
}

static void
write_bytes(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(path_of(name), "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void
write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static enum nj_err
load_file(struct nj_config **out, const char *name, const struct nj_config_args *args,
          struct nj_diag *diag)
{
    enum nj_err err;

    nj_log_flush();
    said.count = 0;
    err = nj_config_load(out, name != NULL ? path_of(name) : NULL, args, diag);
    nj_log_flush();
    return err;
}

static struct nj_config *
load(const char *text)
{
    struct nj_config *c = NULL;
    struct nj_diag diag;

    write_file("a.conf", text);
    if (load_file(&c, "a.conf", NULL, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return c;
}

/* The file's last line is wrong, and this is what is said of it. */
static void
assert_wrong(const char *text, const char *message)
{
    struct nj_config *untouched = (struct nj_config *)&said, *c = untouched;
    struct nj_diag diag;
    char where[300];
    int lines = 0;

    for (const char *p = text; *p != '\0'; p++)
        lines += *p == '\n' || p[1] == '\0';
    write_file("a.conf", text);
    if (load_file(&c, "a.conf", NULL, &diag) == NJ_OK)
        fail_msg("accepted: %s", text);
    assert_ptr_equal(c, untouched);
    assert_string_equal(diag.text, message);
    assert_string_equal(diag.file, path_of("a.conf"));
    assert_int_equal(diag.line, lines);
    assert_said(message);
    (void)snprintf(where, sizeof(where), "Error found at %s:%d.", path_of("a.conf"), lines);
    assert_string_equal(said.line[said.count - 1], where);
}

static void
without_a_file_only_the_loopback_listens(void **state)
{
    struct nj_config *c;

    (void)state;
    assert_int_equal(load_file(&c, NULL, NULL, NULL), NJ_OK);
    assert_true(c->is_local_only);
    assert_int_equal(c->server.listener_count, 2);
    assert_string_equal(c->server.listeners[0].address, "127.0.0.1");
    assert_string_equal(c->server.listeners[1].address, "::1");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(c->server.listeners[i].port, 1883);
        assert_true(c->server.listeners[i].is_local_only);
        assert_true(c->server.listeners[i].allow_anonymous);
        assert_string_equal(c->server.listeners[i].auto_id_prefix, "auto-");
        assert_int_equal(c->server.listeners[i].accepted_versions, NJ_ACCEPT_ALL);
    }
    assert_int_equal(c->log.dests, NJ_LOG_TO_STDERR);
    assert_int_equal(c->log.types, NJ_LOG_DEFAULT);
    assert_int_equal(c->log.facility, -1);
    assert_int_equal(c->broker.persistent_client_expiration_s, UINT32_MAX);
    assert_int_equal(said.count, 0);
    nj_config_free(c);
}

static void
ports_of_the_command_line_are_on_the_loopback(void **state)
{
    struct nj_config_args args = {.ports = {1, 2}, .port_count = 2};
    struct nj_config *c;

    (void)state;
    write_file("a.conf", "allow_anonymous false\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->server.listener_count, 4);
    assert_int_equal(c->server.listeners[1].port, 1);
    assert_int_equal(c->server.listeners[2].port, 2);
    assert_string_equal(c->server.listeners[3].address, "::1");
    assert_false(c->server.listeners[3].allow_anonymous);
    nj_config_free(c);

    write_file("a.conf", "listener 1884\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_false(c->is_local_only);
    assert_int_equal(c->server.listener_count, 1);
    assert_int_equal(c->server.listeners[0].port, 1884);
    assert_null(c->server.listeners[0].address);
    nj_config_free(c);
}

static void
a_listener_lets_nobody_in_unless_told_to(void **state)
{
    struct nj_config *c = load("listener 1\nlistener 2\nlistener_allow_anonymous true\n");

    (void)state;
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_true(c->server.listeners[1].allow_anonymous);
    nj_config_free(c);
    c = load("listener 1\nlistener_allow_anonymous false\nlistener 2\nallow_anonymous true\n");
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_true(c->server.listeners[1].allow_anonymous);
    nj_config_free(c);
}

static void
a_password_file_is_everybodys_and_the_last_one_counts(void **state)
{
    struct nj_config *c = load("listener 1\npassword_file /a\nlistener 2\npassword_file /b\n");

    (void)state;
    assert_string_equal(c->server.listeners[0].password_file, "/b");
    assert_string_equal(c->server.listeners[1].password_file, "/b");
    assert_null(c->server.listeners[0].users);
    nj_config_free(c);
    c = load("password_file /a\n");
    assert_string_equal(c->server.listeners[0].password_file, "/a");
    assert_true(c->is_local_only && c->server.listeners[0].allow_anonymous);
    nj_config_free(c);
}

static void
security_options_belong_to_listeners_where_it_is_said_first(void **state)
{
    struct nj_config *c = load("per_listener_settings true\n"
                               "listener 1\npassword_file /a\nauto_id_prefix one-\n"
                               "listener 2\nallow_anonymous true\n"
                               "listener 3\nlistener_allow_anonymous true\nallow_anonymous false\n"
                               "listener 4\nallow_anonymous true\nallow_anonymous false\n");
    const struct nj_listener_opts *l = c->server.listeners;

    (void)state;
    assert_string_equal(l[0].password_file, "/a");
    assert_string_equal(l[0].auto_id_prefix, "one-");
    assert_false(l[0].allow_anonymous);
    assert_null(l[1].password_file);
    assert_string_equal(l[1].auto_id_prefix, "auto-");
    assert_true(l[1].allow_anonymous);
    assert_true(l[2].allow_anonymous);
    assert_false(l[3].allow_anonymous);
    nj_config_free(c);
    c = load("per_listener_settings true\nmax_connections 5\nallow_anonymous false\n"
             "password_file /a\n");
    assert_true(c->is_local_only);
    assert_false(c->server.listeners[0].allow_anonymous);
    assert_string_equal(c->server.listeners[1].password_file, "/a");
    nj_config_free(c);
}

static void
per_listener_settings_come_too_late_or_without_a_listener(void **state)
{
    static const char *const bad[] = {
        "allow_anonymous true\nper_listener_settings true\n",
        "password_file /a\nper_listener_settings true\n",
        "per_listener_settings true\npassword_file /a\n",
        "per_listener_settings true\nallow_anonymous true\n",
        "per_listener_settings true\nallow_zero_length_clientid false\nlistener 1\n",
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_config *c;
        struct nj_diag diag = {0};

        write_file("a.conf", bad[i]);
        assert_int_not_equal(load_file(&c, "a.conf", NULL, &diag), NJ_OK);
        assert_int_equal(diag.line, 2);
    }
}

static void
listeners_have_options_of_their_own(void **state)
{
    struct nj_config *c = load("listener 1884 192.0.2.1 # office\n"
                               "max_connections 7\n"
                               "mount_point office/\n"
                               "accept_protocol_versions 3, 5\n"
                               "listener 0 /run/nightjar.sock\n"
                               "max_qos 1\n"
                               "use_username_as_clientid true\n"
                               "listener_auto_id_prefix sock-\n"
                               "listener 1885 #\n"
                               "socket_domain ipv6\n"
                               "max_topic_alias 3\n"
                               "max_topic_alias_broker 0\n"
                               "auto_id_prefix all-\n");
    const struct nj_listener_opts *l = c->server.listeners;

    (void)state;
    assert_int_equal(c->server.listener_count, 3);
    assert_int_equal(l[0].port, 1884);
    assert_string_equal(l[0].address, "192.0.2.1");
    assert_int_equal(l[0].max_connections, 7);
    assert_string_equal(l[0].mount_point, "office/");
    assert_int_equal(l[0].accepted_versions, NJ_ACCEPT_V31 | NJ_ACCEPT_V5);
    assert_string_equal(l[0].auto_id_prefix, "all-");
    assert_int_equal(l[1].port, 0);
    assert_null(l[1].address);
    assert_string_equal(l[1].unix_path, "/run/nightjar.sock");
    assert_int_equal(l[1].max_qos, 1);
    assert_true(l[1].use_username_as_clientid);
    assert_string_equal(l[1].auto_id_prefix, "sock-");
    assert_int_equal(l[1].max_connections, UINT32_MAX);
    assert_null(l[2].address);
    assert_int_equal(l[2].socket_domain, NJ_SOCKET_IPV6);
    assert_int_equal(l[2].max_topic_alias, 3);
    assert_int_equal(l[2].max_topic_alias_broker, 0);
    assert_int_equal(l[2].max_qos, 2);
    assert_said("The 'auto_id_prefix' option is now deprecated and will be removed in version 3.0. "
                "Please use 'listener_auto_id_prefix' instead.");
    nj_config_free(c);
}

static void
old_options_make_a_default_listener(void **state)
{
    struct nj_config *c = load("bind_address 127.0.0.1\nport 1999\nmax_connections 4\n"
                               "listener 2000\nmax_connections 5\n");

    (void)state;
    assert_int_equal(c->server.listener_count, 2);
    assert_int_equal(c->server.listeners[0].port, 1999);
    assert_string_equal(c->server.listeners[0].address, "127.0.0.1");
    assert_int_equal(c->server.listeners[0].max_connections, 4);
    assert_int_equal(c->server.listeners[1].max_connections, 5);
    assert_false(c->server.listeners[0].is_local_only);
    assert_said("Creating default listener due to 'bind_address' option.");
    assert_said("It is best practice to define a 'listener' first. Using the 'bind_address' option "
                "without a listener will be disabled in the future.");
    assert_said("The 'port' option is now deprecated and will be removed in version 3.0. Please "
                "use 'listener' instead.");
    assert_false(was_said("Creating default listener due to 'port' option."));
    nj_config_free(c);

    c = load("port 1\nport 2\n");
    assert_int_equal(c->server.listeners[0].port, 2);
    assert_said("Warning: Default listener port specified multiple times. Only the latest will be "
                "used.");
    nj_config_free(c);
}

static void
options_without_a_listener_do_not_open_one_to_others(void **state)
{
    struct nj_config *c = load("max_connections 3\n");

    (void)state;
    assert_said("Creating default listener due to 'max_connections' option.");
    assert_true(c->is_local_only);
    assert_int_equal(c->server.listener_count, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(c->server.listeners[i].is_local_only);
        assert_int_equal(c->server.listeners[i].max_connections, 3);
    }
    nj_config_free(c);
}

static void
lines_are_split_as_mosquitto_splits_them(void **state)
{
    static const char text[] = "# a comment\n"
                               "\n"
                               "     \n"
                               "\r\n"
                               "   max_queued_messages    5   six seven\r\n"
                               "log_timestamp_format  %Y # not a comment  \r\n"
                               "\0 garbage behind a NUL\n"
                               "user a\nuser b\n"
                               "allow_anonymous true";
    struct nj_config *c;

    (void)state;
    write_bytes("a.conf", text, sizeof(text) - 1);
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    assert_int_equal(c->broker.max_queued_messages, 5);
    assert_string_equal(c->log.timestamp_format, "%Y # not a comment");
    assert_string_equal(c->user, "b");
    nj_config_free(c);

    assert_wrong(" # indented\n", "Error: Unknown configuration variable '#'.");
    assert_wrong("max_qos\t1\n", "Error: Unknown configuration variable 'max_qos\t1'.");
    assert_wrong("x", "Error: Unknown configuration variable 'x'.");
}

static void
an_unknown_name_has_a_hint(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;

    (void)state;
    write_file("a.conf", "max_packetsize 100\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.hint, "Did you mean 'max_packet_size'?");
    assert_said("Did you mean 'max_packet_size'?");
}

static void
mistakes_are_said_in_mosquittos_words(void **state)
{
    static const char *const cases[][2] = {
        {"listener", "Error: Empty 'listener port' value in configuration."},
        {"listener x", "Error: 'listener port' value not a number."},
        {"listener 100000", "Error: Invalid 'port' value (100000)."},
        {"listener -1", "Error: Invalid 'port' value (-1)."},
        {"listener 0", "Error: A listener with port 0 must provide a Unix socket path."},
        {"listener 0 #x", "Error: A listener with port 0 must provide a Unix socket path."},
        {"port 0", "Error: Invalid 'port' value (0)."},
        {"port 65536", "Error: Invalid 'port' value (65536)."},
        {"bind_address", "Error: Empty 'default listener bind_address' value in configuration."},
        {"listener 1\nprotocol", "Error: Empty 'protocol' value in configuration."},
        {"listener 1\nprotocol test", "Error: Invalid 'protocol' value (test)."},
        {"listener 1\nprotocol websockets",
         "Error: The 'protocol' value 'websockets' is not supported yet."},
        {"listener 1\nmount_point test/+/",
         "Error: Invalid 'mount_point' value (test/+/). Does it contain a wildcard character?"},
        {"listener 1\nsocket_domain x",
         "Error: Invalid 'socket_domain' value 'x' in configuration."},
        {"listener 1\naccept_protocol_versions",
         "Error: Empty 'accept_protocol_versions' value in configuration."},
        {"listener 1\naccept_protocol_versions 9",
         "Error: Invalid 'accept_protocol_versions' value (9)."},
        {"mount_point test/",
         "Error: The 'mount_point' option requires a listener to be defined first."},
        {"maximum_qos 3", "Error: 'max_qos' must be between 0 and 2 inclusive."},
        {"max_packet_size 19", "Error: 'max_packet_size' must be >= 20."},
        {"max_inflight_messages 65536", "Error: 'max_inflight_messages' must be <= 65535."},
        {"max_keepalive 65536", "Error: Invalid 'max_keepalive' value (65536)."},
        {"memory_limit -1", "Error: Invalid 'memory_limit' value (-1)."},
        {"sys_interval -1", "Error: Invalid 'sys_interval' value (-1)."},
        {"retain_expiry_interval 0", "Error: retain_expiry_interval must be >= 1."},
        {"allow_anonymous falst", "Error: Invalid 'allow_anonymous' value (falst)."},
        {"pid_file /a\npid_file /a", "Error: Duplicate 'pid_file' value in configuration."},
        {"log_dest", "Error: Empty 'log_dest' value in configuration."},
        {"log_dest paper", "Error: Invalid 'log_dest' value (paper)."},
        {"log_dest file", "Error: Empty \"log_dest file\" value in configuration."},
        {"log_dest file /a\nlog_dest file /b", "Error: Duplicate \"log_dest file\" value."},
        {"log_type paper", "Error: Invalid 'log_type' value (paper)."},
        {"log_facility 8", "Error: Invalid 'log_facility' value (8)."},
        {"persistent_client_expiration 5",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"persistent_client_expiration 0d",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"persistent_client_expiration -1d",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"include_dir /nonexistent/dir", "Error: Unable to open include_dir '/nonexistent/dir'."},
        {"persistence true", "Error: The 'persistence' option is not supported yet."},
        {"plugin_opt_x y",
         "Error: The 'plugin_opt_x' option requires plugin/global_plugin/plugin_load to be defined "
         "first."},
        {"topic a", "Error: The 'topic' option requires a bridge to be defined first."},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_wrong(cases[i][0], cases[i][1]);
}

static void
files_that_cannot_be_read_are_named(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;
    char text[300];

    (void)state;
    assert_int_equal(load_file(&c, "none.conf", NULL, &diag), NJ_ECONFIG);
    (void)snprintf(text, sizeof(text), "Error: Unable to open config file '%s'.",
                   path_of("none.conf"));
    assert_said(text);
    assert_string_equal(diag.hint, "No such file or directory.");
    assert_int_equal(diag.line, 0);

    said.count = 0;
    assert_int_equal(nj_config_load(&c, dir, NULL, &diag), NJ_ECONFIG);
    nj_log_flush();
    (void)snprintf(text, sizeof(text), "Error: Config file '%s' is a directory.", dir);
    assert_said(text);
    assert_int_equal(nj_config_load(&c, "", NULL, NULL), NJ_ECONFIG);
}

static void
log_options_add_up(void **state)
{
    struct nj_config_args args = {.is_verbose = true};
    struct nj_config *c = load("log_dest stdout\nlog_dest none\nlog_dest syslog\n"
                               "log_dest file \t /var/log/a b.log\nlog_dest topic\n"
                               "log_type debug\nlog_type none\nlog_type error\nlog_type subscribe\n"
                               "log_timestamp false\nlog_facility 5\n");

    (void)state;
    assert_int_equal(c->log.dests, NJ_LOG_TO_SYSLOG | NJ_LOG_TO_FILE | NJ_LOG_TO_TOPIC);
    assert_int_equal(c->log.types, NJ_LOG_ERROR | NJ_LOG_SUBSCRIBE);
    assert_string_equal(c->log.file, "/var/log/a b.log");
    assert_false(c->log.has_timestamp);
    assert_int_equal(c->log.facility, 5);
    nj_config_free(c);

    write_file("a.conf", "log_type none\nlog_dest none\n");
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->log.types, NJ_LOG_ALL);
    assert_int_equal(c->log.dests, 0);
    nj_config_free(c);
    args.is_quiet = true;
    assert_int_equal(load_file(&c, "a.conf", &args, NULL), NJ_OK);
    assert_int_equal(c->log.types, 0);
    nj_config_free(c);
}

static void
times_are_in_seconds(void **state)
{
    static const struct {
        const char *value;
        uint32_t seconds;
    } cases[] = {{"90s", 90},          {"2h", 7200},
                 {"14d", 14 * 86400},  {"1w", 7 * 86400},
                 {"2m", 60 * 86400},   {"1y", 365 * 86400},
                 {"137y", UINT32_MAX}, {"99999999999999999999y", UINT32_MAX}};
    struct nj_config *c;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char text[100];

        (void)snprintf(text, sizeof(text), "persistent_client_expiration %s\n", cases[i].value);
        c = load(text);
        assert_int_equal(c->broker.persistent_client_expiration_s, cases[i].seconds);
        nj_config_free(c);
    }
    c = load("retain_expiry_interval 3\n");
    assert_int_equal(c->broker.retain_expiry_s, 180);
    nj_config_free(c);
    c = load("retain_expiry_interval 2000000000\n");
    assert_int_equal(c->broker.retain_expiry_s, 600000000);
    assert_said("Warning: retain_expiry_interval being capped at 19 years.");
    nj_config_free(c);
}

static void
ceilings_in_bytes_cannot_be_lifted(void **state)
{
    struct nj_config *c = load("memory_limit 0\nmax_queued_bytes 0\nmax_queued_bytes_total 0\n"
                               "max_retained_bytes 0\nmax_output_bytes 0\nworkers 0\n"
                               "max_queued_messages 0\nmax_retained_messages 0\n");

    (void)state;
    assert_true(c->memory_limit > 0);
    assert_true(c->broker.max_queued_bytes > 0);
    assert_int_equal(c->broker.max_queued_bytes_total, c->memory_limit / 2);
    assert_int_equal(c->broker.max_retained_bytes, c->memory_limit / 4);
    assert_true(c->server.max_output_bytes >= c->server.max_packet_size);
    assert_true(c->server.workers >= 1);
    assert_int_equal(c->broker.max_queued_messages, 0);
    assert_int_equal(c->broker.max_retained_messages, 0);
    nj_config_free(c);

    c = load("max_output_bytes 1\nmax_packet_size 5000\n");
    assert_int_equal(c->server.max_output_bytes, 5000);
    nj_config_free(c);
}

static void
notices_are_said(void **state)
{
    struct nj_config *c = load("retry_interval 20\ndhparamfile\nmessage_size_limit 10\n"
                               "autosave_interval 10\nclientid_prefixes a\n");

    (void)state;
    assert_said("Warning: The 'retry_interval' option is no longer available.");
    assert_said("Warning: dhparamfile is no longer required.");
    assert_said("Note: It is recommended to replace `message_size_limit` with `max_packet_size`.");
    assert_said("The 'autosave_interval' option has no effect: there is nothing to save yet.");
    assert_said("The 'clientid_prefixes' option is now deprecated and will be removed in version "
                "3.0. ");
    assert_int_equal(c->broker.message_size_limit, 10);
    assert_string_equal(c->broker.clientid_prefixes, "a");
    nj_config_free(c);
}

/* --- include_dir --- */

static void
include(const char *text)
{
    char line[300];

    (void)snprintf(line, sizeof(line), "include_dir %s\n%s", path_of("inc"), text);
    write_file("a.conf", line);
}

static void
included_files_come_in_order(void **state)
{
    struct nj_config *c;
    const char *const order[] = {"0.conf", "A.conf", "b.conf", "C.conf"};

    (void)state;
    assert_int_equal(mkdir(path_of("inc"), 0700), 0);
    write_file("inc/C.conf", "max_queued_messages 3\n");
    write_file("inc/b.conf", "max_queued_messages 2\n");
    write_file("inc/A.conf", "max_queued_messages 1\n");
    write_file("inc/0.conf", "listener 1\n");
    write_file("inc/.conf", "nonsense\n");
    write_file("inc/d.conf~", "nonsense\n");
    write_file("inc/conf", "nonsense\n");
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    assert_int_equal(c->broker.max_queued_messages, 3);
    assert_int_equal(said.count, 4);
    for (size_t i = 0; i < 4; i++) {
        char text[300];

        (void)snprintf(text, sizeof(text), "Loading config file '%s/%s'", path_of("inc"), order[i]);
        assert_string_equal(said.line[i], text);
    }
    nj_config_free(c);
}

static void
a_listener_belongs_to_its_file(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;

    (void)state;
    include("mount_point x/\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.text,
                        "Error: The 'mount_point' option requires a listener to be defined first.");
    assert_int_equal(diag.line, 2);

    write_file("inc/A.conf", "mount_point x/\n");
    write_file("a.conf", "listener 5\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_OK);
    nj_config_free(c);
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_ECONFIG);
    write_file("inc/A.conf", "");
}

static void
a_mistake_in_an_included_file_names_both(void **state)
{
    struct nj_config *c;
    struct nj_diag diag;
    char inner[300], outer[300];

    (void)state;
    write_file("inc/A.conf", "\n\nnonsense 1\n");
    include("");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(diag.file, path_of("inc/A.conf"));
    assert_int_equal(diag.line, 3);
    (void)snprintf(inner, sizeof(inner), "Error found at '%s:3'.", path_of("inc/A.conf"));
    (void)snprintf(outer, sizeof(outer), "Error found at %s:1.", path_of("a.conf"));
    assert_true(said.count >= 3);
    assert_string_equal(said.line[said.count - 2], inner);
    assert_string_equal(said.line[said.count - 1], outer);

    write_file("inc/A.conf", "include_dir /tmp\n");
    assert_int_equal(load_file(&c, "a.conf", NULL, &diag), NJ_ECONFIG);
    assert_string_equal(
        diag.text, "Error: The include_dir option is only valid in the main configuration file.");
}

/* --- The lab --- */

static void
the_labs_lines_make_a_listener_with_client_certificates(void **state)
{
    static const char lab[] = "listener 8883\n"
                              "protocol mqtt\n"
                              "allow_anonymous true\n"
                              "cafile /etc/mosquitto/ca_certificates/ca.crt\n"
                              "certfile /etc/mosquitto/certs/brocker.crt\n"
                              "keyfile /etc/mosquitto/mytls/brocker.key\n"
                              "require_certificate true\n";
    struct nj_config *c = load(lab);
    const struct nj_listener_tls *t = &c->server.listeners[0].files;

    (void)state;
    assert_int_equal(c->server.listener_count, 1);
    assert_string_equal(t->cafile, "/etc/mosquitto/ca_certificates/ca.crt");
    assert_int_equal(t->cert_count, 1);
    assert_string_equal(t->certfiles[0], "/etc/mosquitto/certs/brocker.crt");
    assert_string_equal(t->keyfiles[0], "/etc/mosquitto/mytls/brocker.key");
    assert_true(t->require_certificate);
    nj_config_free(c);
}

static void
tls_that_could_never_work_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"listener 1\ncertfile c\n",
         "Error: Both certfile and keyfile must be provided to enable a TLS listener."},
        {"listener 1\ncertfile c\nkeyfile k\ncertfile c2\n",
         "Error: Both certfile and keyfile must be provided to enable a TLS listener."},
        {"listener 1\ncafile c\n", "Error: cafile specified without certfile and keyfile."},
        {"listener 1\ncertfile c\nkeyfile k\nrequire_certificate true\n",
         "Error: require_certificate is set, but neither cafile nor capath: every client would be "
         "refused."},
        {"listener 1\npsk_hint h\n", "Error: psk_hint is set, but not psk_file."},
        {"listener 1\npsk_hint h\npsk_file f\ncertfile c\nkeyfile k\n",
         "Error: Cannot use both certificate and PSK encryption in one listener."},
        {"certfile c\nkeyfile k\n",
         "Error: The 'certfile' option requires a listener to be defined first."},
        {"listener 1\ntls_version ssl3\n", "Error: Invalid 'tls_version' value 'ssl3' in "
                                           "configuration."},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_config *c;
        struct nj_diag diag;

        write_file("tls.conf", bad[i].text);
        assert_int_equal(load_file(&c, "tls.conf", NULL, &diag), NJ_ECONFIG);
        assert_string_equal(diag.text, bad[i].why);
    }
}

static void
certificates_and_keys_go_in_pairs(void **state)
{
    struct nj_config *c = load("psk_file p\nlistener 1\ncertfile c1\nkeyfile k1\ncertfile c2\n"
                               "keyfile k2\nlistener 2\npsk_hint h\ntls_version tlsv1.1\n");

    (void)state;
    assert_int_equal(c->server.listeners[0].files.cert_count, 2);
    assert_string_equal(c->server.listeners[0].files.certfiles[1], "c2");
    assert_string_equal(c->server.listeners[0].files.keyfiles[1], "k2");
    assert_string_equal(c->server.listeners[1].files.psk_file, "p");
    nj_config_free(c);
}

static void
every_prefix_of_the_lab_is_read_or_refused(void **state)
{
    static const char tail[] = "require_certificate false\ntls_keyform pem\npersistence 0\n";
    struct nj_config *c = load("listener 8883\nprotocol mqtt\nallow_anonymous true\n");

    (void)state;
    assert_int_equal(c->server.listeners[0].port, 8883);
    assert_true(c->server.listeners[0].allow_anonymous);
    nj_config_free(c);
    c = load(tail);
    nj_config_free(c);
}

/* --- Reload --- */

static struct nj_config *
must_load(const char *name, const char *text)
{
    struct nj_config *c = NULL;

    write_file(name, text);
    assert_int_equal(load_file(&c, name, NULL, NULL), NJ_OK);
    return c;
}

static void
reload_keeps_what_only_a_restart_changes(void **state)
{
    struct nj_config *old = must_load("old.conf", "workers 2\nuser a\nlistener 1\nlistener 2 ::1\n"
                                                  "bind_interface lo\nmax_queued_messages 1\n");
    struct nj_config *new =
        must_load("new.conf", "workers 3\npid_file /x\nlistener 2 ::1\nmax_connections 9\n"
                              "listener 1\nbind_interface eth0\nmax_queued_messages 2\n");

    (void)state;
    said.count = 0;
    assert_int_equal(nj_config_reload_check(old, new, NULL), NJ_OK);
    nj_log_flush();
    assert_int_equal(new->server.workers, 2);
    assert_string_equal(new->user, "a");
    assert_null(new->pid_file);
    assert_int_equal(new->broker.max_queued_messages, 2);
    assert_int_equal(new->server.listeners[0].port, 1);
    assert_null(new->server.listeners[0].bind_interface);
    assert_int_equal(new->server.listeners[1].port, 2);
    assert_int_equal(new->server.listeners[1].max_connections, 9);
    assert_string_equal(new->server.listeners[1].bind_interface, "lo");
    assert_said("Warning: The 'workers' option has changed, which needs a restart; it stays as it "
                "was.");
    assert_int_equal(said.count, 5); /* and user, pid_file, bind_interface twice */
    nj_config_free(old);
    nj_config_free(new);
}

static void
reload_with_other_listeners_is_refused(void **state)
{
    static const char *const others[] = {"listener 2\n",
                                         "listener 1\nlistener 2\n",
                                         "listener 1 127.0.0.1\n",
                                         "listener 0 /a\n",
                                         "listener 1\nlistener 1\n",
                                         "",
                                         NULL};
    struct nj_config *old = must_load("old.conf", "listener 1\n");
    struct nj_diag diag;

    (void)state;
    for (int i = 0; others[i] != NULL; i++) {
        struct nj_config *new = must_load("new.conf", others[i]);

        said.count = 0;
        assert_int_equal(nj_config_reload_check(old, new, &diag), NJ_ECONFIG);
        nj_log_flush();
        assert_said("Error: It is not currently possible to add/remove listeners when reloading "
                    "the config file.");
        nj_config_free(new);
    }
    nj_config_free(old);
}

/* --- Beside Mosquitto itself --- */

/* Where 2.1 says what 2.0 said, but for quotes; so quotes are left out. */
static void
without_quotes(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++)
        if (*text != '\'' && *text != '"')
            *to++ = *text;
    *to = '\0';
}

static int
run_mosquitto(const char *path, char *out, size_t size)
{
    char *argv[] = {(char *)(uintptr_t) "mosquitto", (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t)path, NULL};
    posix_spawn_file_actions_t actions;
    int p[2], status = -1;
    size_t n = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, p[1], STDERR_FILENO);
    if (posix_spawn(&pid, "/usr/sbin/mosquitto", &actions, NULL, argv, environ) != 0)
        pid = -1;
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(p[1]);
    while (pid > 0 && n + 1 < size && (got = read(p[0], out + n, size - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    (void)close(p[0]);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
mosquitto_says_the_same(void **state)
{
    static const char *const bad[] = {
        "nonsense 1\n",
        "user\n",
        "user  \n",
        "#\n\n \npid_file a\npid_file b\n",
        "allow_anonymous TRUE\n",
        "allow_anonymous\n",
        "allow_anonymous\r\n",
        "max_keepalive 70000\n",
        "max_keepalive -1\n",
        "max_inflight_messages 65536\n",
        "sys_interval 65536\n",
        "memory_limit -1\n",
        "max_qos 3\n",
        "maximum_qos -1\n",
        "listener 70000\n",
        "listener 0\n",
        "listener 1\nprotocol x\n",
        "listener 1\nmax_topic_alias 65536\n",
        "listener 1\nmount_point\n",
        "listener 1\nlistener 2\nuse_username_as_clientid x\n",
        "log_dest x\n",
        "log_dest\n",
        "log_dest file\n",
        "log_dest file /tmp/a\nlog_dest file /tmp/b\n",
        "log_type x\n",
        "log_facility 8\n",
        "persistent_client_expiration 5\n",
        "persistent_client_expiration 0d\n",
        "log_timestamp_format a\tb\n",
        "pid_file \xc3\x28\n",
        "include_dir /nonexistent\n",
        "connection\n",
        "persistence maybe\n",
        "max_connections 5\nx\n",
    };

    (void)state;
    if (access("/usr/sbin/mosquitto", X_OK) != 0)
        skip();
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        char theirs[4000], *line, *rest = theirs;
        struct nj_config *c;

        write_file("a.conf", bad[i]);
        assert_int_equal(run_mosquitto(path_of("a.conf"), theirs, sizeof(theirs)),
                         NJ_CONFIG_EXIT_CONFIG);
        assert_int_equal(load_file(&c, "a.conf", NULL, NULL), NJ_ECONFIG);
        for (size_t j = 0; j < said.count; j++)
            without_quotes(said.line[j]);
        while ((line = strsep(&rest, "\n")) != NULL) {
            const char *text = strstr(line, ": ");

            if (text == NULL)
                continue;
            without_quotes(line);
            assert_said(strstr(line, ": ") + 2);
        }
    }
}

static void
nothing_is_kept_after_all_this(void **state)
{
    uint64_t before = nj_mem_used();
    struct nj_config *c = load("listener 1 a\nmount_point b\nauto_id_prefix c\nuser d\nuser e\n"
                               "log_dest file f\nlog_timestamp_format g\nclientid_prefixes h\n"
                               "pid_file i\nlistener 0 j\nbind_interface k\n");

    (void)state;
    nj_config_free(c);
    assert_int_equal(nj_mem_used(), before);
}

static int
open_log(void **state)
{
    struct nj_log_opts opts = {
        .types = NJ_LOG_ALL, .dests = NJ_LOG_TO_TOPIC, .facility = -1, .to_topic = hear};

    (void)state;
    return mkdtemp(dir) != NULL && nj_log_open(&opts, NULL) == NJ_OK ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int
close_log(void **state)
{
    (void)state;
    nj_log_close();
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_only_the_loopback_listens),
        cmocka_unit_test(ports_of_the_command_line_are_on_the_loopback),
        cmocka_unit_test(a_listener_lets_nobody_in_unless_told_to),
        cmocka_unit_test(a_password_file_is_everybodys_and_the_last_one_counts),
        cmocka_unit_test(security_options_belong_to_listeners_where_it_is_said_first),
        cmocka_unit_test(per_listener_settings_come_too_late_or_without_a_listener),
        cmocka_unit_test(listeners_have_options_of_their_own),
        cmocka_unit_test(old_options_make_a_default_listener),
        cmocka_unit_test(options_without_a_listener_do_not_open_one_to_others),
        cmocka_unit_test(lines_are_split_as_mosquitto_splits_them),
        cmocka_unit_test(an_unknown_name_has_a_hint),
        cmocka_unit_test(mistakes_are_said_in_mosquittos_words),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(log_options_add_up),
        cmocka_unit_test(times_are_in_seconds),
        cmocka_unit_test(ceilings_in_bytes_cannot_be_lifted),
        cmocka_unit_test(notices_are_said),
        cmocka_unit_test(included_files_come_in_order),
        cmocka_unit_test(a_listener_belongs_to_its_file),
        cmocka_unit_test(a_mistake_in_an_included_file_names_both),
        cmocka_unit_test(the_labs_lines_make_a_listener_with_client_certificates),
        cmocka_unit_test(tls_that_could_never_work_is_refused),
        cmocka_unit_test(certificates_and_keys_go_in_pairs),
        cmocka_unit_test(every_prefix_of_the_lab_is_read_or_refused),
        cmocka_unit_test(reload_keeps_what_only_a_restart_changes),
        cmocka_unit_test(reload_with_other_listeners_is_refused),
        cmocka_unit_test(mosquitto_says_the_same),
        cmocka_unit_test(nothing_is_kept_after_all_this),
    };

    return cmocka_run_group_tests(tests, open_log, close_log);
}
