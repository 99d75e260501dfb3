/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of options.def keeps what it promises. */
#include "config/option.h"

#include "base/log.h"
#include "base/test.h"
#include "config/config.h"
#include "config/draft.h"

#include <limits.h>

/* Apply one line to a new draft, behind a `listener` if it needs one. */
struct trial {
    struct nj_draft draft;
    struct nj_diag diag;
    enum nj_err err;
};

static void
apply(struct trial *t, const char *name, const char *value)
{
    memset(&t->diag, 0, sizeof(t->diag));
    t->err = nj_draft_apply(&t->draft, nj_str_of(name), nj_str_of(value), &t->diag);
}

static void
begin(struct trial *t, const struct nj_option *o)
{
    assert_int_equal(nj_draft_new(&t->draft), NJ_OK);
    if (o->scope == NJ_SCOPE_LISTENER || o->scope == NJ_SCOPE_DEFAULT_LISTENER) {
        apply(t, "listener", "1883");
        assert_int_equal(t->err, NJ_OK);
    }
}

static void
end(struct trial *t)
{
    nj_draft_free(&t->draft);
}

/* The whole of `name value`, in a new draft. */
static enum nj_err
try(const struct nj_option *o, const char *name, const char *value, struct nj_diag *diag)
{
    struct trial t;

    begin(&t, o);
    apply(&t, name, value);
    end(&t);
    if (diag != NULL)
        *diag = t.diag;
    return t.err;
}

static bool
needs_what_cannot_be(const struct nj_option *o)
{
    return o->scope == NJ_SCOPE_BRIDGE || o->scope == NJ_SCOPE_PLUGIN;
}

static void
names_are_known_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];

        assert_ptr_equal(nj_option_find(nj_str_of(o->name)), o);
        if (o->alias != NULL)
            assert_ptr_equal(nj_option_find(nj_str_of(o->alias)), o);
    }
    assert_null(nj_option_find(NJ_STR("MAX_QOS")));
    assert_null(nj_option_find(NJ_STR("max_qos ")));
    assert_null(nj_option_find(NJ_STR("")));
    assert_non_null(nj_option_find(NJ_STR("plugin_opt_anything")));
}

static void
a_missing_letter_is_forgiven(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        struct nj_str name = nj_str_of(nj_options[i].name);

        if (name.n < 8 || nj_options[i].is_prefix)
            continue;
        assert_non_null(nj_option_nearest((struct nj_str){name.p, name.n - 1}));
    }
    assert_string_equal(nj_option_nearest(NJ_STR("max_keepalve")), "max_keepalive");
    assert_null(nj_option_nearest(NJ_STR("xyzzy_plugh_quux")));
}

static void
rows_are_ready_for_the_manual(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];

        assert_non_null(o->form);
        assert_non_null(o->text);
        assert_int_equal(o->text[strlen(o->text) - 1], '.');
        assert_false(o->initial != NULL && o->shown != NULL);
        if (o->type == NJ_TYPE_WORDS && o->status == NJ_STATUS_NOW)
            assert_true(o->set != NULL);
        if (o->status == NJ_STATUS_NOW && o->type != NJ_TYPE_ANY)
            assert_true(o->bytes > 0 || o->set != NULL);
        if (o->type == NJ_TYPE_STRING && o->max > 0)
            assert_non_null(o->wrong);
    }
}

static void
defaults_are_what_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct trial plain, said;
        const char *a, *b;

        if (o->initial == NULL || o->bytes == 0)
            continue;
        begin(&plain, o);
        begin(&said, o);
        apply(&said, o->name, o->initial);
        assert_int_equal(said.err, NJ_OK);
        a = nj_option_is_of_listener(o) ? (const char *)&plain.draft.listeners[0]
                                        : (const char *)plain.draft.config;
        b = nj_option_is_of_listener(o) ? (const char *)&said.draft.listeners[0]
                                        : (const char *)said.draft.config;
        assert_memory_equal(a + o->offset, b + o->offset, o->bytes);
        end(&plain);
        end(&said);
    }
}

static void
values_must_be_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct nj_diag diag;

        if (o->type == NJ_TYPE_ANY || needs_what_cannot_be(o))
            continue;
        assert_int_equal(try(o, o->name, "", &diag), NJ_ECONFIG);
        assert_non_null(strstr(diag.text, "Error: Empty '"));
        assert_non_null(strstr(diag.text, "' value in configuration."));
        assert_int_equal(try(o, o->name, "   ", NULL), NJ_ECONFIG);
    }
}

static void
bools_are_true_or_false(void **state)
{
    static const char *const good[] = {"true", "false", "1", "0", "  true  ", "true and more"};
    static const char *const bad[] = {"TRUE", "yes", "tru", "2", "\ttrue", "true\t", "01"};

    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct nj_diag diag;

        if (o->type != NJ_TYPE_BOOL || needs_what_cannot_be(o))
            continue;
        for (size_t j = 0; j < NJ_COUNT_OF(good) && o->status == NJ_STATUS_NOW; j++)
            assert_int_equal(try(o, o->name, good[j], NULL), NJ_OK);
        for (size_t j = 0; j < NJ_COUNT_OF(bad); j++) {
            assert_int_equal(try(o, o->name, bad[j], &diag), NJ_ECONFIG);
            assert_non_null(strstr(diag.text, "Error: Invalid '"));
            assert_non_null(strstr(diag.hint, "true or false"));
        }
    }
}

static void
try_number(const struct nj_option *o, long long n, bool is_good)
{
    struct nj_diag diag;
    char value[32], wrong[200];

    (void)snprintf(value, sizeof(value), "%lld", n);
    if (is_good) {
        assert_int_equal(try(o, o->name, value, NULL), NJ_OK);
        return;
    }
    assert_int_equal(try(o, o->name, value, &diag), NJ_ECONFIG);
    (void)snprintf(wrong, sizeof(wrong), "Error: Invalid '%s' value (%lld).", o->name, n);
    if (n < INT_MIN || n > INT_MAX)
        assert_non_null(strstr(diag.text, "value out of range."));
    else
        assert_string_equal(diag.text, o->wrong != NULL ? o->wrong : wrong);
    if (n >= INT_MIN && n <= INT_MAX)
        assert_non_null(strstr(diag.hint, "Expected a number from "));
}

static void
numbers_keep_their_ranges(void **state)
{
    static const char *const no_numbers[] = {"x", "12x", "0x", "--1", "1.5", "", "\t1"};

    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct nj_diag diag;

        if ((o->type != NJ_TYPE_INT && o->type != NJ_TYPE_WIDE) || o->status == NJ_STATUS_LATER ||
            needs_what_cannot_be(o))
            continue;
        for (size_t j = 0; j < NJ_COUNT_OF(no_numbers); j++)
            assert_int_equal(try(o, o->name, no_numbers[j], &diag), NJ_ECONFIG);
        assert_int_equal(try(o, o->name, "99999999999999999999", &diag), NJ_ECONFIG);
        assert_non_null(strstr(diag.text, "value out of range."));

        try_number(o, o->min, true);
        try_number(o, o->max, true);
        if (o->type == NJ_TYPE_INT) {
            try_number(o, o->min - 1, o->is_zero_from_negative);
            try_number(o, o->max + 1, false);
        }
    }
}

static void
numbers_may_be_octal_and_hexadecimal(void **state)
{
    const struct nj_option *o = nj_option_find(NJ_STR("max_queued_messages"));
    static const struct {
        const char *value;
        uint32_t means;
    } cases[] = {{"0x10", 16}, {"010", 8}, {"10", 10}, {" 7 x", 7}, {"-5", 0}};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct trial t;

        begin(&t, o);
        apply(&t, o->name, cases[i].value);
        assert_int_equal(t.err, NJ_OK);
        assert_int_equal(t.draft.config->broker.max_queued_messages, cases[i].means);
        end(&t);
    }
}

static void
below_one_is_no_limit_where_it_says_so(void **state)
{
    static const char *const values[] = {"-1", "0", "-2147483648"};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(values); i++) {
        struct trial t;

        begin(&t, nj_option_find(NJ_STR("max_connections")));
        apply(&t, "max_connections", values[i]);
        assert_int_equal(t.err, NJ_OK);
        apply(&t, "global_max_clients", values[i]);
        assert_int_equal(t.err, NJ_OK);
        assert_int_equal(t.draft.listeners[0].max_connections, UINT32_MAX);
        assert_int_equal(t.draft.config->broker.global_max_clients, UINT32_MAX);
        end(&t);
    }
}

static void
text_is_clean_and_given_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct trial t;

        if (o->type != NJ_TYPE_STRING || o->status != NJ_STATUS_NOW)
            continue;
        begin(&t, o);
        apply(&t, o->name, "\xc3\x28");
        assert_string_equal(t.diag.text, "Error: Malformed UTF-8 in configuration.");
        apply(&t, o->name, "a\tb");
        assert_string_equal(t.diag.text, "Error: Malformed UTF-8 in configuration.");
        apply(&t, o->name, " one  two \t");
        assert_int_equal(t.err, NJ_OK);
        apply(&t, o->name, "again");
        if (o->is_last_wins) {
            assert_int_equal(t.err, NJ_OK);
        } else {
            assert_int_equal(t.err, NJ_ECONFIG);
            assert_non_null(strstr(t.diag.text, "Error: Duplicate '"));
        }
        end(&t);
    }
}

static void
text_keeps_its_length(void **state)
{
    char text[UINT16_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        size_t most = o->max > 0 ? (size_t)o->max : UINT16_MAX;

        if (o->type != NJ_TYPE_STRING || o->status != NJ_STATUS_NOW)
            continue;
        text[most] = '\0';
        assert_int_equal(try(o, o->name, text, NULL), NJ_OK);
        text[most] = 'x';
        text[most + 1] = '\0';
        assert_int_equal(try(o, o->name, text, NULL), NJ_ECONFIG);
        text[most + 1] = 'x';
    }
}

static void
a_scope_that_is_missing_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        const char *what = o->scope == NJ_SCOPE_LISTENER ? "a listener"
                           : o->scope == NJ_SCOPE_BRIDGE ? "a bridge"
                           : o->scope == NJ_SCOPE_PLUGIN ? "plugin/global_plugin/plugin_load"
                                                         : NULL;
        struct trial t;
        char text[200];

        if (what == NULL)
            continue;
        assert_int_equal(nj_draft_new(&t.draft), NJ_OK);
        apply(&t, o->name, "true");
        (void)snprintf(text, sizeof(text),
                       "Error: The '%s' option requires %s to be defined first.", o->name, what);
        assert_int_equal(t.err, NJ_ECONFIG);
        assert_string_equal(t.diag.text, text);
        end(&t);
    }
}

/* Some value that the row's type allows and that it does not accept. */
static const char *
other_value(const struct nj_option *o)
{
    switch (o->type) {
    case NJ_TYPE_BOOL:
        return o->accepts != NULL && strcmp(o->accepts, "true") == 0 ? "0" : "1";
    case NJ_TYPE_INT:
    case NJ_TYPE_WIDE:
        return "1";
    case NJ_TYPE_ANY:
    case NJ_TYPE_STRING:
    case NJ_TYPE_WORDS:
        break;
    }
    return "something";
}

static void
what_is_to_come_is_refused_unless_it_is_so_already(void **state)
{
    unsigned count = 0;

    (void)state;
    for (size_t i = 0; i < nj_option_count; i++) {
        const struct nj_option *o = &nj_options[i];
        struct nj_diag diag;
        char text[200];

        if (o->status != NJ_STATUS_LATER || needs_what_cannot_be(o))
            continue;
        assert_int_equal(try(o, o->name, other_value(o), &diag), NJ_EUNSUPPORTED);
        (void)snprintf(text, sizeof(text), "Error: The '%s' option is not supported yet.", o->name);
        assert_string_equal(diag.text, text);
        assert_true(diag.hint[0] != '\0');
        if (o->accepts != NULL)
            assert_int_equal(try(o, o->name, o->accepts, NULL), NJ_OK);
        count++;
    }
    assert_true(count > 0);
}

/* Those of Mosquitto 2.1's manual. */
/* clang-format off */
static const char *const mosquittos[] = {
    "acl_file", "allow_anonymous", "allow_duplicate_messages", "allow_zero_length_clientid",
    "auth_opt_x", "auth_plugin", "auth_plugin_deny_special_chars", "auto_id_prefix",
    "autosave_interval", "autosave_on_changes", "check_retain_source", "clientid_prefixes",
    "connection_messages", "dhparamfile", "enable_control_api", "global_max_clients",
    "global_max_connections", "global_plugin", "include_dir", "log_dest", "log_facility",
    "log_timestamp", "log_timestamp_format", "log_type", "max_inflight_bytes",
    "max_inflight_messages", "max_keepalive", "max_packet_size", "max_queued_bytes",
    "max_queued_messages", "memory_limit", "message_size_limit", "packet_buffer_size",
    "password_file", "per_listener_settings", "persistence", "retained_persistence",
    "persistence_file", "persistence_location", "persistent_client_expiration", "pid_file",
    "plugin", "plugin_load", "plugin_use", "plugin_opt_x", "psk_file", "queue_qos0_messages",
    "retain_available", "retain_expiry_interval", "retry_interval", "set_tcp_nodelay",
    "sys_interval", "upgrade_outgoing_qos", "user", "websockets_headers_size",
    "websockets_log_level", "listener", "port", "bind_address", "accept_protocol_versions",
    "bind_interface", "enable_proxy_protocol", "proxy_protocol_v2_require_tls", "http_dir",
    "listener_allow_anonymous", "listener_auto_id_prefix", "max_connections", "max_qos",
    "maximum_qos", "max_topic_alias", "max_topic_alias_broker", "mount_point", "protocol",
    "socket_domain", "use_username_as_clientid", "websockets_origin", "cafile", "capath",
    "certfile", "keyfile", "ciphers", "ciphers_tls1.3", "crlfile",
    "disable_client_cert_date_checks", "psk_hint", "require_certificate", "tls_engine",
    "tls_engine_kpass_sha1", "tls_keyform", "tls_version", "use_identity_as_username",
    "use_subject_as_username", "connection", "address", "addresses", "bridge_alpn",
    "bridge_attempt_unsubscribe", "bridge_bind_address", "bridge_cafile", "bridge_capath",
    "bridge_certfile", "bridge_keyfile", "bridge_ciphers", "bridge_ciphers_tls1.3",
    "bridge_identity", "bridge_psk", "bridge_insecure", "bridge_max_packet_size",
    "bridge_max_topic_alias", "bridge_outgoing_retain", "bridge_protocol_version",
    "bridge_receive_maximum", "bridge_reload_type", "bridge_require_ocsp",
    "bridge_session_expiry_interval", "bridge_tcp_keepalive", "bridge_tcp_user_timeout",
    "bridge_tls_use_os_certs", "bridge_tls_version", "cleansession", "local_cleansession",
    "clientid", "remote_clientid", "local_clientid", "username", "remote_username", "password",
    "remote_password", "local_username", "local_password", "idle_timeout", "keepalive_interval",
    "notifications", "notifications_local_only", "notification_topic", "restart_timeout",
    "round_robin", "start_type", "threshold", "topic", "try_private",
};
/* clang-format on */

static void
every_directive_of_mosquitto_is_here(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(mosquittos); i++)
        assert_non_null(nj_option_find(nj_str_of(mosquittos[i])));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_known_once),
        cmocka_unit_test(a_missing_letter_is_forgiven),
        cmocka_unit_test(rows_are_ready_for_the_manual),
        cmocka_unit_test(defaults_are_what_is_written),
        cmocka_unit_test(values_must_be_there),
        cmocka_unit_test(bools_are_true_or_false),
        cmocka_unit_test(numbers_keep_their_ranges),
        cmocka_unit_test(numbers_may_be_octal_and_hexadecimal),
        cmocka_unit_test(below_one_is_no_limit_where_it_says_so),
        cmocka_unit_test(text_is_clean_and_given_once),
        cmocka_unit_test(text_keeps_its_length),
        cmocka_unit_test(a_scope_that_is_missing_is_named),
        cmocka_unit_test(what_is_to_come_is_refused_unless_it_is_so_already),
        cmocka_unit_test(every_directive_of_mosquitto_is_here),
    };

    atomic_store(&nj_log_types, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
