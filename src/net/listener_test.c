/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include "base/folder_kit_test.h"
#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct nj_listening list[NJ_LISTEN_MAX];
static size_t count;
static char directory[KIT_FOLDER_SIZE], path[80];

static int
setup(void **state)
{
    (void)state;
    count = 0;
    if (folder_make(directory) != 0)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/sock", directory);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        nj_listening_close(&list[i]);
    (void)unlink(path);
    return rmdir(directory);
}

static enum nj_err
open_tcp(const char *address, uint16_t port, enum nj_family family)
{
    struct nj_listen_opts opts = {.address = address, .port = port, .family = family};

    return nj_listen(list, &count, &opts, NULL);
}

static enum nj_err
open_unix(struct nj_diag *diag)
{
    struct nj_listen_opts opts = {.unix_path = path};

    return nj_listen(list, &count, &opts, diag);
}

static int
connect_unix(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool
has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static void
port_zero_gives_a_free_port_and_tells_it(void **state)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_int_equal(open_tcp("127.0.0.1", 0, NJ_FAMILY_ANY), NJ_OK);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].family, AF_INET);
    assert_string_equal(list[0].address, "127.0.0.1");
    assert_int_not_equal(list[0].port, 0);
    to.sin_port = htons(list[0].port);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_true((fcntl(list[0].fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(list[0].fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(client);
}

static void
accepted_socket_sends_small_packets_at_once(void **state)
{
    const char *const addresses[] = {"127.0.0.1", "::1"};

    (void)state;
    for (int i = 0; i < (has_ipv6() ? 2 : 1); i++) {
        struct sockaddr_storage to = {0};
        socklen_t length = sizeof(to), size = sizeof(int);
        int client, accepted, nodelay = 0;

        assert_int_equal(open_tcp(addresses[i], 0, NJ_FAMILY_ANY), NJ_OK);
        assert_int_equal(getsockname(list[0].fd, (struct sockaddr *)&to, &length), 0);
        client = socket(to.ss_family, SOCK_STREAM, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&to, length), 0);
        accepted = accept(list[0].fd, NULL, NULL);
        assert_true(accepted >= 0);
        assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size), 0);
        assert_int_equal(nodelay, 1);
        close(accepted);
        close(client);
        nj_listening_close(&list[0]);
    }
}

static void
everywhere_is_a_socket_for_each_family_on_one_port(void **state)
{
    (void)state;
    assert_int_equal(open_tcp(NULL, 0, NJ_FAMILY_ANY), NJ_OK);
    assert_int_equal(list[0].family, AF_INET);
    assert_string_equal(list[0].address, "0.0.0.0");
    if (!has_ipv6())
        return;
    assert_int_equal(count, 2);
    assert_int_equal(list[1].family, AF_INET6);
    assert_string_equal(list[1].address, "::");
    assert_int_equal(list[1].port, list[0].port);
}

static void
family_narrows_what_is_opened(void **state)
{
    (void)state;
    assert_int_equal(open_tcp(NULL, 0, NJ_FAMILY_IPV4), NJ_OK);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].family, AF_INET);
    assert_int_equal(open_tcp("127.0.0.1", 0, NJ_FAMILY_IPV6), NJ_EINVAL);
}

static void
second_listener_on_a_port_is_told_so_in_mosquittos_words(void **state)
{
    struct nj_listen_opts opts = {.address = "127.0.0.1"};
    struct nj_listening second[NJ_LISTEN_MAX];
    struct nj_diag diag = {0};
    size_t n = 0;

    (void)state;
    assert_int_equal(open_tcp("127.0.0.1", 0, NJ_FAMILY_ANY), NJ_OK);
    opts.port = list[0].port;
    assert_int_equal(nj_listen(second, &n, &opts, &diag), NJ_ESYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_string_equal(diag.text, "Error: Address already in use");
    assert_non_null(strstr(diag.hint, "127.0.0.1"));
    assert_int_equal(n, 0);
}

static void
failure_of_one_address_leaves_none_open(void **state)
{
    struct nj_listen_opts everywhere = {.family = NJ_FAMILY_ANY};
    struct nj_listening second[NJ_LISTEN_MAX], again[NJ_LISTEN_MAX];
    size_t n = 0, again_count = 0;

    (void)state;
    if (!has_ipv6())
        skip();
    assert_int_equal(open_tcp(NULL, 0, NJ_FAMILY_IPV6), NJ_OK);
    everywhere.port = list[0].port;
    assert_int_equal(nj_listen(second, &n, &everywhere, NULL), NJ_ESYS);
    everywhere.family = NJ_FAMILY_IPV4; /* would be taken, had it stayed open */
    assert_int_equal(nj_listen(again, &again_count, &everywhere, NULL), NJ_OK);
    nj_listening_close(&again[0]);
}

static void
name_that_does_not_exist_is_named(void **state)
{
    struct nj_listen_opts opts = {.address = "no.such.host.invalid"};
    struct nj_diag diag = {0};

    (void)state;
    assert_int_equal(nj_listen(list, &count, &opts, &diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "no.such.host.invalid"));
}

static void
interface_stands_for_its_addresses(void **state)
{
    struct nj_listen_opts opts = {.bind_interface = "lo", .family = NJ_FAMILY_IPV4};
    struct nj_diag diag = {0};

    (void)state;
    assert_int_equal(nj_listen(list, &count, &opts, &diag), NJ_OK);
    assert_string_equal(list[0].address, "127.0.0.1");
    opts.bind_interface = "nosuch0";
    assert_int_equal(nj_listen(list, &count, &opts, &diag), NJ_EINVAL);
    assert_string_equal(diag.text, "Error: Interface nosuch0 does not exist.");
}

static void
unix_socket_takes_connections_and_its_name_goes_with_it(void **state)
{
    int client;

    (void)state;
    assert_int_equal(open_unix(NULL), NJ_OK);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].family, AF_UNIX);
    assert_string_equal(list[0].address, path);
    client = connect_unix();
    assert_true(client >= 0);
    close(client);
    nj_listening_close(&list[0]);
    nj_listening_close(&list[0]);
    assert_int_equal(access(path, F_OK), -1);
}

static void
umask_rules_who_may_connect(void **state)
{
    mode_t before = umask(0077);
    struct stat st;

    (void)state;
    assert_int_equal(open_unix(NULL), NJ_OK);
    (void)umask(before);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void
stale_socket_is_replaced(void **state)
{
    (void)state;
    assert_int_equal(open_unix(NULL), NJ_OK);
    close(list[0].fd); /* as a killed broker does: the name stays */
    assert_int_equal(connect_unix(), -1);
    assert_int_equal(open_unix(NULL), NJ_OK);
    close(connect_unix());
}

static void
socket_in_use_is_left_alone(void **state)
{
    struct nj_listen_opts opts = {.unix_path = path};
    struct nj_listening second[NJ_LISTEN_MAX];
    struct nj_diag diag = {0};
    size_t n = 0;
    int client;

    (void)state;
    assert_int_equal(open_unix(NULL), NJ_OK);
    assert_int_equal(nj_listen(second, &n, &opts, &diag), NJ_ESYS);
    assert_string_equal(diag.text, "Error: Address already in use");
    client = connect_unix();
    assert_true(client >= 0);
    close(client);
}

static void
other_file_at_the_path_is_left_alone(void **state)
{
    struct nj_diag diag = {0};
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    (void)state;
    close(fd);
    assert_int_equal(open_unix(&diag), NJ_EINVAL);
    assert_non_null(strstr(diag.text, "is no socket"));
    assert_int_equal(access(path, F_OK), 0);
}

static void
path_that_does_not_fit_is_refused(void **state)
{
    char longer[200];
    struct nj_listen_opts opts = {.unix_path = longer};

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(nj_listen(list, &count, &opts, NULL), NJ_EINVAL);
    opts.unix_path = "";
    assert_int_equal(nj_listen(list, &count, &opts, NULL), NJ_EINVAL);
}

static void
descriptor_limit_becomes_the_hard_one(void **state)
{
    struct rlimit limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(nj_descriptor_limit_raise() == limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur == limit.rlim_max);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(port_zero_gives_a_free_port_and_tells_it, setup, teardown),
        cmocka_unit_test_setup_teardown(accepted_socket_sends_small_packets_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(everywhere_is_a_socket_for_each_family_on_one_port, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(family_narrows_what_is_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(second_listener_on_a_port_is_told_so_in_mosquittos_words,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(failure_of_one_address_leaves_none_open, setup, teardown),
        cmocka_unit_test_setup_teardown(name_that_does_not_exist_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(interface_stands_for_its_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_takes_connections_and_its_name_goes_with_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(umask_rules_who_may_connect, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_socket_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(socket_in_use_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(other_file_at_the_path_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(path_that_does_not_fit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptor_limit_becomes_the_hard_one, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
