# SPDX-License-Identifier: Apache-2.0
"""What Debian's mosquitto 2.0.11 does otherwise, test by test, and why the tests ask for what they ask.

`module::test`: the reason, and the cases it holds for where it is not all of them. Against mosquitto each of
them must fail (strict xfail), so this table can neither rot nor hide a test that cannot fail; but for those
whose reason begins with `sometimes:`, which depend on its timers, and `not run:`, which would end the broker.
"""

DIFFERENCES = {
    "test_ceilings::test_accept_protocol_versions": ("new in 2.1", None),
    "test_ceilings::test_global_max_clients_counts_the_absent": ("new in 2.1", None),
    "test_ceilings::test_global_max_connections": ("new in 2.1", None),
    "test_ceilings::test_max_connections_of_a_listener": ("2.0 refuses after accepting, with other words", None),
    "test_ceilings::test_max_queued_messages_is_named": ("the names of options in the log are ours", None),
    "test_ceilings::test_max_retained_messages": ("a ceiling of ours", None),
    "test_ceilings::test_max_subscriptions_per_client": ("a ceiling of ours", None),
    "test_ceilings::test_max_topic_length": ("a ceiling of ours", None),
    "test_ceilings::test_max_topic_levels": ("a ceiling of ours: 200 levels are fixed in Mosquitto", None),
    "test_ceilings::test_message_size_limit_acknowledges_and_drops": ("PUBACK 0x95, which is no code of it", None),
    "test_ceilings::test_mount_point_is_a_world_of_its_own": ("2.0 shows a client its mount point under `#`", None),
    "test_ceilings::test_refused_qos_2_message_leaves_its_identifier_free":
        ("PUBREC 0x95, which is no code of it", None),
    "test_ceilings::test_total_queue_is_named": ("a ceiling of ours", None),

    "test_connect::test_bad_connect_properties_are_refused":
        ("authentication data without a method is accepted", [
         "data without method",
        ]),
    "test_connect::test_bad_will_properties_are_refused":
        ("values of will properties are not looked at", [
         "format 2",
        ]),
    "test_connect::test_connack_announces_what_the_broker_can":
        ("no maximum packet size by default before 2.1", None),
    "test_connect::test_connack_properties_keep_their_order": ("the order is 2.1's", None),
    "test_connect::test_empty_identifier_is_rejected_where_forbidden":
        ("2.0 says 0x80, unspecified, instead of 0x85", [
         "5-133",
        ]),
    "test_connect::test_malformed_connect_of_5_is_told_why": ("CONNECT is not answered, only closed", None),
    "test_connect::test_refused_connect_is_told_why_in_words": ("2.0 gives a code and no words", None),
    "test_connect::test_take_over_keeps_the_session_it_resumes": ("no DISCONNECT 0x8E on take-over", None),
    "test_connect::test_wildcard_in_response_topic_of_a_will_is_refused": ("response topics are not looked at", None),

    "test_flow::test_message_over_the_clients_packet_size_is_dropped":
        ("one that does not fit blocks the window", None),
    "test_flow::test_more_than_our_receive_maximum_is_0x93": ("answered with PUBREC 0x97 instead", None),
    "test_flow::test_no_more_than_receive_maximum_unacknowledged":
        ("one more than announced after the first acknowledgement", [
         "1-2", "1-20", "2-2", "2-20",
        ]),
    "test_flow::test_packet_of_exactly_the_clients_size_is_sent": ("the size is reckoned one byte short", None),
    "test_flow::test_packet_over_our_size_is_refused": ("the size is reckoned without the length field", None),
    "test_flow::test_packet_over_two_megabytes_is_refused_by_default": ("no limit by default before 2.1", None),
    "test_flow::test_receive_maximum_holds_on_redelivery": ("redelivery does not look at the new window", None),
    "test_flow::test_repeated_publish_does_not_count_twice": ("a repeated QoS 2 PUBLISH counts again", None),
    "test_flow::test_subscriber_gets_aliases_up_to_its_maximum": ("aliases to clients are new in 2.1", None),

    "test_keepalive::test_closing_comes_soon_after_the_time": ("2.0 looks every five seconds, and has no workers", None),
    "test_keepalive::test_keep_alive_over_our_maximum_is_rejected_in_31x": ("new in 2.1", None),
    "test_keepalive::test_server_keep_alive_is_enforced": ("2.0 wants max_keepalive 10 or more", None),
    "test_keepalive::test_silence_of_one_and_a_half_intervals_ends_the_connection": ("no DISCONNECT 0x8D", None),

    "test_log::test_bridge_clients_are_named": ("p2 for 3.1.1, p4 since 2.1", None),
    "test_log::test_broken_rules_have_mosquittos_words":
        ("2.0 names the address in some of them, and has no words for others", [
         "DUP at QoS 0", "empty filter", "bad filter", "filter at QoS 3", "second CONNECT", "identifier 0", "alias",
         "alias not set",
         "property", "receive maximum",
        ]),
    "test_log::test_disconnect_and_auth_lines": ("no DISCONNECT for this", None),
    "test_log::test_end_of_a_connection": ("the form is 2.1's", None),
    "test_log::test_first_packet_errors_are_named": ("the lines are new in 2.1", None),
    "test_log::test_forbidden_empty_identifier_gets_no_name": ("the lines are new in 2.1", None),
    "test_log::test_keep_alive_ending": ("the form is 2.1's", None),
    "test_log::test_log_file_is_written_and_reopened": ("not run: SIGRTMIN ends 2.0", None),
    "test_log::test_logging_to_a_full_pipe_does_not_stop_the_broker": ("not run: it stops", None),
    "test_log::test_new_client_line":
        ("p1 and p2 for 3.1 and 3.1.1, p3 and p4 since 2.1", [
         "3-True-60-None-(p3, c1, k60).", "4-False-0-None-(p4, c0, k0).",
        ]),
    "test_log::test_quiet_beats_everything": ("-q is new in 2.1", None),
    "test_log::test_refusals_are_no_protocol_errors": ("the form is 2.1's", None),
    "test_log::test_refused_client_ending": ("the form is 2.1's", None),
    "test_log::test_unknown_identifier_is_warned_of": ("said of PUBREC only", None),

    "test_malformed::test_acknowledgements_of_3_hold_an_identifier_and_nothing_else":
        ("trailing bytes are not looked at", None),
    "test_malformed::test_bad_acknowledgements_are_refused":
        ("reason codes and trailing bytes are not looked at", [
         "reason of another packet-PUBACK", "reason of another packet-PUBCOMP",
         "reason of another packet-PUBREC", "reason of another packet-PUBREL", "trailing byte-PUBACK",
         "trailing byte-PUBCOMP", "trailing byte-PUBREC", "trailing byte-PUBREL", "unknown reason-PUBACK",
         "unknown reason-PUBCOMP", "unknown reason-PUBREC", "unknown reason-PUBREL",
        ]),
    "test_malformed::test_captured_case_of_3":
        ("payload of PINGREQ and packets of servers are passed over", [
         "pingreq with payload", "suback from client",
        ]),
    "test_malformed::test_captured_case_of_5":
        ("see ../shared/captures/README.md: accepted by 2.0.11", [
         "v5 auth data without method", "v5 bad share name", "v5 no local on shared",
         "v5 response topic wildcard",
        ]),
    "test_malformed::test_every_property_in_every_packet":
        ("a subscription identifier from a client is accepted in PUBLISH", [
         "0xb",
        ]),
    "test_malformed::test_packets_too_short_or_too_long_are_refused":
        ("payload of PINGREQ is passed over", [
         "pingreq 1-v3", "pingreq 1-v4", "pingreq 1-v5", "unsubscribe 2-v3",
        ]),
    "test_malformed::test_remaining_length_must_be_minimal_and_short":
        ("lengths need not be minimal", [
         "four and no end-v3", "four and no end-v4", "four and no end-v5", "three for 1-v3", "three for 1-v4",
         "three for 1-v5", "two for 0-v3", "two for 0-v4", "two for 0-v5",
        ]),
    "test_malformed::test_reserved_flags_of_every_packet":
        ("reserved flags are looked at in few packets", [
         "pingreq-v4", "pingreq-v5", "puback-v4", "puback-v5", "pubcomp-v4", "pubcomp-v5", "pubrec-v4",
         "pubrec-v5",
        ]),
    "test_malformed::test_tls_on_a_plain_port_is_named": ("the line is new in 2.1", None),

    "test_paho_python::test_will": ("paho 1.6.1's socket is closed; sometimes: the will comes late", None),

    "test_password::test_mistake_ends_the_start_by_file_and_line":
        ("2.0 passes over the line with a warning, and keeps the first of two", None),

    "test_process::test_bad_files_are_3_and_say_where": ("--test-config is new in 2.1", None),
    "test_process::test_directives_of_later_issues_are_refused_by_name": ("they are not of later issues there", None),
    "test_process::test_error_in_an_included_file_is_located": ("--test-config is new in 2.1", None),
    "test_process::test_file_grammar_of_mosquitto": ("--test-config is new in 2.1", None),
    "test_process::test_help_is_0": ("--test-config is new in 2.1", None),
    "test_process::test_missing_file_is_3": ("the path has quotes since 2.1", None),
    "test_process::test_reload_of_a_bad_file_changes_nothing_and_says_why":
        ("certfile is not of a later issue there", [
         "certfile /x",
        ]),
    "test_process::test_test_config_accepts_a_good_file": ("--test-config is new in 2.1", None),
    "test_process::test_test_config_needs_a_file": ("--test-config is new in 2.1", None),
    "test_process::test_usr1_and_usr2_are_harmless": ("the tree goes to a buffered stdout", None),
    "test_process::test_values_that_ask_for_what_already_is_are_accepted": ("--test-config is new in 2.1", None),

    "test_properties::test_bad_publish_properties_are_refused":
        ("values of properties are not looked at", [
         "format 2", "response with #", "response with +", "subscription identifier",
        ]),
    "test_properties::test_expiry_is_not_applied_once_a_message_was_sent":
        ("expiry is applied to what is in flight", None),
    "test_properties::test_order_of_forwarded_properties_is_mosquittos":
        ("the order, and aliases to clients, are 2.1's", None),

    "test_publish::test_dup_on_qos_0_is_a_protocol_error": ("refused since 2.1", None),

    "test_retained::test_hundred_thousand_retained_messages_arrive_complete":
        ("what does not fit the queue is dropped", [
         "1",
        ]),

    "test_security_history::test_connections_that_say_nothing_are_cut_off":
        ("no limit on the time to CONNECT in seconds", None),
    "test_security_history::test_extreme_settings_work":
        ("retain_expiry_interval is new in 2.1", [
         "retain_expiry_interval 1",
        ]),
    "test_security_history::test_flood_without_reading_does_not_stop_others": ("max_output_bytes is ours", None),
    "test_security_history::test_retained_bytes_have_a_budget": ("a ceiling of ours", None),
    "test_security_history::test_slow_reader_meets_its_ceiling_and_the_log_says_which": ("a ceiling of ours", None),
    "test_security_history::test_user_properties_have_a_ceiling": ("a ceiling of ours", None),
    "test_security_history::test_will_delay_longer_than_the_session":
        ("sometimes: wills of ended sessions come with the next check of expiry", None),

    "test_session::test_bad_disconnect_packets_are_refused": ("DISCONNECT is not answered, only closed", None),
    "test_session::test_persistent_client_expiration_ends_old_sessions": ("seconds are new in 2.1", None),

    "test_shared::test_bad_share_names_are_refused":
        ("accepted by 2.0.11", [
         "v4-$share/", "v4-$share/+/a", "v4-$share//a", "v4-$share/g", "v4-$share/g/", "v5-$share/",
         "v5-$share/+/a", "v5-$share//a", "v5-$share/g", "v5-$share/g/",
        ]),
    "test_shared::test_full_members_are_passed_over": ("round robin, whoever is full", None),
    "test_shared::test_many_groups_each_get_one_copy": ("one copy for all groups of a client", None),
    "test_shared::test_member_leaving_in_mid_stream_loses_nothing_at_qos_1":
        ("what a gone member held is lost", None),
    "test_shared::test_messages_of_a_vanished_member_are_not_lost_with_its_socket":
        ("what a gone member held is lost", None),
    "test_shared::test_no_local_on_a_shared_subscription_is_a_protocol_error": ("accepted by 2.0.11", None),
    "test_shared::test_no_retained_messages_for_a_share": ("retained messages are sent", None),
    "test_shared::test_offline_members_are_passed_over": ("round robin, whoever is away", None),
    "test_shared::test_unacknowledged_qos_1_goes_to_another_when_its_member_ends":
        ("what a gone member held is lost", None),

    "test_states::test_once_connected_what_a_server_sends_is_a_protocol_error":
        ("packets of servers are passed over", [
         "PINGRESP-v3", "PINGRESP-v4", "PINGRESP-v5", "SUBACK-v3", "SUBACK-v4", "SUBACK-v5", "UNSUBACK-v3",
         "UNSUBACK-v4", "UNSUBACK-v5",
        ]),

    "test_subscribe::test_options_can_be_changed": ("only the QoS is replaced", None),
    "test_subscribe::test_overlapping_subscriptions_give_one_copy":
        ("one copy at the QoS of the subscription found first", None),
    "test_subscribe::test_overlapping_subscriptions_give_one_copy_in_every_version":
        ("one copy at the QoS of the subscription found first", None),

    "test_sys::test_each_type_of_line_has_its_topic": ("no warning for an unknown packet identifier", None),
    "test_sys::test_log_lines_that_are_dropped_say_nothing_about_themselves":
        ("nothing on stdout beside a topic, as it is started here", None),
    "test_sys::test_every_topic_of_mosquitto_is_there": ("packet/out and connections are new in 2.1", None),
    "test_sys::test_messages_subscriptions_and_retained_are_counted":
        ("the shared count does not come while the broker is idle", None),

    "test_will::test_delayed_will_goes_out_when_a_clean_start_ends_the_session": ("the will is forgotten", None),
    "test_will::test_delayed_will_of_a_session_that_ends_at_once_is_not_delayed":
        ("sometimes: it is sent with the next check of expiry", None),
    "test_will::test_take_over_sends_the_will_only_where_the_session_ends": ("no DISCONNECT 0x8E on take-over", None),
    "test_will::test_will_is_published_on_an_erroneous_disconnect": ("only 0x04 keeps the will", None),
}


def reason_for(module, function, name):
    """Arguments of an xfail mark, or None where this test holds for mosquitto, too."""
    reason, cases = DIFFERENCES.get(f"{module}::{function}", (None, None))
    case = name[len(function) + 1:-1]
    if reason is None or (cases is not None and case not in cases):
        return None
    return {"reason": reason, "strict": "sometimes:" not in reason, "run": not reason.startswith("not run:")}
