/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about mistakes, word for word, and that Mosquitto itself says the same. */
#include "config/kit_test.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

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
        {"durability sometimes", "Error: Invalid 'durability' value (sometimes)."},
        {"durability interval 0", "Error: Invalid 'durability' value (0)."},
        {"durability interval 5 6", "Error: Invalid 'durability' value (6)."},
        {"durability always 5", "Error: Invalid 'durability' value (5)."},
        {"store_max_bytes 1", "Error: Invalid 'store_max_bytes' value (1)."},
        {"store_max_bytes 524287", "Error: Invalid 'store_max_bytes' value (524287)."},
        {"persistent_client_expiration 5",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"persistent_client_expiration 0d",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"persistent_client_expiration -1d",
         "Error: Invalid 'persistent_client_expiration' duration in configuration."},
        {"include_dir /nonexistent/dir", "Error: Unable to open include_dir '/nonexistent/dir'."},
        {"plugin_opt_x y",
         "Error: The 'plugin_opt_x' option requires plugin/global_plugin/plugin_load to be defined "
         "first."},
        {"topic a", "Error: The 'topic' option requires a bridge to be defined first."},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++)
        assert_wrong(cases[i][0], cases[i][1]);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_said_in_mosquittos_words),
        cmocka_unit_test(mosquitto_says_the_same),
    };

    return cmocka_run_group_tests_name("config/mistakes", tests, open_log, close_log);
}
